//! Observers: the events that a driver reports to the program.

use core::error::Error;
use core::fmt;
use core::time::Duration;

use http::Response;
use oidc_proto::{Operation, REQUEST_ID};

use crate::{DeviceFlow, Failure, Flow, Phase, ResponseBody, Tick, TransientError, TransportError};

/// Receives the prompt and the events around it. Every adapter takes one, by value or by `&mut`.
///
/// If only the prompt matters, pass a closure to the adapters' `Login::run`, or an [`OnPrompt`] around one to
/// `HttpClient::drive`.
///
/// ```
/// use device_flow::{Exchange, Observer, Status, Stop, UserPrompt};
/// use oidc_proto::Operation;
///
/// /// Remembers what it was told, in order.
/// #[derive(Default)]
/// struct Journal(Vec<String>);
///
/// impl Observer for Journal {
///     fn prompt(&mut self, prompt: &UserPrompt) -> Result<(), Stop> {
///         self.0.push(format!("show {}", prompt.verification_uri));
///         Ok(())
///     }
///     fn sending(&mut self, operation: Operation) {
///         self.0.push(format!("send {operation}"));
///     }
///     fn exchanged(&mut self, exchange: &Exchange<'_>) {
///         self.0.push(format!("status {:?} after {:?}", exchange.status, exchange.took));
///     }
///     fn waiting(&mut self, status: &Status<'_>) {
///         self.0.push(format!("wait for {:?}", status.wait()));
///     }
/// }
/// # let mut journal = Journal::default();
/// # journal.sending(Operation::CreateToken);
/// # assert_eq!(journal.0, ["send CreateToken"]);
/// ```
pub trait Observer<F: Flow = DeviceFlow> {
    /// Shows the prompt to the person. Called once, and once more if a rejected cached registration voided
    /// the first codes.
    ///
    /// ```
    /// # use device_flow::{Observer, Stop, UserPrompt};
    /// use std::io::Write;
    ///
    /// /// Writes to a pipe, which the other side may have closed.
    /// struct Piped<W>(W);
    ///
    /// impl<W: Write> Observer for Piped<W> {
    ///     fn prompt(&mut self, prompt: &UserPrompt) -> Result<(), Stop> {
    ///         writeln!(self.0, "{prompt}")?;
    ///         Ok(self.0.flush()?)
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// Returns [`Stop`] to end the sign-in. The flow sends nothing more, and
    /// [`NotSignedIn::stop`](crate::NotSignedIn::stop) has the reason. `?` converts an `Error`.
    fn prompt(&mut self, prompt: &F::Prompt) -> Result<(), Stop>;

    /// Reports that a request is about to be sent.
    #[expect(unused_variables, reason = "named for those who write their own")]
    fn sending(&mut self, operation: Operation) {}

    /// Reports the result of a request.
    #[expect(unused_variables, reason = "named for those who write their own")]
    fn exchanged(&mut self, exchange: &Exchange<'_>) {}

    /// Reports that the driver is about to wait. No request is in flight, so this is the moment to save
    /// [`Status::flow`].
    #[expect(unused_variables, reason = "named for those who write their own")]
    fn waiting(&mut self, status: &Status<'_, F>) {}
}

/// Forwards the calls to another observer.
macro_rules! observe_through {
    ($($pointer:ty),*) => {$(
        impl<F: Flow, O: Observer<F> + ?Sized> Observer<F> for $pointer {
            fn prompt(&mut self, prompt: &F::Prompt) -> Result<(), Stop> {
                (**self).prompt(prompt)
            }
            fn sending(&mut self, operation: Operation) {
                (**self).sending(operation);
            }
            fn exchanged(&mut self, exchange: &Exchange<'_>) {
                (**self).exchanged(exchange);
            }
            fn waiting(&mut self, status: &Status<'_, F>) {
                (**self).waiting(status);
            }
        }
    )*};
}

observe_through!(&mut O, Box<O>);

/// Ignores everything, for a flow whose prompt the person has already seen.
impl<F: Flow> Observer<F> for () {
    fn prompt(&mut self, _: &F::Prompt) -> Result<(), Stop> {
        Ok(())
    }
}

/// Forwards everything to both, in order.
impl<F: Flow, A: Observer<F>, B: Observer<F>> Observer<F> for (A, B) {
    fn prompt(&mut self, prompt: &F::Prompt) -> Result<(), Stop> {
        self.0.prompt(prompt)?;
        self.1.prompt(prompt)
    }
    fn sending(&mut self, operation: Operation) {
        self.0.sending(operation);
        self.1.sending(operation);
    }
    fn exchanged(&mut self, exchange: &Exchange<'_>) {
        self.0.exchanged(exchange);
        self.1.exchanged(exchange);
    }
    fn waiting(&mut self, status: &Status<'_, F>) {
        self.0.waiting(status);
        self.1.waiting(status);
    }
}

/// A closure that receives the prompt. It ignores everything else.
///
/// ```
/// use device_flow::{Observer, OnPrompt, UserPrompt};
///
/// fn is_observer(_: impl Observer) {}
/// is_observer(OnPrompt(|prompt: &UserPrompt| eprintln!("{prompt}")));
/// ```
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "it is made by its closure")]
pub struct OnPrompt<F>(pub F);

