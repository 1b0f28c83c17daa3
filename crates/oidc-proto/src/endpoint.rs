//! Where the service is: region and partition to endpoint, and what a custom endpoint may be.

use core::fmt;
use core::str::FromStr;

use http::uri::{Authority, PathAndQuery, Scheme, Uri};

/// A base URL to send requests to.
///
/// HTTPS is required except for loopback addresses, because every request carries secrets (RFC 8628 §3.1);
/// [`Endpoint::allow_insecure_http`] is the explicit way out.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    scheme: Scheme,
    authority: Authority,
    /// Without a slash at its end; empty for a bare host.
    path: String,
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

/// Which of the two services of Identity Center.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Service {
    /// SSO OIDC: RegisterClient, StartDeviceAuthorization, CreateToken.
    SsoOidc,
    /// The portal API: accounts, roles, role credentials.
    Portal,
}

/// Which variant of a regional endpoint. The two can be combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Variant {
    /// Endpoints with FIPS 140 validated cryptography (`AWS_USE_FIPS_ENDPOINT`).
    pub fips: bool,
    /// Endpoints that answer over IPv4 and IPv6 (`AWS_USE_DUALSTACK_ENDPOINT`).
    pub dual_stack: bool,
}

impl Variant {
    /// The variant with these two properties.
    #[must_use]
    pub const fn new(fips: bool, dual_stack: bool) -> Self {
        Self { fips, dual_stack }
    }
}

/// A partition: a set of regions that share a DNS suffix and no accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Partition {
    /// The commercial regions, and every region that no pattern knows.
    Aws,
    /// China.
    AwsCn,
    /// The European Sovereign Cloud.
    AwsEusc,
    /// US GovCloud.
    AwsUsGov,
    /// US ISO.
    AwsIso,
    /// US ISOB.
    AwsIsoB,
    /// EU ISOE.
    AwsIsoE,
    /// US ISOF.
    AwsIsoF,
}

impl Partition {
    /// All partitions.
    pub const ALL: [Self; 8] = [
        Self::Aws,
        Self::AwsCn,
        Self::AwsEusc,
        Self::AwsUsGov,
        Self::AwsIso,
        Self::AwsIsoB,
        Self::AwsIsoE,
        Self::AwsIsoF,
    ];

