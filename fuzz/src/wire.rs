//! Requests and responses in AWS's dialect, and the checks for both dialects.

use core::fmt::Debug;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use oidc_proto::{
    Answer, Call, CreateTokenRequest, Dialect, Endpoint, Fault, FaultCode, Operation, RegisterClientRequest,
    ServerRequest, Service, StartDeviceAuthorizationRequest,
};

use crate::hide::{hide_authorization, hide_registration, hide_request, hide_token};

/// The statuses, selected by a character counted from `0`, so that seeds can be written by hand.
pub(crate) const STATUSES: [u16; 16] =
    [200, 400, 401, 403, 404, 429, 500, 502, 503, 302, 204, 201, 100, 304, 418, 599];

const EXCEPTIONS: [&str; 4] = [
    "SlowDownException:http://internal.amazon.com/coral/com.amazonaws.sso.oidc/",
    "com.amazonaws.ssooidc#AuthorizationPendingException",
    "ExpiredTokenException",
    "BrandNewException",
];

pub(crate) fn pick<T: Copy>(from: &[T], byte: u8) -> T {
    from[usize::from(byte.wrapping_sub(b'0')) % from.len()]
}

/// Makes a response. The first two bytes select the status and the headers.
pub(crate) fn response_of(status: u8, headers: u8, body: &[u8]) -> Response<Vec<u8>> {
    let mut body = body;
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::from_u16(pick(&STATUSES, status)).unwrap();
    let map = response.headers_mut();
    match headers.wrapping_sub(b'0') % 8 {
        0 => {}
        variant @ 1..=4 => {
            let exception = EXCEPTIONS[usize::from(variant) - 1];
            map.insert("x-amzn-errortype", HeaderValue::from_static(exception));
        }
        5 => {
            map.insert(RETRY_AFTER, HeaderValue::from_static("7"));
            map.insert("x-amzn-requestid", HeaderValue::from_static("id"));
        }
        6 => {
            map.insert(RETRY_AFTER, HeaderValue::from_static("Tue, 24 Nov 2026 08:01:30 GMT"));
            map.insert(DATE, HeaderValue::from_static("Tue, 24 Nov 2026 08:00:00 GMT"));
        }
        // The first line of the body is the value of every known header.
        _ => {
            let end = body.iter().position(|byte| *byte == b'\n').unwrap_or(body.len());
            if let Ok(value) = HeaderValue::from_bytes(&body[..end]) {
                map.insert("x-amzn-errortype", value.clone());
                map.insert("x-amzn-requestid", value.clone());
                map.insert(RETRY_AFTER, value.clone());
                map.insert(DATE, value);
            }
            body = &body[end..];
        }
    }
    *response.body_mut() = body.to_vec();
    response
}

/// Reads a response. The first three bytes are the operation (`r`, `s` or `t`), the status and the headers; the rest
/// is the body.
pub fn response(data: &[u8]) {
    let [operation, status, headers, body @ ..] = data else { return };
    let response = response_of(*status, *headers, body);
    match operation % 3 {
        0 => read::<RegisterClientRequest>(Dialect::Aws, &response, hide_registration),
        1 => read::<StartDeviceAuthorizationRequest>(Dialect::Aws, &response, hide_authorization),
        _ => read::<CreateTokenRequest>(Dialect::Aws, &response, hide_token),
    }
}

/// Formats a success without its warnings.
fn without_warnings(success: &impl Debug) -> String {
    let text = format!("{success:?}");
    text.split(", warnings: [").next().unwrap_or_default().to_owned()
}

