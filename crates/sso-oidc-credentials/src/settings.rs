//! What the program, the environment and AWS's config files say: portal, endpoints, role.
//!
//! The environment wins over the profile, as in AWS's tools.

use std::path::PathBuf;

use oidc_proto::{Api, Endpoint, SSO_ACCOUNT_ACCESS, StartUrl, Variant, printable};
use sso_cache::{Cache, Config, Identity, Profile, RegistrationKey, RoleCredentialsCache, SsoSettings};

use crate::environment::Environment;
use crate::error::{Reason, SsoError};

/// Where a program finds its portal.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A profile of AWS's config files; `None` is that of the environment, or else `default`.
    Profile(Option<String>),
    /// An `[sso-session]` there.
    Session(String),
    /// The program itself.
    Portal { start_url: String, region: String },
}

/// What the program says.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) source: Source,
    pub(crate) account_id: Option<String>,
    pub(crate) role_name: Option<String>,
    pub(crate) home: Option<PathBuf>,
    pub(crate) environment: Environment,
}

/// A role of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) account_id: String,
    pub(crate) role_name: String,
}

/// A portal, and all that is needed to use it.
pub(crate) struct Portal {
    pub(crate) identity: Identity,
    /// The start URL as configured. AWS's tools look for the token under it.
    pub(crate) start_url: String,
    pub(crate) region: String,
    /// The scopes to ask for.
    pub(crate) scopes: Vec<String>,
    /// The scopes that a cached token must have.
    pub(crate) needed_scopes: Vec<String>,
    pub(crate) key: RegistrationKey,
    pub(crate) use_device_code: Option<bool>,
    /// The endpoint of the sign-in.
    pub(crate) endpoint: Endpoint,
    /// The same, if it is not the region's own.
    pub(crate) endpoint_url: Option<String>,
    /// The endpoint of the portal API, and whether it is none of the region's own.
    pub(crate) portal_endpoint: (Endpoint, bool),
    pub(crate) ca_bundle: Option<PathBuf>,
    pub(crate) cache: Cache,
    pub(crate) role_cache: RoleCredentialsCache,
    pub(crate) role: Option<Role>,
    /// The command lines of a sign-in.
    pub(crate) sign_in_command: String,
}

impl Wanted {
    /// Reads the settings.
    pub(crate) fn resolve(&self) -> Result<Portal, SsoError> {
        let home = self.home.clone().or_else(|| self.environment.home()).ok_or(Reason::NoHome)?;
        let reader = Reader { wanted: self, config: self.config(&home)?, home };
        reader.portal()
    }

    /// Reads AWS's files. A program that names its portal must not fail because of them.
    fn config(&self, home: &std::path::Path) -> Result<Config, SsoError> {
        let variable = |name: &str| self.environment.path(name);
        let mut config = match Config::default_path(Some(home), variable).map(Config::load) {
            Some(Ok(config)) => config,
            Some(Err(error)) if !matches!(self.source, Source::Portal { .. }) => {
                return Err(Reason::Config(error).into());
            }
            Some(Err(_)) | None => Config::default(),
        };
        if let Some(path) = Config::default_credentials_path(Some(home), variable) {
            // It has keys, and seldom a setting. Without it, what is missing is named.
            let _unread = config.load_credentials(path);
        }
        Ok(config)
    }

    /// Returns the profile's name, and whether the program or the environment names it.
    fn profile(&self) -> (String, bool) {
        let named = match &self.source {
            Source::Profile(Some(name)) => Some(name.clone()),
            _ => None,
        };
        let of_environment =
            || ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"].into_iter().find_map(|name| self.environment.get(name));
        match named.or_else(of_environment) {
            Some(name) => (name, true),
            None => ("default".to_owned(), false),
        }
    }
}

/// The settings, with the files read.
struct Reader<'a> {
    wanted: &'a Wanted,
    config: Config,
    home: PathBuf,
}

/// A portal as the program or the files name it.
struct Named {
    identity: Identity,
    start_url: StartUrl,
    region: String,
    scopes: Vec<String>,
    needed_scopes: Vec<String>,
    /// AWS's tools derive a registration's file name from them.
    configured_scopes: Option<Vec<String>>,
    use_device_code: Option<bool>,
    sign_in_command: String,
}

