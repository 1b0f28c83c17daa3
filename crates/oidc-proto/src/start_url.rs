//! The address of an access portal, as people paste it, and the facts in its host name.

use core::fmt;

use crate::Partition;
use crate::endpoint::{Kind, Url};

/// The address of an access portal, AWS's "start URL": checked, and cleaned of what a paste added.
///
/// Tidying removes surrounding blanks, quotes and control characters, invisible characters, and a shell's
/// backslash before `#`; no address has these. It lower-cases the scheme. Everything else stays as written,
/// because AWS's tools file a token under the text: to them `…/start` and `…/start/` are two portals.
///
/// ```
/// use oidc_proto::{Partition, StartUrl, StartUrlError};
///
/// let pasted = StartUrl::parse(" HTTPS://d-1234567890.awsapps.com/start/\\#/\r\n")?;
/// assert_eq!(pasted.as_str(), "https://d-1234567890.awsapps.com/start/#/");
/// assert_eq!(StartUrl::parse("https://"), Err(StartUrlError::NoHost("https://".to_owned())));
///
/// let portal = StartUrl::parse("https://ssoins-1111111111111111.portal.us-east-2.app.aws")?;
/// assert_eq!((portal.region(), portal.is_dual_stack()), (Some("us-east-2"), true));
/// assert_eq!(StartUrl::parse("https://start.home.awsapps.cn/directory/x")?.partition(), Some(Partition::AwsCn));
/// # Ok::<(), StartUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct StartUrl {
    text: String,
    /// In lower case, without the trailing dot of a fully qualified name.
    host: String,
    url: Url,
}

/// The reason why a text is not a start URL, or a redirect not acceptable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartUrlError {
    /// Not an absolute `https` URL.
    #[error("the start URL `{0}` is not an https URL, such as https://d-1234567890.awsapps.com/start")]
    NotAUrl(String),
    /// A scheme without a host.
    #[error("the start URL `{0}` has no host; expected a URL such as https://d-1234567890.awsapps.com/start")]
    NoHost(String),
    /// A character that no address may have.
    #[error("the start URL has an invalid character: {}", named(*.0))]
    Character(char),
    /// A user name or password before the host.
    #[error("the start URL must not contain a user name or password")]
    UserInfo,
    /// Plain HTTP to a host other than loopback.
    #[error("the start URL must use https, because {0} is not a loopback host")]
    InsecureHttp(String),
    /// A redirect to a host that is not AWS's.
    #[error("{0} is not an AWS access portal")]
    NotAws(String),
}

/// Returns a character's number, and the character if it is visible.
fn named(character: char) -> String {
    let number = format!("U+{:04X}", u32::from(character));
    match character {
        ' ' => format!("a space ({number})"),
        '\n' | '\r' => format!("a line break ({number})"),
        shown if !shown.is_control() && !shown.is_whitespace() => format!("`{shown}` ({number})"),
        _ => number,
    }
}

impl StartUrl {
    /// Parses a start URL.
    ///
    /// ```
    /// use oidc_proto::{StartUrl, StartUrlError};
    /// let local = StartUrl::parse("http://127.0.0.1:8080/start#/")?;
    /// assert!(local.is_loopback() && local.without_fragment() == "http://127.0.0.1:8080/start");
    /// assert_eq!(StartUrl::parse("https://ada:pw@x.awsapps.com"), Err(StartUrlError::UserInfo));
    /// # Ok::<(), StartUrlError>(())
    /// ```
    ///
    /// # Errors
    /// The error names what is wrong. It never quotes a password.
    pub fn parse(text: &str) -> Result<Self, StartUrlError> {
        let text = tidy(text);
        let (scheme, rest) = text.split_once("://").unwrap_or(("", &text));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // First, before any other error quotes the text: the part before an `@` may be a password.
        if authority.contains('@') {
            return Err(StartUrlError::UserInfo);
        }
        if let Some(odd) = text.chars().find(|c| !c.is_ascii_graphic() || *c == '\\') {
            return Err(StartUrlError::Character(odd));
        }
        let scheme = scheme.to_ascii_lowercase();
        if !matches!(scheme.as_str(), "https" | "http") {
            return Err(StartUrlError::NotAUrl(text));
        }
        // A scheme pasted twice is parsed as the host.
        if matches!(authority, "" | "https:" | "http:") {
            return Err(StartUrlError::NoHost(text));
        }
        let whole = format!("{scheme}://{rest}");
        let without_fragment = whole.split('#').next().unwrap_or_default();
        let url = Url::parse(without_fragment, Kind::Whole).map_err(|_| StartUrlError::NotAUrl(text))?;
        if !url.is_https() && !url.is_loopback() {
            return Err(StartUrlError::InsecureHttp(url.host().to_owned()));
        }
        let host = url.host().to_ascii_lowercase().trim_end_matches('.').to_owned();
        Ok(Self { text: whole, host, url })
    }