/// Reads a response in a dialect, and checks the result.
pub(crate) fn read<C: Call>(dialect: Dialect, response: &Response<Vec<u8>>, hide: fn(C::Answer) -> C::Answer)
where
    C::Answer: Clone + Debug + PartialEq,
{
    let answer = dialect.decode::<C, _>(response);
    let shown = format!("{answer:?}");
    match answer {
        Answer::Success(success) => {
            assert!(response.status().is_success());
            let again = dialect.decode::<C, _>(&dialect.encode_success::<C>(&success));
            let Answer::Success(again) = again else { panic!("what was read must read again: {again:?}") };
            // Warnings are not written again.
            let (again, read) = (without_warnings(&again), without_warnings(&success));
            assert_eq!(again, read, "what was read must read again the same");
            let hidden = Answer::Success(hide(success));
            assert_eq!(shown, format!("{hidden:?}"), "what is printed must not depend on a secret");
        }
        Answer::Fault(fault) => {
            assert!(!response.status().is_redirection());
            assert!(!fault.code.error().is_empty());
            no_controls(&fault.to_string());
            reads_again::<C>(dialect, &fault);
        }
        Answer::Indeterminate(none) => {
            assert_eq!(none.status, response.status().as_u16());
            no_controls(&none.to_string());
        }
        Answer::InvalidResponse(invalid) => {
            assert!(response.status().is_success());
            assert_eq!(invalid.operation, C::OPERATION);
            no_controls(&invalid.to_string());
        }
    }
}

/// Checks that a known fault survives a round trip. The OAuth dialect lacks AWS's additions, and its descriptions are
/// not full Unicode.
pub(crate) fn reads_again<C: Call>(dialect: Dialect, fault: &Fault)
where
    C::Answer: Debug + PartialEq,
{
    if matches!(fault.code, FaultCode::Other(_)) {
        return;
    }
    let again = dialect.decode::<C, _>(&dialect.encode_fault(fault));
    if dialect == Dialect::Aws {
        // AWS has no such error.
        let mut written = fault.clone();
        written.uri = None;
        for text in [
            &mut written.description,
            &mut written.reason,
            &mut written.endpoint,
            &mut written.region,
            &mut written.request_id,
        ] {
            *text = text.take().map(shortened);
        }
        assert_eq!(again, Answer::Fault(written), "a fault must read again the same");
        return;
    }
    let Answer::Fault(again) = again else { panic!("{fault:?} reads again as {again:?}") };
    let kept = |fault: &Fault| {
        (
            fault.code.error().to_owned(),
            fault.status,
            fault.retry_after,
            fault.request_id.clone().map(shortened),
        )
    };
    assert_eq!(kept(&again), kept(fault), "a fault must read again the same");
}

/// Shortens a text as the parser does.
fn shortened(text: String) -> String {
    match text.char_indices().nth(600) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Checks that a printed text has no control characters.
pub(crate) fn no_controls(text: &str) {
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

/// Reads a request. The first byte is the operation (`r`, `s` or `t`); the rest is the body.
pub fn request(data: &[u8]) {
    let [operation, body @ ..] = data else { return };
    let operation = Operation::SIGN_IN[usize::from(operation % 3)];
    match Dialect::Aws.decode_request(operation, body) {
        Ok(read) => {
            let again = match &read {
                ServerRequest::RegisterClient(call) => send(call),
                ServerRequest::StartDeviceAuthorization(call) => send(call),
                ServerRequest::CreateToken(call) => send(call),
            };
            assert_eq!(again.as_ref(), Ok(&read), "what was read must read again the same");
            let hidden = hide_request(read.clone());
            assert_eq!(
                format!("{read:?}"),
                format!("{hidden:?}"),
                "what is printed must not depend on a secret"
            );
        }
        Err(fault) => {
            assert_eq!(fault.status, 400);
            no_controls(&fault.to_string());
            reads_again::<CreateTokenRequest>(Dialect::Aws, &fault);
        }
    }
}

fn send<C: Call>(call: &C) -> Result<ServerRequest, Fault> {
    let service = Service::from(Endpoint::for_region("eu-west-1").unwrap());
    let request = service.encode(call).expect("AWS has every operation of a sign-in");
    let operation = Dialect::Aws.operation(request.method(), request.uri().path())?;
    Dialect::Aws.decode_request(operation, request.body().as_ref())
}
