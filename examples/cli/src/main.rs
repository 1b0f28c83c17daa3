//! A command-line program that stays signed in. See README.md.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::SystemTime;

use device_flow_ureq::{Cancel, Endpoint, HttpClient, Policy, SystemClock, UnixSeconds, UserPrompt};
use signal_hook::{consts::SIGINT, flag};

mod session;
#[cfg(test)]
mod tests;

use session::Portal;

const USAGE: &str = "usage: START_URL=… SESSION_FILE=… REGION=…|ENDPOINT=… example-cli";

fn main() -> ExitCode {
    let cancel = Cancel::new();
    let show = |prompt: &UserPrompt| writeln!(io::stderr(), "{prompt}");
    let (code, text) = match configured(&cancel).map(|portal| portal.session(show)) {
        Ok(Ok(session)) => match writeln!(io::stdout(), "{}", session.token.access_token.expose()) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => (1, format!("The token was not printed: {error}.")),
        },
        Ok(Err(_)) if cancel.is_cancelled() => (130, "Cancelled.".to_owned()),
        Ok(Err(end)) => (1, end.report().to_string()),
        Err(error) => (2, format!("{error}\n{USAGE}")),
    };
    eprintln!("{text}");
    ExitCode::from(code)
}

/// Returns the portal from the environment. Ctrl-C cancels its calls.
fn configured(cancel: &Cancel) -> Result<Portal<SystemClock, impl Fn() -> UnixSeconds>, Box<dyn Error>> {
    let variable = |name| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let endpoint = match variable("ENDPOINT") {
        Ok(url) => Endpoint::custom(&url)?,
        Err(_) => Endpoint::for_region(&variable("REGION")?)?,
    };
    let client = HttpClient::builder(endpoint).cancelled_by(cancel).build()?;
    let policy = Policy::aws(variable("START_URL")?).with_client_name("example-cli");
    let file = variable("SESSION_FILE")?.into();
    // The second Ctrl-C ends the program at once.
    flag::register_conditional_shutdown(SIGINT, 130, cancel.flag())?;
    flag::register(SIGINT, cancel.flag())?;
    Ok(Portal { client, policy, file, clock: SystemClock, now: || SystemTime::now().into() })
}
