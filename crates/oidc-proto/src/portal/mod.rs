//! The portal API of IAM Identity Center: the accounts and roles of a signed-in person, and the credentials
//! of a role. It is AWS's service "SSO", API version 2019-06-10.
//!
//! | operation | request | what a success becomes |
//! |---|---|---|
//! | ListAccounts, `GET /assignment/accounts` | [`ListAccountsRequest`] | a [`Page`] of [`AccountInfo`] |
//! | ListAccountRoles, `GET /assignment/roles` | [`ListAccountRolesRequest`] | a [`Page`] of [`RoleInfo`] |
//! | GetRoleCredentials, `GET /federation/credentials` | [`GetRoleCredentialsRequest`] | [`RoleCredentials`] |
//! | Logout, `POST /logout` | [`LogoutRequest`] | nothing |
//!
//! Every request carries the access token of the sign-in, in the header `x-amz-sso_bearer_token`. The portal
//! is at another host than the sign-in: [`Endpoint::regional`](crate::Endpoint::regional) with
//! [`Api::Portal`](crate::Api::Portal).
//!
//! ```
//! use oidc_proto::portal::{ListAccountsRequest, PortalCall, PortalFault};
//! use oidc_proto::{Answer, Api, Endpoint, Secret, Service, Variant};
//!
//! let portal = Service::from(Endpoint::regional(Api::Portal, "eu-west-1", Variant::default())?);
//! let call = ListAccountsRequest::default();
//! let request = call.encode(&portal, &Secret::from("access-token")).ok_or("AWS has it")?;
//! assert_eq!(request.uri(), "https://portal.sso.eu-west-1.amazonaws.com/assignment/accounts");
//!
//! // What came back, from any HTTP client:
//! let body = r#"{"accountList":[{"accountId":"012345678901","accountName":"Sandbox"}],"nextToken":null}"#;
//! let Answer::Success(page) = ListAccountsRequest::decode(&http::Response::new(body)) else { panic!("a page") };
//! assert_eq!((page.items[0].account_id.as_str(), page.next_token), ("012345678901", None));
//!
//! let body = r#"{"message":"Session token not found or invalid","__type":"UnauthorizedException"}"#;
//! let ended = http::Response::builder().status(401).body(body)?;
//! let Answer::Fault(fault) = ListAccountsRequest::decode(&ended) else { panic!("a fault") };
//! assert_eq!(PortalFault::of(&fault), PortalFault::Unauthorized); // sign in again
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod fault;
mod request;
mod response;

use alloc::sync::Arc;

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response};

pub use self::fault::PortalFault;
use self::request::Query;
pub use self::request::{
    GetRoleCredentialsRequest, ListAccountRolesRequest, ListAccountsRequest, LogoutRequest,
};
use self::response::Success;
pub use self::response::{AccountInfo, Page, Pages, RoleCredentials, RoleInfo};
use crate::{Answer, Body, Fault, InvalidResponse, Operation, Request, Secret, Service};

/// The header with the access token of a portal request.
pub static BEARER_TOKEN: HeaderName = HeaderName::from_static("x-amz-sso_bearer_token");

/// A request of the portal API, with the type of its success. Sealed: the four request types implement it.
pub trait PortalCall: Query<Success: Success> {
    /// The operation.
    const OPERATION: Operation;

    /// Client side: encodes the request with this access token. It is `None` if the service has no portal
    /// API, or if the parameters are too long for a URL.
    ///
    /// A token that cannot be a header's value is sent as an empty one, because no service issued it.
    ///
    /// ```
    /// use oidc_proto::portal::{GetRoleCredentialsRequest, PortalCall as _};
    /// use oidc_proto::{Endpoint, Secret, Service};
    /// let portal = Service::from(Endpoint::custom("http://127.0.0.1:8080")?);
    /// let call = GetRoleCredentialsRequest::new("012345678901", "Power User");
    /// let request = call.encode(&portal, &Secret::from("access-token")).ok_or("AWS has it")?;
    /// assert_eq!(request.uri().query(), Some("role_name=Power%20User&account_id=012345678901"));
    /// assert!(request.headers()["x-amz-sso_bearer_token"].is_sensitive());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    fn encode(&self, service: &Service, access_token: &Secret) -> Option<Request> {
        let (path, method) = route(Self::OPERATION)?;
        let mut head = http::Request::new(());
        *head.uri_mut() = service.endpoint()?.0.uri_with_query(path, &self.query())?;
        *head.method_mut() = method;
        let headers = head.headers_mut();
        let mut token = HeaderValue::from_str(access_token.expose()).unwrap_or(HeaderValue::from_static(""));
        token.set_sensitive(true);
        headers.insert(&BEARER_TOKEN, token);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if head.method() == Method::POST {
            // Without it an HTTP client may send a chunked body, or no length (RFC 9110 §8.6).
            head.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Some(Request::new(Self::OPERATION, Arc::new(head), Vec::new()))
    }

