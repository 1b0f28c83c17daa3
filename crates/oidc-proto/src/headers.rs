//! The headers that this crate reads.

use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{CONTENT_ENCODING, DATE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::UnixSeconds;

/// The exception's name, with a suffix of the service.
pub(crate) static ERROR_TYPE: HeaderName = HeaderName::from_static(ERROR_TYPE_TEXT);
const ERROR_TYPE_TEXT: &str = "x-amzn-errortype";
/// The request id, for AWS's support.
/// The header with the id of a response, `x-amzn-RequestId`, for AWS's support.
pub static REQUEST_ID: HeaderName = HeaderName::from_static(REQUEST_ID_TEXT);
const REQUEST_ID_TEXT: &str = "x-amzn-requestid";

/// The headers that matter, found in one pass. A response has few headers, so one pass is cheaper than a
/// look-up for each.
#[derive(Default)]
pub(crate) struct ResponseHeaders<'a> {
    error_type: Option<&'a [u8]>,
    request_id: Option<&'a HeaderValue>,
    retry_after: Option<&'a HeaderValue>,
    date: Option<&'a HeaderValue>,
}

impl<'a> ResponseHeaders<'a> {
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let mut heads = Self::default();
        for (name, value) in headers {
            // The first value of each counts, as with a look-up.
            match name.as_str() {
                ERROR_TYPE_TEXT => _ = heads.error_type.get_or_insert(value.as_bytes()),
                // The portal's own spelling is the second.
                REQUEST_ID_TEXT | "requestid" => _ = heads.request_id.get_or_insert(value),
                "retry-after" => _ = heads.retry_after.get_or_insert(value),
                "date" => _ = heads.date.get_or_insert(value),
                _ => {}
            }
        }
        heads
    }

    /// Returns the exception's name. The suffix behind a colon is ignored.
    pub(crate) fn error_type(&self) -> Option<&'a [u8]> {
        let value = self.error_type?;
        let name = memchr::memchr(b':', value).and_then(|colon| value.get(..colon)).unwrap_or(value);
        (!name.iter().all(u8::is_ascii_whitespace)).then_some(name)
    }

    /// Returns the request id, for error texts.
    pub(crate) fn request_id(&self) -> Option<String> {
        let id = core::str::from_utf8(self.request_id?.as_bytes()).ok()?;
        (!id.is_empty()).then(|| crate::words::cut(id))
    }

    /// Returns `Retry-After` (RFC 9110 §10.2.3): seconds, or a date. A date counts from the response's own
    /// `Date`, which needs no local clock; without a `Date` it is ignored.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let value = self.retry_after?.to_str().ok()?.trim();
        if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
            return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
        }
        let until = httpdate::parse_http_date(value).ok()?;
        let sent = httpdate::parse_http_date(self.date?.to_str().ok()?).ok()?;
        Some(until.duration_since(sent).unwrap_or(Duration::ZERO))
    }
}

/// Returns whether the body has a content coding. The request accepts none, so it is unreadable.
#[cold]
pub(crate) fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_ENCODING).is_some_and(|value| {
        let coding = value.as_bytes().trim_ascii();
        !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")
    })
}

/// Returns the target of a redirect, without query, fragment and user information, which may be secret.
#[cold]
pub(crate) fn location(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(LOCATION)?.to_str().ok()?;
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = text.split_once("//").unwrap_or(("", text));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    // Without a host, the user information is in the path.
    if host.is_empty() && path.contains('@') {
        return None;
    }
    let slashes = if text.contains("//") { "//" } else { "" };
    crate::words::excerpt(&format!("{scheme}{slashes}{host}{path}"))
}

/// Returns the `Date` of a response (RFC 9110 §6.6.1): the server's clock when it answered, or a cache's origin's. It
/// tells whether this machine's clock is wrong.
///
/// ```
/// let response = http::Response::builder().header("date", "Sun, 06 Nov 1994 08:49:37 GMT").body("")?;
/// assert_eq!(oidc_proto::date(response.headers()), Some(oidc_proto::UnixSeconds::new(784_111_777)));
/// # Ok::<(), http::Error>(())
/// ```
#[must_use]
pub fn date(headers: &HeaderMap) -> Option<UnixSeconds> {
    let text = headers.get(DATE)?.to_str().ok()?;
    httpdate::parse_http_date(text.trim()).ok().map(UnixSeconds::from)
}

