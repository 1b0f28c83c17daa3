//! What holds for every message, not only for the ones that somebody thought of.

use core::fmt::Debug;
use core::time::Duration;

use http::{HeaderValue, Response, StatusCode};
use oidc_proto::{
    Answer, Call, Client, CreateTokenRequest, DeviceAuthorization, Dialect, Endpoint, Fault, FaultCode,
    Grant, Operation, RegisterClientRequest, Registration, Request, Secret, ServerRequest,
    StartDeviceAuthorizationRequest, Token, UnixSeconds,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Failures print their minimal input; no file of seeds is kept, because a fixed one becomes a vector.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Text of any characters, but not empty: the wire reads an empty member as absent.
fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 1..12).prop_map(|chars| chars.into_iter().collect())
}

fn secret() -> impl Strategy<Value = Secret> {
    text().prop_map(Secret::new)
}

/// Whole seconds, as far as the wire can tell them apart.
fn seconds(least: u64) -> impl Strategy<Value = Duration> {
    prop_oneof![least..100_000, least..=i64::MAX.unsigned_abs()].prop_map(Duration::from_secs)
}

fn client() -> impl Strategy<Value = Client> {
    (text(), secret()).prop_map(|(id, secret)| Client::new(id, secret))
}

prop_compose! {
    fn register()(
        name in text(), kind in text(), scopes in vec(".*", 0..3), uris in vec(".*", 0..3), grants in vec(".*", 0..3),
        issuer in of(text()), application in of(text()),
    ) -> RegisterClientRequest {
        let mut request = RegisterClientRequest::new(name);
        request.client_type = kind;
        request.scopes = scopes;
        request.redirect_uris = uris;
        request.grant_types = grants;
        request.issuer_url = issuer;
        request.entitled_application_arn = application;
        request
    }
}

prop_compose! {
    fn start()(client in client(), url in text()) -> StartDeviceAuthorizationRequest {
        StartDeviceAuthorizationRequest::new(client, url)
    }
}

fn grant() -> impl Strategy<Value = Grant> {
    prop_oneof![
        secret().prop_map(|device_code| Grant::DeviceCode { device_code }),
        secret().prop_map(|refresh_token| Grant::RefreshToken { refresh_token }),
        (secret(), of(text()), of(secret())).prop_map(|(code, redirect_uri, code_verifier)| {
            Grant::AuthorizationCode { code, redirect_uri, code_verifier }
        }),
    ]
}

prop_compose! {
    fn create()(client in client(), grant in grant(), scope in vec(".*", 0..3)) -> CreateTokenRequest {
        CreateTokenRequest::new(client, grant).with_scope(scope)
    }
}

prop_compose! {
    fn registration()(
        client in client(), issued in of(any::<i64>()), expires in of(any::<i64>()),
        authorize in of(text()), token in of(text()),
    ) -> Registration {
        let mut registration = Registration::new(client);
        registration.issued_at = issued.map(UnixSeconds::new);
        // Zero on the wire means no expiry (RFC 7591 §3.2.1).
        registration.expires_at = expires.filter(|end| *end != 0).map(UnixSeconds::new);
        registration.authorization_endpoint = authorize;
        registration.token_endpoint = token;
        registration
    }
}

prop_compose! {
    fn authorization()(
        code in secret(), user_code in text(), uri in text(), complete in of(text()), life in seconds(1),
        interval in of(seconds(0)),
    ) -> DeviceAuthorization {
        let mut authorization = DeviceAuthorization::new(code, user_code, uri, life);
        authorization.verification_uri_complete = complete;
        authorization.interval = interval;
        authorization
    }
}

prop_compose! {
    fn token()(
        access in secret(), kind in text(), life in seconds(1), refresh in of(secret()), id in of(secret()),
    ) -> Token {
        let mut token = Token::bearer(access, life);
        token.token_type = kind;
        token.refresh_token = refresh;
        token.id_token = id;
        token
    }
}

fn fault_code() -> impl Strategy<Value = FaultCode> {
    let known: Vec<FaultCode> = FaultCode::known().cloned().collect();
    prop_oneof![
        4 => prop::sample::select(known),
        1 => "[A-Za-z_é数]{1,20}"
            .prop_filter("not a known one", |text| {
                FaultCode::from_exception(text).is_none() && FaultCode::from_error(text).is_none()
            })
            .prop_map(FaultCode::Other),
    ]
}

prop_compose! {
    fn fault()(
        code in fault_code(), description in of(text()), reason in of(text()), endpoint in of(text()),
        region in of("[a-z0-9-]{1,20}"), status in prop_oneof![200_u16..300, 400_u16..600], id in of("[!-~]{1,40}"),
        wait in of(any::<u64>()),
    ) -> Fault {
        let mut fault = Fault::new(code).with_status(status);
        fault.description = description;
        fault.reason = reason;
        fault.endpoint = endpoint;
        fault.region = region;
        fault.request_id = id;
        fault.retry_after = wait.map(Duration::from_secs);
        fault
    }
}

