//! A sign-in that is cancelled in the middle of a fault: while a request hangs, and in the wait after one that failed. At
//! real time, because that is what must not pass.

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

/// The least that a sign-in waits for of its own accord, and what the service asks for between two polls.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long after the moment it is cancelled, so that the wait has begun.
pub(crate) const SETTLED: Duration = Duration::from_millis(30);
/// How soon it must have ended: well before any wait would have been over.
const SOON: Duration = Duration::from_millis(700);
/// How long nothing more may come: beyond the next request that would have been due.
pub(crate) const QUIET: Duration = Duration::from_millis(1_150);
/// Which requests are affected, and whose.
#[derive(Clone, Copy, Debug)]
struct Case {
    setting: Setting,
    wrong: Wrong,
    operation: Operation,
}

/// A sign-in that was cancelled.
pub(crate) struct Cancelled {
    pub(crate) end: End,
    /// How long after that it ended.
    pub(crate) late: Duration,
    /// What goes on without it, for a while.
    pub(crate) rest: Option<JoinHandle<()>>,
}

/// Tells when the sign-in waits for something after the affected request was sent.
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
            // The receiver is gone if it was cancelled before.
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

    /// No approval comes, so that nothing ends before it is cancelled.
    fn server(self) -> TestServer {
        let config = Config::default().with_approval(Approval::Manual).with_interval(INTERVAL);
        TestServer::with(self.wrong.with(self.wrong.rule().at(self.operation), config)).unwrap()
    }

    /// The server has what was asked for, and its answer does not come.
    fn tell_when_it_hangs(self, server: &TestServer, moment: Sender<()>) {
        let began = Instant::now();
        while !server.requests().iter().any(|request| request.operation == Some(self.operation)) {
            assert!(began.elapsed() < Duration::from_secs(15), "{self:?}: it was never asked for");
            thread::sleep(Duration::from_millis(2));
        }
        let _ = moment.send(());
    }
}

/// Waits for the moment, and a little longer. False if the sign-in ended by itself before.
pub(crate) fn wait_for(moments: &Receiver<()>) -> bool {
    let came = moments.recv_timeout(Duration::from_secs(15)).is_ok();
    thread::sleep(SETTLED);
    came
}

fn a_sign_in_that_is_cancelled_during_any_fault_ends_at_once_and_sends_nothing_more<A: Faced>() {
    let (ours, others) = A::SETTINGS.split_first().unwrap();
    thread::scope(|scope| {
        for (row, other) in TABLE.iter().zip(others.iter().cycle()) {
            // Every fault in one setting, and in one of the others by turns.
            for (setting, operation) in [ours, other]
                .into_iter()
                .flat_map(|setting| Operation::SIGN_IN.iter().map(|operation| (*setting, *operation)))
            {
                let case = Case { setting, wrong: row.wrong, operation };
                let endings = row.endings(setting.dialect, setting.client);
                let at_once = operation != Operation::CreateToken && endings.once[0] == Ending::Refused;
                // A client that is led astray ends the sign-in by itself, and so does a plain refusal before the code.
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
