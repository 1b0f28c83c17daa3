//! CreateToken with a device code and PKCE (RFC 7636).

use core::time::Duration;
use device_authority::{Selector, ServerPolicy, SlowDown, UserDecision};
use oidc_proto::{Client, DeviceAuthorization, Fault, FaultCode, Grant, Secret, Token, pkce};

use crate::common::{Bench, fault};

/// A device whose request had the challenge of a verifier, or none.
struct Device {
    bench: Bench,
    client: Client,
    codes: DeviceAuthorization,
}

fn verifier(seed: u8) -> Secret {
    pkce::verifier(&[seed; 32])
}

impl Device {
    fn new(challenge: Option<String>) -> Self {
        let policy =
            ServerPolicy::default().with_interval(Duration::from_secs(5)).with_slow_down(SlowDown::Strict);
        let mut bench = Bench::new(policy);
        let client = bench.scoped_client();
        let codes = bench.start_with_challenge(&client, challenge).unwrap();
        Self { bench, client, codes }
    }

    fn poll(&mut self, verifier: Option<Secret>) -> Result<Token, Fault> {
        let grant = Grant::device_code(self.codes.device_code.clone());
        let grant = verifier.into_iter().fold(grant, Grant::with_code_verifier);
        self.bench.token(&self.client, grant)
    }

    fn approve(&mut self) {
        self.bench.person(&self.codes.user_code, UserDecision::APPROVE);
    }
}

#[test]
fn the_verifier_of_the_challenge_gets_the_token() {
    let mut device = Device::new(Some(pkce::challenge(&verifier(1))));
    assert_eq!(fault(device.poll(Some(verifier(1)))), FaultCode::AuthorizationPending);
    device.approve();
    assert!(device.poll(Some(verifier(1))).is_ok());
}

#[test]
fn a_wrong_or_missing_verifier_is_refused_before_and_after_the_approval_and_the_code_stays_good() {
    let mut device = Device::new(Some(pkce::challenge(&verifier(1))));
    let wrong = [
        None,
        Some(verifier(2)),
        Some(Secret::from("")),
        Some(Secret::from("short")),
        Some(Secret::new("a".repeat(129))),
        // The challenge itself, which the method `plain` would accept.
        Some(Secret::new(pkce::challenge(&verifier(1)))),
    ];
    for is_approved in [false, true] {
        if is_approved {
            device.approve();
        }
        for verifier in &wrong {
            assert_eq!(fault(device.poll(verifier.clone())), FaultCode::InvalidGrant);
        }
    }
    assert!(device.poll(Some(verifier(1))).is_ok());
}

#[test]
fn a_verifier_without_a_challenge_is_refused_so_that_a_lost_challenge_is_noticed() {
    let mut device = Device::new(None);
    device.approve();
    assert_eq!(fault(device.poll(Some(verifier(1)))), FaultCode::InvalidGrant);
    assert!(device.poll(None).is_ok());
}

#[test]
fn a_poll_without_its_verifier_counts_for_nothing() {
    let mut device = Device::new(Some(pkce::challenge(&verifier(1))));
    let before = device.bench.store.clone();
    assert_eq!(fault(device.poll(None)), FaultCode::InvalidGrant);
    let selector = Selector::of(&device.codes.device_code).unwrap();
    assert_eq!(device.bench.store.device(selector), before.device(selector));
    // Immediately after it, without a `slow_down`.
    assert_eq!(fault(device.poll(Some(verifier(1)))), FaultCode::AuthorizationPending);
}

#[test]
fn one_who_has_only_the_code_of_a_sign_in_cannot_end_it() {
    let mut device = Device::new(Some(pkce::challenge(&verifier(1))));
    device.approve();
    let token = device.poll(Some(verifier(1))).unwrap();
    for verifier in [None, Some(verifier(2))] {
        assert_eq!(fault(device.poll(verifier)), FaultCode::InvalidGrant);
    }
    let refresh_token = token.refresh_token.unwrap();
    assert!(device.bench.refresh(&device.client, &refresh_token).is_ok());
    // With the verifier the reuse counts as without PKCE: one of two users is an attacker.
    assert_eq!(fault(device.poll(Some(verifier(1)))), FaultCode::InvalidGrant);
}
