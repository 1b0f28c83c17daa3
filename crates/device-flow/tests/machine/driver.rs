//! What a driver does around its own sending and waiting, at virtual time.

use std::io;
use std::time::Duration;

use device_flow::driver::{Body, Driver, Received, Sending, Sent, Step, Unanswered};
use device_flow::{
    DeviceFlow, Exchange, Failure, Granted, Misuse, Observer, Operation, Outcome, Status, Tick,
    TransportError, UserPrompt,
};

use crate::scenario::{policy, secs, service};

/// The most that a request may take.
const TIMEOUT: Duration = secs(40);

/// Writes down what it hears.
#[derive(Default)]
struct Heard(Vec<String>);

impl Observer for Heard {
    fn prompt(&mut self, prompt: &UserPrompt) {
        self.0.push(format!("prompt {}", prompt.user_code));
    }

    fn sending(&mut self, operation: Operation) {
        self.0.push(format!("sending {operation}"));
    }

    fn exchanged(&mut self, exchange: &Exchange<'_>) {
        let Exchange { attempt, status, failure, broken, .. } = exchange;
        self.0.push(format!("{attempt}: {status:?} {failure:?} {broken}"));
    }

    fn waiting(&mut self, status: &Status<'_>) {
        self.0.push(format!("waiting {:?}", status.until.since(status.now)));
    }
}

fn response(status: u16, text: &str) -> http::Response<Body> {
    let mut body = Body::default();
    assert!(body.push(text.as_bytes()));
    http::Response::builder().status(status).body(body).unwrap()
}

fn answer(status: u16, text: &str) -> Sent<io::Error> {
    Sent::new(Ok(Received::whole(response(status, text))), Duration::ZERO)
}

fn cut(status: u16, text: &str) -> Sent<io::Error> {
    Sent::new(Ok(Received::cut(response(status, text), io::Error::other("cut"))), Duration::ZERO)
}

fn failed(failure: Failure, why: &str) -> Sent<io::Error> {
    Sent::new(Err(Unanswered::new(failure, io::Error::other(why.to_owned()))), Duration::ZERO)
}

