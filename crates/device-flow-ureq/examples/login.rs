//! A complete blocking sign-in: the code on stderr, the access token on stdout. Ctrl-C cancels it.
//!
//! ```console
//! $ ENDPOINT=http://127.0.0.1:8400 START_URL=https://d-1234567890.awsapps.com/start cargo run --example login
//! ```

use std::env;
use std::error::Error;

use device_flow_ureq::{Cancel, Endpoint, HttpClient, Policy};
use signal_hook::consts::SIGINT;
use signal_hook::flag;

fn main() -> Result<(), Box<dyn Error>> {
    let cancel = Cancel::new();
    // A signal handler may do no more than set the flag. The second Ctrl-C ends the program, whatever it does.
    flag::register_conditional_shutdown(SIGINT, 130, cancel.flag())?;
    flag::register(SIGINT, cancel.flag())?;
    let endpoint = Endpoint::custom(&required("ENDPOINT")?)?;
    let client = HttpClient::builder(endpoint).cancelled_by(&cancel).build()?;
    let policy = Policy::aws(required("START_URL")?).with_client_name("device-flow-ureq example");
    let signed_in = client.login(policy).run(|prompt| eprintln!("{prompt}"))?;
    eprintln!("Signed in after {} polls.", signed_in.polls);
    println!("{}", signed_in.token.access_token.expose());
    Ok(())
}

fn required(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("set {name} in the environment"))
}
