//! Generated sign-ins as values, for property tests, fuzz targets and scripts.
//!
//! [`ScriptedAnswer`] is the result of one request, [`Script`] the results of a sign-in's requests in order.
//! [`History`] adds the driver's part: clocks that go back, late wake-ups, lost requests, a cancellation. All
//! can be generated. With the feature `arbitrary` they implement `Arbitrary`, so they are the input of a fuzz
//! target. With the feature `proptest` there are [`strategies`] of the same distribution. This crate's own
//! tests and fuzz targets use them.
//!
//! # Property-testing your sign-in
//!
//! A program's own promises must hold in every sign-in. This one records what it shows, and must never show a
//! code twice:
//!
//! ```
//! use device_flow::script::{History, strategies};
//! use device_flow::{DeviceFlow, Policy, Tick};
//! use oidc_proto::Endpoint;
//! use proptest::prelude::*;
//!
//! proptest! {
//!     fn no_code_is_shown_twice(history in strategies::history()) {
//!         let service = Endpoint::for_region("eu-west-1").unwrap();
//!         let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
//!         let mut flow = DeviceFlow::new(service, policy, None, Tick::ZERO);
//!         let played = history.play(&mut flow, Tick::ZERO);
//!         prop_assert!(played.prompts.len() <= 1);
//!         prop_assert!(flow.outcome().is_some());
//!     }
//! }
//! no_code_is_shown_twice();
//! ```
//!
//! To test a whole program, a script [answers](Script::answers) its adapter. The test then owns HTTP client,
//! clock and service, and ten minutes take no real time. The adapters' page on embedding has an example.
//! `examples/runtime` does both outside of this crate, with fuzz targets.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a sign-in has three operations, and the last one stands for all others"
)]

mod generate;
mod history;
#[cfg(feature = "proptest")]
pub mod strategies;

use core::fmt;
use core::time::Duration;

use http::{Request, Response, header};
use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, Dialect, Fault, FaultCode, Indeterminate,
    InvalidResponse, InvalidResponseKind, Operation, RegisterClientRequest, Registration, Secret, Service,
    StartDeviceAuthorizationRequest, Token,
};

pub use history::{Event, History, Played};

use crate::{Failure, Reply, ResponseBody, TransportError, VirtualTime};

/// The access token of every scripted success.
pub const ACCESS_TOKEN: &str = "scripted-access-token";

/// The result of one request of any operation.
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "tests make and match every kind")]
pub enum ScriptedAnswer {
    /// A success. The members are those of the codes. A registration has no expiry, and a token lives for
    /// eight hours.
    Success {
        /// The interval of the codes, if present.
        interval: Option<Duration>,
        /// The life of the codes.
        expires_in: Duration,
    },
    /// The service refuses, or asks the client to wait.
    Fault(Fault),
    /// A response without the service's verdict.
    Indeterminate(Indeterminate),
    /// A success without a required member.
    InvalidResponse,
    /// No response comes.
    Failed(Failure),
}

impl ScriptedAnswer {
    /// A success with a life of ten minutes and an interval of five seconds.
    pub const SUCCESS: Self =
        Self::Success { interval: Some(Duration::from_secs(5)), expires_in: Duration::from_secs(600) };

    /// Returns the service's fault with this code.
    ///
    /// ```
    /// use device_flow::script::ScriptedAnswer;
    /// use device_flow::{Operation, Reply};
    /// use oidc_proto::FaultCode;
    ///
    /// let reply = ScriptedAnswer::fault(FaultCode::SlowDown).reply(Operation::CreateToken);
    /// assert!(matches!(reply, Reply::Fault(fault) if fault.code == FaultCode::SlowDown));
    /// ```
    #[must_use]
    pub fn fault(code: FaultCode) -> Self {
        Self::Fault(Fault::new(code))
    }

    /// Returns the machine's reply to a request of this operation.
    #[must_use]
    pub fn reply(&self, operation: Operation) -> Reply {
        match self {
            Self::Success { interval, expires_in } => match operation {
                Operation::RegisterClient => Reply::Registered(registration()),
                Operation::StartDeviceAuthorization => {
                    Reply::Authorized(authorization(*interval, *expires_in))
                }
                _ => Reply::Granted(token()),
            },
            Self::Fault(fault) => Reply::Fault(fault.clone()),
            Self::Indeterminate(none) => Reply::Indeterminate(none.clone()),
            Self::InvalidResponse => Reply::InvalidResponse(invalid(operation)),
            Self::Failed(failure) => Reply::Failed(*failure),
        }
    }

    /// Returns the response on the wire, or the failure. Times are whole seconds there.
    ///
    /// ```
    /// use device_flow::script::ScriptedAnswer;
    /// use device_flow::{Failure, Operation};
    /// use oidc_proto::Dialect;
    ///
    /// let respond = |answer: ScriptedAnswer| answer.response(Operation::CreateToken, Dialect::OAuth);
    /// assert_eq!(respond(ScriptedAnswer::SUCCESS).unwrap().status(), 200);
    /// assert_eq!(respond(ScriptedAnswer::Failed(Failure::NotSent)).unwrap_err(), Failure::NotSent);
    /// ```
    ///
    /// # Errors
    /// Returns the failure, if no response comes.
    pub fn response(
        &self,
        operation: Operation,
        dialect: Dialect,
    ) -> Result<Response<ResponseBody>, Failure> {
        let response = match self {
            Self::Success { interval, expires_in } => match operation {
                Operation::RegisterClient => dialect.encode_success::<RegisterClientRequest>(&registration()),
                Operation::StartDeviceAuthorization => dialect
                    .encode_success::<StartDeviceAuthorizationRequest>(&authorization(
                        *interval,
                        *expires_in,
                    )),
                _ => dialect.encode_success::<CreateTokenRequest>(&token()),
            },
            Self::Fault(fault) => dialect.encode_fault(fault),
            Self::Indeterminate(none) => return Ok(page(none)),
            Self::InvalidResponse => return Ok(Response::new(ResponseBody::from("{}"))),
            Self::Failed(failure) => return Err(*failure),
        };
        Ok(response.map(|body| ResponseBody::from(body.as_ref())))
    }
}

