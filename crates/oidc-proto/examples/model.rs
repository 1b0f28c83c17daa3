//! Prints what this crate makes of AWS's API model, as JSON: operations, members, which of them must be
//! there, which are secret, and the faults.
//!
//! No name is listed by hand. The members are those of a complete message as it is written. A member is
//! required if the message is refused without it. It is secret if `Debug` does not print its value. The members
//! of a fault are those that are read again. `xtask/interop/test_model.py` compares the output with the model
//! inside botocore.

use core::fmt::Debug;
use core::time::Duration;

use oidc_proto::{
    Answer, Call, Client, CreateTokenRequest, DeviceAuthorization, Dialect, Endpoint, Fault, FaultCode,
    Grant, RegisterClientRequest, Registration, Secret, Service, StartDeviceAuthorizationRequest, Token,
    UnixSeconds,
};
use serde_json::{Map, Value, json};

const AWS: Dialect = Dialect::Aws;

/// Members with everything in them, their values all different.
type Members = Map<String, Value>;

fn main() {
    let operations = [
        operation(&[register()], &registration()),
        operation(&[start()], &authorization()),
        operation(&[by_device_code(), by_code(), by_refresh_token()], &token()),
    ];
    let faults: Members = FaultCode::known().map(|code| (code.exception().to_owned(), fault(code))).collect();
    let operations: Members = operations.into_iter().collect();
    println!("{}", json!({ "operations": operations, "faults": faults }));
}

/// An operation, by the requests that together have all members.
fn operation<C: Call + Debug>(requests: &[C], answer: &C::Answer) -> (String, Value)
where
    C::Answer: Debug,
{
    let service = Service::from(Endpoint::for_region("eu-west-1").unwrap());
    let sent: Vec<_> = requests.iter().filter_map(|request| service.encode(request)).collect();
    let (method, path) = (sent[0].method().clone(), sent[0].uri().path().to_owned());
    assert_eq!(AWS.operation(&method, &path), Ok(C::OPERATION));
    let faults: Vec<&str> = C::OPERATION.faults().iter().map(FaultCode::exception).collect();

    let bodies: Vec<Members> = sent.iter().map(|request| object(request.body().as_ref())).collect();
    let refused = |without: &Members| {
        let body = Value::from(without.clone()).to_string();
        AWS.decode_request(C::OPERATION, body.as_bytes()).is_err()
    };
    let mut input = Members::new();
    for (request, body) in requests.iter().zip(&bodies) {
        for (name, mut member) in described(body, &format!("{request:?}"), refused) {
            // A member that one grant must have and another cannot have is optional.
            if !bodies.iter().all(|body| body.contains_key(&name)) {
                member["required"] = false.into();
            }
            input.insert(name, member);
        }
    }

    let written = AWS.encode_success::<C>(answer);
    let members = object(written.body().as_ref());
    let broken = |without: &Members| {
        let response = http::Response::new(Value::from(without.clone()).to_string());
        !matches!(AWS.decode::<C, _>(&response), Answer::Success(_))
    };
    let output: Members = described(&members, &format!("{answer:?}"), broken).collect();

    let described = json!({
        "method": method.as_str(), "path": path, "errors": faults, "input": input, "output": output,
    });
    (C::OPERATION.name().to_owned(), described)
}

fn described<'a>(
    members: &'a Members,
    printed: &'a str,
    refused: impl Fn(&Members) -> bool + 'a,
) -> impl Iterator<Item = (String, Value)> + 'a {
    assert!(!refused(members), "the whole message must be good");
    members.iter().map(move |(name, value)| {
        let mut without = members.clone();
        without.remove(name);
        let text = value.as_str().or_else(|| value.get(0).and_then(Value::as_str));
        let is_secret = text.is_some_and(|text| !printed.contains(text));
        (name.clone(), json!({ "required": refused(&without), "secret": is_secret }))
    })
}

fn object(body: &[u8]) -> Members {
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => members,
        other => panic!("a body is an object, not {other:?}"),
    }
}

/// A fault with every text in it, as far as it is written and read again.
fn fault(code: &FaultCode) -> Value {
    let mut fault = Fault::new(code.clone()).with_description("a description");
    fault.reason = Some("a reason".to_owned());
    fault.endpoint = Some("an endpoint".to_owned());
    fault.region = Some("a region".to_owned());
    let written = AWS.encode_fault(&fault);
    let read = AWS.decode::<CreateTokenRequest, _>(&written);
    assert_eq!(read, Answer::Fault(fault), "a fault is read as it was written");
    let members = object(written.body().as_ref());
    let error = members["error"].clone();
    let names: Vec<&String> = members.keys().collect();
    json!({ "status": written.status().as_u16(), "error": error, "members": names })
}

fn client() -> Client {
    Client::new("the client's id", Secret::from("the client's secret"))
}

fn register() -> RegisterClientRequest {
    let mut request = RegisterClientRequest::new("the client's name").with_scopes(["a scope"]);
    "a client type".clone_into(&mut request.client_type);
    request.redirect_uris = vec!["a redirect".to_owned()];
    request.grant_types = vec!["a grant type".to_owned()];
    request.issuer_url = Some("an issuer".to_owned());
    request.entitled_application_arn = Some("an application".to_owned());
    request
}

fn registration() -> Registration {
    let mut registration = Registration::new(client()).with_expiry(UnixSeconds::new(2));
    registration.issued_at = Some(UnixSeconds::new(1));
    registration.authorization_endpoint = Some("where to authorize".to_owned());
    registration.token_endpoint = Some("where to get tokens".to_owned());
    registration
}

fn start() -> StartDeviceAuthorizationRequest {
    StartDeviceAuthorizationRequest::new(client(), "a start URL")
}

fn authorization() -> DeviceAuthorization {
    let life = Duration::from_secs(1);
    DeviceAuthorization::new(Secret::from("a device code"), "a user code", "a place to go", life)
        .with_interval(Duration::from_secs(2))
        .with_complete_uri("a place with everything in it")
}

fn create(grant: Grant) -> CreateTokenRequest {
    CreateTokenRequest::new(client(), grant).with_scope(["a scope"])
}

fn by_device_code() -> CreateTokenRequest {
    create(Grant::device_code(Secret::from("a device code")))
}

fn by_code() -> CreateTokenRequest {
    create(Grant::AuthorizationCode {
        code: Secret::from("an authorization code"),
        redirect_uri: Some("a redirect".to_owned()),
        code_verifier: Some(Secret::from("a verifier")),
    })
}

fn by_refresh_token() -> CreateTokenRequest {
    create(Grant::RefreshToken { refresh_token: Secret::from("a refresh token") })
}

fn token() -> Token {
    let mut token = Token::bearer(Secret::from("an access token"), Duration::from_secs(1))
        .with_refresh_token(Secret::from("a refresh token"));
    "a token type".clone_into(&mut token.token_type);
    token.id_token = Some(Secret::from("an id token"));
    token
}
