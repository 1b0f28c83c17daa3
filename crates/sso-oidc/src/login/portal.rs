//! Which portal to sign in to, from the flags, a session, or the profile; and in which region it is.

use oidc_proto::{Api, Endpoint, Partition, StartUrl, Variant};
use sso_cache::{Identity, SettingsError, SsoSettings};

use super::vanity;
use super::{LoginArgs, say};
use crate::exit::{Failure, chain, warn};
use crate::settings::Settings;

/// A portal as the flags and the profile name it.
#[derive(Debug)]
pub(super) struct Named {
    start_url: StartUrl,
    /// The name of its session, if it has one.
    session: Option<String>,
    /// What the config file says of it, if it comes from there.
    configured: Option<SsoSettings>,
    scopes: Vec<String>,
    configured_scopes: Option<Vec<String>>,
    needed_scopes: Vec<String>,
}

/// A portal, and what a sign-in there is filed under.
#[derive(Debug)]
pub(super) struct Portal {
    pub(super) identity: Identity,
    /// As it was given, but for what a paste left on it: AWS's tools look for the token under this.
    pub(super) start_url: String,
    /// What the service knows it by: the same, unless it is an address of a company's own.
    pub(super) known_as: StartUrl,
    pub(super) region: String,
    pub(super) scopes: Vec<String>,
    /// The scopes as they are configured or given as flags, by which AWS's tools file a registration.
    pub(super) configured_scopes: Option<Vec<String>>,
    /// The scopes that were asked for, on the command line or in the config file: without them a token is not enough.
    pub(super) needed_scopes: Vec<String>,
}

/// Where a portal's service is.
pub(super) struct Place {
    pub(super) endpoint: Endpoint,
    /// It is not the region's own, as AWS runs it, in any of its variants.
    pub(super) is_custom: bool,
}

impl Place {
    /// An endpoint that was named: it may be the region's own all the same.
    fn named(endpoint: Endpoint, region: &str) -> Self {
        let is_own = Variant::ALL
            .iter()
            .any(|variant| Endpoint::regional(Api::SsoOidc, region, *variant).as_ref() == Ok(&endpoint));
        Self { endpoint, is_custom: !is_own }
    }
}

/// AWS's files do not have the settings that a sign-in needs, or contradict themselves.
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

impl Named {
    /// The portal that flags and profile name. `--start-url` wins over a session, a session over the profile. Nothing is
    /// sent.
    ///
    /// # Errors
    /// A configuration failure that names what is missing.
    pub(super) fn of(args: &LoginArgs, settings: &Settings) -> Result<Self, Failure> {
        let mut named = match (&args.start_url, &args.sso_session) {
            (Some(url), _) => Self {
                start_url: StartUrl::parse(url).map_err(Failure::config)?,
                session: None,
                configured: None,
                scopes: Vec::new(),
                configured_scopes: None,
                needed_scopes: Vec::new(),
            },
            (None, Some(session)) => {
                let found = settings.config().resolve_session(session);
                Self::configured(found.map_err(|error| unresolved(&error, settings))?)?
            }
            (None, None) => Self::of_profile(settings)?,
        };
        if !args.scopes.is_empty() {
            named.scopes.clone_from(&args.scopes);
            named.configured_scopes = Some(args.scopes.clone());
            named.needed_scopes.clone_from(&args.scopes);
        }
        Ok(named)
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
        Self::configured(config.resolve_sso(source).map_err(|error| unresolved(&error, settings))?)
    }

    fn configured(found: SsoSettings) -> Result<Self, Failure> {
        let start_url = StartUrl::parse(&found.start_url).map_err(|error| {
            Failure::config(error).with_hint("correct `sso_start_url` in the AWS config file")
        })?;
        if start_url.as_str() != found.start_url {
            warn(format_args!(
                "the `sso_start_url` of {start_url} has characters in the AWS config file that do not belong to it; \
                 AWS's tools will look for the token under what is written there"
            ));
        }
        // As in AWS's tools: a session without scopes gets the one for the portal API, a bare start URL gets none.
        let session = found.identity.session_name().map(str::to_owned);
        let default = if session.is_some() { vec!["sso:account:access".to_owned()] } else { Vec::new() };
        let needed_scopes = found.scopes.clone().unwrap_or_default();
        Ok(Self {
            start_url,
            session,
            scopes: if needed_scopes.is_empty() { default } else { needed_scopes.clone() },
            configured_scopes: found.scopes.clone(),
            needed_scopes,
            configured: Some(found),
        })
    }

