//! A finished sign-in as a `Result`, shared by the adapters.

use core::error::Error;
use core::fmt;
use core::time::Duration;

use oidc_proto::{Registration, Service, Token};

use crate::end::End;
use crate::{
    DeviceFlow, Expiry, Failure, Granted, Outcome, Report, Stop, Tick, TransientError, TransportError,
};

/// A sign-in that ended with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedIn {
    /// The token.
    pub token: Token,
    /// The token's greatest possible age: the time since its request was sent. Its life counts from there.
    pub token_age: Duration,
    /// The registration in use. Keep it for the next sign-in (AWS's are valid for 90 days) and for a refresh.
    pub registration: Registration,
    /// Whether the registration is new, so a cache should store it.
    pub newly_registered: bool,
    /// The service.
    pub service: Service,
    /// The start URL, with AWS.
    pub start_url: Option<String>,
    /// The requested scopes. [`Token::scope`] has the granted ones, if the service sends them.
    pub scopes: Vec<String>,
    /// The number of CreateToken requests sent.
    pub polls: u32,
    /// The duration of the whole sign-in.
    pub elapsed: Duration,
}

impl SignedIn {
    /// Creates a sign-in that has just ended with this token, for a test.
    ///
    /// ```
    /// use core::time::Duration;
    /// use device_flow::SignedIn;
    /// use oidc_proto::{Client, Endpoint, Registration, Secret, Token};
    ///
    /// let registration = Registration::new(Client::new("id", Secret::from("secret")));
    /// let token = Token::bearer(Secret::from("t"), Duration::from_secs(3600));
    /// let signed_in = SignedIn::new(Endpoint::for_region("eu-west-1")?, registration, token);
    /// assert_eq!(signed_in.expires_in(), Some(Duration::from_secs(3600)));
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub fn new(service: impl Into<Service>, registration: Registration, token: Token) -> Self {
        Self {
            token,
            token_age: Duration::ZERO,
            registration,
            newly_registered: false,
            service: service.into(),
            start_url: None,
            scopes: Vec::new(),
            polls: 1,
            elapsed: Duration::ZERO,
        }
    }

    /// Returns the least remaining life of the access token; `None` if the service sends no life. AWS always
    /// sends it.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::{Action, DeviceFlow, Policy, Tick};
    /// # use oidc_proto::{Client, Endpoint, Secret};
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start")
    /// #     .with_client(Client::new("id", Secret::from("secret")));
    /// # let mut flow = DeviceFlow::new(service, policy, None, Tick::ZERO);
    /// # let mut now = Tick::ZERO;
    /// # let mut answers = [
    /// #     r#"{"deviceCode":"d","userCode":"C","verificationUri":"https://d.example/","expiresIn":600}"#,
    /// #     r#"{"accessToken":"t","expiresIn":3600,"tokenType":"Bearer"}"#,
    /// # ].into_iter();
    /// # loop {
    /// #     match flow.poll(now) {
    /// #         Action::Send(pending) => {
    /// #             let response = http::Response::new(answers.next().unwrap());
    /// #             flow.on_response(pending, now, &response)?;
    /// #         }
    /// #         Action::Wait(until) => now = until,
    /// #         Action::Prompt(_) => {}
    /// #         Action::AwaitReply | Action::Done => break,
    /// #     }
    /// # }
    /// // The token was asked for ten minutes ago, and lives for an hour:
    /// let now = now + Duration::from_secs(600);
    /// let signed_in = flow.into_result(now)?;
    /// assert_eq!(signed_in.expires_in(), Some(Duration::from_secs(3000)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn expires_in(&self) -> Option<Duration> {
        self.token.expires_in.map(|life| life.saturating_sub(self.token_age))
    }
}

