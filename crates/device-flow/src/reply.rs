//! The driver's replies to the machine, and its mistakes.

use core::fmt;

use oidc_proto::{
    Answer, CreateTokenRequest, DeviceAuthorization, Fault, Indeterminate, InvalidResponse, Operation,
    RegisterClientRequest, Registration, StartDeviceAuthorizationRequest, Token,
};

use crate::PendingRequest;

/// The result of a request.
///
/// Exhaustive on purpose: only [`Reply::decode`] or a driver makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the machine's inputs are its contract")]
pub enum Reply {
    /// RegisterClient succeeded.
    Registered(Registration),
    /// StartDeviceAuthorization succeeded.
    Authorized(DeviceAuthorization),
    /// CreateToken succeeded.
    Granted(Token),
    /// The service refused, or asked the client to wait.
    Fault(Fault),
    /// A response without the service's verdict.
    Indeterminate(Indeterminate),
    /// A success without a required member.
    InvalidResponse(InvalidResponse),
    /// No response came.
    Failed(Failure),
}

/// The reason why no response came. It matters only for CreateToken: a device code is single-use, and a
/// request that reached the service may have spent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[expect(clippy::exhaustive_enums, reason = "the machine's inputs are its contract")]
pub enum Failure {
    /// The request cannot have reached the service: no DNS name, connection refused, TLS handshake failed.
    NotSent,
    /// A proxy refuses to forward the request, and a retry would be refused too: it requires a login, say, or
    /// forbids the host. The request did not reach the service.
    ProxyRefused,
    /// The request may have reached the service: time-out, connection reset, any error after the first byte.
    Unknown,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSent => "failed to connect to the service",
            Self::ProxyRefused => "a proxy refused to forward the request",
            Self::Unknown => "the connection failed or timed out before a response arrived",
        })
    }
}

impl Reply {
    /// Decodes a response to this request.
    ///
    /// ```
    /// # use device_flow::{Action, DeviceFlow, Policy, Reply, Tick};
    /// # use oidc_proto::Endpoint;
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let mut flow = DeviceFlow::new(service, policy, None, Tick::ZERO);
    /// let Action::Send(pending) = flow.poll(Tick::ZERO) else { panic!("it registers") };
    /// let page = http::Response::builder().status(502).body("<html>")?;
    /// let reply = Reply::decode(&pending, &page);
    /// assert!(matches!(reply, Reply::Indeterminate(_)));
    /// flow.on_reply(pending, Tick::ZERO, reply)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[expect(clippy::wildcard_enum_match_arm, reason = "no machine sends the other operations")]
    pub fn decode<B: AsRef<[u8]>>(pending: &PendingRequest, response: &http::Response<B>) -> Self {
        let PendingRequest { request, dialect, .. } = pending;
        match pending.operation() {
            Operation::RegisterClient => {
                let mut answer = dialect.decode::<RegisterClientRequest, _>(response);
                request.redact(&mut answer);
                Self::from_answer(answer, Self::Registered)
            }
            Operation::StartDeviceAuthorization => {
                let mut answer = dialect.decode::<StartDeviceAuthorizationRequest, _>(response);
                request.redact(&mut answer);
                Self::from_answer(answer, Self::Authorized)
            }
            Operation::CreateToken => {
                let mut answer = dialect.decode::<CreateTokenRequest, _>(response);
                request.redact(&mut answer);
                Self::from_answer(answer, Self::Granted)
            }
            _ => Self::Failed(Failure::Unknown),
        }
    }

    fn from_answer<T>(answer: Answer<T>, success: impl FnOnce(T) -> Self) -> Self {
        match answer {
            Answer::Success(value) => success(value),
            Answer::Fault(fault) => Self::Fault(fault),
            Answer::Indeterminate(indeterminate) => Self::Indeterminate(indeterminate),
            Answer::InvalidResponse(invalid) => Self::InvalidResponse(invalid),
        }
    }

    /// Returns the operation that this reply belongs to, if it is a success.
    pub(crate) const fn success_of(&self) -> Option<Operation> {
        match self {
            Self::Registered(_) => Some(Operation::RegisterClient),
            Self::Authorized(_) => Some(Operation::StartDeviceAuthorization),
            Self::Granted(_) => Some(Operation::CreateToken),
            Self::Fault(_) | Self::Indeterminate(_) | Self::InvalidResponse(_) | Self::Failed(_) => None,
        }
    }
}

/// A driver's mistake. The call changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ApiMisuse {
    /// The request belongs to another flow, was abandoned, or its flow has ended (for example by
    /// [`cancel`](crate::DeviceFlow::cancel)). Drop its result.
    #[error("the request is stale: it was abandoned, its flow has ended, or it belongs to another flow")]
    StaleRequest,
    /// A [`Renewal`](crate::renewal::Renewal) did not ask for this.
    #[error("the renewal did not ask for this")]
    NotAsked,
    /// The flow is for another service than the HTTP client, which would send its secrets by the wrong rules.
    /// No request was sent.
    #[error("the flow is for {flow}, but the HTTP client is for {client}")]
    OtherService {
        /// The flow's service.
        flow: String,
        /// The HTTP client's.
        client: String,
    },
    /// The reply is a success of another operation. The flow still waits, and the request is consumed:
    /// [`abandon`](crate::DeviceFlow::abandon) it.
    #[error("the reply is for {reply}, but the request was for {request}")]
    WrongOperation {
        /// The request's operation.
        request: Operation,
        /// The reply's operation.
        reply: Operation,
    },
}
