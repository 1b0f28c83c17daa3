//! The logged events, by name and field, and an observer's calls. These tests have their own process, because
//! the logger is global.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Once;
use std::time::Duration;

use adapter_tests::stub::{ClosedPort, Step, Stub};
use adapter_tests::{Adapter, for_both_adapters};
use device_flow::renewal::{Renewal, RenewalAction, RenewalPolicy};
use device_flow::{
    Action, BrowserPrompt, CodeFlow, CodeSecrets, Exchange, Observer, Operation, Policy, RedirectUri,
    ResponseBody, Session, Stop, Tick, UserPrompt,
};
use oidc_proto::{
    Client, Endpoint, RegisterClientRequest, Registration, Secret, Service, Token, UnixSeconds,
};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry;

/// One event: its name, and its fields as text.
type Said = (&'static str, BTreeMap<&'static str, String>);

thread_local! {
    /// The project's events of this thread. An adapter logs from the thread that drives it.
    static SAID: RefCell<Vec<Said>> = const { RefCell::new(Vec::new()) };
}

/// Collects the project's events.
struct Collects;

impl<S: Subscriber> Layer<S> for Collects {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if metadata.target() != "device_flow" {
            return;
        }
        assert_eq!(*metadata.level(), Level::DEBUG);
        let mut fields = Fields::default();
        event.record(&mut fields);
        SAID.with_borrow_mut(|said| said.push((metadata.name(), fields.0)));
    }
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() != "message" {
            self.0.insert(field.name(), format!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

/// Returns the events during `run`. The logger is installed before the first event of any thread, because
/// events during the installation may get lost.
fn logged<T>(run: impl FnOnce() -> T) -> (T, Vec<Said>) {
    static LOGGER: Once = Once::new();
    LOGGER.call_once(|| tracing::subscriber::set_global_default(registry().with(Collects)).unwrap());
    SAID.take();
    let result = run();
    (result, SAID.take())
}

/// Returns the fields of an event without times, in the order of their names.
fn shown((name, fields): &Said) -> String {
    let timeless = fields.iter().filter(|(field, _)| !field.ends_with("_ms") && **field != "uri");
    let fields: Vec<_> = timeless.map(|(field, value)| format!("{field}={value}")).collect();
    format!("{} {}", name.trim_start_matches("device_flow."), fields.join(" "))
}

fn script() -> Stub {
    Stub::start([
        Step::Close,
        Step::registration(),
        Step::Answer(200, "x-amzn-requestid: id-of-the-codes\r\n", AUTHORIZATION.to_owned()),
        Step::fault("authorization_pending"),
        Step::Answer(503, "x-amzn-requestid: id-of-error\r\n", "<html>".to_owned()),
        Step::Answer(
            400,
            "x-amzn-requestid: id-of-the-denial\r\n",
            r#"{"error":"access_denied"}"#.to_owned(),
        ),
    ])
}

const AUTHORIZATION: &str = r#"{"deviceCode":"stub-device-code","userCode":"WDJB-MJHT","verificationUri":"https://device.example/","expiresIn":600,"interval":5}"#;

/// Records every call that an observer gets.
#[derive(Default)]
struct Heard(Vec<(Operation, u32, Option<u16>, Option<String>)>);

impl Observer for Heard {
    fn prompt(&mut self, _: &UserPrompt) -> Result<(), Stop> {
        Ok(())
    }

    fn exchanged(&mut self, exchange: &Exchange<'_>) {
        let Exchange { operation, attempt, status, request_id, .. } = *exchange;
        assert_eq!(exchange.failure.is_some(), status.is_none());
        assert!(exchange.took < Duration::from_secs(60));
        self.0.push((operation, attempt, status, request_id.map(str::to_owned)));
    }
}

fn every_step_of_a_sign_in_is_an_event_with_a_stable_name_and_stable_fields<A: Adapter>() {
    let stub = script();
    let (end, said) = logged(|| A::sign_in_observed(&stub.endpoint(), &mut Heard::default()));
    assert!(end.is_err());
    let shown: Vec<_> = said.iter().map(shown).collect();
    let cause = said.iter().find_map(|(_, fields)| fields.get("cause")).expect("a cause");
    let failed =
        format!("failed attempt=1 cause={cause} failure=unknown operation=RegisterClient phase=registering");
    let expected = [
        "sending attempt=1 operation=RegisterClient phase=registering",
        &failed,
        "waiting error=the connection failed or timed out before a response arrived phase=registering polls=0",
        "sending attempt=2 operation=RegisterClient phase=registering",
        "received attempt=2 broken=false operation=RegisterClient phase=registering status=200",
        "sending attempt=1 operation=StartDeviceAuthorization phase=authorizing",
        "received attempt=1 broken=false operation=StartDeviceAuthorization phase=authorizing \
         request_id=id-of-the-codes status=200",
        "prompt phase=polling replaces_earlier=false",
        "waiting phase=polling polls=0",
        "sending attempt=1 operation=CreateToken phase=polling",
        "received attempt=1 broken=false operation=CreateToken phase=polling status=400",
        "waiting phase=polling polls=1",
        "sending attempt=2 operation=CreateToken phase=polling",
        "received attempt=2 broken=false operation=CreateToken phase=polling request_id=id-of-error status=503",
        "waiting error=unexpected response: HTTP 503 with an HTML page instead of JSON \
         phase=polling polls=2",
        "sending attempt=3 operation=CreateToken phase=polling",
        "received attempt=3 broken=false operation=CreateToken phase=polling request_id=id-of-the-denial status=400",
        "ended outcome=denied polls=3 request_id=id-of-the-denial",
    ];
    assert_eq!(shown, expected);
    let time = |name: &str, field: &str| -> Vec<u64> {
        let events = said.iter().filter(|(said, _)| said.ends_with(name));
        events.map(|(_, fields)| fields[field].parse().unwrap()).collect()
    };
    assert_eq!(time("prompt", "expires_in_ms"), [600_000]);
    assert_eq!(time("waiting", "wait_ms"), [1_000, 5_000, 5_000, 10_000]);
    // All times are virtual.
    assert_eq!(time("ended", "elapsed_ms"), [21_000]);
    assert_eq!(time("received", "took_ms").len() + time("failed", "took_ms").len(), 6);
    for (_, fields) in said.iter().filter(|(name, _)| *name == "device_flow.sending") {
        assert!(fields["uri"].starts_with(&stub.endpoint()), "{fields:?}");
    }
}

fn an_observer_hears_of_each_request_what_the_log_says<A: Adapter>() {
    let mut heard = Heard::default();
    let stub = script();
    logged(|| A::sign_in_observed(&stub.endpoint(), &mut heard)).0.unwrap_err();
    let with = |id: &str| Some(id.to_owned());
    let expected = [
        (Operation::RegisterClient, 1, None, None),
        (Operation::RegisterClient, 2, Some(200), None),
        (Operation::StartDeviceAuthorization, 1, Some(200), with("id-of-the-codes")),
        (Operation::CreateToken, 1, Some(400), None),
        (Operation::CreateToken, 2, Some(503), with("id-of-error")),
        (Operation::CreateToken, 3, Some(400), with("id-of-the-denial")),
    ];
    assert_eq!(heard.0, expected);
}

fn a_plain_call_is_logged_without_a_phase<A: Adapter>() {
    let stub = Stub::start([Step::registration()]);
    let (registered, said) = logged(|| A::register(&stub.endpoint(), &RegisterClientRequest::new("x")));
    registered.unwrap();
    let shown: Vec<_> = said.iter().map(shown).collect();
    let expected = [
        "sending attempt=1 operation=RegisterClient",
        "received attempt=1 broken=false operation=RegisterClient status=200",
    ];
    assert_eq!(shown, expected);
}

fn the_report_of_an_end_has_the_causes_the_requests_id_the_polls_the_time_and_a_hint_and_no_body<
    A: Adapter,
>() {
    let sign_in = |stub: &str| logged(|| A::sign_in_observed(stub, &mut Heard::default())).0.unwrap_err();
    let end = sign_in(&script().endpoint());
    assert_eq!(
        end.report().to_string(),
        "the sign-in was denied on the approval page (access_denied (request id id-of-the-denial)). If that was a mistake, start again and \
         approve the request\nrequest id: id-of-the-denial\noutcome denied after 3 polls and 21.0 s"
    );
    let closed = ClosedPort::bind();
    let end = sign_in(&closed.endpoint());
    let report = end.report().to_string();
    let causes = report.lines().filter(|line| line.starts_with("caused by: ")).count();
    let mut chain = 0;
    let mut cause = end.source();
    while let Some(error) = cause {
        chain += 1;
        cause = error.source();
    }
    assert!(causes == chain && causes > 0, "{report}");
    assert!(report.to_lowercase().contains("refused"), "{report}");
    let body = "<html>stub-access-token</html>";
    let stub = Stub::start(vec![Step::Answer(502, "", body.to_owned()); 20]);
    let end = sign_in(&stub.endpoint());
    let all = format!("{end} {} {end:?}", end.report());
    assert!(!all.contains("stub-access-token") && !all.contains("<html>"), "{all}");
}

fn no_word_of_a_broken_servers_body_is_in_an_event<A: Adapter>() {
    let quoting = |code: &str| {
        let body = format!(r#"{{"error":"{code}","error_description":"no stub-device-code"}}"#);
        Step::Answer(503, "", body)
    };
    let stub = Stub::polls(vec![quoting("server_error"), quoting("odd stub-device-code"), Step::token()]);
    let (end, said) = logged(|| A::sign_in_observed(&stub.endpoint(), &mut Heard::default()));
    assert_eq!(end.unwrap().polls, 3);
    let shown: Vec<_> = said.iter().map(shown).collect();
    assert!(shown.iter().all(|event| !event.contains("stub-device-code")), "{shown:?}");
    for error in ["HTTP 503 server_error", "HTTP 503 with an unknown error code"] {
        assert!(shown.iter().any(|event| event.contains(&format!(" error={error} "))), "{shown:?}");
    }
}

/// Answers the machine's request with this body.
fn answer(action: Action<BrowserPrompt>, flow: &mut CodeFlow, body: &'static str) {
    let Action::Send(pending) = action else { panic!("{action:?} is no request") };
    flow.on_result(pending, Tick::ZERO, Ok(http::Response::new(ResponseBody::from(body)))).unwrap();
}

#[test]
fn a_code_flow_logs_its_prompt_each_callback_and_its_end_without_a_secret() {
    let ((), said) = logged(|| {
        let now = Tick::ZERO;
        let secrets = CodeSecrets::new(Secret::from("the-verifier"), "challenge", Secret::from("the-state"));
        let service = Endpoint::custom("http://127.0.0.1:9").unwrap();
        let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
        let mut flow = CodeFlow::new(service, policy, None, RedirectUri::loopback(8400), secrets, now);
        let action = flow.poll(now);
        answer(action, &mut flow, r#"{"clientId":"id","clientSecret":"the-secret"}"#);
        assert!(matches!(flow.poll(now), Action::Prompt(_)));
        assert!(matches!(flow.poll(now), Action::Wait(_)));
        let _ = flow.on_callback("/favicon.ico", now);
        let _ = flow.on_callback("/oauth/callback?code=the-code&state=another", now);
        let _ = flow.on_callback("/oauth/callback?code=the-code&state=the-state", now);
        let action = flow.poll(now);
        answer(action, &mut flow, r#"{"accessToken":"the-token","expiresIn":60}"#);
        let _ = flow.on_callback("/oauth/callback?code=the-code&state=the-state", now);
    });
    let shown: Vec<_> = said.iter().map(shown).collect();
    let expected = [
        "sending attempt=1 operation=RegisterClient phase=registering",
        "received attempt=1 broken=false operation=RegisterClient phase=registering status=200",
        "prompt phase=listening replaces_earlier=false",
        "waiting phase=listening polls=0",
        "callback result=not_found",
        "callback result=unrelated",
        "callback result=accepted",
        "sending attempt=1 operation=CreateToken phase=redeeming",
        "received attempt=1 broken=false operation=CreateToken phase=redeeming status=200",
        "ended outcome=granted polls=1",
        "callback result=late",
    ];
    assert_eq!(shown, expected);
    let all = format!("{said:?}");
    for secret in ["the-verifier", "the-state", "the-secret", "the-code", "the-token"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

#[test]
fn a_renewal_logs_its_end_once() {
    let ((), said) = logged(|| {
        let (now, wall) = (Tick::ZERO, UnixSeconds::new(1_800_000_000));
        let service = Service::from(Endpoint::custom("http://127.0.0.1:9").unwrap());
        let token = Token::bearer("the-token".into(), Duration::from_secs(3600));
        let registration = Registration::new(Client::public("id"));
        let stored = Session::restored(
            &service,
            registration,
            token,
            Some(wall.saturating_add(Duration::from_secs(3600))),
        );
        let mut renewal = Renewal::new(service, RenewalPolicy::default(), now);
        assert!(matches!(renewal.poll(now), RenewalAction::Read));
        renewal.on_read(now, wall, Some(stored)).unwrap();
        assert!(matches!(renewal.poll(now), RenewalAction::Done));
        renewal.cancel();
    });
    assert_eq!(
        said.iter().map(shown).collect::<Vec<_>>(),
        ["renewed outcome=usable refreshed=false requests=0"]
    );
}

for_both_adapters! {
    every_step_of_a_sign_in_is_an_event_with_a_stable_name_and_stable_fields,
    an_observer_hears_of_each_request_what_the_log_says,
    a_plain_call_is_logged_without_a_phase,
    the_report_of_an_end_has_the_causes_the_requests_id_the_polls_the_time_and_a_hint_and_no_body,
    no_word_of_a_broken_servers_body_is_in_an_event,
}
