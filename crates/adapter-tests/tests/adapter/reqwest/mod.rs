//! The tests for the async adapter alone.

mod cancel;
mod hostile;
mod renewal;
mod turns;

use std::time::Duration;

use adapter_tests::over_reqwest::block_on;
use adapter_tests::stub::{Step, Stub};
use device_flow_reqwest::{
    Clock as _, Endpoint, HttpClient, MetadataSearch, RegisterClientRequest, TokioClock,
};

#[test]
fn a_search_that_is_dropped_in_its_wait_or_while_it_asks_goes_on_where_it_was() {
    for step in [Step::Close, Step::Hang(Duration::from_secs(15))] {
        let stub = Stub::start_with(|endpoint| {
            vec![step, Step::ok(&format!(r#"{{"issuer":"{endpoint}","token_endpoint":"{endpoint}/t"}}"#))]
        });
        block_on(async {
            let clock = TokioClock;
            let search = MetadataSearch::of(stub.endpoint(), clock.now()).unwrap();
            let mut search = search.with_device_authorization_endpoint(format!("{}/d", stub.endpoint()));
            let builder = HttpClient::builder(Endpoint::custom(&stub.endpoint()).unwrap());
            let soon = Duration::from_millis(300);
            let dropped = tokio::time::timeout(soon, builder.search(&mut search, &clock)).await;
            assert!(dropped.is_err(), "it was dropped");
            builder.search(&mut search, &clock).await.unwrap();
            assert_eq!(search.finish().unwrap().issuer, stub.endpoint());
        });
        assert_eq!(stub.seen().len(), 2);
    }
}

// The builders are of two types, so `ureq` has the same test.
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
    let refused = block_on(patient.register_client(&RegisterClientRequest::new("x")));
    assert!(refused.is_err());
}
