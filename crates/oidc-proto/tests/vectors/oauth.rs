//! The vectors of the OAuth dialect. A `canonical` one is also encoded, and must match byte for byte.

use http::{HeaderMap, Method, Response};
use oidc_proto::oauth::{Provider, RevocationRequest};
use oidc_proto::{
    Answer, Body, Call, CreateTokenRequest, Dialect, Endpoint, Fault, Operation, RegisterClientRequest,
    Request, ServerRequest, Service, StartDeviceAuthorizationRequest,
};
use serde_json::Value;

use crate::meaning;
use crate::vector::{body, check, file, headers, response};

const DIALECT: Dialect = Dialect::OAuth;

fn check_responses(name: &str) {
    let file = file(name);
    check(name, &file["vectors"], |vector| {
        let operation = vector["operation"].as_str().or_else(|| file["operation"].as_str()).unwrap();
        let response = response(vector);
        if vector["canonical"] == true {
            let written = written(operation, &response);
            assert_eq!(written.status(), response.status(), "{vector}");
            same(vector, written.headers(), written.body());
        }
        meaning::response(DIALECT, operation, &response)
    });
}

/// Encodes the server's response with the same meaning.
fn written(operation: &str, response: &Response<Vec<u8>>) -> Response<Body> {
    match operation {
        "RegisterClient" => encoded::<RegisterClientRequest>(response),
        "StartDeviceAuthorization" => encoded::<StartDeviceAuthorizationRequest>(response),
        "CreateToken" => encoded::<CreateTokenRequest>(response),
        other => panic!("no server of this project writes an answer to {other} from its meaning"),
    }
}

fn encoded<C: Call>(response: &Response<Vec<u8>>) -> Response<Body> {
    match DIALECT.decode::<C, _>(response) {
        Answer::Success(success) => DIALECT.encode_success::<C>(&success),
        Answer::Fault(fault) => DIALECT.encode_fault(&fault),
        Answer::Indeterminate(none) => panic!("no server writes that: {none}"),
        Answer::InvalidResponse(invalid) => panic!("no server of this project writes that: {invalid}"),
    }
}

fn same(vector: &Value, written: &HeaderMap, written_body: &Body) {
    assert_eq!(*written, headers(vector), "{}", vector["name"]);
    let text = String::from_utf8_lossy(written_body.as_ref());
    assert_eq!(text, String::from_utf8_lossy(&body(vector)), "{}", vector["name"]);
}

#[test]
fn responses_to_a_device_authorization_request_mean_what_the_vectors_say() {
    check_responses("oauth_start_device_authorization.json");
}

#[test]
fn responses_to_a_token_request_mean_what_the_vectors_say() {
    check_responses("oauth_create_token.json");
}

#[test]
fn responses_to_a_registration_mean_what_the_vectors_say() {
    check_responses("oauth_register_client.json");
}

#[test]
fn faults_of_providers_mean_what_the_vectors_say() {
    check_responses("oauth_faults.json");
}

#[test]
fn what_is_no_verdict_of_a_provider_is_told_apart_as_the_vectors_say() {
    check_responses("oauth_indeterminate.json");
}

#[test]
fn responses_to_a_revocation_mean_what_the_vectors_say() {
    check_responses("oauth_revocation.json");
}

#[test]
fn requests_to_a_provider_are_read_or_refused_as_the_vectors_say_and_written_as_the_canonical_ones() {
    let file = file("oauth_requests.json");
    check("oauth_requests.json", &file["vectors"], |vector| {
        let method: Method = vector["method"].as_str().unwrap().parse().unwrap();
        let operation = DIALECT.operation(&method, vector["path"].as_str().unwrap());
        let (headers, body) = (headers(vector), body(vector));
        let service = service();
        let read = operation.and_then(|operation| match operation {
            Operation::RevokeToken => RevocationRequest::decode_request(&headers, &body)
                .map(|request| (request.encode(&service).unwrap(), meaning::revocation(request))),
            _ => DIALECT
                .decode_http_request(operation, &headers, &body)
                .map(|request| (encode(&service, &request), meaning::request(DIALECT, request))),
        });
        match read {
            Ok((written, meaning)) => {
                if vector["canonical"] == true {
                    assert_eq!(written.method(), method);
                    assert_eq!(written.uri().path(), vector["path"], "{}", vector["name"]);
                    same(vector, written.headers(), written.body());
                }
                meaning
            }
            Err(refusal) => {
                hides_secrets(&refusal);
                meaning::fault(&refusal)
            }
        }
    });
}

fn service() -> Service {
    Service::from(Provider::at_default_paths(&Endpoint::custom("https://id.example").unwrap()))
}

fn encode(service: &Service, request: &ServerRequest) -> Request {
    match request {
        ServerRequest::RegisterClient(call) => service.encode(call).unwrap(),
        ServerRequest::StartDeviceAuthorization(call) => service.encode(call).unwrap(),
        ServerRequest::CreateToken(call) => service.encode_create_token(call),
    }
}

fn hides_secrets(refusal: &Fault) {
    let text = format!("{refusal} {refusal:?}");
    assert!(!text.contains("SECRET"), "{text}");
}
