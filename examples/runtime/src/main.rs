//! Signs in, and prints the access token. The code and any error go to stderr.
//!
//! ```console
//! $ cargo run -- http://127.0.0.1:8400 https://d-1234567890.awsapps.com/start
//! ```

use std::env;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Instant;

use device_flow::{DeviceFlow, Policy};
use example_runtime::{Client, Clock as _, sign_in};
use oidc_proto::Endpoint;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(report) => {
            eprintln!("{report}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [endpoint, start_url] = arguments.as_slice() else {
        return Err("usage: example-runtime ENDPOINT START_URL".to_owned());
    };
    let service = Endpoint::custom(endpoint).map_err(|error| error.to_string())?;
    let policy = Policy::aws(start_url).with_client_name("example-runtime");
    let clock = Instant::now();
    let flow = DeviceFlow::new(service, policy, None, clock.now());
    let signed_in = smol::block_on(sign_in(&Client::default(), &clock, flow, |prompt| eprintln!("{prompt}")));
    let signed_in = signed_in.map_err(|end| end.report().to_string())?;
    let written = writeln!(io::stdout(), "{}", signed_in.token.access_token.expose());
    written.map_err(|error| format!("the token was not printed: {error}"))
}
