//! The refresh token grant (RFC 6749 §6), with rotation (RFC 9700 §4.14.2).

use oidc_proto::{Fault, FaultCode, Secret, Token};

use crate::entropy::secret;
use crate::moment::whole_seconds;
use crate::{
    Change, ClientRecord, Decision, Entropy, Moment, RefreshRecord, Rotation, Selector, ServerPolicy,
    UsedToken, scope,
};

/// A new access token, for the chain's one valid token or for one that may still pass for it, and the token to use next.
///
/// A token that has the chain's selector and is none of these was rotated out: either the client or a thief has used it
/// before. Which one cannot be told, so the chain ends.
pub(crate) fn rotate(
    policy: &ServerPolicy,
    client: &ClientRecord,
    chain: Option<&RefreshRecord>,
    offered: &Secret,
    asked: &[String],
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Decision<Token> {
    let (Some(chain), Some(selector)) = (chain, Selector::of(offered)) else {
        return Decision::refuse(invalid_token());
    };
    if chain.client_id != client.registration.client.id || now >= chain.forget_at {
        return Decision::refuse(invalid_token());
    }
    let used = graced(policy, chain, now);
    if chain.token != *offered && used.is_none_or(|used| used.token != *offered) {
        // Where tokens are not rotated, an old one is a made-up one.
        let ends = policy.rotation != Rotation::Reuse;
        return Decision::new(
            Err(invalid_token()),
            ends.then_some(Change::RevokeRefresh(selector)).into_iter().collect(),
        );
    }
    let scopes = match scope::narrowed(scope::granted(client, &chain.scope), asked) {
        Ok(scopes) => scopes,
        Err(fault) => return Decision::refuse(fault),
    };
    let stays = policy.rotation == Rotation::Reuse || used.is_some();
    match answer(policy, chain, stays, now, entropy) {
        Err(fault) => Decision::refuse(fault),
        Ok((mut token, next)) => {
            token.scope = scope::named(scopes);
            Decision::new(Ok(token), next.map(Change::PutRefresh).into_iter().collect())
        }
    }
}

/// The token that was used lately, if it may pass. While it may, the chain does not move on: so one token is all that has
/// to be remembered, and every token that was good a moment ago is good now. A clock that has stepped back takes nothing
/// away.
fn graced<'a>(policy: &ServerPolicy, chain: &'a RefreshRecord, now: Moment) -> Option<&'a UsedToken> {
    let used = chain.used.as_deref().filter(|_| policy.rotation == Rotation::Grace)?;
    (now < used.at.after(policy.rotation_grace)).then_some(used)
}

/// A fresh access token, with the refresh token to use next, and the chain as it is then, if that is another one.
fn answer(
    policy: &ServerPolicy,
    chain: &RefreshRecord,
    stays: bool,
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Result<(Token, Option<RefreshRecord>), Fault> {
    let token = Token::bearer(secret::<64>(entropy)?, whole_seconds(policy.short_access_ttl));
    if stays {
        return Ok((token.with_refresh_token(chain.token.clone()), None));
    }
    let fresh = secret::<64>(entropy)?;
    // The selector stays, all else is new: 384 fresh bits.
    let kept = chain.token.expose().get(..Selector::LEN).unwrap_or_default();
    let new = fresh.expose().get(Selector::LEN..).unwrap_or_default();
    let used = (policy.rotation == Rotation::Grace)
        .then(|| Box::new(UsedToken { token: chain.token.clone(), at: now }));
    let next = RefreshRecord {
        token: Secret::new([kept, new].concat()),
        client_id: chain.client_id.clone(),
        scope: chain.scope.clone(),
        used,
        forget_at: chain.forget_at,
    };
    Ok((token.with_refresh_token(next.token.clone()), Some(next)))
}

/// The one answer to every refresh token that is unknown, spent, or another client's, with the real service's text.
fn invalid_token() -> Fault {
    Fault::new(FaultCode::InvalidGrant).with_description("Invalid refresh token provided")
}
