//! Revocation (RFC 7009).

use oidc_proto::oauth::RevocationRequest;

use crate::client::authenticate;
use crate::token::invalid_grant;
use crate::{Change, Decision, Moment, Records, Selector};

/// Revokes a token. `records` has the client, and the token family and the access token of the token's
/// [`Selector`].
///
/// A refresh token revokes its family, even if it was rotated out: the client means the sign-in, not one
/// token of it. That ends its access tokens too. An access token revokes itself alone. An unknown token is a
/// success, because it is invalid already (RFC 7009 §2.2).
///
/// Returns `invalid_client` as elsewhere, and `invalid_grant` for another client's token, which stays valid
/// (§2.1).
///
/// ```
/// use core::time::Duration;
/// use device_authority::{ClientRecord, Moment, Records, revoke_token};
/// use oidc_proto::oauth::RevocationRequest;
/// use oidc_proto::{Client, FaultCode, Secret};
///
/// let now = Moment::new(Duration::from_secs(1_700_000_000));
/// let client = ClientRecord::preconfigured(Client::public("my-tool"), None);
/// let request = RevocationRequest::access_token(Client::public("my-tool"), Secret::from("unknown"));
/// let decision = revoke_token(Records::of_client(Some(&client)), &request, now);
/// assert_eq!((decision.reply, decision.changes), (Ok(()), Vec::new()));
/// let unknown = revoke_token(Records::of_client(None), &request, now);
/// assert_eq!(unknown.reply.unwrap_err().code, FaultCode::InvalidClient);
/// ```
pub fn revoke_token(records: Records<'_>, request: &RevocationRequest, now: Moment) -> Decision<()> {
    let client = match authenticate(records.client, &request.client, now) {
        Ok(client) => client,
        Err(fault) => return Decision::refuse(fault),
    };
    let Some(selector) = Selector::of(&request.token) else { return Decision::new(Ok(()), Vec::new()) };
    let access = records.access.filter(|access| access.token.matches(&request.token));
    let (owner, change) = match (records.refresh, access) {
        (Some(family), _) => (&family.client_id, Change::RevokeRefresh(selector)),
        (None, Some(access)) => (&access.client_id, Change::RevokeAccess(selector)),
        (None, None) => return Decision::new(Ok(()), Vec::new()),
    };
    if *owner != client.id {
        return Decision::refuse(invalid_grant());
    }
    Decision::new(Ok(()), vec![change])
}
