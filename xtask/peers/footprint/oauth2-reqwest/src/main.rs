//! A sign-in through the `oauth2` crate over its reqwest: `ENDPOINT [CLIENT_ID CLIENT_SECRET]`. The crate
//! does not register clients, so that is by hand.

use oauth2::basic::BasicClient;
use oauth2::{
    ClientId, ClientSecret, DeviceAuthorizationUrl, StandardDeviceAuthorizationResponse, TokenResponse as _,
    TokenUrl, reqwest,
};

const REGISTER: &str = r#"{"client_name":"oauth2","token_endpoint_auth_method":"client_secret_basic",
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
    let device_url = DeviceAuthorizationUrl::new(format!("{endpoint}/oauth/device_authorization"));
    let client = BasicClient::new(ClientId::new(id))
        .set_client_secret(ClientSecret::new(secret))
        .set_token_uri(TokenUrl::new(format!("{endpoint}/oauth/token")).expect("an address"))
        .set_device_authorization_url(device_url.expect("an address"));
    let device: StandardDeviceAuthorizationResponse =
        client.exchange_device_code().request_async(&http).await.expect("an authorization");
    let no_sleep = |_| std::future::ready(());
    let token = client.exchange_device_access_token(&device).request_async(&http, no_sleep, None).await;
    assert!(!token.expect("a token").access_token().secret().is_empty());
}
