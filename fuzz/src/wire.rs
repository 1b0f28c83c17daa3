//! The wire, both directions.

use core::fmt::Debug;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use oidc_proto::{
    Answer, Call, Client, CreateTokenRequest, DeviceAuthorization, Dialect, Endpoint, Fault, FaultCode,
    Grant, Operation, RegisterClientRequest, Registration, Secret, ServerRequest,
    StartDeviceAuthorizationRequest, Token,
};

/// Picked by a digit or letter, counted from `0`, so that seeds can be written by hand.
const STATUSES: [u16; 16] = [200, 400, 401, 403, 404, 429, 500, 502, 503, 302, 204, 201, 100, 304, 418, 599];

const EXCEPTIONS: [&str; 4] = [
    "SlowDownException:http://internal.amazon.com/coral/com.amazonaws.sso.oidc/",
    "com.amazonaws.ssooidc#AuthorizationPendingException",
    "ExpiredTokenException",
    "BrandNewException",
];

fn pick<T: Copy>(from: &[T], byte: u8) -> T {
    from[usize::from(byte.wrapping_sub(b'0')) % from.len()]
}

/// Reads a response. The first three bytes are the operation (`r`, `s` or `t`), the status and the headers; the rest
/// is the body.
pub fn response(data: &[u8]) {
    let [operation, status, headers, body @ ..] = data else { return };
    let mut body = body;
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::from_u16(pick(&STATUSES, *status)).unwrap();
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
        // The first line of the body goes into every header that has a meaning.
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
    match operation % 3 {
        0 => read::<RegisterClientRequest>(&response, hide_registration),
        1 => read::<StartDeviceAuthorizationRequest>(&response, hide_authorization),
        _ => read::<CreateTokenRequest>(&response, hide_token),
    }
}

fn read<C: Call>(response: &Response<Vec<u8>>, hide: fn(C::Answer) -> C::Answer)
where
    C::Answer: Clone + Debug + PartialEq,
{
    let answer = Dialect::Aws.decode::<C, _>(response);
    let shown = format!("{answer:?}");
    match answer {
        Answer::Success(success) => {
            assert!(response.status().is_success());
            let again = Dialect::Aws.decode::<C, _>(&Dialect::Aws.encode_success::<C>(&success));
            assert_eq!(again, Answer::Success(success.clone()), "what was read must read again the same");
            let hidden = Answer::Success(hide(success));
            assert_eq!(shown, format!("{hidden:?}"), "what is printed must not depend on a secret");
        }
        Answer::Fault(fault) => {
            assert!(!response.status().is_redirection());
            assert!(!fault.code.error().is_empty());
            no_controls(&fault.to_string());
            reads_again::<C>(&fault);
        }
        Answer::NoVerdict(none) => {
            assert_eq!(none.status, response.status().as_u16());
            no_controls(&none.to_string());
        }
        Answer::Violation(violation) => {
            assert!(response.status().is_success());
            assert_eq!(violation.operation, C::OPERATION);
            no_controls(&violation.to_string());
        }
    }
}

/// A fault that the model knows survives the way to a client.
fn reads_again<C: Call>(fault: &Fault)
where
    C::Answer: Debug + PartialEq,
{
    if !matches!(fault.code, FaultCode::Other(_)) {
        let again = Dialect::Aws.decode::<C, _>(&Dialect::Aws.encode_fault(fault));
        assert_eq!(again, Answer::Fault(fault.clone()), "a fault must read again the same");
    }
}

/// What is shown to a person must not drive the terminal.
fn no_controls(text: &str) {
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

fn hide_client(client: Client) -> Client {
    let mut hidden = Client::new(client.id, Secret::from("hidden"));
    hidden.secret = client.secret.map(hide);
    hidden
}

fn hide(_: Secret) -> Secret {
    Secret::from("hidden")
}

fn hide_registration(mut registration: Registration) -> Registration {
    registration.client = hide_client(registration.client);
    registration
}

fn hide_authorization(mut authorization: DeviceAuthorization) -> DeviceAuthorization {
    authorization.device_code = hide(authorization.device_code);
    authorization
}

fn hide_token(mut token: Token) -> Token {
    token.access_token = hide(token.access_token);
    token.refresh_token = token.refresh_token.map(hide);
    token.id_token = token.id_token.map(hide);
    token
}

/// Reads a request. The first byte is the operation (`r`, `s` or `t`); the rest is the body.
pub fn request(data: &[u8]) {
    let [operation, body @ ..] = data else { return };
    let operation = Operation::ALL[usize::from(operation % 3)];
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
            reads_again::<CreateTokenRequest>(&fault);
        }
    }
}

fn send<C: Call>(call: &C) -> Result<ServerRequest, Fault> {
    let endpoint = Endpoint::for_region("eu-west-1").unwrap();
    let request = Dialect::Aws.encode(&endpoint, call);
    let operation = Dialect::Aws.operation(request.method(), request.uri().path())?;
    Dialect::Aws.decode_request(operation, request.body().as_ref())
}

fn hide_request(request: ServerRequest) -> ServerRequest {
    match request {
        ServerRequest::RegisterClient(call) => ServerRequest::RegisterClient(call),
        ServerRequest::StartDeviceAuthorization(mut call) => {
            call.client = hide_client(call.client);
            ServerRequest::StartDeviceAuthorization(call)
        }
        ServerRequest::CreateToken(mut call) => {
            call.client = hide_client(call.client);
            call.grant = match call.grant {
                Grant::DeviceCode { device_code } => Grant::DeviceCode { device_code: hide(device_code) },
                Grant::RefreshToken { refresh_token } => {
                    Grant::RefreshToken { refresh_token: hide(refresh_token) }
                }
                Grant::AuthorizationCode { code, redirect_uri, code_verifier } => Grant::AuthorizationCode {
                    code: hide(code),
                    redirect_uri,
                    code_verifier: code_verifier.map(hide),
                },
                other => other,
            };
            ServerRequest::CreateToken(call)
        }
    }
}