/// The server reads back what the client wrote, from the path and the body that the client chose.
fn server_reads<C: Call>(call: &C) -> Result<ServerRequest, Fault> {
    let request: Request = Dialect::Aws.encode(&Endpoint::for_region("eu-west-1").unwrap(), call);
    let operation = Dialect::Aws.operation(request.method(), request.uri().path())?;
    assert_eq!(operation, C::OPERATION);
    Dialect::Aws.decode_request(operation, request.body().as_ref())
}

fn client_reads<C: Call>(answer: &C::Answer) -> Answer<C::Answer> {
    Dialect::Aws.decode::<C, _>(&Dialect::Aws.encode_success::<C>(answer))
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn the_server_reads_every_request_as_the_client_wrote_it(
        register in register(), start in start(), create in create(),
    ) {
        prop_assert_eq!(server_reads(&register), Ok(ServerRequest::RegisterClient(register)));
        prop_assert_eq!(server_reads(&start), Ok(ServerRequest::StartDeviceAuthorization(start)));
        prop_assert_eq!(server_reads(&create), Ok(ServerRequest::CreateToken(create)));
    }

    #[test]
    fn the_client_reads_every_success_as_the_server_wrote_it(
        registration in registration(), authorization in authorization(), token in token(),
    ) {
        let read = client_reads::<RegisterClientRequest>(&registration);
        prop_assert_eq!(read, Answer::Success(registration));
        let read = client_reads::<StartDeviceAuthorizationRequest>(&authorization);
        prop_assert_eq!(read, Answer::Success(authorization));
        let read = client_reads::<CreateTokenRequest>(&token);
        prop_assert_eq!(read, Answer::Success(token));
    }

    #[test]
    fn the_client_reads_every_fault_as_the_server_wrote_it(fault in fault()) {
        let response = Dialect::Aws.encode_fault(&fault);
        prop_assert_eq!(Dialect::Aws.decode::<RegisterClientRequest, _>(&response), Answer::Fault(fault.clone()));
        let read = Dialect::Aws.decode::<StartDeviceAuthorizationRequest, _>(&response);
        prop_assert_eq!(read, Answer::Fault(fault.clone()));
        prop_assert_eq!(Dialect::Aws.decode::<CreateTokenRequest, _>(&response), Answer::Fault(fault));
    }
}

/// Bytes that are nearly a message, so that the readers get past the first brace.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let member = prop::sample::select(vec![
        "accessToken",
        "expiresIn",
        "clientId",
        "clientSecret",
        "deviceCode",
        "userCode",
        "verificationUri",
        "interval",
        "error",
        "__type",
        "code",
        "message",
        "grantType",
        "startUrl",
        "scopes",
        "scope",
        "clientName",
        "clientType",
        "x",
    ]);
    let value = prop_oneof![
        text().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!([{ "a": [null] }])),
        Just(json!({ "error": "slow_down" })),
    ];
    let whole = vec((member, value), 0..8).prop_map(|members| {
        let members: Map<String, Value> =
            members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Value::from(members).to_string().into_bytes()
    });
    (whole, any::<prop::sample::Index>(), any::<u8>(), 0..3).prop_map(|(mut bytes, at, byte, how)| {
        let at = at.index(bytes.len());
        match how {
            0 => bytes.truncate(at),
            1 => bytes[at] = byte,
            _ => {}
        }
        bytes
    })
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![1 => vec(any::<u8>(), 0..200), 3 => nearly_json()]
}

fn any_response() -> impl Strategy<Value = Response<Vec<u8>>> {
    let header = || of(vec(prop_oneof![32_u8..=126, 128_u8..=255], 0..40));
    (100_u16..1000, header(), header(), header(), any_body()).prop_map(|(status, kind, id, wait, body)| {
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        for (name, value) in [("x-amzn-errortype", kind), ("x-amzn-requestid", id), ("retry-after", wait)] {
            if let Some(value) = value {
                response.headers_mut().insert(name, HeaderValue::from_bytes(&value).unwrap());
            }
        }
        response
    })
}

/// What was read can be printed, and what was read is what it claims to be.
fn sane<T: Debug>(response: &Response<Vec<u8>>, answer: &Answer<T>) {
    let _printed = format!("{answer:?}");
    match answer {
        Answer::Success(_) => assert!(response.status().is_success()),
        Answer::Fault(fault) => {
            assert!(!fault.code.error().is_empty() && !fault.to_string().is_empty());
            assert!(!response.status().is_redirection());
        }
        Answer::NoVerdict(none) => assert_eq!(none.status, response.status().as_u16()),
        Answer::Violation(violation) => assert!(violation.to_string().contains(violation.member)),
    }
}

proptest! {
    #![proptest_config(cases(1024))]

    #[test]
    fn no_response_makes_the_client_panic(response in any_response()) {
        sane(&response, &Dialect::Aws.decode::<RegisterClientRequest, _>(&response));
        sane(&response, &Dialect::Aws.decode::<StartDeviceAuthorizationRequest, _>(&response));
        sane(&response, &Dialect::Aws.decode::<CreateTokenRequest, _>(&response));
    }

    #[test]
    fn no_request_makes_the_server_panic_and_a_refusal_is_the_callers_fault(
        body in any_body(), method in "[A-Z]{1,8}", path in "/.*",
    ) {
        for operation in Operation::ALL {
            if let Err(fault) = Dialect::Aws.decode_request(operation, &body) {
                prop_assert_eq!(fault.status, 400);
                let named = matches!(fault.code, FaultCode::InvalidRequest | FaultCode::UnsupportedGrantType);
                prop_assert!(named, "{}", fault);
            }
        }
        if let Err(fault) = Dialect::Aws.operation(&method.parse().unwrap(), &path) {
            prop_assert!(matches!(fault.status, 404 | 405));
        }
    }
}

