//! The service's three operations, and the simulated person.

use device_authority::{GrantKey, Memory, Moment, Standing, Verdict};
use http::Response;
use oidc_proto::{
    Body, CreateTokenRequest, Dialect, Fault, FaultCode, Grant, Operation, RegisterClientRequest,
    ServerRequest, StartDeviceAuthorizationRequest,
};

use crate::Approval;
use crate::shared::{Shared, entropy};

/// The answer to an operation with this query and body.
pub(crate) fn answer(
    shared: &Shared,
    operation: Operation,
    query: Option<&str>,
    body: &[u8],
) -> Response<Body> {
    match decide(shared, operation, query, body) {
        Ok(response) => response,
        Err(fault) => Dialect::Aws.encode_fault(&fault),
    }
}

fn decide(
    shared: &Shared,
    operation: Operation,
    query: Option<&str>,
    body: &[u8],
) -> Result<Response<Body>, Fault> {
    // CreateTokenWithIAM differs from CreateToken by this query alone.
    if query.is_some_and(|query| query.split('&').any(|pair| pair.split('=').next() == Some("aws_iam"))) {
        return Err(Fault::new(FaultCode::InvalidRequest)
            .with_description("CreateTokenWithIAM is not supported by this server"));
    }
    let request = Dialect::Aws.decode_request(operation, body)?;
    let now = shared.now();
    let mut store = shared.store();
    let policy = &shared.policy;
    match request {
        ServerRequest::RegisterClient(request) => {
            let registration = store.register_client(policy, &request, now, &mut entropy)?;
            Ok(Dialect::Aws.encode_success::<RegisterClientRequest>(&registration))
        }
        ServerRequest::StartDeviceAuthorization(request) => {
            let device = store.start_device_authorization(policy, &request, now, &mut entropy)?;
            let verdict = match shared.approval {
                Approval::Auto => Some(Verdict::Approve),
                Approval::Deny => Some(Verdict::Deny),
                Approval::Manual | Approval::AfterPolls(_) | Approval::Expire => None,
            };
            if let Some(verdict) = verdict {
                simulate(shared, &mut store, &device.user_code, verdict, now);
            }
            Ok(Dialect::Aws.encode_success::<StartDeviceAuthorizationRequest>(&device))
        }
        ServerRequest::CreateToken(request) => {
            person_who_watches_polls(shared, &mut store, &request.grant, now);
            let token = store.create_token(policy, &request, now, &mut entropy)?;
            Ok(Dialect::Aws.encode_success::<CreateTokenRequest>(&token))
        }
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
