//! `login`: a sign-in from a terminal, in a browser or with a device code. The token goes into the cache of
//! AWS's tools, or, for another provider, to standard output.

mod client;
mod ctrl_c;
mod discovery;
mod doctor;
mod fitness;
mod flow;
mod keep;
mod portal;
mod provider;
mod refresh;
mod refused;
mod several;
mod stay;
mod store;
mod stored;
mod token;
mod vanity;

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use device_flow_ureq::{Cancel, HttpClient, Listener, Outcome, Policy, Registration, SignInError, SignedIn};
use oidc_proto::{Endpoint, Operation, Secret, Token};
use sso_cache::Identity;

use self::client::LazyClient;
use self::ctrl_c::CtrlC;
pub(crate) use self::doctor::{DoctorArgs, doctor};
use self::flow::{Circumstances, Flow, FlowArgs, Reason};
use self::portal::{Named, Portal, Which};
pub(crate) use self::portal::{unresolved, warn_of_another_partition};
use self::provider::ProviderArgs;
use self::refresh::Renewer;
pub(crate) use self::stay::{RefreshArgs, TokenArgs, refresh, token};
pub(crate) use self::store::now;
use self::store::{Before, Store, Wish};
pub(crate) use self::store::{MARGIN, life};
pub(crate) use self::stored::{StoredArgs, StoredSession};
use crate::duration;
use crate::exit::{Exit, Failure, chain, warn};
use crate::explain::shell_word;
use crate::operations::{rehearsed_printer, token_document};
use crate::role_cache;
use crate::settings::Settings;
use crate::signin::{Events, Presenter, PromptArgs, Screen, failure_of};

/// The flags of `login`.
#[derive(Args, Debug)]
pub(crate) struct LoginArgs {
    /// The start URL of the portal, such as https://d-1234567890.awsapps.com/start, or a URL of your company that
    /// redirects there [profile: sso_start_url]
    #[arg(long, value_name = "URL")]
    start_url: Option<String>,

    /// Take start URL, region and scopes from [sso-session NAME] of the config file; may be repeated, for one sign-in
    /// after the other
    #[arg(long, value_name = "NAME", conflicts_with = "start_url")]
    sso_session: Vec<String>,

    /// Sign in to every [sso-session] of the config file, one after the other
    #[arg(
        long,
        conflicts_with_all = [
            "start_url", "sso_session", "issuer", "device_authorization_endpoint", "authorization_endpoint",
            "token_endpoint", "no_cache",
        ]
    )]
    all: bool,

    /// Request these scopes instead of the configured ones; with AWS's sso:account:access comes a refresh token
    #[arg(long, visible_alias = "scope", value_name = "SCOPE", num_args = 1.., value_delimiter = ',')]
    scopes: Vec<String>,

    /// The client name to register; the approval page shows it
    #[arg(long, value_name = "NAME", default_value = "sso-oidc")]
    client_name: String,

    /// Do nothing if the stored token is valid for another 15 minutes; else refresh it, or sign in if that fails
    #[arg(long)]
    if_needed: bool,

    /// The longest wait for another sign-in to the same portal; its code expires after ten minutes
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "12m",
        value_parser = duration::any,
        conflicts_with_all = [
            "no_cache", "issuer", "device_authorization_endpoint", "authorization_endpoint", "token_endpoint",
        ]
    )]
    lock_timeout: Duration,

    /// Replace a stored token that is still valid, even if it came from another endpoint than --endpoint-url
    #[arg(long, conflicts_with = "no_cache")]
    force: bool,

    /// Print the token on standard output; --output and --query apply
    #[arg(long)]
    show_token: bool,

    /// Do not read or write ~/.aws/sso/cache; needs --show-token, and the token is only printed
    #[arg(long, requires = "show_token")]
    no_cache: bool,

    #[command(flatten)]
    flow: FlowArgs,

    #[command(flatten)]
    prompt: PromptArgs,

    #[command(flatten)]
    provider: ProviderArgs,
}

impl LoginArgs {
    fn which<'a>(&'a self, sso_session: Option<&'a str>) -> Which<'a> {
        Which { start_url: self.start_url.as_deref(), sso_session, scopes: &self.scopes }
    }

    fn wish(&self, flow: Flow) -> Wish {
        Wish {
            code_flow: flow == Flow::Code,
            if_needed: self.if_needed,
            force: self.force,
            lock_timeout: self.lock_timeout,
        }
    }
}

/// Runs `login`.
///
/// # Errors
/// The flags or the configuration are wrong (nothing is sent then), or the sign-in fails.
pub(crate) fn run(args: &LoginArgs, settings: &Settings) -> Result<(), Failure> {
    let events = Events::of(settings.globals().output);
    let planned = check(args, settings, events).and_then(|()| several::names(args, settings));
    match planned.inspect_err(|failure| events.failed(failure))? {
        Some(sessions) => several::run(&sessions, args, settings),
        None if args.provider.is_asked_for()? => {
            provider::run(args, settings).inspect_err(|failure| events.failed(failure))
        }
        None => {
            let session = args.sso_session.first().map(String::as_str);
            let ended = sign_in(args, session, settings, events, &CtrlC::default());
            ended.map(drop).inspect_err(|failure| events.failed(failure))
        }
    }
}

