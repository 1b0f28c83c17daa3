//! A finished sign-in as a `Result`, the same for every adapter.

use core::fmt;
use core::time::Duration;
use std::error::Error;

use oidc_proto::oauth::MetadataError;
use oidc_proto::{Answer, Fault, NoVerdict, Operation, Registration, Token, Violation};

use crate::machine::{End, KnownClient};
use crate::{DeviceFlow, Failure, Granted, Outcome, Report, Tick};

/// A sign-in that ended with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedIn {
    /// The token.
    pub token: Token,
    /// How old the token may be: the time since the request that brought it was sent. Its life counts from there.
    pub token_age: Duration,
    /// The registration that was used; keep it for the next sign-in (AWS's are good for 90 days), and for refresh.
    pub registration: Registration,
    /// Whether it is a new one, so that a cache should store it.
    pub newly_registered: bool,
    /// How many CreateToken requests were sent.
    pub polls: u32,
    /// How long the whole sign-in took.
    pub elapsed: Duration,
}

impl SignedIn {
    /// How much of the access token's life is left, on the safe side; `None` if the service did not say how long it
    /// lives, as AWS always does.
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
    /// #         Action::Send(_, ticket) => flow.on_response(ticket, now, &http::Response::new(answers.next().unwrap()))?,
    /// #         Action::Wait(until) => now = until,
    /// #         Action::Prompt(_) => {}
    /// #         Action::AwaitReply | Action::Done => break,
    /// #     }
    /// # }
    /// // The token was asked for ten minutes ago, and lives for an hour:
    /// let now = now + Duration::from_secs(600);
    /// let signed_in = flow.into_result(now, None::<std::io::Error>)?;
    /// assert_eq!(signed_in.expires_in(), Some(Duration::from_secs(3000)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn expires_in(&self) -> Option<Duration> {
        self.token.expires_in.map(|life| life.saturating_sub(self.token_age))
    }
}

/// A sign-in that ended without a token. `E` is the adapter's transport error.
///
/// ```
/// use device_flow::{DeviceFlow, Policy, Tick};
/// use oidc_proto::Endpoint;
///
/// let service = Endpoint::for_region("eu-west-1")?;
/// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
/// let mut flow = DeviceFlow::new(service, policy, None, Tick::ZERO);
/// flow.cancel();
/// let end = flow.into_result(Tick::ZERO, None::<std::io::Error>).unwrap_err();
/// assert!(end.given_up().is_none()); // the program cancelled, not the driver
/// assert!(end.report().to_string().ends_with("outcome cancelled after 0 polls and 0.0 s"));
/// # Ok::<(), oidc_proto::EndpointError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct NotSignedIn<E> {
    /// How it ended.
    pub outcome: Outcome,
    /// The cause behind [`Outcome::Unreachable`] and the like: the latest transport error, if the end has to do
    /// with one. With [`Outcome::Cancelled`], why the driver gave up, if it was the driver.
    pub transport: Option<E>,
    /// The registration in use at the end, if there was one; not one that the service rejected.
    pub registration: Option<Registration>,
    /// Whether it is a new one, so that a cache should store it.
    pub newly_registered: bool,
    /// Whether the person was shown a code, which is of no use any more. Without one there is nothing to say of a page.
    pub prompted: bool,
    /// How many CreateToken requests were sent.
    pub polls: u32,
    /// How long it took.
    pub elapsed: Duration,
}

impl<E> NotSignedIn<E> {
    /// Why the driver gave up, if it was the driver and not whoever embeds it: both are [`Outcome::Cancelled`].
    #[must_use]
    pub fn given_up(&self) -> Option<&E> {
        self.transport.as_ref().filter(|_| self.outcome == Outcome::Cancelled)
    }
}

impl<E: Error + 'static> NotSignedIn<E> {
    /// All that is known about the end, with the causes, the request's id, the polls and the time: for a log or a support
    /// ticket. `Display` is the first line of it, for the person.
    #[must_use]
    pub const fn report(&self) -> Report<'_, E> {
        Report(self)
    }
}

