//! Requests and responses in the OAuth dialect, with revocation.

use core::fmt::Debug;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use oidc_proto::oauth::{IntrospectionRequest, Provider, RevocationRequest, bearer_token};
use oidc_proto::{
    Answer, Call, CreateTokenRequest, Dialect, Endpoint, Fault, FaultCode, Operation, RegisterClientRequest,
    Secret, ServerRequest, Service, StartDeviceAuthorizationRequest,
};

use crate::hide::{hide_authorization, hide_registration, hide_request, hide_revocation, hide_token};
use crate::wire::{STATUSES, no_controls, pick, read, reads_again};

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// Reads a response. The first three bytes are the operation (`r`, `s`, `t`, or `v` for a revocation), the status and
/// the headers; the rest is the body.
pub fn oauth_response(data: &[u8]) {
    let [operation, status, headers, body @ ..] = data else { return };
    let mut response = Response::new(body.to_vec());
    *response.status_mut() = StatusCode::from_u16(pick(&STATUSES, *status)).unwrap();
    let map = response.headers_mut();
    match headers.wrapping_sub(b'0') % 4 {
        0 => {}
        1 => _ = map.insert(CONTENT_TYPE, FORM),
        2 => {
            map.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("Application/X-WWW-Form-URLencoded ; charset=x"),
            );
        }
        _ => {
            map.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            map.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
            map.insert(RETRY_AFTER, HeaderValue::from_static("7"));
        }
    }
    match operation {
        b'r' => read::<RegisterClientRequest>(Dialect::OAuth, &response, hide_registration),
        b's' => read::<StartDeviceAuthorizationRequest>(Dialect::OAuth, &response, hide_authorization),
        b'v' => revoked(&response),
        _ => read::<CreateTokenRequest>(Dialect::OAuth, &response, hide_token),
    }
}

/// Checks the response to a revocation: the status, unless the body is an error.
fn revoked(response: &Response<Vec<u8>>) {
    match RevocationRequest::decode(response) {
        Answer::Success(()) => assert!(response.status().is_success()),
        Answer::Fault(fault) => {
            assert!(!response.status().is_redirection());
            no_controls(&fault.to_string());
        }
        Answer::Indeterminate(none) => {
            assert!(!response.status().is_success());
            assert_eq!(none.status, response.status().as_u16());
        }
        Answer::InvalidResponse(invalid) => panic!("a revocation has no members, but {invalid}"),
    }
}

/// Reads a request. The first two bytes are the operation (`r`, `s`, `t` or `v`) and the headers. Then come a line
/// for the `Authorization` header, if there is one, and the body.
pub fn oauth_request(data: &[u8]) {
    let [operation, headers, body @ ..] = data else { return };
    let mut body = body;
    let mut map = HeaderMap::new();
    map.insert(CONTENT_TYPE, FORM);
    match headers.wrapping_sub(b'0') % 6 {
        0 => {}
        1 => {
            map.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("Application/X-WWW-Form-URLencoded; charset=UTF-8"),
            );
        }
        2 => _ = map.insert(CONTENT_TYPE, HeaderValue::from_static("application/json")),
        3 => _ = map.remove(CONTENT_TYPE),
        raw => {
            let end = body.iter().position(|byte| *byte == b'\n').unwrap_or(body.len());
            let (line, rest) = body.split_at(end);
            body = rest.strip_prefix(b"\n").unwrap_or(rest);
            let value = if raw == 4 {
                HeaderValue::try_from(format!("Basic {}", STANDARD.encode(line)))
            } else {
                HeaderValue::from_bytes(line)
            };
            if let Ok(value) = value {
                map.insert(AUTHORIZATION, value);
            }
        }
    }
    shows(&map);
    let operation = match operation {
        b'r' => Operation::RegisterClient,
        b's' => Operation::StartDeviceAuthorization,
        b'v' => {
            revoke(&map, body);
            return;
        }
        _ => Operation::CreateToken,
    };
    match Dialect::OAuth.decode_http_request(operation, &map, body) {
        Ok(read) => {
            let again = match read.clone() {
                ServerRequest::RegisterClient(mut call) => {
                    if call.grant_types.is_empty() {
                        // On the wire, no grant types means those of the device flow.
                        call.grant_types.push("refresh_token".to_owned());
                    }
                    (ServerRequest::RegisterClient(call.clone()), send(&call))
                }
                ServerRequest::StartDeviceAuthorization(call) => (read.clone(), send(&call)),
                ServerRequest::CreateToken(call) => (read.clone(), send(&call)),
            };
            assert_eq!(again.1, Ok(again.0), "what was read must read again the same");
            hides(&read, &hide_request(read.clone()));
        }
        Err(fault) => refused(&fault),
    }
}