/// Short, because a failing case is a list of them.
impl fmt::Debug for ScriptedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let retry_after = match self {
            Self::Success { interval, expires_in } => {
                return write!(f, "Success(interval {interval:?}, expires in {expires_in:?})");
            }
            Self::InvalidResponse => return f.write_str("InvalidResponse"),
            Self::Failed(failure) => return write!(f, "Failed({failure:?})"),
            Self::Fault(fault) => {
                write!(f, "Fault({} {}", fault.status, fault.code)?;
                fault.retry_after
            }
            Self::Indeterminate(none) => {
                write!(f, "Indeterminate({}", none.status)?;
                none.retry_after
            }
        };
        match retry_after {
            Some(wait) => write!(f, ", retry after {wait:?})"),
            None => f.write_str(")"),
        }
    }
}

/// Returns a page without text, with the status and the headers of this result.
fn page(none: &Indeterminate) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::from("<html></html>"));
    if let Ok(status) = http::StatusCode::from_u16(none.status) {
        *response.status_mut() = status;
    }
    if let Some(wait) = none.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, wait.as_secs().into());
    }
    response
}

fn registration() -> Registration {
    Registration::new(Client::new("scripted-client", Secret::from("scripted-client-secret")))
}

fn authorization(interval: Option<Duration>, expires_in: Duration) -> DeviceAuthorization {
    let code = Secret::from("scripted-device-code");
    let mut codes = DeviceAuthorization::new(code, "WDJB-MJHT", "https://device.example/", expires_in);
    codes.interval = interval;
    codes
}

fn token() -> Token {
    Token::bearer(Secret::from(ACCESS_TOKEN), Duration::from_secs(28_800))
}

fn invalid(operation: Operation) -> InvalidResponse {
    let member = match operation {
        Operation::RegisterClient => "clientId",
        Operation::StartDeviceAuthorization => "deviceCode",
        _ => "accessToken",
    };
    InvalidResponse::new(operation, member, InvalidResponseKind::Missing)
}

/// The results of a sign-in's requests, in order, with the duration of each. After its end every request
/// succeeds at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    steps: Vec<(Duration, ScriptedAnswer)>,
}

impl Script {
    /// Creates a script of these results, each at once.
    ///
    /// ```
    /// use device_flow::script::{Script, ScriptedAnswer};
    /// use oidc_proto::FaultCode::{AccessDenied, AuthorizationPending};
    ///
    /// let denied = Script::new([
    ///     ScriptedAnswer::SUCCESS, // RegisterClient
    ///     ScriptedAnswer::SUCCESS, // StartDeviceAuthorization
    ///     ScriptedAnswer::fault(AuthorizationPending),
    ///     ScriptedAnswer::fault(AccessDenied),
    /// ]);
    /// assert_eq!(denied.steps().len(), 4);
    /// ```
    #[must_use]
    pub fn new(answers: impl IntoIterator<Item = ScriptedAnswer>) -> Self {
        Self { steps: answers.into_iter().map(|answer| (Duration::ZERO, answer)).collect() }
    }

    /// Returns this script with one more result, which takes this long.
    #[must_use]
    pub fn then(mut self, took: Duration, answer: ScriptedAnswer) -> Self {
        self.steps.push((took, answer));
        self
    }

    /// Returns the steps: the duration and the result of each request.
    #[must_use]
    pub fn steps(&self) -> &[(Duration, ScriptedAnswer)] {
        &self.steps
    }

    /// Returns the script as an HTTP client: a closure for the adapters' `HttpClientBuilder::answered_by`, or
    /// for [`AnsweredBy`](crate::AnsweredBy). Each request advances the time by its duration.
    ///
    /// ```
    /// use device_flow::script::{Script, ScriptedAnswer};
    /// use device_flow::{AnsweredBy, Failure, VirtualTime};
    /// use oidc_proto::{Endpoint, Service};
    /// use std::time::Duration;
    ///
    /// let time = VirtualTime::default();
    /// let script = Script::default().then(Duration::from_secs(3), ScriptedAnswer::Failed(Failure::Unknown));
    /// let service = Service::from(Endpoint::for_region("eu-west-1")?);
    /// let client = AnsweredBy::new(script.answers(service, time.clone()));
    /// let request = http::Request::post("https://oidc.eu-west-1.amazonaws.com/token").body(&b"{}"[..])?;
    /// assert!(client.answer(&request).is_err() && time.now().elapsed() == Duration::from_secs(3));
    /// assert!(client.answer(&request).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn answers(
        self,
        service: Service,
        time: VirtualTime,
    ) -> impl FnMut(&Request<&[u8]>) -> Result<Response<ResponseBody>, TransportError> + Send + 'static {
        let mut steps = self.steps.into_iter();
        move |request| {
            let operation = service.operation_at(request.uri()).unwrap_or(Operation::CreateToken);
            let (took, answer) = steps.next().unwrap_or((Duration::ZERO, ScriptedAnswer::SUCCESS));
            time.pass(took);
            answer.response(operation, service.dialect()).map_err(TransportError::from)
        }
    }
}
