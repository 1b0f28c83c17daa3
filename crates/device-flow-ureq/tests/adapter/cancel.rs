//! Cancelling a blocking sign-in from another thread, at real time.

use std::thread;
use std::time::{Duration, Instant};

use device_flow_ureq::{Cancel, Endpoint, FirstPoll, HttpClient, Observer, Operation, Outcome, UserPrompt};

use crate::stub::{Step, Stub};

#[test]
fn a_cancelled_sign_in_does_not_sleep_through_it() {
    // The interval is five seconds; ten minutes remain.
    let stub = Stub::polls([Step::token()]);
    let client = HttpClient::new(Endpoint::custom(&stub.endpoint()).unwrap()).unwrap();
    let cancel = Cancel::new();
    let started = Instant::now();
    let end = client
        .login(client.policy("https://d-1234567890.awsapps.com/start"))
        .cancelled_by(&cancel)
        .run(|_| {
            let cancel = cancel.clone();
            thread::spawn(move || cancel.cancel());
        })
        .unwrap_err();
    assert_eq!(end.outcome, Outcome::Cancelled);
    assert_eq!(end.polls, 0);
    // Far below the interval, far above any scheduling delay.
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_sign_in_that_was_cancelled_beforehand_sends_nothing() {
    let stub = Stub::polls([]);
    let client = HttpClient::new(Endpoint::custom(&stub.endpoint()).unwrap()).unwrap();
    let cancel = Cancel::new();
    cancel.cancel();
    let policy = client.policy("https://d-1234567890.awsapps.com/start");
    let end = client.login(policy).cancelled_by(&cancel).run(|_| {}).unwrap_err();
    assert_eq!(end.outcome, Outcome::Cancelled);
    assert_eq!(stub.connections(), 0);
}

/// Cancels as soon as the first poll is on its way.
struct CancelsThePoll(Cancel);

impl Observer for CancelsThePoll {
    fn prompt(&mut self, _: &UserPrompt) {}

    fn sending(&mut self, operation: Operation) {
        if operation == Operation::CreateToken {
            let cancel = self.0.clone();
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(100));
                cancel.cancel();
            });
        }
    }
}

#[test]
fn a_sign_in_is_cancelled_while_a_request_hangs() {
    // The answer would take fifteen seconds.
    let stub = Stub::polls([Step::Hang(Duration::from_secs(15))]);
    let client = HttpClient::new(Endpoint::custom(&stub.endpoint()).unwrap()).unwrap();
    let cancel = Cancel::new();
    let policy =
        client.policy("https://d-1234567890.awsapps.com/start").with_first_poll(FirstPoll::Immediately);
    let started = Instant::now();
    let end =
        client.login(policy).cancelled_by(&cancel).run_with(CancelsThePoll(cancel.clone())).unwrap_err();
    assert_eq!((end.outcome.clone(), end.polls), (Outcome::Cancelled, 1));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_sign_in_that_can_be_cancelled_and_is_not_ends_like_any_other() {
    let stub = Stub::polls([Step::token()]);
    let client = HttpClient::new(Endpoint::custom(&stub.endpoint()).unwrap()).unwrap();
    let policy =
        client.policy("https://d-1234567890.awsapps.com/start").with_first_poll(FirstPoll::Immediately);
    let signed_in = client.login(policy).cancelled_by(&Cancel::new()).run(|_| {}).unwrap();
    assert_eq!(signed_in.polls, 1);
    assert_eq!(stub.connections(), 1);
}
