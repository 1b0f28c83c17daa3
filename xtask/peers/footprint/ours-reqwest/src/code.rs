//! A sign-in with an authorization code through `device-flow-reqwest`: `ENDPOINT`. It prints an address for a browser,
//! and waits for its redirect.

use device_flow_reqwest::{Endpoint, HttpClient, Listener, Policy};

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(sign_in());
}

async fn sign_in() {
    let endpoint = std::env::args().nth(1).expect("an endpoint");
    let client =
        HttpClient::new(Endpoint::custom(&endpoint).expect("a loopback endpoint")).expect("a client");
    let policy = Policy::aws("https://example.awsapps.com/start");
    let login = client.code_login(policy, Listener::bind().await.expect("a port"));
    let signed_in = login.run(|prompt| println!("{}", prompt.url)).await.expect("a sign-in");
    assert!(!signed_in.token.access_token.expose().is_empty());
}
