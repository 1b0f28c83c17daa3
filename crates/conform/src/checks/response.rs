//! The device authorization response (RFC 8628 §3.2, §3.3).

use std::collections::BTreeSet;
use std::rc::Rc;

use http::Uri;
use serde_json::Value;

use super::metadata::is_secure;
use super::{broken, each, keeps, not_made, pass};
use crate::Step;
use crate::check::{Check, Finding, Judged};
use crate::exchange::{Answer, Exchange};
use crate::transcript::Transcript;

pub(super) const CHECKS: &[Check] = &[
    Check::must("8628-3.2-status", "A request for codes by a known client gets the status 200.", status),
    Check::must("8628-3.2-json", "The codes come as an object in application/json.", json),
    Check::must(
        "8628-3.2-members",
        "There are device_code, user_code and verification_uri, as texts.",
        members,
    ),
    Check::must("8628-3.2-expires-in", "expires_in is a number of seconds above 0.", expires_in),
    Check::must("8628-3.2-interval", "The interval is a number of seconds, or absent.", interval),
    Check::must("8628-3.2-uri", "The verification_uri is an absolute http or https URL.", uri),
    Check::must("8628-3.2-unique", "Two requests get different codes.", unique),
    Check::should("8628-3.2-no-store", "Cache-Control of the codes is no-store.", no_store),
    Check::should(
        "8628-3.2-short-uri",
        "The verification_uri is short enough to type: 60 characters.",
        short_uri,
    ),
    Check::should(
        "8628-3.3-https",
        "The addresses for the person are https, without user information.",
        https,
    ),
    Check::should(
        "8628-3.3-uri-without-code",
        "The verification_uri does not contain the user code.",
        no_code,
    ),
    Check::should("8628-3.3.1-complete", "The verification_uri_complete contains the user code.", complete),
];

/// The length that a person can be asked to type.
const SHORT: usize = 60;

type Found<'a> = (&'a Rc<Exchange>, &'a Answer);

/// Returns the first response, if it has codes.
fn codes(transcript: &Transcript) -> Result<Found<'_>, Finding> {
    let found = transcript.last(Step::Codes)?;
    if found.1.is_refusal() {
        return Err(Finding::NotMade(format!("the server gave no codes: {}", found.1.summary())));
    }
    Ok(found)
}

fn status(transcript: &Transcript) -> Judged {
    let (exchange, answer) = transcript.last(Step::Codes)?;
    keeps(exchange, answer.status() == 200, || answer.summary())
}

fn json(transcript: &Transcript) -> Judged {
    let (exchange, answer) = codes(transcript)?;
    let is_json = answer.says_json() && answer.json().is_some();
    keeps(exchange, is_json, || match answer.says_json() {
        true => "the body is no JSON object".to_owned(),
        false => answer.says_else(),
    })
}

fn members(transcript: &Transcript) -> Judged {
    let (exchange, answer) = codes(transcript)?;
    let needed = ["device_code", "user_code", "verification_uri"];
    match needed.iter().find(|name| answer.text(name).is_none()) {
        Some(name) => broken(exchange, format!("{name} is missing, or is no text")),
        None => pass(exchange),
    }
}

fn expires_in(transcript: &Transcript) -> Judged {
    let (exchange, answer) = codes(transcript)?;
    let value = answer.member("expires_in");
    let is_kept = value.is_some_and(|value| value.as_f64().is_some_and(|number| number > 0.0));
    keeps(exchange, is_kept, || format!("expires_in is {}", shown(value)))
}

fn interval(transcript: &Transcript) -> Judged {
    let (exchange, answer) = codes(transcript)?;
    let value = answer.member("interval");
    let is_kept = value.is_none_or(|value| value.as_f64().is_some_and(|number| number >= 0.0));
    keeps(exchange, is_kept, || format!("the interval is {}", shown(value)))
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "missing".to_owned(), Value::to_string)
}

fn uri(transcript: &Transcript) -> Judged {
    let (exchange, answer) = codes(transcript)?;
    let Some(text) = answer.text("verification_uri") else { return not_made("there is no verification_uri") };
    let is_absolute = text.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    keeps(exchange, is_absolute, || format!("it is {text:?}"))
}

fn unique(transcript: &Transcript) -> Judged {
    let mut seen = BTreeSet::new();
    let mut count = 0;
    for (exchange, answer) in transcript.codes() {
        for name in ["device_code", "user_code"] {
            if let Some(code) = answer.text(name)
                && !seen.insert((name, code))
            {
                return broken(exchange, format!("the {name} is that of an earlier response"));
            }
        }
        count += 1;
    }
    if count < 2 { not_made("there are not two responses with codes") } else { pass(codes(transcript)?.0) }
}

fn no_store(transcript: &Transcript) -> Judged {
    each(transcript.codes(), "there are no codes", |answer| {
        let is_kept = answer.header_has("cache-control", "no-store");
        (!is_kept).then(|| "Cache-Control lacks no-store".to_owned())
    })
}

fn short_uri(transcript: &Transcript) -> Judged {
    let (exchange, answer) = codes(transcript)?;
    let Some(text) = answer.text("verification_uri") else { return not_made("there is no verification_uri") };
    keeps(exchange, text.chars().count() <= SHORT, || format!("it has {} characters", text.chars().count()))
}

fn https(transcript: &Transcript) -> Judged {
    let (exchange, answer) = codes(transcript)?;
    let uris = ["verification_uri", "verification_uri_complete"].into_iter().filter_map(|name| {
        let text = answer.text(name)?;
        text.parse::<Uri>().is_ok().then_some((name, text))
    });
    let mut uris = uris.peekable();
    if uris.peek().is_none() {
        return not_made("there is no verification_uri that is a URL");
    }
    let has_user = |text: &str| {
        text.parse::<Uri>()
            .is_ok_and(|uri| uri.authority().is_some_and(|authority| authority.as_str().contains('@')))
    };
    match uris.find(|(_, text)| text.contains("://") && (!is_secure(text) || has_user(text))) {
        Some((name, text)) => broken(exchange, format!("{name} is {text}")),
        None => pass(exchange),
    }
}

fn no_code(transcript: &Transcript) -> Judged {
    let (exchange, answer) = codes(transcript)?;
    let (Some(uri), Some(code)) = (answer.text("verification_uri"), answer.text("user_code")) else {
        return not_made("there is no verification_uri, or no user code");
    };
    keeps(exchange, !bare(uri).contains(&bare(code)), || "the user code is in it".to_owned())
}

fn complete(transcript: &Transcript) -> Judged {
    let (exchange, answer) = codes(transcript)?;
    let Some(uri) = answer.text("verification_uri_complete") else {
        return not_made("the server sends no verification_uri_complete");
    };
    let code = bare(answer.text("user_code").unwrap_or_default());
    keeps(exchange, bare(uri).contains(&code), || "the user code is not in it".to_owned())
}

/// Returns the letters and digits of a text, which are left of a code with any separators.
fn bare(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}
