//! A pending flow that goes on in another process (feature `serde`).

use core::fmt;
use core::time::Duration;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use oidc_proto::Service;
use serde::{Deserialize, Serialize};

use crate::proof::Proof;
use crate::{DeviceFlow, Policy, Tick};
use form::{Figures, FlowForm, Form, StateForm};

mod form;

/// A flow that waits, to be stored and to go on later, in this process or another: `serde` writes and reads it, in any
/// self-describing format such as JSON.
///
/// **What `serde` writes holds secrets in the clear**: the device code, which is worth a token once the person has
/// approved, and the client's secret. Store it as you would store a password: readable by its owner alone, and gone
/// when the flow has ended. `Debug` shows neither.
///
/// What goes on as if nothing had happened: the floor between two polls and what `slow_down` added to it, the code's
/// deadline, backoff, whether a lost reply may have spent the code, the registration and whether it may be replaced
/// once more. A request that was under way counts as abandoned, because its answer went to the earlier process.
///
/// Resume a saved flow once. Two flows that poll with one device code are together faster than the service allows.
///
/// ```
/// use core::time::Duration;
/// use std::time::UNIX_EPOCH;
/// use device_flow::{Action, DeviceFlow, Policy, SavedFlow, Tick};
/// use oidc_proto::Endpoint;
///
/// let service = Endpoint::for_region("eu-west-1")?;
/// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
/// let mut flow = DeviceFlow::new(service.clone(), policy.clone(), None, Tick::ZERO);
/// # let Action::Send(..) = flow.poll(Tick::ZERO) else { panic!() };
/// let wall = UNIX_EPOCH + Duration::from_secs(1_800_000_000); // SystemTime::now() in a real program
/// let saved = flow.save(Tick::since_origin(Duration::from_secs(7)), wall).expect("it has not ended");
/// let text = serde_json::to_string(&saved)?;
///
/// // Ten seconds later, in another process, whose own clock has just begun:
/// let saved: SavedFlow = serde_json::from_str(&text)?;
/// let mut flow = saved.resume(service, policy, Tick::ZERO, wall + Duration::from_secs(10))?;
/// // The request that was under way is asked again after a pause.
/// assert!(matches!(flow.poll(Tick::ZERO), Action::Wait(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SavedFlow(Form);

/// Why a saved flow cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// It was written in a form that this version of the crate does not know.
    #[error("the saved sign-in was written by another version of this program")]
    UnknownVersion,
    /// It is another service than the one that the flow was started at, which must not see its secrets.
    #[error("the saved sign-in is for another service: {}", oidc_proto::printable(saved))]
    #[non_exhaustive]
    OtherService {
        /// The [identity](Service::identity) of the flow's service.
        saved: String,
    },
}

impl DeviceFlow {
    /// The flow, to be stored and to go on later: see [`SavedFlow`], and the warning there. `None` once the flow has
    /// ended.
    ///
    /// `wall` is the time of day, by the same clock that the process that goes on will ask. One before 1970 is read as
    /// the Unix epoch.
    ///
    /// ```
    /// # use device_flow::{DeviceFlow, Policy, Tick};
    /// # use std::time::SystemTime;
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let wall = SystemTime::now();
    /// let mut flow = DeviceFlow::new(service, policy, None, Tick::ZERO);
    /// assert!(flow.save(Tick::ZERO, wall).is_some());
    /// flow.cancel();
    /// assert!(flow.save(Tick::ZERO, wall).is_none());
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub fn save(&self, now: Tick, wall: SystemTime) -> Option<SavedFlow> {
        let now = self.latest.max(now);
        let state = StateForm::of(&self.state, now)?;
        Some(SavedFlow(Form::V1(Box::new(FlowForm {
            service: self.service.identity(),
            state,
            in_flight: self.in_flight.is_some(),
            prompts: self.prompts,
            proof: self.proof.as_ref().map(|proof| (proof.verifier.clone(), proof.challenge.to_string())),
            jitter: self.jitter.clone(),
            saved_at: since_epoch(wall),
            figures: Figures {
                polls: self.polls,
                slow_downs: self.slow_downs,
                ran_for: self.running_for(now),
            },
        }))))
    }
}

impl SavedFlow {
    /// The flow, going on at `now` by this process's monotonic clock and `wall` by the time of day, as at
    /// [`DeviceFlow::save`]. `service` and `policy` are what the flow was started with; a new patience or cap is fine.
    ///
    /// The time between counts: waits have become shorter by it, and a code may have died of it. A wall clock that
    /// went backwards is read as no time.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::{DeviceFlow, Policy, ResumeError, Tick};
    /// # use oidc_proto::Endpoint;
    /// let start_url = "https://d-1234567890.awsapps.com/start";
    /// let policy = Policy::aws(start_url);
    /// let wall = std::time::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    /// let flow = DeviceFlow::new(Endpoint::for_region("eu-west-1")?, policy.clone(), None, Tick::ZERO);
    /// let saved = flow.save(Tick::ZERO, wall).ok_or("it has not ended")?;
    /// assert!(saved.clone().resume(Endpoint::for_region("eu-west-1")?, policy.clone(), Tick::ZERO, wall).is_ok());
    /// // Another service must not see this one's secrets:
    /// let refused = saved.resume(Endpoint::for_region("us-east-1")?, policy, Tick::ZERO, wall).unwrap_err();
    /// assert!(matches!(refused, ResumeError::OtherService { .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The form is not known, or this is another service. Values that cannot be are no error: whatever they
    /// are, the flow keeps its rules.
    pub fn resume(
        self,
        service: impl Into<Service>,
        policy: impl Into<Arc<Policy>>,
        now: Tick,
        wall: SystemTime,
    ) -> Result<DeviceFlow, ResumeError> {
        let service = service.into();
        let Form::V1(saved) = self.0 else { return Err(ResumeError::UnknownVersion) };
        if saved.service != service.identity() {
            return Err(ResumeError::OtherService { saved: saved.service });
        }
        let passed = since_epoch(wall).saturating_sub(saved.saved_at);
        let mut flow = DeviceFlow::new(service, policy, None, now);
        flow.prompts = saved.prompts;
        flow.jitter = saved.jitter;
        flow.polls = saved.figures.polls;
        flow.slow_downs = saved.figures.slow_downs;
        flow.ran_before = saved.figures.ran_for.saturating_add(passed);
        flow.proof = saved
            .proof
            .map(|(verifier, challenge)| Box::new(Proof { verifier, challenge: challenge.into() }));
        let proof = flow.proof.as_deref();
        flow.state = saved.state.restore(&flow.service, &flow.policy, proof, now, passed);
        if saved.in_flight {
            flow.count_as_abandoned(now);
        }
        Ok(flow)
    }
}

fn since_epoch(wall: SystemTime) -> Duration {
    wall.duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl fmt::Debug for SavedFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("SavedFlow");
        if let Form::V1(flow) = &self.0 {
            text.field("service", &flow.service).field("phase", &flow.state.phase());
        }
        text.finish_non_exhaustive()
    }
}
