//! The requests: well-formed ones from `oidc-proto`, and alterations of those.

use std::hash::{BuildHasher as _, RandomState};

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request};
use oidc_proto::{
    Body, Call, Client, CreateTokenRequest, Grant, Operation, RegisterClientRequest, Secret, Service,
    StartDeviceAuthorizationRequest, pkce,
};

use crate::Step;

/// The parameters of a form.
pub(super) type Form = Vec<(String, String)>;

/// A parameter that no server knows.
pub(super) const UNKNOWN_PARAMETER: &str = "conform_unknown";

/// The length of a random text: 256 bits of hexadecimal digits.
const DIGITS: usize = 64;

/// Returns a random text. It is nowhere secret, so the randomness of the standard library's hash tables is enough.
pub(super) fn random() -> String {
    let mut text = String::new();
    while text.len() < DIGITS {
        text += &format!("{:016x}", RandomState::new().hash_one(text.len()));
    }
    text
}

/// Returns a scope that no server knows.
pub(super) fn unknown_scope() -> String {
    format!("conform-{}", random().get(..12).unwrap_or_default())
}

/// Returns a code verifier (RFC 7636 §4.1).
pub(super) fn verifier() -> Secret {
    Secret::new(random())
}

/// Returns the device authorization request (RFC 8628 §3.1).
pub(super) fn codes(
    service: &Service,
    step: Step,
    client: &Client,
    scope: &[String],
    verifier: Option<&Secret>,
) -> Option<Request<Body>> {
    let call = StartDeviceAuthorizationRequest::for_scope(client.clone(), scope.iter().map(String::as_str));
    let call = match verifier {
        Some(verifier) => call.with_code_challenge(pkce::challenge(verifier)),
        None => call,
    };
    encoded(service, step, &call)
}

/// Returns the token request (RFC 8628 §3.4).
pub(super) fn poll(
    service: &Service,
    step: Step,
    client: &Client,
    device_code: &Secret,
    verifier: Option<&Secret>,
) -> Request<Body> {
    let grant = Grant::device_code(device_code.clone());
    let grant = match verifier {
        Some(verifier) => grant.with_code_verifier(verifier.clone()),
        None => grant,
    };
    let call = CreateTokenRequest::new(client.clone(), grant);
    outgoing(step, &service.encode_create_token(&call))
}

/// Returns the refresh request (RFC 6749 §6).
pub(super) fn refresh(
    service: &Service,
    step: Step,
    client: &Client,
    token: &Secret,
    scope: &[String],
) -> Request<Body> {
    let grant = Grant::RefreshToken { refresh_token: token.clone() };
    let call = CreateTokenRequest::new(client.clone(), grant).with_scope(scope.iter().map(String::as_str));
    outgoing(step, &service.encode_create_token(&call))
}

/// Returns the registration request (RFC 7591 §3.1) of a public client.
pub(super) fn registration(service: &Service, step: Step, scope: &[String]) -> Option<Request<Body>> {
    let name = "RFC 8628 conformance check";
    encoded(service, step, &RegisterClientRequest::new(name).with_scopes(scope.iter().map(String::as_str)))
}

/// Returns a GET of a public document.
pub(super) fn get(step: Step, address: http::Uri) -> Request<Body> {
    let mut request = Request::new(Body::new(Vec::new()));
    *request.uri_mut() = address;
    request.headers_mut().insert(http::header::ACCEPT, HeaderValue::from_static("application/json"));
    request.headers_mut().insert(http::header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    request.extensions_mut().insert(step);
    request
}

fn encoded<C: Call>(service: &Service, step: Step, call: &C) -> Option<Request<Body>> {
    Some(outgoing(step, &service.encode(call)?))
}

/// Returns the request with its purpose, for a transport.
pub(super) fn outgoing(step: Step, request: &oidc_proto::Request) -> Request<Body> {
    let mut outgoing = request.head().clone().map(|()| request.body().clone());
    outgoing.extensions_mut().insert(step);
    outgoing
}

/// Changes the form of a request.
pub(super) fn altered(request: Request<Body>, change: impl FnOnce(&mut Form)) -> Request<Body> {
    request.map(|body| {
        let mut form = form_of(&body);
        change(&mut form);
        Body::new(form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish().into_bytes())
    })
}

/// Removes a parameter.
pub(super) fn without(form: &mut Form, name: &str) {
    form.retain(|(found, _)| found != name);
}

/// Adds a parameter.
pub(super) fn add(form: &mut Form, name: &str, value: &str) {
    form.push((name.to_owned(), value.to_owned()));
}

/// Removes the client from a request, from its header and its form.
pub(super) fn without_client(mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().remove(AUTHORIZATION);
    altered(request, |form| ["client_id", "client_secret"].into_iter().for_each(|name| without(form, name)))
}

/// Makes a GET of a request, with its form in the query. The client's secret must not be in a URL (RFC 6749 §2.3.1).
pub(super) fn by_get(request: Request<Body>) -> Request<Body> {
    let (mut head, body) = request.into_parts();
    let mut form = form_of(&body);
    without(&mut form, "client_secret");
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let uri = head.uri.to_string();
    let separator = if uri.contains('?') { '&' } else { '?' };
    if let Ok(uri) = format!("{uri}{separator}{query}").parse() {
        head.uri = uri;
    }
    head.method = Method::GET;
    head.headers.remove(CONTENT_TYPE);
    Request::from_parts(head, Body::new(Vec::new()))
}

/// Writes the form of a request as a JSON object.
pub(super) fn in_json(request: Request<Body>) -> Request<Body> {
    let (mut head, body) = request.into_parts();
    let members: serde_json::Map<_, _> =
        form_of(&body).into_iter().map(|(name, value)| (name, value.into())).collect();
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Request::from_parts(head, Body::new(serde_json::Value::Object(members).to_string().into_bytes()))
}

fn form_of(body: &Body) -> Form {
    form_urlencoded::parse(body.as_ref()).into_owned().collect()
}

/// Whether the service has this operation, and its text for a reason.
pub(super) fn lacks(service: &Service, operation: Operation) -> Option<String> {
    let what = match operation {
        Operation::RegisterClient => "registration",
        _ => "revocation",
    };
    (!service.offers(operation)).then(|| format!("no {what} endpoint is known that can be used"))
}