    /// Client side: decodes the response. A status that the API uses for an error is a fault, even if the body
    /// does not name it.
    fn decode<B: AsRef<[u8]>>(response: &Response<B>) -> Answer<Self::Success> {
        fault::or_fault(crate::decode::portal_answer(response, Self::Success::read))
    }

    /// Server side: decodes the query of a request.
    ///
    /// ```
    /// use oidc_proto::portal::{ListAccountsRequest, PortalCall as _};
    /// let request = ListAccountsRequest::decode_query("max_result=5&next_token=5")?;
    /// assert_eq!((request.max_results, request.next_token.as_deref()), (Some(5), Some("5")));
    /// assert_eq!(ListAccountsRequest::decode_query("max_result=101").unwrap_err().status, 400);
    /// # Ok::<(), oidc_proto::Fault>(())
    /// ```
    ///
    /// # Errors
    /// Returns the fault to send, which names the missing or malformed parameter.
    fn decode_query(query: &str) -> Result<Self, Fault> {
        Self::from_query(query)
    }

    /// Server side: encodes the success.
    ///
    /// ```
    /// use oidc_proto::portal::{ListAccountRolesRequest, Page, PortalCall as _, RoleInfo};
    /// let page = Page::new(vec![RoleInfo::new("012345678901", "ReadOnly")], None);
    /// let response = ListAccountRolesRequest::encode_success(&page);
    /// let expected = r#"{"roleList":[{"roleName":"ReadOnly","accountId":"012345678901"}],"nextToken":null}"#;
    /// assert_eq!(response.body().bytes(), expected);
    /// ```
    fn encode_success(success: &Self::Success) -> Response<Body> {
        crate::json::response(http::StatusCode::OK, success.write())
    }
}

/// The response type's reader, which decodes a body, or names the member that violates the API.
pub(crate) type Decoded<T> = serde_json::Result<Result<T, InvalidResponse>>;

/// Server side: returns the access token of a request.
///
/// ```
/// use oidc_proto::portal::bearer_token;
/// assert_eq!(bearer_token(&http::HeaderMap::new()).unwrap_err().status, 401);
/// ```
///
/// # Errors
/// Returns the fault to send, if the request has no token.
pub fn bearer_token(headers: &HeaderMap) -> Result<Secret, Fault> {
    let token = headers.get(&BEARER_TOKEN).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match token {
        "" => Err(PortalFault::Unauthorized.fault("Session token not found or invalid")),
        token => Ok(Secret::from(token)),
    }
}

/// Server side: encodes a fault, in the portal's spelling.
///
/// ```
/// use oidc_proto::portal::{PortalFault, encode_fault};
/// let response = encode_fault(&PortalFault::Forbidden.fault("No access"));
/// assert_eq!(response.status(), 403);
/// assert_eq!(response.headers()["x-amzn-errortype"], "ForbiddenException");
/// let name = "com.amazonaws.switchboard.portal#ForbiddenException";
/// assert_eq!(response.body().bytes(), format!(r#"{{"message":"No access","__type":"{name}"}}"#));
/// ```
#[must_use]
pub fn encode_fault(fault: &Fault) -> Response<Body> {
    fault::encode(fault)
}

/// Returns the path and the method of an operation of the portal.
fn route(operation: Operation) -> Option<(&'static str, Method)> {
    Some(match operation {
        Operation::GetRoleCredentials => ("/federation/credentials", Method::GET),
        Operation::ListAccountRoles => ("/assignment/roles", Method::GET),
        Operation::ListAccounts => ("/assignment/accounts", Method::GET),
        Operation::Logout => ("/logout", Method::POST),
        Operation::RegisterClient
        | Operation::StartDeviceAuthorization
        | Operation::CreateToken
        | Operation::RevokeToken
        | Operation::IntrospectToken => return None,
    })
}

#[cfg(test)]
mod tests;
