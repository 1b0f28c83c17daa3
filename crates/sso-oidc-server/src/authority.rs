//! The service's operations in both dialects.

use core::pin::pin;
use core::sync::atomic::Ordering;
use core::time::Duration;

use device_authority::{Exchanged, Moment, ServerPolicy, StoreError, UserDecision, granted_registration};
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{HeaderMap, Response};
use oidc_proto::oauth::{self, Introspection, IntrospectionRequest, RevocationRequest};
use oidc_proto::{
    Body, CreateTokenRequest, DeviceAuthorization, Dialect, Fault, FaultCode, Grant, Operation,
    RegisterClientRequest, ServerRequest, StartDeviceAuthorizationRequest, Token, grant_type,
};

use crate::entropy::entropy;
use crate::openid::{id_token, keys};
use crate::reply::{self, Reply};
#[cfg(feature = "script")]
use crate::script::play;
use crate::state::{Context, State};
use crate::{Approval, simulated_person};

/// Returns the reply to an operation.
pub(crate) async fn answer(context: &Context<'_>, dialect: Dialect, operation: Operation) -> Reply {
    let answered = if dialect == Dialect::OAuth {
        let headers = &context.head.headers;
        oauth(context, operation).await.map_err(|fault| in_the_clients_way(fault, headers))
    } else {
        aws(context, operation).await.inspect_err(|error| {
            if error.fault.code == FaultCode::InvalidClient {
                advise_on_unknown_clients(context.state);
            }
        })
    };
    match answered {
        Ok(response) => response.into(),
        Err(ErrorResponse { fault, retry_after }) => {
            let mut reply = Reply::fault(dialect, fault);
            if let Some(wait) = retry_after {
                reply.response.headers_mut().insert(RETRY_AFTER, reply::retry_after(wait));
            }
            reply
        }
    }
}

/// Returns the reply of this dialect to a request that is refused before anything is done.
#[cfg(feature = "faults")]
pub(crate) fn refuse(context: &Context<'_>, dialect: Dialect, operation: Operation, fault: Fault) -> Reply {
    if dialect != Dialect::OAuth {
        return Reply::fault(dialect, fault);
    }
    // RFC 8628 §3.5: only a poll may get `slow_down`.
    let fault = if operation == Operation::CreateToken { fault } else { busy(fault) };
    Reply::fault(dialect, in_the_clients_way(fault.into(), &context.head.headers).fault)
}

/// An error response (RFC 6749 §5.2), with the delay after which the client may retry.
struct ErrorResponse {
    fault: Fault,
    retry_after: Option<Duration>,
}

impl From<Fault> for ErrorResponse {
    fn from(fault: Fault) -> Self {
        Self { fault, retry_after: None }
    }
}

/// Returns 400 to a client that sent no `Authorization` header, without a challenge. Clients read a challenge
/// as an order and ignore the error. RFC 6749 §5.2 requires 401 only after a header.
fn in_the_clients_way(mut error: ErrorResponse, headers: &HeaderMap) -> ErrorResponse {
    if error.fault.code == FaultCode::InvalidClient && !headers.contains_key(AUTHORIZATION) {
        error.fault = error.fault.with_status(400);
    }
    error
}

/// Advises the owner, once, of a tool with a registration that this server does not know. Some tools never
/// register again.
pub(crate) fn advise_on_unknown_clients(state: &State) {
    if !state.has_advised_on_unknown_clients.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            "unknown client; its tool may keep the registration of an earlier server for 90 days. sso-oidc serve \
             --registration-key FILE keeps registrations across restarts, --accept-unknown-clients accepts any"
        );
    }
}