    /// Returns the address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the address without its fragment, which clients never send.
    #[must_use]
    pub fn without_fragment(&self) -> &str {
        self.text.split('#').next().unwrap_or_default()
    }

    /// Returns whether the host is this machine, by name alone.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.url.is_loopback()
    }

    /// Returns whether the portal is at a host of AWS's. A company's own address redirects to the portal.
    ///
    /// ```
    /// use oidc_proto::StartUrl;
    /// assert!(StartUrl::parse("https://d-1234567890.awsapps.com/start")?.is_aws());
    /// assert!(!StartUrl::parse("https://awsapps.com.evil.example/start")?.is_aws());
    /// # Ok::<(), oidc_proto::StartUrlError>(())
    /// ```
    #[must_use]
    pub fn is_aws(&self) -> bool {
        self.is_of_portals() || ISOLATED.iter().any(|(suffix, _)| is_below(&self.host, suffix))
    }

    /// Returns the region in the host name.
    ///
    /// ```
    /// use oidc_proto::StartUrl;
    /// let portal = StartUrl::parse("https://ssoins-1.eu-central-1.portal.amazonaws.com/")?;
    /// assert_eq!((portal.region(), portal.is_dual_stack()), (Some("eu-central-1"), false));
    /// assert_eq!(StartUrl::parse("https://d-1234567890.awsapps.com/start")?.region(), None);
    /// # Ok::<(), oidc_proto::StartUrlError>(())
    /// ```
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.regional().map(|(region, _)| region)
    }

    /// Returns whether the portal has IPv6 too. Its sign-ins start at the dual-stack endpoint.
    #[must_use]
    pub fn is_dual_stack(&self) -> bool {
        self.regional().is_some_and(|(_, is_dual_stack)| is_dual_stack)
    }

    /// Returns the partition of the host, if the name tells.
    #[must_use]
    pub fn partition(&self) -> Option<Partition> {
        if let Some(region) = self.region() {
            return Some(Partition::for_region(region));
        }
        let below = |rows: &[(&str, Partition)]| {
            rows.iter().find(|(suffix, _)| is_below(&self.host, suffix)).map(|(_, partition)| *partition)
        };
        below(PARTITIONS).or_else(|| below(ISOLATED))
    }

    /// Returns the target of a redirect from this address to `location` (RFC 9110 §10.2.2). It must be an
    /// https address of one of AWS's access portals. Port, query, fragment and trailing slashes are dropped,
    /// as in the AWS CLI.
    ///
    /// ```
    /// use oidc_proto::{StartUrl, StartUrlError};
    /// let own = StartUrl::parse("https://aws.example.com")?;
    /// let portal = own.redirected("https://ssoins-1.portal.eu-west-1.app.aws/?from=example")?;
    /// assert_eq!(portal.as_str(), "https://ssoins-1.portal.eu-west-1.app.aws");
    /// assert!(matches!(own.redirected("/login"), Err(StartUrlError::NotAws(_))));
    /// assert!(matches!(own.redirected("https://evil.example/"), Err(StartUrlError::NotAws(_))));
    /// # Ok::<(), StartUrlError>(())
    /// ```
    ///
    /// # Errors
    /// `location` leads elsewhere, or is not a URL.
    pub fn redirected(&self, location: &str) -> Result<Self, StartUrlError> {
        let absolute = match location.strip_prefix("//") {
            Some(rest) => format!("https://{rest}"),
            None if location.contains("://") => location.to_owned(),
            // A redirect to its own host.
            None => return Err(StartUrlError::NotAws(self.host.clone())),
        };
        let target = Self::parse(&absolute)?;
        if !target.is_of_portals() || !target.url.has_usual_port() {
            return Err(StartUrlError::NotAws(target.host));
        }
        let path = target.without_fragment().split_once("://").and_then(|(_, rest)| rest.split_once('/'));
        let path = path.map_or("", |(_, path)| path.split('?').next().unwrap_or_default());
        Self::parse(format!("https://{}/{path}", target.host).trim_end_matches('/'))
    }

    /// Returns whether the host belongs to a portal, by the AWS CLI's list.
    fn is_of_portals(&self) -> bool {
        PORTALS.iter().any(|suffix| is_below(&self.host, suffix)) || ISSUERS.contains(&self.host.as_str())
    }

    /// Returns the region, and whether the host is dual-stack, for a host with a region.
    fn regional(&self) -> Option<(&str, bool)> {
        REGIONAL.iter().find_map(|(before, after, is_dual_stack)| {
            let (instance, rest) = self.host.split_once('.')?;
            let region = rest.strip_prefix(before)?.strip_suffix(after)?;
            let is_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            let fits = !instance.is_empty() && !region.is_empty() && region.chars().all(is_label);
            // Older portals have no instance in the host.
            let fits = fits && (!after.contains("home.awsapps") || instance == "start");
            fits.then_some((region, *is_dual_stack))
        })
    }
}

