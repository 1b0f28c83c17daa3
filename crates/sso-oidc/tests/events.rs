//! `login --output ndjson`: the events of a sign-in for a program that wraps it.

mod common;

use common::session::{expire_in, server, signed_in};
use common::{LOGIN, Program, Run, Serving, Stub, fault, stored, with};
use serde_json::Value;
use sso_oidc_server::Rotation;

/// Returns the events, each a line.
fn events(run: &Run) -> Vec<Value> {
    run.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{run:?}"))).collect()
}

fn names(events: &[Value]) -> Vec<&str> {
    let mut names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    names.dedup();
    names
}

#[test]
fn a_sign_in_is_a_prompt_waits_and_a_token_whose_secret_is_shown_only_if_asked_for() {
    let serving = Serving::start(&["--approve", "after-polls=2"]);
    let program = Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", &serving.endpoint);
    for shows in [false, true] {
        let shown: &[&str] = if shows { &["--show-token"] } else { &[] };
        let run = program.run(&[&with(&["--output", "ndjson"])[..], shown].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
        let events = events(&run);
        assert_eq!(names(&events), ["prompt", "waiting", "token"], "{run:?}");
        assert!(events[0]["userCode"].is_string() && events[0]["expiresIn"] == 600, "{run:?}");
        assert_eq!((&events[1]["phase"], &events[1]["nextRequestIn"]), (&"polling".into(), &1.into()));
        let token = events.last().unwrap();
        assert_eq!(token["expiresAt"], stored(&program)["expiresAt"], "{run:?}");
        assert!(token["file"].as_str().unwrap().ends_with(".json"), "{run:?}");
        assert_eq!(token.get("accessToken").is_some(), shows, "{run:?}");
    }
}

#[test]
fn a_refresh_a_good_token_and_a_failure_are_events_too() {
    let server = server(Rotation::Strict);
    let program = signed_in(&server);
    let again = with(&["--if-needed", "--output", "ndjson"]);
    assert_eq!(names(&events(&program.run(&again))), ["token"]);
    expire_in(&program, 60);
    assert_eq!(names(&events(&program.run(&again))), ["refreshed", "token"]);

    let denied = fault(400, "AccessDeniedException", "access_denied", "no");
    let stub = Stub::always(denied);
    let run = Program::new()
        .var("AWS_ENDPOINT_URL_SSO_OIDC", &stub.endpoint)
        .run(&[&LOGIN[..], &["--output", "ndjson"]].concat());
    let ended = events(&run);
    assert_eq!(names(&ended), ["error"], "{run:?}");
    assert_eq!((&ended[0]["exitCode"], run.code), (&254.into(), Some(254)), "{run:?}");
    assert!(run.stderr.contains(ended[0]["message"].as_str().unwrap()), "{run:?}");
}

#[test]
fn a_provider_has_the_same_events() {
    let serving = Serving::start(&["--approve", "auto", "--oauth-client", "tool"]);
    let login =
        ["login", "--issuer", &serving.endpoint, "--client-id", "tool", "--show-token", "--output", "ndjson"];
    let run = Program::new().run(&login);
    let events = events(&run);
    assert_eq!(names(&events), ["prompt", "waiting", "token"], "{run:?}");
    assert!(events.last().unwrap()["access_token"].is_string(), "{run:?}");
}
