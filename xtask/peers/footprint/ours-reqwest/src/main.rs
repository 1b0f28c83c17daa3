//! A sign-in through `device-flow-reqwest`: `ENDPOINT [CLIENT_ID CLIENT_SECRET]`.

use device_flow_reqwest::{Client, Endpoint, FirstPoll, HttpClient, Registration, Secret};

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(sign_in());
}

async fn sign_in() {
    let mut arguments = std::env::args().skip(1);
    let endpoint = Endpoint::custom(&arguments.next().expect("an endpoint")).expect("a loopback endpoint");
    let registration = arguments.next().zip(arguments.next());
    let registration =
        registration.map(|(id, secret)| Registration::new(Client::new(id, Secret::from(secret))));
    let client = HttpClient::new(endpoint).expect("a client");
    let policy = client.policy("https://example.awsapps.com/start").with_first_poll(FirstPoll::Immediately);
    let signed_in = client.login(policy).registered(registration).run(|_| {}).await.expect("a sign-in");
    assert!(!signed_in.token.access_token.expose().is_empty());
}