async fn aws(context: &Context<'_>, operation: Operation) -> Result<Response<Body>, ErrorResponse> {
    let Context { state, now, .. } = *context;
    // Only this query distinguishes CreateTokenWithIAM from CreateToken.
    let mut pairs = context.head.uri.query().unwrap_or_default().split('&');
    if pairs.any(|pair| pair.split('=').next() == Some("aws_iam")) {
        return Err(reply::invalid("CreateTokenWithIAM is not supported by this server", 400).into());
    }
    let request = Dialect::Aws.decode_request(operation, context.body)?;
    let (policy, store) = (&state.policy, state.store());
    match request {
        ServerRequest::RegisterClient(request) => {
            let made = state.stored(store.register_client(policy, &request, now, &mut entropy)).await;
            let mut registration = made??;
            // A tool with these does not compute the real service's addresses from its region.
            if request.grant_types.iter().any(|grant| grant == grant_type::AUTHORIZATION_CODE) {
                let url = |path| Some(format!("{}{path}", state.hosts.public_url));
                registration.authorization_endpoint = url("/authorize");
                registration.token_endpoint = url("/token");
            }
            Ok(Dialect::Aws.encode_success::<RegisterClientRequest>(&registration))
        }
        ServerRequest::StartDeviceAuthorization(request) => {
            let device = start(state, policy, &request, now).await??;
            Ok(Dialect::Aws.encode_success::<StartDeviceAuthorizationRequest>(&device))
        }
        ServerRequest::CreateToken(mut request) => {
            // AWS documents that `scope` has no effect.
            request.scope.clear();
            let token = create_token(state, policy, &request, now).await??;
            Ok(Dialect::Aws.encode_success::<CreateTokenRequest>(&token))
        }
    }
}

async fn oauth(context: &Context<'_>, operation: Operation) -> Result<Response<Body>, ErrorResponse> {
    let Context { state, now, body, .. } = *context;
    let headers = &context.head.headers;
    let policy = &state.oauth_policy;
    if operation == Operation::RevokeToken {
        let mut request = RevocationRequest::decode_request(headers, body)?;
        request.token = state.real(request.token);
        state.stored(state.store().revoke_token(policy, &request, now)).await.map_err(in_oauth)??;
        // RFC 7009 §2.2: the status is the whole response.
        return Ok(Response::new(Body::new(Vec::new())));
    }
    if operation == Operation::IntrospectToken {
        return Box::pin(introspect(context)).await;
    }
    let request = Dialect::OAuth.decode_http_request(operation, headers, body)?;
    let store = state.store();
    match request {
        ServerRequest::RegisterClient(request) => {
            // The service may grant less than the client asked for.
            let mut request = granted_registration(&request);
            // OpenID Connect Dynamic Client Registration §3.2: a server may replace a value, and says so.
            request.id_token_signed_response_alg = Some(keys::ALGORITHM.to_owned());
            let made = state.stored(store.register_oauth_client(policy, &request, now, &mut entropy)).await;
            let registration = made.map_err(in_oauth)??;
            Ok(oauth::encode_registration(&registration, &request))
        }
        ServerRequest::StartDeviceAuthorization(request) => {
            let device = start(state, policy, &request, now).await.map_err(in_oauth)??;
            Ok(Dialect::OAuth.encode_success::<StartDeviceAuthorizationRequest>(&device))
        }
        ServerRequest::CreateToken(request) => {
            let token = create_token(state, policy, &request, now).await.map_err(in_oauth)??;
            Ok(Dialect::OAuth.encode_success::<CreateTokenRequest>(&token))
        }
    }
}

async fn introspect(context: &Context<'_>) -> Result<Response<Body>, ErrorResponse> {
    let Context { state, now, body, .. } = *context;
    let mut request = IntrospectionRequest::decode_request(&context.head.headers, body)?;
    request.token = state.real(request.token);
    let asked = state.store().introspect_token(&state.oauth_policy, &request, now);
    let mut known = state.stored(asked).await.map_err(in_oauth)??;
    if let Introspection::Active(token) = &mut known {
        token.issuer = Some(state.hosts.public_url.clone());
    }
    Ok(known.encode())
}

/// The operation was not performed, and the client may try again. The log has the reason, and the client not.
impl From<StoreError> for ErrorResponse {
    fn from(error: StoreError) -> Self {
        let retry_after = match error {
            StoreError::Full { room_after, .. } => Some(room_after),
            _ => {
                tracing::error!(%error, "an operation failed");
                None
            }
        };
        Self { fault: error.fault(), retry_after }
    }
}

/// Returns the error of a store for OAuth: nothing was done, and the client may try again.
fn in_oauth(error: StoreError) -> ErrorResponse {
    let ErrorResponse { fault, retry_after } = error.into();
    ErrorResponse { fault: unavailable(fault.description), retry_after }
}

