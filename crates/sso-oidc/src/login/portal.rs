//! Which portal to sign in to: from the flags, a session, or the profile.

use oidc_proto::{Api, Endpoint, Variant};
use sso_cache::{Identity, SettingsError, SsoSettings};

use super::{LoginArgs, say};
use crate::exit::{Failure, chain};
use crate::settings::Settings;

/// A portal, and what a sign-in there is filed under.
#[derive(Debug)]
pub(super) struct Portal {
    pub(super) identity: Identity,
    pub(super) start_url: String,
    pub(super) region: String,
    pub(super) scopes: Vec<String>,
    /// The scopes that somebody asked for, on the command line or in the config file: without them a token is not enough.
    pub(super) needed_scopes: Vec<String>,
}

/// Where a portal's service is.
pub(super) struct Place {
    pub(super) endpoint: Endpoint,
    /// It is not the region's own, as AWS runs it, in any of its variants.
    pub(super) is_custom: bool,
}

impl Place {
    /// An endpoint that somebody named: it may be the region's own all the same.
    fn named(endpoint: Endpoint, region: &str) -> Self {
        let variants = [(false, false), (true, false), (false, true), (true, true)];
        let is_own = variants.into_iter().any(|(fips, dual_stack)| {
            Endpoint::regional(Api::SsoOidc, region, Variant::new(fips, dual_stack)).as_ref() == Ok(&endpoint)
        });
        Self { endpoint, is_custom: !is_own }
    }
}

/// What a sign-in needs is not in AWS's files, or not as it must be.
fn unresolved(error: &SettingsError, settings: &Settings) -> Failure {
    let failure = Failure::config(chain(error));
    let failure = match error {
        SettingsError::NoSuchSession { session, profile: None, .. }
            if settings.config().profile(session).is_some() =>
        {
            failure.with_hint(format_args!("there is a profile of this name; pass --profile '{session}'"))
        }
        _ => failure,
    };
    settings.files().lacking(failure)
}

impl Portal {
    /// The portal that flags and profile name. `--start-url` wins over a session, a session over the profile.
    ///
    /// # Errors
    /// A configuration failure that names what is missing.
    pub(super) fn of(args: &LoginArgs, settings: &Settings) -> Result<Self, Failure> {
        let mut portal = match (&args.start_url, &args.sso_session) {
            (Some(url), _) => Self {
                identity: Identity::StartUrl(url.clone()),
                start_url: url.clone(),
                region: settings.required_region()?,
                scopes: Vec::new(),
                needed_scopes: Vec::new(),
            },
            (None, Some(session)) => {
                let found = settings
                    .config()
                    .resolve_session(session)
                    .map_err(|error| unresolved(&error, settings))?;
                Self::configured(found, settings)
            }
            (None, None) => Self::of_profile(settings)?,
        };
        if !args.scopes.is_empty() {
            portal.scopes.clone_from(&args.scopes);
            portal.needed_scopes.clone_from(&args.scopes);
        }
        let is_web = portal.start_url.starts_with("https://") || portal.start_url.starts_with("http://");
        if !is_web {
            return Err(Failure::config(format_args!(
                "the start URL `{}` is not an http or https address",
                portal.start_url
            )));
        }
        Ok(portal)
    }

    /// The portal of the profile, or of the profile whose credentials it uses.
    fn of_profile(settings: &Settings) -> Result<Self, Failure> {
        let (config, name) = (settings.config(), settings.profile_name());
        let source = match settings.profile() {
            Some(_) => config.sso_profile(name).map_err(|error| unresolved(&error, settings))?,
            None => None,
        };
        let Some(source) = source else {
            let failure = Failure::config("You must specify a start URL").with_hint(
                "pass --start-url, or --sso-session, or add `sso_start_url` or `sso_session` to the profile in \
                 ~/.aws/config",
            );
            return Err(settings.files().lacking(failure));
        };
        if source != name {
            say(format_args!(
                "The profile {name} uses the credentials of {source}; signing in to its portal."
            ));
        }
        let found = config.resolve_sso(source).map_err(|error| unresolved(&error, settings))?;
        Ok(Self::configured(found, settings))
    }

    fn configured(found: SsoSettings, settings: &Settings) -> Self {
        // As in AWS's tools: a session without scopes gets the one for the portal API, a bare start URL gets none.
        let is_session = matches!(found.identity, Identity::SessionName(_));
        let default = if is_session { vec!["sso:account:access".to_owned()] } else { Vec::new() };
        let configured = found.scopes.unwrap_or_default();
        Self {
            identity: found.identity,
            start_url: found.start_url,
            // The session's region is where the instance is; AWS_REGION is where somebody works.
            region: settings.globals().region.clone().unwrap_or(found.region),
            scopes: if configured.is_empty() { default } else { configured.clone() },
            needed_scopes: configured,
        }
    }

    /// Where the portal's service is.
    ///
    /// # Errors
    /// A configuration failure: the endpoint or the region cannot be used.
    pub(super) fn place(&self, settings: &Settings) -> Result<Place, Failure> {
        if settings.endpoint_url()?.is_some() {
            return Ok(Place::named(settings.endpoint()?, &self.region));
        }
        let endpoint = Endpoint::regional(Api::SsoOidc, &self.region, settings.variant()?);
        Ok(Place { endpoint: endpoint.map_err(Failure::config)?, is_custom: false })
    }
}
