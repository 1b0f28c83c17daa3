//! One sign-in against one fault, with checks of everything that must hold.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use adapter_tests::for_both_adapters;
use device_flow::{BrowserPrompt, NotSignedIn, Outcome};
use oidc_proto::oauth::Provider;
use oidc_proto::{Dialect, Endpoint, Operation, Service};
use sso_oidc_server::{Approval, Config, FaultRule, Finding, InjectedFault, SlowDown, TestServer};

use crate::adapter::Faced;
use crate::browser::Browser;
use crate::bundle::Bundle;
use crate::ledger::{Entries, Ledger, Watch};
use crate::table::{Client, Ending, Endings, Row, Wrong};
use crate::turn::Turn;

/// The server's polling interval.
const INTERVAL: Duration = Duration::from_secs(5);
/// The first wait after an error without an interval.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The lifetime of a code, long enough for some polls.
const LIFE: Duration = Duration::from_secs(100);
/// The delay for a throttled client. With an adapter's jitter of up to half, it stays within the retry window
/// before the code.
const RETRY_AFTER: Duration = Duration::from_secs(11);
/// The processor time for one request, and for the rest of a sign-in. A client with a busy loop takes many
/// times as much.
const CPU: Duration = Duration::from_millis(30);

/// A dialect, and the client that speaks it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) dialect: Dialect,
    pub(crate) client: &'static Client,
}

/// The kind of sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Device,
    Code,
}

/// The affected requests, and the setting of the client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    flow: Kind,
    setting: Setting,
    wrong: Wrong,
    operation: Operation,
    /// Whether the affected poll finds the person undecided.
    pending: bool,
    once: bool,
}

/// The endpoint of the sign-in, and the settings.
pub(crate) struct Target {
    pub(crate) setting: Setting,
    pub(crate) endpoint: String,
    pub(crate) request_timeout: Duration,
    pub(crate) ca_bundle: Option<PathBuf>,
}

impl Target {
    pub(crate) fn base(&self) -> Endpoint {
        Endpoint::custom(&self.endpoint).unwrap()
    }

    pub(crate) fn service(&self) -> Service {
        let base = self.base();
        match self.setting.dialect {
            Dialect::Aws => base.into(),
            Dialect::OAuth => Provider::at_default_paths(&base).into(),
        }
    }
}

/// A sign-in without a token.
pub(crate) struct End {
    outcome: Box<Outcome>,
    /// Whether the driver gave up.
    given_up: bool,
    told: String,
}

impl From<Box<NotSignedIn>> for End {
    fn from(end: Box<NotSignedIn>) -> Self {
        let told = end.report().to_string();
        Self { given_up: end.given_up().is_some(), outcome: Box::new(end.outcome), told }
    }
}

impl End {
    /// Returns whether the embedding program cancelled the sign-in.
    pub(crate) fn is_cancelled(&self) -> bool {
        *self.outcome == Outcome::Cancelled && !self.given_up
    }

    pub(crate) fn told(&self) -> &str {
        &self.told
    }
}

/// Runs the cases of a row in every setting, in parallel.
pub(crate) fn check<A: Faced>(row: &Row) {
    thread::scope(|scope| {
        for (case, ending) in A::SETTINGS.iter().flat_map(|setting| cases(row, *setting)) {
            scope.spawn(move || {
                let _turn = Turn::take();
                let (ended, told) = case.run::<A>();
                let survived = matches!(ended, Some(Ending::Unharmed | Ending::Retried));
                let as_expected = ended == Some(ending) || ending == Ending::SignedIn && survived;
                assert!(as_expected, "{case:?}: expected {ending:?}, and it ended {told}");
            });
        }
    });
}

/// Returns the cases of a row in one setting, with their expected endings.
fn cases(row: &Row, setting: Setting) -> [(Case, Ending); 11] {
    let [register, authorize, create_token] = [0, 1, 2].map(|place| Operation::SIGN_IN[place]);
    let Endings { once, always, exchange } = row.endings(setting.dialect, setting.client);
    let device = |operation, pending, once| Case {
        flow: Kind::Device,
        setting,
        wrong: row.wrong,
        operation,
        pending,
        once,
    };
    let code = |operation, once| Case { flow: Kind::Code, ..device(operation, false, once) };
    [
        (device(register, false, true), once[0]),
        (device(authorize, false, true), once[1]),
        (device(create_token, true, true), once[2]),
        (device(create_token, false, true), once[3]),
        (device(register, false, false), always[0]),
        (device(authorize, false, false), always[1]),
        (device(create_token, false, false), always[2]),
        (code(register, true), once[0]),
        (code(create_token, true), exchange[0]),
        (code(register, false), always[0]),
        (code(create_token, false), exchange[1]),
    ]
}

