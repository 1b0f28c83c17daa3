//! The first token of a sign-in, and the token family that it starts.

use oidc_proto::{Fault, Token, grant_type};

use crate::entropy::{secret, secret_with_fingerprint};
use crate::moment::whole_seconds;
use crate::{Authentication, ClientRecord, Entropy, Moment, RefreshRecord, ServerPolicy, scope};

/// The approval that a sign-in begins with.
pub(crate) struct Approved<'a> {
    /// The requested scopes.
    pub(crate) scope: &'a [String],
    /// The portal. Only AWS's dialect has one.
    pub(crate) start_url: Option<&'a str>,
    pub(crate) authentication: Option<&'a Authentication>,
}

/// Issues the first token of a sign-in. With scopes it starts a token family, without scopes it does not, as
/// the real service.
///
/// The refresh token is drawn before the access token. A repeated response depends on it; see [`crate::FirstUse`].
pub(crate) fn first_token(
    policy: &ServerPolicy,
    client: &ClientRecord,
    approved: &Approved<'_>,
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Result<(Token, Option<RefreshRecord>), Fault> {
    let granted = scope::granted(client, approved.scope);
    let is_refreshable = !granted.is_empty() && client.may_use(grant_type::REFRESH_TOKEN);
    if !is_refreshable {
        let mut token = Token::bearer(secret::<64>(entropy)?, whole_seconds(policy.long_access_ttl));
        token.scope = scope::named(granted);
        return Ok((token, None));
    }
    let (refresh_token, fingerprint) = secret_with_fingerprint(entropy)?;
    let family = RefreshRecord {
        token: fingerprint,
        client_id: client.id.clone(),
        scope: approved.scope.to_vec(),
        start_url: approved.start_url.map(Into::into),
        used: None,
        authentication: approved.authentication.map(|approval| Box::new(*approval)),
        forget_at: now.after(policy.refresh_ttl),
    };
    let mut token = Token::bearer(secret::<64>(entropy)?, whole_seconds(policy.short_access_ttl))
        .with_refresh_token(refresh_token);
    token.scope = scope::named(granted);
    Ok((token, Some(family)))
}