const SENTINEL: &str = "SENTINEL";

/// What can be wrong with one member.
fn damage() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        Just(None),
        Just(Some(Value::Null)),
        Just(Some(json!(""))),
        Just(Some(json!([SENTINEL]))),
        Just(Some(json!({ SENTINEL: SENTINEL }))),
        Just(Some(json!(-1))),
        Just(Some(json!(true))),
    ]
}

fn without_sentinel(value: Value) -> Value {
    serde_json::from_str(&value.to_string().replace(SENTINEL, "x")).unwrap()
}

/// The body with one member damaged, and perhaps cut or followed by rubbish.
fn damaged(
    base: Value,
    member: prop::sample::Index,
    damage: Option<Value>,
    cut: Option<prop::sample::Index>,
) -> Vec<u8> {
    let mut members = base.as_object().unwrap().clone();
    let name = members.keys().nth(member.index(members.len())).unwrap().clone();
    // What is no secret may be shown, so no sentinel goes there.
    let is_secret = members[&name] == SENTINEL;
    match damage.map(|value| if is_secret { value } else { without_sentinel(value) }) {
        Some(value) => _ = members.insert(name, value),
        None => _ = members.remove(&name),
    }
    let mut body = Value::from(members).to_string().into_bytes();
    if let Some(cut) = cut {
        body.truncate(cut.index(body.len()));
    }
    body
}

/// Neither the answer nor the error in it shows a sentinel, however it is printed. A success shows none either.
fn hides_the_sentinel<T: Debug>(answer: &Answer<T>) {
    let shown = match answer {
        Answer::Success(_) => String::new(),
        Answer::Fault(fault) => fault.to_string(),
        Answer::NoVerdict(none) => none.to_string(),
        Answer::Violation(violation) => violation.to_string(),
    };
    let shown = format!("{shown} {answer:?} {answer:#?}");
    assert!(!shown.contains(SENTINEL), "{shown}");
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn no_answer_shows_a_secret_whatever_is_wrong_with_the_response(
        member in any::<prop::sample::Index>(), damage in damage(), cut in of(any::<prop::sample::Index>()),
        status in prop::sample::select(vec![200_u16, 201, 302, 400, 401, 403, 500, 503]),
    ) {
        let respond = |base| {
            let mut response = Response::new(damaged(base, member, damage.clone(), cut));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response
        };
        hides_the_sentinel(&Dialect::Aws.decode::<RegisterClientRequest, _>(&respond(json!({
            "clientId": "id", "clientSecret": SENTINEL, "clientSecretExpiresAt": 5, "clientIdIssuedAt": 1,
        }))));
        hides_the_sentinel(&Dialect::Aws.decode::<StartDeviceAuthorizationRequest, _>(&respond(json!({
            "deviceCode": SENTINEL, "userCode": "u", "verificationUri": "v", "expiresIn": 5, "interval": 1,
        }))));
        hides_the_sentinel(&Dialect::Aws.decode::<CreateTokenRequest, _>(&respond(json!({
            "accessToken": SENTINEL, "refreshToken": SENTINEL, "idToken": SENTINEL, "expiresIn": 5,
            "tokenType": "Bearer",
        }))));
    }

    #[test]
    fn no_refusal_of_a_request_shows_a_secret(
        member in any::<prop::sample::Index>(), damage in damage(), cut in of(any::<prop::sample::Index>()),
        grant in prop::sample::select(vec![
            "urn:ietf:params:oauth:grant-type:device_code", "authorization_code", "refresh_token", "password",
        ]),
    ) {
        let base = json!({
            "clientId": "id", "clientSecret": SENTINEL, "clientName": "n", "clientType": "public", "startUrl": "u",
            "grantType": grant, "deviceCode": SENTINEL, "code": SENTINEL, "refreshToken": SENTINEL,
            "codeVerifier": SENTINEL, "redirectUri": "r", "scope": [], "scopes": [],
        });
        let body = damaged(base, member, damage, cut);
        for operation in Operation::ALL {
            match Dialect::Aws.decode_request(operation, &body) {
                Ok(request) => {
                    let shown = format!("{request:?}");
                    prop_assert!(!shown.contains(SENTINEL), "{}", shown);
                }
                Err(fault) => {
                    let wire = Dialect::Aws.encode_fault(&fault);
                    let wire = String::from_utf8_lossy(wire.body().as_ref()).into_owned();
                    let shown = format!("{fault} {fault:?} {wire}");
                    prop_assert!(!shown.contains(SENTINEL), "{}", shown);
                }
            }
        }
    }
}