/// Returns the fault of a request for which the store does not answer. The log has the reason.
pub(crate) fn unreachable(error: StoreError) -> Fault {
    in_oauth(error).fault
}

/// Translates the `slow_down` of an operation that is no poll for OAuth (RFC 8628 §3.5). All AWS operations have
/// it.
#[cfg(feature = "faults")]
fn busy(fault: Fault) -> Fault {
    if fault.code == FaultCode::SlowDown { unavailable(fault.description) } else { fault }
}

/// Returns the fault of a server that is busy, by the code of RFC 6749 §4.1.2.1.
fn unavailable(description: Option<String>) -> Fault {
    let mut fault = Fault::new(FaultCode::Other("temporarily_unavailable".to_owned())).with_status(503);
    fault.description = description;
    fault
}

async fn start(
    state: &State,
    policy: &ServerPolicy,
    request: &StartDeviceAuthorizationRequest,
    now: Moment,
) -> Result<Result<DeviceAuthorization, Fault>, StoreError> {
    let (made, is_scripted) = issue(state, policy, request, now).await?;
    let decision = match state.approval {
        Approval::Auto => Some(state.people.approval()),
        Approval::Deny => Some(UserDecision::Deny),
        Approval::Manual | Approval::AfterPolls(_) | Approval::Expire => None,
    };
    if let (Ok(device), Some(decision), false) = (&made, decision, is_scripted) {
        Box::pin(simulated_person::decide(state, &device.user_code, decision, now)).await?;
    }
    Ok(made)
}

/// Issues codes. Returns whether a script decides on the device.
async fn issue(
    state: &State,
    policy: &ServerPolicy,
    request: &StartDeviceAuthorizationRequest,
    now: Moment,
) -> Result<(Result<DeviceAuthorization, Fault>, bool), StoreError> {
    #[cfg(feature = "script")]
    if let Some(run) = state.script.used() {
        return Box::pin(play::start(state, run, policy, request, now)).await;
    }
    let store = state.store();
    let made = state.stored(store.start_device_authorization(policy, request, now, &mut entropy)).await?;
    Ok((made, false))
}

/// Performs CreateToken, with the ID token of a success.
async fn create_token(
    state: &State,
    policy: &ServerPolicy,
    request: &CreateTokenRequest,
    now: Moment,
) -> Result<Result<Token, Fault>, StoreError> {
    #[cfg(feature = "script")]
    if let Some(run) = state.script.used() {
        let exchanged = Box::pin(play::create_token(state, run, policy, request, now)).await?;
        return Ok(id_token::completed(state, exchanged, now));
    }
    let exchanged = exchange(state, policy, request, now, true).await?;
    Ok(id_token::completed(state, exchanged, now))
}

/// Exchanges a grant for a token, after the decision of a simulated person if there is one.
pub(crate) async fn exchange(
    state: &State,
    policy: &ServerPolicy,
    request: &CreateTokenRequest,
    now: Moment,
    has_person: bool,
) -> Result<Exchanged, StoreError> {
    if has_person && let Some((polls_before, decision)) = simulated_person::decision_after_polls(state) {
        let decided =
            simulated_person::decide_after_polls(state, &request.grant, polls_before, decision, now);
        Box::pin(decided).await?;
    }
    let exchanged =
        state.stored(pin!(state.store().create_token(policy, request, now, &mut entropy))).await?;
    if exchanged.ends_sign_in {
        warn_of_a_replay(&request.grant);
    } else if exchanged.is_repeated {
        tracing::warn!("device code reused in its grace; it brought the same tokens again");
    }
    Ok(exchanged)
}

/// Warns that a repeated code or token has ended a sign-in. Otherwise a client whose HTTP library repeats a lost
/// request sees only a revoked session.
fn warn_of_a_replay(grant: &Grant) {
    match grant {
        Grant::DeviceCode { .. } => tracing::warn!(
            "device code reused after its token was issued; its tokens end; the client may have retried a lost \
             request"
        ),
        Grant::AuthorizationCode { .. } => {
            tracing::warn!("authorization code reused after its token was issued; its tokens end");
        }
        _ => tracing::warn!("refresh token reused after its successor was issued; its sign-in ends"),
    }
}
