//! Serialized values round-trip: `serde(serde(x)) == x`, and no member is lost.

use oidc_proto::{
    Answer, CreateTokenRequest, DeviceAuthorization, Dialect, Fault, Registration, Secret, Token, UnixSeconds,
};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cases;
use crate::messages::{authorization, fault, registration, token};

/// Reads the value back from its JSON, and from JSON that lacks optional members, as an older program writes
/// it.
fn again<T: Serialize + DeserializeOwned + PartialEq + core::fmt::Debug>(value: &T) {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value);
    let mut members: Value = serde_json::from_str(&text).unwrap();
    if let Some(members) = members.as_object_mut() {
        members.retain(|_, member| !member.is_null() && *member != json!([]));
    }
    assert_eq!(&serde_json::from_value::<T>(members).unwrap(), value, "an absent member is as good as null");
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop_oneof![Just(Dialect::Aws), Just(Dialect::OAuth)]
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn a_registration_is_kept(registration in dialect().prop_flat_map(registration), is_basic in any::<bool>()) {
        let mut registration: Registration = registration;
        if is_basic {
            registration.client = registration.client.with_basic_authentication();
        }
        again(&registration);
    }

    #[test]
    fn a_token_is_kept(token in dialect().prop_flat_map(token), extra in proptest::option::of("[{}:a-z]{1,20}")) {
        let mut token: Token = token;
        token.extra = extra.map(Secret::new);
        again(&token);
    }

    #[test]
    fn codes_are_kept(authorization in authorization()) {
        again::<DeviceAuthorization>(&authorization);
    }

    #[test]
    fn a_fault_is_kept(fault in dialect().prop_flat_map(fault)) {
        again::<Fault>(&fault);
    }
}

#[test]
fn the_warnings_of_a_token_are_kept_and_one_that_is_not_known_loses_no_token() {
    for (dialect, body) in [
        (
            Dialect::Aws,
            r#"{"accessToken":"t","tokenType":1,"expiresIn":0,"refreshToken":[],"idToken":{},"scope":2}"#,
        ),
        (
            Dialect::OAuth,
            r#"{"access_token":"t","token_type":1,"expires_in":"x","refresh_token":[],"id_token":{},"scope":2}"#,
        ),
    ] {
        let answer = dialect.decode::<CreateTokenRequest, _>(&http::Response::new(body));
        let Answer::Success(token) = answer else { panic!("{answer:?}") };
        assert!(token.warnings.len() >= 4, "{:?}", token.warnings);
        again(&token);
        let mut later = serde_json::to_value(&token).unwrap();
        let warnings = later["warnings"].as_array_mut().unwrap();
        warnings.push(json!({"member": "of a later version", "kind": "missing"}));
        warnings.push(json!({"member": "token_type", "kind": "of_a_later_version"}));
        assert_eq!(serde_json::from_value::<Token>(later).unwrap(), token);
    }
}

#[test]
fn no_verdict_is_kept_with_what_was_said() {
    for (status, body) in
        [(404, "<title>No such page</title>"), (302, ""), (400, "{}"), (500, "?"), (200, "{")]
    {
        let response = http::Response::builder()
            .status(status)
            .header("retry-after", "7")
            .header("location", "https://login.example/")
            .header("x-amzn-requestid", "4711");
        let answer = Dialect::Aws.decode::<CreateTokenRequest, _>(&response.body(body).unwrap());
        let Answer::Indeterminate(none) = answer else { panic!("{answer:?}") };
        again(&none);
    }
}

#[test]
fn what_is_kept_looks_as_it_is_documented() {
    let registration = Registration::new(oidc_proto::Client::new("id", Secret::from("s")))
        .with_expiry(UnixSeconds::new(1_800_000_000));
    let kept = serde_json::to_value(&registration).unwrap();
    assert_eq!(
        kept,
        json!({
            "client": {"id": "id", "secret": "s", "authentication": "body"},
            "issued_at": null,
            "expires_at": 1_800_000_000,
            "authorization_endpoint": null,
            "token_endpoint": null,
        })
    );
}