impl Case {
    /// Signs in, and returns the ending, as a value and as text.
    fn run<A: Faced>(self) -> (Option<Ending>, String) {
        let server = self.server();
        let bundle = Bundle::of(&server);
        let target = Target {
            setting: self.setting,
            endpoint: server.endpoint().to_owned(),
            request_timeout: self.request_timeout(),
            ca_bundle: bundle.as_ref().map(Bundle::path),
        };
        let ledger = Ledger::default();
        let is_refused_once = self.once && self.wrong.fault() == InjectedFault::Refuse;
        let on_error = || {
            if is_refused_once {
                server.stop_faults();
            }
        };
        let browser = Browser::trusting(bundle.as_ref());
        let open = |prompt: &BrowserPrompt| browser.open(prompt);
        let watch = Watch { ledger: &ledger, on_error: &on_error, open: &open };
        let (began, cpu) = (Instant::now(), cpu_of_this_thread());
        let result = match self.flow {
            Kind::Device => A::sign_in(&target, &ledger, watch),
            Kind::Code => A::sign_in_by_code(&target, &ledger, watch),
        };
        let (took, cpu) = (began.elapsed(), cpu_of_this_thread().saturating_sub(cpu));

        let entries = ledger.entries();
        self.assert_safe(&server, &entries);
        self.assert_paced(&entries);
        self.assert_shown(&browser, &entries, result.is_ok());
        let requests = u32::try_from(entries.sent.len()).unwrap();
        assert!(took < target.request_timeout * requests + Duration::from_secs(10), "{self:?} took {took:?}");
        assert!(cpu < CPU * (requests + 1), "{self:?} took {cpu:?} of the processor for {requests} requests");
        let told = result.as_ref().err().map_or("with a token", |end| &end.told);
        (ending(&result, &entries), format!("{told}; sent {:?}", entries.sent))
    }

    fn server(self) -> TestServer {
        let approval = if self.pending { Approval::AfterPolls(1) } else { Approval::Auto };
        let config = Config::default()
            .with_approval(approval)
            .with_interval(INTERVAL)
            .with_device_ttl(LIFE)
            // The server's time is real, but the client's is virtual.
            .with_slow_down(SlowDown::Off);
        let rule = self.wrong.rule().at(self.operation);
        let rule = if self.once { rule.once() } else { rule };
        TestServer::with(self.wrong.with(rule, config)).unwrap()
    }

    /// Returns a short timeout if every affected request takes all of it, or else a long one for slow
    /// machines.
    fn request_timeout(self) -> Duration {
        match (self.wrong.hangs(), self.once) {
            (true, false) => Duration::from_millis(200),
            (true, true) => Duration::from_millis(800),
            (false, _) => Duration::from_secs(10),
        }
    }

    /// Checks that no request went elsewhere, was sent twice, or overlapped another.
    fn assert_safe(self, server: &TestServer, entries: &Entries) {
        let redirects_followed = server.handle().stats().redirects_followed;
        if self.setting.client.follows_redirects && self.wrong.redirects() {
            assert_eq!(redirects_followed, 1, "{self:?}: redirects were followed so many times");
        } else {
            assert_eq!(redirects_followed, 0, "{self:?}: a redirect was followed");
        }
        // The server's time is real, so it cannot judge the pace.
        let report = server.report();
        let sent_in_vain = [Finding::PollsAfterEnd, Finding::SpentSecrets, Finding::SecretsInQuery]
            .map(|it| report.count(it));
        assert_eq!(sent_in_vain, [0; 3], "{self:?}: {report:?}");
        let counts = entries.counts();
        let arrived = server.requests();
        for operation in Operation::SIGN_IN.iter().copied() {
            let arrived = arrived.iter().filter(|request| request.operation == Some(operation)).count();
            let sent = counts.get(&operation).copied().unwrap_or_default();
            assert!(arrived <= sent, "{self:?}: {operation} was sent {sent} times and came {arrived} times");
        }
        let of_browser = arrived.iter().filter(|request| request.operation.is_none());
        let expected = if self.flow == Kind::Code { entries.prompted.len() } else { 0 };
        assert_eq!(of_browser.count(), expected, "{self:?}: no client of ours asks for this: {arrived:?}");
        for request in arrived {
            assert_eq!(request.others_in_flight, 0, "{self:?}: two requests at once: {request:?}");
            assert!(request.operation.is_some() || request.path == "/authorize", "{self:?}: {request:?}");
        }
    }

    /// Checks that the browser's last page tells how the sign-in ended.
    fn assert_shown(self, browser: &Browser, entries: &Entries, signed_in: bool) {
        let pages = browser.pages();
        let expected = if self.flow == Kind::Code { entries.prompted.len() } else { 0 };
        assert_eq!(pages.len(), expected, "{self:?}: {pages:?}");
        let text = if signed_in { "You are signed in" } else { "You are not signed in" };
        assert!(pages.iter().all(|page| page.contains(text)), "{self:?}: {pages:?}");
    }

