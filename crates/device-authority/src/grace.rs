//! The second use of a device code in its grace; see [`ServerPolicy::device_grace`](crate::ServerPolicy::device_grace).

use oidc_proto::{Fault, Secret, Token};

use crate::entropy::secret;
use crate::moment::whole_seconds;
use crate::token::invalid_grant;
use crate::{FirstUse, Issued, Moment, Records};

/// Returns whether a token for these records is one that was issued before.
pub(crate) fn is_repeated(records: Records<'_>) -> bool {
    records.device.is_some_and(|device| device.state.first_use.is_some())
}

/// Returns the response of the code's first use again. It is made of what that use has left, not of the client and the
/// policy of today. Nothing is issued, so it needs the record of what was. A refusal revokes nothing: in its grace a
/// second use is no sign of an attacker.
pub(crate) fn repeated(
    records: Records<'_>,
    first: &FirstUse,
    issued: Issued,
    offered: &Secret,
    now: Moment,
) -> Result<Token, Fault> {
    let mut entropy = first.seed.entropy_of(offered);
    let refresh_token = match issued {
        Issued::Family(_) => Some(secret::<64>(&mut entropy)?),
        Issued::Access(_) => None,
    };
    let mut token = Token::bearer(secret::<64>(&mut entropy)?, whole_seconds(first.expires_at.since(now)));
    let is_alive = match &refresh_token {
        // A client with the next token of the family needs no old one, and its use would end the family.
        Some(refresh_token) => records
            .refresh
            .is_some_and(|family| now < family.forget_at && family.token.matches(refresh_token)),
        None => records.access.is_some_and(|access| access.token.matches(&token.access_token)),
    };
    if !is_alive || now >= first.expires_at {
        return Err(invalid_grant());
    }
    token.refresh_token = refresh_token;
    token.scope.clone_from(&first.scope);
    Ok(token)
}
