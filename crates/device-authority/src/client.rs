//! Who is asking (RFC 6749 §3.2.1).

use std::sync::LazyLock;

use oidc_proto::{Client, Fault, FaultCode, Secret};

use crate::{ClientRecord, Moment};

/// It has the length of the secrets that registration gives out, because a comparison of texts of two lengths ends at once.
static DECOY: LazyLock<Secret> = LazyLock::new(|| Secret::new("-".repeat(64)));

/// The client, if it is known, its registration has not lapsed and the secret is right: the one that it was given, or
/// none if it was given none. Which of them failed is not said: the answer is the same in every byte, and an unknown
/// client costs a comparison too.
pub(crate) fn authenticate<'a>(
    record: Option<&'a ClientRecord>,
    client: &Client,
    now: Moment,
) -> Result<&'a ClientRecord, Fault> {
    let expected = record.and_then(|record| record.registration.client.secret.as_ref());
    let offered = client.secret.as_ref();
    let is_equal = offered == Some(expected.unwrap_or(&DECOY));
    let right = if expected.is_some() { is_equal } else { offered.is_none() };
    record
        .filter(|record| right && record.registration.client.id == client.id && now < record.forget_at)
        .ok_or_else(invalid_client)
}

/// The one answer to every client that cannot be believed, with the real service's text.
fn invalid_client() -> Fault {
    Fault::new(FaultCode::InvalidClient).with_description("Invalid client provided")
}

/// The client may not use this grant.
pub(crate) fn unauthorized() -> Fault {
    Fault::new(FaultCode::UnauthorizedClient)
        .with_description("The client did not register for this grant type")
}
