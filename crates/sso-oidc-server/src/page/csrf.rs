//! That a decision comes from our own page, and not from another site's form.
//!
//! A random token stands in a cookie that no script can read and that browsers keep from requests which other sites
//! start, and in the form. Both must agree. Where the browser says which site a request comes from, that counts too:
//! it also stops another port of the same machine, which shares our cookies.

use http::header::{COOKIE, ORIGIN};
use http::{HeaderMap, HeaderValue};
use oidc_proto::Secret;

use crate::shared::{Shared, entropy};

const NAME: &str = "device_csrf";
/// 256 bits in hexadecimal.
const LEN: usize = 64;

/// The token of this browser: the one it has, so that two open tabs do not spoil each other, or a new one. `None`
/// without entropy.
pub(super) fn token(headers: &HeaderMap) -> Option<Secret> {
    if let Some(token) = from_cookie(headers) {
        return Some(token);
    }
    let mut bytes = [0u8; LEN / 2];
    entropy(&mut bytes).ok()?;
    Some(Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// The cookie that carries the token. It lives as long as the browser's session.
pub(super) fn cookie(shared: &Shared, token: &Secret) -> Option<HeaderValue> {
    let secure = if shared.is_https() { "; Secure" } else { "" };
    let text = format!("{NAME}={}; Path=/device; HttpOnly; SameSite=Strict{secure}", token.expose());
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Whether the form with this token was ours.
pub(super) fn is_from_our_page(shared: &Shared, headers: &HeaderMap, token: &str) -> bool {
    is_same_origin(shared, headers)
        && from_cookie(headers).is_some_and(|cookie| cookie == Secret::from(token))
}

/// What the browser says about where the request comes from. `Sec-Fetch-Site` decides if it is there. `Origin` is
/// `null` from our own pages, because they send no referrer (Fetch, "append a request Origin header"); then, and in a
/// script that sends neither, the token alone decides.
fn is_same_origin(shared: &Shared, headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    match headers.get(ORIGIN).map(HeaderValue::to_str) {
        None | Some(Ok("null")) => true,
        Some(Ok(origin)) => is_our_origin(shared, headers, origin),
        Some(Err(_)) => false,
    }
}

/// The public URL, or the host that the request is addressed to, which was checked before.
fn is_our_origin(shared: &Shared, headers: &HeaderMap, origin: &str) -> bool {
    let host = headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let is_addressee = origin.strip_prefix("http://").is_some_and(|origin| Some(origin) == host);
    is_addressee || origin.eq_ignore_ascii_case(&shared.public_url)
}

fn from_cookie(headers: &HeaderMap) -> Option<Secret> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().strip_prefix(NAME)?.strip_prefix('='))
        .find(|token| token.len() == LEN && token.bytes().all(|b| b.is_ascii_hexdigit()))
        .map(Secret::from)
}
