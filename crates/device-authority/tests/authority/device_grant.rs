//! CreateToken with a device code: ownership, single use, and expiry.

use core::time::Duration;
use device_authority::{
    ClientRecord, NoEntropy, Records, Rotation, ServerPolicy, SlowDown, UserDecision, create_token,
};
use oidc_proto::{
    Client, CreateTokenRequest, FaultCode, Grant, RegisterClientRequest, Secret, Token, grant_type,
};

use crate::common::{Bench, fault};

fn off() -> ServerPolicy {
    ServerPolicy::default().with_slow_down(SlowDown::Off)
}

#[test]
fn a_device_waits_until_its_person_approves() {
    let mut bench = Bench::new(off());
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    for _ in 0..3 {
        assert_eq!(fault(bench.poll(&client, &device.device_code)), FaultCode::AuthorizationPending);
    }
    bench.person(&device.user_code, UserDecision::APPROVE);
    assert!(bench.poll(&client, &device.device_code).is_ok());
}

#[test]
fn without_scopes_a_token_lasts_eight_hours_and_cannot_be_refreshed() {
    let mut bench = Bench::new(off());
    let client = bench.client();
    let token = bench.sign_in(&client);
    assert_eq!(token.expires_in, Some(Duration::from_secs(8 * 3600)));
    assert_eq!(token.refresh_token, None);
    assert_eq!(token.token_type, "Bearer");
}

#[test]
fn with_scopes_a_token_lasts_one_hour_and_can_be_refreshed() {
    let mut bench = Bench::new(off());
    let client = bench.scoped_client();
    let token = bench.sign_in(&client);
    assert_eq!(token.expires_in, Some(Duration::from_secs(3600)));
    assert!(token.refresh_token.is_some());
}

#[test]
fn a_client_that_registered_without_the_refresh_grant_gets_no_refresh_token() {
    let mut bench = Bench::new(off());
    let mut ask = RegisterClientRequest::new("tool").with_scopes(["s"]);
    ask.grant_types = vec![grant_type::DEVICE_CODE.to_owned()];
    let client = bench.register(&ask).unwrap().client;
    assert_eq!(bench.sign_in(&client).refresh_token, None);
}

#[test]
fn a_device_code_is_good_once() {
    let mut bench = Bench::new(off());
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    bench.person(&device.user_code, UserDecision::APPROVE);
    assert!(bench.poll(&client, &device.device_code).is_ok());
    assert_eq!(fault(bench.poll(&client, &device.device_code)), FaultCode::InvalidGrant);
    bench.wait(3600.0);
    assert_eq!(fault(bench.poll(&client, &device.device_code)), FaultCode::InvalidGrant);
}

#[test]
fn a_device_code_that_turns_up_again_revokes_the_refresh_tokens_that_came_of_it() {
    let mut bench = Bench::new(off());
    let client = bench.scoped_client();
    let device = bench.start(&client).unwrap();
    bench.person(&device.user_code, UserDecision::APPROVE);
    let token = bench.poll(&client, &device.device_code).unwrap();
    assert_eq!(fault(bench.poll(&client, &device.device_code)), FaultCode::InvalidGrant);
    assert_eq!(fault(bench.refresh(&client, &token.refresh_token.unwrap())), FaultCode::InvalidGrant);
}

#[test]
fn a_device_code_that_turns_up_again_revokes_an_access_token_without_a_family() {
    let mut bench = Bench::new(off());
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    bench.person(&device.user_code, UserDecision::APPROVE);
    let token = bench.poll(&client, &device.device_code).unwrap();
    let other = bench.sign_in(&client);
    assert_eq!(token.refresh_token, None);
    assert_eq!(fault(bench.poll(&client, &device.device_code)), FaultCode::InvalidGrant);
    assert!(bench.store.recognize_token(&token.access_token, bench.now).is_err());
    assert!(bench.store.recognize_token(&other.access_token, bench.now).is_ok());
}

#[test]
fn a_device_code_of_another_client_is_as_good_as_none() {
    let mut bench = Bench::new(off());
    let (owner, another) = (bench.client(), bench.client());
    let device = bench.start(&owner).unwrap();
    bench.person(&device.user_code, UserDecision::APPROVE);
    let stolen = bench.poll(&another, &device.device_code).unwrap_err();
    let unknown = bench.poll(&another, &Secret::new("x".repeat(86))).unwrap_err();
    assert_eq!(stolen, unknown);
    assert_eq!(stolen.code, FaultCode::InvalidGrant);
    assert!(bench.poll(&owner, &device.device_code).is_ok(), "the attempt has cost the owner nothing");
}

#[test]
fn every_character_of_a_device_code_counts() {
    let mut bench = Bench::new(off());
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    bench.person(&device.user_code, UserDecision::APPROVE);
    let right = device.device_code.expose();
    for i in 0..right.len() {
        let mut wrong = right.as_bytes().to_vec();
        wrong[i] = if wrong[i] == b'A' { b'B' } else { b'A' };
        let wrong = Secret::new(String::from_utf8(wrong).unwrap());
        assert_eq!(fault(bench.poll(&client, &wrong)), FaultCode::InvalidGrant, "{i}");
    }
    for wrong in [&right[..85], &format!("{right}A"), &right[..22], ""] {
        assert_eq!(fault(bench.poll(&client, &Secret::from(wrong))), FaultCode::InvalidGrant);
    }
}