fn registered() -> Sent<io::Error> {
    answer(200, r#"{"clientId":"c","clientSecret":"s","clientSecretExpiresAt":1800000000}"#)
}

fn authorized() -> Sent<io::Error> {
    let codes =
        r#"{"deviceCode":"d","userCode":"WDJB-MJHT","verificationUri":"https://d.example/","expiresIn":60}"#;
    answer(200, codes)
}

const TOKEN: &str = r#"{"accessToken":"t","expiresIn":28800,"tokenType":"Bearer"}"#;

fn new_flow() -> DeviceFlow {
    DeviceFlow::new(service(), policy(), None, Tick::ZERO)
}

/// Drives until a request is to be sent.
fn next_sending<O: Observer>(driver: &mut Driver<'_, O, io::Error>, now: &mut Tick) -> Sending {
    for _ in 0..10 {
        match driver.poll(*now) {
            Step::Send(sending) => return sending,
            Step::Prompt(prompt) => driver.show(&prompt),
            Step::Wait(duration) => *now = *now + duration,
            Step::Done => break,
        }
    }
    panic!("nothing was to be sent");
}

/// Drives a flow through these answers, and says what was heard, how it ended and what its transport said.
fn driven(script: Vec<Sent<io::Error>>) -> (Vec<String>, Result<Granted, Outcome>, Option<String>) {
    let (mut flow, mut heard, mut now) = (new_flow(), Heard::default(), Tick::ZERO);
    let mut driver = Driver::new(&mut flow, &mut heard, TIMEOUT);
    for sent in script {
        let sending = next_sending(&mut driver, &mut now);
        driver.on_sent(sending, now, sent).unwrap();
    }
    for _ in 0..10 {
        if let Step::Wait(duration) = driver.poll(now) {
            now = now + duration;
        }
    }
    assert!(driver.is_done(), "the script is too short");
    let transport = driver.finish(now).map(|error| error.to_string());
    let outcome = flow.outcome().unwrap().cloned().map_err(Outcome::clone);
    (heard.0, outcome, transport)
}

#[test]
fn an_observer_hears_of_every_step_in_order_and_attempts_are_counted_by_operation() {
    let (heard, outcome, _) = driven(vec![
        failed(Failure::NotSent, "refused"),
        registered(),
        authorized(),
        answer(400, r#"{"error":"authorization_pending"}"#),
        cut(200, TOKEN),
    ]);
    let expected = [
        "sending RegisterClient",
        "1: None Some(NotSent) false",
        "waiting 1s",
        "sending RegisterClient",
        "2: Some(200) None false",
        "sending StartDeviceAuthorization",
        "1: Some(200) None false",
        "prompt WDJB-MJHT",
        "waiting 5s",
        "sending CreateToken",
        "1: Some(400) None false",
        "waiting 5s",
        "sending CreateToken",
        "2: Some(200) None true",
    ];
    assert_eq!(heard, expected);
    assert!(outcome.is_ok(), "a body that broke off may be whole: {outcome:?}");
}

#[test]
fn the_latest_transport_error_is_kept_beyond_an_answer_that_has_none() {
    let (_, outcome, transport) = driven(vec![
        failed(Failure::NotSent, "first"),
        registered(),
        authorized(),
        cut(200, r#"{"accessToken":"#),
        answer(400, r#"{"error":"expired_token"}"#),
    ]);
    assert!(matches!(outcome, Err(Outcome::GrantLost(_))), "{outcome:?}");
    assert_eq!(transport.as_deref(), Some("cut"));
}

#[test]
fn a_request_takes_no_longer_than_it_may_and_no_longer_than_the_code_lives() {
    let (mut flow, mut heard, mut now) = (new_flow(), Heard::default(), Tick::ZERO);
    let mut driver = Driver::new(&mut flow, &mut heard, TIMEOUT);
    let mut timeouts = Vec::new();
    for sent in [registered(), authorized()] {
        let sending = next_sending(&mut driver, &mut now);
        timeouts.push(sending.timeout());
        driver.on_sent(sending, now, sent).unwrap();
    }
    // A code of 60 s, polled every 5 s.
    for _ in 0..6 {
        let sending = next_sending(&mut driver, &mut now);
        timeouts.push(sending.timeout());
        driver.on_sent(sending, now, answer(400, r#"{"error":"authorization_pending"}"#)).unwrap();
    }
    assert_eq!(timeouts, [40, 40, 40, 40, 40, 40, 35, 30].map(secs));
}

#[test]
fn a_client_that_went_elsewhere_ends_the_flow_and_is_the_reason() {
    let sent = Sent::new(Err(Unanswered::redirected(Some("evil.example"))), Duration::ZERO);
    let (heard, outcome, transport) = driven(vec![sent]);
    assert_eq!(outcome, Err(Outcome::Cancelled));
    assert!(transport.is_some_and(|reason| reason.contains("evil.example")));
    assert_eq!(heard, ["sending RegisterClient", "1: None Some(Unknown) false"]);
}

#[test]
fn who_cancels_leaves_no_transport_error_and_an_end_is_not_undone() {
    let (mut flow, mut heard, mut now) = (new_flow(), Heard::default(), Tick::ZERO);
    let mut driver = Driver::new(&mut flow, &mut heard, TIMEOUT);
    let sending = next_sending(&mut driver, &mut now);
    driver.on_sent(sending, now, failed(Failure::Unknown, "reset")).unwrap();
    let sending = next_sending(&mut driver, &mut now);
    driver.cancel();
    assert!(matches!(driver.poll(now), Step::Done));
    assert_eq!(driver.on_sent(sending, now, registered()), Err(Misuse::StaleTicket));
    assert!(driver.finish(now).is_none());
    assert_eq!(flow.outcome(), Some(Err(&Outcome::Cancelled)));

    let mut flow = new_flow();
    let mut driver = Driver::new(&mut flow, &mut heard, TIMEOUT);
    let sending = next_sending(&mut driver, &mut now);
    let sent = Sent::new(Err(Unanswered::redirected(None)), Duration::ZERO);
    driver.on_sent(sending, now, sent).unwrap();
    driver.cancel();
    let reason: Option<TransportError<io::Error>> = driver.finish(now);
    assert!(reason.is_some_and(|error| error.is_final()), "why the driver gave up is not forgotten");
}

#[test]
fn an_error_of_another_flow_or_after_a_cancellation_is_told_of_and_changes_nothing() {
    let (mut other, mut heard, mut now) = (new_flow(), Heard::default(), Tick::ZERO);
    let mut elsewhere = Driver::<_, io::Error>::new(&mut other, &mut heard, TIMEOUT);
    let foreign = next_sending(&mut elsewhere, &mut now);
    let (mut flow, mut heard) = (new_flow(), Heard::default());
    let mut driver = Driver::new(&mut flow, &mut heard, TIMEOUT);
    let sending = next_sending(&mut driver, &mut now);
    let redirected = Sent::new(Err(Unanswered::redirected(None)), Duration::ZERO);
    assert_eq!(driver.on_sent(foreign, now, redirected), Err(Misuse::StaleTicket));
    assert!(!driver.is_done(), "it was another flow's client that went elsewhere");
    driver.on_sent(sending, now, registered()).unwrap();

    let sending = next_sending(&mut driver, &mut now);
    driver.cancel();
    assert_eq!(driver.on_sent(sending, now, failed(Failure::Unknown, "reset")), Err(Misuse::StaleTicket));
    assert!(driver.finish(now).is_none(), "it has nothing to do with the end");
    assert_eq!(heard.0.last().unwrap(), "1: None Some(Unknown) false");
}

#[test]
fn a_driver_takes_up_a_flow_whose_request_was_dropped_with_an_earlier_driver() {
    let (mut flow, mut heard, mut now) = (new_flow(), Heard::default(), Tick::ZERO);
    let mut driver = Driver::<_, io::Error>::new(&mut flow, &mut heard, TIMEOUT);
    drop(next_sending(&mut driver, &mut now));
    let mut driver = Driver::new(&mut flow, &mut heard, TIMEOUT);
    let sending = next_sending(&mut driver, &mut now);
    driver.on_sent(sending, now, registered()).unwrap();
    assert_eq!(heard.0[..3], ["sending RegisterClient", "waiting 1s", "sending RegisterClient"]);
}
