//! The location of a service: a region, or a custom base URL.

mod partition;
mod url;

use core::fmt;
use core::str::FromStr;

pub use self::partition::{Api, Partition, Variant};
pub use self::url::is_loopback_host;
pub(crate) use self::url::{Kind, Url};

/// The path of the authorization endpoint below a base URL: AWS's, and this project's own server's.
pub(crate) const AUTHORIZE: &str = "/authorize";

/// A base URL for requests: AWS's for a region, or a custom one.
///
/// HTTPS is required except for loopback addresses, because every request carries secrets (RFC 8628 §3.1).
/// [`Endpoint::allow_insecure_http`] is the explicit exception.
///
/// An endpoint is a [`Service`](crate::Service) in AWS's dialect. Other providers have a URL for each operation: see
/// [`Provider`](crate::oauth::Provider).
///
/// Two endpoints are equal if their requests go to the same URL. The host's case, the scheme's default port
/// and a trailing slash do not count.
///
/// ```
/// use oidc_proto::Endpoint;
///
/// assert_eq!(Endpoint::custom("https://OIDC.eu-west-1.amazonaws.com:443/")?, Endpoint::for_region("eu-west-1")?);
/// # Ok::<(), oidc_proto::EndpointError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(pub(crate) Url);

/// The reason why a text is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Not an absolute URL of scheme `http` or `https`.
    #[error("`{0}` is not an absolute http or https URL")]
    NotAUrl(String),
    /// Non-ASCII letters. A URL encodes them (RFC 3986 §2, RFC 5891 §4.4).
    #[error(
        "`{0}` has non-ASCII characters; write a host name in its ASCII form (xn--...) and percent-encode the rest"
    )]
    NotAscii(String),
    /// A placeholder in an issuer, such as `{tenantid}`.
    #[error("`{url}` contains the placeholder `{placeholder}`; replace it with your own value")]
    #[non_exhaustive]
    Placeholder {
        /// The issuer.
        url: String,
        /// The placeholder's name.
        placeholder: String,
    },
    /// A user name or password before the host.
    #[error("the endpoint URL must not contain a user name or password")]
    UserInfo,
    /// A query or a fragment. A base URL has neither.
    #[error("the endpoint URL `{0}` must not have a query or a fragment")]
    QueryOrFragment(String),
    /// Plain HTTP to a host other than loopback.
    #[error(
        "plain http to `{0}` would send secrets unencrypted; use https (plain http is for loopback only)"
    )]
    InsecureHttp(String),
    /// Not the name of a region.
    #[error("`{0}` is not a region name (such as us-east-1)")]
    InvalidRegion(String),
}

impl Endpoint {
    /// Creates SSO OIDC's regional endpoint.
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
        Self::regional(Api::SsoOidc, region, Variant::default())
    }

    /// Creates a regional endpoint by the API's endpoint rules.
    ///
    /// ```
    /// use oidc_proto::{Endpoint, Api, Variant};
    /// let fips = Endpoint::regional(Api::SsoOidc, "us-east-1", Variant::default().with_fips())?;
    /// assert_eq!(fips.to_string(), "https://oidc-fips.us-east-1.amazonaws.com");
    /// let dual_stack = Endpoint::regional(Api::Portal, "us-east-1", Variant::default().with_dual_stack())?;
    /// assert_eq!(dual_stack.to_string(), "https://portal.sso.us-east-1.api.aws");
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// [`EndpointError::InvalidRegion`] if the text cannot be part of a host name.
    pub fn regional(api: Api, region: &str, variant: Variant) -> Result<Self, EndpointError> {
        partition::host(api, region, variant)
            .and_then(Url::https)
            .map(Self)
            .ok_or_else(|| EndpointError::InvalidRegion(crate::printable(region).into_owned()))
    }

    /// Creates a custom base URL: `https` to any host, or `http` to a loopback address.
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
    /// The error names what is wrong with the URL. Plain HTTP to another host is
    /// [`EndpointError::InsecureHttp`].
    pub fn custom(url: &str) -> Result<Self, EndpointError> {
        Ok(Self(Url::parse(url, Kind::Base)?.secure()?))
    }

    /// Creates a custom base URL that allows plain HTTP to any host. For test networks only.
    ///
    /// ```
    /// use oidc_proto::Endpoint;
    /// let endpoint = Endpoint::allow_insecure_http("http://sso.test:8080")?;
    /// assert!(!endpoint.is_https() && !endpoint.is_loopback());
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// The error names what is wrong with the URL.
    pub fn allow_insecure_http(url: &str) -> Result<Self, EndpointError> {
        Ok(Self(Url::parse(url, Kind::Base)?))
    }

    /// Returns whether the host is loopback, by name alone: `localhost`, 127.0.0.0/8 or `[::1]`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.0.is_loopback()
    }

    /// Returns whether requests are encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.is_https()
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(url: &str) -> Result<Self, EndpointError> {
        Self::custom(url)
    }
}

/// As [`Endpoint::custom`].
impl TryFrom<&str> for Endpoint {
    type Error = EndpointError;

    fn try_from(url: &str) -> Result<Self, EndpointError> {
        Self::custom(url)
    }
}

/// As [`Endpoint::custom`].
impl TryFrom<&http::Uri> for Endpoint {
    type Error = EndpointError;

    fn try_from(url: &http::Uri) -> Result<Self, EndpointError> {
        Self::custom(&url.to_string())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::Provider;

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
        assert_eq!(endpoint.to_string(), "https://proxy.example:8443/aws/oidc");
        assert_eq!(Endpoint::custom("http://127.0.0.1:9/").unwrap().to_string(), "http://127.0.0.1:9");
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
        for url in [
            "https://a.example/\u{9b}31m",
            "https://a.example/\u{202e}x",
            "https://é.example/\u{200b}",
            "https://é é",
            "ftp://é",
        ] {
            assert!(matches!(Endpoint::custom(url), Err(EndpointError::NotAUrl(_))), "{url:?}");
            assert!(matches!(Provider::new(url, url), Err(EndpointError::NotAUrl(_))), "{url:?}");
        }
        assert!(Endpoint::custom("https://a.example/%C3%A9").is_ok());
    }

    #[test]
    fn letters_that_a_url_has_in_another_form_are_told_apart_from_what_is_no_url() {
        for url in ["https://bücher.example/x", "https://例え.example", "HTTP://é", "https://a.example/é"]
        {
            assert_eq!(Endpoint::custom(url), Err(EndpointError::NotAscii(url.to_owned())), "{url}");
            assert_eq!(Provider::new(url, url), Err(EndpointError::NotAscii(url.to_owned())), "{url}");
        }
        let text = Endpoint::custom("https://bücher.example").unwrap_err().to_string();
        assert!(text.contains("xn--") && text.contains("bücher"), "{text}");
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