    /// The portal, at the address and in the region that it has. An address of a company's own is looked at, to see where it
    /// leads.
    ///
    /// # Errors
    /// A configuration failure: it leads nowhere, or the region is not known.
    pub(super) fn resolve(self, settings: &Settings) -> Result<Portal, Failure> {
        let is_own = !self.start_url.is_aws() && !self.start_url.is_loopback();
        let known_as =
            if is_own { vanity::resolve(&self.start_url, settings)? } else { self.start_url.clone() };
        let region = self.region(&known_as, is_own, settings)?;
        // Whether or not the endpoint follows from it: the token is stored with it.
        Endpoint::for_region(&region).map_err(Failure::config)?;
        warn_of_another_partition(&known_as, &region);
        let start_url = self.start_url.to_string();
        Ok(Portal {
            identity: match self.session {
                Some(session) => Identity::SessionName(session),
                None => Identity::StartUrl(start_url.clone()),
            },
            start_url,
            known_as,
            region,
            scopes: self.scopes,
            configured_scopes: self.configured_scopes,
            needed_scopes: self.needed_scopes,
        })
    }

    /// The region of the instance: the stated one, else the one in its address. `AWS_REGION` is the region of a person's
    /// work, and counts only if nothing else says anything.
    fn region(&self, known_as: &StartUrl, is_own: bool, settings: &Settings) -> Result<String, Failure> {
        let flag = settings.globals().region.as_deref();
        let configured = self.configured.as_ref().and_then(|found| found.region.as_deref());
        let (stated, by) = match (flag, configured) {
            (Some(region), _) => (Some(region), "--region"),
            (None, region) => (region, "sso_region"),
        };
        match (stated, known_as.region()) {
            (Some(stated), Some(own)) if stated != own => {
                // As in the AWS CLI: after a move to another region the company's address leads there, and the config files
                // still say the old one.
                let (chosen, note) = match is_own && flag.is_none() {
                    true => (own, "correct `sso_region`, or other tools will ask there"),
                    false => (stated, "if that is wrong, the sign-in will fail"),
                };
                warn(format_args!(
                    "{by} is {stated}, but the portal {known_as} is in {own}; asking in {chosen}: {note}"
                ));
                Ok(chosen.to_owned())
            }
            (Some(region), _) | (None, Some(region)) => Ok(region.to_owned()),
            (None, None) => match &self.configured {
                Some(found) => found
                    .required_region()
                    .map(str::to_owned)
                    .map_err(|error| Failure::config(error).with_hint("add it there, or pass --region")),
                None => settings.required_region(),
            },
        }
    }
}

/// Warns of a region that cannot be the portal's, because AWS keeps the two apart.
fn warn_of_another_partition(portal: &StartUrl, region: &str) {
    let Some(own) = portal.partition() else { return };
    let asked = Partition::for_region(region);
    if portal.region().is_none() && own != asked {
        warn(format_args!(
            "{portal} is a portal of the partition {}, and the region {region} is one of {}; if that is wrong, the \
             sign-in will fail",
            own.id(),
            asked.id()
        ));
    }
}

impl Portal {
    /// Where the portal's service is.
    ///
    /// # Errors
    /// A configuration failure: the endpoint or the region cannot be used.
    pub(super) fn place(&self, settings: &Settings) -> Result<Place, Failure> {
        if settings.endpoint_url()?.is_some() {
            return Ok(Place::named(settings.endpoint()?, &self.region));
        }
        let endpoint = Endpoint::regional(Api::SsoOidc, &self.region, self.variant(settings)?);
        Ok(Place { endpoint: endpoint.map_err(Failure::config)?, is_custom: false })
    }

    /// The variant of the endpoint that goes with the portal's address: at the other one a person would be shown a page at
    /// which the sign-in fails.
    fn variant(&self, settings: &Settings) -> Result<Variant, Failure> {
        let variant = settings.variant()?;
        if !self.known_as.is_dual_stack() || variant.dual_stack {
            return Ok(variant);
        }
        if settings.dual_stack()? == Some(false) {
            warn(format_args!(
                "{} is a dual-stack portal, and the settings say not to use the dual-stack endpoint; the sign-in may fail",
                self.known_as
            ));
            return Ok(variant);
        }
        Ok(variant.with_dual_stack())
    }
}
