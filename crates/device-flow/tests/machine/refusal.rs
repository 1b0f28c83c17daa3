//! Plain refusals during the polls.

use device_flow::{Operation, Outcome, Reply};

use crate::scenario::{Scenario, authorization, pending, policy, response, token};

/// Replies to the next poll with this status and no body.
fn answered(scenario: &mut Scenario, status: u16) {
    let asked = scenario.next_send();
    let reply = response(&asked, status, &[], "");
    scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
}

#[test]
fn three_polls_in_a_row_that_find_no_endpoint_end_the_flow() {
    for status in [404, 405, 410, 501] {
        let mut scenario = Scenario::polling(policy(), authorization());
        answered(&mut scenario, status);
        answered(&mut scenario, status);
        scenario.poll(pending());
        answered(&mut scenario, 404);
        answered(&mut scenario, 501);
        assert!(scenario.flow.outcome().is_none(), "{status}");
        answered(&mut scenario, status);
        let outcome = scenario.outcome();
        let Outcome::Refused { operation: Operation::CreateToken, answer, .. } = &outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(answer.status, status);
    }
}

#[test]
fn a_token_that_may_be_lost_is_not_hidden_by_an_endpoint_that_is_not_found() {
    let mut scenario = Scenario::polling(policy(), authorization());
    for status in [502, 404, 404, 404, 404] {
        answered(&mut scenario, status);
    }
    assert!(scenario.flow.outcome().is_none());
    let asked = scenario.next_send();
    let reply = response(&asked, 400, &[], r#"{"error":"invalid_grant"}"#);
    scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
    let got = scenario.outcome();
    assert!(matches!(got, Outcome::GrantLost(_)), "{got:?}");
}

#[test]
fn a_poll_that_is_refused_otherwise_is_repeated_because_a_person_may_have_approved() {
    let mut scenario = Scenario::polling(policy(), authorization());
    for status in [400, 401, 403, 302, 404, 404, 403, 404, 404] {
        answered(&mut scenario, status);
    }
    scenario.poll(Reply::Granted(token()));
    scenario.granted();
}