/// Adds the `Date` that a response lacks, if its `Retry-After` is a date. RFC 9110 §6.6.1 asks that of a
/// recipient with a clock; `received` is that clock's time.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use oidc_proto::{Answer, CreateTokenRequest, Dialect, supply_date};
///
/// let mut response = http::Response::builder()
///     .status(503)
///     .header("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")
///     .body("")?;
/// supply_date(response.headers_mut(), UNIX_EPOCH + Duration::from_secs(784_111_777));
/// let Answer::Indeterminate(busy) = Dialect::Aws.decode::<CreateTokenRequest, _>(&response) else { panic!("busy") };
/// assert_eq!(busy.retry_after, Some(Duration::from_secs(10)));
/// # Ok::<(), http::Error>(())
/// ```
pub fn supply_date(headers: &mut HeaderMap, received: SystemTime) {
    // asctime's form has no zone (RFC 9110 §5.6.7).
    let is_date =
        |value: &HeaderValue| value.to_str().is_ok_and(|text| httpdate::parse_http_date(text.trim()).is_ok());
    if !headers.get(RETRY_AFTER).is_some_and(is_date) || headers.contains_key(DATE) {
        return;
    }
    // A clock before the epoch is wrong, and its date is useless.
    if received.duration_since(UNIX_EPOCH).is_ok()
        && let Ok(date) = HeaderValue::from_str(&httpdate::HttpDate::from(received).to_string())
    {
        headers.insert(DATE, date);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry_after(headers: &HeaderMap) -> Option<Duration> {
        ResponseHeaders::of(headers).retry_after()
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date_against_the_servers_own_date() {
        assert_eq!(retry_after(&headers(&[("retry-after", "7")])), Some(Duration::from_secs(7)));
        let date =
            [("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT"), ("date", "Sun, 06 Nov 1994 08:49:37 GMT")];
        assert_eq!(retry_after(&headers(&date)), Some(Duration::from_secs(10)));
        let past =
            [("retry-after", "Sun, 06 Nov 1994 08:49:27 GMT"), ("date", "Sun, 06 Nov 1994 08:49:37 GMT")];
        assert_eq!(retry_after(&headers(&past)), Some(Duration::ZERO));
    }

    #[test]
    fn a_redirects_target_is_named_without_what_may_be_secret() {
        let location = |text: &str| location(&headers(&[("location", text)]));
        for (text, shown) in [
            ("https://u:p@id.example/d?code=1#x", "https://id.example/d"),
            ("/login?next=%2Fd", "/login"),
            ("//id.example:8443", "//id.example:8443"),
            ("login/a@b", "login/a@b"),
        ] {
            assert_eq!(location(text).as_deref(), Some(shown), "{text}");
        }
        assert_eq!(location("?a=b"), None);
        assert_eq!(location("https:///u:pw@id.example/d"), None);
    }

    #[test]
    fn a_content_coding_is_anything_but_identity() {
        let encoded = |text: &str| is_encoded(&headers(&[("content-encoding", text)]));
        assert!(encoded("gzip") && encoded("br, gzip"));
        assert!(!encoded("identity") && !encoded(" Identity ") && !encoded(""));
    }

    #[test]
    fn a_date_is_supplied_where_it_is_needed_and_not_where_the_server_says_its_own() {
        let received = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let until = "Sun, 06 Nov 1994 08:49:47 GMT";
        let with = |pairs: &[(&'static str, &str)]| {
            let mut headers = headers(pairs);
            supply_date(&mut headers, received);
            (headers.contains_key("date"), retry_after(&headers).map(|wait| wait.as_secs()))
        };
        for until in [until, "Sunday, 06-Nov-94 08:49:47 GMT", "Sun Nov  6 08:49:47 1994"] {
            assert_eq!(with(&[("retry-after", until)]), (true, Some(10)), "{until}");
        }
        let own = ("date", "Sun, 06 Nov 1994 08:49:40 GMT");
        assert_eq!(with(&[("retry-after", until), own]), (true, Some(7)));
        assert_eq!(with(&[("retry-after", "7")]), (false, Some(7)));
        assert_eq!(with(&[]), (false, None));
        // In a browser there is no time before 1970.
        if let Some(before) = UNIX_EPOCH.checked_sub(Duration::from_secs(1)) {
            let mut early = headers(&[("retry-after", until)]);
            supply_date(&mut early, before);
            assert_eq!(retry_after(&early), None);
        }
    }

    #[test]
    fn retry_after_that_cannot_be_read_is_ignored_and_a_huge_one_saturates() {
        assert_eq!(retry_after(&headers(&[])), None);
        assert_eq!(retry_after(&headers(&[("retry-after", "soon")])), None);
        assert_eq!(retry_after(&headers(&[("retry-after", "-1")])), None);
        assert_eq!(retry_after(&headers(&[("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")])), None);
        let huge = headers(&[("retry-after", "99999999999999999999999")]);
        assert_eq!(retry_after(&huge), Some(Duration::from_secs(u64::MAX)));
    }
}
