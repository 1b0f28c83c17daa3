//! The scopes of a client, a request and a token (RFC 6749 §3.3).

use oidc_proto::{Fault, FaultCode};

use crate::ClientRecord;

/// AWS's limit on scopes.
const MAX_SCOPES: usize = 25;
/// Our limit on the stored scopes of one request, in bytes.
const MAX_BYTES: usize = 4096;

/// Checks that these are valid scopes.
pub(crate) fn check_form(scopes: &[String]) -> Result<(), Fault> {
    if scopes.len() > MAX_SCOPES {
        return Err(invalid("too many scopes; the limit is 25"));
    }
    // RFC 6749 §3.3: printable ASCII without space, quote and backslash.
    let well_formed = |scope: &String| {
        !scope.is_empty() && scope.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
    };
    if !scopes.iter().all(well_formed) {
        return Err(invalid("a scope is empty or has an invalid character"));
    }
    Ok(())
}

/// Checks that the client may request these.
pub(crate) fn check_asked(client: &ClientRecord, asked: &[String]) -> Result<(), Fault> {
    check_form(asked)?;
    if asked.iter().map(String::len).fold(0, usize::saturating_add) > MAX_BYTES {
        return Err(invalid("the scopes are longer than 4096 bytes"));
    }
    if !client.any_scope && !are_within(asked, &client.scopes) {
        return Err(invalid("the client is not registered for one of the scopes"));
    }
    Ok(())
}

/// Returns the granted scopes: the requested ones, or all of the client's if none were requested.
pub(crate) fn granted<'a>(client: &'a ClientRecord, asked: &'a [String]) -> &'a [String] {
    if asked.is_empty() { &client.scopes } else { asked }
}

/// Returns the scopes of a refresh: those granted before, or a part of them (RFC 6749 §6).
pub(crate) fn narrowed<'a>(before: &'a [String], asked: &'a [String]) -> Result<&'a [String], Fault> {
    if asked.is_empty() {
        return Ok(before);
    }
    if !are_within(asked, before) {
        return Err(invalid("a refresh cannot add scopes that were not granted"));
    }
    Ok(asked)
}

/// Returns a token's scopes; `None` if it has none.
pub(crate) fn named(scopes: &[String]) -> Option<Vec<String>> {
    (!scopes.is_empty()).then(|| scopes.to_vec())
}

fn are_within(some: &[String], all: &[String]) -> bool {
    some.iter().all(|scope| all.contains(scope))
}

fn invalid(description: &'static str) -> Fault {
    Fault::new(FaultCode::InvalidScope).with_description(description)
}
