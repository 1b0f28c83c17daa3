//! The getters of a code flow, callable at any time.

use core::time::Duration;

use oidc_proto::Service;

use super::flow::CodeFlow;
use super::machine::State;
use super::redirect::RedirectUri;
use crate::end::End;
use crate::{Granted, Outcome, Phase, Policy, Tick, TransientError, TransportError};

impl CodeFlow {
    /// Returns whether the flow waits for the browser, so that requests at the redirect URI matter.
    #[must_use]
    pub const fn is_listening(&self) -> bool {
        matches!(self.state, State::Listen(_))
    }

    /// Returns how the flow has ended, once it has.
    #[must_use]
    pub const fn outcome(&self) -> Option<Result<&Granted, &Outcome>> {
        match &self.state {
            State::Ended(end) => Some(end.outcome()),
            State::Register(_) | State::Prompt(_) | State::Listen(_) | State::Redeem(_) => None,
        }
    }

    /// Returns the phase, for a status line.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match &self.state {
            State::Register(_) => Phase::Registering,
            State::Prompt(_) | State::Listen(_) => Phase::Listening,
            State::Redeem(_) => Phase::Redeeming,
            State::Ended(_) => Phase::Ended,
        }
    }

    /// Returns the time until which the flow waits for the browser, while it does.
    #[must_use]
    pub const fn deadline(&self) -> Option<Tick> {
        match &self.state {
            State::Listen(listening) => Some(listening.deadline),
            State::Register(_) | State::Prompt(_) | State::Redeem(_) | State::Ended(_) => None,
        }
    }

    /// Returns the latest error, while a request is to be repeated.
    #[must_use]
    pub fn error(&self) -> Option<&TransientError> {
        match &self.state {
            State::Register(setup) => setup.error.as_deref(),
            State::Redeem(redeeming) => redeeming.setup.error.as_deref(),
            State::Prompt(_) | State::Listen(_) | State::Ended(_) => None,
        }
    }

    /// Returns the transport error of [`Self::error`], if no response came and the driver told why. It is for a
    /// person's eyes.
    ///
    /// ```
    /// # use device_flow::{Action, CodeFlow, CodeSecrets, Failure, Policy, RedirectUri, Tick, TransportError};
    /// # use oidc_proto::{Endpoint, Secret};
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let (service, redirect) = (Endpoint::for_region("eu-west-1")?, RedirectUri::loopback(8400));
    /// # let secrets = CodeSecrets::new(Secret::from("state"), "challenge", Secret::from("verifier"));
    /// # let mut flow = CodeFlow::new(service, policy, None, redirect, secrets, Tick::ZERO);
    /// # let Action::Send(pending) = flow.poll(Tick::ZERO) else { panic!("it registers") };
    /// let error = TransportError::new(Failure::NotSent, std::io::Error::other("no such host"));
    /// flow.on_result(pending, Tick::ZERO, Err(error))?;
    /// assert!(flow.cause().is_some_and(|cause| format!("{cause:?}").contains("no such host")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn cause(&self) -> Option<&TransportError> {
        self.requests.cause_of(self.error())
    }

    /// Returns the number of CreateToken requests sent.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Returns whether the person was asked.
    #[must_use]
    pub const fn has_prompted(&self) -> bool {
        self.prompts > 0
    }

    /// Returns the time since the start.
    #[must_use]
    pub fn running_for(&self, now: Tick) -> Duration {
        self.requests.latest().max(now).since(self.started)
    }

    /// Returns the service that the flow is for.
    #[must_use]
    pub const fn service(&self) -> &Service {
        &self.service
    }

    /// Returns the program's decisions.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns the redirect URI.
    #[must_use]
    pub const fn redirect_uri(&self) -> &RedirectUri {
        &self.redirect
    }

    pub(super) fn end(self) -> End {
        match self.state {
            State::Ended(end) => end,
            State::Register(_) | State::Prompt(_) | State::Listen(_) | State::Redeem(_) => {
                End::Cancelled(None)
            }
        }
    }
}
