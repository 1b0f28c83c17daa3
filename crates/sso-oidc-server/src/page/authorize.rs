//! `/authorize`: the authorization request in the person's browser (RFC 6749 §4.1, RFC 7636, RFC 9207).
//!
//! A GET shows who asks and where the answer goes. Only a POST with the page's own token decides, except with a
//! simulated person. The form's token is bound to the whole query, so the page of one request cannot decide on
//! another. It also has the id of the form, which is for one decision. Pressed again, the form brings the same
//! answer again, as long as that is of use.
//!
//! The answer to the POST is a page that refreshes to the client, and no redirect. Chromium applies `form-action`
//! to every redirect after a form, also to those of the client. Our policy would block them, and cannot list
//! their targets.

use device_authority::{AuthorizationError, AuthorizationReview, StoreError, UserDecision};
use http::header::{LOCATION, SET_COOKIE};
use http::{HeaderValue, Method, StatusCode};
use oidc_proto::{AuthorizationRequest, AuthorizationResponse, FaultCode, Secret};

use super::{authorize_text as text, form, is_form, page, who};
use crate::authority::advise_on_unknown_clients;
use crate::entropy::entropy;
use crate::forms::FormId;
use crate::reply::{ErrorName, Reply};
use crate::state::Context;
use crate::{Approval, csrf};

/// Handles GET `/authorize`: returns the page for the decision, or redirects with the simulated person's.
pub(crate) async fn authorize(context: &Context<'_>) -> Reply {
    let Context { state, head, now, .. } = *context;
    let request = match AuthorizationRequest::decode(query(context)) {
        Ok(request) => request,
        Err(invalid) => {
            let refused = state.store().refuse_authorization(&state.policy, &invalid, now);
            let error = match state.stored(refused).await {
                Ok(error) => error,
                Err(error) => failed(&error),
            };
            let uri = invalid.redirect_uri.as_deref().unwrap_or_default();
            return redirect(context, uri, sent(context, uri, invalid.state.as_ref(), Err(error)));
        }
    };
    let decision = match state.approval {
        Approval::Manual => None,
        // Nothing polls here.
        Approval::Auto | Approval::AfterPolls(_) => Some(state.people.approval()),
        Approval::Deny => Some(UserDecision::Deny),
        Approval::Expire => Some(UserDecision::Expire),
    };
    // A HEAD asks about the page.
    match decision.filter(|_| head.method != Method::HEAD) {
        Some(decision) => {
            let store = state.store();
            let made =
                state.stored(store.authorize(&state.policy, &request, decision, now, &mut entropy)).await;
            let result = made.unwrap_or_else(|error| Err(failed(&error)));
            let sent = sent(context, &request.redirect_uri, request.state.as_ref(), result);
            redirect(context, &request.redirect_uri, sent)
        }
        None => {
            let review = state.stored(state.store().review_authorization(&state.policy, &request, now)).await;
            match review.unwrap_or_else(|error| Err(failed(&error))) {
                Ok(review) => confirm(context, &review),
                Err(error) => {
                    let uri = &request.redirect_uri;
                    redirect(context, uri, sent(context, uri, request.state.as_ref(), Err(error)))
                }
            }
        }
    }
}

/// Handles POST `/authorize`, the person's decision on the request of the query.
pub(crate) async fn decide_authorization(context: &Context<'_>) -> Reply {
    let Context { state, head, body, now, .. } = *context;
    if !is_form(&head.headers) {
        return page(StatusCode::UNSUPPORTED_MEDIA_TYPE, text::not_a_form()).into();
    }
    let query = query(context);
    // A valid token is for a valid query.
    let ours = own_form(context).zip(AuthorizationRequest::decode(query).ok());
    let Some((form, request)) = ours else {
        return page(StatusCode::FORBIDDEN, text::forged(query)).into();
    };
    let decision = match who::decision(&state.people, body) {
        Ok(decision) => decision,
        Err(why) => return page(StatusCode::BAD_REQUEST, text::undecided(why, query)).into(),
    };
    let code = state.csrf.as_ref().and_then(|key| key.code(&form));
    let Some(code) = code.filter(|_| !form.is_over(&state.policy, now)) else {
        return page(StatusCode::GONE, text::outdated(query)).into();
    };
    let made = state.store().authorize_form(&state.policy, &request, decision, &code, now);
    let made = state.stored(made).await;
    let result = made.unwrap_or_else(|error| Err(failed(&error)));
    if result == Err(AuthorizationError::Decided) {
        return page(StatusCode::GONE, text::decided(query)).into();
    }
    match sent(context, &request.redirect_uri, request.state.as_ref(), result) {
        Ok(Sent { url, error }) => {
            Reply { response: page(StatusCode::OK, text::sent(&url, error.as_ref())), error }
        }
        Err(reply) => reply,
    }
}

