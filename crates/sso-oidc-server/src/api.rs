//! The service's operations in both dialects, and the simulated person.

use core::sync::atomic::Ordering;

use device_authority::{GrantKey, Memory, Moment, ServerPolicy, Standing, Verdict};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, Response};
use oidc_proto::oauth::{self, RevocationRequest};
use oidc_proto::{
    Body, CreateTokenRequest, DeviceAuthorization, Dialect, Fault, FaultCode, Grant, Operation,
    RegisterClientRequest, ServerRequest, StartDeviceAuthorizationRequest, Token,
};

use crate::Approval;
use crate::shared::{Shared, entropy};

/// An answer, and the fault that it says, for the log: not every dialect has a header for it.
pub(crate) struct Reply {
    pub(crate) response: Response<Body>,
    pub(crate) fault: Option<Said>,
}

/// A fault as its dialect calls it.
pub(crate) struct Said(Dialect, FaultCode);

impl Said {
    pub(crate) fn name(&self) -> &str {
        let Self(dialect, code) = self;
        if *dialect == Dialect::OAuth { code.error() } else { code.exception() }
    }
}

impl From<Response<Body>> for Reply {
    fn from(response: Response<Body>) -> Self {
        Self { response, fault: None }
    }
}

/// The answer that says a fault.
pub(crate) fn refusal(dialect: Dialect, fault: Fault) -> Reply {
    Reply { response: dialect.encode_fault(&fault), fault: Some(Said(dialect, fault.code)) }
}

/// The answer to an operation with this head and body.
pub(crate) fn answer(
    shared: &Shared,
    dialect: Dialect,
    operation: Operation,
    head: &Parts,
    body: &[u8],
    now: Moment,
) -> Reply {
    let answered = if dialect == Dialect::OAuth {
        oauth(shared, operation, &head.headers, body, now)
            .map_err(|fault| in_the_clients_way(fault, &head.headers))
    } else {
        aws(shared, operation, head.uri.query(), body, now)
            .inspect_err(|fault| tell_of_unknown_clients(shared, fault))
    };
    answered.map_or_else(|fault| refusal(dialect, fault), Reply::from)
}

/// A client that showed nothing in the header is refused like any other bad request, without a scheme to try next: clients
/// take that for an order, and do not read what is wrong (RFC 6749 §5.2 wants a 401 only for those that used the header).
fn in_the_clients_way(fault: Fault, headers: &HeaderMap) -> Fault {
    if fault.code == FaultCode::InvalidClient && !headers.contains_key(AUTHORIZATION) {
        return fault.with_status(400);
    }
    fault
}

/// Says once what helps a tool whose registration this server has forgotten: some never register anew by themselves.
fn tell_of_unknown_clients(shared: &Shared, fault: &Fault) {
    if fault.code == FaultCode::InvalidClient
        && !shared.has_told_of_unknown_clients.swap(true, Ordering::Relaxed)
    {
        tracing::warn!(
            "a client is not known here; its tool may keep a registration of an earlier server for 90 days. sso-oidc \
             serve --registration-key FILE keeps registrations good across restarts, --accept-unknown-clients takes any"
        );
    }
}

fn aws(
    shared: &Shared,
    operation: Operation,
    query: Option<&str>,
    body: &[u8],
    now: Moment,
) -> Result<Response<Body>, Fault> {
    // CreateTokenWithIAM differs from CreateToken by this query alone.
    if query.is_some_and(|query| query.split('&').any(|pair| pair.split('=').next() == Some("aws_iam"))) {
        return Err(Fault::new(FaultCode::InvalidRequest)
            .with_description("CreateTokenWithIAM is not supported by this server"));
    }
    let request = Dialect::Aws.decode_request(operation, body)?;
    let mut store = shared.store();
    match request {
        ServerRequest::RegisterClient(request) => {
            let registration = store.register_client(&shared.policy, &request, now, &mut entropy)?;
            Ok(Dialect::Aws.encode_success::<RegisterClientRequest>(&registration))
        }
        ServerRequest::StartDeviceAuthorization(request) => {
            let device = start(shared, &shared.policy, &mut store, &request, now)?;
            Ok(Dialect::Aws.encode_success::<StartDeviceAuthorizationRequest>(&device))
        }
        ServerRequest::CreateToken(mut request) => {
            // AWS documents it as without effect.
            request.scope.clear();
            let token = create_token(shared, &shared.policy, &mut store, &request, now)?;
            Ok(Dialect::Aws.encode_success::<CreateTokenRequest>(&token))
        }
    }
}

