//! `login`: the device flow from a terminal, and the token into the cache that AWS's tools read; or, for another
//! provider than AWS, on standard output.

mod discovery;
mod fitness;
mod portal;
mod provider;
mod refresh;
mod refused;
mod store;
mod token;
mod vanity;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use device_flow_ureq::{Cancel, Outcome, Policy, SignedIn};
use oidc_proto::{Endpoint, Operation, Token};

use self::portal::{Named, Portal};
use self::provider::ProviderArgs;
use self::store::{Before, Store, Wish};
use crate::exit::{Exit, Failure, warn};
use crate::interrupt;
use crate::operations::{rehearsed_printer, token_document};
use crate::service;
use crate::settings::Settings;
use crate::signin::{Presenter, PromptArgs, Screen, failure_of};

/// The flags of `login`.
#[derive(Args, Debug)]
pub(crate) struct LoginArgs {
    /// The portal's address, such as https://d-1234567890.awsapps.com/start, or an address of your company's that leads
    /// there [profile: sso_start_url]
    #[arg(long, value_name = "URL")]
    start_url: Option<String>,

    /// The [sso-session NAME] section of the config file to take start URL, region and scopes from
    #[arg(long, value_name = "NAME", conflicts_with = "start_url")]
    sso_session: Option<String>,

    /// Scopes to ask for, in place of the configured ones; AWS's sso:account:access comes with a refresh token
    #[arg(long, visible_alias = "scope", value_name = "SCOPE", num_args = 1.., value_delimiter = ',')]
    scopes: Vec<String>,

    /// The name to register under; it is shown on the approval page
    #[arg(long, value_name = "NAME", default_value = "sso-oidc")]
    client_name: String,

    /// Do nothing if a token is stored that is good for another 15 minutes; else refresh it if that is possible, and sign
    /// in if not
    #[arg(long)]
    if_needed: bool,

    /// How many seconds to wait for another sign-in to the same portal that is under way; the code that it shows lives ten
    /// minutes
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 720,
        conflicts_with_all = ["no_cache", "issuer", "device_authorization_endpoint", "token_endpoint"]
    )]
    lock_timeout: u64,

    /// Replace a stored token that is still good although it did not come from this --endpoint-url
    #[arg(long, conflicts_with = "no_cache")]
    force: bool,

    /// Print the token on standard output, as --output and --query say
    #[arg(long)]
    show_token: bool,

    /// Neither read nor write ~/.aws/sso/cache; the token is then only shown (with --show-token)
    #[arg(long, requires = "show_token")]
    no_cache: bool,

    /// Accepted for scripts that were written for the AWS CLI: it is what is done here anyway.
    #[arg(long, hide = true)]
    use_device_code: bool,

    #[command(flatten)]
    prompt: PromptArgs,

    #[command(flatten)]
    provider: ProviderArgs,
}

impl LoginArgs {
    const fn wish(&self) -> Wish {
        Wish {
            if_needed: self.if_needed,
            force: self.force,
            patience: Duration::from_secs(self.lock_timeout),
        }
    }
}