/// The domains of portals.
const PORTALS: &[&str] = &[
    "app.aws",
    "portal.amazonaws.com",
    "portal.amazonaws.com.cn",
    "app.amazonwebservices.com.cn",
    "portal.amazonaws.eu",
    "api.amazonwebservices.eu",
    "awsapps.com",
    "awsapps.cn",
];

/// The hosts of start URLs that are an instance's issuer URL.
const ISSUERS: &[&str] = &[
    "identitycenter.amazonaws.com",
    "identitycenter.amazonaws.com.cn",
    "identitycenter.amazonaws.eu",
    "identitycenter.us-gov.amazonaws.com",
];

/// The texts before and behind the region in a host, after the instance's own label; and whether it is
/// dual-stack.
const REGIONAL: &[(&str, &str, bool)] = &[
    ("portal.", ".app.aws", true),
    ("portal.", ".app.amazonwebservices.com.cn", true),
    ("portal.", ".api.amazonwebservices.eu", true),
    ("", ".portal.amazonaws.com", false),
    ("", ".portal.amazonaws.com.cn", false),
    ("", ".portal.amazonaws.eu", false),
    ("", ".home.awsapps.cn", false),
    ("", ".us-gov-home.awsapps.com", false),
];

/// The partitions of hosts without a region. GovCloud shares `identitycenter.amazonaws.com`, so that host is
/// not listed.
const PARTITIONS: &[(&str, Partition)] = &[
    ("awsapps.cn", Partition::AwsCn),
    ("portal.amazonaws.com.cn", Partition::AwsCn),
    ("app.amazonwebservices.com.cn", Partition::AwsCn),
    ("identitycenter.amazonaws.com.cn", Partition::AwsCn),
    ("portal.amazonaws.eu", Partition::AwsEusc),
    ("api.amazonwebservices.eu", Partition::AwsEusc),
    ("identitycenter.amazonaws.eu", Partition::AwsEusc),
    ("us-gov-home.awsapps.com", Partition::AwsUsGov),
    ("identitycenter.us-gov.amazonaws.com", Partition::AwsUsGov),
    ("awsapps.com", Partition::Aws),
];

/// The isolated partitions. The AWS CLI lists no portals for them. Their domains are accepted as given, but
/// never as a redirect's target.
const ISOLATED: &[(&str, Partition)] = &[
    (Partition::AwsIso.dns_suffix(), Partition::AwsIso),
    (Partition::AwsIsoB.dns_suffix(), Partition::AwsIsoB),
    (Partition::AwsIsoE.dns_suffix(), Partition::AwsIsoE),
    (Partition::AwsIsoF.dns_suffix(), Partition::AwsIsoF),
];

/// Returns whether the host is this domain or below it.
fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Removes the characters that a paste, a shell or an editor adds to an address.
fn tidy(text: &str) -> String {
    let seen: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    let around =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '<' | '>' | '“' | '”');
    let mut tidied = String::with_capacity(seen.len());
    let mut characters = seen.trim_matches(around).chars().peekable();
    while let Some(c) = characters.next() {
        // Shells complete a `#` as `\#`, and JSON may write a slash as `\/`.
        let is_escape = c == '\\' && characters.peek().is_some_and(|next| "#/?=&:~".contains(*next));
        if !is_escape {
            tidied.push(c);
        }
    }
    tidied
}

/// Returns whether the character is invisible: zero-width characters, marks of direction, variation
/// selectors, soft hyphens.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

impl fmt::Display for StartUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for StartUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StartUrl({})", self.text)
    }
}

#[cfg(test)]
#[path = "start_url_tests.rs"]
mod tests;
