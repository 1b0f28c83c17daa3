//! A complete blocking sign-in: the code on stderr, the access token on stdout. Ctrl-C cancels it.
//!
//! ```console
//! $ ENDPOINT=http://127.0.0.1:8400 START_URL=https://d-1234567890.awsapps.com/start cargo run --example login
//! ```

use std::env;
use std::error::Error;

use device_flow_ureq::{Cancel, Endpoint, HttpClient, Policy};

fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = Endpoint::custom(&required("ENDPOINT")?)?;
    let client = HttpClient::new(endpoint)?;
    let policy = Policy::aws(required("START_URL")?).with_client_name("device-flow-ureq example");
    let cancel = Cancel::new();
    // A signal handler may do no more than set the flag.
    signal_hook::flag::register(signal_hook::consts::SIGINT, cancel.flag())?;
    let login = client.login(policy).cancelled_by(&cancel);
    let signed_in = login.run(|prompt| eprintln!("{prompt}"))?;
    eprintln!("Signed in after {} polls.", signed_in.polls);
    println!("{}", signed_in.token.access_token.expose());
    Ok(())
}

fn required(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("set {name} in the environment"))
}
