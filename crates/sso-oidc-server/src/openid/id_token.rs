//! The ID token of a token response.

use device_authority::{Exchanged, Moment};
use oidc_proto::{Fault, FaultCode, Token};

use crate::state::State;

/// Returns the reply to a CreateToken request, with its ID token if it has one. The access token must be the one that
/// the client gets, because the ID token has its hash.
pub(crate) fn completed(state: &State, exchanged: Exchanged, now: Moment) -> Result<Token, Fault> {
    let mut token = exchanged.reply?;
    if let Some(claims) = exchanged.id_token {
        let payload = claims.to_json(&state.hosts.public_url, &token.access_token);
        let signed = state.keys.as_ref().and_then(|keys| keys.sign(&payload, now));
        // A server without keys has no entropy either, and issues no token.
        token.id_token = Some(signed.ok_or_else(|| Fault::new(FaultCode::InternalServer))?);
    }
    Ok(token)
}
