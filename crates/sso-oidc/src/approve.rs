//! `approve` and `deny`: a person's decision on a running test server, from a script.
//!
//! They do what a browser does: look at the page of the code, and send its form.

use std::io::Write as _;

use clap::Args;
use device_flow_ureq::ureq::http::Response;
use device_flow_ureq::ureq::{self, Agent, Body};
use oidc_proto::{Endpoint, printable};

use crate::exit::{Exit, Failure, chain};
use crate::service;
use crate::settings::Settings;

/// The longest page, in bytes. Ours has a few kilobytes.
const LONGEST_PAGE: u64 = 64 * 1024;
/// The `Server` header of the test server's pages.
const SERVER: &str = "sso-oidc-server";
/// The header with the reason why a code cannot be decided.
const PROBLEM: &str = "x-device-code";
/// The beginning of the form's hidden field with its token.
const TOKEN: &str = "name=\"csrf\" value=\"";

/// The flags of `approve` and `deny`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
The server is a `sso-oidc serve` that runs: --endpoint-url, or AWS_ENDPOINT_URL_SSO_OIDC as in the command of \
`serve -- COMMAND`. It works as its page does, whatever --approve says.

The exit code is 4 if the code has expired, 6 if no device waits with it, and 7 if it was decided before. It is 253 if \
the server is another one.")]
pub(crate) struct DecisionArgs {
    /// The code that the device shows; capitals and dashes do not matter
    #[arg(value_name = "CODE")]
    user_code: String,
}

/// The person's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Approve,
    Deny,
}

/// Runs `approve` or `deny`.
///
/// # Errors
/// No server is named or reached, it is another server, or the code cannot be decided.
pub(crate) fn run(args: &DecisionArgs, decision: Decision, settings: &Settings) -> Result<(), Failure> {
    if settings.endpoint_url()?.is_none() {
        return Err(Failure::config("there is no test server to decide at").with_hint(
            "pass --endpoint-url with the URL that `sso-oidc serve` prints, or set AWS_ENDPOINT_URL_SSO_OIDC",
        ));
    }
    let endpoint = settings.endpoint()?;
    let client = service::client_of(settings, endpoint.clone())?;
    let Some(agent) = client.agent() else { return Err(Failure::other("there is no HTTP client")) };
    let page = Page { agent, endpoint: &endpoint, url: format!("{endpoint}/device") };
    page.decide(&args.user_code, decision)
}

/// The page at which a person decides.
struct Page<'a> {
    agent: &'a Agent,
    endpoint: &'a Endpoint,
    url: String,
}

impl Page<'_> {
    fn decide(&self, user_code: &str, decision: Decision) -> Result<(), Failure> {
        let shown = self.answer(self.agent.get(&self.url).query("user_code", user_code).call())?;
        let cookie = shown.headers().get("set-cookie").and_then(|value| value.to_str().ok());
        let cookie = cookie.and_then(|cookie| cookie.split(';').next()).unwrap_or_default().to_owned();
        self.check(&shown, user_code)?;
        let html = shown.into_body().into_with_config().limit(LONGEST_PAGE).read_to_string();
        let html = html.map_err(|error| self.unreadable(&chain(&error)))?;
        let rest = html.split_once(TOKEN).map(|(_, rest)| rest);
        let Some((token, _)) = rest.and_then(|rest| rest.split_once('"')) else {
            return Err(self.unreadable("it has no form"));
        };
        let action = match decision {
            Decision::Approve => "approve",
            Decision::Deny => "deny",
        };
        let form = [("user_code", user_code), ("csrf", token), ("action", action)];
        let sent = self.agent.post(&self.url).header("cookie", cookie).send_form(form);
        self.check(&self.answer(sent)?, user_code)?;
        let done = match decision {
            Decision::Approve => "Approved",
            Decision::Deny => "Denied",
        };
        // A closed standard error is no reason to fail.
        let _ = writeln!(std::io::stderr().lock(), "{done} {}.", printable(user_code));
        Ok(())
    }

    /// Returns a response of our own server, with any status.
    fn answer(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, Failure> {
        let answer = answer.map_err(|error| {
            Failure::other(format_args!("cannot reach the test server {}: {}", self.endpoint, chain(&error)))
        })?;
        if answer.headers().get("server").is_some_and(|name| name == SERVER) {
            return Ok(answer);
        }
        let status = answer.status().as_u16();
        Err(Failure::config(format_args!(
            "{} is no `sso-oidc serve`: it responds with HTTP {status}",
            self.endpoint
        ))
        .with_hint("only the test server is decided at from a script; check --endpoint-url"))
    }

    /// Checks that the page accepts the code.
    fn check(&self, answer: &Response<Body>, user_code: &str) -> Result<(), Failure> {
        let problem = answer.headers().get(PROBLEM).and_then(|value| value.to_str().ok());
        let failure = |exit, why: &str| Err(Failure::new(exit, format_args!("the code {user_code} {why}")));
        match problem {
            Some("not-a-code") => failure(
                Exit::UnknownCode,
                "is no code: it has eight letters, and none of A, E, I, O, U and Y",
            ),
            Some("unknown") => failure(Exit::UnknownCode, "is unknown: no device waits with it"),
            Some("expired") => failure(Exit::Expired, "has expired"),
            Some("decided") => failure(Exit::Decided, "was decided before"),
            Some(_) => failure(Exit::Service, "is not looked at, after too many wrong codes; wait a minute"),
            None if answer.status().is_success() => Ok(()),
            None => Err(self.unreadable(&format!("it responds with HTTP {}", answer.status().as_u16()))),
        }
    }

    fn unreadable(&self, why: &str) -> Failure {
        Failure::service(format_args!("the page of {} cannot be used: {why}", self.endpoint))
    }
}
