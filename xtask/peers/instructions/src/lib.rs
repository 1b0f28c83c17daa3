//! The cases that are measured. Two programs run them, because an allocator that counts has instructions of
//! its own. `peers-instructions CASE COUNT` does one thing so often, `peers-allocations` counts the
//! allocations of each.

use std::hint::black_box;
use std::time::Duration;

use device_flow::{Action, DeviceFlow, Policy, Reply, Tick};
use oauth2::basic::BasicTokenResponse;
use oauth2::{DeviceCodeErrorResponse, TokenResponse as _};
use oidc_proto::{
    Answer, Client, CreateTokenRequest, DeviceAuthorization, Dialect, Endpoint, Registration, Secret,
};
use serde::Deserialize;

/// The floor: plain owned members, no tolerance, no faults, no secrets.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlainToken {
    access_token: String,
    expires_in: u64,
    refresh_token: Option<String>,
    id_token: Option<String>,
    token_type: String,
}

#[derive(Deserialize)]
struct PlainError {
    error: String,
    error_description: Option<String>,
}

pub type Response = http::Response<Vec<u8>>;

fn token_body(names: [&str; 4]) -> Vec<u8> {
    let [access, expires, refresh, kind] = names;
    format!(
        r#"{{"{access}":"{}","{expires}":28800,"{refresh}":"{}","{kind}":"Bearer"}}"#,
        "a".repeat(720),
        "r".repeat(380)
    )
    .into_bytes()
}

fn aws_token() -> Response {
    http::Response::new(token_body(["accessToken", "expiresIn", "refreshToken", "tokenType"]))
}

fn oauth_token() -> Response {
    http::Response::new(token_body(["access_token", "expires_in", "refresh_token", "token_type"]))
}

pub fn pending() -> Response {
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

/// The same from a provider that says nothing in headers.
fn oauth_pending() -> Response {
    let mut response = pending();
    response.headers_mut().clear();
    response
}

/// A flow that waits for its person, with a client secret of a real one's length.
fn waiting() -> (DeviceFlow, Tick) {
    let endpoint = Endpoint::for_region("eu-west-1").expect("a region");
    let client = Client::new("client-id", Secret::from("s".repeat(850)));
    let mut flow = DeviceFlow::new(
        endpoint,
        Policy::aws("https://example.awsapps.com/start"),
        Some(Registration::new(client)),
        Tick::ZERO,
    );
    let Action::Send(pending) = flow.poll(Tick::ZERO) else { panic!("nothing to send") };
    let life = Duration::from_secs(u64::from(u32::MAX) * 1_000);
    let codes =
        DeviceAuthorization::new(Secret::from("d".repeat(86)), "WDJB-MJHT", "https://device.example/", life);
    flow.on_reply(pending, Tick::ZERO, Reply::Authorized(codes)).expect("the flow waits for this");
    let Action::Prompt(_) = flow.poll(Tick::ZERO) else { panic!("no prompt") };
    (flow, Tick::ZERO + Duration::from_secs(5))
}

/// What a poll loop written by hand does: serialize the request, read the answer, look at the code.
fn step_by_hand(secret: &str, code: &str, response: &Response) -> bool {
    let request = serde_json::json!({
        "clientId": "client-id", "clientSecret": secret, "deviceCode": code,
        "grantType": "urn:ietf:params:oauth:grant-type:device_code",
    });
    black_box(serde_json::to_vec(&request).expect("strings"));
    let error: PlainError = serde_json::from_slice(response.body()).expect("an error");
    black_box(&error.error_description);
    error.error == "authorization_pending"
}

/// Does the case once.
pub fn case(name: &str) -> Option<Box<dyn FnMut()>> {
    let (aws, oauth, error) = (aws_token(), oauth_token(), pending());
    Some(match name {
        "token-floor" => Box::new(move || {
            let token: PlainToken = serde_json::from_slice(black_box(aws.body())).expect("a token");
            black_box((
                token.access_token,
                token.expires_in,
                token.refresh_token,
                token.id_token,
                token.token_type,
            ));
        }),
        "token-ours" => Box::new(move || {
            let answer = Dialect::Aws.decode::<CreateTokenRequest, _>(black_box(&aws));
            let got = black_box(answer);
            assert!(matches!(got, Answer::Success(_)), "{got:?}");
        }),
        "token-oauth-ours" => Box::new(move || {
            let answer = Dialect::OAuth.decode::<CreateTokenRequest, _>(black_box(&oauth));
            let got = black_box(answer);
            assert!(matches!(got, Answer::Success(_)), "{got:?}");
        }),
        "token-oauth2-crate" => Box::new(move || {
            let token: BasicTokenResponse = serde_json::from_slice(black_box(oauth.body())).expect("a token");
            black_box(token.access_token());
        }),
        "error-floor" => Box::new(move || {
            let error: PlainError = serde_json::from_slice(black_box(error.body())).expect("an error");
            black_box((error.error, error.error_description));
        }),
        "error-ours" => Box::new(move || {
            let answer = Dialect::Aws.decode::<CreateTokenRequest, _>(black_box(&error));
            let got = black_box(answer);
            assert!(matches!(got, Answer::Fault(_)), "{got:?}");
        }),
        "error-oauth-ours" => {
            let error = oauth_pending();
            Box::new(move || {
                let answer = Dialect::OAuth.decode::<CreateTokenRequest, _>(black_box(&error));
                let got = black_box(answer);
                assert!(matches!(got, Answer::Fault(_)), "{got:?}");
            })
        }
        "error-oauth2-crate" => Box::new(move || {
            let error: DeviceCodeErrorResponse =
                serde_json::from_slice(black_box(error.body())).expect("an error");
            black_box(error);
        }),
        "step-by-hand" => {
            let (secret, code) = ("s".repeat(850), "d".repeat(86));
            Box::new(move || assert!(step_by_hand(black_box(&secret), black_box(&code), black_box(&error))))
        }
        "step-ours" => {
            let (mut flow, mut now) = waiting();
            Box::new(move || {
                let Action::Send(pending) = flow.poll(now) else { panic!("not due") };
                black_box(pending.request());
                flow.on_response(pending, now, black_box(&error)).expect("it is awaited");
                let Action::Wait(until) = flow.poll(now) else { panic!("no wait") };
                now = until;
            })
        }
        "step-machine-only" => {
            let (mut flow, mut now) = waiting();
            Box::new(move || {
                let Action::Send(pending) = flow.poll(now) else { panic!("not due") };
                black_box(pending.request());
                let fault = oidc_proto::Fault::new(oidc_proto::FaultCode::AuthorizationPending);
                flow.on_reply(pending, now, Reply::Fault(fault)).expect("it is awaited");
                let Action::Wait(until) = flow.poll(now) else { panic!("no wait") };
                now = until;
            })
        }
        _ => return None,
    })
}

/// Their names, each after its floor.
pub const CASES: [&str; 11] = [
    "token-floor",
    "token-ours",
    "token-oauth-ours",
    "token-oauth2-crate",
    "error-floor",
    "error-ours",
    "error-oauth-ours",
    "error-oauth2-crate",
    "step-by-hand",
    "step-ours",
    "step-machine-only",
];
