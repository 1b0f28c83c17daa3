//! The faults of the portal API.

use alloc::borrow::Cow;

use http::{HeaderValue, Response};
use serde::Serialize;

use crate::{Answer, Body, Fault, FaultCode, IndeterminateReason, headers, json};

/// The namespace of the portal's exceptions.
const NAMESPACE: &str = "com.amazonaws.switchboard.portal#";

/// What a fault of the portal means.
///
/// ```
/// use oidc_proto::portal::PortalFault;
/// let fault = PortalFault::Forbidden.fault("No access");
/// assert_eq!((PortalFault::of(&fault), fault.status), (PortalFault::Forbidden, 403));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PortalFault {
    /// `InvalidRequestException`, 400: a parameter is missing or out of range.
    InvalidRequest,
    /// `UnauthorizedException`, 401: the access token is unknown, expired or revoked. Only a refresh or a new
    /// sign-in helps.
    Unauthorized,
    /// `ForbiddenException`, 403: the person does not have this account or role, or it does not exist. The API
    /// model lacks it, although the service sends it.
    Forbidden,
    /// `ResourceNotFoundException`, 404.
    NotFound,
    /// `TooManyRequestsException`, 429. The fault is [transient](Fault::is_transient).
    TooManyRequests,
    /// Any other fault.
    Other,
}

/// Each fault with its exception and its status.
const KNOWN: &[(PortalFault, &str, u16)] = &[
    (PortalFault::InvalidRequest, "InvalidRequestException", 400),
    (PortalFault::Unauthorized, "UnauthorizedException", 401),
    (PortalFault::Forbidden, "ForbiddenException", 403),
    (PortalFault::NotFound, "ResourceNotFoundException", 404),
    (PortalFault::TooManyRequests, "TooManyRequestsException", 429),
];

impl PortalFault {
    /// Returns the meaning of a fault: by the exception's name, or else by the status.
    #[must_use]
    pub fn of(fault: &Fault) -> Self {
        let name = fault.code.exception();
        let named = KNOWN.iter().find(|(_, exception, _)| *exception == name);
        let known = named.or_else(|| KNOWN.iter().find(|(_, _, status)| *status == fault.status));
        known.map_or(Self::Other, |(kind, ..)| *kind)
    }

    /// Creates the fault of this meaning. [`PortalFault::Other`] has status 500.
    #[must_use]
    pub fn fault(self, message: impl Into<Cow<'static, str>>) -> Fault {
        let known = KNOWN.iter().find(|(kind, ..)| *kind == self);
        let code = match known {
            Some((_, exception, _)) => {
                FaultCode::from_exception(exception).unwrap_or_else(|| FaultCode::other(exception))
            }
            None => FaultCode::InternalServer,
        };
        let status = known.map_or(500, |(.., status)| *status);
        Fault::new(code).with_description(message).with_status(status)
    }
}

/// Returns a fault in place of an unnamed error with a status of the API. The portal and gateways in front of
/// it do not always name the exception.
pub(super) fn or_fault<T>(answer: Answer<T>) -> Answer<T> {
    let Answer::Indeterminate(unnamed) = answer else { return answer };
    let known = KNOWN.iter().find(|(.., status)| *status == unnamed.status);
    let Some((kind, ..)) = known.filter(|_| unnamed.reason == IndeterminateReason::UnnamedError) else {
        return Answer::Indeterminate(unnamed);
    };
    let mut fault = kind.fault("");
    fault.description = unnamed.said;
    (fault.request_id, fault.retry_after) = (unnamed.request_id, unnamed.retry_after);
    Answer::Fault(fault)
}

#[derive(Serialize)]
struct FaultBody<'a> {
    message: Option<&'a str>,
    #[serde(rename = "__type")]
    type_name: String,
}

pub(super) fn encode(fault: &Fault) -> Response<Body> {
    let name = fault.code.exception();
    let body = json::fault_to_vec(&FaultBody {
        message: fault.description.as_deref(),
        type_name: format!("{NAMESPACE}{name}"),
    });
    let mut response = json::fault_response(fault, body);
    if let Ok(name) = HeaderValue::from_str(name) {
        response.headers_mut().insert(&headers::ERROR_TYPE, name);
    }
    response
}