/// Checks the flags that have no use without others.
fn check(args: &LoginArgs, settings: &Settings, events: Events<'_>) -> Result<(), Failure> {
    let globals = settings.globals();
    let has_no_use = (globals.output.is_some() && !events.is_on()) || globals.query.is_some();
    if !args.show_token && has_no_use {
        return Err(Failure::usage(
            "--output and --query apply to the token, which is printed with --show-token only",
        ));
    }
    args.provider.is_asked_for().map(drop)
}

/// How a sign-in that succeeded ended.
enum Done {
    /// The person signed in.
    SignedIn,
    /// The stored token was refreshed.
    Refreshed,
    /// The stored token is good.
    Kept,
}

impl Done {
    const fn words(&self) -> &'static str {
        match self {
            Self::SignedIn => "signed in",
            Self::Refreshed => "refreshed",
            Self::Kept => "already signed in",
        }
    }
}

/// Signs in to the session, or to the portal that the other flags or the profile name.
fn sign_in(
    args: &LoginArgs,
    session: Option<&str>,
    settings: &Settings,
    events: Events<'_>,
    cancel: &CtrlC,
) -> Result<Done, Failure> {
    let named = Named::of(&args.which(session), settings)?;
    settings.warn_of_missing_profile();
    let printer = match args.show_token && !events.is_on() {
        true => Some(rehearsed_printer(Operation::CreateToken, settings)?),
        false => None,
    };
    let portal = named.resolve(settings)?;
    let place = portal.place(settings)?;
    let store = if args.no_cache { None } else { Some(Store::of(&portal, &place, settings)?) };
    let endpoint = place.endpoint;
    let client = LazyClient::of(settings, endpoint.clone());
    if !args.if_needed {
        // Unusable certificates are told before a wait for another sign-in.
        client.get()?;
    }

    let flow = args.flow.choose(&Circumstances {
        environment: settings.environment(),
        no_browser: args.prompt.no_browser,
        configured: portal.use_device_code,
        // As in AWS's tools: without scopes there is no session to refresh, and the device flow is older.
        against: portal.scopes.is_empty().then_some(Reason::NoSession),
    });
    cancel.start();
    let before = match &store {
        Some(store) => {
            let renewer = Renewer { client: &client, settings, ctrl_c: cancel };
            store.before_sign_in(&args.wish(flow), &renewer, || cancel.handle.is_cancelled())?
        }
        None => Before::SignIn(None),
    };
    let registration = match before {
        Before::SignIn(registration) => registration,
        Before::Token(kept) => {
            if kept.stored.is_ok() {
                say(&kept.words);
            }
            if kept.refreshed {
                events.write("refreshed", []);
            }
            let shown = args.show_token.then_some(&kept.access_token);
            token_event(events, &portal, store.as_ref(), Some(kept.left), shown);
            let printed = match printer {
                Some(printer) => printer.print("CreateToken", &kept.document),
                None => Ok(()),
            };
            let done = if kept.refreshed { Done::Refreshed } else { Done::Kept };
            return kept.stored.and(printed).map(|()| done);
        }
    };

    let policy =
        Policy::aws(portal.known_as.as_str()).with_client_name(&args.client_name).with_scopes(&portal.scopes);
    cancel.signing_in.store(true, Ordering::SeqCst);
    let was_cached = registration.is_some();
    let client = client.get()?;
    let signing_in = SigningIn { args, settings, client, cancel: &cancel.handle, events };
    let signed_in = match signing_in.run(flow, policy, registration, &endpoint)? {
        Ok(signed_in) => signed_in,
        Err(end) => {
            if let Some(store) = &store {
                store.after_no_token(&end, was_cached, flow == Flow::Code);
            }
            let failure = match (&end.outcome, flow) {
                (Outcome::Cancelled, Flow::Code) => cancelled_in_browser(),
                _ => failure_of(&end, &endpoint),
            };
            let is_about_place = matches!(end.outcome, Outcome::Unreachable { .. } | Outcome::Refused { .. });
            return Err(match settings.endpoint_named_by() {
                Some(name) if is_about_place => {
                    failure.with_detail(format_args!("{endpoint} comes from {name}."))
                }
                _ => failure,
            });
        }
    };
    // The token is printed even if it cannot be stored: the service gives it only once.
    let stored = finish(&signed_in, &portal, store.as_ref(), &endpoint, flow == Flow::Code);
    if stored.is_ok() && store.is_some() {
        // They may be another person's.
        role_cache::forget(&portal.identity, settings);
    }
    let shown = args.show_token.then_some(&signed_in.token.access_token);
    token_event(events, &portal, store.as_ref(), signed_in.expires_in(), shown);
    // After several sign-ins their summary comes last.
    if stored.is_ok() && store.is_some() && Screen::of(settings).has_reader && !events.is_of_several() {
        say(next_step(&portal.identity, settings));
    }
    let printed = match printer {
        Some(printer) => printer.print("CreateToken", &token_document(&signed_in.token)),
        None => Ok(()),
    };
    stored.and(printed).map(|()| Done::SignedIn)
}

