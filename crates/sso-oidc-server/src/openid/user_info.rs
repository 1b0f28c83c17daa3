//! The UserInfo endpoint (OpenID Connect Core §5.3).

use device_authority::{AccessRecord, OPENID_SCOPE, StoreError};
use oidc_proto::oauth::{BearerError, UserInfo, bearer_token};
use oidc_proto::{Dialect, FaultCode};

use crate::reply::{ErrorName, Reply};
use crate::state::Context;
use crate::{People, authority};

/// Returns the claims about the person who approved the sign-in of the request's access token.
pub(crate) async fn answer(context: &Context<'_>) -> Reply {
    match authorized(context).await {
        Ok(Ok(token)) => {
            of(&token, &context.state.people).map_or_else(refused, |claims| claims.encode().into())
        }
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

/// Returns the claims that the token's scopes permit (§5.4), as far as this server knows the person.
fn of(token: &AccessRecord, people: &People) -> Result<UserInfo, BearerError> {
    let may = |sought: &str| token.scope.iter().any(|scope| scope == sought);
    if !may(OPENID_SCOPE) {
        return Err(BearerError::InsufficientScope(OPENID_SCOPE));
    }
    // A token of an earlier version does not tell whose it is.
    let approval = token.authentication.as_ref().ok_or(BearerError::InvalidToken)?;
    let mut claims = UserInfo::new(approval.subject.as_str());
    if let Some(person) = people.get(&approval.subject) {
        claims.name = person.name().filter(|_| may("profile")).map(str::to_owned);
        claims.email = person.email().filter(|_| may("email")).map(str::to_owned);
    }
    Ok(claims)
}

fn refused(error: BearerError) -> Reply {
    let code = error.code().map(|code| FaultCode::Other(code.to_owned()));
    Reply { response: error.encode(), error: code.map(ErrorName::of_authorization) }
}