#[test]
fn a_denied_device_hears_access_denied_every_time() {
    let mut bench = Bench::new(off());
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    bench.person(&device.user_code, UserDecision::Deny);
    for _ in 0..2 {
        assert_eq!(fault(bench.poll(&client, &device.device_code)), FaultCode::AccessDenied);
    }
}

#[test]
fn a_code_expires_in_the_instant_that_was_announced() {
    let mut bench = Bench::new(off());
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    bench.wait(599.999);
    assert_eq!(fault(bench.poll(&client, &device.device_code)), FaultCode::AuthorizationPending);
    bench.wait(0.001);
    assert_eq!(fault(bench.poll(&client, &device.device_code)), FaultCode::ExpiredToken);
}

#[test]
fn an_approved_code_that_is_never_redeemed_expires_too() {
    let mut bench = Bench::new(off());
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    bench.person(&device.user_code, UserDecision::APPROVE);
    bench.wait(600.0);
    assert_eq!(fault(bench.poll(&client, &device.device_code)), FaultCode::ExpiredToken);
}

#[test]
fn a_code_whose_time_was_cut_short_reads_as_expired() {
    let mut bench = Bench::new(off());
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    bench.person(&device.user_code, UserDecision::Expire);
    assert_eq!(fault(bench.poll(&client, &device.device_code)), FaultCode::ExpiredToken);
}

#[test]
fn the_client_is_judged_before_the_code() {
    let mut bench = Bench::new(off());
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    bench.person(&device.user_code, UserDecision::APPROVE);
    let wrong = Client::new(client.id.clone(), Secret::from("wrong"));
    assert_eq!(fault(bench.poll(&wrong, &device.device_code)), FaultCode::InvalidClient);
    assert_eq!(fault(bench.poll(&wrong, &Secret::from("no code"))), FaultCode::InvalidClient);
    assert!(bench.poll(&client, &device.device_code).is_ok());
}

#[test]
fn without_entropy_an_approved_code_stays_good() {
    let mut bench = Bench::new(off());
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    bench.person(&device.user_code, UserDecision::APPROVE);
    let grant = Grant::device_code(device.device_code.clone());
    let request = CreateTokenRequest::new(client.clone(), grant);
    let mut broken = |_: &mut [u8]| Err(NoEntropy::new());
    let reply = bench.store.create_token(&bench.policy, &request, bench.now, &mut broken);
    assert_eq!(fault(reply), FaultCode::InternalServer);
    assert!(bench.poll(&client, &device.device_code).is_ok());
}

#[test]
fn a_request_whose_records_do_not_exist_is_refused_and_changes_nothing() {
    let grant = Grant::device_code(Secret::new("x".repeat(86)));
    let request = CreateTokenRequest::new(Client::new("unknown", Secret::from("s")), grant);
    let mut unused = |_: &mut [u8]| Err(NoEntropy::new());
    let now = device_authority::Moment::new(Duration::ZERO);
    let decision = create_token(&off(), Records::default(), &request, now, &mut unused);
    assert_eq!(fault(decision.reply), FaultCode::InvalidClient);
    assert!(decision.changes.is_empty());
}

fn with_grace(seconds: u64) -> Bench {
    Bench::new(off().with_device_grace(Duration::from_secs(seconds)))
}

#[test]
fn a_device_code_in_its_grace_brings_the_same_tokens_again() {
    for scoped in [true, false] {
        let mut bench = with_grace(30);
        let client = if scoped { bench.scoped_client() } else { bench.client() };
        let device = bench.start(&client).unwrap();
        bench.person(&device.user_code, UserDecision::APPROVE);
        let first = bench.poll(&client, &device.device_code).unwrap();
        bench.wait(29.5);
        let again = bench.poll(&client, &device.device_code).unwrap();
        assert_eq!(again.access_token, first.access_token);
        assert_eq!((again.refresh_token.clone(), again.scope), (first.refresh_token, first.scope));
        // 29.5 s of its life have passed, and the wire rounds up.
        assert_eq!(again.expires_in, first.expires_in.map(|life| life - Duration::from_secs(29)));
        assert!(bench.store.recognize_token(&again.access_token, bench.now).is_ok());
        if let Some(refresh_token) = again.refresh_token {
            assert!(bench.refresh(&client, &refresh_token).is_ok());
        }
    }
}

#[test]
fn after_its_grace_a_second_use_of_a_device_code_revokes_its_tokens() {
    let mut bench = with_grace(30);
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    bench.person(&device.user_code, UserDecision::APPROVE);
    let token = bench.poll(&client, &device.device_code).unwrap();
    bench.wait(30.0);
    assert_eq!(fault(bench.poll(&client, &device.device_code)), FaultCode::InvalidGrant);
    assert!(bench.store.recognize_token(&token.access_token, bench.now).is_err());
}

