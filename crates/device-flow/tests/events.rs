//! The `tracing` events: each is emitted once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use device_flow::renewal::{Renewal, RenewalPolicy};
use device_flow::{
    Action, CodeFlow, CodeSecrets, DeviceFlow, Failure, MetadataSearch, Policy, RedirectUri, Reply,
    ResponseBody, SearchAction, Tick, TransportError,
};
use oidc_proto::{Client, DeviceAuthorization, Endpoint, Fault, FaultCode, Registration, Secret, Token};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::with_default;
use tracing::{Event, Metadata, Subscriber};

/// Records each event's name, with phase, outcome, elapsed time, status and failure if present.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let value = format!("{value:?}");
        assert!(!value.contains("SECRET"), "{} tells {value}", field.name());
        if matches!(field.name(), "outcome" | "elapsed_ms" | "status" | "failure" | "phase") {
            self.0 += &format!(" {value}");
        }
    }
}

impl Subscriber for Heard {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut text = Text(event.metadata().name().to_owned());
        event.record(&mut text);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Returns the events that a closure emits.
fn heard(what: impl FnOnce()) -> Vec<String> {
    let heard = Heard::default();
    with_default(heard.clone(), what);
    let heard = heard.0.lock().unwrap_or_else(PoisonError::into_inner);
    heard.iter().map(|text| text.replace("device_flow.", "")).collect()
}

/// Replies to the flow's requests in virtual time, and returns the time when it ends or the replies are used
/// up.
fn answered(flow: &mut DeviceFlow, replies: Vec<Reply>) -> Tick {
    let mut now = Tick::ZERO;
    for reply in replies {
        let pending = loop {
            match flow.poll(now) {
                Action::Send(pending) => break pending,
                Action::Wait(until) => now = until,
                Action::Prompt(_) => {}
                other @ (Action::AwaitReply | Action::Done) => panic!("{other:?}"),
            }
        };
        flow.on_reply(pending, now, reply).unwrap();
    }
    now
}

fn new_flow() -> DeviceFlow {
    let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    DeviceFlow::new(Endpoint::for_region("eu-west-1").unwrap(), policy, None, Tick::ZERO)
}

/// One test only. A thread's subscriber misses events that another thread reached first.
#[test]
fn a_sign_in_is_told_of_step_by_step_and_its_end_once_with_the_time_that_it_took() {
    let ten_minutes = Duration::from_secs(600);
    let replies = || {
        vec![
            Reply::Registered(Registration::new(Client::new("id", Secret::from("secret")))),
            Reply::Authorized(DeviceAuthorization::new("d".into(), "C", "https://d.example/", ten_minutes)),
            Reply::Fault(Fault::new(FaultCode::AuthorizationPending)),
            Reply::Granted(Token::bearer("t".into(), ten_minutes)),
        ]
    };
    let events = heard(|| {
        let mut flow = new_flow();
        let now = answered(&mut flow, replies());
        let got = flow.poll(now);
        assert!(matches!(got, Action::Done), "{got:?}");
        flow.cancel();
        drop(flow.into_result(now));
    });
    let setup = ["sending \"registering\"", "sending \"authorizing\"", "prompt \"polling\""];
    let poll = ["waiting \"polling\"", "sending \"polling\""];
    assert_eq!(events, [&setup[..], &poll, &poll, &["ended \"granted\" 10000"]].concat());

    let events = heard(|| drop(new_flow().into_result(Tick::ZERO + Duration::from_secs(3))));
    assert_eq!(events, ["ended \"cancelled\" 3000"]);

    let events = heard(|| {
        let service = Endpoint::for_region("eu-west-1").unwrap();
        let mut renewal = Renewal::new(service, RenewalPolicy::default(), Tick::ZERO);
        renewal.cancel();
        let once = heard(|| renewal.cancel());
        assert_eq!(once, [""; 0], "its end is told once");
    });
    assert_eq!(events, ["renewed \"cancelled\""]);

    let events = heard(|| {
        let secrets = CodeSecrets::new(Secret::from("SECRET"), "challenge", Secret::from("SECRET"));
        let service = Endpoint::for_region("eu-west-1").unwrap();
        let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
        let redirect = RedirectUri::loopback(49_152);
        let mut flow = CodeFlow::new(service, policy, None, redirect, secrets, Tick::ZERO);
        assert!(matches!(flow.poll(Tick::ZERO), Action::Send(_)));
        flow.cancel();
        let once = heard(|| flow.cancel());
        assert_eq!(once, [""; 0], "its end is told once");
    });
    assert_eq!(events, ["sending \"registering\"", "ended \"cancelled\" 0"]);

    let events = heard(|| {
        let mut answers = vec![
            Err(Failure::Unknown.into()),
            moved("/login?ticket=SECRET"),
            Ok(http::Response::builder().status(404).body("SECRET".into()).unwrap()),
        ]
        .into_iter();
        let (mut now, mut search) =
            (Tick::ZERO, MetadataSearch::of("https://id.example", Tick::ZERO).unwrap());
        loop {
            match search.poll(now) {
                SearchAction::Get { .. } => {
                    search.on_result(now, answers.next().unwrap_or_else(|| moved("http://a.b/?SECRET")))
                }
                SearchAction::Wait(until) => now = until,
                SearchAction::Done => break,
            }
        }
    });
    let fetched = ["fetching", "fetched \"unknown\"", "fetching", "fetched 302", "fetching", "fetched 404"];
    assert_eq!(events, [&fetched[..], &["fetching", "fetched 302"]].concat());
}

fn moved(location: &str) -> Result<http::Response<ResponseBody>, TransportError> {
    Ok(http::Response::builder().status(302).header("location", location).body("".into()).unwrap())
}
