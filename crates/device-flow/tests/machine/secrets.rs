//! No secret in any `Debug` or error text.

use device_flow::{Action, Operation, Reply};

use crate::scenario::{Scenario, authorization, pending, policy, registration, token};

#[test]
fn no_debug_output_of_a_whole_flow_shows_a_secret() {
    let mut seen = String::new();
    let mut look = |text: String| seen.push_str(&text);
    let mut scenario = Scenario::new(policy());
    for reply in [
        Reply::Registered(registration("client")),
        Reply::Authorized(authorization()),
        pending(),
        Reply::Granted(token().with_refresh_token("refresh-token".into())),
    ] {
        look(format!("{:?} {reply:?}", scenario.flow));
        let asked = scenario.next_send();
        look(format!("{:?} {asked:?} {:?}", asked.request(), scenario.flow));
        scenario.flow.on_reply(asked, scenario.now, reply).unwrap();
        look(format!("{:?} {:?} {:?}", scenario.flow, scenario.flow.outcome(), scenario.flow.registration()));
    }
    look(format!("{:?} {:?}", scenario.flow.poll(scenario.now), scenario.prompts));
    assert_eq!(scenario.prompts.len(), 1);
    let got = scenario.flow.poll(scenario.now);
    assert!(matches!(got, Action::Done), "{got:?}");
    assert_eq!(scenario.sent.iter().filter(|(op, _)| *op == Operation::CreateToken).count(), 2);
    for secret in ["client-secret", "device-code", "access-token", "refresh-token", "WDJB-MJHT"] {
        assert!(!seen.contains(secret), "{secret} in {seen}");
    }
    assert!(seen.contains("[redacted]"));
    assert!(seen.contains("code_may_be_spent"), "the rest is there: {seen}");
}
