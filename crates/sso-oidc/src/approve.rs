//! `approve` and `deny`: a person's decision on a running test server, from a script.
//!
//! They do what a browser does: look at the page of the code, and send its form.

use std::io::Write as _;

use clap::Args;
use device_flow_ureq::ureq::http::Response;
use device_flow_ureq::ureq::{self, Agent, Body};
use oidc_proto::{Endpoint, printable};
use quick_xml::escape::unescape;

use crate::exit::{Exit, Failure, chain};
use crate::service;
use crate::settings::Settings;

/// The longest page, in bytes. With all the people that `serve` takes, ours has half of it.
const LONGEST_PAGE: u64 = 4 * 1024 * 1024;
/// The `Server` header of the test server's pages.
const SERVER: &str = "sso-oidc-server";
/// The header with the reason why a code cannot be decided.
const PROBLEM: &str = "x-device-code";
/// The beginning of the form's hidden field with its token.
const TOKEN: &str = "name=\"csrf\" value=\"";
/// The beginnings of a person in the form's list, and of the only one in a hidden field.
const PERSON: [&str; 2] = ["<option value=\"", "name=\"subject\" value=\""];
/// The most people that an error lists.
const LISTED: usize = 10;

/// The flags of `approve`.
#[derive(Args, Debug)]
pub(crate) struct ApproveArgs {
    #[command(flatten)]
    decision: DecisionArgs,

    /// Approve as this person, by the subject in the file of `serve --people`; the default is the first person
    #[arg(long = "as", value_name = "SUBJECT")]
    subject: Option<String>,
}

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
enum Decision<'a> {
    /// As the person with this subject, or as the first one.
    Approve(Option<&'a str>),
    Deny,
}

/// Runs `approve`.
///
/// # Errors
/// No server is named or reached, it is another server, it has no such person, or the code cannot be decided.
pub(crate) fn approve(args: &ApproveArgs, settings: &Settings) -> Result<(), Failure> {
    run(&args.decision, Decision::Approve(args.subject.as_deref()), settings)
}

/// Runs `deny`.
///
/// # Errors
/// No server is named or reached, it is another server, or the code cannot be decided.
pub(crate) fn deny(args: &DecisionArgs, settings: &Settings) -> Result<(), Failure> {
    run(args, Decision::Deny, settings)
}

fn run(args: &DecisionArgs, decision: Decision<'_>, settings: &Settings) -> Result<(), Failure> {
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
    fn decide(&self, user_code: &str, decision: Decision<'_>) -> Result<(), Failure> {
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
        let mut form = vec![("user_code", user_code), ("csrf", token)];
        match decision {
            Decision::Approve(subject) => {
                form.push(("action", "approve"));
                if let Some(subject) = subject {
                    check_person(subject, &people(&html))?;
                    form.push(("subject", subject));
                }
            }
            Decision::Deny => form.push(("action", "deny")),
        }
        let sent = self.agent.post(&self.url).header("cookie", cookie).send_form(form);
        self.check(&self.answer(sent)?, user_code)?;
        let done = match (decision, &*people(&html)) {
            (Decision::Approve(Some(subject)), _) => format!("Approved {user_code} as {subject}."),
            // Which of several it was is worth a word.
            (Decision::Approve(None), [first, _, ..]) => format!("Approved {user_code} as {first}."),
            (Decision::Approve(None), _) => format!("Approved {user_code}."),
            (Decision::Deny, _) => format!("Denied {user_code}."),
        };
        // A closed standard error is no reason to fail.
        let _ = writeln!(std::io::stderr().lock(), "{}", printable(&done));
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

/// Returns the subjects of the people whom the form has, in their order.
fn people(html: &str) -> Vec<String> {
    let options = PERSON.iter().flat_map(|begin| html.split(begin).skip(1));
    let subjects = options.filter_map(|rest| rest.split_once('"').map(|(subject, _)| subject));
    // Our own page has no reference that cannot be resolved.
    subjects.filter_map(|subject| unescape(subject).ok().map(std::borrow::Cow::into_owned)).collect()
}

/// Checks that the server has this person.
fn check_person(subject: &str, people: &[String]) -> Result<(), Failure> {
    if people.iter().any(|known| known == subject) {
        return Ok(());
    }
    let listed = people.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if people.len() > LISTED { " and others" } else { "" };
    let failure = Failure::config(format_args!("the test server has no person with the subject {subject}"));
    Err(failure.with_hint(format_args!("it has {listed}{more}; `serve --people FILE` names the people")))
}
