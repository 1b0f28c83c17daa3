//! A sign-in that follows a script.

use device_authority::{
    Entropy, Exchanged, Keys, Moment, NoEntropy, ServerPolicy, StoreError, UserCode, UserDecision,
};
use oidc_proto::{
    CreateTokenRequest, DeviceAuthorization, Fault, FaultCode, Grant, StartDeviceAuthorizationRequest,
};

use super::run::Run;
use super::{Answer, Step};
use crate::authority::exchange;
use crate::details::Found;
use crate::entropy::entropy;
use crate::simulated_person;
use crate::state::State;

/// The operating system's randomness, and the user code of the script.
struct WithUserCode(Option<UserCode>);

impl Entropy for WithUserCode {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        entropy(bytes)
    }

    fn user_code(&mut self) -> Option<UserCode> {
        self.0
    }
}

/// Issues codes to a device. Returns whether the script has its polls, too.
pub(crate) async fn start(
    state: &State,
    run: &Run,
    policy: &ServerPolicy,
    request: &StartDeviceAuthorizationRequest,
    now: Moment,
) -> Result<(Result<DeviceAuthorization, Fault>, bool), StoreError> {
    let id = &request.client.id;
    let mut keys = Keys::default();
    keys.client = Some(id);
    let client = Found::load(state, keys).await.client;
    let name = client.as_ref().or_else(|| policy.preconfigured_clients.get(id)).map(|client| &*client.name);
    let taken = run.take(id, name, request.start_url.as_deref());
    let Some(sign_in) = taken else {
        let store = state.store();
        let made = state.stored(store.start_device_authorization(policy, request, now, &mut entropy)).await?;
        return Ok((made, false));
    };
    let policy = sign_in.policy(policy);
    let mut source = WithUserCode(sign_in.chosen.user_code);
    let made = state.store().start_device_authorization(&policy, request, now, &mut source);
    let made = state.stored(made).await;
    match made {
        Ok(Ok(mut device)) => {
            let has_polls = run.started(sign_in, &mut device);
            Ok((Ok(device), has_polls))
        }
        other => {
            run.give_back(sign_in);
            other.map(|made| (made, false))
        }
    }
}

/// Performs CreateToken, with the server's own codes in place of the chosen ones.
pub(crate) async fn create_token(
    state: &State,
    run: &Run,
    policy: &ServerPolicy,
    request: &CreateTokenRequest,
    now: Moment,
) -> Result<Exchanged, StoreError> {
    let mut request = request.clone();
    run.real_grant(&mut request.grant);
    let Grant::DeviceCode { device_code, .. } = &request.grant else {
        return exchange(state, policy, &request, now, true).await;
    };
    let Some((step, policy)) = run.poll(device_code, policy) else {
        return exchange(state, policy, &request, now, true).await;
    };
    let answer = match step {
        Some(Step { answer, delay, .. }) => {
            // Without a delay a service in the process needs no runtime.
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            answer
        }
        None => None,
    };
    let decision = match answer {
        Some(Answer::Deny) => Some(UserDecision::Deny),
        Some(Answer::Expire) => Some(UserDecision::Expire),
        Some(Answer::Token) => Some(state.people.approval()),
        Some(Answer::Pending | Answer::SlowDown) | None => None,
    };
    if let Some(decision) = decision {
        decide(state, device_code, decision, now).await?;
    }
    // The script's person is the only one.
    let mut exchanged = exchange(state, &policy, &request, now, step.is_none()).await?;
    exchanged.reply = match (exchanged.reply, answer) {
        (Ok(mut token), _) => {
            run.exchanged(device_code, &mut token);
            Ok(token)
        }
        (Err(fault), Some(Answer::Pending)) if waits(&fault) => {
            Err(Fault::new(FaultCode::AuthorizationPending)
                .with_description("the script lets the device wait"))
        }
        (Err(fault), Some(Answer::SlowDown)) if waits(&fault) => {
            Err(Fault::new(FaultCode::SlowDown).with_description("the script slows the device down"))
        }
        (Err(fault), _) => Err(fault),
    };
    Ok(exchanged)
}

/// Returns whether the device is to go on. Any other error, such as that of a wrong client, stays.
fn waits(fault: &Fault) -> bool {
    matches!(fault.code, FaultCode::AuthorizationPending | FaultCode::SlowDown)
}

async fn decide(
    state: &State,
    device_code: &oidc_proto::Secret,
    decision: UserDecision,
    now: Moment,
) -> Result<(), StoreError> {
    let Some(selector) = device_authority::Selector::of(device_code) else { return Ok(()) };
    match state.stored(state.store().device(selector, now)).await? {
        Some(device) => simulated_person::decide(state, &device.user_code.to_string(), decision, now).await,
        None => Ok(()),
    }
}
