//! Where the service is: a region, a custom base URL, or the URLs that a provider names.

mod partition;
mod url;

use core::fmt;
use core::str::FromStr;

use http::Uri;

use self::url::{Kind, Url};
use crate::{Dialect, Operation, oauth};

pub use self::partition::{Partition, Service, Variant};

/// Where to send requests: one base URL with the operations below it, or a URL for each operation.
///
/// HTTPS is required except for loopback addresses, because every request carries secrets (RFC 8628 §3.1);
/// [`Endpoint::allow_insecure_http`] is the explicit way out.
///
/// Endpoints are equal if requests go to the same places, however these are spelled: the case of the host, a port that
/// the scheme has anyway and a slash at the end of a base URL do not count.
///
/// ```
/// use oidc_proto::Endpoint;
///
/// assert_eq!(Endpoint::custom("https://OIDC.eu-west-1.amazonaws.com:443/")?, Endpoint::for_region("eu-west-1")?);
/// # Ok::<(), oidc_proto::EndpointError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(Urls);

#[derive(Clone, PartialEq, Eq)]
enum Urls {
    Base(Url),
    Each(Box<Each>),
}

#[derive(Clone, PartialEq, Eq)]
struct Each {
    device_authorization: Url,
    token: Url,
    registration: Option<Url>,
    revocation: Option<Url>,
}

impl Each {
    const fn url(&self, operation: Operation) -> Option<&Url> {
        match operation {
            Operation::RegisterClient => self.registration.as_ref(),
            Operation::StartDeviceAuthorization => Some(&self.device_authorization),
            Operation::CreateToken => Some(&self.token),
            Operation::RevokeToken => self.revocation.as_ref(),
        }
    }
}

/// Why a text is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Not an absolute URL of scheme `http` or `https`.
    #[error("`{0}` is not an absolute http or https URL")]
    NotAUrl(String),
    /// A user name or password before the host.
    #[error("the endpoint URL must not contain a user name or password")]
    UserInfo,
    /// A query or a fragment, which a base URL cannot have.
    #[error("the endpoint URL `{0}` must not have a query or a fragment")]
    QueryOrFragment(String),
    /// Plain HTTP to a host that is not this machine.
    #[error(
        "plain http to `{0}` would send secrets unencrypted; use https (plain http is for loopback only)"
    )]
    InsecureHttp(String),
    /// Not the name of a region.
    #[error("`{0}` is not a region name (such as us-east-1)")]
    InvalidRegion(String),
}

impl Endpoint {
    /// SSO OIDC's regional endpoint.
    ///
    /// ```
    /// use oidc_proto::Endpoint;
    /// assert_eq!(Endpoint::for_region("eu-west-1")?.to_string(), "https://oidc.eu-west-1.amazonaws.com");
    /// assert_eq!(Endpoint::for_region("cn-north-1")?.to_string(), "https://oidc.cn-north-1.amazonaws.com.cn");
    /// assert!(Endpoint::for_region("eu-west-1.evil.example/").is_err());
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// [`EndpointError::InvalidRegion`] if the text cannot be part of a host name.
    pub fn for_region(region: &str) -> Result<Self, EndpointError> {
        Self::regional(Service::SsoOidc, region, Variant::default())
    }

    /// A regional endpoint, as the API's endpoint rules name it.
    ///
    /// ```
    /// use oidc_proto::{Endpoint, Service, Variant};
    /// let fips = Endpoint::regional(Service::SsoOidc, "us-east-1", Variant::new(true, false))?;
    /// assert_eq!(fips.to_string(), "https://oidc-fips.us-east-1.amazonaws.com");
    /// let dual_stack = Endpoint::regional(Service::Portal, "us-east-1", Variant::new(false, true))?;
    /// assert_eq!(dual_stack.to_string(), "https://portal.sso.us-east-1.api.aws");
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// [`EndpointError::InvalidRegion`] if the text cannot be part of a host name.
    pub fn regional(service: Service, region: &str, variant: Variant) -> Result<Self, EndpointError> {
        partition::host(service, region, variant)
            .and_then(Url::https)
            .map(|url| Self(Urls::Base(url)))
            .ok_or_else(|| EndpointError::InvalidRegion(crate::printable(region).into_owned()))
    }

