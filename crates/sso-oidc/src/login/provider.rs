//! `login --issuer`: a sign-in at any provider. The token goes to standard output.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use clap::{Args, ValueEnum};
use device_flow_ureq::{HttpClient, Pkce, Policy, SignedIn};
use oidc_proto::oauth::Metadata;
use oidc_proto::{Client, Operation};

use super::ctrl_c::cancelled_by_ctrl_c;
use super::discovery::{Found, Whereabouts};
use super::refused::unsigned;
use super::token::{document, rehearsal};
use super::{LoginArgs, SigningIn, say, store};
use crate::exit::{Failure, chain, warn};
use crate::service;
use crate::settings::Settings;
use crate::signin::{Events, Screen, StatusLine};
use crate::sources::Sources;

/// The flags for a provider other than AWS.
#[derive(Args, Debug)]
#[command(next_help_heading = "Other providers")]
pub(crate) struct ProviderArgs {
    /// Sign in to this provider instead of a portal. Takes the issuer or the URL of its metadata, which lists the
    /// endpoints. Needs --show-token: the token is printed, not stored
    #[arg(long, value_name = "URL", conflicts_with_all = ["start_url", "sso_session", "if_needed", "force"])]
    issuer: Option<String>,

    /// The id of a client that is registered at the provider; without it a new client is registered, if the provider
    /// allows that
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    client_id: Option<String>,

    /// The client's secret, if it has one: file://PATH, or - for standard input
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true, requires = "client_id")]
    client_secret: Option<String>,

    /// A file with the client's secret
    #[arg(long, value_name = "FILE", conflicts_with = "client_secret", requires = "client_id")]
    client_secret_file: Option<PathBuf>,

    /// Send the secret in the Authorization header (basic) or in the body (post) [default: as the provider's metadata
    /// says, else basic]
    #[arg(long, value_name = "basic|post", hide_possible_values = true)]
    client_auth: Option<ClientAuth>,

    /// Use PKCE even if the provider's metadata does not list it
    #[arg(long)]
    pkce: bool,

    /// The service that the token is for (`audience`), if the provider requires it; may be repeated
    #[arg(long, value_name = "TEXT")]
    audience: Vec<String>,

    /// The resource that the token is for (`resource`, RFC 8707); may be repeated
    #[arg(long, value_name = "URL")]
    resource: Vec<String>,

    /// An additional parameter of the requests for the code and the token; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    param: Vec<String>,

    /// The URL to request a code from, if the provider's metadata does not have it
    #[arg(long, value_name = "URL", conflicts_with_all = ["start_url", "sso_session", "if_needed", "force"])]
    device_authorization_endpoint: Option<String>,

    /// The URL of the page that asks for approval, for --flow code, if the provider's metadata does not have it
    #[arg(long, value_name = "URL", conflicts_with_all = ["start_url", "sso_session", "if_needed", "force"])]
    authorization_endpoint: Option<String>,

    /// The URL to request the token from, if the provider's metadata does not have it. With this and the endpoint of
    /// the flow, no metadata is fetched
    #[arg(long, value_name = "URL", conflicts_with_all = ["start_url", "sso_session", "if_needed", "force"])]
    token_endpoint: Option<String>,
}

/// The place of the client's secret in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ClientAuth {
    /// In the `Authorization` header.
    Basic,
    /// In the body.
    Post,
}

impl ProviderArgs {
    /// Returns whether the flags name a provider.
    ///
    /// # Errors
    /// The flags need a provider, but name none.
    pub(super) fn is_asked_for(&self) -> Result<bool, Failure> {
        let asked = self.places().into_iter().flatten().next().is_some();
        if !asked && (self.client_id.is_some() || self.client_auth.is_some()) {
            return Err(Failure::usage("--client-id and --client-auth need --issuer")
                .with_hint("remove them; a sign-in to AWS registers its own client"));
        }
        let has_more = [&self.audience, &self.resource, &self.param].iter().any(|values| !values.is_empty());
        if !asked && (self.pkce || has_more) {
            return Err(Failure::usage("--pkce, --audience, --resource and --param need --issuer")
                .with_hint("remove them; AWS's API has no such parameters"));
        }
        Ok(asked)
    }

    /// Returns the provider's name for messages.
    fn name(&self) -> &str {
        self.places().into_iter().flatten().next().map_or("the provider", String::as_str)
    }

    /// Returns the flags that name a place of the provider, the best name first.
    const fn places(&self) -> [&Option<String>; 4] {
        [
            &self.issuer,
            &self.token_endpoint,
            &self.device_authorization_endpoint,
            &self.authorization_endpoint,
        ]
    }