impl Reader<'_> {
    fn portal(self) -> Result<Portal, SsoError> {
        let named = self.named()?;
        let (start_url, region) = (named.start_url.to_string(), named.region);
        let mut variant = self.variant()?;
        if named.start_url.is_dual_stack() && self.dual_stack()? != Some(false) {
            // With the other variant, the approval page of such a portal fails.
            variant = variant.with_dual_stack();
        }
        let (endpoint, is_custom) = self.endpoint(Api::SsoOidc, &region, variant)?;
        let portal_endpoint = self.endpoint(Api::Portal, &region, variant)?;
        let endpoint_url = is_custom.then(|| endpoint.to_string());
        let key = named.identity.registration_key(&start_url, &region, named.configured_scopes);
        let profile = self.profile();
        let ca_bundle = self.wanted.environment.path("AWS_CA_BUNDLE").map(PathBuf::from);
        Ok(Portal {
            role: self.role(),
            ca_bundle: ca_bundle.or_else(|| profile.and_then(Profile::ca_bundle).map(PathBuf::from)),
            cache: Cache::at(Cache::default_dir(&self.home)),
            role_cache: RoleCredentialsCache::at(RoleCredentialsCache::default_dir(&self.home)),
            key: key.with_endpoint_url(endpoint_url.clone()),
            identity: named.identity,
            start_url,
            region,
            scopes: named.scopes,
            needed_scopes: named.needed_scopes,
            use_device_code: named.use_device_code,
            endpoint,
            endpoint_url,
            portal_endpoint,
            sign_in_command: named.sign_in_command,
        })
    }

    /// Returns the profile with the endpoints and the role, if it exists.
    fn profile(&self) -> Option<Profile<'_>> {
        self.config.profile(&self.wanted.profile().0)
    }

    fn named(&self) -> Result<Named, SsoError> {
        match &self.wanted.source {
            Source::Portal { start_url, region } => {
                let start_url = StartUrl::parse(start_url).map_err(Reason::StartUrl)?;
                let (url, place) = (word(start_url.as_str()), word(region));
                Ok(Named {
                    sign_in_command: format!("`sso-oidc login --start-url {url} --region {place}`"),
                    identity: Identity::StartUrl(start_url.to_string()),
                    start_url,
                    region: region.clone(),
                    // A token without a scope comes without a refresh token.
                    scopes: vec![SSO_ACCOUNT_ACCESS.to_owned()],
                    needed_scopes: Vec::new(),
                    configured_scopes: Some(vec![SSO_ACCOUNT_ACCESS.to_owned()]),
                    use_device_code: None,
                })
            }
            Source::Session(name) => {
                let found = self.config.resolve_session(name).map_err(Reason::Settings)?;
                Self::configured(found, &format!("--sso-session {}", word(name)))
            }
            Source::Profile(_) => {
                let (name, is_named) = self.wanted.profile();
                if !is_named && self.config.profile(&name).is_none() {
                    return Err(Reason::NoPortal { profile: name }.into());
                }
                let source = self.config.sso_profile(&name).map_err(Reason::Settings)?;
                let source =
                    source.ok_or_else(|| Reason::NoPortal { profile: printable(&name).into_owned() })?;
                let found = self.config.resolve_sso(source).map_err(Reason::Settings)?;
                Self::configured(found, &format!("--profile {}", word(source)))
            }
        }
    }

    fn configured(found: SsoSettings, flag: &str) -> Result<Named, SsoError> {
        let start_url = StartUrl::parse(&found.start_url).map_err(Reason::StartUrl)?;
        let region = match start_url.region() {
            Some(region) if found.region.is_none() => region.to_owned(),
            _ => found.required_region().map_err(Reason::Settings)?.to_owned(),
        };
        // As in AWS's tools, a session without scopes gets the scope of the portal API. A bare start URL gets none.
        let default = match found.identity.session_name() {
            Some(_) => vec![SSO_ACCOUNT_ACCESS.to_owned()],
            None => Vec::new(),
        };
        Ok(Named {
            sign_in_command: format!("`aws sso login {flag}` or `sso-oidc login {flag}`"),
            identity: match found.identity.session_name() {
                Some(_) => found.identity,
                None => Identity::StartUrl(start_url.to_string()),
            },
            start_url,
            region,
            scopes: found.scopes.clone().filter(|scopes| !scopes.is_empty()).unwrap_or(default),
            needed_scopes: found.scopes.clone().unwrap_or_default(),
            configured_scopes: found.scopes,
            use_device_code: found.use_device_code,
        })
    }

    /// Returns the role of the program, or else of the profile.
    fn role(&self) -> Option<Role> {
        let profile = self.profile().filter(|_| matches!(self.wanted.source, Source::Profile(_)));
        let of_profile = |key| profile.and_then(|profile| profile.text(key)).map(str::to_owned);
        // A program's own account must not get the profile's role by chance: the profile names a pair.
        let role_name = self.wanted.role_name.clone().or_else(|| match self.wanted.account_id {
            Some(_) => None,
            None => of_profile("sso_role_name"),
        });
        let account_id = self.wanted.account_id.clone().or_else(|| of_profile("sso_account_id"));
        Some(Role { account_id: account_id?, role_name: role_name? })
    }

    /// Returns an API's endpoint, and whether it is none of the region's own.
    fn endpoint(&self, api: Api, region: &str, variant: Variant) -> Result<(Endpoint, bool), SsoError> {
        let regional = |variant| Endpoint::regional(api, region, variant);
        let own = regional(variant).map_err(Reason::Endpoint)?;
        let Some(url) = self.endpoint_url(api)? else { return Ok((own, false)) };
        let endpoint = Endpoint::custom(&url).map_err(Reason::Endpoint)?;
        let is_own = Variant::ALL.iter().any(|variant| regional(*variant).as_ref() == Ok(&endpoint));
        Ok((endpoint, !is_own))
    }

    /// Returns the configured endpoint of an API: its variable, `AWS_ENDPOINT_URL`, the profile's `services` section,
    /// its `endpoint_url`.
    fn endpoint_url(&self, api: Api) -> Result<Option<String>, SsoError> {
        let (environment, profile) = (&self.wanted.environment, self.profile());
        let ignores = || profile.map_or(Ok(None), Profile::ignore_configured_endpoint_urls);
        let ignores = match environment.flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
            Some(ignores) => Some(ignores),
            None => ignores().map_err(Reason::Settings)?,
        };
        if ignores == Some(true) {
            return Ok(None);
        }
        let (variable, service) = match api {
            Api::Portal => ("AWS_ENDPOINT_URL_SSO", "sso"),
            _ => ("AWS_ENDPOINT_URL_SSO_OIDC", "sso_oidc"),
        };
        if let Some(url) = environment.get(variable).or_else(|| environment.get("AWS_ENDPOINT_URL")) {
            return Ok(Some(url));
        }
        let Some(profile) = profile else { return Ok(None) };
        let own = profile.service_endpoint(service).map_err(Reason::Settings)?;
        Ok(own.or_else(|| profile.endpoint_url()).map(str::to_owned))
    }

    fn variant(&self) -> Result<Variant, SsoError> {
        let fips = match self.wanted.environment.flag("AWS_USE_FIPS_ENDPOINT") {
            Some(fips) => Some(fips),
            None => self.profile().map_or(Ok(None), Profile::use_fips_endpoint).map_err(Reason::Settings)?,
        };
        let mut variant = Variant::default();
        variant.fips = fips.unwrap_or(false);
        variant.dual_stack = self.dual_stack()?.unwrap_or(false);
        Ok(variant)
    }

    fn dual_stack(&self) -> Result<Option<bool>, SsoError> {
        match self.wanted.environment.flag("AWS_USE_DUALSTACK_ENDPOINT") {
            Some(dual_stack) => Ok(Some(dual_stack)),
            None => {
                let configured = self.profile().map_or(Ok(None), Profile::use_dualstack_endpoint);
                Ok(configured.map_err(Reason::Settings)?)
            }
        }
    }
}

/// Returns a text as one word of a shell's command line, in quotes if it needs them.
fn word(text: &str) -> String {
    let text = printable(text);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:=@%+-".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
