//! Cancellation of a sign-in during a fault: while a request hangs, and in the wait after a failed one. It
//! runs at real time, to show that no wait runs to its end.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use adapter_tests::for_both_adapters;
use device_flow::{Observer, Status, Stop, UserPrompt};
use oidc_proto::Operation;
use sso_oidc_server::{Approval, Config, TestServer};

use crate::adapter::Faced;
use crate::bundle::Bundle;
use crate::case::{End, Setting, Target};
use crate::table::{Ending, TABLE, Wrong};
use crate::turn::Turn;

/// The shortest own wait of a sign-in, and the server's polling interval.
const INTERVAL: Duration = Duration::from_secs(1);
/// The delay between the signal and the cancellation, so that the wait has begun.
pub(crate) const SETTLED: Duration = Duration::from_millis(30);
/// The limit for the end of the sign-in, well below the rest of any wait.
const SOON: Duration = Duration::from_millis(700);
/// The time in which no further request may come. It exceeds the time of the next regular request.
pub(crate) const QUIET: Duration = Duration::from_millis(1_150);
/// The affected requests, and the setting of the client.
#[derive(Clone, Copy, Debug)]
struct Case {
    setting: Setting,
    wrong: Wrong,
    operation: Operation,
}

/// A cancelled sign-in.
pub(crate) struct Cancelled {
    pub(crate) end: End,
    /// The delay between the cancellation and the end.
    pub(crate) late: Duration,
    /// The work that continues for a while after the end.
    pub(crate) rest: Option<JoinHandle<()>>,
}

/// Signals when the sign-in waits after the affected request.
pub(crate) struct Watcher {
    injected: Operation,
    sent: bool,
    moment: Sender<()>,
}

impl Observer for Watcher {
    fn prompt(&mut self, _: &UserPrompt) -> Result<(), Stop> {
        Ok(())
    }

    fn sending(&mut self, operation: Operation) {
        self.sent |= operation == self.injected;
    }

    fn waiting(&mut self, _: &Status<'_>) {
        if self.sent {
            // The receiver is gone after a cancellation.
            let _ = self.moment.send(());
        }
    }
}

impl Case {
    fn run<A: Faced>(self) {
        let _turn = Turn::take();
        let server = self.server();
        let bundle = Bundle::of(&server);
        let target = Target {
            setting: self.setting,
            endpoint: server.endpoint().to_owned(),
            request_timeout: Duration::from_secs(20),
            ca_bundle: bundle.as_ref().map(Bundle::path),
        };
        let (moment, moments) = mpsc::channel();
        let watcher = Watcher { injected: self.operation, sent: false, moment: moment.clone() };
        let Cancelled { end, late, rest } = thread::scope(|scope| {
            if self.wrong.hangs() {
                scope.spawn(|| self.tell_when_it_hangs(&server, moment));
            } else {
                drop(moment);
            }
            A::sign_in_until(&target, watcher, moments)
        });
        assert!(end.is_cancelled(), "{self:?}: it was cancelled, and ended {}", end.told());
        assert!(late < SOON, "{self:?}: it ended {late:?} after it was cancelled");
        let sent = server.requests().len();
        thread::sleep(QUIET);
        if let Some(rest) = rest {
            rest.join().unwrap();
        }
        let requests = server.requests();
        assert_eq!(requests.len(), sent, "{self:?}: something was sent after the end: {requests:?}");
        assert_eq!(server.handle().stats().redirects_followed, 0, "{self:?}: a redirect was followed");
    }

    /// Starts a server without approval, so that no sign-in ends before its cancellation.
    fn server(self) -> TestServer {
        let config = Config::default().with_approval(Approval::Manual).with_interval(INTERVAL);
        TestServer::with(self.wrong.with(self.wrong.rule().at(self.operation), config)).unwrap()
    }

    /// Signals once the server has the request and withholds the response.
    fn tell_when_it_hangs(self, server: &TestServer, moment: Sender<()>) {
        let began = Instant::now();
        while !server.requests().iter().any(|request| request.operation == Some(self.operation)) {
            assert!(began.elapsed() < Duration::from_secs(15), "{self:?}: it was never asked for");
            thread::sleep(Duration::from_millis(2));
        }
        let _ = moment.send(());
    }
}

/// Waits for the signal, and a little longer. Returns false if the sign-in ended by itself before.
pub(crate) fn wait_for(moments: &Receiver<()>) -> bool {
    let came = moments.recv_timeout(Duration::from_secs(15)).is_ok();
    thread::sleep(SETTLED);
    came
}

fn a_sign_in_that_is_cancelled_during_any_fault_ends_at_once_and_sends_nothing_more<A: Faced>() {
    let (ours, others) = A::SETTINGS.split_first().unwrap();
    thread::scope(|scope| {
        for (row, other) in TABLE.iter().zip(others.iter().cycle()) {
            // Each fault runs in one setting, and in one of the others in rotation.
            for (setting, operation) in [ours, other]
                .into_iter()
                .flat_map(|setting| Operation::SIGN_IN.iter().map(|operation| (*setting, *operation)))
            {
                let case = Case { setting, wrong: row.wrong, operation };
                let endings = row.endings(setting.dialect, setting.client);
                let at_once = operation != Operation::CreateToken && endings.once[0] == Ending::Refused;
                // A client that follows redirects ends the sign-in by itself. So does an error response
                // before the code.
                let by_itself = at_once || setting.client.follows_redirects && row.wrong.redirects();
                if !by_itself {
                    scope.spawn(move || case.run::<A>());
                }
            }
        }
    });
}

for_both_adapters! {
    a_sign_in_that_is_cancelled_during_any_fault_ends_at_once_and_sends_nothing_more,
}
