//! The trait that encodes and decodes one operation's messages in every dialect.
//!
//! The implementations look alike on purpose: each names its functions, and the compiler checks their types.

use http::HeaderMap;
use http::header::HeaderValue;

use crate::answer_members::AnswerMembers;
use crate::{
    Body, CreateTokenRequest, DeviceAuthorization, Dialect, Fault, InvalidResponse, RegisterClientRequest,
    Registration, StartDeviceAuthorizationRequest, Token, aws, oauth,
};

/// The body of a request, and the `Authorization` header if the client authenticates with one.
#[derive(Debug)]
#[expect(unnameable_types, reason = "a part of `Wire`")]
pub struct Payload {
    pub(crate) body: Vec<u8>,
    pub(crate) authorization: Option<HeaderValue>,
}

impl From<Vec<u8>> for Payload {
    fn from(body: Vec<u8>) -> Self {
        Self { body, authorization: None }
    }
}

/// One operation's messages on the wire. No other crate can name this trait, so [`crate::Call`] is sealed.
#[expect(unnameable_types, reason = "it closes `Call` to other crates")]
pub trait Wire: Sized {
    /// The type of a success.
    type Success;
    /// Encodes the request.
    fn payload(&self, dialect: Dialect) -> Payload;
    /// Decodes the request with these headers and this body, or returns the fault to send.
    fn from_http(dialect: Dialect, headers: &HeaderMap, body: &[u8]) -> Result<Self, Fault>;
    /// Encodes a success.
    fn success_to_http(dialect: Dialect, success: &Self::Success) -> http::Response<Body>;
    /// Returns whether these members contain a grant, which is given only once. The response is then a
    /// success.
    fn is_granted(_: &AnswerMembers<'_>) -> bool {
        false
    }
    /// Returns the success with these members, or the member that violates the API.
    fn success_from(dialect: Dialect, members: AnswerMembers<'_>) -> Result<Self::Success, InvalidResponse>;
    /// Keeps the members of the body that a success has no field for.
    fn keep_extra(_: &mut Self::Success, _: &[u8]) {}
}

impl Wire for RegisterClientRequest {
    type Success = Registration;

    fn payload(&self, dialect: Dialect) -> Payload {
        match dialect {
            Dialect::Aws => aws::request::register_to_body(self).into(),
            Dialect::OAuth => oauth::register::to_body(self).into(),
        }
    }

    fn from_http(dialect: Dialect, _: &HeaderMap, body: &[u8]) -> Result<Self, Fault> {
        match dialect {
            Dialect::Aws => aws::request::register_from(body),
            Dialect::OAuth => oauth::register::from_body(body),
        }
    }

    fn success_to_http(dialect: Dialect, success: &Registration) -> http::Response<Body> {
        match dialect {
            Dialect::Aws => ok(aws::answer::registration_to_body(success)),
            Dialect::OAuth => {
                crate::json::response(http::StatusCode::CREATED, oauth::register::success_to_body(success))
            }
        }
    }

    fn success_from(dialect: Dialect, members: AnswerMembers<'_>) -> Result<Registration, InvalidResponse> {
        match dialect {
            Dialect::Aws => aws::answer::registration_from(members),
            Dialect::OAuth => oauth::register::success_from(members),
        }
    }
}

impl Wire for StartDeviceAuthorizationRequest {
    type Success = DeviceAuthorization;

    fn payload(&self, dialect: Dialect) -> Payload {
        match dialect {
            Dialect::Aws => aws::request::start_to_body(self).into(),
            Dialect::OAuth => oauth::request::start_to_payload(self),
        }
    }

    fn from_http(dialect: Dialect, headers: &HeaderMap, body: &[u8]) -> Result<Self, Fault> {
        match dialect {
            Dialect::Aws => aws::request::start_from(body),
            Dialect::OAuth => oauth::request::start_from(headers, body),
        }
    }

    fn success_to_http(dialect: Dialect, success: &DeviceAuthorization) -> http::Response<Body> {
        ok(match dialect {
            Dialect::Aws => aws::answer::authorization_to_body(success),
            Dialect::OAuth => oauth::answer::authorization_to_body(success),
        })
    }

    fn success_from(
        dialect: Dialect,
        members: AnswerMembers<'_>,
    ) -> Result<DeviceAuthorization, InvalidResponse> {
        match dialect {
            Dialect::Aws => aws::answer::authorization_from(members),
            Dialect::OAuth => oauth::answer::authorization_from(members),
        }
    }
}

impl Wire for CreateTokenRequest {
    type Success = Token;

    fn payload(&self, dialect: Dialect) -> Payload {
        match dialect {
            Dialect::Aws => aws::request::create_token_to_body(self).into(),
            Dialect::OAuth => oauth::request::create_token_to_payload(self),
        }
    }

    fn from_http(dialect: Dialect, headers: &HeaderMap, body: &[u8]) -> Result<Self, Fault> {
        match dialect {
            Dialect::Aws => aws::request::create_token_from(body),
            Dialect::OAuth => oauth::request::create_token_from(headers, body),
        }
    }

    fn success_to_http(dialect: Dialect, success: &Token) -> http::Response<Body> {
        ok(match dialect {
            Dialect::Aws => aws::answer::token_to_body(success),
            Dialect::OAuth => oauth::answer::token_to_body(success),
        })
    }

    fn is_granted(members: &AnswerMembers<'_>) -> bool {
        members.access_token.non_empty().is_some()
    }

    fn success_from(dialect: Dialect, members: AnswerMembers<'_>) -> Result<Token, InvalidResponse> {
        match dialect {
            Dialect::Aws => aws::answer::token_from(members),
            Dialect::OAuth => oauth::answer::token_from(members),
        }
    }

    fn keep_extra(token: &mut Token, body: &[u8]) {
        token.extra = crate::granted::extra(body);
    }
}

fn ok(body: Vec<u8>) -> http::Response<Body> {
    let mut response = crate::json::response(http::StatusCode::OK, body);
    // RFC 6749 §5.1 requires both headers. `Pragma` is for HTTP/1.0 caches.
    response.headers_mut().insert(http::header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
