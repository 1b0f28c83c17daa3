//! Decoding random input never panics, and a decoded value keeps its invariants.

use core::fmt::Debug;

use http::{HeaderMap, HeaderValue, Response, StatusCode};
use oidc_proto::oauth::{Metadata, RevocationRequest};
use oidc_proto::{
    Answer, CreateTokenRequest, Dialect, Fault, FaultCode, Operation, RegisterClientRequest,
    StartDeviceAuthorizationRequest,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::cases;
use crate::messages::text;

/// Members of both dialects.
const MEMBERS: &[&str] = &[
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
    "access_token",
    "token_type",
    "expires_in",
    "client_id",
    "client_secret",
    "device_code",
    "user_code",
    "verification_url",
    "grant_type",
    "refresh_token",
    "token",
    "token_type_hint",
    "client_name",
    "grant_types",
    "token_endpoint_auth_method",
    "issuer",
    "token_endpoint",
    "device_authorization_endpoint",
    "scopes_supported",
];

/// Generates bytes that resemble a message, so the readers get past the first brace.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let member = prop::sample::select(MEMBERS);
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
    damaged(whole)
}

fn damaged(whole: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (whole, any::<prop::sample::Index>(), any::<u8>(), 0..3).prop_map(|(mut bytes, at, byte, how)| {
        let at = at.index(bytes.len().max(1));
        match how {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] = byte,
            _ => {}
        }
        bytes
    })
}

fn nearly_a_form() -> impl Strategy<Value = Vec<u8>> {
    let grant =
        prop::sample::select(vec!["refresh_token", "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code"]);
    let value = prop_oneof![3 => "[a-z0-9%+]{0,8}", 1 => grant.prop_map(str::to_owned)];
    let pairs = vec((prop::sample::select(MEMBERS), value), 0..8);
    damaged(pairs.prop_map(|pairs| {
        let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&").into_bytes()
    }))
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![1 => vec(any::<u8>(), 0..200), 3 => nearly_json(), 2 => nearly_a_form()]
}

/// Generates the headers that matter, with arbitrary values and some meaningful ones.
fn any_headers() -> impl Strategy<Value = HeaderMap> {
    let any = vec(prop_oneof![32_u8..=126, 128_u8..=255], 0..40);
    let known = prop::sample::select(vec![
        "application/x-www-form-urlencoded",
        "application/json",
        "Basic aWQ6c2VjcmV0",
        "Basic Og==",
        "7",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "SlowDownException",
    ]);
    let value = prop_oneof![any, known.prop_map(|text| text.as_bytes().to_vec())];
    let names =
        ["x-amzn-errortype", "x-amzn-requestid", "retry-after", "date", "content-type", "authorization"];
    vec((prop::sample::select(names.to_vec()), value), 0..6).prop_map(|pairs| {
        pairs
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_bytes(&value).unwrap()))
            .collect()
    })
}

fn any_response() -> impl Strategy<Value = Response<Vec<u8>>> {
    (100_u16..1000, any_headers(), any_body()).prop_map(|(status, headers, body)| {
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        *response.headers_mut() = headers;
        response
    })
}

/// Checks that the result is printable and keeps its invariants.
fn sane<T: Debug>(response: &Response<Vec<u8>>, answer: &Answer<T>) {
    let _printed = format!("{answer:?}");
    match answer {
        Answer::Success(_) => assert!(response.status().is_success()),
        Answer::Fault(fault) => {
            assert!(!fault.code.error().is_empty() && !fault.to_string().is_empty());
            assert!(!response.status().is_redirection());
        }
        Answer::Indeterminate(none) => assert_eq!(none.status, response.status().as_u16()),
        Answer::InvalidResponse(invalid) => assert!(invalid.to_string().contains(invalid.member)),
    }
}

/// Checks that a refusal blames the caller (RFC 6749 §5.2).
fn refused(dialect: Dialect, fault: &Fault) {
    match &fault.code {
        FaultCode::InvalidRequest | FaultCode::UnsupportedGrantType => {
            assert_eq!(fault.status, 400, "{fault}")
        }
        FaultCode::InvalidClient => assert_eq!((fault.status, dialect), (401, Dialect::OAuth), "{fault}"),
        _ => panic!("{fault}"),
    }
}

proptest! {
    #![proptest_config(cases(1024))]

    #[test]
    fn no_response_makes_the_client_panic(response in any_response()) {
        for dialect in [Dialect::Aws, Dialect::OAuth] {
            sane(&response, &dialect.decode::<RegisterClientRequest, _>(&response));
            sane(&response, &dialect.decode::<StartDeviceAuthorizationRequest, _>(&response));
            sane(&response, &dialect.decode::<CreateTokenRequest, _>(&response));
        }
        sane(&response, &RevocationRequest::decode(&response));
        if let Err(error) = Metadata::decode("https://id.example", &response) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn no_request_makes_the_server_panic_and_a_refusal_is_the_callers_fault(
        headers in any_headers(), body in any_body(), method in "[A-Z]{1,8}", path in "/.*",
    ) {
        for dialect in [Dialect::Aws, Dialect::OAuth] {
            for operation in Operation::SIGN_IN.iter().copied() {
                if let Err(fault) = dialect.decode_http_request(operation, &headers, &body) {
                    refused(dialect, &fault);
                }
            }
            if let Err(fault) = dialect.operation(&method.parse().unwrap(), &path) {
                prop_assert!(matches!(fault.status, 404 | 405));
            }
        }
        if let Err(fault) = RevocationRequest::decode_request(&headers, &body) {
            refused(Dialect::OAuth, &fault);
        }
    }
}
