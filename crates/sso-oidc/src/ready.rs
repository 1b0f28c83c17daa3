//! `ready`: a health check of a running test server, for a container without a shell.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use device_flow_ureq::ureq::Agent;
use oidc_proto::Endpoint;

use crate::duration;
use crate::exit::{Exit, Failure, chain};
use crate::serve::ready_file;
use crate::service;
use crate::settings::Settings;

/// The longest time for one answer. A server that needs more is not ready.
const LONGEST_ANSWER: Duration = Duration::from_secs(5);
/// The time between two attempts.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest answer, in bytes. Ours has a few.
const LONGEST_BODY: u64 = 1024;
/// The body of a server that is ready.
const READY: &str = "ready\n";

/// The flags of `ready`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
It asks for /ready, which says whether the store of the server answers. The server is that of URL or --ready-file, else of \
--endpoint-url or AWS_ENDPOINT_URL_SSO_OIDC. No secret is sent.

The exit code is 0 if the server is ready, and 1 if it is not.")]
pub(crate) struct ReadyArgs {
    /// The server's URL, as `serve` prints it
    #[arg(value_name = "URL")]
    url: Option<String>,

    /// The file of `serve --ready-file`, which has the URL. Without the file the server is not ready
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    ready_file: Option<PathBuf>,

    /// Try again for so long, until the server is ready
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration::any)]
    wait: Duration,
}

/// Runs `ready`.
///
/// # Errors
/// No server is named, its URL or a certificate of the settings is invalid, or it is not ready.
pub(crate) fn run(args: &ReadyArgs, settings: &Settings) -> Result<(), Failure> {
    let began = Instant::now();
    loop {
        let asked = match named(args, settings)? {
            Ok(endpoint) => ask(&endpoint, settings)?,
            Err(why) => Err(why),
        };
        let Err(why) = asked else { return Ok(()) };
        let left = args.wait.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Err(Failure::new(Exit::Findings, format_args!("not ready: {why}")));
        }
        std::thread::sleep(PAUSE.min(left));
    }
}

/// Returns the server that is asked, or why there is none yet.
fn named(args: &ReadyArgs, settings: &Settings) -> Result<Result<Endpoint, String>, Failure> {
    let url = match (&args.url, &args.ready_file) {
        (Some(url), _) => Some(url.clone()),
        (None, Some(file)) => match of_file(file) {
            Ok(url) => Some(url),
            Err(why) => return Ok(Err(why)),
        },
        (None, None) => settings.endpoint_url()?,
    };
    let url = url.ok_or_else(|| {
        let hint = "pass the URL that `sso-oidc serve` prints, or --ready-file";
        Failure::config("there is no test server to ask").with_hint(hint)
    })?;
    // Nothing secret is sent, so a server in another container may speak plain HTTP.
    Endpoint::allow_insecure_http(&url).map(Ok).map_err(Failure::config)
}

fn of_file(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| format!("cannot read the ready file {}: {error}", file.display()))?;
    ready_file::url(&text)
        .map(str::to_owned)
        .ok_or_else(|| format!("the ready file {} has no line with a URL", file.display()))
}

/// Asks the server once. The inner error says why it is not ready.
fn ask(endpoint: &Endpoint, settings: &Settings) -> Result<Result<(), String>, Failure> {
    let client = service::client_of(settings, endpoint.clone())?;
    let Some(agent) = client.agent() else { return Err(Failure::other("there is no HTTP client")) };
    Ok(answer(agent, endpoint))
}

fn answer(agent: &Agent, endpoint: &Endpoint) -> Result<(), String> {
    let request =
        agent.get(format!("{endpoint}/ready")).config().timeout_global(Some(LONGEST_ANSWER)).build();
    let answer = request.call().map_err(|error| format!("cannot reach {endpoint}: {}", chain(&error)))?;
    let status = answer.status().as_u16();
    let body = answer.into_body().into_with_config().limit(LONGEST_BODY).read_to_string();
    // A proxy may answer in the place of a server that is away.
    match body {
        Ok(body) if status == 200 && body == READY => Ok(()),
        Ok(body) if status == 503 && !body.trim_end().contains('\n') && body.len() < 100 => {
            Err(format!("{endpoint} responds with HTTP 503: {}", body.trim_end()))
        }
        Ok(_) => Err(format!("{endpoint} responds with HTTP {status}, and not as `sso-oidc serve` does")),
        Err(error) => Err(format!("the answer of {endpoint} cannot be read: {}", chain(&error))),
    }
}
