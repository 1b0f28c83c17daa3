//! The addresses of an issuer's metadata (RFC 8414 §3, OpenID Connect Discovery §4).

use http::uri::Uri;

use super::Metadata;
use crate::{Endpoint, EndpointError, printable};

const WELL_KNOWN: &str = "/.well-known/";
/// The document's name in OpenID Connect Discovery, and in RFC 8414.
const NAMES: [&str; 2] = ["openid-configuration", "oauth-authorization-server"];

impl Metadata {
    /// Returns the issuer of a URL: the URL itself, or the issuer if the URL is the address of its metadata.
    /// People paste the latter, because browsers show it and many providers document it.
    ///
    /// ```
    /// use oidc_proto::oauth::Metadata;
    /// assert_eq!(Metadata::issuer_of("https://id.example/tenant"), "https://id.example/tenant");
    /// for address in [
    ///     "https://id.example/tenant/.well-known/openid-configuration",
    ///     "https://id.example/.well-known/oauth-authorization-server/tenant",
    /// ] {
    ///     assert_eq!(Metadata::issuer_of(address), "https://id.example/tenant");
    /// }
    /// ```
    #[must_use]
    pub fn issuer_of(url: &str) -> String {
        let url = url.trim();
        match parts(url.trim_end_matches('/')) {
            Some((before, behind)) => format!("{before}{behind}"),
            None => url.to_owned(),
        }
    }

