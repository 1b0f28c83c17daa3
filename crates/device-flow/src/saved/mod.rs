//! A pending flow that continues in another process (feature `serde`).

use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use oidc_proto::Service;
use serde::{Deserialize, Serialize};

use crate::proof::Proof;
use crate::{DeviceFlow, Policy, Tick};
use form::{Figures, FlowForm, Form, StateForm};

mod form;

/// A waiting flow, to store and to resume later, in this process or another. `serde` writes and reads it in
/// any self-describing format such as JSON.
///
/// **The serialized form contains secrets in the clear**: the client's secret and the device code, which buys
/// a token after the approval. Store it like a password: readable by its owner alone, and deleted when the
/// flow has ended. `Debug` shows neither.
///
/// The resumed flow keeps the floor between two polls with its `slow_down`s, the code's deadline, and the
/// backoff. It keeps whether a lost reply may have spent the code, and whether the registration may be
/// replaced. A request in flight counts as abandoned, because its response went to the earlier process.
///
/// Resume a saved flow once. Two flows with one device code together poll faster than the service allows.
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

/// The reason why a saved flow cannot be resumed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// This version of the crate does not know the format.
    #[error("the saved sign-in was written by another version of this program")]
    UnknownVersion,
    /// The flow belongs to another service. This one must not see its secrets.
    #[error("the saved sign-in is for another service: {}", oidc_proto::printable(saved))]
    #[non_exhaustive]
    OtherService {
        /// The [identity](Service::identity) of the flow's service.
        saved: String,
    },
}

impl DeviceFlow {
    /// Returns the flow in a form to store: see the warning at [`SavedFlow`]. `None` once the flow has ended.
    ///
    /// `wall` is the time of day, by the clock that the resuming process reads. A time before 1970 is read as
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
        let now = self.requests.latest().max(now);
        let state = StateForm::of(&self.state, now)?;
        Some(SavedFlow(Form::V1(Box::new(FlowForm {
            service: self.service.identity(),
            state,
            in_flight: self.requests.in_flight().is_some(),
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
    /// Resumes the flow at `now` by this process's monotonic clock and `wall` by the time of day, as in
    /// [`DeviceFlow::save`]. `service` must be the flow's own. `policy` is the flow's, but the retry window and cap
    /// may differ.
    ///
    /// The time in between counts: waits are shorter by it, and the code may have expired. If the wall clock
    /// went backwards, no time has passed.
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
    /// The format is unknown, or the service is another. Out-of-range values are not errors: the flow keeps
    /// its rules anyway.
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
