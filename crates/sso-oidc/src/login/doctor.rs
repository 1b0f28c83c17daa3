//! `doctor`: what a sign-in would use, which setting decided it, and what is wrong with it.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use device_flow_ureq::HttpClient;
use oidc_proto::{Api, Endpoint, Partition, UnixSeconds};
use sso_cache::{Cache, Identity, Profile};

use super::portal::Portal;
use super::store::{life, now};
use super::stored::StoredArgs;
use crate::exit::{Failure, chain, print_data};
use crate::output::{Document, Rehearsal};
use crate::service;
use crate::settings::Settings;
use crate::signin::BrowserChoice;

/// The longest wait for a response.
const LIMIT: Duration = Duration::from_secs(10);

/// The difference of two clocks that does no harm: AWS's tools renew a token 15 minutes before its end.
const HARMLESS: u64 = 5 * 60;

/// The flags of `doctor`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
It sends one request without any data to each of the two endpoints, and changes nothing. The exit code is 255 if it \
finds a problem.")]
pub(crate) struct DoctorArgs {
    /// Send nothing
    #[arg(long)]
    offline: bool,

    #[command(flatten)]
    stored: StoredArgs,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Good,
    Warning,
    Problem,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// A finding: what was looked at, what it is, and what to do about it.
struct Finding {
    check: &'static str,
    state: State,
    text: String,
    advice: Option<String>,
}

/// The findings so far.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn good(&mut self, check: &'static str, text: impl Into<String>) {
        self.0.push(Finding { check, state: State::Good, text: text.into(), advice: None });
    }

    fn bad(&mut self, check: &'static str, state: State, text: impl Into<String>, advice: impl Into<String>) {
        self.0.push(Finding { check, state, text: text.into(), advice: Some(advice.into()) });
    }

    fn document(&self) -> Document {
        let one = |finding: &Finding| {
            Document::map([
                ("check", finding.check.into()),
                ("state", finding.state.name().into()),
                ("text", finding.text.as_str().into()),
                ("advice", finding.advice.as_deref().into()),
            ])
        };
        Document::map([("findings", Document::List(self.0.iter().map(one).collect()))])
    }

    fn lines(&self) -> String {
        self.0.iter().fold(String::new(), |lines, finding| {
            let Finding { check, state, text, advice } = finding;
            let mut line = format!("{:<8} {check:<11} {}\n", state.name(), oidc_proto::printable(text));
            if let Some(advice) = advice {
                line += &format!("{:21}-> {}\n", "", oidc_proto::printable(advice));
            }
            lines + &line
        })
    }
}

/// Runs `doctor`.
///
/// # Errors
/// A problem was found, or the output cannot be written.
pub(crate) fn doctor(args: &DoctorArgs, settings: &Settings) -> Result<(), Failure> {
    let globals = settings.globals();
    let printer = match globals.output.is_some() || globals.query.is_some() {
        true => {
            let sample = Document::map([("findings", Document::List(Vec::new()))]);
            let printer = settings.printer()?;
            printer.rehearse(&Rehearsal::new(sample, |_| false))?;
            Some(printer)
        }
        false => None,
    };
    let mut found = Findings::default();
    files(&mut found, settings);
    let portal = portal(&mut found, &args.stored, settings);
    network(&mut found, settings);
    if let Some(portal) = &portal {
        endpoints(&mut found, portal, settings, args.offline);
    }
    cache(&mut found, portal.as_ref().map(|portal| &portal.identity), settings);
    browser(&mut found, settings);
    match printer {
        Some(printer) => printer.print("Doctor", &found.document())?,
        None => print_data(&found.lines())?,
    }
    let problems = found.0.iter().filter(|finding| finding.state == State::Problem).count();
    match problems {
        0 => Ok(()),
        1 => Err(Failure::other("1 problem was found")),
        _ => Err(Failure::other(format_args!("{problems} problems were found"))),
    }
}

/// Looks at AWS's files and at the profile.
fn files(found: &mut Findings, settings: &Settings) {
    match settings.config().path() {
        Some(path) if path.exists() => found.good("config", path.display().to_string()),
        Some(path) => found.good("config", format!("{} does not exist", path.display())),
        None => {}
    }
    for reason in settings.files().unread() {
        found.bad("config", State::Problem, reason, "correct the file; its settings are ignored until then");
    }
    let by = settings.profile_named_by().unwrap_or("the default");
    let name = settings.profile_name();
    match settings.missing_profile() {
        None => found.good("profile", format!("{name}, from {by}")),
        Some(failure) => {
            let text = format!("{name}, from {by}, does not exist");
            found.bad("profile", State::Problem, text, advice_of(&failure));
        }
    }
}

