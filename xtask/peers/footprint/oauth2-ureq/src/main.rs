//! A sign-in through the `oauth2` crate over its ureq: `ENDPOINT [CLIENT_ID CLIENT_SECRET]`. The crate does
//! not register clients, so that is by hand.

use oauth2::basic::BasicClient;
use oauth2::{
    ClientId, ClientSecret, DeviceAuthorizationUrl, StandardDeviceAuthorizationResponse, TokenResponse as _,
    TokenUrl, ureq,
};

const REGISTER: &str = r#"{"client_name":"oauth2","token_endpoint_auth_method":"client_secret_basic",
"grant_types":["urn:ietf:params:oauth:grant-type:device_code"],"response_types":[]}"#;

fn register(http: &ureq::Agent, endpoint: &str) -> (String, String) {
    let call = http.post(&format!("{endpoint}/oauth/register")).set("content-type", "application/json");
    let body = call.send_string(REGISTER).expect("an answer").into_string().expect("a body");
    let client: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    let member = |name: &str| client[name].as_str().expect("a string").to_owned();
    (member("client_id"), member("client_secret"))
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let endpoint = arguments.next().expect("an endpoint");
    let http = ureq::AgentBuilder::new().redirects(0).build();
    let given = arguments.next().zip(arguments.next());
    let (id, secret) = given.unwrap_or_else(|| register(&http, &endpoint));
    let device_url = DeviceAuthorizationUrl::new(format!("{endpoint}/oauth/device_authorization"));
    let client = BasicClient::new(ClientId::new(id))
        .set_client_secret(ClientSecret::new(secret))
        .set_token_uri(TokenUrl::new(format!("{endpoint}/oauth/token")).expect("an address"))
        .set_device_authorization_url(device_url.expect("an address"));
    let device: StandardDeviceAuthorizationResponse =
        client.exchange_device_code().request(&http).expect("an authorization");
    let token = client.exchange_device_access_token(&device).request(&http, |_| {}, None).expect("a token");
    assert!(!token.access_token().secret().is_empty());
}
