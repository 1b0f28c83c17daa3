//! A complete async sign-in: the code on stderr, the access token on stdout. Ctrl-C cancels it.
//!
//! ```console
//! $ ENDPOINT=http://127.0.0.1:8400 START_URL=https://d-1234567890.awsapps.com/start cargo run --example async_login
//! ```

use std::env;
use std::error::Error;

use device_flow_reqwest::{Endpoint, HttpClient, Policy};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = Endpoint::custom(&required("ENDPOINT")?)?;
    let client = HttpClient::new(endpoint)?;
    let policy = Policy::aws(required("START_URL")?).with_client_name("device-flow-reqwest example");
    let login = client.login(policy).run(|prompt| eprintln!("{prompt}"));
    let signed_in = tokio::select! {
        signed_in = login => signed_in?,
        _ = tokio::signal::ctrl_c() => return Err("cancelled".into()),
    };
    eprintln!("Signed in after {} polls.", signed_in.polls);
    println!("{}", signed_in.token.access_token.expose());
    Ok(())
}

fn required(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("set {name} in the environment"))
}