    /// Returns the addresses of an issuer's metadata, in the order to try, without duplicates. First the one
    /// of OpenID Connect Discovery §4, then RFC 8414 §3.1, then each document at the other's place. If the
    /// URL is one of them, it comes first.
    ///
    /// ```
    /// use oidc_proto::oauth::Metadata;
    /// let addresses = Metadata::well_known("https://id.example/tenant")?;
    /// assert_eq!(addresses, [
    ///     "https://id.example/tenant/.well-known/openid-configuration",
    ///     "https://id.example/.well-known/oauth-authorization-server/tenant",
    ///     "https://id.example/tenant/.well-known/oauth-authorization-server",
    ///     "https://id.example/.well-known/openid-configuration/tenant",
    /// ]);
    /// assert_eq!(Metadata::well_known("https://id.example")?.len(), 2); // without a path the rules agree
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// The issuer is not a URL, is neither `https` nor loopback, or has a placeholder such as `{tenantid}`.
    pub fn well_known(issuer: &str) -> Result<Vec<Uri>, EndpointError> {
        // The checks of any base URL. An issuer has no query or fragment (RFC 8414 §2).
        let given = Endpoint::custom(issuer)?.to_string();
        if let Some(placeholder) = placeholder(&given) {
            let (url, placeholder) = (given.clone(), placeholder.to_owned());
            return Err(EndpointError::Placeholder { url, placeholder });
        }
        let base = Endpoint::custom(&Self::issuer_of(&given))?.to_string();
        let (host, path) = at_path(&base);
        let appended = |name| format!("{base}{WELL_KNOWN}{name}");
        let inserted = |name| format!("{host}{WELL_KNOWN}{name}{path}");
        let [openid, oauth] = NAMES;
        let pasted = (given != base).then_some(given);
        let texts = [appended(openid), inserted(oauth), appended(oauth), inserted(openid)];
        let mut addresses = Vec::with_capacity(texts.len() + 1);
        for text in pasted.into_iter().chain(texts) {
            let address = text.parse().map_err(|_| EndpointError::NotAUrl(printable(issuer).into_owned()))?;
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok(addresses)
    }

    /// Returns the placeholder in an issuer: a name in braces, as in the issuer of Entra's common metadata.
    ///
    /// ```
    /// use oidc_proto::oauth::Metadata;
    /// assert_eq!(Metadata::placeholder("https://login.example/{tenantid}/v2.0"), Some("{tenantid}"));
    /// assert_eq!(Metadata::placeholder("https://login.example/common/v2.0"), None);
    /// ```
    #[must_use]
    pub fn placeholder(issuer: &str) -> Option<&str> {
        placeholder(issuer)
    }
}

/// Returns the texts before and behind the well-known part of a metadata URL; `None` for any other URL.
fn parts(url: &str) -> Option<(&str, &str)> {
    let (before, rest) = url.split_once(WELL_KNOWN)?;
    let behind = NAMES.iter().find_map(|name| rest.strip_prefix(name))?;
    // The whole name. A path may follow only a bare host.
    let fits = behind.is_empty() || (behind.starts_with('/') && at_path(before).1.is_empty());
    fits.then_some((before, behind))
}

/// Returns scheme and host, and the path behind them.
fn at_path(base: &str) -> (&str, &str) {
    let behind_scheme = base.find("://").map_or(0, |at| at + 3);
    let slash = base.get(behind_scheme..).and_then(|rest| rest.find('/'));
    base.split_at(slash.map_or(base.len(), |at| behind_scheme + at))
}

/// Returns a name in braces, which may be percent-encoded.
fn placeholder(url: &str) -> Option<&str> {
    let find = |from: usize, braces: [&str; 3]| {
        let rest = url.get(from..)?;
        braces.into_iter().filter_map(|brace| Some((from + rest.find(brace)?, brace.len()))).min()
    };
    let (start, opening) = find(0, ["{", "%7B", "%7b"])?;
    let (end, closing) = find(start + opening, ["}", "%7D", "%7d"])?;
    url.get(start..end + closing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(issuer: &str) -> Vec<String> {
        Metadata::well_known(issuer).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_well_known_part_comes_behind_the_path_and_before_it_for_either_name() {
        assert_eq!(
            addresses("https://id.example:8443/realms/a/"),
            [
                "https://id.example:8443/realms/a/.well-known/openid-configuration",
                "https://id.example:8443/.well-known/oauth-authorization-server/realms/a",
                "https://id.example:8443/realms/a/.well-known/oauth-authorization-server",
                "https://id.example:8443/.well-known/openid-configuration/realms/a"
            ]
        );
        assert_eq!(
            addresses("https://id.example/"),
            [
                "https://id.example/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server"
            ]
        );
        assert!(Metadata::well_known("http://id.example").is_err());
        assert!(Metadata::well_known("https://id.example/?x").is_err());
    }

    #[test]
    fn a_metadata_url_means_its_issuer_and_is_asked_first() {
        for (url, issuer) in [
            ("https://a.b/.well-known/openid-configuration", "https://a.b"),
            (" https://a.b/.well-known/openid-configuration/ ", "https://a.b"),
            ("https://a.b/c/d/.well-known/openid-configuration", "https://a.b/c/d"),
            ("https://a.b/c/.well-known/oauth-authorization-server", "https://a.b/c"),
            ("https://a.b/.well-known/oauth-authorization-server/c", "https://a.b/c"),
            ("https://a.b/.well-known/openid-configuration/c/d/", "https://a.b/c/d"),
        ] {
            assert_eq!(Metadata::issuer_of(url), issuer, "{url}");
            let asked = addresses(url);
            assert_eq!(asked[0], url.trim().trim_end_matches('/'));
            let mut usual = addresses(issuer);
            usual.retain(|address| *address != asked[0]);
            assert_eq!(asked[1..], usual, "and then the usual ones");
        }
    }

    #[test]
    fn what_only_looks_like_a_metadata_url_is_an_issuer() {
        for url in [
            "https://a.b/.well-known",
            "https://a.b/.well-known/",
            "https://a.b/.well-known/webfinger",
            "https://a.b/.well-known/openid-configuration-2",
            "https://a.b/well-known/openid-configuration",
            "https://a.b/c/.well-known/openid-configuration/d",
            "openid-configuration",
        ] {
            assert_eq!(Metadata::issuer_of(url), url);
        }
    }

    #[test]
    fn an_issuer_with_a_placeholder_is_not_asked() {
        for (issuer, placeholder) in [
            ("https://a.b/{tenantid}/v2.0", "{tenantid}"),
            ("https://a.b/%7Btenant%7D", "%7Btenant%7D"),
            ("https://a.b/%7btenant%7d/x", "%7btenant%7d"),
            ("https://a.b/c/{x}/.well-known/openid-configuration", "{x}"),
        ] {
            let (url, placeholder) = (issuer.to_owned(), placeholder.to_owned());
            let error = EndpointError::Placeholder { url, placeholder };
            assert_eq!(Metadata::well_known(issuer), Err(error), "{issuer}");
        }
        for issuer in ["https://a.b/{c", "https://a.b/c}", "https://a.b/%7b"] {
            assert_eq!(Metadata::placeholder(issuer), None, "{issuer}");
        }
        assert_eq!(Metadata::placeholder("https://a.b/}{c}"), Some("{c}"));
    }
}
