//! The service's operations in both dialects, and the simulated person.

use core::sync::atomic::Ordering;
use core::time::Duration;

use device_authority::{
    AuthorizationStatus, CodeStatus, GrantKey, Issued, Memory, Moment, ServerPolicy, UserDecision,
};
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{HeaderMap, Response};
use oidc_proto::oauth::{self, RevocationRequest};
use oidc_proto::{
    Body, CreateTokenRequest, DeviceAuthorization, Dialect, Fault, FaultCode, Grant, Operation,
    RegisterClientRequest, ServerRequest, StartDeviceAuthorizationRequest, Token, grant_type,
};

use crate::Approval;
use crate::entropy::entropy;
use crate::reply::{self, Reply};
use crate::state::{Context, State};

/// Returns the reply to an operation.
pub(crate) fn answer(context: &Context<'_>, dialect: Dialect, operation: Operation) -> Reply {
    let answered = if dialect == Dialect::OAuth {
        let headers = &context.head.headers;
        oauth(context, operation).map_err(|fault| in_the_clients_way(fault, headers))
    } else {
        aws(context, operation).inspect_err(|error| {
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

fn aws(context: &Context<'_>, operation: Operation) -> Result<Response<Body>, ErrorResponse> {
    let Context { state, now, .. } = *context;
    // Only this query distinguishes CreateTokenWithIAM from CreateToken.
    let mut pairs = context.head.uri.query().unwrap_or_default().split('&');
    if pairs.any(|pair| pair.split('=').next() == Some("aws_iam")) {
        let fault = Fault::new(FaultCode::InvalidRequest)
            .with_description("CreateTokenWithIAM is not supported by this server");
        return Err(fault.into());
    }
    let request = Dialect::Aws.decode_request(operation, context.body)?;
    let (policy, mut store) = (&state.policy, state.store());
    match request {
        ServerRequest::RegisterClient(request) => {
            let made = store.register_client(policy, &request, now, &mut entropy);
            let mut registration = made.map_err(|fault| with_retry_after(fault, &store, now))?;
            // A tool with these does not compute the real service's addresses from its region.
            if request.grant_types.iter().any(|grant| grant == grant_type::AUTHORIZATION_CODE) {
                let url = |path| Some(format!("{}{path}", state.hosts.public_url));
                registration.authorization_endpoint = url("/authorize");
                registration.token_endpoint = url("/token");
            }
            Ok(Dialect::Aws.encode_success::<RegisterClientRequest>(&registration))
        }
        ServerRequest::StartDeviceAuthorization(request) => {
            let made = start(state, policy, &mut store, &request, now);
            let device = made.map_err(|fault| with_retry_after(fault, &store, now))?;
            Ok(Dialect::Aws.encode_success::<StartDeviceAuthorizationRequest>(&device))
        }
        ServerRequest::CreateToken(mut request) => {
            // AWS documents that `scope` has no effect.
            request.scope.clear();
            let token = create_token(state, policy, &mut store, &request, now)?;
            Ok(Dialect::Aws.encode_success::<CreateTokenRequest>(&token))
        }
    }
}

fn oauth(context: &Context<'_>, operation: Operation) -> Result<Response<Body>, ErrorResponse> {
    let Context { state, now, body, .. } = *context;
    let headers = &context.head.headers;
    let policy = &state.oauth_policy;
    if operation == Operation::RevokeToken {
        let request = RevocationRequest::decode_request(headers, body)?;
        state.store().revoke_token(policy, &request, now)?;
        // RFC 7009 §2.2: the status is the whole response.
        return Ok(Response::new(Body::new(Vec::new())));
    }
    let request = Dialect::OAuth.decode_http_request(operation, headers, body)?;
    let mut store = state.store();
    match request {
        ServerRequest::RegisterClient(mut request) => {
            let made = store.register_oauth_client(policy, &request, now, &mut entropy);
            let registration = made.map_err(|fault| with_retry_after(busy(fault), &store, now))?;
            // The service may grant fewer scopes than the client asked for.
            if let Some(record) = store.client(&registration.client.id) {
                request.grant_types.clone_from(&record.grant_types);
                request.redirect_uris.clone_from(&record.redirect_uris);
            }
            Ok(oauth::encode_registration(&registration, &request))
        }
        ServerRequest::StartDeviceAuthorization(request) => {
            let made = start(state, policy, &mut store, &request, now);
            let device = made.map_err(|fault| with_retry_after(busy(fault), &store, now))?;
            Ok(Dialect::OAuth.encode_success::<StartDeviceAuthorizationRequest>(&device))
        }
        ServerRequest::CreateToken(request) => {
            let token = create_token(state, policy, &mut store, &request, now)?;
            Ok(Dialect::OAuth.encode_success::<CreateTokenRequest>(&token))
        }
    }
}

/// Adds the time until a place is free to the error of a full store. Other errors get none.
fn with_retry_after(fault: Fault, store: &Memory, now: Moment) -> ErrorResponse {
    let is_full = matches!(&fault.code, FaultCode::SlowDown) || fault.code.error() == BUSY;
    ErrorResponse { retry_after: is_full.then(|| store.room_after(now)), fault }
}

/// The error code of RFC 6749 §4.1.2.1.
const BUSY: &str = "temporarily_unavailable";

/// Translates the `slow_down` of a full store for OAuth, where only a poll may get it (RFC 8628 §3.5). All
/// AWS operations have it.
fn busy(fault: Fault) -> Fault {
    if fault.code != FaultCode::SlowDown {
        return fault;
    }
    let busy = Fault::new(FaultCode::Other(BUSY.to_owned())).with_status(503);
    match fault.description {
        Some(why) => busy.with_description(why),
        None => busy,
    }
}

fn start(
    state: &State,
    policy: &ServerPolicy,
    store: &mut Memory,
    request: &StartDeviceAuthorizationRequest,
    now: Moment,
) -> Result<DeviceAuthorization, Fault> {
    let device = store.start_device_authorization(policy, request, now, &mut entropy)?;
    let decision = match state.approval {
        Approval::Auto => Some(UserDecision::Approve),
        Approval::Deny => Some(UserDecision::Deny),
        Approval::Manual | Approval::AfterPolls(_) | Approval::Expire => None,
    };
    if let Some(decision) = decision {
        simulate(state, store, &device.user_code, decision, now);
    }
    Ok(device)
}

fn create_token(
    state: &State,
    policy: &ServerPolicy,
    store: &mut Memory,
    request: &CreateTokenRequest,
    now: Moment,
) -> Result<Token, Fault> {
    simulated_person(state, store, &request.grant, now);
    let live = issued_for_a_code(store, &request.grant).filter(|issued| store.holds(*issued));
    let made = store.create_token(policy, request, now, &mut entropy);
    if live.is_some_and(|issued| !store.holds(issued)) {
        tracing::warn!("authorization code reused after its token was issued; its tokens end");
    }
    if let Err(fault) = &made
        && fault.code == FaultCode::InvalidGrant
    {
        warn_of_a_replay(store, request);
    }
    made
}

/// Returns the tokens of a redeemed authorization code.
fn issued_for_a_code(store: &Memory, grant: &Grant) -> Option<Issued> {
    let GrantKey::Code(selector) = GrantKey::of(grant) else { return None };
    match store.code(selector)?.status {
        CodeStatus::Redeemed(issued) => issued,
        _ => None,
    }
}

/// Warns that a repeated device code has revoked its tokens. Otherwise a client whose HTTP library repeats a
/// lost request sees only a revoked session.
fn warn_of_a_replay(store: &Memory, request: &CreateTokenRequest) {
    let (Grant::DeviceCode { device_code, .. }, GrantKey::Device(selector)) =
        (&request.grant, GrantKey::of(&request.grant))
    else {
        return;
    };
    let Some(device) = store.device(selector) else { return };
    let AuthorizationStatus::Redeemed(issued) = device.state.status else { return };
    if device.device_code == *device_code && device.client_id == request.client.id {
        let tokens_end = issued.is_some_and(|issued| !store.holds(issued));
        tracing::warn!(
            tokens_end,
            "device code reused after its token was issued; the client may have retried a lost request"
        );
    }
}

/// Lets the simulated person decide, if the decision depends on the number of polls.
fn simulated_person(state: &State, store: &mut Memory, grant: &Grant, now: Moment) {
    let (polls_before, decision) = match state.approval {
        Approval::AfterPolls(polls) => (polls, UserDecision::Approve),
        Approval::Expire => (1, UserDecision::Expire),
        Approval::Manual | Approval::Auto | Approval::Deny => return,
    };
    let GrantKey::Device(selector) = GrantKey::of(grant) else { return };
    let code = store
        .device(selector)
        .filter(|device| {
            device.state.status == AuthorizationStatus::Pending && device.state.polls >= polls_before
        })
        .map(|device| device.user_code.to_string());
    if let Some(code) = code {
        simulate(state, store, &code, decision, now);
    }
}

fn simulate(state: &State, store: &mut Memory, user_code: &str, decision: UserDecision, now: Moment) {
    // Fails if a real person was faster or the code has expired. Neither needs another decision.
    let _ = store.decide(&state.policy, None, user_code, decision, now);
}
