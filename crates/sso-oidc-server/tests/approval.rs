//! The simulated people.

mod common;

use common::{Client, Device, Http};
use sso_oidc_server::{Approval, Config, PersonError, SlowDown, TestServer};

fn faults(approval: Approval, polls: usize) -> Vec<String> {
    let config = Config::default().with_approval(approval).with_slow_down(SlowDown::Off);
    let server = TestServer::with(config).unwrap();
    let mut http = Http::to(&server);
    let client = http.client();
    let device = http.start(&client);
    (0..polls).map(|_| answer(&mut http, &client, &device)).collect()
}

fn answer(http: &mut Http, client: &Client, device: &Device) -> String {
    let response = http.poll(client, device);
    if response.status == 200 { "granted".to_owned() } else { response.fault().to_owned() }
}

const PENDING: &str = "AuthorizationPendingException";

#[test]
fn auto_grants_the_first_poll() {
    assert_eq!(faults(Approval::Auto, 2), ["granted", "InvalidGrantException"]);
}

#[test]
fn after_polls_answers_so_many_pending_and_then_grants() {
    assert_eq!(faults(Approval::AfterPolls(2), 4), [PENDING, PENDING, "granted", "InvalidGrantException"]);
    assert_eq!(faults(Approval::AfterPolls(0), 1), ["granted"]);
}

#[test]
fn deny_denies_the_first_poll() {
    assert_eq!(faults(Approval::Deny, 2), ["AccessDeniedException", "AccessDeniedException"]);
}

#[test]
fn expire_lets_the_code_run_out_after_the_first_poll() {
    assert_eq!(faults(Approval::Expire, 3), [PENDING, "ExpiredTokenException", "ExpiredTokenException"]);
}

#[test]
fn manual_waits_for_the_handle() {
    let server = TestServer::with(Config::default().with_slow_down(SlowDown::Off)).unwrap();
    let mut http = Http::to(&server);
    let client = http.client();
    for (decide, outcome) in [
        (TestServer::approve as fn(&TestServer, &str) -> Result<(), PersonError>, "granted"),
        (TestServer::deny, "AccessDeniedException"),
        (TestServer::expire, "ExpiredTokenException"),
    ] {
        let device = http.start(&client);
        assert_eq!(answer(&mut http, &client, &device), PENDING);
        assert_eq!(server.pending(), std::slice::from_ref(&device.user_code));
        decide(&server, &device.user_code).unwrap();
        assert!(server.pending().is_empty());
        assert!(decide(&server, &device.user_code).is_err(), "a decision stands");
        assert_eq!(answer(&mut http, &client, &device), outcome);
    }
    assert_eq!(server.approve("BBBB-BBBB"), Err(PersonError::Unknown));
}

#[test]
fn early_polls_are_slowed_down_before_a_simulated_person_too() {
    let config = Config::default().with_approval(Approval::AfterPolls(2)).with_slow_down(SlowDown::Strict);
    let server = TestServer::with(config).unwrap();
    let mut http = Http::to(&server);
    let client = http.client();
    let device = http.start(&client);
    let answers = [0; 3].map(|_| answer(&mut http, &client, &device));
    assert_eq!(answers, [PENDING, "SlowDownException", "granted"]);
}
