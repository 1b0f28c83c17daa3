//! Cancelling a blocking sign-in from another thread, at real time.

use std::thread;
use std::time::{Duration, Instant};

use device_flow_ureq::{Cancel, Endpoint, HttpClient, Outcome};

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
