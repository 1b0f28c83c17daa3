//! The endpoints of requests: a custom one, or that of the region in its variant.

use oidc_proto::{Api, Endpoint, EndpointError, Variant};
use sso_cache::Profile;

use super::{Settings, config_failure};
use crate::exit::Failure;

impl Settings {
    /// Returns the custom endpoint of the sign-in: `--endpoint-url`, then, unless configured endpoints are ignored,
    /// `AWS_ENDPOINT_URL_SSO_OIDC`, `AWS_ENDPOINT_URL`, the profile's `services` section, its `endpoint_url`.
    ///
    /// # Errors
    /// The profile's `services` section does not exist, or a boolean is neither `true` nor `false`.
    pub(crate) fn endpoint_url(&self) -> Result<Option<String>, Failure> {
        self.endpoint_url_of(Api::SsoOidc)
    }

    fn endpoint_url_of(&self, api: Api) -> Result<Option<String>, Failure> {
        if let Some(url) = &self.globals.endpoint_url {
            return Ok(Some(url.clone()));
        }
        let profile = self.profile();
        let ignore = match self.environment.flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
            Some(ignore) => Some(ignore),
            None => match profile {
                Some(profile) => {
                    profile.ignore_configured_endpoint_urls().map_err(|error| config_failure(&error))?
                }
                None => None,
            },
        };
        if ignore == Some(true) {
            return Ok(None);
        }
        let (variables, service) = named(api);
        if let Some(url) = self.environment.first(&variables) {
            return Ok(Some(url.to_owned()));
        }
        let Some(profile) = profile else { return Ok(None) };
        let own = profile.service_endpoint(service).map_err(|error| config_failure(&error))?;
        Ok(own.or_else(|| profile.endpoint_url()).map(str::to_owned))
    }

    /// Returns the custom endpoint, else the region's.
    ///
    /// # Errors
    /// Neither is set, or the one that is set is invalid.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, Failure> {
        match self.endpoint_url()? {
            Some(url) => self.custom(&url),
            None => Endpoint::regional(Api::SsoOidc, &self.required_region()?, self.variant()?)
                .map_err(Failure::config),
        }
    }

    /// Returns the endpoint of the portal API, and whether it is a custom one: `--endpoint-url`, `AWS_ENDPOINT_URL_SSO`
    /// and so on, else that of this region.
    ///
    /// # Errors
    /// The endpoint that is set is invalid, or the region is.
    pub(crate) fn portal_endpoint(
        &self,
        region: &str,
        variant: Variant,
    ) -> Result<(Endpoint, bool), Failure> {
        Ok(match self.custom_portal_endpoint()? {
            Some(endpoint) => (endpoint, true),
            None => (Endpoint::regional(Api::Portal, region, variant).map_err(Failure::config)?, false),
        })
    }

    /// Returns the custom endpoint of the portal API, if one is set.
    ///
    /// # Errors
    /// It is invalid.
    pub(crate) fn custom_portal_endpoint(&self) -> Result<Option<Endpoint>, Failure> {
        self.endpoint_url_of(Api::Portal)?.map(|url| self.custom(&url)).transpose()
    }

    fn custom(&self, url: &str) -> Result<Endpoint, Failure> {
        let endpoint = match self.globals.allow_insecure_http {
            true => Endpoint::allow_insecure_http(url),
            false => Endpoint::custom(url),
        };
        endpoint.map_err(|error| {
            let failure = Failure::config(&error);
            match error {
                EndpointError::InsecureHttp(_) => {
                    failure.with_hint("pass --allow-insecure-http to allow it in a test network")
                }
                _ => failure,
            }
        })
    }

    /// Returns the variable or setting that names the endpoint or its variant, if it is not a flag. The user may have
    /// meant it for another service.
    pub(crate) fn endpoint_named_by(&self) -> Option<String> {
        self.named_by(Api::SsoOidc)
    }

    /// Returns the same for the endpoint of this API.
    pub(crate) fn named_by(&self, api: Api) -> Option<String> {
        if self.globals.endpoint_url.is_some() {
            return None;
        }
        if self.endpoint_url_of(api).ok().flatten().is_some() {
            let variables = named(api).0;
            let variable = variables.into_iter().find(|name| self.environment.first(&[*name]).is_some());
            return Some(variable.unwrap_or("`endpoint_url` in the AWS config file").to_owned());
        }
        let variant = self.variant().ok()?;
        let kinds = [
            (variant.fips, "AWS_USE_FIPS_ENDPOINT", "`use_fips_endpoint` in the AWS config file"),
            (
                variant.dual_stack,
                "AWS_USE_DUALSTACK_ENDPOINT",
                "`use_dualstack_endpoint` in the AWS config file",
            ),
        ];
        let settings = kinds.into_iter().filter(|(is_on, ..)| *is_on).map(|(_, variable, setting)| {
            if self.environment.flag(variable).is_some() { variable } else { setting }
        });
        let settings: Vec<_> = settings.collect();
        (!settings.is_empty()).then(|| settings.join(" and "))
    }

    /// Returns the endpoint variant (FIPS, dual-stack): `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT`, or the
    /// profile's settings of these names.
    ///
    /// # Errors
    /// A value in the profile is neither `true` nor `false`.
    pub(crate) fn variant(&self) -> Result<Variant, Failure> {
        let fips = match self.environment.flag("AWS_USE_FIPS_ENDPOINT") {
            Some(fips) => Some(fips),
            None => {
                self.profile().map_or(Ok(None), Profile::use_fips_endpoint).map_err(|e| config_failure(&e))?
            }
        };
        let mut variant = Variant::default();
        variant.fips = fips.unwrap_or(false);
        variant.dual_stack = self.dual_stack()?.unwrap_or(false);
        Ok(variant)
    }

    /// Returns whether to use the dual-stack endpoint, if that is set.
    ///
    /// # Errors
    /// The value in the profile is neither `true` nor `false`.
    pub(crate) fn dual_stack(&self) -> Result<Option<bool>, Failure> {
        if let Some(dual_stack) = self.environment.flag("AWS_USE_DUALSTACK_ENDPOINT") {
            return Ok(Some(dual_stack));
        }
        self.profile().map_or(Ok(None), Profile::use_dualstack_endpoint).map_err(|e| config_failure(&e))
    }
}

/// Returns the variables with the endpoint of this API, and its name in a `services` section.
const fn named(api: Api) -> ([&'static str; 2], &'static str) {
    match api {
        Api::Portal => (["AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL"], "sso"),
        _ => (["AWS_ENDPOINT_URL_SSO_OIDC", "AWS_ENDPOINT_URL"], "sso_oidc"),
    }
}
