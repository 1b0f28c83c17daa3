//! The UserInfo endpoint (OpenID Connect Core §5.3).

use device_authority::{AccessRecord, OPENID_SCOPE, StoreError};
use oidc_proto::oauth::{BearerError, UserInfo, bearer_token};
use oidc_proto::{Dialect, FaultCode};

use crate::authority;
use crate::reply::{ErrorName, Reply};
use crate::state::Context;

/// Returns the claims about the person who approved the sign-in of the request's access token.
pub(crate) async fn answer(context: &Context<'_>) -> Reply {
    match authorized(context).await {
        Ok(Ok(token)) => of(&token).map_or_else(refused, |claims| claims.encode().into()),
        Ok(Err(error)) => refused(error),
        Err(error) => Reply::fault(Dialect::OAuth, authority::unreachable(error)),
    }
}

/// Returns the record of a token that may ask.
async fn authorized(context: &Context<'_>) -> Result<Result<AccessRecord, BearerError>, StoreError> {
    let token = match bearer_token(&context.head.headers) {
        Ok(token) => context.state.real(token),
        Err(error) => return Ok(Err(error)),
    };
    let store = context.state.store();
    let known = context.state.stored(store.recognize_token(&token, context.now)).await?;
    Ok(known.map_err(|_| BearerError::InvalidToken))
}

/// Returns the claims that the token's scopes permit. Those of `profile` and `email` (§5.4) belong here.
fn of(token: &AccessRecord) -> Result<UserInfo, BearerError> {
    if !token.scope.iter().any(|scope| scope == OPENID_SCOPE) {
        return Err(BearerError::InsufficientScope(OPENID_SCOPE));
    }
    // A token of an earlier version does not tell whose it is.
    let approval = token.authentication.as_ref().ok_or(BearerError::InvalidToken)?;
    Ok(UserInfo::new(approval.subject.as_str()))
}

fn refused(error: BearerError) -> Reply {
    let code = error.code().map(|code| FaultCode::Other(code.to_owned()));
    Reply { response: error.encode(), error: code.map(ErrorName::of_authorization) }
}