    /// The partition's id, for example `aws-us-gov`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        self.row().0
    }

    /// The suffix of its host names.
    #[must_use]
    pub const fn dns_suffix(self) -> &'static str {
        self.row().2
    }

    /// The suffix of its dual-stack host names.
    #[must_use]
    pub const fn dual_stack_dns_suffix(self) -> &'static str {
        self.row().3
    }

    /// The partition of a region, by the patterns of the API's endpoint rules: `^(prefixes)-\w+-\d+$`. A region that
    /// fits none belongs to [`Partition::Aws`], as in those rules, so that a new region works before it is known here.
    #[must_use]
    pub fn for_region(region: &str) -> Self {
        let fits = |partition: &Self| partition.row().1.iter().any(|prefix| has_form(region, prefix));
        Self::ALL.into_iter().find(fits).unwrap_or(Self::Aws)
    }

    /// Id, region prefixes, suffix, dual-stack suffix.
    const fn row(self) -> (&'static str, &'static [&'static str], &'static str, &'static str) {
        match self {
            Self::Aws => {
                ("aws", &["us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx"], "amazonaws.com", "api.aws")
            }
            Self::AwsCn => ("aws-cn", &["cn"], "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
            Self::AwsEusc => ("aws-eusc", &["eusc-de"], "amazonaws.eu", "api.amazonwebservices.eu"),
            Self::AwsUsGov => ("aws-us-gov", &["us-gov"], "amazonaws.com", "api.aws"),
            Self::AwsIso => ("aws-iso", &["us-iso"], "c2s.ic.gov", "api.aws.ic.gov"),
            Self::AwsIsoB => ("aws-iso-b", &["us-isob"], "sc2s.sgov.gov", "api.aws.scloud"),
            Self::AwsIsoE => ("aws-iso-e", &["eu-isoe"], "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
            Self::AwsIsoF => ("aws-iso-f", &["us-isof"], "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
        }
    }
}

/// `^{prefix}-\w+-\d+$`
fn has_form(region: &str, prefix: &str) -> bool {
    let rest = region.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    let Some((word, number)) = rest.and_then(|rest| rest.rsplit_once('-')) else { return false };
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !word.is_empty()
        && word.chars().all(is_word)
        && !number.is_empty()
        && number.chars().all(|c| c.is_ascii_digit())
}

impl Endpoint {
    /// SSO OIDC's regional endpoint.
    ///
    /// # Errors
    /// [`EndpointError::InvalidRegion`] if the text cannot be part of a host name.
    pub fn for_region(region: &str) -> Result<Self, EndpointError> {
        Self::regional(Service::SsoOidc, region, Variant::default())
    }

    /// A regional endpoint, as the API's endpoint rules name it.
    ///
    /// # Errors
    /// [`EndpointError::InvalidRegion`] if the text cannot be part of a host name.
    pub fn regional(service: Service, region: &str, variant: Variant) -> Result<Self, EndpointError> {
        // A host label (RFC 1123 §2.1), in lower case as all regions are: nothing that could end the host name.
        let label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_label = (1..=63).contains(&region.len())
            && region.chars().all(label)
            && !region.starts_with('-')
            && !region.ends_with('-');
        let invalid = || EndpointError::InvalidRegion(crate::printable(region).into_owned());
        if !is_label {
            return Err(invalid());
        }
        let partition = Partition::for_region(region);
        let service = match service {
            Service::SsoOidc => "oidc",
            Service::Portal => "portal.sso",
        };
        // GovCloud's plain endpoints are the FIPS ones; only its dual-stack names carry the mark.
        let plain_is_fips = partition == Partition::AwsUsGov && !variant.dual_stack;
        let fips = if variant.fips && !plain_is_fips { "-fips" } else { "" };
        let suffix =
            if variant.dual_stack { partition.dual_stack_dns_suffix() } else { partition.dns_suffix() };
        let host = format!("{service}{fips}.{region}.{suffix}");
        let authority = Authority::try_from(host).map_err(|_| invalid())?;
        Ok(Self { scheme: Scheme::HTTPS, authority, path: String::new() })
    }

    /// A custom endpoint: `https` to any host, or `http` to a loopback address.
    ///
    /// # Errors
    /// What is wrong with the URL; plain HTTP to another host is [`EndpointError::InsecureHttp`].
    pub fn custom(url: &str) -> Result<Self, EndpointError> {
        let endpoint = Self::allow_insecure_http(url)?;
        if endpoint.scheme != Scheme::HTTPS && !endpoint.is_loopback() {
            return Err(EndpointError::InsecureHttp(endpoint.authority.to_string()));
        }
        Ok(endpoint)
    }

    /// A custom endpoint to which plain HTTP is allowed whatever its host: for test networks only.
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub fn allow_insecure_http(url: &str) -> Result<Self, EndpointError> {
        let url = url.trim();
        // Before the URL is quoted in any other error: what stands before an `@` may be a password.
        let authority_part = url.split_once("://").map_or(url, |(_, rest)| rest);
        let authority_part = authority_part.split(['/', '?', '#']).next().unwrap_or_default();
        if authority_part.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        let shown = || crate::printable(url).into_owned();
        // `http::Uri` drops a fragment without a word.
        if url.contains(['?', '#']) {
            return Err(EndpointError::QueryOrFragment(shown()));
        }
        let parts = url.parse::<Uri>().map_err(|_| EndpointError::NotAUrl(shown()))?.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(EndpointError::NotAUrl(shown()));
        };
        if (scheme != Scheme::HTTPS && scheme != Scheme::HTTP) || authority.host().is_empty() {
            return Err(EndpointError::NotAUrl(shown()));
        }
        let path = parts.path_and_query.as_ref().map_or("", PathAndQuery::path);
        Ok(Self { scheme, authority, path: path.trim_end_matches('/').to_owned() })
    }

    /// Whether the host is this machine: `localhost`, 127.0.0.0/8 or `[::1]`, by name alone.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback_host(self.authority.host())
    }

    /// Whether requests are encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// The URI of a path below this endpoint; `path` starts with a slash.
    pub(crate) fn uri(&self, path: &'static str) -> Uri {
        let path = if self.path.is_empty() {
            PathAndQuery::from_static(path)
        } else {
            // Both halves were paths already, so joining them cannot fail.
            PathAndQuery::try_from(format!("{}{path}", self.path))
                .unwrap_or_else(|_| PathAndQuery::from_static(path))
        };
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).unwrap_or_default()
    }
}

