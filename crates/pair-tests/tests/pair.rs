//! Whole sign-ins with different persons, networks and clocks.

use device_authority::UserDecision;
use device_flow::{Expiry, Operation, Outcome, TransientError};
use oidc_proto::FaultCode;
use pair_tests::{Fate, World, secs, strict};

#[test]
fn a_person_who_approves_gets_a_token_at_the_next_poll() {
    let mut world = World::new(strict(5)).person(secs(12), UserDecision::APPROVE);
    let token = world.run().unwrap().token;
    assert_eq!(token.token_type, "Bearer");
    assert_eq!(world.polls(), [5, 10, 15]);
    assert_eq!(world.faults, [FaultCode::AuthorizationPending, FaultCode::AuthorizationPending]);
    assert_eq!(world.beginning(), Operation::SIGN_IN);
}

#[test]
fn a_person_who_denies_ends_the_flow_as_denied() {
    let mut world = World::new(strict(5)).person(secs(12), UserDecision::Deny);
    let got = world.run();
    assert!(matches!(got, Err(Outcome::Denied(_))), "{got:?}");
}

#[test]
fn a_person_who_forgets_lets_the_code_expire_by_the_clients_clock() {
    let mut world = World::new(strict(5).with_device_ttl(secs(60)));
    let outcome = world.run().unwrap_err();
    // The client's clock starts when the response arrives, so the service may be the first to report the
    // expiry.
    assert!(matches!(outcome, Outcome::Expired(_)), "{outcome:?}");
    assert_eq!(world.now.elapsed().as_secs(), 60);
}

#[test]
fn a_code_that_the_server_lets_die_early_is_expired_by_the_service() {
    // The client's monotonic clock stopped while its machine slept.
    let mut world = World::new(strict(5));
    world.clock_jump = secs(600);
    let outcome = world.run().unwrap_err();
    assert!(matches!(outcome, Outcome::Expired(Expiry::Service(_))), "{outcome:?}");
    assert_eq!(world.polls(), [5]);
}

#[test]
fn a_client_that_keeps_the_interval_is_never_told_to_slow_down() {
    let mut world = World::new(strict(1)).person(secs(300), UserDecision::APPROVE);
    world.run().unwrap();
    assert!(world.faults.iter().all(|code| *code == FaultCode::AuthorizationPending), "{:?}", world.faults);
    assert!(world.polls().len() > 250);
}

#[test]
fn slow_down_makes_the_client_slower_for_good() {
    // A duplicated request looks like two simultaneous polls to the server.
    let mut world =
        World::new(strict(5)).person(secs(60), UserDecision::APPROVE).fates(&[Fate::Carry, Fate::Twice]);
    world.run().unwrap();
    assert_eq!(world.faults.iter().filter(|code| **code == FaultCode::SlowDown).count(), 1);
    let polls = world.polls();
    let gaps: Vec<_> = polls.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps[0], 5);
    assert!(gaps[1..].iter().all(|gap| *gap == 10), "{gaps:?}");
}

#[test]
fn a_reply_lost_after_the_grant_is_a_lost_grant_and_not_a_denial() {
    let mut world =
        World::new(strict(5)).person(secs(7), UserDecision::APPROVE).fates(&[Fate::Carry, Fate::LoseReply]);
    let outcome = world.run().unwrap_err();
    assert!(
        matches!(&outcome, Outcome::GrantLost(Expiry::Service(fault)) if fault.code == FaultCode::InvalidGrant),
        "{outcome:?}"
    );
}

#[test]
fn a_request_that_was_lost_on_the_way_there_costs_only_time() {
    let mut world =
        World::new(strict(5)).person(secs(7), UserDecision::APPROVE).fates(&[Fate::Carry, Fate::LoseRequest]);
    world.run().unwrap();
}

#[test]
fn a_duplicated_request_for_a_granted_code_is_granted_once() {
    let mut world = World::new(strict(5)).person(secs(3), UserDecision::APPROVE).fates(&[Fate::Twice]);
    let outcome = world.run().unwrap_err();
    // The second copy finds the code spent, and the client gets its response.
    assert!(
        matches!(&outcome, Outcome::Rejected { fault, .. } if fault.code == FaultCode::InvalidGrant),
        "{outcome:?}"
    );
}

#[test]
fn a_network_that_is_down_for_a_while_does_not_end_the_sign_in() {
    let mut world = World::new(strict(5)).person(secs(60), UserDecision::APPROVE).fates(&[Fate::Refuse; 6]);
    world.run().unwrap();
}

#[test]
fn a_network_that_stays_down_is_unreachable() {
    let mut world = World::new(strict(5)).fates(&[Fate::Refuse; 200]);
    let outcome = world.run().unwrap_err();
    assert!(matches!(&outcome, Outcome::Unreachable { error: TransientError::Failed(_), .. }), "{outcome:?}");
}

#[test]
fn a_cancelled_flow_sends_nothing_more() {
    let mut world = World::new(strict(5));
    while world.polls().len() < 2 {
        assert!(world.step());
    }
    world.flow.cancel();
    let sent = world.sent.len();
    assert_eq!(world.run(), Err(Outcome::Cancelled));
    assert_eq!(world.sent.len(), sent);
}

#[test]
fn a_cached_registration_that_the_server_does_not_know_is_replaced_once() {
    let mut elsewhere = World::new(strict(5));
    while elsewhere.flow.registration().is_none() {
        assert!(elsewhere.step());
    }
    let cached = elsewhere.flow.registration();
    let mut world = World::with_registration(strict(5), cached).person(secs(7), UserDecision::APPROVE);
    world.run().unwrap();
    let expected =
        [Operation::StartDeviceAuthorization, Operation::RegisterClient, Operation::StartDeviceAuthorization];
    assert_eq!(world.beginning(), expected);
    assert!(world.flow.is_newly_registered());
}
