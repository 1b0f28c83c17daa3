//! The refresh token grant (RFC 6749 §6), with rotation (RFC 9700 §4.14.2).

use oidc_proto::{Fault, FaultCode, Secret, Token};

use crate::entropy::secret;
use crate::moment::whole_seconds;
use crate::{
    Change, ClientRecord, Decision, Entropy, Fingerprint, Moment, NoEntropy, RefreshRecord, Rotation, Seed,
    Selector, ServerPolicy, UsedToken, scope,
};

/// Issues a new access token and the next refresh token, for the family's valid token or for one in its grace
/// period.
///
/// Any other token with the family's selector was rotated out. Its earlier user was the client or an attacker,
/// which are indistinguishable, so the family ends.
pub(crate) fn rotate(
    policy: &ServerPolicy,
    client: &ClientRecord,
    family: Option<&RefreshRecord>,
    offered: &Secret,
    asked: &[String],
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Decision<Token> {
    let (Some(family), Some(selector)) = (family, Selector::of(offered)) else {
        return Decision::refuse(invalid_token());
    };
    if family.client_id != client.id || now >= family.forget_at {
        return Decision::refuse(invalid_token());
    }
    let used = graced(policy, family, now);
    let reused = used.filter(|used| used.token.matches(offered));
    let is_current = reused.is_none() && family.token.matches(offered);
    if !is_current && reused.is_none() {
        // Without rotation no token is ever rotated out, so any other token is invented.
        let ends = policy.rotation != Rotation::Reuse;
        return Decision::new(
            Err(invalid_token()),
            ends.then_some(Change::RevokeRefresh(selector)).into_iter().collect(),
        );
    }
    let scopes = match scope::narrowed(scope::granted(client, &family.scope), asked) {
        Ok(scopes) => scopes,
        Err(fault) => return Decision::refuse(fault),
    };
    // A family in its grace does not rotate further, whichever of its two tokens was offered.
    let stays = policy.rotation == Rotation::Reuse || used.is_some();
    let current = match reused {
        Some(used) => used.seed.successor(offered),
        None => offered.clone(),
    };
    let answered = if stays {
        repeat(policy, current, entropy)
    } else {
        advance(policy, family, &current, now, entropy)
    };
    match answered {
        Err(fault) => Decision::refuse(fault),
        Ok((mut token, next)) => {
            token.scope = scope::named(scopes);
            Decision::new(Ok(token), next.map(Change::PutRefresh).into_iter().collect())
        }
    }
}

/// Returns whether a refresh with this token of the family would bring tokens to the family's client.
pub(crate) fn is_valid(policy: &ServerPolicy, family: &RefreshRecord, offered: &Secret, now: Moment) -> bool {
    let is_used = graced(policy, family, now).is_some_and(|used| used.token.matches(offered));
    now < family.forget_at && (is_used || family.token.matches(offered))
}

/// Returns the recently used token, if it is in its grace period. Meanwhile the family does not rotate
/// further. So only one old token must be remembered, and every token that was valid a moment ago still is. A
/// clock that stepped back revokes nothing.
fn graced<'a>(policy: &ServerPolicy, family: &'a RefreshRecord, now: Moment) -> Option<&'a UsedToken> {
    let used = family.used.as_deref().filter(|_| policy.rotation == Rotation::Grace)?;
    (now < used.at.after(policy.rotation_grace)).then_some(used)
}

/// Answers with a new access token and the refresh token that is valid already.
fn repeat(
    policy: &ServerPolicy,
    current: Secret,
    entropy: &mut dyn Entropy,
) -> Result<(Token, Option<RefreshRecord>), Fault> {
    let token = Token::bearer(secret::<64>(entropy)?, whole_seconds(policy.short_access_ttl));
    Ok((token.with_refresh_token(current), None))
}

/// Answers with a new access token and a new refresh token.
fn advance(
    policy: &ServerPolicy,
    family: &RefreshRecord,
    current: &Secret,
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Result<(Token, Option<RefreshRecord>), Fault> {
    let token = Token::bearer(secret::<64>(entropy)?, whole_seconds(policy.short_access_ttl));
    let seed = Seed::random(entropy)?;
    let successor = seed.successor(current);
    let used = (policy.rotation == Rotation::Grace)
        .then(|| Box::new(UsedToken { token: family.token, seed, at: now }));
    let next = RefreshRecord {
        token: Fingerprint::of(&successor).ok_or(NoEntropy)?,
        client_id: family.client_id.clone(),
        scope: family.scope.clone(),
        start_url: family.start_url.clone(),
        used,
        authentication: family.authentication.clone(),
        forget_at: family.forget_at,
    };
    Ok((token.with_refresh_token(successor), Some(next)))
}

/// Returns the error for every refresh token that is unknown, spent, or another client's, with the real
/// service's text.
fn invalid_token() -> Fault {
    Fault::new(FaultCode::InvalidGrant).with_description("Invalid refresh token provided")
}
