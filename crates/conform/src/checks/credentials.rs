//! The authentication of the client (RFC 6749 §2.3, §3.2.1, §5.2).

use http::header::WWW_AUTHENTICATE;

use super::{broken, gets_error, keeps, pass};
use crate::Step;
use crate::check::{Check, Judged};
use crate::transcript::Transcript;

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "6749-5.2-basic",
        "A client that fails with the Authorization header gets 401 and a WWW-Authenticate with its scheme.",
        basic,
    ),
    Check::must("6749-5.2-wrong-secret", "A wrong client secret gets invalid_client.", wrong_secret),
    Check::must("6749-3.2.1-no-secret", "A client with a secret is refused without it.", no_secret),
    Check::should(
        "6749-2.3-two-methods",
        "Two authentication methods in one request are refused.",
        two_methods,
    ),
];

fn basic(transcript: &Transcript) -> Judged {
    let (exchange, answer) = transcript.last(Step::UnknownBasicClient)?;
    if answer.status() != 401 {
        return broken(exchange, format!("it got {}", answer.summary()));
    }
    let challenges = answer.response.headers().get_all(WWW_AUTHENTICATE).iter();
    let has_basic = challenges.filter_map(|value| value.to_str().ok()).any(|text| {
        text.split(',').any(|part| {
            part.trim().split(' ').next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic"))
        })
    });
    keeps(exchange, has_basic, || "WWW-Authenticate does not name Basic".to_owned())
}

fn wrong_secret(transcript: &Transcript) -> Judged {
    gets_error(transcript, Step::WrongSecret, &["invalid_client"])
}

fn no_secret(transcript: &Transcript) -> Judged {
    gets_error(transcript, Step::NoSecret, &["invalid_client", "invalid_request", "unauthorized_client"])
}

fn two_methods(transcript: &Transcript) -> Judged {
    let (exchange, answer) = transcript.last(Step::TwoMethods)?;
    match answer.error() {
        None | Some("authorization_pending" | "slow_down") => {
            broken(exchange, format!("it got {}", answer.summary()))
        }
        Some(_) => pass(exchange),
    }
}