/// Looks at the portal and its region.
fn portal(found: &mut Findings, stored: &StoredArgs, settings: &Settings) -> Option<Portal> {
    let named = stored.named(settings).map_err(|failure| ("portal", failure));
    let portal = named.and_then(|named| named.resolve(settings).map_err(|failure| ("region", failure)));
    let portal = match portal {
        Ok(portal) => portal,
        // The profile is a finding already.
        Err(_) if !stored.is_named() && settings.missing_profile().is_some() => return None,
        Err((check, failure)) => {
            found.bad(check, State::Problem, failure.message(), advice_of(&failure));
            return None;
        }
    };
    let whose = match portal.identity.session_name() {
        Some(session) => format!("{}, of [sso-session {session}]", portal.start_url),
        None => portal.start_url.clone(),
    };
    found.good("portal", whose);
    let region = &portal.region;
    let by = match (&settings.globals().region, portal.known_as.region()) {
        (Some(_), _) => "--region",
        (None, Some(own)) if own == region => "the start URL",
        _ if settings.profile().is_some() || portal.identity.session_name().is_some() => "the config file",
        _ => settings.environment().which(&["AWS_REGION", "AWS_DEFAULT_REGION"]).unwrap_or("the config file"),
    };
    match Partition::matching(region) {
        Some(partition) => found.good("region", format!("{region} ({}), from {by}", partition.id())),
        None => found.bad(
            "region",
            State::Warning,
            format!("{region}, from {by}, has no known form"),
            "check its spelling; an Identity Center instance is in one region only",
        ),
    }
    Some(portal)
}

/// Returns the lines below a failure as an advice.
fn advice_of(failure: &Failure) -> String {
    let lines: Vec<&str> =
        failure.details().iter().map(|line| line.strip_prefix("Hint: ").unwrap_or(line)).collect();
    lines.join("; ")
}

/// Looks at proxy and certificates.
fn network(found: &mut Findings, settings: &Settings) {
    let environment = settings.environment();
    let proxy = environment.which(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]);
    match (proxy, environment.which(&["NO_PROXY", "no_proxy"])) {
        (None, _) => found.good("proxy", "none"),
        (Some(variable), None) => found.good("proxy", format!("from {variable}")),
        (Some(variable), Some(except)) => {
            found.good("proxy", format!("from {variable}, except for the hosts in {except}"));
        }
    }
    if settings.globals().no_verify_ssl {
        let text = "certificates are not verified, because of --no-verify-ssl";
        found.bad("CA", State::Warning, text, "pass the CA's certificate with --ca-bundle instead");
        return;
    }
    let by = match (settings.globals().ca_bundle.is_some(), settings.profile().and_then(Profile::ca_bundle)) {
        (true, _) => "--ca-bundle",
        _ if environment.path("AWS_CA_BUNDLE").is_some() => "AWS_CA_BUNDLE",
        (false, Some(_)) => "`ca_bundle` of the profile",
        (false, None) => "REQUESTS_CA_BUNDLE",
    };
    match settings.ca_bundle() {
        None => found.good("CA", "the system's certificates"),
        Some(path) if path.exists() => found.good("CA", format!("{}, from {by}", path.display())),
        Some(path) => {
            let text = format!("{}, from {by}, does not exist", path.display());
            found.bad("CA", State::Problem, text, "correct it, or remove it");
        }
    }
}

/// Looks at the endpoints, and asks each for its clock.
fn endpoints(found: &mut Findings, portal: &Portal, settings: &Settings, offline: bool) {
    let sign_in = portal.place(settings).map(|place| place.endpoint);
    let api = portal
        .variant(settings)
        .and_then(|variant| settings.portal_endpoint(&portal.region, variant))
        .map(|(endpoint, _)| endpoint);
    for (check, endpoint, which) in [("sign-in", sign_in, Api::SsoOidc), ("portal API", api, Api::Portal)] {
        let endpoint = match endpoint {
            Ok(endpoint) => endpoint,
            Err(failure) => {
                found.bad(check, State::Problem, failure.message(), advice_of(&failure));
                continue;
            }
        };
        let by = match settings.named_by(which) {
            Some(by) => format!("from {by}"),
            None if settings.globals().endpoint_url.is_some() => "from --endpoint-url".to_owned(),
            None => "of the region".to_owned(),
        };
        let text = format!("{endpoint}, {by}");
        if offline {
            found.good(check, text);
            continue;
        }
        match clock(&endpoint, settings) {
            Ok(theirs) => {
                found.good(check, format!("{text}, answers"));
                found.0.extend(theirs.and_then(wrong_clock));
            }
            Err(failure) => {
                let why = failure.message();
                let advice = "check the network, the proxy, --region and --endpoint-url";
                found.bad(check, State::Problem, format!("{text}, does not answer: {why}"), advice);
            }
        }
    }
}

