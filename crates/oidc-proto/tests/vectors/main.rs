//! The golden vectors of `tests/vectors/`: what stands on the wire, and what it means.

use http::{HeaderName, HeaderValue, Method, Response};
use oidc_proto::{
    Answer, Call, CreateTokenRequest, DeviceAuthorization, Dialect, Fault, FaultCode, Grant, Operation,
    RegisterClientRequest, Registration, Secret, ServerRequest, StartDeviceAuthorizationRequest, Token,
    UnixSeconds,
};
use serde_json::{Map, Value, json};

/// A vector file, read at run time so that a broken one fails its own test only.
#[expect(clippy::disallowed_methods, reason = "the crate reads no file; its tests do")]
fn file(name: &str) -> Value {
    let path = format!("{}/tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A vector's body: text, or bytes in hexadecimal where they are no text.
fn body(vector: &Value) -> Vec<u8> {
    match (vector["body"].as_str(), vector["body_hex"].as_str()) {
        (Some(text), None) => text.as_bytes().to_vec(),
        (None, Some(hex)) => hex
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect(),
        _ => panic!("a vector has one of body and body_hex: {vector}"),
    }
}

fn response(vector: &Value) -> Response<Vec<u8>> {
    let mut response = Response::new(body(vector));
    *response.status_mut() = u16::try_from(vector["status"].as_u64().unwrap()).unwrap().try_into().unwrap();
    for (name, value) in vector["headers"].as_object().into_iter().flatten() {
        let value = HeaderValue::from_str(value.as_str().unwrap()).unwrap();
        response.headers_mut().insert(HeaderName::try_from(name).unwrap(), value);
    }
    response
}

/// The members that are there.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    members
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.to_owned(), value))
        .collect::<Map<_, _>>()
        .into()
}

fn secret(secret: Option<&Secret>) -> Value {
    secret.map(Secret::expose).into()
}

fn fault(fault: &Fault, with_status: bool) -> Value {
    let mut shown = object([
        ("code", fault.code.error().into()),
        ("exception", fault.code.exception().into()),
        ("description", fault.description.clone().into()),
        ("reason", fault.reason.clone().into()),
        ("endpoint", fault.endpoint.clone().into()),
        ("region", fault.region.clone().into()),
        ("request_id", fault.request_id.clone().into()),
        ("retry_after", fault.retry_after.map(|wait| wait.as_secs()).into()),
    ]);
    if with_status {
        shown["status"] = fault.status.into();
    }
    json!({ "fault": shown })
}

fn registration(registration: Registration) -> Value {
    object([
        ("client_id", registration.client.id.into()),
        ("client_secret", secret(registration.client.secret.as_ref())),
        ("issued_at", registration.issued_at.map(UnixSeconds::get).into()),
        ("expires_at", registration.expires_at.map(UnixSeconds::get).into()),
        ("authorization_endpoint", registration.authorization_endpoint.into()),
        ("token_endpoint", registration.token_endpoint.into()),
    ])
}

fn authorization(authorization: DeviceAuthorization) -> Value {
    object([
        ("device_code", authorization.device_code.expose().into()),
        ("user_code", authorization.user_code.into()),
        ("verification_uri", authorization.verification_uri.into()),
        ("verification_uri_complete", authorization.verification_uri_complete.into()),
        ("expires_in", authorization.expires_in.as_secs().into()),
        ("interval", authorization.interval.map(|interval| interval.as_secs()).into()),
    ])
}

fn token(token: Token) -> Value {
    object([
        ("access_token", token.access_token.expose().into()),
        ("token_type", token.token_type.into()),
        ("expires_in", token.expires_in.unwrap_or_default().as_secs().into()),
        ("refresh_token", secret(token.refresh_token.as_ref())),
        ("id_token", secret(token.id_token.as_ref())),
    ])
}

/// The meaning of a response, in the vectors' words.
fn meaning<C: Call>(response: &Response<Vec<u8>>, success: impl Fn(C::Answer) -> Value) -> Value {
    match Dialect::Aws.decode::<C, _>(response) {
        Answer::Success(answer) => json!({ "success": success(answer) }),
        Answer::Fault(answer) => fault(&answer, true),
        Answer::NoVerdict(answer) => json!({ "no_verdict": object([
            ("reason", format!("{:?}", answer.reason).into()),
            ("status", answer.status.into()),
            ("retry_after", answer.retry_after.map(|wait| wait.as_secs()).into()),
            ("request_id", answer.request_id.into()),
        ]) }),
        Answer::Violation(answer) => {
            json!({ "violation": { "member": answer.member, "kind": format!("{:?}", answer.kind) } })
        }
    }
}

fn meaning_for(operation: &str, response: &Response<Vec<u8>>) -> Value {
    match operation {
        "RegisterClient" => meaning::<RegisterClientRequest>(response, registration),
        "StartDeviceAuthorization" => meaning::<StartDeviceAuthorizationRequest>(response, authorization),
        "CreateToken" => meaning::<CreateTokenRequest>(response, token),
        other => panic!("no operation {other}"),
    }
}

