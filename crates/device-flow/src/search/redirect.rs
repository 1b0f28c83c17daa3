//! Redirects of metadata: their targets, and whether to follow them.
//!
//! A metadata request carries no secret, and the document must name the requested issuer. So a redirect may
//! be followed to the same origin, or to any origin over TLS.

use core::fmt;

use http::header::{HeaderMap, HeaderValue, LOCATION};
use http::uri::{Authority, PathAndQuery, Uri};
use http::{Response, StatusCode};
use oidc_proto::{Endpoint, printable};

/// The most redirects in a row that are followed.
pub(super) const MOST: usize = 3;

/// The longest excerpt of a redirect's target in an error, in characters.
const LONGEST_SHOWN: usize = 200;

/// The reason why a redirect of the metadata is not followed.
///
/// ```
/// use device_flow::NotFollowed;
/// assert_eq!(NotFollowed::PlainHttp.to_string(), "it uses plain http");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotFollowed {
    /// The target is not an `http` or `https` URL.
    NotAUrl,
    /// The target has a user name or a password.
    UserInfo,
    /// The target is plain HTTP at another origin.
    PlainHttp,
    /// Another machine redirects to loopback.
    ThisMachine,
    /// The redirects form a circle.
    Loop,
    /// Three redirects precede this one.
    TooMany,
}

impl fmt::Display for NotFollowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAUrl => "it is not an http or https URL",
            Self::UserInfo => "it contains a user name or a password",
            Self::PlainHttp => "it uses plain http",
            Self::ThisMachine => "it is a loopback address, and the redirecting server is not",
            Self::Loop => "it causes a redirect loop",
            Self::TooMany => "it is the fourth redirect in a row",
        })
    }
}

/// Returns the target of a redirect as sent; `None` for any other response or without a target.
pub(super) fn target<B>(response: &Response<B>) -> Option<&HeaderValue> {
    let redirects = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    let headers: &HeaderMap = response.headers();
    headers.get(LOCATION).filter(|_| redirects.contains(&response.status()))
}

/// Returns the next URL, if this redirect may be followed.
pub(super) fn follow(asked: &Uri, location: &HeaderValue) -> Result<Uri, NotFollowed> {
    let location = location.to_str().map_err(|_| NotFollowed::NotAUrl)?.trim();
    let target = resolve(asked, location).ok_or(NotFollowed::NotAUrl)?;
    if has_user_info(&target) {
        return Err(NotFollowed::UserInfo);
    }
    let target = target.parse::<Uri>().ok().and_then(without_dots).ok_or(NotFollowed::NotAUrl)?;
    let (from, to) = (origin(asked), origin(&target).ok_or(NotFollowed::NotAUrl)?);
    if from.as_ref() == Some(&to) {
        return Ok(target);
    }
    if !to.is_https() {
        return Err(NotFollowed::PlainHttp);
    }
    if to.is_loopback() && !from.is_some_and(|from| from.is_loopback()) {
        return Err(NotFollowed::ThisMachine);
    }
    Ok(target)
}

/// Returns a redirect's target for display: without user name and password, query and fragment, which may be
/// secret.
pub(super) fn shown(asked: &Uri, location: &HeaderValue) -> String {
    let location = String::from_utf8_lossy(location.as_bytes());
    let resolved = resolve(asked, location.trim()).unwrap_or_else(|| location.into_owned());
    let text = resolved.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = text.split_once("//").map_or(("", text), |(scheme, rest)| (scheme, rest));
    // A URL with three slashes has no authority, but the part before the `@` may still be a password.
    let rest = rest.trim_start_matches('/');
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let slashes = if text.contains("//") { "//" } else { "" };
    let text = format!("{scheme}{slashes}{host}{path}");
    let text = printable(&text);
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.into_owned(),
    }
}

/// Returns an address without its query, which may be secret in a redirect.
pub(super) fn without_query(address: &Uri) -> Uri {
    let mut parts = address.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(address.path()).ok();
    Uri::from_parts(parts).unwrap_or_default()
}

/// Returns the origin of an address. It does not decide whether it may be requested.
pub(super) fn origin(address: &Uri) -> Option<Endpoint> {
    let (scheme, authority) = (address.scheme_str()?, address.authority()?);
    Endpoint::allow_insecure_http(&format!("{scheme}://{authority}")).ok()
}

fn has_user_info(url: &str) -> bool {
    let authority = url.split_once("//").map_or("", |(_, rest)| rest);
    authority.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
}

/// Resolves a reference against this address (RFC 3986 §5.2.2), and drops the fragment.
fn resolve(base: &Uri, reference: &str) -> Option<String> {
    let reference = reference.split('#').next().unwrap_or_default();
    if has_scheme(reference) {
        return Some(reference.to_owned());
    }
    let (scheme, authority) = (base.scheme_str()?, base.authority().map(Authority::as_str)?);
    if reference.starts_with("//") {
        return Some(format!("{scheme}:{reference}"));
    }
    let path = base.path();
    let before = match reference.chars().next() {
        Some('/') => "",
        None | Some('?') => path,
        Some(_) => path.rfind('/').and_then(|slash| path.get(..=slash)).unwrap_or("/"),
    };
    Some(format!("{scheme}://{authority}{before}{reference}"))
}

/// Returns whether a reference begins with a scheme (RFC 3986 §3.1).
fn has_scheme(reference: &str) -> bool {
    let scheme = reference.split(['/', '?']).next().unwrap_or_default();
    scheme.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    })
}

