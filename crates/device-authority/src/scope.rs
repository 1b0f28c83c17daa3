//! What a token is good for: the scopes of a client, and those that a request asks for (RFC 6749 §3.3).

use oidc_proto::{Fault, FaultCode};

use crate::ClientRecord;

/// AWS's limit on scopes.
const MAX_SCOPES: usize = 25;
/// Ours: what the scopes of one request may make the store keep, in bytes.
const MAX_BYTES: usize = 4096;

/// Whether these can be scopes at all.
pub(crate) fn check_form(scopes: &[String]) -> Result<(), Fault> {
    if scopes.len() > MAX_SCOPES {
        return Err(invalid("more than 25 scopes"));
    }
    // RFC 6749 §3.3: printable ASCII without space, quote and backslash.
    let well_formed = |scope: &String| {
        !scope.is_empty() && scope.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
    };
    if !scopes.iter().all(well_formed) {
        return Err(invalid("a scope is empty or has characters that scopes cannot have"));
    }
    Ok(())
}

/// Whether the client may ask for these.
pub(crate) fn check_asked(client: &ClientRecord, asked: &[String]) -> Result<(), Fault> {
    check_form(asked)?;
    if asked.iter().map(String::len).fold(0, usize::saturating_add) > MAX_BYTES {
        return Err(invalid("the scopes are longer than 4096 bytes"));
    }
    if !client.any_scope && !are_within(asked, &client.scopes) {
        return Err(invalid("the client did not register for one of the scopes"));
    }
    Ok(())
}

/// What was granted: what was asked for or, if nothing was, all that the client registered.
pub(crate) fn granted<'a>(client: &'a ClientRecord, asked: &'a [String]) -> &'a [String] {
    if asked.is_empty() { &client.scopes } else { asked }
}

/// What a refresh is to grant: what was granted before, or a part of it (RFC 6749 §6).
pub(crate) fn narrowed<'a>(before: &'a [String], asked: &'a [String]) -> Result<&'a [String], Fault> {
    if asked.is_empty() {
        return Ok(before);
    }
    if !are_within(asked, before) {
        return Err(invalid("a refresh cannot bring scopes that were not granted"));
    }
    Ok(asked)
}

/// How a token names its scopes: not at all, if it has none.
pub(crate) fn named(scopes: &[String]) -> Option<Vec<String>> {
    (!scopes.is_empty()).then(|| scopes.to_vec())
}

fn are_within(some: &[String], all: &[String]) -> bool {
    some.iter().all(|scope| all.contains(scope))
}

fn invalid(description: &'static str) -> Fault {
    Fault::new(FaultCode::InvalidScope).with_description(description)
}