    /// Returns the flags that locate the provider.
    fn whereabouts(&self) -> Whereabouts<'_> {
        Whereabouts {
            issuer: self.issuer.as_deref(),
            device_authorization_endpoint: self.device_authorization_endpoint.as_deref(),
            authorization_endpoint: self.authorization_endpoint.as_deref(),
            token_endpoint: self.token_endpoint.as_deref(),
        }
    }

    /// Returns the client of `--client-id`, if given.
    fn client(&self, metadata: &Metadata, settings: &Settings) -> Result<Option<Client>, Failure> {
        let Some(id) = &self.client_id else { return Ok(None) };
        let sources = Sources::new(settings.environment());
        let secret = match (&self.client_secret, &self.client_secret_file) {
            (Some(argument), _) => sources.secret("--client-secret", argument)?,
            (None, Some(path)) => sources.secret_file("--client-secret-file", path)?,
            (None, None) => return Ok(Some(Client::public(id))),
        };
        let client = Client::new(id, secret);
        match self.client_auth {
            Some(ClientAuth::Post) => Ok(client),
            Some(ClientAuth::Basic) => Ok(client.with_basic_authentication()),
            None => metadata.authenticated(client).map_err(|error| {
                Failure::config(chain(&error)).with_hint(
                    "use another client, or pass --client-auth basic or post to send the secret anyway",
                )
            }),
        }
        .map(Some)
    }

    /// Adds PKCE and parameters from the flags to the policy.
    fn policy(&self, mut policy: Policy) -> Result<Policy, Failure> {
        if self.pkce {
            policy = policy.with_pkce(Pkce::Always);
        }
        let named = |name: &'static str| move |value: &String| (name.to_owned(), value.clone());
        let pairs = self.param.iter().map(|pair| {
            pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| {
                Failure::usage("--param needs NAME=VALUE").with_hint("for example --param tenant=acme")
            })
        });
        let known =
            self.audience.iter().map(named("audience")).chain(self.resource.iter().map(named("resource")));
        for pair in known.map(Ok).chain(pairs) {
            let (name, value) = pair?;
            policy = policy.with_parameter(name, value).map_err(Failure::usage)?;
        }
        Ok(policy)
    }
}

/// Signs in to a provider and prints the token.
///
/// # Errors
/// The flags are wrong (nothing is sent then), or the sign-in fails.
pub(super) fn run(args: &LoginArgs, settings: &Settings) -> Result<(), Failure> {
    let provider = &args.provider;
    if !args.show_token {
        return Err(Failure::usage("--issuer needs --show-token")
            .with_hint(
                "pass --show-token; AWS's cache cannot store tokens of other providers, so the token is only printed",
            ));
    }
    let asked: Vec<&str> = args.scopes.iter().flat_map(|scopes| scopes.split_whitespace()).collect();
    let policy = Policy::oauth().with_client_name(&args.client_name).with_scopes(asked.iter().copied());
    let mut policy = provider.policy(policy)?;
    let printer = settings.printer()?;
    printer.rehearse(&rehearsal())?;
    service::warn_of_unverified_certificates(settings);
    let cancel = cancelled_by_ctrl_c();
    let screen = Screen::of(settings);
    let line = StatusLine::new(screen);
    line.contacting(provider.name());
    let found = provider.whereabouts().find(&args.flow, settings);
    drop(line);
    let Found { service, metadata, flow } = found?;
    let client = provider.client(&metadata, settings)?;
    if client.is_none() && !service.offers(Operation::RegisterClient) {
        return Err(Failure::config(format_args!(
            "{} does not allow programs to register a client",
            provider.name()
        ))
        .with_hint("register a client there by hand, and pass its id with --client-id"));
    }
    let http = service::builder_of(settings, service).build();
    let http: HttpClient = http.map_err(|error| Failure::config(chain(&error)))?;

    policy.client = client;
    cancel.signing_in.store(true, Ordering::SeqCst);
    let events = Events::of(settings.globals().output);
    let signing_in = SigningIn { args, settings, client: &http, cancel: &cancel.handle, events };
    let signed_in = signing_in
        .run(flow, policy, None, &provider.name())?
        .map_err(|end| unsigned(&end, http.service(), provider.name()))?;
    say_what_was_won(&signed_in, provider.name(), &asked);
    let document = document(&signed_in);
    printer.print("Token", &if events.is_on() { Events::token(document) } else { document })
}

fn say_what_was_won(signed_in: &SignedIn, provider: &str, asked: &[&str]) {
    match signed_in.expires_in() {
        Some(left) => {
            say(format_args!("Signed in to {provider}; the token is valid for {}.", store::life(left)))
        }
        None => say(format_args!("Signed in to {provider}; the provider gave no expiry for the token.")),
    }
    for warning in &signed_in.token.warnings {
        warn(format_args!("the provider's response is irregular: {warning}"));
    }
    // The provider must return the scopes if they differ from the request (RFC 6749 §3.3), so the user learns of it.
    let Some(granted) = &signed_in.token.scope else { return };
    // The parser of the granted scopes treats commas as spaces.
    let asked: Vec<&str> = asked.iter().flat_map(|scope| scope.split(',')).collect();
    let is_as_asked = asked.iter().all(|scope| granted.iter().any(|granted| granted == scope))
        && granted.iter().all(|scope| asked.contains(&scope.as_str()));
    if asked.is_empty() {
        say(format_args!("Granted scopes: {}.", granted.join(" ")));
    } else if !is_as_asked {
        warn(format_args!(
            "the requested scopes were `{}`, but the provider granted `{}`",
            asked.join(" "),
            granted.join(" ")
        ));
    }
}
