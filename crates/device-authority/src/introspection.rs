//! Token introspection (RFC 7662).

use oidc_proto::Fault;
use oidc_proto::oauth::{ActiveToken, Introspection, IntrospectionRequest};

use crate::client::authenticate;
use crate::refresh::is_valid;
use crate::{
    AccessRecord, Authentication, ClientRecord, Moment, Records, RefreshRecord, ServerPolicy,
    recognize_token, scope,
};

/// Returns the state of a token to the client that it was issued to. `records` has the client, and either the access
/// token of the token's [`Selector`](crate::Selector) with its family, or the family of that selector.
///
/// The client authenticates as at the token endpoint: `invalid_client`. One without a secret proves only that it holds
/// the token, and learns of it no more than the token's response said.
///
/// A token that is unknown, has ended, or belongs
/// to another client is inactive, and nothing tells these apart (RFC 7662 §2.2 and §4). So is a refresh token that was
/// rotated out. Its client may have lost the successor, so asking about it ends no sign-in, as presenting it does.
///
/// The authority knows no address, so the response names no issuer. A server adds it.
///
/// ```
/// use core::time::Duration;
/// use device_authority::{ClientRecord, Moment, Records, ServerPolicy, introspect_token};
/// use oidc_proto::oauth::{Introspection, IntrospectionRequest};
/// use oidc_proto::{Client, FaultCode, Secret};
///
/// let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
/// let client = ClientRecord::preconfigured(Client::public("my-tool"), None);
/// let request = IntrospectionRequest::access_token(Client::public("my-tool"), Secret::from("unknown"));
/// let state = introspect_token(&policy, Records::of_client(Some(&client)), &request, now);
/// assert_eq!(state, Ok(Introspection::Inactive));
/// let stranger = introspect_token(&policy, Records::of_client(None), &request, now);
/// assert_eq!(stranger.unwrap_err().code, FaultCode::InvalidClient);
/// ```
///
/// # Errors
/// The fault for the response.
pub fn introspect_token(
    policy: &ServerPolicy,
    records: Records<'_>,
    request: &IntrospectionRequest,
    now: Moment,
) -> Result<Introspection, Fault> {
    let client = authenticate(records.client, &request.client, now)?;
    let known = match (records.access, records.refresh) {
        (Some(access), family) => {
            recognize_token(Some(access), family, &request.token, now).ok().map(of_access)
        }
        (None, Some(family)) => {
            is_valid(policy, family, &request.token, now).then(|| of_family(client, family))
        }
        (None, None) => None,
    };
    let own = known.filter(|token| token.client_id == client.id);
    Ok(own.map_or(Introspection::Inactive, Introspection::Active))
}

fn of_access(access: &AccessRecord) -> ActiveToken {
    let mut token = ActiveToken::new(&*access.client_id, access.expires_at.unix_seconds());
    token.scope.clone_from(&access.scope);
    token.token_type = Some("Bearer".to_owned());
    token.subject = subject(access.authentication.as_deref());
    token
}

fn of_family(client: &ClientRecord, family: &RefreshRecord) -> ActiveToken {
    let mut token = ActiveToken::new(&*family.client_id, family.forget_at.unix_seconds());
    token.scope = scope::granted(client, &family.scope).to_vec();
    token.subject = subject(family.authentication.as_deref());
    token
}

fn subject(authentication: Option<&Authentication>) -> Option<String> {
    authentication.map(|approval| approval.subject.to_string())
}
