//! The tests for the blocking adapter alone.

mod cancel;
mod hostile;
mod renewal;

use std::thread;
use std::time::{Duration, Instant};

use adapter_tests::stub::{Step, Stub};
use device_flow_ureq::{
    Cancel, Clock as _, Endpoint, HttpClient, MetadataSearch, RegisterClientRequest, SystemClock,
};

#[test]
fn a_search_that_is_cancelled_in_its_wait_or_while_it_asks_ends_at_once_and_can_go_on() {
    for (step, asked) in [(Step::Close, 2), (Step::Hang(Duration::from_secs(15)), 2)] {
        let stub = Stub::start_with(|endpoint| {
            vec![step, Step::ok(&format!(r#"{{"issuer":"{endpoint}","token_endpoint":"{endpoint}/t"}}"#))]
        });
        let clock = SystemClock;
        let search = MetadataSearch::of(stub.endpoint(), clock.now()).unwrap();
        let mut search = search.with_device_authorization_endpoint(format!("{}/d", stub.endpoint()));
        let builder = HttpClient::builder(Endpoint::custom(&stub.endpoint()).unwrap());
        let cancel = Cancel::new();
        let (handle, began) = (cancel.clone(), Instant::now());
        thread::scope(|scope| {
            scope.spawn(|| {
                while stub.seen().is_empty() {
                    thread::sleep(Duration::from_millis(10));
                }
                // The first search waits now, for a second. At its end it would ask again.
                thread::sleep(Duration::from_millis(200));
                handle.cancel();
            });
            builder.clone().cancelled_by(&cancel).search(&mut search, &clock).unwrap();
        });
        let took = began.elapsed();
        assert!(took < Duration::from_secs(10), "{took:?}");
        builder.clone().cancelled_by(&cancel).search(&mut search, &clock).unwrap();
        assert_eq!(stub.seen().len(), 1, "nothing more is asked once it is cancelled");
        builder.search(&mut search, &clock).unwrap();
        assert_eq!(search.finish().unwrap().issuer, stub.endpoint());
        assert_eq!(stub.seen().len(), asked);
    }
}

// The builders are of two types, so `reqwest` has the same test.
#[test]
fn settings_that_make_no_sense_are_refused_or_bounded_and_never_panic() {
    let builder = || HttpClient::builder(Endpoint::custom("http://127.0.0.1:9").unwrap());
    assert!(builder().user_agent("bad\nagent").build().is_err());
    let patient = builder()
        .connect_timeout(Duration::MAX)
        .request_timeout(Duration::MAX)
        .read_timeout(Duration::MAX)
        .build()
        .unwrap();
    let refused = patient.register_client(&RegisterClientRequest::new("x"));
    assert!(refused.is_err());
}
