//! `Retry-After` (RFC 9110 §10.2.3): seconds, or a date against the response's own.

use core::time::Duration;
use std::time::SystemTime;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderValue, Response};
use oidc_proto::{Answer, CreateTokenRequest, Dialect};

/// Reads two headers: the first line is `Retry-After`, the second `Date`. The first eight bytes, as two numbers, also
/// serve as two times.
pub fn retry_after(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let (after, date) = (lines.next().unwrap_or_default(), lines.next());
    let read = ask(after, date);
    let text = core::str::from_utf8(after).unwrap_or_default().trim_matches([' ', '\t']);
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = text
            .bytes()
            .fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
        assert_eq!(read, Some(Duration::from_secs(seconds)));
    } else if date.is_none() {
        assert_eq!(read, None, "a date needs the date of the answer");
    }
    if let Some(numbers) = data.first_chunk::<8>() {
        let [a, b, c, d, e, f, g, h] = *numbers;
        let (until, sent) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
        let wait = Duration::from_secs(until.saturating_sub(sent).into());
        assert_eq!(ask(stamp(until).as_bytes(), Some(stamp(sent).as_bytes())), Some(wait));
    }
}

fn stamp(seconds: u32) -> String {
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into()))
}

fn ask(after: &[u8], date: Option<&[u8]>) -> Option<Duration> {
    let mut response = Response::builder().status(503).body(Vec::new()).unwrap();
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_bytes(after).ok()?);
    if let Some(date) = date.and_then(|date| HeaderValue::from_bytes(date).ok()) {
        response.headers_mut().insert(DATE, date);
    }
    match Dialect::OAuth.decode::<CreateTokenRequest, _>(&response) {
        Answer::Indeterminate(none) => none.retry_after,
        other => panic!("an empty 503 is indeterminate, not {other:?}"),
    }
}
