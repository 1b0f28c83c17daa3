//! A sign-in through huskarl over reqwest: `ENDPOINT [CLIENT_ID CLIENT_SECRET]`. No TLS, no discovery, and no sleep
//! between polls. The registration is by hand, as beside the other peers.

use huskarl::core::EndpointUrl;
use huskarl::core::client_auth::ClientSecret;
use huskarl::core::secrets::{ProvidedSecret, SecretString};
use huskarl::grant::device_authorization::{DeviceAuthorizationGrant, PollResult, StartInput};
use huskarl_reqwest::ReqwestClient;

const REGISTER: &str = r#"{"client_name":"huskarl","token_endpoint_auth_method":"client_secret_post",
"grant_types":["urn:ietf:params:oauth:grant-type:device_code"],"response_types":[]}"#;

async fn register(http: &reqwest::Client, endpoint: &str) -> (String, String) {
    let call = http.post(format!("{endpoint}/oauth/register")).header("content-type", "application/json");
    let body = call.body(REGISTER).send().await.expect("an answer").bytes().await.expect("a body");
    let client: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    let member = |name: &str| client[name].as_str().expect("a string").to_owned();
    (member("client_id"), member("client_secret"))
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(sign_in());
}

async fn sign_in() {
    let mut arguments = std::env::args().skip(1);
    let endpoint = arguments.next().expect("an endpoint");
    let http =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let (id, secret) = match arguments.next().zip(arguments.next()) {
        Some(given) => given,
        None => register(&http, &endpoint).await,
    };
    let url = |path: &str| -> EndpointUrl { format!("{endpoint}/oauth/{path}").parse().expect("a URL") };
    let grant = DeviceAuthorizationGrant::builder()
        .device_authorization_endpoint(url("device_authorization"))
        .token_endpoint(url("token"))
        .client_id(id)
        .http_client(ReqwestClient::from(http))
        .client_auth(ClientSecret::new(ProvidedSecret::new(SecretString::new(secret))))
        .build();
    let started = grant.start(StartInput::builder().build()).await.expect("an authorization");
    let mut pending = started.pending_state;
    loop {
        if let PollResult::Complete(response) = grant.poll(&mut pending, None).await.expect("an answer") {
            return assert!(!response.access_token().token().expose_secret().is_empty());
        }
    }
}