/// A sign-in that ended without a token. `Debug` is the [`report`](Self::report), which a person sees if
/// `main` returns it; `{:#?}` shows the fields.
///
/// ```
/// use device_flow::{DeviceFlow, Policy, Tick};
/// use oidc_proto::Endpoint;
///
/// let service = Endpoint::for_region("eu-west-1")?;
/// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
/// let mut flow = DeviceFlow::new(service, policy, None, Tick::ZERO);
/// flow.cancel();
/// let end = flow.into_result(Tick::ZERO).unwrap_err();
/// assert!(end.given_up().is_none()); // the program cancelled, not the driver
/// assert!(end.report().to_string().ends_with("outcome cancelled after 0 polls and 0.0 s"));
/// # Ok::<(), oidc_proto::EndpointError>(())
/// ```
#[non_exhaustive]
pub struct NotSignedIn {
    /// The outcome.
    pub outcome: Outcome,
    /// The cause of [`Outcome::Unreachable`] and the like: the latest transport error, if the outcome
    /// concerns transport. With [`Outcome::Cancelled`], the driver's reason, if the driver gave up.
    pub transport: Option<TransportError>,
    /// With [`Outcome::Cancelled`], the observer's reason, if the observer stopped the sign-in.
    pub stop: Option<Stop>,
    /// The registration in use at the end, if any, unless the service rejected it.
    pub registration: Option<Registration>,
    /// Whether the registration is new, so a cache should store it.
    pub newly_registered: bool,
    /// Whether the person saw a code, which is useless now. Without a prompt there is no page to mention.
    pub prompted: bool,
    /// The number of CreateToken requests sent.
    pub polls: u32,
    /// The number of `slow_down` responses. If the latest verdict was one, the approval is unknown: some
    /// services check the pace first.
    pub slow_downs: u32,
    /// The duration.
    pub elapsed: Duration,
}

/// The error of a sign-in, as the adapters return it.
pub type SignInError = Box<NotSignedIn>;

impl NotSignedIn {
    /// Creates a sign-in that ended at once with this outcome, for a test.
    ///
    /// ```
    /// use device_flow::{NotSignedIn, Outcome};
    /// use oidc_proto::{Fault, FaultCode};
    ///
    /// let end = NotSignedIn::new(Outcome::Denied(Fault::new(FaultCode::AccessDenied)));
    /// assert!(end.report().to_string().starts_with("the sign-in was denied"));
    /// ```
    #[must_use]
    pub const fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            transport: None,
            stop: None,
            registration: None,
            newly_registered: false,
            prompted: false,
            polls: 0,
            slow_downs: 0,
            elapsed: Duration::ZERO,
        }
    }

    /// Returns whether the service was unreachable, as far as the client knows: the last request got no
    /// response. A program may continue with a token that is still valid.
    ///
    /// A proxy's response and an untrusted certificate do not count.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::{Action, DeviceFlow, Failure, Policy, Tick, TransportError};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let mut flow = DeviceFlow::new(service, policy.with_setup_retry_window(Duration::ZERO), None, Tick::ZERO);
    /// let Action::Send(pending) = flow.poll(Tick::ZERO) else { panic!("it registers") };
    /// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    /// flow.on_result(pending, Tick::ZERO, Err(TransportError::new(Failure::NotSent, refused)))?;
    /// assert!(flow.into_result(Tick::ZERO).unwrap_err().is_offline());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_offline(&self) -> bool {
        let is_silence = matches!(
            self.outcome,
            Outcome::Unreachable { error: TransientError::Failed(Failure::NotSent | Failure::Unknown), .. }
                | Outcome::Expired(Expiry::Clock(Some(TransientError::Failed(
                    Failure::NotSent | Failure::Unknown
                ))))
        );
        is_silence && self.transport.as_ref().is_none_or(TransportError::is_offline)
    }

    /// Returns the driver's reason to give up, if the driver and not the program cancelled: both are
    /// [`Outcome::Cancelled`].
    #[must_use]
    pub fn given_up(&self) -> Option<&TransportError> {
        self.transport.as_ref().filter(|_| self.outcome == Outcome::Cancelled)
    }

    /// Returns the error with which the observer stopped the sign-in, if any.
    fn stop_reason(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.stop.as_ref().and_then(Stop::reason)
    }

    /// Returns all details of the end: causes, request id, polls and duration, for a log or a support ticket.
    /// `Display` is its first line, for the person.
    #[must_use]
    pub const fn report(&self) -> Report<'_> {
        Report(self)
    }
}

impl fmt::Debug for NotSignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return fmt::Display::fmt(&self.report(), f);
        }
        let Self {
            outcome,
            transport,
            stop,
            registration,
            newly_registered,
            prompted,
            polls,
            slow_downs,
            elapsed,
        } = self;
        f.debug_struct("NotSignedIn")
            .field("outcome", outcome)
            .field("transport", transport)
            .field("stop", stop)
            .field("registration", registration)
            .field("newly_registered", newly_registered)
            .field("prompted", prompted)
            .field("polls", polls)
            .field("slow_downs", slow_downs)
            .field("elapsed", elapsed)
            .finish()
    }
}

