//! A damaged message never shows a secret.

use core::fmt::Debug;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use oidc_proto::oauth::{Provider, RevocationRequest};
use oidc_proto::{
    Answer, Client, CreateTokenRequest, Dialect, Endpoint, Fault, Grant, Operation, Parameter,
    RegisterClientRequest, Secret, Service, StartDeviceAuthorizationRequest,
};
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cases;

const SENTINEL: &str = "SENTINEL";

/// Generates the damage to one member.
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

/// Damages one member of the body, and may cut it or append rubbish.
fn damaged(
    base: Value,
    member: prop::sample::Index,
    damage: Option<Value>,
    cut: Option<prop::sample::Index>,
) -> Vec<u8> {
    let mut members = base.as_object().unwrap().clone();
    let name = members.keys().nth(member.index(members.len())).unwrap().clone();
    // Other members may be shown, so they get no sentinel.
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

/// Checks that no sentinel appears in the printed response or in its error.
fn hides_the_sentinel<T: Debug>(answer: &Answer<T>) {
    let shown = match answer {
        Answer::Success(_) => String::new(),
        Answer::Fault(fault) => fault.to_string(),
        Answer::Indeterminate(none) => none.to_string(),
        Answer::InvalidResponse(invalid) => invalid.to_string(),
    };
    let shown = format!("{shown} {answer:?} {answer:#?}");
    assert!(!shown.contains(SENTINEL), "{shown}");
}

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// Damages or repeats one parameter of the form, and may cut it.
fn damaged_form(
    pairs: &[(&str, &str)],
    at: prop::sample::Index,
    how: u8,
    cut: Option<prop::sample::Index>,
) -> Vec<u8> {
    let mut pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let at = at.index(pairs.len());
    match how {
        0 => _ = pairs.remove(at),
        1 => pairs.push(pairs[at].clone()),
        2 => pairs[at] += "%ff%1B",
        _ => {}
    }
    let mut form = pairs.join("&").into_bytes();
    if let Some(cut) = cut {
        form.truncate(cut.index(form.len()));
    }
    form
}

/// Checks that no sentinel appears in the decoded request or in the response to it.
fn request_hides_the_sentinel<T: Debug>(dialect: Dialect, read: &Result<T, Fault>) {
    let shown = match read {
        Ok(request) => format!("{request:?} {request:#?}"),
        Err(fault) => {
            let wire = dialect.encode_fault(fault);
            format!("{fault} {fault:?} {}", String::from_utf8_lossy(wire.body().as_ref()))
        }
    };
    assert!(!shown.contains(SENTINEL), "{shown}");
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn no_answer_shows_a_secret_whatever_is_wrong_with_the_response(
        member in any::<prop::sample::Index>(), damage in damage(), cut in of(any::<prop::sample::Index>()),
        status in prop::sample::select(vec![200_u16, 201, 302, 400, 401, 403, 500, 503]), is_form in any::<bool>(),
    ) {
        let respond = |base| {
            let mut response = Response::new(damaged(base, member, damage.clone(), cut));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            if is_form {
                response.headers_mut().insert(CONTENT_TYPE, FORM);
            }
            response
        };
        for (dialect, names) in [
            (Dialect::Aws, ["clientId", "clientSecret", "clientSecretExpiresAt", "deviceCode", "userCode",
                "verificationUri", "expiresIn", "accessToken", "refreshToken", "idToken", "tokenType"]),
            (Dialect::OAuth, ["client_id", "client_secret", "client_secret_expires_at", "device_code", "user_code",
                "verification_uri", "expires_in", "access_token", "refresh_token", "id_token", "token_type"]),
        ] {
            let [id, secret, expiry, device, user, uri, life, access, refresh, id_token, kind] = names;
            let registered = respond(json!({ id: "id", secret: SENTINEL, expiry: 5 }));
            hides_the_sentinel(&dialect.decode::<RegisterClientRequest, _>(&registered));
            let started = respond(json!({ device: SENTINEL, user: "u", uri: "v", life: 5, "interval": 1 }));
            hides_the_sentinel(&dialect.decode::<StartDeviceAuthorizationRequest, _>(&started));
            let granted = respond(
                json!({ access: SENTINEL, refresh: SENTINEL, id_token: SENTINEL, life: 5, kind: "Bearer" }),
            );
            hides_the_sentinel(&dialect.decode::<CreateTokenRequest, _>(&granted));
            hides_the_sentinel(&RevocationRequest::decode(&granted));
        }
    }

    #[test]
    fn no_answer_in_a_form_shows_a_secret(
        at in any::<prop::sample::Index>(), how in 0_u8..4, cut in of(any::<prop::sample::Index>()),
        status in prop::sample::select(vec![200_u16, 400, 503]),
    ) {
        let granted = [("access_token", SENTINEL), ("refresh_token", SENTINEL), ("token_type", "b"), ("expires_in", "5")];
        let mut response = Response::new(damaged_form(&granted, at, how, cut));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response.headers_mut().insert(CONTENT_TYPE, FORM);
        hides_the_sentinel(&Dialect::OAuth.decode::<CreateTokenRequest, _>(&response));
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
        for operation in Operation::SIGN_IN.iter().copied() {
            request_hides_the_sentinel(Dialect::Aws, &Dialect::Aws.decode_request(operation, &body));
        }
    }

    #[test]
    fn no_refusal_of_a_form_shows_a_secret(
        at in any::<prop::sample::Index>(), how in 0_u8..4, cut in of(any::<prop::sample::Index>()),
        grant in prop::sample::select(vec![
            "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code", "authorization_code", "refresh_token", "x",
        ]),
        // `c:SENTINEL`, `SENTINEL`, and invalid base64.
        header in of(prop::sample::select(vec![
            "Basic YzpTRU5USU5FTA==", "Basic U0VOVElORUw=", "Basic SENTINEL!", "Bearer SENTINEL",
        ])),
    ) {
        let form = [
            ("grant_type", grant), ("client_id", "c"), ("client_secret", SENTINEL), ("device_code", SENTINEL),
            ("code", SENTINEL), ("refresh_token", SENTINEL), ("code_verifier", SENTINEL), ("token", SENTINEL),
            ("scope", "a"),
        ];
        let body = damaged_form(&form, at, how, cut);
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, FORM)]);
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, HeaderValue::from_static(header));
        }
        for operation in Operation::SIGN_IN.iter().copied() {
            let read = Dialect::OAuth.decode_http_request(operation, &headers, &body);
            request_hides_the_sentinel(Dialect::OAuth, &read);
        }
        request_hides_the_sentinel(Dialect::OAuth, &RevocationRequest::decode_request(&headers, &body));
    }
}

