//! The replies to a fuzzed flow, and the bytes that select them.

use core::time::Duration;

use device_flow::{Operation, Reply};
use oidc_proto::{Client, Registration, Secret, Token};

/// A text in every secret of the flow.
pub(crate) const SENTINEL: &str = "SENTINEL";

/// The replies, by their letter in a seed. Any other byte also selects one of them.
pub(crate) const REPLIES: &[u8] = b"gksdeicu5h0324nxlt";

pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Bytes<'_> {
    /// Returns the next byte, or zero at the end.
    pub(crate) fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(crate) fn one_of(&mut self, list: &[u8]) -> u8 {
        let byte = self.next();
        if list.contains(&byte) { byte } else { list[usize::from(byte) % list.len()] }
    }

    /// Reads seconds from one byte, counted from `0` so that seeds can be written by hand.
    pub(crate) fn seconds(&mut self) -> u64 {
        u64::from(self.next().wrapping_sub(b'0'))
    }
}

/// The numbers of a device authorization.
pub(crate) struct Success {
    pub(crate) interval: u8,
    pub(crate) life: u64,
}

impl Success {
    /// Returns no interval, a small one, or a huge one.
    pub(crate) fn interval(&self) -> Option<Duration> {
        match self.interval {
            b'-' => None,
            b'H' => Some(Duration::from_secs(1_000_000_000)),
            digit => Some(Duration::from_secs(u64::from(digit.wrapping_sub(b'0') % 64))),
        }
    }

    pub(crate) fn life(&self) -> Duration {
        Duration::from_secs(1 + self.life * 20)
    }
}

pub(crate) fn response(
    operation: Operation,
    kind: u8,
    argument: u64,
    success: &Success,
) -> http::Response<String> {
    let (status, body) = match kind {
        b'g' => (200, success_body(operation, success)),
        b'k' => (400, r#"{"error":"authorization_pending"}"#.to_owned()),
        b's' => (400, r#"{"error":"slow_down"}"#.to_owned()),
        b'd' => (400, r#"{"error":"access_denied","error_description":"\u001b[2Jno"}"#.to_owned()),
        b'e' => (400, r#"{"error":"expired_token"}"#.to_owned()),
        b'i' => (400, r#"{"error":"invalid_grant"}"#.to_owned()),
        b'c' => (401, r#"{"error":"invalid_client"}"#.to_owned()),
        b'u' => (400, r#"{"error":"unauthorized_client"}"#.to_owned()),
        b'5' => (500, r#"{"error":"server_error"}"#.to_owned()),
        b'h' => (502, "<html></html>".to_owned()),
        b'0' => (200, String::new()),
        b'3' => (302, r#"{"error":"access_denied"}"#.to_owned()),
        b'2' => (200, format!(r#"{{"clientId":"","deviceCode":[],"refreshToken":"{SENTINEL}"}}"#)),
        b'4' => (404, "{}".to_owned()),
        _ => (429, String::new()),
    };
    let mut response = http::Response::builder().status(status);
    if kind == b't' {
        response = response.header("retry-after", argument);
    }
    response.body(body).unwrap()
}

fn success_body(operation: Operation, success: &Success) -> String {
    match operation {
        Operation::RegisterClient => format!(r#"{{"clientId":"new","clientSecret":"{SENTINEL}"}}"#),
        Operation::StartDeviceAuthorization => {
            let interval = success
                .interval()
                .map_or_else(|| "null".to_owned(), |interval| interval.as_secs().to_string());
            let life = success.life().as_secs();
            format!(
                r#"{{"deviceCode":"{SENTINEL}","userCode":"u","verificationUri":"v","expiresIn":{life},"interval":{interval}}}"#
            )
        }
        _ => format!(r#"{{"accessToken":"{SENTINEL}","refreshToken":"{SENTINEL}","expiresIn":9}}"#),
    }
}

/// Returns a success of another operation than this one.
pub(crate) fn other_success(operation: Operation) -> Reply {
    if operation == Operation::CreateToken {
        Reply::Registered(Registration::new(Client::new("other", Secret::from(SENTINEL))))
    } else {
        Reply::Granted(Token::bearer(Secret::from(SENTINEL), Duration::from_secs(1)))
    }
}