/// Every vector of a list, and all that fail at once.
fn check(name: &str, vectors: &Value, actual: impl Fn(&Value) -> Value) {
    let vectors = vectors.as_array().unwrap();
    assert!(!vectors.is_empty());
    let mut seen = std::collections::BTreeSet::new();
    let mut failures = String::new();
    for vector in vectors {
        let statement = vector["name"].as_str().unwrap();
        assert!(seen.insert(statement), "{name}: two vectors say {statement:?}");
        let actual = actual(vector);
        if actual != vector["expect"] {
            failures +=
                &format!("\n{name}: {statement}\n  expected {}\n  but got  {actual}", vector["expect"]);
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

fn check_responses(name: &str) {
    let file = file(name);
    check(name, &file["vectors"], |vector| {
        let operation = vector["operation"].as_str().or_else(|| file["operation"].as_str()).unwrap();
        meaning_for(operation, &response(vector))
    });
}

#[test]
fn responses_to_register_client_mean_what_the_vectors_say() {
    check_responses("register_client.json");
}

#[test]
fn responses_to_start_device_authorization_mean_what_the_vectors_say() {
    check_responses("start_device_authorization.json");
}

#[test]
fn responses_to_create_token_mean_what_the_vectors_say() {
    check_responses("create_token.json");
}

#[test]
fn faults_mean_what_the_vectors_say() {
    check_responses("faults.json");
}

#[test]
fn responses_that_are_no_verdict_mean_what_the_vectors_say() {
    check_responses("no_verdict.json");
}

#[test]
fn every_modelled_exception_is_read_in_every_way_it_travels() {
    let file = file("exceptions.json");
    let (exceptions, ways) = (file["exceptions"].as_array().unwrap(), file["ways"].as_array().unwrap());
    assert_eq!(exceptions.len(), FaultCode::known().count());
    for exception in exceptions {
        let (name, error) = (exception["exception"].as_str().unwrap(), exception["error"].as_str().unwrap());
        for way in ways {
            let filled = way.to_string().replace("EXCEPTION", name).replace("ERROR", error);
            let mut vector: Value = serde_json::from_str(&filled).unwrap();
            vector["status"] = exception["status"].clone();
            // `error` alone cannot tell the wrong region from any other invalid request.
            let read_as = match name {
                "InvalidRequestRegionException" if way["by_error"] == true => "InvalidRequestException",
                name => name,
            };
            for operation in Operation::ALL {
                let meaning = meaning_for(operation.name(), &response(&vector));
                let fault = &meaning["fault"];
                assert_eq!(fault["exception"], read_as, "{name} {}: {meaning}", way["name"]);
                assert_eq!(fault["code"], error, "{name} {}", way["name"]);
                assert_eq!(fault["status"], exception["status"], "{name} {}", way["name"]);
            }
        }
    }
}

fn request(request: ServerRequest) -> Value {
    json!({ "request": match request {
        ServerRequest::RegisterClient(request) => object([
            ("operation", "RegisterClient".into()),
            ("client_name", request.client_name.into()),
            ("client_type", request.client_type.into()),
            ("scopes", request.scopes.into()),
            ("redirect_uris", request.redirect_uris.into()),
            ("grant_types", request.grant_types.into()),
            ("issuer_url", request.issuer_url.into()),
            ("entitled_application_arn", request.entitled_application_arn.into()),
        ]),
        ServerRequest::StartDeviceAuthorization(request) => object([
            ("operation", "StartDeviceAuthorization".into()),
            ("client_id", request.client.id.into()),
            ("client_secret", secret(request.client.secret.as_ref())),
            ("start_url", request.start_url.unwrap_or_default().into()),
        ]),
        ServerRequest::CreateToken(request) => {
            let mut shown = object([
                ("operation", "CreateToken".into()),
                ("client_id", request.client.id.into()),
                ("client_secret", secret(request.client.secret.as_ref())),
                ("grant", request.grant.grant_type().into()),
                ("scope", request.scope.into()),
            ]);
            let members = match &request.grant {
                Grant::DeviceCode { device_code } => object([("device_code", device_code.expose().into())]),
                Grant::AuthorizationCode { code, redirect_uri, code_verifier } => object([
                    ("code", code.expose().into()),
                    ("redirect_uri", redirect_uri.clone().into()),
                    ("code_verifier", secret(code_verifier.as_ref())),
                ]),
                Grant::RefreshToken { refresh_token } => {
                    object([("refresh_token", refresh_token.expose().into())])
                }
                other => panic!("{other:?}"),
            };
            shown.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            shown
        }
    } })
}

#[test]
fn requests_are_read_or_refused_as_the_vectors_say() {
    let file = file("requests.json");
    check("requests.json", &file["vectors"], |vector| {
        let method: Method = vector["method"].as_str().unwrap().parse().unwrap();
        let read = Dialect::Aws
            .operation(&method, vector["path"].as_str().unwrap())
            .and_then(|operation| Dialect::Aws.decode_request(operation, &body(vector)));
        match read {
            Ok(read) => request(read),
            Err(refusal) => {
                let text = format!("{refusal} {refusal:?}");
                assert!(!text.contains("SECRET"), "{text}");
                fault(&refusal, true)
            }
        }
    });
}
