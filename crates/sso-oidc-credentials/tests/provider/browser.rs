//! A sign-in with a browser on this machine.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use aws_credential_types::provider::ProvideCredentials as _;
use sso_oidc_credentials::device_flow_reqwest::BrowserPrompt;
use sso_oidc_server::{Approval, Config, TestServer};

use crate::world::World;

/// Requests an address as a browser does, and returns the response.
fn visit(url: &str) -> String {
    let (host, target) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_on_this_machine_brings_the_code_back() {
    let world = World::new();
    let server = TestServer::with(Config::default().with_approval(Approval::Auto)).unwrap();
    let open = |prompt: &BrowserPrompt| {
        let url = prompt.url.clone();
        std::thread::spawn(move || {
            let redirect = visit(&url);
            let is_location = |line: &&str| line.to_ascii_lowercase().starts_with("location: ");
            let location = redirect.lines().find(is_location).unwrap();
            visit(location.split_once(' ').unwrap().1);
        });
    };
    let provider = || world.builder_at(server.endpoint()).profile("work");
    // The session does not pin the device code, so the browser wins.
    let asking = provider().on_prompt(|_| panic!("a device code")).on_browser(open).build();
    asking.provide_credentials().await.unwrap();
    let paths: Vec<_> = server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/client/register", "/authorize", "/token", "/federation/credentials"]);

    // Its registration is not used for a device code: AWS refuses both grants in one.
    std::fs::remove_file(world.token_path()).unwrap();
    world.forget_credentials();
    let device = provider().on_prompt(|_| {}).build();
    device.sign_in().await.unwrap();
    let paths: Vec<_> = server.requests().into_iter().skip(4).map(|request| request.path).collect();
    assert_eq!(paths[..2], ["/client/register", "/device_authorization"]);
}
