//! What can be asked of a flow at any time.

use core::time::Duration;

use oidc_proto::{Registration, Service};

use crate::machine::{End, State};
use crate::polling::Polling;
use crate::{DeviceFlow, Granted, Misuse, Outcome, Policy, Tick, Trouble, UserPrompt};

/// What [`DeviceFlow::outcome`] says of [`End::Cancelled`].
static CANCELLED: Outcome = Outcome::Cancelled;

/// Where a flow is, for a status line.
///
/// ```
/// use device_flow::Phase;
/// assert_eq!(Phase::Polling.name(), "polling");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Making the client known (RegisterClient).
    Registering,
    /// Asking for the codes (StartDeviceAuthorization).
    Authorizing,
    /// Waiting for the person, polling CreateToken.
    Polling,
    /// Over.
    Ended,
}

impl Phase {
    /// A stable name for logs: `registering`, `authorizing`, `polling`, `ended`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registering => "registering",
            Self::Authorizing => "authorizing",
            Self::Polling => "polling",
            Self::Ended => "ended",
        }
    }
}

impl DeviceFlow {
    /// How the flow ended, once [`poll`](Self::poll) says [`Action::Done`](crate::Action::Done): with a token, or how without one.
    #[must_use]
    pub const fn outcome(&self) -> Option<Result<&Granted, &Outcome>> {
        match &self.state {
            State::Ended(End::Granted(granted)) => Some(Ok(granted)),
            State::Ended(End::WithoutToken(end)) => Some(Err(&end.outcome)),
            State::Ended(End::Cancelled(_)) => Some(Err(&CANCELLED)),
            State::Register(_) | State::Authorize(_) | State::Prompt(_) | State::Poll(_) => None,
        }
    }

    /// Where the flow is.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match &self.state {
            State::Register(_) => Phase::Registering,
            State::Authorize(_) => Phase::Authorizing,
            State::Prompt(_) | State::Poll(_) => Phase::Polling,
            State::Ended(_) => Phase::Ended,
        }
    }

    /// A copy of the registration in use: the cached one, or the one that this flow made (then [`Self::is_newly_registered`]). One that
    /// the service has rejected is not in use.
    #[must_use]
    pub fn registration(&self) -> Option<Registration> {
        match &self.state {
            State::Authorize(asking) => Some(asking.client.registration()),
            State::Prompt(session) | State::Poll(session) => Some(session.client.registration()),
            State::Ended(end) => end.registration().cloned(),
            State::Register(_) => None,
        }
    }

    /// Whether this flow made the registration itself, so that a cache should keep it in place of what it has.
    #[must_use]
    pub fn is_newly_registered(&self) -> bool {
        match &self.state {
            State::Authorize(asking) => asking.client.origin.is_new(),
            State::Prompt(session) | State::Poll(session) => session.client.origin.is_new(),
            State::Ended(end) => end.is_newly_registered(),
            State::Register(_) => false,
        }
    }

    /// When the device code dies, once there is one.
    #[must_use]
    pub fn deadline(&self) -> Option<Tick> {
        self.session().map(|session| session.deadline)
    }

    /// The least time between two polls right now: the service's interval, and what its `slow_down`s added or named.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        self.session().map(|session| session.pace.interval())
    }

    /// What went wrong since the service last said that it waits for the person, for a status line; `None` if all is well.
    #[must_use]
    pub fn trouble(&self) -> Option<&Trouble> {
        match &self.state {
            State::Register(setup) => setup.trouble.as_deref(),
            State::Authorize(asking) => asking.setup.trouble.as_deref(),
            State::Prompt(session) | State::Poll(session) => session.trouble.as_deref(),
            State::Ended(_) => None,
        }
    }

    /// How many CreateToken requests were sent.
    #[must_use]
    pub const fn polls(&self) -> u32 {
        self.polls
    }

    /// How often a poll was answered with `slow_down`. From the second in a row, this machine's clock may be fast, or something
    /// else polls with the same code.
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

    /// When the flow was made or resumed, in this process's ticks; see [`running_for`](Self::running_for).
    #[must_use]
    pub const fn started(&self) -> Tick {
        self.started
    }

    /// How long the flow has run by `now`, other processes included. A `now` before the latest time seen is read as that.
    #[must_use]
    pub fn running_for(&self, now: Tick) -> Duration {
        self.ran_before.saturating_add(self.latest.max(now).since(self.started))
    }

    /// The prompt of the codes in use, to show it once more: for example after the flow was resumed.
    #[must_use]
    pub fn prompt(&self) -> Option<UserPrompt> {
        // The prompt that is still to come counts as the next.
        let shown = if matches!(self.state, State::Prompt(_)) {
            self.prompts
        } else {
            self.prompts.saturating_sub(1)
        };
        let session = self.session()?;
        Some(session.prompt(shown > 0))
    }

    /// The service that all its requests go to.
    #[must_use]
    pub const fn service(&self) -> &Service {
        &self.service
    }

    /// What an HTTP client asks before it drives a flow: whether all of it goes where the client may send.
    ///
    /// ```
    /// use device_flow::{DeviceFlow, Misuse, Policy, Tick};
    /// use oidc_proto::{Endpoint, Service};
    ///
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let flow = DeviceFlow::new(Endpoint::for_region("eu-west-1")?, policy, None, Tick::ZERO);
    /// assert!(flow.check_service(&Service::from(Endpoint::for_region("eu-west-1")?)).is_ok());
    /// let other = Service::from(Endpoint::for_region("us-east-1")?);
    /// assert!(matches!(flow.check_service(&other), Err(Misuse::OtherService { .. })));
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// [`Misuse::OtherService`].
    pub fn check_service(&self, client: &Service) -> Result<(), Misuse> {
        if self.service == *client {
            return Ok(());
        }
        let (flow, client) = (&self.service, client);
        // Two providers can have the same token URL, which is all that `Display` shows.
        let shown = |service: &Service| match flow.to_string() == client.to_string() {
            true => service.identity(),
            false => service.to_string(),
        };
        Err(Misuse::OtherService { flow: shown(flow), client: shown(client) })
    }

    /// The policy that the flow was made with.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The end of this flow, which has been cancelled if it had not ended.
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
