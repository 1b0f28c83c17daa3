//! Cancellation of a sign-in during a fault: while a request hangs, and in the wait after a failed one. It
//! runs at real time, to show that no wait runs to its end.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use adapter_tests::for_both_adapters;
use device_flow::{Flow, Observer, Status, Stop};
use oidc_proto::Operation;
use sso_oidc_server::{Approval, Config, TestServer};

use crate::adapter::Faced;
use crate::browser::{Browser, Shown};
use crate::bundle::Bundle;
use crate::case::{End, Kind, Setting, Target};
use crate::table::{Ending, Row, TABLE, Wrong};
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
    flow: Kind,
    setting: Setting,
    wrong: Wrong,
    operation: Operation,
}

/// A cancelled sign-in.
pub(crate) struct Cancelled {
    /// `None` for a sign-in that was dropped and cannot tell.
    pub(crate) end: Option<End>,
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
    /// For an affected exchange, which needs a code.
    browser: Option<Browser>,
}

impl<F: Flow<Prompt: Shown>> Observer<F> for Watcher {
    fn prompt(&mut self, prompt: &F::Prompt) -> Result<(), Stop> {
        if let (Some(browser), Some(prompt)) = (&self.browser, prompt.in_browser()) {
            browser.open(prompt);
        }
        Ok(())
    }

    fn sending(&mut self, operation: Operation) {
        self.sent |= operation == self.injected;
    }

    fn waiting(&mut self, _: &Status<'_, F>) {
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
        let browser = (self.operation == Operation::CreateToken).then(|| Browser::trusting(bundle.as_ref()));
        let watcher = Watcher { injected: self.operation, sent: false, moment: moment.clone(), browser };
        let Cancelled { end, late, rest } = thread::scope(|scope| {
            if self.wrong.hangs() {
                scope.spawn(|| self.tell_when_it_hangs(&server, moment));
            } else {
                drop(moment);
            }
            match self.flow {
                Kind::Device => A::sign_in_until(&target, watcher, moments),
                Kind::Code => A::sign_in_by_code_until(&target, watcher, moments),
            }
        });
        if let Some(end) = end {
            assert!(end.is_cancelled(), "{self:?}: it was cancelled, and ended {}", end.told());
        }
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

    /// Starts a server without approval for a device, so that no sign-in ends before its cancellation.
    fn server(self) -> TestServer {
        let approval = if self.flow == Kind::Code { Approval::Auto } else { Approval::Manual };
        let config = Config::default().with_approval(approval).with_interval(INTERVAL);
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
            for setting in [*ours, *other] {
                for case in cases(row, setting) {
                    scope.spawn(move || case.run::<A>());
                }
            }
        }
    });
}

/// Returns the cases whose sign-in does not end by itself before its cancellation.
fn cases(row: &Row, setting: Setting) -> Vec<Case> {
    let case = |flow, operation| Case { flow, setting, wrong: row.wrong, operation };
    let endings = row.endings(setting.dialect, setting.client);
    // A client that follows redirects ends the sign-in by itself.
    if setting.client.follows_redirects && row.wrong.redirects() {
        return Vec::new();
    }
    let mut cases = Vec::new();
    // So does an error response that the client believes, before the code and to a poll.
    let [register, authorize, poll, _] = endings.once;
    if !is_final(poll) {
        cases.push(case(Kind::Device, Operation::CreateToken));
    }
    if !is_final(register) {
        cases.push(case(Kind::Device, Operation::RegisterClient));
        cases.push(case(Kind::Code, Operation::RegisterClient));
    }
    if !is_final(authorize) {
        cases.push(case(Kind::Device, Operation::StartDeviceAuthorization));
    }
    // An exchange that succeeds or is refused is the end.
    let [_, exchange] = endings.exchange;
    if !is_final(exchange) && !matches!(exchange, Ending::Unharmed | Ending::SignedIn) {
        cases.push(case(Kind::Code, Operation::CreateToken));
    }
    cases
}

/// Returns whether a sign-in ends by itself, after an error that the client believes.
const fn is_final(ending: Ending) -> bool {
    matches!(ending, Ending::Refused | Ending::Denied | Ending::Expired | Ending::Rejected)
}

for_both_adapters! {
    a_sign_in_that_is_cancelled_during_any_fault_ends_at_once_and_sends_nothing_more,
}
