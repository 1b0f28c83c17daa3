//! The URLs of a provider of the OAuth dialect.

use core::fmt;

use super::path;
use crate::endpoint::AUTHORIZE;
use crate::endpoint::{Kind, Url};
use crate::{Endpoint, EndpointError, Operation};

/// The URLs of an authorization server (RFC 6749, RFC 8628), one for each operation.
///
/// Each must be `https` or loopback (RFC 8628 §3.1); its query is kept (RFC 6749 §3.2).
/// [`Metadata::provider`](super::Metadata::provider) takes them from the provider's metadata.
///
/// ```
/// use oidc_proto::oauth::Provider;
/// use oidc_proto::{Operation, Service};
///
/// let provider = Provider::new("https://id.example/device", "https://id.example/token")?
///     .with_registration("https://id.example/register")?
///     .with_revocation("https://id.example/revoke")?;
/// assert!(Service::from(provider).offers(Operation::RevokeToken));
/// assert!(Provider::new("https://id.example/device", "http://id.example/token").is_err());
/// # Ok::<(), oidc_proto::EndpointError>(())
/// ```
#[derive(Clone)]
pub struct Provider {
    pub(crate) device_authorization: Option<Url>,
    pub(crate) token: Url,
    /// The page in the browser. No request goes there, so equality ignores it.
    pub(crate) authorization: Option<Url>,
    pub(crate) registration: Option<Url>,
    pub(crate) revocation: Option<Url>,
    /// The provider supports PKCE. Not a URL, so equality ignores it.
    pub(crate) offers_pkce: bool,
    /// The issuer, and whether every authorization response names it (RFC 9207).
    pub(crate) issuer: Option<(Box<str>, bool)>,
}

/// Two providers are equal if their requests go to the same URLs.
impl PartialEq for Provider {
    fn eq(&self, other: &Self) -> bool {
        let places = |of: &Self| {
            let Self { device_authorization, token, registration, revocation, .. } = of.clone();
            (device_authorization, token, registration, revocation)
        };
        places(self) == places(other)
    }
}

impl Eq for Provider {}

impl Provider {
    /// Creates a provider with the two URLs that every device flow needs (RFC 8628 §3.1, §3.4).
    ///
    /// ```
    /// use oidc_proto::EndpointError;
    /// use oidc_proto::oauth::Provider;
    /// let provider = Provider::new("https://id.example/device?tenant=a", "https://login.example/token")?;
    /// assert_eq!(provider.to_string(), "https://login.example/token");
    /// let plain = Provider::new("http://id.example/device", "https://id.example/token");
    /// assert!(matches!(plain, Err(EndpointError::InsecureHttp(_))));
    /// # Ok::<(), EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// The error names what is wrong with a URL. Both must be `https` or loopback.
    pub fn new(device_authorization: &str, token: &str) -> Result<Self, EndpointError> {
        Ok(Self { device_authorization: Some(whole(device_authorization)?), ..Self::at(whole(token)?) })
    }

    /// Creates a provider with the two URLs that every authorization code flow needs (RFC 6749 §3.1, §3.2).
    ///
    /// ```
    /// use oidc_proto::oauth::Provider;
    /// use oidc_proto::{Operation, Service};
    /// let service = Service::from(Provider::for_code("https://id.example/authorize", "https://id.example/token")?);
    /// assert!(service.offers_code() && !service.offers(Operation::StartDeviceAuthorization));
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// The error names what is wrong with a URL. Both must be `https` or loopback.
    pub fn for_code(authorization: &str, token: &str) -> Result<Self, EndpointError> {
        Self::at(whole(token)?).with_authorization(authorization)
    }

    const fn at(token: Url) -> Self {
        Self {
            device_authorization: None,
            token,
            authorization: None,
            registration: None,
            revocation: None,
            offers_pkce: false,
            issuer: None,
        }
    }

    /// Returns the same provider with this authorization URL (RFC 6749 §3.1).
    ///
    /// ```
    /// use oidc_proto::Service;
    /// use oidc_proto::oauth::Provider;
    /// let provider = Provider::new("https://id.example/device", "https://id.example/token")?;
    /// assert!(!Service::from(provider.clone()).offers_code());
    /// assert!(Service::from(provider.with_authorization("https://id.example/authorize")?).offers_code());
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// The error names what is wrong with the URL. It must be `https` or loopback.
    pub fn with_authorization(mut self, url: &str) -> Result<Self, EndpointError> {
        self.authorization = Some(whole(url)?);
        Ok(self)
    }