impl<F: Flow, C: FnMut(&F::Prompt)> Observer<F> for OnPrompt<C> {
    fn prompt(&mut self, prompt: &F::Prompt) -> Result<(), Stop> {
        self.0(prompt);
        Ok(())
    }
}

/// A closure that receives the prompt, and whose error [stops](Stop) the sign-in.
///
/// ```
/// use device_flow::{Observer, TryOnPrompt, UserPrompt};
/// use std::io::Write;
///
/// fn is_observer(_: impl Observer) {}
/// is_observer(TryOnPrompt(|prompt: &UserPrompt| writeln!(std::io::stderr(), "{prompt}")));
/// ```
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "it is made by its closure")]
pub struct TryOnPrompt<F>(pub F);

impl<F: Flow, C: FnMut(&F::Prompt) -> Result<(), E>, E: Into<Stop>> Observer<F> for TryOnPrompt<C> {
    fn prompt(&mut self, prompt: &F::Prompt) -> Result<(), Stop> {
        self.0(prompt).map_err(Into::into)
    }
}

/// A closure that receives each wait, for a status line.
///
/// ```
/// use device_flow::{Observer, OnPrompt, OnWait, Status, UserPrompt};
///
/// fn is_observer(_: impl Observer) {}
/// is_observer((
///     OnPrompt(|prompt: &UserPrompt| eprintln!("{prompt}")),
///     OnWait(|status: &Status<'_>| eprintln!("{:?} left", status.code_left())),
/// ));
/// ```
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "it is made by its closure")]
pub struct OnWait<F>(pub F);

