//! A dialect: how the messages look on the wire. It encodes and decodes, and holds nothing.

use crate::aws::{self, AwsCall};
use crate::{
    Answer, Body, CreateTokenRequest, DeviceAuthorization, Endpoint, Fault, Operation, RegisterClientRequest,
    Registration, Request, StartDeviceAuthorizationRequest, Token,
};

/// How the messages look on the wire. The domain types are the same for every dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Dialect {
    /// AWS SSO OIDC (API version 2019-06-10, protocol restJson1): JSON both ways, camelCase members, snake_case error
    /// bodies, the exception's name in `x-amzn-ErrorType`.
    #[default]
    Aws,
}

/// A request of one of the operations, which knows what its success looks like. Implemented by the three request
/// types and closed to others.
pub trait Call: AwsCall<Success = <Self as Call>::Answer> {
    /// What a success of the operation becomes.
    type Answer;
    /// The operation.
    const OPERATION: Operation;
}

impl Call for RegisterClientRequest {
    type Answer = Registration;
    const OPERATION: Operation = Operation::RegisterClient;
}

impl Call for StartDeviceAuthorizationRequest {
    type Answer = DeviceAuthorization;
    const OPERATION: Operation = Operation::StartDeviceAuthorization;
}

impl Call for CreateTokenRequest {
    type Answer = Token;
    const OPERATION: Operation = Operation::CreateToken;
}

/// A request as a server reads it.
///
/// Exhaustive on purpose: a server answers every operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a server answers every operation, so a new one has to break its build"
)]
pub enum ServerRequest {
    /// RegisterClient.
    RegisterClient(RegisterClientRequest),
    /// StartDeviceAuthorization.
    StartDeviceAuthorization(StartDeviceAuthorizationRequest),
    /// CreateToken.
    CreateToken(CreateTokenRequest),
}

impl Dialect {
    /// Client side: the request to send to this endpoint.
    #[must_use]
    pub fn encode<C: Call>(self, endpoint: &Endpoint, call: &C) -> Request {
        match self {
            Self::Aws => aws::encode_request(endpoint, call),
        }
    }

    /// Client side: the meaning of the response to a `C`. By body first, by status second: an error inside a 200 is
    /// a fault, and a success is judged by its members.
    pub fn decode<C: Call, B: AsRef<[u8]>>(self, response: &http::Response<B>) -> Answer<C::Answer> {
        match self {
            Self::Aws => {
                aws::decode_answer::<C>(response.status(), response.headers(), response.body().as_ref())
            }
        }
    }

    /// Server side: which operation the request asks for, from its method and path.
    ///
    /// # Errors
    /// A fault to answer with: 404 `UnknownOperationException` for an unknown path, 405 `MethodNotAllowedException`
    /// for another method than POST.
    pub fn operation(self, method: &http::Method, path: &str) -> Result<Operation, Fault> {
        match self {
            Self::Aws => aws::operation(method, path),
        }
    }

    /// Server side: the request of this operation with this body.
    ///
    /// # Errors
    /// A fault to answer with, which names what is missing or malformed: `InvalidRequestException`, or
    /// `UnsupportedGrantTypeException`.
    pub fn decode_request(self, operation: Operation, body: &[u8]) -> Result<ServerRequest, Fault> {
        match self {
            Self::Aws => aws::decode_request(operation, body),
        }
    }

    /// Server side: the response that says success to a `C`.
    #[must_use]
    pub fn encode_success<C: Call>(self, answer: &C::Answer) -> http::Response<Body> {
        match self {
            Self::Aws => aws::encode_success::<C>(answer),
        }
    }

    /// Server side: the response that says this fault.
    #[must_use]
    pub fn encode_fault(self, fault: &Fault) -> http::Response<Body> {
        match self {
            Self::Aws => aws::encode_fault(fault),
        }
    }
}