/// Outcome and hint. If the driver gave up, its reason, because the person did not cancel.
impl fmt::Display for NotSignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.given_up(), self.stop_reason()) {
            (Some(reason), _) => write!(f, "the sign-in was aborted: {reason}"),
            (None, Some(reason)) => write!(f, "the sign-in was stopped: {reason}"),
            (None, None) => self.outcome.fmt(f),
        }?;
        match (&self.outcome, self.slow_downs) {
            (Outcome::Expired(_), 1) => f.write_str(". The service asked to slow down once"),
            (Outcome::Expired(_), times @ 2..) => write!(
                f,
                ". The service asked to slow down {times} times. This machine's clock may run fast (as in WSL or a virtual \
                 machine), or another program may poll with the same code"
            ),
            _ => Ok(()),
        }
    }
}

impl Error for NotSignedIn {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match (self.given_up(), self.stop_reason()) {
            // `Display` has the reason itself.
            (Some(reason), _) => reason.source(),
            (None, Some(reason)) => reason.source(),
            (None, None) => self.transport.as_ref().map(|error| error as &(dyn Error + 'static)),
        }
    }
}

impl DeviceFlow {
    /// Returns the ended flow as a `Result`. It keeps the latest transport error if the outcome concerns
    /// transport.
    ///
    /// A flow that has not ended counts as cancelled.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::{Action, DeviceFlow, Failure, Outcome, Policy, Tick, TransportError};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let mut flow = DeviceFlow::new(service, policy.with_setup_retry_window(Duration::ZERO), None, Tick::ZERO);
    /// let Action::Send(pending) = flow.poll(Tick::ZERO) else { panic!("it registers") };
    /// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    /// flow.on_result(pending, Tick::ZERO, Err(TransportError::new(Failure::NotSent, refused)))?;
    /// let end = flow.into_result(Tick::ZERO).unwrap_err();
    /// assert!(matches!(end.outcome, Outcome::Unreachable { .. }));
    /// assert!(end.transport.is_some()); // the outcome speaks of it
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`NotSignedIn`] for every [`Outcome`].
    pub fn into_result(mut self, now: Tick) -> Result<SignedIn, SignInError> {
        self.requests.advance(now);
        self.cancel();
        let finished = Finished {
            transport: self.requests.take_cause(),
            stop: self.stop.take().map(|stop| *stop),
            prompted: self.prompts > 0,
            polls: self.polls(),
            slow_downs: self.slow_downs,
            elapsed: self.running_for(now),
            service: self.service.clone(),
            start_url: self.policy.start_url.clone(),
            scopes: self.policy.scopes.clone(),
        };
        finished.into_result(self.end(), now)
    }
}

/// A finished flow, beside its end.
pub(crate) struct Finished {
    pub(crate) transport: Option<TransportError>,
    pub(crate) stop: Option<Stop>,
    pub(crate) prompted: bool,
    pub(crate) polls: u32,
    pub(crate) slow_downs: u32,
    pub(crate) elapsed: Duration,
    pub(crate) service: Service,
    /// Empty without one.
    pub(crate) start_url: String,
    pub(crate) scopes: Vec<String>,
}

impl Finished {
    pub(crate) fn into_result(self, end: End, now: Tick) -> Result<SignedIn, SignInError> {
        let Self { transport, stop, prompted, polls, slow_downs, elapsed, service, start_url, scopes } = self;
        let (outcome, client) = match end {
            End::Granted(granted) => {
                let Granted { token, requested_at, registration, newly_registered } = *granted;
                return Ok(SignedIn {
                    token,
                    token_age: now.since(requested_at),
                    registration,
                    newly_registered,
                    service,
                    start_url: Some(start_url).filter(|url| !url.is_empty()),
                    scopes,
                    polls,
                    elapsed,
                });
            }
            End::WithoutToken(end) => (end.outcome, end.client),
            End::Cancelled(client) => (Outcome::Cancelled, client.map(|client| *client)),
        };
        let transport = transport.filter(|_| outcome.is_about_transport());
        let newly_registered = client.as_ref().is_some_and(|client| client.origin.is_new());
        let registration = client.map(|client| client.registration);
        Err(Box::new(NotSignedIn {
            outcome,
            transport,
            stop,
            registration,
            newly_registered,
            prompted,
            polls,
            slow_downs,
            elapsed,
        }))
    }
}
