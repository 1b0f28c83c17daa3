//! The refresh token (RFC 6749 §6, §10.4, RFC 9700 §4.14.2) and its revocation (RFC 7009).

use std::collections::BTreeSet;

use super::{broken, gets_error, keeps, not_made, of_another_client, pass};
use crate::Step;
use crate::check::{Check, Judged};
use crate::exchange::Answer;
use crate::transcript::Transcript;

pub(super) const CHECKS: &[Check] = &[
    Check::must("6749-6-refresh", "A refresh token brings a token.", refresh),
    Check::must("6749-6-scope", "The scope of a refreshed token is no wider than that of the first.", scope),
    Check::must("6749-6-wider-scope", "A refresh for a further scope does not bring that scope.", wider),
    Check::must("6749-10.4-client", "The refresh token of another client is refused.", client),
    Check::must(
        "9700-4.14.2-rotation",
        "A public client gets a new refresh token with each refresh.",
        rotation,
    ),
    Check::must("9700-4.14.2-old-token", "A refresh token that was replaced is refused.", old_token),
    Check::should(
        "9700-4.14.2-family",
        "When a replaced refresh token is used, the latest one is revoked.",
        family,
    ),
    Check::must("7009-2.2-revoked", "The revocation of a token gets the status 200.", revoked),
    Check::must("7009-2.2-unknown", "The revocation of an unknown token gets the status 200.", unknown),
    Check::must("7009-2.1-effect", "A revoked refresh token is refused.", effect),
];

fn refresh(transcript: &Transcript) -> Judged {
    let (exchange, answer) = transcript.last(Step::Refresh)?;
    keeps(exchange, answer.has_token() && answer.status() == 200, || format!("it got {}", answer.summary()))
}

fn words(answer: &Answer) -> Option<BTreeSet<&str>> {
    Some(answer.text("scope")?.split(' ').collect())
}

fn scope(transcript: &Transcript) -> Judged {
    let (_, first) = transcript.last(Step::Redemption)?;
    let (exchange, answer) = transcript.last(Step::Refresh)?;
    if !answer.has_token() {
        return not_made(format!("the refresh got {}", answer.summary()));
    }
    // A token without this member has the scope that was asked for.
    if words(first).is_none() && transcript.scope.is_empty() {
        return not_made("the first token does not say its scope, and no scope was asked for");
    }
    let asked = transcript.scope.iter().map(String::as_str).collect();
    let granted = words(first).unwrap_or(asked);
    let more = words(answer).unwrap_or_default();
    match more.difference(&granted).next() {
        Some(_) => broken(exchange, "it has a scope that the first token lacks"),
        None => pass(exchange),
    }
}

fn wider(transcript: &Transcript) -> Judged {
    let (exchange, answer) = transcript.last(Step::WiderRefresh)?;
    if answer.is_refusal() {
        return keeps(exchange, answer.error() == Some("invalid_scope"), || {
            format!("it got {}; the error must be invalid_scope", answer.summary())
        });
    }
    let asked = exchange.parameter("scope").unwrap_or_default();
    let further = asked.split(' ').next_back().unwrap_or_default();
    match words(answer) {
        // A token that does not say its scope has the one that was asked for (§5.1).
        None => broken(exchange, "the token does not say that its scope is another one"),
        Some(words) => {
            keeps(exchange, !words.contains(further), || "the token has the further scope".to_owned())
        }
    }
}

fn client(transcript: &Transcript) -> Judged {
    of_another_client(transcript, Step::OtherClientsRefresh)
}

/// A pass if a refresh token got no token.
fn refused(transcript: &Transcript, step: Step) -> Judged {
    gets_error(transcript, step, &["invalid_grant"])
}

fn rotation(transcript: &Transcript) -> Judged {
    let (_, first) = transcript.last(Step::Redemption)?;
    let (exchange, answer) = transcript.last(Step::Refresh)?;
    if !transcript.is_public() {
        return not_made("the client has a secret, which binds its refresh tokens");
    }
    if !answer.has_token() {
        return not_made(format!("the refresh got {}", answer.summary()));
    }
    let is_new = answer.text("refresh_token").is_some_and(|new| Some(new) != first.text("refresh_token"));
    keeps(exchange, is_new, || "the refresh token is the same".to_owned())
}

fn old_token(transcript: &Transcript) -> Judged {
    // RFC 9700 §4.14.2 demands the rotation for public clients, and RFC 6749 §6 leaves it to the server.
    if !transcript.is_public() {
        return not_made("the client has a secret, which binds its refresh tokens");
    }
    refused(transcript, Step::OldRefresh)
}

fn family(transcript: &Transcript) -> Judged {
    let (_, old) = transcript.last(Step::OldRefresh)?;
    if old.has_token() {
        return not_made("the replaced refresh token was accepted");
    }
    refused(transcript, Step::FamilyRefresh)
}

fn revoked(transcript: &Transcript) -> Judged {
    has_status_200(transcript, Step::Revocation)
}

fn unknown(transcript: &Transcript) -> Judged {
    has_status_200(transcript, Step::UnknownRevocation)
}

fn has_status_200(transcript: &Transcript, step: Step) -> Judged {
    let (exchange, answer) = transcript.last(step)?;
    keeps(exchange, answer.status() == 200, || format!("it got {}", answer.summary()))
}

fn effect(transcript: &Transcript) -> Judged {
    let (_, revocation) = transcript.last(Step::Revocation)?;
    if revocation.status() != 200 {
        return not_made(format!("the revocation got {}", revocation.summary()));
    }
    refused(transcript, Step::RevokedRefresh)
}
