//! Regions, their partitions, and the host names of their endpoints.

/// One of the two APIs of Identity Center.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Api {
    /// SSO OIDC: RegisterClient, StartDeviceAuthorization, CreateToken.
    SsoOidc,
    /// The portal API: accounts, roles, role credentials.
    Portal,
}

/// A variant of a regional endpoint. Both flags can be combined.
///
/// ```
/// use oidc_proto::Variant;
/// let both = Variant::default().with_fips().with_dual_stack();
/// assert_eq!(Variant::ALL.last(), Some(&both));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Variant {
    /// Endpoints with FIPS 140 validated cryptography (`AWS_USE_FIPS_ENDPOINT`).
    pub fips: bool,
    /// Endpoints with IPv4 and IPv6 addresses (`AWS_USE_DUALSTACK_ENDPOINT`).
    pub dual_stack: bool,
}

impl Variant {
    /// All variants, the plain one first.
    pub const ALL: &[Self] = &[
        Self { fips: false, dual_stack: false },
        Self { fips: true, dual_stack: false },
        Self { fips: false, dual_stack: true },
        Self { fips: true, dual_stack: true },
    ];

    /// Returns the same variant with FIPS.
    #[must_use]
    pub const fn with_fips(mut self) -> Self {
        self.fips = true;
        self
    }

    /// Returns the same variant with dual-stack.
    #[must_use]
    pub const fn with_dual_stack(mut self) -> Self {
        self.dual_stack = true;
        self
    }
}

/// A partition: a set of regions with their own DNS suffix and accounts.
///
/// ```
/// use oidc_proto::Partition;
/// let china = Partition::for_region("cn-north-1");
/// assert_eq!((china, china.id()), (Partition::AwsCn, "aws-cn"));
/// assert_eq!(china.dns_suffix(), "amazonaws.com.cn");
/// assert_eq!(china.dual_stack_dns_suffix(), "api.amazonwebservices.com.cn");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Partition {
    /// The commercial regions, and every region that matches no pattern.
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
    pub const ALL: &[Self] = &[
        Self::Aws,
        Self::AwsCn,
        Self::AwsEusc,
        Self::AwsUsGov,
        Self::AwsIso,
        Self::AwsIsoB,
        Self::AwsIsoE,
        Self::AwsIsoF,
    ];

    /// Returns the partition's id, for example `aws-us-gov`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        self.row().0
    }

    /// Returns the DNS suffix of its host names.
    #[must_use]
    pub const fn dns_suffix(self) -> &'static str {
        self.row().2
    }

    /// Returns the DNS suffix of its dual-stack host names.
    #[must_use]
    pub const fn dual_stack_dns_suffix(self) -> &'static str {
        self.row().3
    }

    /// Returns the partition of a region, by the patterns of the API's endpoint rules:
    /// `^(prefixes)-\w+-\d+$`. As in those rules, a region without a match belongs to [`Partition::Aws`], so
    /// new regions work.
    #[must_use]
    pub fn for_region(region: &str) -> Self {
        Self::matching(region).unwrap_or(Self::Aws)
    }

    /// Returns the partition whose pattern this region has; `None` for a region that is new, or mistyped.
    ///
    /// ```
    /// use oidc_proto::Partition;
    /// assert_eq!(Partition::matching("us-gov-west-1"), Some(Partition::AwsUsGov));
    /// assert_eq!(Partition::matching("narnia"), None);
    /// ```
    #[must_use]
    pub fn matching(region: &str) -> Option<Self> {
        let fits = |partition: &Self| partition.row().1.iter().any(|prefix| has_form(region, prefix));
        Self::ALL.iter().copied().find(fits)
    }

    /// Returns id, region prefixes, suffix and dual-stack suffix.
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

/// Matches `^{prefix}-\w+-\d+$`.
fn has_form(region: &str, prefix: &str) -> bool {
    let rest = region.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    let Some((word, number)) = rest.and_then(|rest| rest.rsplit_once('-')) else { return false };
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !word.is_empty()
        && word.chars().all(is_word)
        && !number.is_empty()
        && number.chars().all(|c| c.is_ascii_digit())
}

/// Returns the host name of an API in a region, by its endpoint rules; `None` if the text is not a region.
pub(super) fn host(api: Api, region: &str, variant: Variant) -> Option<String> {
    // A lower-case host label (RFC 1123 §2.1): no character that could end the host name.
    let label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_label = (1..=63).contains(&region.len())
        && region.chars().all(label)
        && !region.starts_with('-')
        && !region.ends_with('-');
    if !is_label {
        return None;
    }
    let partition = Partition::for_region(region);
    let api = match api {
        Api::SsoOidc => "oidc",
        Api::Portal => "portal.sso",
    };
    // GovCloud's plain endpoints are the FIPS ones. Only its dual-stack names have the prefix.
    let plain_is_fips = partition == Partition::AwsUsGov && !variant.dual_stack;
    let fips = if variant.fips && !plain_is_fips { "-fips" } else { "" };
    let suffix = if variant.dual_stack { partition.dual_stack_dns_suffix() } else { partition.dns_suffix() };
    Some(format!("{api}{fips}.{region}.{suffix}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Endpoint, EndpointError};

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
                let oidc = Endpoint::regional(Api::SsoOidc, region, variant).unwrap();
                assert_eq!(oidc.to_string(), format!("https://{host}"));
                let portal = Endpoint::regional(Api::Portal, region, variant).unwrap();
                assert_eq!(portal.to_string(), format!("https://{}", host.replacen("oidc", "portal.sso", 1)));
            }
        }
    }

    #[test]
    fn every_partition_has_its_id() {
        let ids: Vec<_> = Partition::ALL.iter().copied().map(Partition::id).collect();
        let expected =
            ["aws", "aws-cn", "aws-eusc", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f"];
        assert_eq!(ids, expected);
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
}