/// The response, on its way to the client.
struct Sent {
    url: String,
    error: Option<ErrorName>,
}

fn query<'a>(context: &Context<'a>) -> &'a str {
    context.head.uri.query().unwrap_or_default()
}

/// The id of the form, and the request that it is for.
fn subject(form: &FormId, query: &str) -> String {
    format!("{} {query}", form.as_str())
}

/// Returns the id of the form that this decision came from, if it is one of ours for this query.
fn own_form(context: &Context<'_>) -> Option<FormId> {
    let Context { state, head, body, .. } = *context;
    let token = form::field(body, "csrf")?;
    let (id, token) = token.split_once('.')?;
    let form = FormId::of(id)?;
    let subject = subject(&form, query(context));
    let is_ours = csrf::may_be_our_page(&state.hosts, &head.headers)
        && state.csrf.as_ref()?.is_ours(&csrf::AUTHORIZE, &head.headers, &subject, token);
    is_ours.then_some(form)
}

/// Returns the error for a client whose request the store has not taken. The log has the reason.
fn failed(error: &StoreError) -> AuthorizationError {
    if !matches!(error, StoreError::Full { .. }) {
        tracing::error!(%error, "an authorization request failed");
    }
    AuthorizationError::Redirect(error.authorization_fault())
}

/// Returns the response for the client, with our issuer; or the error page, if no registration confirms the
/// redirect URI.
fn sent(
    context: &Context<'_>,
    redirect_uri: &str,
    state: Option<&Secret>,
    result: Result<AuthorizationResponse, AuthorizationError>,
) -> Result<Sent, Reply> {
    let response = match result {
        Ok(response) => response,
        Err(AuthorizationError::Redirect(fault)) => {
            AuthorizationResponse::fault(fault).with_state(state.cloned())
        }
        Err(error) => return Err(refused(context, &error)),
    };
    let error = response.result.as_ref().err().map(|fault| fault.code.clone());
    let response = response.with_issuer(context.state.hosts.public_url.as_str());
    Ok(Sent { url: response.redirect(redirect_uri), error: error.map(ErrorName::of_authorization) })
}

/// Returns whether a confirmed redirect URI is an address of this machine.
fn is_loopback_redirect(uri: &str) -> bool {
    let uri = uri.parse::<http::Uri>();
    uri.is_ok_and(|uri| {
        uri.scheme_str() == Some("http") && uri.host().is_some_and(oidc_proto::is_loopback_host)
    })
}

/// Returns the redirect to the client. Before a person has decided, an error leads elsewhere only by a click.
/// Any program may register an address, so a link to this server would be an open redirect (RFC 9700
/// §4.11.2).
fn redirect(context: &Context<'_>, uri: &str, sent: Result<Sent, Reply>) -> Reply {
    let Sent { url, error } = match sent {
        Ok(sent) => sent,
        Err(reply) => return reply,
    };
    if context.state.approval == Approval::Manual && !is_loopback_redirect(uri) {
        return Reply { response: page(StatusCode::BAD_REQUEST, text::stopped(&url, error.as_ref())), error };
    }
    // A redirect URI of a registration has a URL's characters only.
    let Ok(location) = HeaderValue::from_str(&url) else {
        return page(StatusCode::INTERNAL_SERVER_ERROR, text::broken()).into();
    };
    let mut response = page(StatusCode::FOUND, text::sent(&url, error.as_ref()));
    response.headers_mut().insert(LOCATION, location);
    Reply { response, error }
}

/// Returns the error page of a request whose answer may go nowhere.
fn refused(context: &Context<'_>, error: &AuthorizationError) -> Reply {
    let code = match error {
        AuthorizationError::UnknownClient => {
            advise_on_unknown_clients(context.state);
            FaultCode::InvalidClient
        }
        AuthorizationError::UnknownRedirectUri => FaultCode::InvalidRedirectUri,
        _ => FaultCode::InvalidRequest,
    };
    let response = page(StatusCode::BAD_REQUEST, text::refused(error));
    Reply { response, error: Some(ErrorName::of_authorization(code)) }
}

/// Returns the page for the decision, with the token that the decision must carry.
fn confirm(context: &Context<'_>, review: &AuthorizationReview) -> Reply {
    let Context { state, head, now, .. } = *context;
    let query = query(context);
    let made = FormId::new(now).and_then(|id| {
        let key = state.csrf.as_ref()?;
        Some((key.form(&csrf::AUTHORIZE, &head.headers, &subject(&id, query))?, id))
    });
    let Some((form, id)) = made else {
        return page(StatusCode::INTERNAL_SERVER_ERROR, text::broken()).into();
    };
    let mut response = page(StatusCode::OK, text::confirm(review, query, &id, &form.token, &state.people));
    if let Some(cookie) = form.set_cookie(&state.hosts) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response.into()
}
