//! `doctor`: findings with what to do.

mod common;

use std::time::Duration;

use common::session::{cache, identity, server, signed_in};
use common::{Program, Run, START_URL, Stub, response, token_file};
use serde_json::Value;
use sso_oidc_server::Rotation;

const DOCTOR: [&str; 5] = ["doctor", "--start-url", START_URL, "--region", "eu-west-1"];

/// Returns the findings of this check, each with its state and its text.
fn found(run: &Run, check: &str) -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = document["findings"].as_array().unwrap().iter();
    let of_check = findings.filter(|finding| finding["check"] == check);
    of_check.map(|finding| (text(&finding["state"]), text(&finding["text"]))).collect()
}

fn doctor(program: &Program, more: &[&str]) -> Run {
    program.run(&[&DOCTOR[..], &["--output", "json"], more].concat())
}

#[test]
fn a_sound_machine_has_no_problem_and_each_setting_names_what_decided_it() {
    let server = server(Rotation::Strict);
    let program = signed_in(&server).var("AWS_ENDPOINT_URL_SSO", server.endpoint()).var("BROWSER", "firefox");
    let run = doctor(&program, &[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let ok = |text: String| vec![("ok".to_owned(), text)];
    let url = server.endpoint();
    assert_eq!(found(&run, "sign-in"), ok(format!("{url}, from AWS_ENDPOINT_URL_SSO_OIDC, answers")));
    assert_eq!(found(&run, "portal API"), ok(format!("{url}, from AWS_ENDPOINT_URL_SSO, answers")));
    assert_eq!(found(&run, "region"), ok("eu-west-1 (aws), from --region".to_owned()));
    assert_eq!(found(&run, "browser"), ok("firefox, from BROWSER".to_owned()));
    assert_eq!(found(&run, "token"), ok("is valid for 1 h, and can be refreshed".to_owned()));
    assert_eq!(found(&run, "clock"), []);

    // Lines for people, without a request.
    let sent = server.requests().len();
    let lines = program.run(&[&DOCTOR[..], &["--offline"]].concat()).ok();
    assert!(lines.contains("ok       region      eu-west-1 (aws), from --region\n"), "{lines}");
    assert_eq!(server.requests().len(), sent);
}

#[test]
fn a_clock_that_is_an_hour_off_is_a_problem_with_its_direction() {
    let date = |seconds: i64| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let at = u64::try_from(i64::try_from(now).unwrap() + seconds).unwrap();
        httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(at))
    };
    for (seconds, said) in
        [(3_600, "this machine's clock is 1 h slow"), (-7_200, "this machine's clock is 2 h fast")]
    {
        let stub = Stub::always(response(404, &[("date", &date(seconds))], "no"));
        let program = Program::new().var("AWS_ENDPOINT_URL", &stub.endpoint);
        let run = doctor(&program, &[]);
        let expected = ("problem".to_owned(), said.to_owned());
        assert_eq!(found(&run, "clock"), [expected.clone(), expected], "once for each endpoint: {run:?}");
        assert_eq!(run.code, Some(255), "{run:?}");
    }
    let stub = Stub::always(response(404, &[("date", &date(60))], "no"));
    assert_eq!(doctor(&Program::new().var("AWS_ENDPOINT_URL", &stub.endpoint), &[]).code, Some(0));
}

#[test]
fn each_thing_that_is_wrong_is_told_with_what_to_do() {
    let server = server(Rotation::Strict);
    let program = signed_in(&server)
        .config("[profile work]\nregion")
        .var("AWS_CA_BUNDLE", "/nowhere/ca.pem")
        .var("HTTPS_PROXY", "http://user:secret@proxy.example:3128")
        .var("BROWSER", "/nowhere/browser");
    let _signing_in = cache(&program).lock_sign_in(&identity(), Duration::ZERO).unwrap();
    std::fs::write(token_file(&program), "{").unwrap();
    let run = program.run(&[&DOCTOR[..3], &["--region", "narnia", "--offline", "--output", "json"]].concat());
    let state = |check| found(&run, check).into_iter().map(|(state, _)| state).collect::<Vec<_>>();
    let said = |check| found(&run, check).into_iter().map(|(_, text)| text).collect::<String>();
    assert_eq!(run.code, Some(255), "{run:?}");
    assert!(state("config").contains(&"problem".to_owned()) && said("config").contains("line 2"), "{run:?}");
    assert_eq!((state("CA"), state("region")), (vec!["problem".to_owned()], vec!["warning".to_owned()]));
    assert_eq!(said("proxy"), "from HTTPS_PROXY");
    assert!(said("browser").contains("/nowhere/browser, from BROWSER, does not exist"), "{run:?}");
    assert!(said("token").contains("it is not JSON"), "{run:?}");
    assert!(said("lock").contains(&common::holder(std::process::id())), "{run:?}");
    assert!(!run.stdout.contains("secret"), "{run:?}");
    assert!(run.stderr.contains("problems were found"), "{run:?}");
    assert!(cache(&program).token_path(&identity()).exists(), "nothing is changed");
}

#[test]
fn an_endpoint_that_does_not_answer_is_a_problem() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{closed}");
    let run = doctor(&Program::new(), &["--endpoint-url", &endpoint]);
    let (state, text) = found(&run, "sign-in").remove(0);
    assert_eq!(state, "problem");
    assert!(text.starts_with(&format!("{endpoint}, from --endpoint-url, does not answer: ")), "{text}");
    let nothing = Program::new().run(&["doctor"]);
    assert!(
        nothing.code == Some(255)
            && nothing.stdout.contains("-> make a session with `sso-oidc configure session"),
        "{nothing:?}"
    );
}