/// Returns the same address with dot segments removed from its path (RFC 3986 §5.2.4).
fn without_dots(address: Uri) -> Option<Uri> {
    let path = address.path();
    if !path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Some(address);
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut is_open = false;
    for segment in path.split('/').skip(1) {
        is_open = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => _ = kept.pop(),
            other => kept.push(other),
        }
    }
    if is_open {
        kept.push("");
    }
    let query = address.query().map(|query| format!("?{query}")).unwrap_or_default();
    let path = PathAndQuery::try_from(format!("/{}{query}", kept.join("/"))).ok()?;
    let mut parts = address.into_parts();
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(from: &str, location: &str) -> Result<String, NotFollowed> {
        let location = HeaderValue::from_bytes(location.as_bytes()).unwrap();
        follow(&from.parse().unwrap(), &location).map(|target| target.to_string())
    }

    #[test]
    fn a_reference_is_read_at_the_address_that_was_asked() {
        let from = "https://a.b:8443/c/d/e?q=1";
        for (location, target) in [
            ("https://x.y/z", "https://x.y/z"),
            ("HTTPS://x.y", "https://x.y/"),
            ("//x.y/z?p=1", "https://x.y/z?p=1"),
            ("/z", "https://a.b:8443/z"),
            ("z", "https://a.b:8443/c/d/z"),
            ("./z", "https://a.b:8443/c/d/z"),
            ("../z/..", "https://a.b:8443/c/"),
            ("../../../../z", "https://a.b:8443/z"),
            (".", "https://a.b:8443/c/d/"),
            ("?p=2", "https://a.b:8443/c/d/e?p=2"),
            ("", "https://a.b:8443/c/d/e"),
            ("#top", "https://a.b:8443/c/d/e"),
            ("/z?p=/../x#top", "https://a.b:8443/z?p=/../x"),
            ("https://x.y/a/../b/./c", "https://x.y/b/c"),
            ("z:8", "z:8"),
            ("./z:8", "https://a.b:8443/c/d/z:8"),
        ] {
            let found = followed(from, location);
            let expected = if target == "z:8" { Err(NotFollowed::NotAUrl) } else { Ok(target.to_owned()) };
            assert_eq!(found, expected, "{location:?}");
        }
    }

    #[test]
    fn only_the_same_place_or_one_over_tls_is_gone_to() {
        let (secure, local) = ("https://a.b/x", "http://127.0.0.1:80/x");
        for (from, location) in [
            (secure, "https://a.b:443/y"),
            (secure, "https://A.B/y"),
            (secure, "https://other.example/y"),
            (local, "http://127.0.0.1/y"),
            (local, "https://other.example/y"),
            (local, "https://127.0.0.1/y"),
            ("https://localhost/x", "https://[::1]/y"),
        ] {
            assert!(followed(from, location).is_ok(), "{from} {location}");
        }
        for (from, location, reason) in [
            (secure, "http://a.b/y", NotFollowed::PlainHttp),
            (secure, "http://127.0.0.1/y", NotFollowed::PlainHttp),
            (local, "http://127.0.0.1:81/y", NotFollowed::PlainHttp),
            (local, "http://other.example/y", NotFollowed::PlainHttp),
            ("https://localhost/x", "http://localhost/y", NotFollowed::PlainHttp),
            (secure, "https://localhost/y", NotFollowed::ThisMachine),
            (secure, "https://127.0.0.1:8443/y", NotFollowed::ThisMachine),
            (secure, "https://[::1]/y", NotFollowed::ThisMachine),
            (secure, "https://ada@a.b/y", NotFollowed::UserInfo),
            (secure, "https://ada:pw@other.example/y", NotFollowed::UserInfo),
            (secure, "//ada@a.b/y", NotFollowed::UserInfo),
            (secure, "ftp://a.b/y", NotFollowed::NotAUrl),
            (secure, "file:///etc/passwd", NotFollowed::NotAUrl),
            (secure, "javascript:alert(1)", NotFollowed::NotAUrl),
            (secure, "https://", NotFollowed::NotAUrl),
            (secure, "https://a.b:99999/", NotFollowed::NotAUrl),
            (secure, "https://a b/", NotFollowed::NotAUrl),
            (secure, "https://bücher.example/", NotFollowed::NotAUrl),
            (secure, "https:a.b", NotFollowed::NotAUrl),
        ] {
            assert_eq!(followed(from, location), Err(reason), "{from} {location}");
        }
    }

    #[test]
    fn a_target_is_shown_without_what_may_be_secret() {
        let seen = |location: &[u8]| {
            let location = HeaderValue::from_bytes(location).unwrap();
            shown(&"https://a.b/c".parse().unwrap(), &location)
        };
        assert_eq!(seen(b"https://ada:pw@x.y/z?state=s#f"), "https://x.y/z");
        assert_eq!(seen(b"/login?ticket=s"), "https://a.b/login");
        assert_eq!(seen("https://x.y/\u{9b}31m\u{202e}z".as_bytes()), "https://x.y/31mz");
        assert_eq!(seen(b"https://x.y/a@b"), "https://x.y/a@b");
        for odd in [
            &b"https:ada:pw@x.y/z"[..],
            b"https:///ada:pw@x.y/z",
            b"https:\\\\ada:pw@x.y/z",
            b"//ada:pw@x.y/z",
        ] {
            assert!(!seen(odd).contains("pw") && seen(odd).ends_with("x.y/z"), "{}", seen(odd));
        }
        assert!(seen("é".repeat(5_000).as_bytes()).len() < 2 * LONGEST_SHOWN + 30);
        let address = without_query(&"https://x.y/z?ticket=s".parse().unwrap());
        assert_eq!(address, "https://x.y/z");
    }
}
