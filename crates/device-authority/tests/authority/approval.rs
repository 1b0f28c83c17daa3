//! Who approved a sign-in, and when: from the decision to the last token (OpenID Connect Core §2).

use core::time::Duration;

use device_authority::{
    AccessRecord, Authentication, AuthorizationError, AuthorizationStatus, CodeRecord, DeviceRecord,
    RefreshRecord, Selector, ServerPolicy, Subject, UserDecision,
};
use oidc_proto::{Client, FaultCode, Parameter, Secret, Token};

use crate::common::{Bench, code_request};

fn bench() -> Bench {
    Bench::new(ServerPolicy::default())
}

fn person(text: &str) -> Subject {
    Subject::new(text).unwrap()
}

/// Returns what the records of a token say about its approval: that of the access token, and that of its family.
fn approval_of(bench: &Bench, token: &Token) -> [Option<Authentication>; 2] {
    let access = bench.store.recognize_token(&token.access_token, bench.now).unwrap();
    let family = token.refresh_token.as_ref().and_then(Selector::of);
    let family = family.and_then(|family| bench.store.family(family)?.authentication.as_deref().copied());
    [access.authentication.as_deref().copied(), family]
}

#[test]
fn every_token_of_a_device_knows_who_approved_and_when() {
    let mut bench = bench();
    let client = bench.scoped_client();
    let device = bench.start(&client).unwrap();
    bench.wait(20.0);
    bench.person(&device.user_code, UserDecision::Approve(person("alice")));
    let approval = Authentication::new(person("alice"), bench.now);
    bench.wait(30.0);
    let token = bench.poll(&client, &device.device_code).unwrap();
    assert_eq!(approval_of(&bench, &token), [Some(approval); 2], "the time is that of the approval");
    bench.wait(600.0);
    let next = bench.refresh(&client, &token.refresh_token.unwrap()).unwrap();
    assert_eq!(approval_of(&bench, &next), [Some(approval); 2], "a refresh is no approval");
}

#[test]
fn a_device_keeps_the_approval_until_its_token_is_issued() {
    let mut bench = bench();
    let client = bench.scoped_client();
    let device = bench.start(&client).unwrap();
    let selector = Selector::of(&device.device_code).unwrap();
    let kept = |bench: &Bench| bench.store.device(selector).unwrap().state.clone();
    assert_eq!(kept(&bench).authentication, None);
    bench.person(&device.user_code, UserDecision::APPROVE);
    assert_eq!(
        kept(&bench).authentication.as_deref(),
        Some(&Authentication::new(Subject::PERSON, bench.now))
    );
    bench.poll(&client, &device.device_code).unwrap();
    assert!(matches!(kept(&bench).status, AuthorizationStatus::Redeemed(_)));
    assert_eq!(kept(&bench).authentication, None, "the tokens have it now");
}

#[test]
fn a_token_of_a_client_without_scopes_knows_it_too() {
    let mut bench = bench();
    let client = bench.client();
    let token = bench.sign_in(&client);
    let approval = Authentication::new(Subject::PERSON, bench.now);
    assert_eq!(approval_of(&bench, &token), [Some(approval), None]);
}

#[test]
fn a_denial_and_an_expiry_name_no_person() {
    let mut bench = bench();
    let client = bench.scoped_client();
    for decision in [UserDecision::Deny, UserDecision::Expire] {
        let device = bench.start(&client).unwrap();
        bench.person(&device.user_code, decision);
        let selector = Selector::of(&device.device_code).unwrap();
        assert_eq!(bench.store.device(selector).unwrap().state.authentication, None, "{decision:?}");
    }
}

fn with_nonce(client: &Client, nonce: &str) -> oidc_proto::AuthorizationRequest {
    code_request(client).with_parameters([Parameter::new("nonce", nonce).unwrap()])
}

#[test]
fn a_code_knows_who_approved_and_the_nonce_of_its_request() {
    let mut bench = bench();
    let client = bench.code_client();
    let decision = UserDecision::Approve(person("alice"));
    let code = bench.authorize(&with_nonce(&client, "n-0S6_WzA2Mj"), decision).unwrap();
    let approval = Authentication::new(person("alice"), bench.now);
    let record = bench.store.code(Selector::of(&code).unwrap()).unwrap();
    assert_eq!(
        (record.nonce.as_deref(), record.authentication.as_deref()),
        (Some("n-0S6_WzA2Mj"), Some(&approval))
    );
    bench.wait(5.0);
    let token = bench.redeem(&client, &code).unwrap();
    assert_eq!(approval_of(&bench, &token), [Some(approval); 2]);
}

