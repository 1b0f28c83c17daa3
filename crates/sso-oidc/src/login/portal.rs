//! The portal to sign in to and its region, from the flags, an SSO session, or the profile.

use oidc_proto::{Api, Endpoint, Partition, StartUrl, Variant};
use sso_cache::{Identity, SettingsError, SsoSettings};

use super::say;
use super::vanity;
use crate::exit::{Failure, chain, warn};
use crate::explain::shell_word;
use crate::settings::Settings;

/// The flags that name a portal.
pub(super) struct Which<'a> {
    pub(super) start_url: Option<&'a str>,
    pub(super) sso_session: Option<&'a str>,
    pub(super) scopes: &'a [String],
}

/// A portal as the flags or the config file name it.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) start_url: StartUrl,
    /// The name of its SSO session, if it has one.
    session: Option<String>,
    /// Its settings in the config file, if it comes from there.
    configured: Option<SsoSettings>,
    scopes: Vec<String>,
    configured_scopes: Option<Vec<String>>,
    needed_scopes: Vec<String>,
}

/// A portal, and the identity of its token in the cache.
#[derive(Debug)]
pub(super) struct Portal {
    pub(super) identity: Identity,
    /// The start URL as given, without stray characters from pasting. AWS's tools look for the token under it.
    pub(super) start_url: String,
    /// The start URL at AWS. It differs from `start_url` if that is a company's own URL.
    pub(super) known_as: StartUrl,
    pub(super) region: String,
    pub(super) scopes: Vec<String>,
    /// The scopes from the config file or the flags. AWS's tools derive a registration's file name from them.
    pub(super) configured_scopes: Option<Vec<String>>,
    /// The scopes that a stored token must have: those of the flags or the config file.
    pub(super) needed_scopes: Vec<String>,
    /// `sso_use_device_code` of its session.
    pub(super) use_device_code: Option<bool>,
}

/// The endpoint of a portal's service.
pub(super) struct Place {
    pub(super) endpoint: Endpoint,
    /// Whether it is none of the region's own endpoints.
    pub(super) is_custom: bool,
}

impl Place {
    /// Creates a place from a configured endpoint, which may be the region's own.
    fn named(endpoint: Endpoint, region: &str) -> Self {
        let is_own = Variant::ALL
            .iter()
            .any(|variant| Endpoint::regional(Api::SsoOidc, region, *variant).as_ref() == Ok(&endpoint));
        Self { endpoint, is_custom: !is_own }
    }
}

/// Returns the failure for missing or contradictory settings in AWS's files.
pub(crate) fn unresolved(error: &SettingsError, settings: &Settings) -> Failure {
    let failure = Failure::config(chain(error));
    let failure = match error {
        SettingsError::NoSuchSession { session, profile: None, .. }
            if settings.config().profile(session).is_some() =>
        {
            failure.with_hint(format_args!("a profile has this name; pass --profile {}", shell_word(session)))
        }
        _ => failure,
    };
    settings.files().lacking(failure)
}

impl Named {
    /// Returns the portal of the flags or the profile. `--start-url` wins over a session, a session over the profile.
    /// Nothing is sent.
    ///
    /// # Errors
    /// A setting is missing or invalid.
    pub(super) fn of(which: &Which<'_>, settings: &Settings) -> Result<Self, Failure> {
        let mut named = match (which.start_url, which.sso_session) {
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
        if !which.scopes.is_empty() {
            named.scopes = which.scopes.to_vec();
            named.configured_scopes = Some(named.scopes.clone());
            named.needed_scopes.clone_from(&named.scopes);
        }
        Ok(named)
    }

    /// Returns the portal of the profile, or of its source profile.
    fn of_profile(settings: &Settings) -> Result<Self, Failure> {
        settings.require_profile()?;
        let (config, name) = (settings.config(), settings.profile_name());
        let source = match settings.profile() {
            Some(_) => config.sso_profile(name).map_err(|error| unresolved(&error, settings))?,
            None => None,
        };
        let Some(source) = source else {
            if let Some(session) = settings.choose_session()? {
                let found = config.resolve_session(session);
                return Self::configured(found.map_err(|error| unresolved(&error, settings))?);
            }
            let failure = Failure::config("You must specify a start URL");
            let failure = match config.session_names().collect::<Vec<_>>().as_slice() {
                [] => failure.with_hint(
                    "make a session with `sso-oidc configure session NAME --start-url URL --region REGION`, or \
                     pass --start-url",
                ),
                sessions => failure
                    .with_detail(format_args!("The sessions in the config file: {}", sessions.join(", ")))
                    .with_hint(
                        "pass --sso-session or --start-url, or add `sso_session` to the profile in \
                         ~/.aws/config",
                    ),
            };
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
                "`sso_start_url` in the AWS config file has stray characters, and should be {start_url}; \
                 AWS's tools look for the token under the text as it is written there"
            ));
        }
        // As in AWS's tools, a session without scopes gets the scope of the portal API. A bare start URL gets none.
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

