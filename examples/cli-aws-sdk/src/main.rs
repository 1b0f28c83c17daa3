//! The program of `examples/cli` with `aws-sdk-ssooidc`, which has the calls but no sign-in. See the README there.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use aws_sdk_ssooidc::config::timeout::TimeoutConfig;
use aws_sdk_ssooidc::config::{BehaviorVersion, Region};
use aws_sdk_ssooidc::{Client, Config};

mod session;

use session::Portal;

const USAGE: &str = "usage: START_URL=… SESSION_FILE=… REGION=…|ENDPOINT=… example-cli-aws-sdk";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let portal = match configured() {
        Ok(portal) => portal,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let ended = tokio::select! {
        ended = portal.access_token() => ended,
        _ = tokio::signal::ctrl_c() => {
            eprintln!("Cancelled.");
            return ExitCode::from(130);
        }
    };
    match ended {
        Ok(access_token) => match writeln!(io::stdout(), "{access_token}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("The token was not printed: {error}.");
                ExitCode::FAILURE
            }
        },
        Err(end) => {
            eprintln!("{end}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the portal from the environment.
fn configured() -> Result<Portal, String> {
    let variable = |name| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(40)).build();
    let config = Config::builder().behavior_version(BehaviorVersion::latest()).timeout_config(timeouts);
    let (service, config) = match variable("ENDPOINT") {
        // The SDK requires a region, but does not use it here.
        Ok(url) => (url.clone(), config.region(Region::from_static("us-east-1")).endpoint_url(url)),
        Err(_) => {
            let region = variable("REGION")?;
            (region.clone(), config.region(Region::new(region)))
        }
    };
    let (start_url, file) = (variable("START_URL")?, variable("SESSION_FILE")?.into());
    Ok(Portal { client: Client::from_conf(config.build()), service, start_url, file })
}