    /// A custom base URL: `https` to any host, or `http` to a loopback address.
    ///
    /// ```
    /// use oidc_proto::{Endpoint, EndpointError};
    /// assert!(Endpoint::custom("http://127.0.0.1:8080")?.is_loopback());
    /// assert!(Endpoint::custom("https://sso.example/path")?.is_https());
    /// assert!(matches!(Endpoint::custom("http://sso.example"), Err(EndpointError::InsecureHttp(_))));
    /// assert_eq!(Endpoint::custom("https://ada:pw@sso.example"), Err(EndpointError::UserInfo));
    /// # Ok::<(), EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with the URL; plain HTTP to another host is [`EndpointError::InsecureHttp`].
    pub fn custom(url: &str) -> Result<Self, EndpointError> {
        Ok(Self(Urls::Base(Url::parse(url, Kind::Base)?.secure()?)))
    }

    /// A custom base URL to which plain HTTP is allowed whatever its host: for test networks only.
    ///
    /// ```
    /// use oidc_proto::Endpoint;
    /// let endpoint = Endpoint::allow_insecure_http("http://sso.test:8080")?;
    /// assert!(!endpoint.is_https() && !endpoint.is_loopback());
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub fn allow_insecure_http(url: &str) -> Result<Self, EndpointError> {
        Ok(Self(Urls::Base(Url::parse(url, Kind::Base)?)))
    }

    /// The two URLs that the device flow needs from a provider of the OAuth dialect (RFC 8628 §3.1, §3.4); a query in
    /// them is kept. [`Metadata::endpoint`](crate::oauth::Metadata::endpoint) takes them from the provider's metadata.
    ///
    /// ```
    /// use oidc_proto::{Dialect, Endpoint, Operation};
    /// let endpoint = Endpoint::oauth("https://id.example/device", "https://login.example/token")?;
    /// assert!(endpoint.hosts().eq(["id.example", "login.example"]));
    /// assert!(!endpoint.has(Dialect::OAuth, Operation::RegisterClient));
    /// assert!(Endpoint::oauth("https://id.example/device", "http://id.example/token").is_err());
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with either URL; both must be `https` or loopback.
    pub fn oauth(device_authorization: &str, token: &str) -> Result<Self, EndpointError> {
        Ok(Self(Urls::Each(Box::new(Each {
            device_authorization: Url::parse(device_authorization, Kind::Whole)?.secure()?,
            token: Url::parse(token, Kind::Whole)?.secure()?,
            registration: None,
            revocation: None,
        }))))
    }

    /// The same endpoint with this registration URL (RFC 7591 §3).
    ///
    /// ```
    /// use oidc_proto::{Dialect, Endpoint, Operation};
    /// let endpoint = Endpoint::oauth("https://id.example/device", "https://id.example/token")?
    ///     .with_registration("https://id.example/register")?;
    /// assert!(endpoint.has(Dialect::OAuth, Operation::RegisterClient));
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with the URL. A base URL has its own path for registration and stays as it is.
    pub fn with_registration(mut self, url: &str) -> Result<Self, EndpointError> {
        if let Urls::Each(each) = &mut self.0 {
            each.registration = Some(Url::parse(url, Kind::Whole)?.secure()?);
        }
        Ok(self)
    }

    /// The same endpoint with this revocation URL (RFC 7009 §2).
    ///
    /// ```
    /// use oidc_proto::{Dialect, Endpoint, Operation};
    /// let endpoint = Endpoint::oauth("https://id.example/device", "https://id.example/token")?
    ///     .with_revocation("https://id.example/revoke")?;
    /// assert!(endpoint.has(Dialect::OAuth, Operation::RevokeToken));
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with the URL. A base URL has its own path for revocation and stays as it is.
    pub fn with_revocation(mut self, url: &str) -> Result<Self, EndpointError> {
        if let Urls::Each(each) = &mut self.0 {
            each.revocation = Some(Url::parse(url, Kind::Whole)?.secure()?);
        }
        Ok(self)
    }

    /// Whether the operation can be asked for here, in this dialect.
    #[must_use]
    pub fn has(&self, dialect: Dialect, operation: Operation) -> bool {
        match &self.0 {
            Urls::Base(_) => dialect != Dialect::Aws || operation.aws_path().is_some(),
            Urls::Each(each) => each.url(operation).is_some(),
        }
    }