fn is_loopback_host(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || core::net::IpAddr::from_str(bare).is_ok_and(|address| address.is_loopback())
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(url: &str) -> Result<Self, EndpointError> {
        Self::custom(url)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_has_its_hosts_in_all_four_variants() {
        // Region, then OIDC hosts: plain, FIPS, dual-stack, both.
        let cases = [
            (
                "eu-west-1",
                [
                    "oidc.eu-west-1.amazonaws.com",
                    "oidc-fips.eu-west-1.amazonaws.com",
                    "oidc.eu-west-1.api.aws",
                    "oidc-fips.eu-west-1.api.aws",
                ],
            ),
            (
                "cn-north-1",
                [
                    "oidc.cn-north-1.amazonaws.com.cn",
                    "oidc-fips.cn-north-1.amazonaws.com.cn",
                    "oidc.cn-north-1.api.amazonwebservices.com.cn",
                    "oidc-fips.cn-north-1.api.amazonwebservices.com.cn",
                ],
            ),
            (
                "eusc-de-east-1",
                [
                    "oidc.eusc-de-east-1.amazonaws.eu",
                    "oidc-fips.eusc-de-east-1.amazonaws.eu",
                    "oidc.eusc-de-east-1.api.amazonwebservices.eu",
                    "oidc-fips.eusc-de-east-1.api.amazonwebservices.eu",
                ],
            ),
            (
                "us-gov-west-1",
                [
                    "oidc.us-gov-west-1.amazonaws.com",
                    "oidc.us-gov-west-1.amazonaws.com",
                    "oidc.us-gov-west-1.api.aws",
                    "oidc-fips.us-gov-west-1.api.aws",
                ],
            ),
            (
                "us-iso-east-1",
                [
                    "oidc.us-iso-east-1.c2s.ic.gov",
                    "oidc-fips.us-iso-east-1.c2s.ic.gov",
                    "oidc.us-iso-east-1.api.aws.ic.gov",
                    "oidc-fips.us-iso-east-1.api.aws.ic.gov",
                ],
            ),
            (
                "us-isob-east-1",
                [
                    "oidc.us-isob-east-1.sc2s.sgov.gov",
                    "oidc-fips.us-isob-east-1.sc2s.sgov.gov",
                    "oidc.us-isob-east-1.api.aws.scloud",
                    "oidc-fips.us-isob-east-1.api.aws.scloud",
                ],
            ),
            (
                "eu-isoe-west-1",
                [
                    "oidc.eu-isoe-west-1.cloud.adc-e.uk",
                    "oidc-fips.eu-isoe-west-1.cloud.adc-e.uk",
                    "oidc.eu-isoe-west-1.api.cloud-aws.adc-e.uk",
                    "oidc-fips.eu-isoe-west-1.api.cloud-aws.adc-e.uk",
                ],
            ),
            (
                "us-isof-south-1",
                [
                    "oidc.us-isof-south-1.csp.hci.ic.gov",
                    "oidc-fips.us-isof-south-1.csp.hci.ic.gov",
                    "oidc.us-isof-south-1.api.aws.hci.ic.gov",
                    "oidc-fips.us-isof-south-1.api.aws.hci.ic.gov",
                ],
            ),
        ];
        for (region, hosts) in cases {
            let variants = [(false, false), (true, false), (false, true), (true, true)];
            for ((fips, dual_stack), host) in variants.into_iter().zip(hosts) {
                let variant = Variant { fips, dual_stack };
                let oidc = Endpoint::regional(Service::SsoOidc, region, variant).unwrap();
                assert_eq!(oidc.to_string(), format!("https://{host}"));
                let portal = Endpoint::regional(Service::Portal, region, variant).unwrap();
                assert_eq!(portal.to_string(), format!("https://{}", host.replacen("oidc", "portal.sso", 1)));
            }
        }
    }

    #[test]
    fn a_region_that_no_pattern_knows_is_commercial() {
        for region in ["xx-moon-1", "us-east", "us-gov", "eusc-fr-west-1", "us-east-1a"] {
            assert_eq!(Partition::for_region(region), Partition::Aws, "{region}");
        }
        assert_eq!(Partition::for_region("us-iso-east-1"), Partition::AwsIso);
        assert_eq!(Partition::for_region("us-isob-east-1"), Partition::AwsIsoB);
    }

    #[test]
    fn a_region_cannot_smuggle_another_host() {
        for region in
            ["", "-", "us-east-1.evil.example/", "us east", "US-EAST-1", "us_east_1", "a@b", "x#", "é"]
        {
            assert!(matches!(Endpoint::for_region(region), Err(EndpointError::InvalidRegion(_))), "{region}");
        }
        assert!(Endpoint::for_region(&"a".repeat(64)).is_err());
    }

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
        assert_eq!(endpoint.uri("/token"), "https://proxy.example:8443/aws/oidc/token");
        assert_eq!(
            Endpoint::custom("http://127.0.0.1:9/").unwrap().uri("/token"),
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
    fn a_password_in_the_url_is_refused_and_not_repeated() {
        for url in ["https://user:hunter2@a.example", "https://hunter2@a.example/?q", "hunter2@a.example"] {
            let error = Endpoint::custom(url).unwrap_err();
            assert_eq!(error, EndpointError::UserInfo, "{url}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}
