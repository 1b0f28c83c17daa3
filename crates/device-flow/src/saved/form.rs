//! The format of a saved flow. A time is saved as the time remaining until then, because the next process has
//! another origin.

use core::time::Duration;

use oidc_proto::{DeviceAuthorization, Registration, Secret, Service};
use serde::{Deserialize, Serialize};

use crate::client::{KnownClient, Origin};
use crate::jitter::Jitter;
use crate::machine::State;
use crate::pace::{INTERVAL_FLOOR, Pace};
use crate::polling::Polling;
use crate::proof::Proof;
use crate::setup::{Asking, Setup};
use crate::{Phase, Policy, Tick, TransientError};

/// The versions of the format. An unknown version is read without its contents.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "version")]
pub(super) enum Form {
    #[serde(rename = "1")]
    V1(Box<FlowForm>),
    #[serde(other)]
    Unknown,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct FlowForm {
    /// The identity of the service, so the codes never go to another.
    pub(super) service: String,
    pub(super) state: StateForm,
    /// Whether a request of the state's operation was in flight.
    pub(super) in_flight: bool,
    pub(super) prompts: u32,
    /// The PKCE verifier and its challenge.
    pub(super) proof: Option<(Secret, String)>,
    /// The jitter's state.
    pub(super) jitter: Jitter,
    /// Wall-clock time since the Unix epoch.
    pub(super) saved_at: Duration,
    pub(super) figures: Figures,
}

/// Counters that no rule depends on.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Figures {
    pub(super) polls: u32,
    pub(super) slow_downs: u32,
    pub(super) ran_for: Duration,
}

/// A state that has not ended, with its registration.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StateForm {
    Register(SetupForm),
    Authorize(ClientForm, SetupForm),
    Prompt(ClientForm, PollingForm),
    Poll(ClientForm, PollingForm),
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ClientForm {
    registration: Registration,
    origin: Origin,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SetupForm {
    pace: PaceForm,
    give_up_in: Duration,
    not_before_in: Duration,
    error: Option<TransientError>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct PollingForm {
    authorization: DeviceAuthorization,
    pace: PaceForm,
    deadline_in: Duration,
    may_be_spent: bool,
    heard: bool,
    missing: u8,
    error: Option<TransientError>,
}

#[derive(Clone, Serialize, Deserialize)]
struct PaceForm {
    interval: Duration,
    announced: Duration,
    slow_downs: u8,
    errors: u32,
    due_in: Duration,
}

impl StateForm {
    pub(super) fn of(state: &State, now: Tick) -> Option<Self> {
        Some(match state {
            State::Register(setup) => Self::Register(SetupForm::of(setup, now)),
            State::Authorize(asking) => {
                Self::Authorize(ClientForm::of(&asking.client.known()), SetupForm::of(&asking.setup, now))
            }
            State::Prompt(session) => {
                Self::Prompt(ClientForm::of(&session.client.known()), PollingForm::of(session, now))
            }
            State::Poll(session) => {
                Self::Poll(ClientForm::of(&session.client.known()), PollingForm::of(session, now))
            }
            State::Ended(_) => return None,
        })
    }

    pub(super) fn restore(
        self,
        service: &Service,
        policy: &Policy,
        proof: Option<&Proof>,
        now: Tick,
        passed: Duration,
    ) -> State {
        match self {
            Self::Register(setup) => State::Register(Box::new(setup.restore(policy, now, passed))),
            Self::Authorize(client, setup) => {
                let (setup, client) = (setup.restore(policy, now, passed), client.restore());
                State::Authorize(Box::new(Asking::new(service, policy, proof, client, setup)))
            }
            Self::Prompt(client, session) => {
                let begin = Beginning { service, policy, proof, client: client.restore(), now };
                State::Prompt(Box::new(session.restore(begin, passed)))
            }
            Self::Poll(client, session) => {
                let begin = Beginning { service, policy, proof, client: client.restore(), now };
                State::Poll(Box::new(session.restore(begin, passed)))
            }
        }
    }

    pub(super) const fn phase(&self) -> Phase {
        match self {
            Self::Register(_) => Phase::Registering,
            Self::Authorize(..) => Phase::Authorizing,
            Self::Prompt(..) | Self::Poll(..) => Phase::Polling,
        }
    }
}

impl ClientForm {
    fn of(client: &KnownClient) -> Self {
        Self { registration: client.registration.clone(), origin: client.origin }
    }

    fn restore(self) -> KnownClient {
        KnownClient { registration: self.registration, origin: self.origin }
    }
}

impl SetupForm {
    fn of(setup: &Setup, now: Tick) -> Self {
        Self {
            pace: PaceForm::of(&setup.pace, now),
            give_up_in: setup.give_up_at.since(now),
            not_before_in: setup.not_before.since(now),
            error: setup.error.as_deref().cloned(),
        }
    }

    fn restore(self, policy: &Policy, now: Tick, passed: Duration) -> Setup {
        // Never more patient than a new flow, and never due after that, whatever was saved.
        let give_up_at = now + self.give_up_in.saturating_sub(passed).min(policy.setup_retry_window);
        let mut pace = self.pace.restore(now, passed);
        pace.due = pace.due.min(give_up_at);
        let not_before = now + self.not_before_in.saturating_sub(passed);
        Setup { pace, give_up_at, not_before, error: self.error.map(Box::new), attempts: 0 }
    }
}

/// The start of a session, beside its codes.
struct Beginning<'a> {
    service: &'a Service,
    policy: &'a Policy,
    proof: Option<&'a Proof>,
    client: KnownClient,
    now: Tick,
}

impl PollingForm {
    fn of(session: &Polling, now: Tick) -> Self {
        Self {
            authorization: session.authorization(),
            pace: PaceForm::of(&session.pace, now),
            deadline_in: session.deadline.since(now),
            may_be_spent: session.code_may_be_spent,
            heard: session.heard,
            missing: session.missing,
            error: session.error.as_deref().cloned(),
        }
    }

    fn restore(self, begin: Beginning<'_>, passed: Duration) -> Polling {
        let Beginning { service, policy, proof, client, now } = begin;
        let authorization = self.authorization;
        // A new session sets the least interval and the longest life. A saved interval is never below, and a
        // saved life never above.
        let mut session = Polling::new(service, policy, proof, client, authorization, now);
        session.deadline = session.deadline.min(now + self.deadline_in.saturating_sub(passed));
        let pace = self.pace.restore(now, passed);
        let (interval, announced) =
            (pace.interval.max(session.pace.interval), pace.announced.max(INTERVAL_FLOOR));
        session.pace = Pace { interval, announced, ..pace };
        session.code_may_be_spent = self.may_be_spent;
        session.heard = self.heard;
        session.missing = self.missing;
        session.error = self.error.map(Box::new);
        session
    }
}

impl PaceForm {
    fn of(pace: &Pace, now: Tick) -> Self {
        let Pace { interval, announced, slow_downs, errors, .. } = *pace;
        Self { interval, announced, slow_downs, errors, due_in: pace.due.since(now) }
    }

    fn restore(self, now: Tick, passed: Duration) -> Pace {
        Pace {
            interval: self.interval,
            announced: self.announced,
            slow_downs: self.slow_downs,
            errors: self.errors,
            due: now + self.due_in.saturating_sub(passed),
            overdue: 0,
        }
    }
}