/// What happened, and what to do. A driver that gave up is not taken for a person who cancelled: it says why.
impl<E: fmt::Display> fmt::Display for NotSignedIn<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.given_up() {
            Some(reason) => write!(f, "the sign-in was given up: {reason}"),
            None => self.outcome.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for NotSignedIn<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self.given_up() {
            // `Display` says the reason itself.
            Some(reason) => reason.source(),
            None => self.transport.as_ref().map(|error| error as &(dyn Error + 'static)),
        }
    }
}

impl DeviceFlow {
    /// The ended flow as a `Result`. `transport` is the driver's latest transport error; it is kept where the outcome
    /// speaks of transport.
    ///
    /// A flow that has not ended counts as cancelled: whoever stops driving it has given up.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::{Action, DeviceFlow, Failure, Outcome, Policy, Reply, Tick};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let mut flow = DeviceFlow::new(service, policy.with_setup_patience(Duration::ZERO), None, Tick::ZERO);
    /// let Action::Send(_, ticket) = flow.poll(Tick::ZERO) else { panic!("it registers") };
    /// flow.on_reply(ticket, Tick::ZERO, Reply::Failed(Failure::NotSent))?;
    /// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    /// let end = flow.into_result(Tick::ZERO, Some(refused)).unwrap_err();
    /// assert!(matches!(end.outcome, Outcome::Unreachable { .. }));
    /// assert!(end.transport.is_some()); // the outcome speaks of it
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`NotSignedIn`], for every [`Outcome`].
    pub fn into_result<E>(self, now: Tick, transport: Option<E>) -> Result<SignedIn, Box<NotSignedIn<E>>> {
        let (polls, elapsed, prompted) = (self.polls(), self.running_for(now), self.prompts > 0);
        let (outcome, client) = match self.end() {
            End::Granted(granted) => {
                let Granted { token, requested_at, registration, newly_registered } = *granted;
                let token_age = now.since(requested_at);
                return Ok(SignedIn { token, token_age, registration, newly_registered, polls, elapsed });
            }
            End::WithoutToken(end) => (end.outcome, end.client),
            End::Cancelled(client) => (Outcome::Cancelled, client.map(|client| *client)),
        };
        let transport = transport.filter(|_| outcome.is_about_transport());
        let newly_registered = client.as_ref().is_some_and(KnownClient::is_new);
        let registration = client.map(|client| client.registration);
        Err(Box::new(NotSignedIn {
            outcome,
            transport,
            registration,
            newly_registered,
            prompted,
            polls,
            elapsed,
        }))
    }
}

/// Why a request got no usable response, in an adapter whose HTTP client has errors of type `E`.
///
/// ```
/// use device_flow::TransportError;
/// use std::io;
///
/// let reset = TransportError::from(io::Error::from(io::ErrorKind::ConnectionReset));
/// assert!(!reset.is_final());
/// let elsewhere = TransportError::<io::Error>::redirected(Some("evil.example"));
/// assert!(elsewhere.is_final() && elsewhere.to_string().contains("evil.example"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError<E: Error + 'static> {
    /// The HTTP client's own error.
    #[error(transparent)]
    Client(#[from] E),
    /// The HTTP client went to another URL than the one it was given, so it follows redirects, and the secrets in the
    /// request may be there now (RFC 9700 §4.12). Only a client that the embedding program brought along can do this.
    /// Nothing more is sent through it.
    #[error(
        "the HTTP client went on to {host} by itself, and the request's secrets perhaps with it. Give it one that \
         follows no redirects"
    )]
    #[non_exhaustive]
    Redirected {
        /// The host that the client ended up at.
        host: String,
    },
}

impl<E: Error + 'static> TransportError<E> {
    /// A client that ended up at this host.
    pub fn redirected(host: Option<&str>) -> Self {
        Self::Redirected { host: oidc_proto::printable(host.unwrap_or("another place")).to_string() }
    }

    /// Whether nothing more may be sent through this client.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Redirected { .. })
    }
}