#[test]
fn no_encoded_request_shows_a_secret() {
    let base = Endpoint::custom("https://id.example").unwrap();
    let (aws, oauth) = (Service::from(base.clone()), Service::from(Provider::at_default_paths(&base)));
    let secret = || Secret::from(SENTINEL);
    let grant = Grant::device_code(secret()).with_code_verifier(secret());
    for client in [Client::new("c", secret()), Client::new("c", secret()).with_basic_authentication()] {
        let parameter = Parameter::new("audience", secret()).unwrap();
        let poll = CreateTokenRequest::new(client.clone(), grant.clone()).with_parameters([parameter]);
        let revocation = RevocationRequest::refresh_token(client.clone(), secret());
        let mut requests: Vec<_> = [&aws, &oauth].map(|service| service.encode_create_token(&poll)).to_vec();
        requests.extend(revocation.encode(&oauth));
        assert_eq!(requests.len(), 3);
        for request in requests {
            let shown = format!("{request:?} {:?} {:?}", request.headers(), request.body());
            assert!(!shown.contains(SENTINEL) && !shown.contains("U0VOVElORUw"), "{shown}");
        }
        let shown = format!("{client:?} {poll:?} {revocation:?}");
        assert!(!shown.contains(SENTINEL), "{shown}");
    }
}
