//! The simulated person, who decides in the place of a real one.

use device_authority::{AuthorizationStatus, GrantKey, Moment, StoreError, UserDecision};
use oidc_proto::Grant;

use crate::Approval;
use crate::state::State;

/// Returns the decision of the simulated person that depends on the number of polls, and that number.
pub(crate) const fn decision_after_polls(state: &State) -> Option<(u32, UserDecision)> {
    match state.approval {
        Approval::AfterPolls(polls) => Some((polls, state.people.approval())),
        Approval::Expire => Some((1, UserDecision::Expire)),
        Approval::Manual | Approval::Auto | Approval::Deny => None,
    }
}

/// Lets the simulated person decide after this number of polls.
pub(crate) async fn decide_after_polls(
    state: &State,
    grant: &Grant,
    polls_before: u32,
    decision: UserDecision,
    now: Moment,
) -> Result<(), StoreError> {
    let GrantKey::Device(selector) = GrantKey::of(grant) else { return Ok(()) };
    let device = state.stored(state.store().device(selector, now)).await?;
    let waits = device.filter(|device| {
        device.state.status == AuthorizationStatus::Pending && device.state.polls >= polls_before
    });
    match waits {
        Some(device) => decide(state, &device.user_code.to_string(), decision, now).await,
        None => Ok(()),
    }
}

/// Decides a device in the place of a person.
pub(crate) async fn decide(
    state: &State,
    user_code: &str,
    decision: UserDecision,
    now: Moment,
) -> Result<(), StoreError> {
    // The inner error: a real person was faster, or the code has expired. Neither needs another decision.
    state.stored(state.store().decide(&state.policy, None, user_code, decision, now)).await.map(drop)
}