    /// Whether every URL is on this machine: `localhost`, 127.0.0.0/8 or `[::1]`, by name alone.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.urls().all(Url::is_loopback)
    }

    /// Whether all requests are encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.urls().all(Url::is_https)
    }

    /// Whether any request is encrypted, so that certificates are needed.
    ///
    /// ```
    /// let endpoint = oidc_proto::Endpoint::oauth("https://id.example/device", "http://127.0.0.1:8080/token")?;
    /// assert!(endpoint.uses_https() && !endpoint.is_https());
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub fn uses_https(&self) -> bool {
        self.urls().any(Url::is_https)
    }

    /// The hosts that requests go to, without ports; an IPv6 address has its brackets. One may come twice.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.urls().map(Url::host)
    }

    /// The URI to send an operation's request to.
    pub(crate) fn uri(&self, dialect: Dialect, operation: Operation) -> Option<Uri> {
        match &self.0 {
            Urls::Base(base) => match dialect {
                Dialect::Aws => operation.aws_path().map(|path| base.uri(path)),
                Dialect::OAuth => Some(base.uri(oauth::path(operation))),
            },
            Urls::Each(each) => each.url(operation).map(|url| url.uri("")),
        }
    }

    fn urls(&self) -> impl Iterator<Item = &Url> {
        let (base, each) = match &self.0 {
            Urls::Base(base) => (Some(base), None),
            Urls::Each(each) => (None, Some(each)),
        };
        let each = each.into_iter().flat_map(|each| {
            let both = [&each.device_authorization, &each.token];
            both.into_iter().chain(&each.registration).chain(&each.revocation)
        });
        base.into_iter().chain(each)
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(url: &str) -> Result<Self, EndpointError> {
        Self::custom(url)
    }
}

/// The base URL, or the token URL where there are several.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Urls::Base(base) => base.fmt(f),
            Urls::Each(each) => each.token.fmt(f),
        }
    }
}

