//! The cost of one response, one poll and one whole sign-in, in time and allocations. `cargo xtask bench`
//! runs it.
//!
//! Times are this machine's and vary; allocations do not.

use std::hint::black_box;
use std::time::Duration;

use device_authority::UserDecision;
use device_flow::{Action, DeviceFlow, Operation, Policy, Reply, Tick};
use oidc_proto::{
    Answer, Client, CreateTokenRequest, DeviceAuthorization, Dialect, Endpoint, Registration, Secret,
};
use pair_tests::{World, secs, strict};

#[global_allocator]
static ALLOCATIONS: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

/// Returns a success of a realistic size: 1.2 kB.
fn token_response() -> http::Response<Vec<u8>> {
    let body = format!(
        r#"{{"accessToken":"{}","expiresIn":28800,"idToken":null,"refreshToken":"{}","tokenType":"Bearer"}}"#,
        "a".repeat(700),
        "r".repeat(400)
    );
    http::Response::new(body.into_bytes())
}

fn pending_response() -> http::Response<Vec<u8>> {
    http::Response::builder()
        .status(400)
        .header(
            "x-amzn-ErrorType",
            "AuthorizationPendingException:http://internal.amazon.com/coral/com.amazonaws.sso.oidc/",
        )
        .header("x-amzn-RequestId", "7f6d0b6a-8b1c-4e0f-9f0e-0f6a2f0a3c11")
        .body(
            br#"{"error":"authorization_pending","error_description":"Authorization is still pending"}"#
                .to_vec(),
        )
        .expect("a valid response")
}

#[divan::bench]
fn decode_token(bencher: divan::Bencher<'_, '_>) {
    let response = token_response();
    bencher.bench_local(|| {
        let answer = Dialect::Aws.decode::<CreateTokenRequest, _>(black_box(&response));
        assert!(matches!(answer, Answer::Success(_)), "{answer:?}");
        answer
    });
}

#[divan::bench]
fn decode_pending(bencher: divan::Bencher<'_, '_>) {
    let response = pending_response();
    bencher.bench_local(|| Dialect::Aws.decode::<CreateTokenRequest, _>(black_box(&response)));
}

/// Returns a flow that waits for its person.
fn waiting() -> (DeviceFlow, Tick) {
    let service = Endpoint::for_region("eu-west-1").expect("a region");
    let policy = Policy::aws("https://example.awsapps.com/start");
    let client = Client::new("client-id", Secret::from("s".repeat(850)));
    let mut now = Tick::ZERO;
    let mut flow = DeviceFlow::new(service, policy, Some(Registration::new(client)), now);
    let Action::Send(pending) = flow.poll(now) else { panic!("nothing to send") };
    let life = Duration::from_secs(u64::from(u32::MAX) * 1_000);
    let codes =
        DeviceAuthorization::new(Secret::from("d".repeat(86)), "WDJB-MJHT", "https://device.example/", life);
    flow.on_reply(pending, now, Reply::Authorized(codes)).expect("the flow waits for this");
    let Action::Prompt(_) = flow.poll(now) else { panic!("no prompt") };
    now = now + secs(5);
    (flow, now)
}

/// Measures one pending poll with the wire format: request, decoding of the response, decision, wait.
#[divan::bench]
fn pending_poll(bencher: divan::Bencher<'_, '_>) {
    let response = pending_response();
    let (mut flow, mut now) = waiting();
    bencher.bench_local(|| {
        let Action::Send(pending) = flow.poll(now) else { panic!("not due") };
        black_box(pending.request());
        flow.on_response(pending, now, black_box(&response)).expect("it is awaited");
        let Action::Wait(until) = flow.poll(now) else { panic!("no wait") };
        now = until;
    });
}

/// Measures the machine's part of it, with a response decoded beforehand.
#[divan::bench]
fn pending_poll_machine_only(bencher: divan::Bencher<'_, '_>) {
    let (mut flow, mut now) = waiting();
    let fault = oidc_proto::Fault::new(oidc_proto::FaultCode::AuthorizationPending);
    bencher.bench_local(|| {
        let Action::Send(pending) = flow.poll(now) else { panic!("not due") };
        black_box(pending.request());
        flow.on_reply(pending, now, Reply::Fault(fault.clone())).expect("it is awaited");
        let Action::Wait(until) = flow.poll(now) else { panic!("no wait") };
        now = until;
    });
}

/// Measures a whole sign-in of client and server at virtual time, with every message through the wire format.
/// It has a registration, an authorization, 12 pending polls and a grant.
#[divan::bench]
fn whole_flow_both_sides() {
    let mut world = World::new(strict(5)).person(secs(61), UserDecision::APPROVE);
    assert!(world.run().is_ok());
    assert_eq!(world.sent.iter().filter(|(operation, _)| *operation == Operation::CreateToken).count(), 13);
}