    /// Checks that no request came too early or too late, and that no step repeated in a loop.
    fn assert_paced(self, entries: &Entries) {
        let polls = entries.gaps(Operation::CreateToken);
        let least = |place: u32| match self.flow {
            Kind::Device => INTERVAL,
            // The service names no interval for a code of the browser. The waits double.
            Kind::Code => FIRST_RETRY * 2_u32.pow(place),
        };
        let are_late = polls.iter().zip(0..).all(|(gap, place)| *gap >= least(place));
        assert!(are_late, "{self:?}: below the interval: {polls:?}");
        let throttles = matches!(
            self.wrong.fault(),
            InjectedFault::TooManyRequests
                | InjectedFault::TooManyRequestsDate
                | InjectedFault::Unavailable
                | InjectedFault::UnavailableDate
        );
        let injected = entries.gaps(self.operation);
        // A fault that applies once applies to the first request.
        let asked_to_wait = if self.once { &injected[..injected.len().min(1)] } else { &injected };
        // The last poll of a code waits at most for the interval.
        let is_last = self.flow == Kind::Device && self.operation == Operation::CreateToken && !self.once;
        let asked_to_wait =
            if is_last { &injected[..injected.len().saturating_sub(1)] } else { asked_to_wait };
        if throttles {
            assert!(asked_to_wait.iter().all(|gap| *gap >= RETRY_AFTER), "{self:?}: too early: {injected:?}");
        }
        if let Some(prompted) = entries.prompted.last() {
            let late = entries.sent.iter().filter(|(_, at)| *at >= *prompted + LIFE);
            assert_eq!(late.count(), 0, "{self:?}: sent after the code's life");
        }
        // The wait for the browser is not by the clock.
        let listened = if self.flow == Kind::Code { entries.prompted.len() } else { 0 };
        let steps = entries.sent.len() + entries.waits + entries.prompted.len() + listened;
        assert!(entries.waits <= entries.sent.len() + 1, "{self:?}: waited {} times", entries.waits);
        // Each step takes at most two readings of the clock; the start takes one more, and the end three.
        assert!(entries.readings <= 2 * steps + 4, "{self:?}: {} readings, {steps} steps", entries.readings);
        assert!(entries.sent.len() <= 12, "{self:?}: {} requests", entries.sent.len());
    }
}

fn ending(result: &Result<(), End>, entries: &Entries) -> Option<Ending> {
    let Err(end) = result else {
        return Some(if entries.had_error { Ending::Retried } else { Ending::Unharmed });
    };
    match *end.outcome {
        Outcome::GrantLost(_) => Some(Ending::GrantLost),
        Outcome::Refused { .. } => Some(Ending::Refused),
        Outcome::Denied(_) => Some(Ending::Denied),
        Outcome::Expired(_) => Some(Ending::Expired),
        Outcome::Rejected { .. } => Some(Ending::Rejected),
        Outcome::Unreachable { .. } => Some(Ending::Unreachable),
        Outcome::Cancelled if end.given_up => Some(Ending::GivenUp),
        _ => None,
    }
}

/// Returns the ending of a sign-in whose token response breaks off after this many bytes.
fn cut_after<A: Faced>(bytes: usize) -> Option<Ending> {
    let wrong = Wrong::Server(FaultRule::new(InjectedFault::ResetAnswer).after_bytes(bytes));
    let case = Case {
        flow: Kind::Device,
        setting: A::SETTINGS[0],
        wrong,
        operation: Operation::CreateToken,
        pending: false,
        once: true,
    };
    case.run::<A>().0
}

fn wherever_the_answer_with_the_token_is_cut_the_grant_is_lost_until_the_token_is_whole<A: Faced>() {
    let endings: Vec<_> = thread::scope(|scope| {
        let cuts = (0..1500).step_by(50);
        let running: Vec<_> = cuts.map(|bytes| scope.spawn(move || cut_after::<A>(bytes))).collect();
        running.into_iter().map(|cut| cut.join().unwrap()).collect()
    });
    let whole = endings.iter().position(|ending| *ending == Some(Ending::Unharmed)).expect("a whole answer");
    assert!(whole > 4, "{endings:?}");
    assert!(endings[..whole].iter().all(|ending| *ending == Some(Ending::GrantLost)), "{endings:?}");
    assert!(endings[whole..].iter().all(|ending| *ending == Some(Ending::Unharmed)), "{endings:?}");
}

for_both_adapters! {
    wherever_the_answer_with_the_token_is_cut_the_grant_is_lost_until_the_token_is_whole,
}

/// Returns the processor time of this thread; zero where the system does not report it.
fn cpu_of_this_thread() -> Duration {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::try_from(time).unwrap_or_default()
    }
    #[cfg(not(unix))]
    Duration::ZERO
}

#[cfg(unix)]
#[test]
fn a_thread_that_spins_is_told_from_one_that_waits() {
    let (began, before) = (Instant::now(), cpu_of_this_thread());
    thread::sleep(CPU * 2);
    assert!(cpu_of_this_thread() - before < CPU);
    while cpu_of_this_thread() - before < CPU * 2 {
        assert!(began.elapsed() < Duration::from_secs(30), "spinning takes nothing of the processor");
    }
}