/// Every URL that a request may go to.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoint(")?;
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
    fn plain_http_is_for_loopback_only() {
        for url in ["http://127.0.0.1:8080", "http://127.9.9.9", "http://[::1]:80", "http://LOCALHOST:1"] {
            assert!(Endpoint::custom(url).is_ok(), "{url}");
        }
        for url in ["http://example.com", "http://127.0.0.1.evil.example", "http://10.0.0.1", "http://[::2]"]
        {
            assert!(matches!(Endpoint::custom(url), Err(EndpointError::InsecureHttp(_))), "{url}");
            assert!(Endpoint::allow_insecure_http(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_custom_endpoint_keeps_its_path_and_nothing_else() {
        let endpoint = Endpoint::custom("https://proxy.example:8443/aws/oidc/").unwrap();
        assert_eq!(
            endpoint.uri(Dialect::Aws, Operation::CreateToken).unwrap(),
            "https://proxy.example:8443/aws/oidc/token"
        );
        assert_eq!(
            Endpoint::custom("http://127.0.0.1:9/")
                .unwrap()
                .uri(Dialect::Aws, Operation::CreateToken)
                .unwrap(),
            "http://127.0.0.1:9/token"
        );
        for url in ["https://a.example/?x=1", "https://a.example/#f", "https://a.example?x"] {
            assert!(matches!(Endpoint::custom(url), Err(EndpointError::QueryOrFragment(_))), "{url}");
        }
        for url in
            ["", "a.example", "ftp://a.example", "https://", "/path", "https:///x", "file:///etc/passwd"]
        {
            assert!(matches!(Endpoint::custom(url), Err(EndpointError::NotAUrl(_))), "{url}");
        }
    }

    #[test]
    fn endpoints_are_equal_if_requests_go_to_the_same_place() {
        let endpoint = |url| Endpoint::allow_insecure_http(url).unwrap();
        let proxy = endpoint("https://proxy.example/");
        for same in ["https://PROXY.example:443", "HTTPS://proxy.example:", "https://proxy.example:0443/"] {
            assert_eq!(endpoint(same), proxy, "{same}");
        }
        for other in [
            "http://proxy.example",
            "http://proxy.example:443",
            "https://proxy.example:80",
            "https://proxy.example:8443",
            "https://proxy.example/aws",
            "https://proxy.example.org",
        ] {
            assert_ne!(endpoint(other), proxy, "{other}");
        }
        assert_eq!(endpoint("http://[::1]"), endpoint("http://[::1]:80"));
        assert_ne!(endpoint("https://a.example/Aws"), endpoint("https://a.example/aws"), "a path has a case");
    }

    #[test]
    fn a_url_that_could_drive_a_terminal_is_none() {
        for url in
            ["https://a.example/\u{9b}31m", "https://a.example/\u{202e}x", "https://a.example/é", "https://é"]
        {
            assert!(matches!(Endpoint::custom(url), Err(EndpointError::NotAUrl(_))), "{url:?}");
            assert!(matches!(Endpoint::oauth(url, url), Err(EndpointError::NotAUrl(_))), "{url:?}");
        }
        assert!(Endpoint::custom("https://a.example/%C3%A9").is_ok());
    }

    #[test]
    fn what_stands_behind_the_host_is_a_port_that_can_be_connected_to() {
        for authority in [
            "a.example:99999",
            "a.example:0",
            "a.example:-1",
            "a.example:abc",
            "[::1]x",
            "[::1]:x",
            "[zz]",
            "[]",
        ] {
            for url in [format!("https://{authority}"), format!("http://{authority}/")] {
                assert!(matches!(Endpoint::custom(&url), Err(EndpointError::NotAUrl(_))), "{url}");
            }
        }
        for authority in ["a.example:65535", "a.example:", "[::1]", "[::1]:1", "[2001:db8::1]:443"] {
            assert!(Endpoint::custom(&format!("https://{authority}/token")).is_ok(), "{authority}");
        }
    }

    #[test]
    fn a_password_in_the_url_is_refused_and_not_repeated() {
        for url in ["https://user:hunter2@a.example", "https://hunter2@a.example/?q", "hunter2@a.example"] {
            let error = Endpoint::custom(url).unwrap_err();
            assert_eq!(error, EndpointError::UserInfo, "{url}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn a_provider_has_a_url_for_each_operation_and_a_query_is_kept() {
        let endpoint = Endpoint::oauth("https://a.example/device?x=1", "https://b.example/token").unwrap();
        let uri = |endpoint: &Endpoint, operation| {
            endpoint.uri(Dialect::OAuth, operation).map(|uri| uri.to_string())
        };
        assert_eq!(
            uri(&endpoint, Operation::StartDeviceAuthorization).unwrap(),
            "https://a.example/device?x=1"
        );
        assert_eq!(uri(&endpoint, Operation::CreateToken).unwrap(), "https://b.example/token");
        assert_eq!(uri(&endpoint, Operation::RevokeToken), None);
        assert!(!endpoint.has(Dialect::OAuth, Operation::RegisterClient));
        let endpoint = endpoint.with_revocation("https://b.example/revoke").unwrap();
        let endpoint = endpoint.with_registration("https://b.example/register").unwrap();
        assert_eq!(uri(&endpoint, Operation::RevokeToken).unwrap(), "https://b.example/revoke");
        assert_eq!(uri(&endpoint, Operation::RegisterClient).unwrap(), "https://b.example/register");
        assert!(endpoint.is_https() && !endpoint.is_loopback());
    }

    #[test]
    fn every_url_of_a_provider_must_be_https_or_loopback() {
        let fine = "https://a.example/";
        for (device, token) in
            [("http://a.example/", fine), (fine, "http://a.example/"), (fine, "https://a.example/#x")]
        {
            assert!(Endpoint::oauth(device, token).is_err(), "{device} {token}");
        }
        let endpoint = Endpoint::oauth(fine, fine).unwrap();
        assert!(endpoint.clone().with_revocation("http://a.example/").is_err());
        assert!(endpoint.with_registration("http://a.example/").is_err());
        let here = Endpoint::oauth("http://127.0.0.1:1/d", "http://[::1]:1/t").unwrap();
        assert!(here.is_loopback() && !here.is_https() && !here.uses_https());
        assert_eq!(format!("{here:?}"), "Endpoint(http://127.0.0.1:1/d, http://[::1]:1/t)");
        let mixed = Endpoint::oauth("http://127.0.0.1:1/d", fine).unwrap();
        assert!(!mixed.is_loopback() && !mixed.is_https() && mixed.uses_https());
        assert_eq!(mixed.hosts().collect::<Vec<_>>(), ["127.0.0.1", "a.example"]);
    }

    #[test]
    fn a_base_url_has_no_revocation_in_awss_dialect() {
        let endpoint = Endpoint::for_region("eu-west-1").unwrap();
        assert!(!endpoint.has(Dialect::Aws, Operation::RevokeToken));
        assert!(Operation::ALL.iter().all(|operation| endpoint.has(Dialect::Aws, *operation)));
    }

    #[test]
    fn what_is_wrong_with_an_endpoint_is_said_with_what_would_be_right() {
        let plain = "plain http to `sso.example` would send secrets unencrypted; use https (plain http is for loopback only)";
        let wrong = [
            (Endpoint::custom("sso.example"), "`sso.example` is not an absolute http or https URL"),
            (
                Endpoint::custom("https://ada:pw@sso.example"),
                "the endpoint URL must not contain a user name or password",
            ),
            (
                Endpoint::custom("https://sso.example/?a=b"),
                "the endpoint URL `https://sso.example/?a=b` must not have a query or a fragment",
            ),
            (Endpoint::custom("http://sso.example"), plain),
            (Endpoint::for_region("eu west"), "`eu west` is not a region name (such as us-east-1)"),
        ];
        for (endpoint, said) in wrong {
            assert_eq!(endpoint.unwrap_err().to_string(), said);
        }
    }
}