#[test]
fn the_second_press_of_a_form_is_not_for_another_person() {
    let mut bench = bench();
    let client = bench.code_client();
    let record = bench.store.client(&client.id).cloned();
    let (request, code) = (code_request(&client), Secret::new("c".repeat(86)));
    let press = |earlier: Option<&CodeRecord>, who: &str| {
        let decision = UserDecision::Approve(person(who));
        let client = record.as_ref();
        device_authority::authorize_form(&bench.policy, client, earlier, &request, decision, &code, bench.now)
    };
    let (_, change) = press(None, "alice");
    let Some(device_authority::Change::AddCode(first)) = change else { panic!("it is to be stored") };
    assert_eq!(first.authentication.as_deref().map(|approval| approval.subject), Some(person("alice")));
    let (again, change) = press(Some(&first), "alice");
    assert!(again.is_ok() && change.is_none());
    // It would sign in Bob's program as Alice.
    let (other, change) = press(Some(&first), "bob");
    assert_eq!((other, change), (Err(AuthorizationError::Decided), None));
    let (of_earlier_version, _) = press(Some(&earlier(&first)), "bob");
    assert!(of_earlier_version.is_ok());
}

#[test]
fn a_nonce_has_at_most_256_bytes() {
    let mut bench = bench();
    let client = bench.code_client();
    assert!(bench.authorize(&with_nonce(&client, &"n".repeat(256)), UserDecision::APPROVE).is_ok());
    let refused = bench.authorize(&with_nonce(&client, &"n".repeat(257)), UserDecision::APPROVE);
    let Err(AuthorizationError::Redirect(fault)) = refused else { panic!("{refused:?}") };
    assert_eq!(fault.code, FaultCode::InvalidRequest);
}

/// A record as the versions before this one have written it.
fn earlier<T: serde::Serialize + serde::de::DeserializeOwned>(record: &T) -> T {
    fn forget(value: &mut serde_json::Value) {
        if let Some(members) = value.as_object_mut() {
            for name in ["authentication", "nonce"] {
                members.remove(name);
            }
            members.values_mut().for_each(forget);
        }
    }
    let mut value = serde_json::to_value(record).unwrap();
    forget(&mut value);
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_record_of_an_earlier_version_is_read_and_names_no_person() {
    let mut bench = bench();
    let client = bench.code_client();
    let code = bench.authorize(&with_nonce(&client, "n"), UserDecision::APPROVE).unwrap();
    let code: CodeRecord = earlier(bench.store.code(Selector::of(&code).unwrap()).unwrap());
    assert_eq!((code.authentication, code.nonce), (None, None));

    let client = bench.scoped_client();
    let device = bench.start(&client).unwrap();
    bench.person(&device.user_code, UserDecision::APPROVE);
    let selector = Selector::of(&device.device_code).unwrap();
    let waiting: DeviceRecord = earlier(bench.store.device(selector).unwrap());
    assert_eq!((waiting.state.status, waiting.state.authentication), (AuthorizationStatus::Approved, None));

    let token = bench.poll(&client, &device.device_code).unwrap();
    let access: AccessRecord = earlier(bench.store.recognize_token(&token.access_token, bench.now).unwrap());
    assert_eq!(access.authentication, None);
    let family = Selector::of(&token.refresh_token.unwrap()).unwrap();
    let family: RefreshRecord = earlier(bench.store.family(family).unwrap());
    assert_eq!(family.authentication, None);
}

#[test]
fn an_approval_adds_few_bytes_to_a_record() {
    let longest = person(&"s".repeat(Subject::MOST));
    let approval = Authentication::new(longest, device_authority::Moment::new(Duration::from_secs(u64::MAX)));
    let bytes = serde_json::to_vec(&approval).unwrap().len();
    assert!(bytes <= 110, "{bytes} bytes");
}
