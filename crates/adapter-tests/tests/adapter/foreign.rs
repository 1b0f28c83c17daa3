//! A flow of one service with a client of another. It sends nothing, because the client's proxy and
//! certificates are for its own service. A search for metadata may lead elsewhere, and has a client for each
//! host.

use std::time::{Duration, UNIX_EPOCH};

use adapter_tests::stub::{Step, Stub};
use adapter_tests::{Adapter, for_both_adapters};
use device_flow::{Action, ApiMisuse, DeviceFlow, FirstPoll, Outcome, Policy, ResumeError, SavedFlow, Tick};
use oidc_proto::{Client, Endpoint, Secret, Service};

use crate::proxied::{self, REGION, TASK};

const CODES: &str =
    r#"{"deviceCode":"d","userCode":"C","verificationUri":"https://d.example/","expiresIn":600}"#;

/// Returns a loopback service, with a client secret for this machine only.
fn loopback() -> (Service, Policy) {
    let service = Service::from(Endpoint::custom("http://127.0.0.1:9").unwrap());
    let policy = Policy::aws("https://d-1234567890.awsapps.com/start")
        .with_client(Client::new("id", Secret::from("THE-CLIENT-SECRET")))
        .with_first_poll(FirstPoll::Immediately)
        .with_setup_retry_window(Duration::ZERO);
    (service, policy)
}

fn is_refused<A: Adapter>(mut flow: DeviceFlow) {
    let refused = A::drive_in_region(REGION, &mut flow);
    assert!(matches!(refused, Err(ApiMisuse::OtherService { .. })), "{refused:?}");
    assert!(flow.outcome().is_none() && flow.polls() == 0, "the flow is as it was");
}

/// Drives flows that must not reach the client's proxy.
fn drive_foreign_flows<A: Adapter>() {
    let (service, policy) = loopback();
    is_refused::<A>(DeviceFlow::new(service.clone(), policy.clone(), None, Tick::ZERO));

    // This saved flow has codes, and continues with another client.
    let mut flow = DeviceFlow::new(service.clone(), policy.clone(), None, Tick::ZERO);
    let Action::Send(pending) = flow.poll(Tick::ZERO) else { panic!("it asks for codes") };
    flow.on_response(pending, Tick::ZERO, &http::Response::new(CODES)).unwrap();
    let got = flow.poll(Tick::ZERO);
    assert!(matches!(got, Action::Prompt(_)), "{got:?}");
    let saved = serde_json::to_vec(&flow.save(Tick::ZERO, UNIX_EPOCH).unwrap()).unwrap();
    let saved: SavedFlow = serde_json::from_slice(&saved).unwrap();
    is_refused::<A>(saved.clone().resume(service, policy.clone(), Tick::ZERO, UNIX_EPOCH).unwrap());
    let elsewhere = Endpoint::for_region(REGION).unwrap();
    let refused = saved.resume(elsewhere, policy, Tick::ZERO, UNIX_EPOCH);
    assert!(matches!(refused, Err(ResumeError::OtherService { .. })), "{refused:?}");
}

/// Drives a flow of the client's own service, which must reach the proxy.
fn drive_own_flow<A: Adapter>() {
    let policy =
        Policy::aws("https://d-1234567890.awsapps.com/start").with_setup_retry_window(Duration::ZERO);
    let mut flow = DeviceFlow::new(Endpoint::for_region(REGION).unwrap(), policy, None, Tick::ZERO);
    A::drive_in_region(REGION, &mut flow).unwrap();
    assert!(matches!(flow.outcome(), Some(Err(Outcome::Unreachable { .. }))), "{:?}", flow.outcome());
}

/// Returns the requests at the proxy during a test of this module.
fn heard_from<A: Adapter>(test: &str, flows: &str) -> String {
    proxied::heard_from(&format!("foreign::{}::{test}", A::NAME), flows, "200 OK")
}

fn a_flow_of_another_service_is_refused_before_a_byte_is_sent<A: Adapter>() {
    match std::env::var(TASK).as_deref() {
        Ok("foreign") => return drive_foreign_flows::<A>(),
        Ok(_) => return drive_own_flow::<A>(),
        Err(_) => {}
    }
    let test = "a_flow_of_another_service_is_refused_before_a_byte_is_sent";
    assert_eq!(heard_from::<A>(test, "foreign"), "", "the proxy has seen what was not for it");
    let own = heard_from::<A>(test, "own");
    assert!(own.starts_with("CONNECT oidc.eu-west-1.amazonaws.com:443 "), "the proxy is in use: {own:?}");
}

fn a_redirect_of_the_metadata_goes_through_the_proxy_of_where_it_leads<A: Adapter>() {
    if std::env::var_os(TASK).is_some() {
        let moved = || Step::Answer(302, "location: https://id.invalid/m\r\n", String::new());
        let stub = Stub::start([moved()]);
        let error = A::searched(&stub.endpoint(), |search| search).0.unwrap_err();
        assert_eq!(error.address().map(ToString::to_string).as_deref(), Some("https://id.invalid/m"));
        return;
    }
    let heard =
        heard_from::<A>("a_redirect_of_the_metadata_goes_through_the_proxy_of_where_it_leads", "redirect");
    assert!(heard.starts_with("CONNECT id.invalid:443 "), "and what is on this machine does not: {heard:?}");
}

for_both_adapters! {
    a_flow_of_another_service_is_refused_before_a_byte_is_sent,
    a_redirect_of_the_metadata_goes_through_the_proxy_of_where_it_leads,
}
