//! Cancellation of a renewal from another thread, at real time.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use adapter_tests::stub::{Step, Stub};
use device_flow_ureq::renewal::{MemoryStore, RenewalOutcome, RenewalPolicy, SessionStore as _};
use device_flow_ureq::{Cancel, Client, Endpoint, HttpClient, Registration, Session, Token, UnixSeconds};

/// Returns a store with an expired session, and a client that the handle cancels.
fn world(stub: &Stub, cancel: &Cancel) -> (HttpClient, MemoryStore) {
    let client = HttpClient::new(Endpoint::custom(&stub.endpoint()).unwrap()).unwrap().cancelled_by(cancel);
    let token = Token::bearer("old".into(), Duration::from_secs(3_600)).with_refresh_token("r1".into());
    let registration = Registration::new(Client::public("id"));
    let end = UnixSeconds::from(SystemTime::now());
    let session = Session::restored(client.service(), registration, token, Some(end));
    (client, MemoryStore::new(Some(session)))
}

fn access(store: &MemoryStore) -> String {
    store.session().unwrap().token.access_token.expose().to_owned()
}

/// Cancels as soon as the stub has this many requests.
fn cancels(stub: &Stub, requests: usize, cancel: &Cancel) {
    for _ in 0..1_000 {
        if stub.seen().len() >= requests {
            return cancel.cancel();
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("no request");
}

#[test]
fn a_renewal_that_is_cancelled_while_its_request_is_in_flight_stores_the_response() {
    let stub = Stub::start(vec![Step::LateToken(Duration::from_millis(500))]);
    let cancel = Cancel::new();
    let (client, store) = world(&stub, &cancel);
    let renewed = thread::scope(|scope| {
        scope.spawn(|| cancels(&stub, 1, &cancel));
        client.renew(&store, RenewalPolicy::default())
    });
    assert!(cancel.is_cancelled());
    let usable = renewed.unwrap();
    assert!(usable.refreshed && access(&store) != "old");
    assert_eq!(store.session(), Some(usable.session));
    assert!(store.try_lock().unwrap().is_some(), "the lock is free");
}

#[test]
fn a_renewal_that_is_cancelled_between_two_requests_ends_and_leaves_the_session() {
    let stub = Stub::start(vec![Step::Answer(503, "retry-after: 15\r\n", String::new()), Step::token()]);
    let cancel = Cancel::new();
    let (client, store) = world(&stub, &cancel);
    let began = Instant::now();
    let renewed = thread::scope(|scope| {
        scope.spawn(|| cancels(&stub, 1, &cancel));
        client.renew(&store, RenewalPolicy::default())
    });
    // The limit is far below the pause, and far above any scheduling delay.
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(renewed.unwrap_err().end.outcome, RenewalOutcome::Cancelled);
    assert_eq!((stub.seen().len(), access(&store).as_str()), (1, "old"));
    assert!(store.try_lock().unwrap().is_some(), "the lock is free");
}