/// Signs in.
///
/// # Errors
/// A configuration failure before anything is sent; afterwards how the sign-in ended.
pub(crate) fn run(args: &LoginArgs, settings: &Settings) -> Result<(), Failure> {
    if args.provider.is_asked_for()? {
        return provider::run(args, settings);
    }
    let named = Named::of(args, settings)?;
    let printer = match args.show_token {
        true => Some(rehearsed_printer(Operation::CreateToken, settings)?),
        false => None,
    };
    let portal = named.resolve(settings)?;
    let place = portal.place(settings)?;
    let store = if args.no_cache { None } else { Some(Store::of(&portal, &place, settings)?) };
    let endpoint = place.endpoint;
    let client = service::client_of(settings, endpoint.clone())?;

    let cancel = cancelled_by_ctrl_c();
    let before = match &store {
        Some(store) => {
            let caller = service::Caller::with_client(client.clone(), settings);
            let refresh = |client: &_, token: &_| caller.refresh(client, token);
            store.before_sign_in(&args.wish(), || cancel.handle.is_cancelled(), refresh)?
        }
        None => Before::SignIn(None),
    };
    let registration = match before {
        Before::SignIn(registration) => registration,
        Before::Token(kept) => {
            if kept.stored.is_ok() {
                say(&kept.words);
            }
            let printed = match printer {
                Some(printer) => printer.print("CreateToken", &kept.document),
                None => Ok(()),
            };
            return kept.stored.and(printed);
        }
    };

    let screen = Screen::of(settings);
    let presenter = Presenter::new(&args.prompt, settings.environment(), screen, &endpoint);
    let policy =
        Policy::aws(portal.known_as.as_str()).with_client_name(&args.client_name).with_scopes(&portal.scopes);
    cancel.signing_in.store(true, Ordering::SeqCst);
    let signed_in =
        client.login(policy).registered(registration).cancelled_by(&cancel.handle).run_with(presenter);
    let signed_in = match signed_in {
        Ok(signed_in) => signed_in,
        Err(end) => {
            // A registration that was made on the way is good for the next try.
            if let (Some(store), Some(registration), true) = (&store, &end.registration, end.newly_registered)
            {
                store.keep_registration(registration);
            }
            let failure = failure_of(&end, &endpoint);
            let is_about_place = matches!(end.outcome, Outcome::Unreachable { .. } | Outcome::Refused { .. });
            return Err(match settings.endpoint_named_by() {
                Some(name) if is_about_place => {
                    failure.with_detail(format_args!("{endpoint} comes from {name}."))
                }
                _ => failure,
            });
        }
    };
    // Printed before it is known whether it could be stored: a token cannot be asked for twice.
    let stored = finish(&signed_in, &portal, store.as_ref(), &endpoint);
    let printed = match printer {
        Some(printer) => printer.print("CreateToken", &token_document(&signed_in.token)),
        None => Ok(()),
    };
    stored.and(printed)
}

/// Stores what was won, and says so.
fn finish(
    signed_in: &SignedIn,
    portal: &Portal,
    store: Option<&Store>,
    endpoint: &Endpoint,
) -> Result<(), Failure> {
    warn_of_oddities(&signed_in.token);
    let good_for = match signed_in.expires_in() {
        Some(left) => store::life(left),
        None => "an hour, for all that is known".to_owned(),
    };
    match store {
        None => say(format_args!("Signed in to {}; the token is good for {good_for}.", portal.start_url)),
        Some(store) => {
            let file = store.keep(signed_in)?;
            say(format_args!(
                "Signed in to {}; the token is good for {good_for} and is kept in {}.",
                portal.start_url,
                file.display()
            ));
        }
    }
    if !endpoint.is_https() && !endpoint.is_loopback() {
        warn("the token travelled unencrypted");
    }
    Ok(())
}

/// Says what is odd about an answer that brought a token all the same.
fn warn_of_oddities(token: &Token) {
    for warning in &token.warnings {
        warn(format_args!("the service's answer is odd: {warning}"));
    }
}

/// Ctrl-C cancels a sign-in that is under way, and ends the program before.
struct CtrlC {
    handle: Cancel,
    signing_in: Arc<AtomicBool>,
}

fn cancelled_by_ctrl_c() -> CtrlC {
    let ctrl_c = CtrlC { handle: Cancel::new(), signing_in: Arc::new(AtomicBool::new(false)) };
    let (handle, signing_in) = (ctrl_c.handle.clone(), Arc::clone(&ctrl_c.signing_in));
    interrupt::on_ctrl_c(move || {
        handle.cancel();
        if !signing_in.load(Ordering::SeqCst) {
            std::process::exit(i32::from(Exit::Interrupted as u8));
        }
    });
    ctrl_c
}

/// Talk, on standard error.
fn say(words: impl std::fmt::Display) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "{}", oidc_proto::printable(&words.to_string()));
}