/// Asks an endpoint for its time.
fn clock(endpoint: &Endpoint, settings: &Settings) -> Result<Option<UnixSeconds>, Failure> {
    let builder = service::builder_of(settings, endpoint.clone()).request_timeout(LIMIT);
    let client: HttpClient = builder.build().map_err(|error| Failure::config(chain(&error)))?;
    let answer = client.look_at(&endpoint.to_string()).map_err(|error| Failure::other(chain(&error)))?;
    Ok(answer.date)
}

/// Returns the finding about a clock that differs from the service's.
fn wrong_clock(theirs: UnixSeconds) -> Option<Finding> {
    let ours = now();
    let apart = ours.get().abs_diff(theirs.get());
    let (fast, apart) = (ours > theirs, Duration::from_secs(Some(apart).filter(|apart| *apart > HARMLESS)?));
    let how = if fast { "fast" } else { "slow" };
    Some(Finding {
        check: "clock",
        state: State::Problem,
        text: format!("this machine's clock is {} {how}", life(apart)),
        advice: Some("set it; tokens seem expired, or still valid, by that time".to_owned()),
    })
}

/// Looks at the cache: its modes, locks and files.
fn cache(found: &mut Findings, identity: Option<&Identity>, settings: &Settings) {
    let Some(home) = settings.environment().home() else {
        found.bad("cache", State::Problem, "the home directory is unknown", "set HOME");
        return;
    };
    let cache = Cache::at(Cache::default_dir(&home));
    found.good("cache", cache.dir().display().to_string());
    if let Some(dir) = cache.open_to_others() {
        let dir = dir.display();
        let advice = format!("run `chmod go-w {dir}`");
        found.bad("cache", State::Warning, format!("other users can write to {dir}"), advice);
    }
    let Some(identity) = identity else { return };
    if !cache.dir().exists() {
        found.good("token", "none");
        return;
    }
    match cache.token(identity) {
        Ok(None) => found.good("token", "none"),
        Ok(Some(token)) => {
            let left = token.expires_at.remaining_at(now());
            let again = if token.refreshable_at(now()) { ", and can be refreshed" } else { "" };
            let text = match left {
                Duration::ZERO => format!("has expired{again}"),
                left => format!("is valid for {}{again}", life(left)),
            };
            match (left, token.refreshable_at(now())) {
                (Duration::ZERO, false) => {
                    found.bad("token", State::Warning, text, "sign in with `sso-oidc login`");
                }
                _ => found.good("token", text),
            }
        }
        Err(error) => {
            let advice = "the next sign-in moves it away; other tools may fail at it until then";
            found.bad("token", State::Problem, chain(&error), advice);
        }
    }
    if let Err(error) = cache.check_writable(identity) {
        let advice = "a sign-in could not store its token";
        found.bad("cache", State::Problem, chain(&error), advice);
    }
    for held in cache.held_locks(identity) {
        found.bad("lock", State::Warning, chain(&held), "wait for that process, or end it if it hangs");
    }
}

/// Looks at the browser.
fn browser(found: &mut Findings, settings: &Settings) {
    found.good(
        "browser",
        match BrowserChoice::of(settings.environment(), false) {
            BrowserChoice::None(reason) => {
                format!(
                    "none, because {}; `login` uses a device code",
                    reason.unwrap_or("it is switched off")
                )
            }
            BrowserChoice::Commands(commands) => {
                let missing = |command: &&String| {
                    let program = command.split_whitespace().next().unwrap_or_default();
                    program.contains('/') && !Path::new(program).exists()
                };
                if let Some(command) = commands.iter().find(missing) {
                    let advice = "correct BROWSER, or unset it";
                    found.bad(
                        "browser",
                        State::Warning,
                        format!("{command}, from BROWSER, does not exist"),
                        advice,
                    );
                    return;
                }
                format!("{}, from BROWSER", commands.join(", "))
            }
            BrowserChoice::Desktop => "the desktop's".to_owned(),
        },
    );
}
