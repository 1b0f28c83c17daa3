//! A dialect: the wire format of the messages. It encodes and decodes, and has no state.

use core::fmt;

use crate::wire::Wire;
use crate::{
    Answer, Body, CreateTokenRequest, DeviceAuthorization, Fault, Operation, RegisterClientRequest,
    Registration, StartDeviceAuthorizationRequest, Token, aws, decode, oauth,
};

/// The wire format of the messages. All dialects share the domain types.
///
/// Exhaustive on purpose: a third dialect must break each `match` on the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a third dialect has to break the build where the two are told apart"
)]
pub enum Dialect {
    /// AWS SSO OIDC (API version 2019-06-10, protocol restJson1): JSON both ways, camelCase members, snake_case error
    /// bodies, the exception's name in `x-amzn-ErrorType`.
    #[default]
    Aws,
    /// OAuth 2.0 with the device authorization grant (RFC 8628): form-encoded requests, snake_case JSON
    /// responses.
    OAuth,
}

/// `aws` or `oauth`, for logs.
impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aws => "aws",
            Self::OAuth => "oauth",
        })
    }
}

/// A request of one operation, with the type of its success. Sealed: the three request types implement it.
pub trait Call: Wire<Success = <Self as Call>::Answer> {
    /// The success of the operation.
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

/// A decoded request, on the server's side.
///
/// Exhaustive on purpose: a server handles every operation.
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
    /// Client side: decodes the response to a `C`, by body first and status second. An error inside a 200 is
    /// a fault, and a success is judged by its members.
    ///
    /// ```
    /// use oidc_proto::{Answer, CreateTokenRequest, Dialect, FaultCode};
    ///
    /// let response = http::Response::builder().status(200).body(r#"{"error":"authorization_pending"}"#)?;
    /// match Dialect::OAuth.decode::<CreateTokenRequest, _>(&response) {
    ///     Answer::Fault(fault) => assert_eq!(fault.code, FaultCode::AuthorizationPending),
    ///     Answer::Success(_) | Answer::Indeterminate(_) | Answer::InvalidResponse(_) => {
    ///         panic!("an error is a fault whatever the status")
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn decode<C: Call, B: AsRef<[u8]>>(
        self,
        response: &http::Response<B>,
    ) -> Answer<<C as Call>::Answer> {
        decode::answer::<C, B>(self, response)
    }

    /// Server side: returns the operation of a request, from its method and path.
    ///
    /// ```
    /// use http::Method;
    /// use oidc_proto::{Dialect, Operation};
    ///
    /// assert_eq!(Dialect::Aws.operation(&Method::POST, "/token"), Ok(Operation::CreateToken));
    /// assert_eq!(Dialect::Aws.operation(&Method::POST, "/tokens").unwrap_err().status, 404);
    /// assert_eq!(Dialect::Aws.operation(&Method::GET, "/token").unwrap_err().status, 405);
    /// ```
    ///
    /// # Errors
    /// Returns the fault to send: 404 for an unknown path, 405 for another method than POST.
    pub fn operation(self, method: &http::Method, path: &str) -> Result<Operation, Fault> {
        match self {
            Self::Aws => aws::request::operation(method, path),
            Self::OAuth => oauth::operation(method, path),
        }
    }

    /// Server side: decodes the request of this operation, in AWS's dialect, where headers carry nothing.
    ///
    /// ```
    /// use oidc_proto::{Dialect, FaultCode, Operation, ServerRequest};
    ///
    /// let read = |body: &str| Dialect::Aws.decode_request(Operation::RegisterClient, body.as_bytes());
    /// match read(r#"{"clientName":"my-tool","clientType":"public"}"#)? {
    ///     ServerRequest::RegisterClient(request) => assert_eq!(request.client_name, "my-tool"),
    ///     other => panic!("{other:?}"),
    /// }
    /// assert_eq!(read("{}").unwrap_err().code, FaultCode::InvalidRequest);
    /// # Ok::<(), oidc_proto::Fault>(())
    /// ```
    ///
    /// # Errors
    /// As [`Dialect::decode_http_request`].
    pub fn decode_request(self, operation: Operation, body: &[u8]) -> Result<ServerRequest, Fault> {
        self.decode_http_request(operation, &http::HeaderMap::new(), body)
    }

