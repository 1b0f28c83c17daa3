//! A sign-in through `device-flow-ureq`: `ENDPOINT [CLIENT_ID CLIENT_SECRET]`.

use device_flow_ureq::{Client, Endpoint, FirstPoll, HttpClient, Registration, Secret};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let endpoint = Endpoint::custom(&arguments.next().expect("an endpoint")).expect("a loopback endpoint");
    let registration = arguments.next().zip(arguments.next());
    let registration =
        registration.map(|(id, secret)| Registration::new(Client::new(id, Secret::from(secret))));
    let client = HttpClient::new(endpoint).expect("a client");
    let policy = client.policy("https://example.awsapps.com/start").with_first_poll(FirstPoll::Immediately);
    let signed_in = client.login(policy).registered(registration).run(|_| {}).expect("a sign-in");
    assert!(!signed_in.token.access_token.expose().is_empty());
}