/// Returns what a person can do after the sign-in.
fn next_step(identity: &Identity, settings: &Settings) -> String {
    let (name, has_role) =
        (settings.profile_name(), settings.profile().and_then(|found| found.text("sso_role_name")));
    let of_profile = || settings.config().resolve_sso(name).is_ok_and(|sso| sso.identity == *identity);
    if has_role.is_some() && of_profile() {
        return format!("AWS's tools use it with the profile {name}.");
    }
    let which = match identity {
        Identity::SessionName(session) => format!("--sso-session {}", shell_word(session)),
        Identity::StartUrl(url) => format!("--start-url {}", shell_word(url)),
    };
    format!("Next: `sso-oidc accounts {which}`, or `sso-oidc exec {which} -- COMMAND`.")
}

/// Writes the event of a token.
fn token_event(
    events: Events<'_>,
    portal: &Portal,
    store: Option<&Store>,
    left: Option<Duration>,
    shown: Option<&Secret>,
) {
    let end = left.map(|left| sso_cache::format_time(now().saturating_add(left)));
    let file = store.map(|store| store.cache.token_path(&store.identity).display().to_string());
    events.write(
        "token",
        [
            ("startUrl", portal.start_url.as_str().into()),
            ("region", portal.region.as_str().into()),
            ("expiresIn", left.into()),
            ("expiresAt", end.as_deref().into()),
            ("file", file.as_deref().into()),
            ("accessToken", shown.into()),
        ],
    );
}

/// Returns the failure of a sign-in that was cancelled while its page may be open.
fn cancelled_in_browser() -> Failure {
    Failure::new(Exit::Interrupted, "The sign-in was cancelled; no token was stored").with_hint(
        "the page in the browser is void now; if it refused the program, run the same command with --force",
    )
}

/// A sign-in by either flow.
struct SigningIn<'a> {
    args: &'a LoginArgs,
    settings: &'a Settings,
    client: &'a HttpClient,
    cancel: &'a Cancel,
    events: Events<'a>,
}

impl SigningIn<'_> {
    /// Signs in.
    ///
    /// # Errors
    /// The port for the browser cannot be used. The inner error is the end of the sign-in.
    fn run(
        &self,
        flow: Flow,
        policy: Policy,
        registration: Option<Registration>,
        whom: &dyn fmt::Display,
    ) -> Result<Result<SignedIn, SignInError>, Failure> {
        let Self { args, settings, client, cancel, events } = self;
        let presenter = Presenter::new(&args.prompt, settings.environment(), Screen::of(settings), whom);
        Ok(match flow {
            Flow::Device(reason) => {
                if let Some(reason) = reason {
                    say(format_args!(
                        "Signing in with a device code, because {reason} (--flow code overrides)."
                    ));
                }
                client
                    .login(policy)
                    .registered(registration)
                    .cancelled_by(cancel)
                    .run_with((presenter, *events))
            }
            Flow::Code => {
                let listener = listen(&args.flow)?;
                let presenter = presenter.with_paste(listener.paste());
                let login = client.code_login(policy, listener).registered(registration);
                login.cancelled_by(cancel).run_with((presenter, *events))
            }
        })
    }
}

/// Listens for the browser's redirect.
fn listen(flow: &FlowArgs) -> Result<Listener, Failure> {
    Listener::at(flow.redirect_uri()).map_err(|error| {
        Failure::other(chain(&error)).with_hint(match flow.has_port() {
            true => "choose another port, or end the program that uses it",
            false => "pass --flow device to sign in without a browser on this machine",
        })
    })
}

/// Stores the token, and reports where.
fn finish(
    signed_in: &SignedIn,
    portal: &Portal,
    store: Option<&Store>,
    endpoint: &Endpoint,
    code_flow: bool,
) -> Result<(), Failure> {
    warn_of_oddities(&signed_in.token);
    let good_for = match signed_in.expires_in() {
        Some(left) => life(left),
        None => "about an hour (the service gave no expiry)".to_owned(),
    };
    match store {
        None => say(format_args!("Signed in to {}; the token is valid for {good_for}.", portal.start_url)),
        Some(store) => {
            let file = store.keep(signed_in, code_flow)?;
            say(format_args!(
                "Signed in to {}; the token is valid for {good_for} and is stored in {}.",
                portal.start_url,
                file.display()
            ));
        }
    }
    if !endpoint.is_https() && !endpoint.is_loopback() {
        warn("the token was sent unencrypted; other machines on the network may have read it");
    }
    Ok(())
}

/// Warns of the irregularities of a token response.
fn warn_of_oddities(token: &Token) {
    for warning in &token.warnings {
        warn(format_args!("the service's response is irregular: {warning}"));
    }
}

/// Prints a message on standard error.
pub(crate) fn say(words: impl fmt::Display) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "{}", oidc_proto::printable(&words.to_string()));
}