/// Why one plain call of an operation did not succeed. `E` is the adapter's transport error.
///
/// `Display` never quotes a body; it carries the service's own words without control characters.
///
/// ```
/// use device_flow::{CallError, Failure};
/// use oidc_proto::{Fault, FaultCode};
/// use std::io;
///
/// let mut fault = Fault::new(FaultCode::SlowDown);
/// fault.request_id = Some("4711".to_owned());
/// assert_eq!(CallError::<io::Error>::Fault(fault).request_id(), Some("4711"));
/// let lost = CallError::transport(Failure::Unknown, io::Error::from(io::ErrorKind::ConnectionReset));
/// assert_eq!(lost.request_id(), None);
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError<E: Error + 'static> {
    /// The service said no, or not yet.
    #[error("{0}")]
    Fault(Fault),
    /// A response came that is not the service's word.
    #[error("the service did not answer properly: {0}")]
    NoVerdict(NoVerdict),
    /// A success came without what it must have.
    #[error("{0}")]
    Violation(Violation),
    /// The endpoint has no URL for this operation, so nothing was sent.
    #[error("the service has no endpoint for {0}")]
    NotOffered(Operation),
    /// No response came.
    #[error("{failure}")]
    #[non_exhaustive]
    Transport {
        /// Whether the request may have been seen.
        failure: Failure,
        /// The cause.
        source: E,
    },
}

impl<E: Error + 'static> CallError<E> {
    /// The service's id of the request, to quote to support, if a response had one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Fault(fault) => fault.request_id.as_deref(),
            Self::NoVerdict(no_verdict) => no_verdict.request_id.as_deref(),
            Self::Violation(violation) => violation.request_id.as_deref(),
            Self::NotOffered(_) | Self::Transport { .. } => None,
        }
    }

    /// A request that got no response.
    pub const fn transport(failure: Failure, source: E) -> Self {
        Self::Transport { failure, source }
    }

    /// An answer as a `Result`.
    ///
    /// ```
    /// use device_flow::CallError;
    /// use oidc_proto::{CreateTokenRequest, Dialect, FaultCode};
    ///
    /// let response = http::Response::builder().status(400).body(r#"{"error":"slow_down"}"#)?;
    /// let answer = Dialect::Aws.decode::<CreateTokenRequest, _>(&response);
    /// match CallError::<std::io::Error>::from_answer(answer) {
    ///     Err(CallError::Fault(fault)) => assert_eq!(fault.code, FaultCode::SlowDown),
    ///     other => panic!("{other:?}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Every answer but a success.
    pub fn from_answer<T>(answer: Answer<T>) -> Result<T, Self> {
        match answer {
            Answer::Success(value) => Ok(value),
            Answer::Fault(fault) => Err(Self::Fault(fault)),
            Answer::NoVerdict(no_verdict) => Err(Self::NoVerdict(no_verdict)),
            Answer::Violation(violation) => Err(Self::Violation(violation)),
        }
    }
}

/// Why a provider's metadata could not be had or used. `B` is the adapter's error of building a client, `E` its
/// transport error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError<B: Error + 'static, E: Error + 'static> {
    /// The HTTP client could not be built.
    #[error(transparent)]
    Build(B),
    /// The client is for a provider whose URLs are known, so there is no issuer to ask.
    #[error("the provider's URLs are given already, so there is no issuer to ask for its metadata")]
    NoIssuer,
    /// The issuer is no URL that metadata can be under.
    #[error("the issuer cannot be used")]
    Issuer(#[source] oidc_proto::EndpointError),
    /// No response came from either address.
    #[error("the provider's metadata could not be fetched")]
    Transport(#[source] E),
    /// What came is not the metadata of this issuer, or no way to sign in.
    #[error(transparent)]
    Metadata(MetadataError),
}
