//! Protection against cross-site request forgery: a decision must come from our own page.
//!
//! A cookie holds a random value. Scripts cannot read it, and browsers omit it from the POST of another site. The
//! form holds a MAC of that value and its subject, under a key that the processes of one store share. The subject is
//! the user code, or the id of the form and the whole query of an authorization request. So the form of another
//! subject does not work. A planted cookie works only with the form of the same subject. There the origin that the
//! browser names decides. It also stops another port of this machine, which shares our cookies.

use device_authority::authorization_code;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{COOKIE, ORIGIN, REFERER};
use http::{HeaderMap, HeaderName, HeaderValue};
use oidc_proto::Secret;
use sha2::Sha256;

use crate::entropy::entropy;
use crate::forms::FormId;
use crate::hosts::Hosts;

/// A page with a form that decides.
pub(crate) struct Page {
    cookie: &'static str,
    path: &'static str,
    same_site: &'static str,
}

/// The page for a user code.
pub(crate) const DEVICE: Page = Page { cookie: "device_csrf", path: "/device", same_site: "Strict" };
/// The page for an authorization request. The links of other sites lead to it. With `Strict` each such visit
/// would lack the cookie and get another one, which would invalidate the forms in other tabs.
pub(crate) const AUTHORIZE: Page = Page { cookie: "authorize_csrf", path: "/authorize", same_site: "Lax" };

/// The length of 256 bits in hexadecimal.
const LEN: usize = 64;

/// The key for the forms of the processes that share a store.
pub(crate) struct CsrfKey(Hmac<Sha256>);

/// The cookie of one browser, and the token in its form for one subject.
pub(crate) struct Form {
    page: &'static Page,
    cookie: Secret,
    pub(crate) token: Secret,
}

impl CsrfKey {
    /// Creates the key from these bytes, which processes with one store share.
    pub(crate) fn of(bytes: &[u8; 32]) -> Option<Self> {
        Hmac::new_from_slice(bytes).ok().map(Self)
    }

    /// Returns the authorization code of this form.
    pub(crate) fn code(&self, form: &FormId) -> Option<Secret> {
        let mut block = 0_u8;
        let mut entropy = |bytes: &mut [u8]| {
            for chunk in bytes.chunks_mut(32) {
                block += 1;
                let mac = self.0.clone().chain_update("code\n").chain_update(form.as_str());
                let mac = mac.chain_update([b'\n', block]).finalize().into_bytes();
                chunk.iter_mut().zip(mac).for_each(|(byte, random)| *byte = random);
            }
            Ok(())
        };
        authorization_code(&mut entropy).ok()
    }

    /// Returns the form of this browser for this subject; `None` without entropy. A browser keeps its cookie,
    /// so two open tabs do not invalidate each other.
    pub(crate) fn form(&self, page: &'static Page, headers: &HeaderMap, subject: &str) -> Option<Form> {
        let cookie = match from_cookie(page, headers) {
            Some(cookie) => cookie,
            None => {
                let mut bytes = [0; LEN / 2];
                entropy(&mut bytes).ok()?;
                hex(&bytes)
            }
        };
        Some(Form { page, token: self.token(page, &cookie, subject), cookie })
    }

    /// Returns whether we issued this token for this subject.
    pub(crate) fn is_ours(&self, page: &Page, headers: &HeaderMap, subject: &str, token: &str) -> bool {
        from_cookie(page, headers)
            .is_some_and(|cookie| self.token(page, &cookie, subject) == Secret::from(token))
    }

    fn token(&self, page: &Page, cookie: &Secret, subject: &str) -> Secret {
        // The cookie has a fixed length, and no path contains a line break.
        let mac = self.0.clone().chain_update(cookie.expose()).chain_update(page.path);
        let mac = mac.chain_update("\n").chain_update(subject);
        hex(&mac.finalize().into_bytes())
    }
}

impl Form {
    /// Returns the header that sets the cookie. It lives as long as the browser's session.
    pub(crate) fn set_cookie(&self, hosts: &Hosts) -> Option<HeaderValue> {
        let secure = if hosts.is_https() { "; Secure" } else { "" };
        let Page { cookie: name, path, same_site } = self.page;
        let value = self.cookie.expose();
        let text = format!("{name}={value}; Path={path}; HttpOnly; SameSite={same_site}{secure}");
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Returns whether, according to the browser, a page of another site caused the request. Browsers send
/// `Sec-Fetch-Site` only to HTTPS and loopback. Over plain HTTP the origin decides, or else the referring
/// page if its policy permits the header.
pub(crate) fn is_from_elsewhere(hosts: &Hosts, headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    is_foreign(hosts, headers, &ORIGIN) || is_foreign(hosts, headers, &REFERER)
}

/// Returns whether a decision may come from our own page. `Sec-Fetch-Site` decides if present. An origin of
/// `null` is never ours, because our referrer policy permits ours. A script sends none of these headers; then
/// the token alone decides.
pub(crate) fn may_be_our_page(hosts: &Hosts, headers: &HeaderMap) -> bool {
    if headers.get(ORIGIN).is_some_and(|origin| origin == "null" || origin.to_str().is_err()) {
        return false;
    }
    match headers.get("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => !is_foreign(hosts, headers, &ORIGIN) && !is_foreign(hosts, headers, &REFERER),
    }
}

/// Returns whether this header names another origin than ours.
fn is_foreign(hosts: &Hosts, headers: &HeaderMap, name: &HeaderName) -> bool {
    let url = headers.get(name).map(|value| value.to_str().unwrap_or_default());
    url.is_some_and(|url| !hosts.is_own_origin(headers, origin_of(url)))
}

/// Returns the scheme and authority of a URL.
fn origin_of(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |colon| colon + 3);
    let end = url.get(authority..).and_then(|rest| rest.find(['/', '?', '#']));
    end.and_then(|end| url.get(..authority + end)).unwrap_or(url)
}

fn from_cookie(page: &Page, headers: &HeaderMap) -> Option<Secret> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().strip_prefix(page.cookie)?.strip_prefix('='))
        .find(|token| token.len() == LEN && token.bytes().all(|b| b.is_ascii_hexdigit()))
        .map(Secret::from)
}

fn hex(bytes: &[u8]) -> Secret {
    Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
