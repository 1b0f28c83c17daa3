//! That a decision comes from our own page, and not from another site's form.
//!
//! A random value stands in a cookie that no script can read and that browsers keep from requests which other sites
//! start, and its authentication code under this process's key in the form. Both must agree, so it is of no use to plant a
//! cookie: who does not hold the page does not know the code. Where the browser says which site a request comes from,
//! that counts too: it also stops another port of the same machine, which shares our cookies.

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{COOKIE, ORIGIN, REFERER};
use http::{HeaderMap, HeaderValue};
use oidc_proto::Secret;
use sha2::Sha256;

use crate::shared::{Shared, entropy};

const NAME: &str = "device_csrf";
/// 256 bits in hexadecimal.
const LEN: usize = 64;

/// What makes this process's forms its own.
pub(crate) struct Key(Hmac<Sha256>);

impl Key {
    /// A new key; `None` without entropy.
    pub(crate) fn new() -> Option<Self> {
        let mut key = [0; 32];
        entropy(&mut key).ok()?;
        Hmac::new_from_slice(&key).ok().map(Self)
    }

    /// What the form of the browser with this cookie says.
    fn token(&self, cookie: &Secret) -> Secret {
        hex(&self.0.clone().chain_update(cookie.expose()).finalize().into_bytes())
    }
}

/// What one browser gets: the cookie, and the token in its form.
pub(super) struct Pass {
    cookie: Secret,
    pub(super) token: Secret,
}

impl Pass {
    /// The pass of this browser: for the cookie it has, so that two open tabs do not spoil each other, or for a new one.
    /// `None` without entropy.
    pub(super) fn of(shared: &Shared, headers: &HeaderMap) -> Option<Self> {
        let key = shared.csrf.as_ref()?;
        let cookie = match from_cookie(headers) {
            Some(cookie) => cookie,
            None => {
                let mut bytes = [0; LEN / 2];
                entropy(&mut bytes).ok()?;
                hex(&bytes)
            }
        };
        Some(Self { token: key.token(&cookie), cookie })
    }

    /// The header that sets the cookie. It lives as long as the browser's session.
    pub(super) fn set_cookie(&self, shared: &Shared) -> Option<HeaderValue> {
        let secure = if shared.is_https() { "; Secure" } else { "" };
        let text =
            format!("{NAME}={}; Path=/device; HttpOnly; SameSite=Strict{secure}", self.cookie.expose());
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Whether the form with this token was ours.
pub(super) fn is_from_our_page(shared: &Shared, headers: &HeaderMap, token: &str) -> bool {
    let expected = shared.csrf.as_ref().zip(from_cookie(headers)).map(|(key, cookie)| key.token(&cookie));
    is_same_origin(shared, headers) && expected.is_some_and(|expected| expected == Secret::from(token))
}

/// Whether the browser says that another site's page made it ask. Browsers send `Sec-Fetch-Site` to https and to loopback
/// only; over plain http there is the origin, or the page that led here, if that page lets it be said.
pub(super) fn is_from_elsewhere(shared: &Shared, headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let is_foreign = |name| {
        let said = headers.get(name).map(|said| said.to_str().unwrap_or_default());
        said.is_some_and(|said| !is_our_origin(shared, headers, origin_of(said)))
    };
    is_foreign(ORIGIN) || is_foreign(REFERER)
}

/// A URL's scheme and authority.
fn origin_of(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |colon| colon + 3);
    let end = url.get(authority..).and_then(|rest| rest.find(['/', '?', '#']));
    end.and_then(|end| url.get(..authority + end)).unwrap_or(url)
}

/// What the browser says about where the request comes from. `Sec-Fetch-Site` decides if it is there, except that `null`
/// is no origin: our pages let theirs be said. In a script that sends neither header the token alone decides.
fn is_same_origin(shared: &Shared, headers: &HeaderMap) -> bool {
    let origin = match headers.get(ORIGIN).map(HeaderValue::to_str) {
        None => None,
        Some(Ok("null") | Err(_)) => return false,
        Some(Ok(origin)) => Some(origin),
    };
    match headers.get("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => origin.is_none_or(|origin| is_our_origin(shared, headers, origin)),
    }
}

/// The public URL, or the host that the request is addressed to, which was checked before.
fn is_our_origin(shared: &Shared, headers: &HeaderMap, origin: &str) -> bool {
    let host = headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let is_addressee = origin.strip_prefix(shared.scheme()).is_some_and(|origin| Some(origin) == host);
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

fn hex(bytes: &[u8]) -> Secret {
    Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
