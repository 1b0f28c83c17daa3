//! Client authentication (RFC 6749 §3.2.1).

use std::sync::LazyLock;

use oidc_proto::{Client, Fault, FaultCode, Secret};

use crate::{ClientRecord, Digest, Moment};

/// As long as issued secrets, because comparing texts of different lengths ends at once.
static DECOY: LazyLock<Digest> = LazyLock::new(|| Digest::of(&Secret::new("-".repeat(64))));

/// Returns the client if it is known, not expired, and its secret matches: the issued one, or none if none
/// was issued. The error does not tell which check failed: all responses are identical, and an unknown client
/// costs a comparison too.
pub(crate) fn authenticate<'a>(
    record: Option<&'a ClientRecord>,
    client: &Client,
    now: Moment,
) -> Result<&'a ClientRecord, Fault> {
    let expected = record.and_then(|record| record.secret.as_ref());
    let offered = client.secret.as_ref();
    let is_equal = offered.is_some_and(|offered| expected.unwrap_or(&DECOY).matches(offered));
    let right = if expected.is_some() { is_equal } else { offered.is_none() };
    record
        .filter(|record| right && record.id == client.id && now < record.forget_at)
        .ok_or_else(invalid_client)
}

/// Returns the error of a failed authentication, with the real service's text.
fn invalid_client() -> Fault {
    Fault::new(FaultCode::InvalidClient).with_description("Invalid client provided")
}

/// Returns the error of a client that may not use this grant.
pub(crate) fn unauthorized() -> Fault {
    Fault::new(FaultCode::UnauthorizedClient)
        .with_description("The client is not registered for this grant type")
}