fn oauth(
    shared: &Shared,
    operation: Operation,
    headers: &HeaderMap,
    body: &[u8],
    now: Moment,
) -> Result<Response<Body>, Fault> {
    if operation == Operation::RevokeToken {
        let request = RevocationRequest::decode_request(headers, body)?;
        shared.store().revoke_token(&shared.oauth_policy, &request, now)?;
        // RFC 7009 §2.2: the status says it all.
        return Ok(Response::new(Body::new(Vec::new())));
    }
    let request = Dialect::OAuth.decode_http_request(operation, headers, body)?;
    let mut store = shared.store();
    match request {
        ServerRequest::RegisterClient(mut request) => {
            let policy = &shared.oauth_policy;
            let registration =
                store.register_oauth_client(policy, &request, now, &mut entropy).map_err(no_room)?;
            // What was registered may be less than was asked for.
            if let Some(record) = store.client(&registration.client.id) {
                request.grant_types.clone_from(&record.grant_types);
                request.redirect_uris.clone_from(&record.redirect_uris);
            }
            Ok(oauth::encode_registration(&registration, &request))
        }
        ServerRequest::StartDeviceAuthorization(request) => {
            let device = start(shared, &shared.oauth_policy, &mut store, &request, now).map_err(no_room)?;
            Ok(Dialect::OAuth.encode_success::<StartDeviceAuthorizationRequest>(&device))
        }
        ServerRequest::CreateToken(request) => {
            let token = create_token(shared, &shared.oauth_policy, &mut store, &request, now)?;
            Ok(Dialect::OAuth.encode_success::<CreateTokenRequest>(&token))
        }
    }
}

/// A full store says `slow_down`, which AWS's operations all have. Elsewhere only a poll can be told so (RFC 8628 §3.5).
fn no_room(fault: Fault) -> Fault {
    if fault.code != FaultCode::SlowDown {
        return fault;
    }
    let busy = Fault::new(FaultCode::Other("temporarily_unavailable".to_owned())).with_status(503);
    match fault.description {
        Some(why) => busy.with_description(why),
        None => busy,
    }
}

fn start(
    shared: &Shared,
    policy: &ServerPolicy,
    store: &mut Memory,
    request: &StartDeviceAuthorizationRequest,
    now: Moment,
) -> Result<DeviceAuthorization, Fault> {
    let device = store.start_device_authorization(policy, request, now, &mut entropy)?;
    let verdict = match shared.approval {
        Approval::Auto => Some(Verdict::Approve),
        Approval::Deny => Some(Verdict::Deny),
        Approval::Manual | Approval::AfterPolls(_) | Approval::Expire => None,
    };
    if let Some(verdict) = verdict {
        simulate(shared, store, &device.user_code, verdict, now);
    }
    Ok(device)
}

fn create_token(
    shared: &Shared,
    policy: &ServerPolicy,
    store: &mut Memory,
    request: &CreateTokenRequest,
    now: Moment,
) -> Result<Token, Fault> {
    person_who_watches_polls(shared, store, &request.grant, now);
    let made = store.create_token(policy, request, now, &mut entropy);
    if let Err(fault) = &made
        && fault.code == FaultCode::InvalidGrant
    {
        tell_of_a_replay(store, request);
    }
    made
}

/// A device code that comes again ends what came of it. A client whose HTTP library repeats a lost request sees no more
/// than that its refresh token is dead, so the log says why.
fn tell_of_a_replay(store: &Memory, request: &CreateTokenRequest) {
    let (Grant::DeviceCode { device_code, .. }, GrantKey::Device(selector)) =
        (&request.grant, GrantKey::of(&request.grant))
    else {
        return;
    };
    let Some(device) = store.device(selector) else { return };
    let Standing::Collected(chain) = device.state.standing else { return };
    if device.device_code == *device_code && device.client_id == request.client.id {
        let refresh_tokens_end = chain.is_some_and(|chain| store.chain(chain).is_none());
        tracing::warn!(
            refresh_tokens_end,
            "a device code came again after its token had been collected; a client that repeats a lost request does so"
        );
    }
}

/// The simulated person who decides by how often the device has polled.
fn person_who_watches_polls(shared: &Shared, store: &mut Memory, grant: &Grant, now: Moment) {
    let (patience, verdict) = match shared.approval {
        Approval::AfterPolls(polls) => (polls, Verdict::Approve),
        Approval::Expire => (1, Verdict::Lapse),
        Approval::Manual | Approval::Auto | Approval::Deny => return,
    };
    let GrantKey::Device(selector) = GrantKey::of(grant) else { return };
    let code = store
        .device(selector)
        .filter(|device| device.state.standing == Standing::Pending && device.state.polls >= patience)
        .map(|device| device.user_code.to_string());
    if let Some(code) = code {
        simulate(shared, store, &code, verdict, now);
    }
}

fn simulate(shared: &Shared, store: &mut Memory, user_code: &str, verdict: Verdict, now: Moment) {
    // It fails if a real person was faster or the code has expired; then there is nothing left to decide.
    let _ = store.decide(&shared.policy, None, user_code, verdict, now);
}
