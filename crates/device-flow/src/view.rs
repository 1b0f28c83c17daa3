//! The getters of a flow, callable at any time.

use core::time::Duration;

use oidc_proto::{Registration, Service};

use crate::end::End;
use crate::machine::State;
use crate::polling::Polling;
use crate::{
    ApiMisuse, DeviceFlow, Granted, Outcome, Policy, Tick, TransientError, TransportError, UserPrompt,
};

/// The phase of a flow, for a status line.
///
/// ```
/// use device_flow::Phase;
/// assert_eq!(Phase::Polling.name(), "polling");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Registering the client (RegisterClient).
    Registering,
    /// Requesting codes (StartDeviceAuthorization).
    Authorizing,
    /// Waiting for the person, polling CreateToken.
    Polling,
    /// In the code flow: waiting for the person in the browser.
    Listening,
    /// In the code flow: exchanging the code (CreateToken).
    Redeeming,
    /// Ended.
    Ended,
}

impl Phase {
    /// Returns a stable name for logs: `registering`, `authorizing`, `polling`, `listening`,
    /// `redeeming`, `ended`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registering => "registering",
            Self::Authorizing => "authorizing",
            Self::Polling => "polling",
            Self::Listening => "listening",
            Self::Redeeming => "redeeming",
            Self::Ended => "ended",
        }
    }
}

impl DeviceFlow {
    /// Returns the token or the outcome once [`poll`](Self::poll) returns
    /// [`Action::Done`](crate::Action::Done).
    #[must_use]
    pub const fn outcome(&self) -> Option<Result<&Granted, &Outcome>> {
        match &self.state {
            State::Ended(end) => Some(end.outcome()),
            State::Register(_) | State::Authorize(_) | State::Prompt(_) | State::Poll(_) => None,
        }
    }

    /// Returns the phase of the flow.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match &self.state {
            State::Register(_) => Phase::Registering,
            State::Authorize(_) => Phase::Authorizing,
            State::Prompt(_) | State::Poll(_) => Phase::Polling,
            State::Ended(_) => Phase::Ended,
        }
    }

    /// Returns a copy of the registration in use: the cached one, or the one that this flow made (see
    /// [`Self::is_newly_registered`]). A rejected one is not in use.
    #[must_use]
    pub fn registration(&self) -> Option<Registration> {
        match &self.state {
            State::Authorize(asking) => Some(asking.client.registration()),
            State::Prompt(session) | State::Poll(session) => Some(session.client.registration()),
            State::Ended(end) => end.registration().cloned(),
            State::Register(_) => None,
        }
    }

    /// Returns whether this flow made the registration, so a cache should replace its own.
    #[must_use]
    pub fn is_newly_registered(&self) -> bool {
        match &self.state {
            State::Authorize(asking) => asking.client.origin.is_new(),
            State::Prompt(session) | State::Poll(session) => session.client.origin.is_new(),
            State::Ended(end) => end.is_newly_registered(),
            State::Register(_) => false,
        }
    }

    /// Returns the device code's expiry, once there is a code.
    #[must_use]
    pub fn deadline(&self) -> Option<Tick> {
        self.session().map(|session| session.deadline)
    }

    /// Returns the least time between two polls now: the service's interval, with its `slow_down`s.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        self.session().map(|session| session.pace.interval())
    }

    /// Returns the latest error since the service last sent `authorization_pending`, for a status line;
    /// `None` if there is none.
    #[must_use]
    pub fn error(&self) -> Option<&TransientError> {
        match &self.state {
            State::Register(setup) => setup.error.as_deref(),
            State::Authorize(asking) => asking.setup.error.as_deref(),
            State::Prompt(session) | State::Poll(session) => session.error.as_deref(),
            State::Ended(_) => None,
        }
    }

    /// Returns the transport error of [`Self::error`], if no response came and the driver told why. It is for a
    /// person's eyes.
    ///
    /// ```
    /// # use device_flow::{Action, DeviceFlow, Failure, Policy, Tick, TransportError};
    /// # use oidc_proto::Endpoint;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let mut flow = DeviceFlow::new(Endpoint::for_region("eu-west-1")?, policy, None, Tick::ZERO);
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
    pub const fn polls(&self) -> u32 {
        self.polls
    }

    /// Returns the number of `slow_down` responses to polls. From the second in a row, this machine's clock
    /// may run fast, or another program polls with the same code.
    ///
    /// ```
    /// # use device_flow::{DeviceFlow, Policy, Tick};
    /// # use oidc_proto::Endpoint;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let flow = DeviceFlow::new(Endpoint::for_region("eu-west-1")?, policy, None, Tick::ZERO);
    /// assert_eq!(flow.slow_downs(), 0);
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub const fn slow_downs(&self) -> u32 {
        self.slow_downs
    }

    /// Returns when the flow was created or resumed, in this process's ticks; see
    /// [`running_for`](Self::running_for).
    #[must_use]
    pub const fn started(&self) -> Tick {
        self.started
    }

    /// Returns the flow's running time until `now`, other processes included. A `now` before the latest time
    /// seen is read as that.
    #[must_use]
    pub fn running_for(&self, now: Tick) -> Duration {
        self.ran_before.saturating_add(self.requests.latest().max(now).since(self.started))
    }

    /// Returns the prompt of the codes in use, to show it again, for example after a resume.
    #[must_use]
    pub fn prompt(&self) -> Option<UserPrompt> {
        // A prompt that is still to come counts as the next one.
        let shown = if matches!(self.state, State::Prompt(_)) {
            self.prompts
        } else {
            self.prompts.saturating_sub(1)
        };
        let session = self.session()?;
        Some(session.prompt(shown > 0))
    }

    /// Returns the service of all requests.
    #[must_use]
    pub const fn service(&self) -> &Service {
        &self.service
    }

    /// Checks whether all requests go to this HTTP client's service. Adapters call it before they drive a
    /// flow.
    ///
    /// ```
    /// use device_flow::{DeviceFlow, ApiMisuse, Policy, Tick};
    /// use oidc_proto::{Endpoint, Service};
    ///
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let flow = DeviceFlow::new(Endpoint::for_region("eu-west-1")?, policy, None, Tick::ZERO);
    /// assert!(flow.check_service(&Service::from(Endpoint::for_region("eu-west-1")?)).is_ok());
    /// let other = Service::from(Endpoint::for_region("us-east-1")?);
    /// assert!(matches!(flow.check_service(&other), Err(ApiMisuse::OtherService { .. })));
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ApiMisuse::OtherService`] if they do not.
    pub fn check_service(&self, client: &Service) -> Result<(), ApiMisuse> {
        if self.service == *client {
            return Ok(());
        }
        let (flow, client) = (&self.service, client);
        // `Display` shows only the token URL, which two providers may share.
        let shown = |service: &Service| match flow.to_string() == client.to_string() {
            true => service.identity(),
            false => service.to_string(),
        };
        Err(ApiMisuse::OtherService { flow: shown(flow), client: shown(client) })
    }

    /// Returns the policy of the flow.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns the end of this flow, which is cancelled if it has not ended.
    pub(crate) fn end(self) -> End {
        match self.state {
            State::Ended(end) => end,
            State::Register(_) | State::Authorize(_) | State::Prompt(_) | State::Poll(_) => {
                End::Cancelled(None)
            }
        }
    }

    const fn session(&self) -> Option<&Polling> {
        match &self.state {
            State::Prompt(session) | State::Poll(session) => Some(session),
            State::Register(_) | State::Authorize(_) | State::Ended(_) => None,
        }
    }
}