/// Reads the access token of a request to a resource (RFC 6750 §2.1).
fn shows(headers: &HeaderMap) {
    let header = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    match bearer_token(headers) {
        Ok(token) => {
            let text = token.expose();
            assert!(header.windows(text.len()).any(|part| part == text.as_bytes()));
            assert!(!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b','));
            assert_eq!(format!("{token:?}"), format!("{:?}", Secret::from("")), "a token is not shown");
        }
        Err(error) => {
            let response = error.encode();
            assert!(response.status().is_client_error() && response.headers().contains_key(WWW_AUTHENTICATE));
            assert_eq!(response.body().bytes().is_empty(), error.code().is_none());
        }
    }
}

fn revoke(headers: &HeaderMap, body: &[u8]) {
    // The two requests have the same parameters (RFC 7662 §2.1, RFC 7009 §2.1).
    let asked = IntrospectionRequest::decode_request(headers, body);
    let revoked = RevocationRequest::decode_request(headers, body);
    let parts = |asked: IntrospectionRequest| (asked.client, asked.token, asked.hint);
    assert_eq!(asked.map(parts), revoked.map(|revoked| (revoked.client, revoked.token, revoked.hint)));
    match RevocationRequest::decode_request(headers, body) {
        Ok(read) => {
            let request = read.encode(&service()).expect("it has a URL for it");
            let again = RevocationRequest::decode_request(request.headers(), request.body().as_ref());
            assert_eq!(again.as_ref(), Ok(&read), "what was read must read again the same");
            hides(&read, &hide_revocation(read.clone()));
        }
        Err(fault) => refused(&fault),
    }
}

fn service() -> Service {
    Provider::at_default_paths(&Endpoint::custom("https://id.example").unwrap()).into()
}

fn send<C: Call>(call: &C) -> Result<ServerRequest, Fault> {
    let request = service().encode(call).expect("it has every operation");
    // A request has only one authentication method (RFC 6749 §2.3).
    let body = String::from_utf8_lossy(request.body().as_ref()).into_owned();
    assert!(!(request.headers().contains_key(AUTHORIZATION) && body.contains("client_secret=")));
    let operation = Dialect::OAuth.operation(request.method(), request.uri().path())?;
    assert_eq!(operation, C::OPERATION);
    Dialect::OAuth.decode_http_request(operation, request.headers(), request.body().as_ref())
}

fn hides<T: Debug>(read: &T, hidden: &T) {
    assert_eq!(format!("{read:?}"), format!("{hidden:?}"), "what is printed must not depend on a secret");
}

/// Checks the fault and the status of a malformed request (RFC 6749 §5.2).
fn refused(fault: &Fault) {
    let status = match fault.code {
        FaultCode::InvalidRequest | FaultCode::UnsupportedGrantType => 400,
        FaultCode::InvalidClient => 401,
        _ => panic!("{fault}"),
    };
    assert_eq!(fault.status, status);
    no_controls(&fault.to_string());
    reads_again::<CreateTokenRequest>(Dialect::OAuth, fault);
}