#[test]
fn the_grace_of_a_device_code_outlasts_the_code() {
    let mut bench = with_grace(30);
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    bench.person(&device.user_code, UserDecision::APPROVE);
    bench.wait(599.0);
    let first = bench.poll(&client, &device.device_code).unwrap();
    bench.wait(10.0);
    assert_eq!(bench.poll(&client, &device.device_code).unwrap().access_token, first.access_token);
}

/// Signs in with a grace of half a minute. Returns the device code, and its token.
fn graced_sign_in(bench: &mut Bench, client: &Client) -> (Secret, Token) {
    let device = bench.start(client).unwrap();
    bench.person(&device.user_code, UserDecision::APPROVE);
    let token = bench.poll(client, &device.device_code).unwrap();
    (device.device_code, token)
}

#[test]
fn a_refusal_in_the_grace_revokes_nothing() {
    let mut bench = with_grace(30);
    bench.policy.short_access_ttl = Duration::from_secs(20);
    let client = bench.scoped_client();
    let (code, token) = graced_sign_in(&mut bench, &client);
    bench.wait(19.0);
    assert_eq!(bench.poll(&client, &code).unwrap().expires_in, Some(Duration::from_secs(1)));
    // The access token has expired, and the refresh token has not.
    bench.wait(1.0);
    assert_eq!(fault(bench.poll(&client, &code)), FaultCode::InvalidGrant);
    assert!(bench.refresh(&client, &token.refresh_token.unwrap()).is_ok());
}

#[test]
fn after_the_first_refresh_a_code_in_its_grace_brings_no_old_token() {
    for rotation in [Rotation::Strict, Rotation::Grace] {
        let mut bench = with_grace(30);
        bench.policy.rotation = rotation;
        let client = bench.scoped_client();
        let (code, token) = graced_sign_in(&mut bench, &client);
        let next = bench.refresh(&client, &token.refresh_token.unwrap()).unwrap();
        assert_eq!(fault(bench.poll(&client, &code)), FaultCode::InvalidGrant);
        assert!(bench.refresh(&client, &next.refresh_token.unwrap()).is_ok(), "the sign-in goes on");
    }
}

#[test]
fn a_code_in_its_grace_brings_no_token_of_a_sign_in_that_has_ended() {
    for scoped in [true, false] {
        let mut bench = with_grace(30);
        let client = if scoped { bench.scoped_client() } else { bench.client() };
        let (code, token) = graced_sign_in(&mut bench, &client);
        bench.store.logout(&token.access_token, bench.now).unwrap();
        assert_eq!(fault(bench.poll(&client, &code)), FaultCode::InvalidGrant);
        assert!(bench.store.recognize_token(&token.access_token, bench.now).is_err());
    }
}

#[test]
fn a_repeated_response_is_that_of_the_first_use_whatever_has_changed_since() {
    let mut bench = with_grace(30);
    let client = Client::public("my-tool");
    let registered = |scopes: &[&str]| {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        ClientRecord::preconfigured(Client::public("my-tool"), Some(scopes))
    };
    bench.policy = bench.policy.clone().with_client(registered(&["a"]));
    let (code, token) = graced_sign_in(&mut bench, &client);
    for scopes in [&[][..], &["a", "openid"]] {
        bench.policy = bench.policy.clone().with_client(registered(scopes));
        for ttl in [10, 24 * 3600] {
            bench.policy = bench.policy.clone().with_access_ttl(Duration::from_secs(ttl));
            assert_eq!(bench.poll(&client, &code), Ok(token.clone()), "{scopes:?}, {ttl}");
        }
    }
}

#[test]
fn the_grace_of_a_device_code_is_no_longer_than_its_record_is_kept() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let mut bench = Bench::new(off().with_device_grace(minutes(60)).with_remember_expired(minutes(10)));
    let client = bench.client();
    let (code, token) = graced_sign_in(&mut bench, &client);
    bench.wait(599.0);
    assert!(bench.poll(&client, &code).is_ok());
    bench.wait(1.0);
    // The record is still there, so the replay is noticed.
    assert_eq!(fault(bench.poll(&client, &code)), FaultCode::InvalidGrant);
    assert!(bench.store.recognize_token(&token.access_token, bench.now).is_err());
}

#[test]
fn the_grace_of_a_device_code_is_for_its_client_alone() {
    let mut bench = with_grace(30);
    let (owner, another) = (bench.client(), bench.client());
    let device = bench.start(&owner).unwrap();
    bench.person(&device.user_code, UserDecision::APPROVE);
    bench.poll(&owner, &device.device_code).unwrap();
    assert_eq!(fault(bench.poll(&another, &device.device_code)), FaultCode::InvalidGrant);
    assert!(bench.poll(&owner, &device.device_code).is_ok(), "the attempt has cost the owner nothing");
}
