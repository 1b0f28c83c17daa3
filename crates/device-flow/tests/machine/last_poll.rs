//! The pace until the code's expiry: `slow_down`, and the last poll.

use device_flow::{Action, Expiry, Outcome, Reply};
use oidc_proto::{Fault, FaultCode};

use crate::scenario::{Scenario, authorization, fault, not_sent, pending, policy, secs, token, unknown};

#[test]
fn nothing_is_sent_at_or_after_the_deadline() {
    let mut scenario = Scenario::polling(policy(), authorization());
    let deadline = scenario.flow.deadline().unwrap();
    assert_eq!(deadline, scenario.now + secs(600));
    while scenario.now + secs(5) < deadline {
        scenario.poll(pending());
    }
    let before = scenario.sent.len();
    assert_eq!(scenario.outcome_without_sending(), Outcome::Expired(Expiry::Clock(None)));
    assert_eq!(scenario.now, deadline, "the last wait ends with the code's life");
    assert_eq!(scenario.sent.len(), before);
}

#[test]
fn one_poll_is_made_before_the_deadline_even_if_the_interval_is_longer_than_the_codes_life() {
    for interval in [600, 900, 86_400, 1_000_000_000] {
        let mut scenario = Scenario::polling(policy(), authorization().with_interval(secs(interval)));
        assert_eq!(scenario.poll(Reply::Granted(token())), secs(598), "{interval}");
        scenario.granted();
    }
    let mut short = authorization();
    short.expires_in = secs(2);
    let mut scenario = Scenario::polling(policy(), short);
    assert_eq!(scenario.poll(pending()), std::time::Duration::from_millis(1_500));
    let got = scenario.outcome_without_sending();
    assert!(matches!(got, Outcome::Expired(Expiry::Clock(None))), "{got:?}");
}

#[test]
fn a_last_poll_is_made_before_the_deadline_where_slow_down_or_an_error_would_wait_beyond_it() {
    for reply in [fault(FaultCode::SlowDown), not_sent(), unknown()] {
        let mut code = authorization().with_interval(secs(1));
        code.expires_in = secs(15);
        let mut scenario = Scenario::polling(policy(), code);
        let deadline = scenario.flow.deadline().unwrap();
        for _ in 0..10 {
            let asked = scenario.next_send();
            scenario.flow.on_reply(asked, scenario.now, reply.clone()).unwrap();
            if scenario.now + secs(2) >= deadline {
                break;
            }
        }
        assert_eq!(scenario.now + secs(2), deadline, "{reply:?}");
        scenario.outcome_without_sending();
    }
}

#[test]
fn the_last_poll_keeps_the_interval_that_came_with_the_codes() {
    let mut code = authorization().with_interval(secs(5));
    code.expires_in = secs(12);
    let mut scenario = Scenario::polling(policy(), code);
    assert_eq!(scenario.poll(pending()), secs(5));
    // The next would be due at 10 s, 2 s before the expiry.
    assert_eq!(scenario.poll(pending()), secs(5));
    scenario.outcome_without_sending();
}

#[test]
fn nothing_is_sent_after_the_last_poll_and_nothing_waits_for_it() {
    let mut scenario = Scenario::polling(policy(), authorization().with_interval(secs(1_000_000_000)));
    let deadline = scenario.flow.deadline().unwrap();
    scenario.poll(pending());
    let got = scenario.outcome_without_sending();
    assert!(matches!(got, Outcome::Expired(Expiry::Clock(None))), "{got:?}");
    assert_eq!(scenario.now, deadline);
}

#[test]
fn a_clock_that_is_fast_by_up_to_a_fifth_gets_its_token_from_a_service_that_checks_the_pace_first() {
    for (fast, names) in [(106, false), (110, false), (120, false), (106, true), (120, true)] {
        let mut code = authorization().with_interval(secs(1));
        code.expires_in = secs(600);
        let mut scenario = Scenario::polling(policy(), code);
        // The pace by the service's clock, which runs slower.
        let (mut least, mut last) = (secs(1), scenario.now);
        let mut slow_downs = 0;
        loop {
            let asked = scenario.next_send();
            let gap = scenario.now.since(last) * 100 / fast;
            last = scenario.now;
            let reply = if gap >= least {
                Reply::Granted(token())
            } else {
                least += secs(5);
                slow_downs += 1;
                let mut fault = Fault::new(FaultCode::SlowDown);
                fault.interval = names.then_some(least);
                Reply::Fault(fault)
            };
            let is_over = matches!(reply, Reply::Granted(_));
            scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
            if is_over {
                break;
            }
        }
        assert!(slow_downs <= 4, "{fast} {names}: {slow_downs}");
        assert_eq!(scenario.flow.slow_downs(), slow_downs);
        scenario.granted();
    }
}

#[test]
fn an_end_after_slow_down_says_how_often_it_came_and_not_that_no_person_approved() {
    let mut code = authorization().with_interval(secs(1));
    code.expires_in = secs(30);
    let mut scenario = Scenario::polling(policy(), code);
    for _ in 0..5 {
        match scenario.flow.poll(scenario.now) {
            Action::Wait(until) => scenario.now = until,
            Action::Send(asked) => {
                scenario.flow.on_reply(asked, scenario.now, fault(FaultCode::SlowDown)).unwrap();
            }
            _ => {}
        }
    }
    scenario.now = scenario.flow.deadline().unwrap();
    let got = scenario.flow.poll(scenario.now);
    assert!(matches!(got, Action::Done), "{got:?}");
    let end = scenario.flow.into_result(scenario.now).unwrap_err();
    assert!(end.slow_downs >= 2, "{end:?}");
    let text = end.to_string();
    assert!(text.contains(&format!("asked to slow down {} times", end.slow_downs)), "{text}");
    assert!(text.contains("clock may run fast") && !text.contains("before it was"), "{text}");
}