/// A closure has no `Debug`.
macro_rules! debug_by_name {
    ($($name:ident),*) => {$(
        impl<F> fmt::Debug for $name<F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}

debug_by_name!(OnPrompt, TryOnPrompt, OnWait);

impl<F: Flow, C: FnMut(&Status<'_, F>)> Observer<F> for OnWait<C> {
    fn prompt(&mut self, _: &F::Prompt) -> Result<(), Stop> {
        Ok(())
    }
    fn waiting(&mut self, status: &Status<'_, F>) {
        self.0(status);
    }
}

/// An observer's reason to end a sign-in. `?` converts an `Error`, [`Stop::because`] a text or a boxed error;
/// [`Stop::default`] has no reason.
///
/// It is not an `Error` itself, because two conversions would then conflict.
///
/// ```
/// use device_flow::Stop;
/// use std::fs;
///
/// fn shown() -> Result<(), Stop> {
///     fs::write("/nowhere/at/all", "code")?;
///     Ok(())
/// }
/// assert!(shown().unwrap_err().reason().is_some_and(|error| error.is::<std::io::Error>()));
/// assert!(Stop::default().reason().is_none());
/// ```
#[derive(Debug, Default)]
pub struct Stop(Option<Box<dyn Error + Send + Sync>>);

impl Stop {
    /// Creates a stop for this reason: an error, a boxed error, or a text.
    ///
    /// ```
    /// use device_flow::Stop;
    /// let stop = Stop::because("the window is closed");
    /// assert_eq!(stop.reason().map(ToString::to_string).as_deref(), Some("the window is closed"));
    /// ```
    #[must_use]
    pub fn because(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Some(reason.into()))
    }

    /// Returns the error that is the reason, if there is one.
    #[must_use]
    pub fn reason(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.0.as_deref()
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Stop {
    fn from(error: E) -> Self {
        Self(Some(Box::new(error)))
    }
}

/// A request and its result, without secrets: see
/// [`PendingRequest::exchange`](crate::PendingRequest::exchange).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Exchange<'a> {
    /// The operation.
    pub operation: Operation,
    /// The number of the request among those of its operation, counted from 1.
    pub attempt: u32,
    /// The time from sending to the last byte that was read.
    pub took: Duration,
    /// The HTTP status, if a response came.
    pub status: Option<u16>,
    /// `x-amzn-RequestId`, for AWS's support, if present.
    pub request_id: Option<&'a str>,
    /// Whether the response's body broke off.
    pub broken: bool,
    /// The reason why no response came, if none did.
    pub failure: Option<Failure>,
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(
        operation: Operation,
        attempt: u32,
        took: Duration,
        result: &'a Result<Response<ResponseBody>, TransportError>,
    ) -> Self {
        let (status, request_id, broken, failure) = match result {
            Ok(response) => {
                let request_id = response.headers().get(&REQUEST_ID).and_then(|id| id.to_str().ok());
                (Some(response.status().as_u16()), request_id, response.body().is_broken(), None)
            }
            Err(error) => (None, None, false, Some(error.failure())),
        };
        Self { operation, attempt, took, status, request_id, broken, failure }
    }
}

/// A waiting flow, for a status line.
#[derive(Debug)]
#[non_exhaustive]
pub struct Status<'a, F = DeviceFlow> {
    /// The flow itself. It can be saved now, because no request is in flight.
    pub flow: &'a F,
    /// The phase: waiting for the person, or for the next attempt before the prompt.
    pub phase: Phase,
    /// The time now.
    pub now: Tick,
    /// The time of the next request.
    pub until: Tick,
    /// The code's expiry, once there is one. In the code flow: the end of the person's time.
    pub deadline: Option<Tick>,
    /// The number of CreateToken requests sent.
    pub polls: u32,
    /// The latest error since the last verdict.
    pub error: Option<&'a TransientError>,
    /// Its transport error, if no response came and the driver told why.
    pub cause: Option<&'a TransportError>,
}

/// Not derived, because a flow is not `Clone`.
impl<F> Clone for Status<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Status<'_, F> {}

impl<'a, F: Flow> Status<'a, F> {
    /// Creates the status of a flow that returned [`Action::Wait`](crate::Action::Wait) with `until`.
    ///
    /// ```
    /// # use device_flow::{Action, DeviceFlow, Failure, Phase, Policy, Reply, Status, Tick};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let now = Tick::ZERO;
    /// # let mut flow = DeviceFlow::new(service, policy, None, now);
    /// # let Action::Send(pending) = flow.poll(now) else { panic!("it registers") };
    /// # flow.on_reply(pending, now, Reply::Failed(Failure::NotSent))?;
    /// let Action::Wait(until) = flow.poll(now) else { panic!("it tries again later") };
    /// let status = Status::of(&flow, now, until);
    /// assert_eq!((status.phase, status.polls), (Phase::Registering, 0));
    /// assert!(status.error.is_some() && status.wait() > core::time::Duration::ZERO);
    /// assert_eq!(status.code_left(), None); // there is no code yet
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of(flow: &'a F, now: Tick, until: Tick) -> Self {
        Self {
            flow,
            phase: flow.phase(),
            now,
            until,
            deadline: flow.deadline(),
            polls: flow.polls(),
            error: flow.error(),
            cause: flow.cause(),
        }
    }

    /// Returns the length of the wait.
    #[must_use]
    pub fn wait(&self) -> Duration {
        self.until.since(self.now)
    }

    /// Returns the code's remaining life, once there is one.
    #[must_use]
    pub fn code_left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.since(self.now))
    }
}