    /// Returns the same provider with this issuer. An authorization response of another issuer is refused
    /// (RFC 9207 §2.4). So is one without an issuer if the provider promises to name it
    /// (`authorization_response_iss_parameter_supported`).
    ///
    /// ```
    /// use oidc_proto::Service;
    /// use oidc_proto::oauth::Provider;
    /// let provider = Provider::for_code("https://id.example/authorize", "https://id.example/token")?;
    /// let service = Service::from(provider.with_issuer("https://id.example", true));
    /// assert!(service.is_issuer(Some("https://id.example")));
    /// assert!(!service.is_issuer(Some("https://evil.example")) && !service.is_issuer(None));
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>, is_always_named: bool) -> Self {
        self.issuer = Some((issuer.into().into(), is_always_named));
        self
    }

    /// Creates a provider with the five paths of `sso-oidc-server` below this base URL. They are plain HTTP
    /// to another machine only if the base [allows](Endpoint::allow_insecure_http) it. Other providers
    /// publish theirs in their metadata.
    ///
    /// ```
    /// use oidc_proto::oauth::Provider;
    /// use oidc_proto::{Endpoint, Service};
    /// let provider = Provider::at_default_paths(&Endpoint::custom("http://127.0.0.1:8080")?);
    /// assert_eq!(Service::from(provider).token_url(), "http://127.0.0.1:8080/oauth/token");
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub fn at_default_paths(base: &Endpoint) -> Self {
        let at = |operation| base.0.join(path(operation).unwrap_or_default());
        Self {
            device_authorization: Some(at(Operation::StartDeviceAuthorization)),
            token: at(Operation::CreateToken),
            authorization: Some(base.0.join(AUTHORIZE)),
            registration: Some(at(Operation::RegisterClient)),
            revocation: Some(at(Operation::RevokeToken)),
            offers_pkce: false,
            issuer: None,
        }
    }

    /// Returns the same provider with this registration URL (RFC 7591 §3).
    ///
    /// ```
    /// use oidc_proto::oauth::Provider;
    /// use oidc_proto::{Operation, Service};
    /// let provider = Provider::new("https://id.example/device", "https://id.example/token")?;
    /// let provider = provider.with_registration("https://id.example/register")?;
    /// assert!(Service::from(provider).offers(Operation::RegisterClient));
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// The error names what is wrong with the URL. It must be `https` or loopback.
    pub fn with_registration(mut self, url: &str) -> Result<Self, EndpointError> {
        self.registration = Some(whole(url)?);
        Ok(self)
    }

    /// Returns the same provider with this revocation URL (RFC 7009 §2).
    ///
    /// ```
    /// use oidc_proto::oauth::Provider;
    /// use oidc_proto::{Operation, Service};
    /// let provider = Provider::new("https://id.example/device", "https://id.example/token")?;
    /// let provider = provider.with_revocation("https://id.example/revoke")?;
    /// assert!(Service::from(provider).offers(Operation::RevokeToken));
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// The error names what is wrong with the URL. It must be `https` or loopback.
    pub fn with_revocation(mut self, url: &str) -> Result<Self, EndpointError> {
        self.revocation = Some(whole(url)?);
        Ok(self)
    }

    /// Returns the same provider with PKCE, method S256 (RFC 8414 §2, `code_challenge_methods_supported`). A
    /// sign-in then uses it.
    ///
    /// ```
    /// use oidc_proto::Service;
    /// use oidc_proto::oauth::Provider;
    /// let provider = Provider::new("https://id.example/device", "https://id.example/token")?;
    /// let with_pkce = Service::from(provider.clone().with_pkce());
    /// assert!(with_pkce.offers_pkce());
    /// assert_eq!(with_pkce, Service::from(provider)); // requests go to the same places
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub const fn with_pkce(mut self) -> Self {
        self.offers_pkce = true;
        self
    }

    pub(crate) fn urls(&self) -> impl Iterator<Item = &Url> {
        self.device_authorization
            .iter()
            .chain([&self.token])
            .chain(&self.registration)
            .chain(&self.revocation)
    }
}

fn whole(url: &str) -> Result<Url, EndpointError> {
    Url::parse(url, Kind::Whole)?.secure()
}

/// The token URL.
impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.token.fmt(f)
    }
}

/// Every URL of the provider.
impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Provider(")?;
        for (index, url) in self.urls().enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            write!(f, "{url}")?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_url_of_a_provider_must_be_https_or_loopback() {
        let fine = "https://a.example/";
        for (device, token) in
            [("http://a.example/", fine), (fine, "http://a.example/"), (fine, "https://a.example/#x")]
        {
            assert!(Provider::new(device, token).is_err(), "{device} {token}");
        }
        let provider = Provider::new(fine, fine).unwrap();
        assert!(provider.clone().with_revocation("http://a.example/").is_err());
        assert!(provider.with_registration("http://a.example/").is_err());
    }
}