    /// Server side: decodes the request of this operation. For a revocation, see
    /// [`oauth::RevocationRequest::decode_request`].
    ///
    /// ```
    /// use oidc_proto::oauth::Provider;
    /// use oidc_proto::{Client, CreateTokenRequest, Dialect, Grant, Operation, Secret, ServerRequest, Service};
    ///
    /// let client = Client::new("my-tool", Secret::from("s")).with_basic_authentication();
    /// let sent = CreateTokenRequest::new(client, Grant::device_code(Secret::from("dc")));
    /// let service = Service::from(Provider::new("https://id.example/device", "https://id.example/token")?);
    /// let request = service.encode_create_token(&sent);
    /// let (headers, body) = (request.headers(), request.body().as_ref());
    /// let read = Dialect::OAuth.decode_http_request(Operation::CreateToken, headers, body)?;
    /// assert_eq!(read, ServerRequest::CreateToken(sent));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the fault to send, which names the missing or malformed parameter: `InvalidRequestException`,
    /// `UnsupportedGrantTypeException`, and in the OAuth dialect `invalid_client` for a malformed
    /// `Authorization` header.
    pub fn decode_http_request(
        self,
        operation: Operation,
        headers: &http::HeaderMap,
        body: &[u8],
    ) -> Result<ServerRequest, Fault> {
        match operation {
            Operation::RegisterClient => {
                RegisterClientRequest::from_http(self, headers, body).map(ServerRequest::RegisterClient)
            }
            Operation::StartDeviceAuthorization => {
                StartDeviceAuthorizationRequest::from_http(self, headers, body)
                    .map(ServerRequest::StartDeviceAuthorization)
            }
            Operation::CreateToken => {
                CreateTokenRequest::from_http(self, headers, body).map(ServerRequest::CreateToken)
            }
            Operation::RevokeToken
            | Operation::IntrospectToken
            | Operation::GetRoleCredentials
            | Operation::ListAccountRoles
            | Operation::ListAccounts
            | Operation::Logout => Err(Fault::new(crate::FaultCode::InvalidRequest)
                .with_description("the operation is not part of a sign-in")),
        }
    }

    /// Server side: encodes the success of a `C`.
    ///
    /// ```
    /// use core::time::Duration;
    /// use oidc_proto::{Answer, CreateTokenRequest, Dialect, Secret, Token};
    ///
    /// let token = Token::bearer(Secret::from("access"), Duration::from_secs(3600));
    /// let response = Dialect::Aws.encode_success::<CreateTokenRequest>(&token);
    /// assert_eq!(response.status(), 200);
    /// assert_eq!(Dialect::Aws.decode::<CreateTokenRequest, _>(&response), Answer::Success(token));
    /// ```
    #[must_use]
    pub fn encode_success<C: Call>(self, answer: &<C as Call>::Answer) -> http::Response<Body> {
        C::success_to_http(self, answer)
    }

    /// Server side: encodes this fault.
    ///
    /// ```
    /// use oidc_proto::{Dialect, Fault, FaultCode};
    ///
    /// let response = Dialect::Aws.encode_fault(&Fault::new(FaultCode::SlowDown));
    /// assert_eq!(response.status(), 400);
    /// assert_eq!(response.headers()["x-amzn-errortype"], "SlowDownException");
    /// ```
    #[must_use]
    pub fn encode_fault(self, fault: &Fault) -> http::Response<Body> {
        match self {
            Self::Aws => aws::encode_fault(fault),
            Self::OAuth => oauth::encode_fault(fault),
        }
    }
}