    /// Returns the identity of the portal's token.
    pub(super) fn identity(&self) -> Identity {
        match &self.session {
            Some(session) => Identity::SessionName(session.clone()),
            None => Identity::StartUrl(self.start_url.to_string()),
        }
    }

    /// Resolves the portal's URL at AWS and its region. A company's own URL is requested once, for its redirect.
    ///
    /// # Errors
    /// The URL does not lead to a portal, or the region is unknown.
    pub(super) fn resolve(self, settings: &Settings) -> Result<Portal, Failure> {
        let is_own = !self.start_url.is_aws() && !self.start_url.is_loopback();
        let known_as =
            if is_own { vanity::resolve(&self.start_url, settings)? } else { self.start_url.clone() };
        let region = self.region(&known_as, is_own, settings)?;
        // The token is stored with the region, even if the endpoint does not depend on it.
        Endpoint::for_region(&region).map_err(Failure::config)?;
        warn_of_another_partition(&known_as, &region);
        Ok(Portal {
            identity: self.identity(),
            start_url: self.start_url.to_string(),
            known_as,
            region,
            scopes: self.scopes,
            configured_scopes: self.configured_scopes,
            needed_scopes: self.needed_scopes,
            use_device_code: self.configured.and_then(|found| found.use_device_code),
        })
    }

    /// Returns the region of the instance: the configured one, else the one in its URL. `AWS_REGION` comes last,
    /// because users set it for the region of their workloads.
    fn region(&self, known_as: &StartUrl, is_own: bool, settings: &Settings) -> Result<String, Failure> {
        let flag = settings.globals().region.as_deref();
        let configured = self.configured.as_ref().and_then(|found| found.region.as_deref());
        let (stated, by) = match (flag, configured) {
            (Some(region), _) => (Some(region), "--region"),
            (None, region) => (region, "sso_region"),
        };
        match (stated, known_as.region()) {
            (Some(stated), Some(own)) if stated != own => {
                // As in the AWS CLI: if an instance moves to another region, the company's URL leads there, but
                // config files still have the old region.
                let (chosen, note) = match is_own && flag.is_none() {
                    true => (own, "correct `sso_region`, or other tools will use the wrong region"),
                    false => (stated, "if that is wrong, the sign-in will fail"),
                };
                warn(format_args!(
                    "{by} is {stated}, but the portal {known_as} is in {own}; using {chosen}: {note}"
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

/// Warns if the region is in another partition than the portal.
pub(crate) fn warn_of_another_partition(portal: &StartUrl, region: &str) {
    let Some(own) = portal.partition() else { return };
    let asked = Partition::for_region(region);
    if portal.region().is_none() && own != asked {
        warn(format_args!(
            "the portal {portal} is in the partition {}, but the region {region} is in {}; if the region is wrong, the \
             sign-in will fail, so check --region and `sso_region`",
            own.id(),
            asked.id()
        ));
    }
}

impl Portal {
    /// Returns the endpoint of the portal's service.
    ///
    /// # Errors
    /// The endpoint or the region is invalid.
    pub(super) fn place(&self, settings: &Settings) -> Result<Place, Failure> {
        if settings.endpoint_url()?.is_some() {
            return Ok(Place::named(settings.endpoint()?, &self.region));
        }
        // Not an error: AWS may add a partition.
        if Partition::matching(&self.region).is_none() {
            warn(format_args!(
                "no known AWS region has a name like {}; check --region and `sso_region`",
                self.region
            ));
        }
        let endpoint = Endpoint::regional(Api::SsoOidc, &self.region, self.variant(settings)?);
        Ok(Place { endpoint: endpoint.map_err(Failure::config)?, is_custom: false })
    }

    /// Returns the endpoint variant of the portal's URL. With the other variant, the approval page fails.
    pub(super) fn variant(&self, settings: &Settings) -> Result<Variant, Failure> {
        let variant = settings.variant()?;
        if !self.known_as.is_dual_stack() || variant.dual_stack {
            return Ok(variant);
        }
        if settings.dual_stack()? == Some(false) {
            warn(format_args!(
                "{} is a dual-stack portal, but the settings disable the dual-stack endpoint, so the sign-in may fail",
                self.known_as
            ));
            return Ok(variant);
        }
        Ok(variant.with_dual_stack())
    }
}
