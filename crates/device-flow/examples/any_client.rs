//! A sign-in with an HTTP client of one's own choice, and without an async runtime: the whole driver is the loop below.
//! The code is on stderr, the access token on stdout.
//!
//! ```console
//! $ ENDPOINT=http://127.0.0.1:8400 START_URL=https://d-1234567890.awsapps.com/start cargo run --example any_client
//! ```
#![expect(
    clippy::disallowed_methods,
    reason = "a driver reads the clock and waits, so that the machine need not"
)]

mod client;

use std::error::Error;
use std::thread;
use std::time::Instant;

use device_flow::{Action, DeviceFlow, Policy, Tick};
use oidc_proto::Endpoint;

use client::{required, send};

fn main() -> Result<(), Box<dyn Error>> {
    let service = Endpoint::custom(&required("ENDPOINT")?)?;
    let policy = Policy::aws(required("START_URL")?).with_client_name("device-flow example");
    let started = Instant::now();
    let now = || Tick::since_origin(started.elapsed());
    let mut flow = DeviceFlow::new(service, policy, None, now());
    loop {
        match flow.poll(now()) {
            Action::Send(pending) => {
                let result = send(&pending);
                flow.on_result(pending, now(), result)?;
            }
            Action::Prompt(prompt) => eprintln!("{prompt}"),
            Action::Wait(until) => thread::sleep(until.since(now())),
            Action::AwaitReply => flow.abandon(now()),
            Action::Done => break,
        }
    }
    let signed_in = flow.into_result(now())?;
    eprintln!("Signed in after {} polls.", signed_in.polls);
    println!("{}", signed_in.token.access_token.expose());
    Ok(())
}
