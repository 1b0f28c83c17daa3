//! `peers-aws-instructions CASE COUNT` makes so many calls; without arguments it counts the allocations of each.
//!
//! A call is what a poll loop over the SDK does in one round: build the input, send it, look at the answer.
//! The HTTP client answers at once from memory.

use aws_sdk_ssooidc::config::{BehaviorVersion, Region, RuntimeComponents};
use aws_sdk_ssooidc::{Client, Config};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;

const CASES: [&str; 2] = ["token-aws-sdk", "step-aws-sdk"];

/// The answers of `peers-instructions`, to the byte.
#[derive(Clone, Debug)]
struct Answers {
    token: bool,
    body: String,
}

impl Answers {
    fn of(case: &str) -> Self {
        let token = case == "token-aws-sdk";
        let body = if token {
            format!(
                r#"{{"accessToken":"{}","expiresIn":28800,"refreshToken":"{}","tokenType":"Bearer"}}"#,
                "a".repeat(720),
                "r".repeat(380)
            )
        } else {
            r#"{"error":"authorization_pending","error_description":"Authorization is still pending"}"#
                .to_owned()
        };
        Self { token, body }
    }
}

impl HttpClient for Answers {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Answers {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let mut answer = http::Response::builder().status(if self.token { 200 } else { 400 });
        if !self.token {
            answer = answer.header(
                "x-amzn-ErrorType",
                "AuthorizationPendingException:http://internal.amazon.com/coral/com.amazonaws.sso.oidc/",
            );
        }
        let answer = answer.header("x-amzn-RequestId", "7f6d0b6a-8b1c-4e0f-9f0e-0f6a2f0a3c11");
        let answer = answer.body(SdkBody::from(self.body.as_str())).expect("a valid response");
        HttpConnectorFuture::ready(Ok(HttpResponse::try_from(answer).expect("a valid response")))
    }
}

async fn once(client: &Client, is_token: bool, secret: &str, code: &str) {
    let call = client.create_token().client_id("client-id").client_secret(secret).device_code(code);
    match call.grant_type("urn:ietf:params:oauth:grant-type:device_code").send().await {
        Ok(token) => assert!(is_token && token.access_token.is_some()),
        Err(error) => {
            let error = error.as_service_error().expect("an answer of the service");
            assert!(!is_token && error.is_authorization_pending_exception());
        }
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let prepared = |case: &str| {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .http_client(Answers::of(case))
            .build();
        (Client::from_conf(config), case == "token-aws-sdk")
    };
    let (secret, code) = ("s".repeat(850), "d".repeat(86));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            for case in CASES {
                let (client, is_token) = prepared(case);
                runtime.block_on(once(&client, is_token, &secret, &code));
                let counted =
                    allocation_counter::measure(|| runtime.block_on(once(&client, is_token, &secret, &code)));
                println!("{case} {} {}", counted.count_total, counted.bytes_total);
            }
        }
        [case, count] if CASES.contains(&case) => {
            let (client, is_token) = prepared(case);
            for _ in 0..count.parse().expect("a count") {
                runtime.block_on(once(&client, is_token, &secret, &code));
            }
        }
        _ => panic!("CASE COUNT, or nothing"),
    }
}
