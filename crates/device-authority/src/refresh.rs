//! The refresh token grant (RFC 6749 §6), with rotation (RFC 9700 §4.14.2).

use oidc_proto::{Fault, Secret, Token};

use crate::entropy::secret;
use crate::moment::whole_seconds;
use crate::token::invalid_grant;
use crate::{Change, ClientRecord, Decision, Entropy, Moment, Policy, RefreshRecord, Selector, scope};

/// A new access token and the chain's next refresh token, for the chain's one valid token.
///
/// A token that has the chain's selector and is not the valid one was rotated out: either the client or a thief has
/// used it before. Nobody can tell which, so the chain ends.
pub(crate) fn rotate(
    policy: &Policy,
    client: &ClientRecord,
    chain: Option<&RefreshRecord>,
    offered: &Secret,
    asked: &[String],
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Decision<Token> {
    let (Some(chain), Some(selector)) = (chain, Selector::of(offered)) else {
        return Decision::refuse(invalid_grant());
    };
    if chain.client_id != client.registration.client.id || now >= chain.forget_at {
        return Decision::refuse(invalid_grant());
    }
    if chain.token != *offered {
        return Decision::new(Err(invalid_grant()), vec![Change::RevokeRefresh(selector)]);
    }
    let scopes = match scope::narrowed(scope::granted(client, &chain.scope), asked) {
        Ok(scopes) => scopes,
        Err(fault) => return Decision::refuse(fault),
    };
    match successor(policy, chain, scopes, entropy) {
        Err(fault) => Decision::refuse(fault),
        Ok((token, chain)) => Decision::new(Ok(token), vec![Change::PutRefresh(chain)]),
    }
}

fn successor(
    policy: &Policy,
    chain: &RefreshRecord,
    scopes: &[String],
    entropy: &mut dyn Entropy,
) -> Result<(Token, RefreshRecord), Fault> {
    let access = secret::<64>(entropy)?;
    let fresh = secret::<64>(entropy)?;
    // The selector stays, all else is new: 384 fresh bits.
    let kept = chain.token.expose().get(..Selector::LEN).unwrap_or_default();
    let new = fresh.expose().get(Selector::LEN..).unwrap_or_default();
    let next = RefreshRecord { token: Secret::new([kept, new].concat()), ..chain.clone() };
    let mut token =
        Token::bearer(access, whole_seconds(policy.short_access_ttl)).with_refresh_token(next.token.clone());
    token.scope = scope::named(scopes);
    Ok((token, next))
}
