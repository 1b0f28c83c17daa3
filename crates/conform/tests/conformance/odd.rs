//! Servers that answer oddly: the findings say what came, and no run panics or goes on for hours.

use core::time::Duration;

use device_conform::{Client, Clock as _, Outcome, Plan, Report, Step};
use sso_oidc_server::{Config, InProcess};

use crate::server::{Answer, Asked, Changed, Kind, Virtual, World, person, unchanged};

#[track_caller]
fn outcome<'a>(report: &'a Report, id: &str) -> &'a Outcome {
    &report.checks.iter().find(|checked| checked.check.id == id).unwrap().outcome
}

#[track_caller]
fn reason<'a>(report: &'a Report, id: &str) -> &'a str {
    outcome(report, id).reason().unwrap_or_else(|| panic!("{id} passes: {report}"))
}

fn page(status: u16, body: impl Into<String>) -> Answer {
    let headers = vec![("content-type".to_owned(), "text/html".to_owned())];
    Answer { status, headers, body: body.into() }
}

/// A server whose metadata is right, and which gives this answer to all other requests.
fn always(answer: Answer) -> Report {
    let odd = move |asked: &Asked<'_>| match asked.step {
        Step::Metadata => asked.pass_on(),
        _ => answer.clone(),
    };
    World::new(Kind::Public).check(Box::new(odd)).0
}

#[test]
fn a_page_in_place_of_every_response_fails_and_the_reason_names_its_media_type() {
    let report = always(page(200, "<p>Welcome.</p>"));
    assert_eq!(reason(&report, "8628-3.2-json"), "the media type is text/html");
    assert_eq!(report.stopped.as_deref(), Some("the request for codes brought no codes: it got status 200"));
    // No refusal is a rule kept that the server did not think of.
    for id in ["8628-3.1-client-id", "6749-5.2-unknown-code", "6749-5.2-basic"] {
        assert!(matches!(outcome(&report, id), Outcome::Fail(_)), "{id}: {report}");
    }
    let report = always(Answer { headers: Vec::new(), ..page(200, "{}") });
    assert_eq!(reason(&report, "8628-3.2-json"), "there is no media type");
}

#[test]
fn a_redirect_is_not_followed_and_its_place_is_evidence_without_its_query() {
    let place = "https://id.example/log-in?state=sentinel#sentinel";
    let report = always(page(302, "").header("location", place));
    assert!(reason(&report, "8628-3.2-status").contains("302"), "{report}");
    let text = format!("{report:?}");
    assert!(text.contains("location: https://id.example/log-in;") && !text.contains("sentinel"), "{text}");
}

#[test]
fn a_response_in_an_encoding_that_no_request_accepts_is_named() {
    let report = always(Answer::json(200, "\u{1f}\u{8b}\u{8}").header("content-encoding", "gzip"));
    let why = "the request for codes brought no codes: it got status 200 in the encoding gzip";
    assert_eq!(report.stopped.as_deref(), Some(why));
    assert!(format!("{report:?}").contains("content-encoding: gzip;"), "{report:?}");
}

#[test]
fn a_server_that_refuses_the_usual_request_ends_the_run_and_the_reason_is_its_error() {
    let report = always(Answer::json(401, r#"{"error":"invalid_client"}"#));
    let why = "the request for codes brought no codes: it got invalid_client with status 401";
    assert_eq!(report.stopped.as_deref(), Some(why));
    assert_eq!(reason(&report, "8628-3.5-pending"), why);
    assert_eq!(*outcome(&report, "6749-5.2-json"), Outcome::Pass, "the refusals were looked at: {report}");
}

#[test]
fn json_of_any_shape_and_depth_is_judged_without_a_panic() {
    let deep = "[".repeat(100_000);
    let far =
        r#"{"device_code":"a","user_code":"b","verification_uri":"c","interval":1e308,"expires_in":-1e308}"#;
    let texts = [r#"{"device_code":"a","user_code":"\u0000","interval":"NaN","expires_in":"inf"}"#, far];
    for body in
        ["", "null", "[]", "7", "\"text\"", "{\"error\":{}}", "{\"error\":null}", &deep, texts[0], texts[1]]
    {
        for status in [200, 400, 500] {
            let report = always(Answer::json(status, body));
            assert!(report.requests <= report.max_requests, "{}", report.summary());
        }
    }
}

#[test]
fn thousands_of_secrets_in_long_bodies_cost_no_minutes_and_none_is_shown() {
    let body: String = (0..6000).map(|number| format!("{{\"token\":\"sentinel-{number:06}\"}},")).collect();
    let body = format!(r#"{{"error":"x","all":[{body}0]}}"#);
    assert!(body.len() > 150_000);
    let began = std::time::Instant::now();
    let report = always(Answer::json(400, &body));
    assert!(!format!("{report:?}").contains("sentinel"), "{report}");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[test]
fn the_beginning_of_a_secret_is_not_shown_where_a_long_body_is_cut() {
    let (token, code) = ("t".repeat(15_900), "sentinel".repeat(100));
    let odd = move |asked: &Asked<'_>| match asked.step {
        Step::Codes => asked.pass_on().set("device_code", code.clone()),
        Step::EmptyParameter => asked.pass_on().set("device_code", token.clone()),
        Step::UnknownCode => page(400, format!("{token}{}{code}", "x".repeat(100))),
        _ => asked.pass_on(),
    };
    let (report, _) = World::new(Kind::Public).check(Box::new(odd));
    let text = format!("{report:?}");
    assert!(text.contains("[a long text]") && !text.contains("sentinel"), "{text}");
}

#[test]
fn a_scope_that_is_refused_only_at_the_poll_takes_a_fourth_approval_and_is_no_broken_rule() {
    let late = |asked: &Asked<'_>| {
        let wider = asked.earlier.iter().find(|(step, _)| *step == Step::UnknownScope);
        let code = wider.and_then(|(_, answer)| answer.text("device_code"));
        let body = String::from_utf8_lossy(asked.request.body().as_ref()).into_owned();
        match code {
            Some(code) if asked.step == Step::CrowdPoll && body.contains(&code) => {
                Answer::error("invalid_scope")
            }
            _ => asked.pass_on(),
        }
    };
    let (report, sent) = World::new(Kind::Public).check(Box::new(late));
    assert_eq!((report.tally().failed, report.tally().warned), (0, 0), "{report}");
    for id in ["6749-3.3-scope", "6749-10.5-at-once", "6749-10.5-single-use"] {
        assert_eq!(*outcome(&report, id), Outcome::Pass, "{id}: {report}");
    }
    let crowd = sent.earlier.iter().filter(|(step, _)| *step == Step::CrowdPoll);
    assert_eq!(crowd.count(), 24);
    assert!(report.requests <= report.max_requests);

    // If the usual scope is refused, too, twelve polls tell nothing.
    let never = |asked: &Asked<'_>| match asked.step {
        Step::CrowdPoll => Answer::error("invalid_scope"),
        _ => asked.pass_on(),
    };
    let (report, _) = World::new(Kind::Public).check(Box::new(never));
    assert_eq!(reason(&report, "6749-10.5-at-once"), "the server refused the scope of the codes");
    assert_eq!((report.tally().failed, report.tally().warned), (0, 0), "{report}");
}

/// Checks a server with this plan. Each request takes this time, and each decision takes an hour.
fn slowly(taken: Duration, plan: impl FnOnce(Plan) -> Plan, change: crate::server::Change) -> Report {
    let mut clock = Virtual::default();
    let (time, mut hours) = (clock.clone(), clock.clone());
    let config =
        Config::default().with_client(Client::public("tool")).with_device_ttl(Duration::from_secs(86_400));
    let server = InProcess::new(config, move || time.now()).unwrap();
    let mut decide = person(server.handle());
    let plan = plan(Plan::new(server.endpoint()).unwrap().with_client(Client::public("tool")));
    let mut transport = Changed::new(server, clock.clone(), change).taking(taken);
    let mut person = move |prompt: &device_conform::Prompt<'_>, decision| {
        hours.wait(Duration::from_secs(3600));
        decide(prompt, decision)
    };
    plan.run(&mut transport, &mut clock, &mut person)
}

#[test]
fn the_limit_of_time_ends_a_run_and_the_persons_hours_do_not_count() {
    let minutes = |count: u64| Duration::from_secs(60 * count);
    let report = slowly(Duration::from_millis(100), |plan| plan, unchanged());
    assert_eq!((report.stopped.as_deref(), report.tally().failed), (None, 0), "{report}");

    let report = slowly(Duration::from_secs(20), |plan| plan.with_max_time(minutes(5)), unchanged());
    assert_eq!(report.stopped.as_deref(), Some("the limit of 300 s is reached"));
    assert!(report.requests <= 16, "{}", report.summary());
    assert_eq!((report.tally().failed, report.tally().warned), (0, 0), "{report}");
    // The server cannot see that these polls were early.
    let why = "each response took longer than the interval, so no poll was early";
    assert_eq!(reason(&report, "8628-3.5-slow-down"), why);

    // A wait that would pass the limit is not begun.
    let tired = |asked: &Asked<'_>| asked.pass_on().header("retry-after", "110");
    let report = slowly(Duration::ZERO, |plan| plan.with_max_time(minutes(5)), Box::new(tired));
    assert_eq!((report.stopped.as_deref(), report.requests), (Some("the limit of 300 s is reached"), 3));
}

#[test]
fn the_wait_for_the_expiry_is_not_of_the_limit_of_time() {
    let long = |plan: Plan| {
        plan.with_expiry_wait(Duration::from_secs(86_400)).with_max_time(Duration::from_secs(1200))
    };
    let report = slowly(Duration::ZERO, long, unchanged());
    assert_eq!(report.stopped, None, "{report}");
    assert_eq!(*outcome(&report, "8628-3.5-expired"), Outcome::Pass, "{report}");
}

#[test]
fn a_server_that_leaves_requests_without_a_response_ends_the_run_after_two_minutes() {
    let silent = |asked: &Asked<'_>| match asked.step {
        Step::Metadata => asked.pass_on(),
        _ => Answer::none(),
    };
    let report = slowly(Duration::from_secs(40), |plan| plan, Box::new(silent));
    assert_eq!(report.stopped.as_deref(), Some("requests stayed without a response for 120 s"));
    assert_eq!(report.requests, 4, "the metadata, and three requests of 40 s");
    assert!(reason(&report, "8628-3.2-status").contains("got no response"), "{report}");
}

#[test]
fn an_endpoint_beside_the_metadata_is_checked_and_the_metadata_is_judged_as_it_is() {
    let silent = |asked: &Asked<'_>| match asked.step {
        Step::Metadata => asked.pass_on().remove("device_authorization_endpoint"),
        _ => asked.pass_on(),
    };
    let mut clock = Virtual::default();
    let time = clock.clone();
    let config = Config::default().with_client(Client::public("tool"));
    let server = InProcess::new(config, move || time.now()).unwrap();
    let mut decide = person(server.handle());
    let url = format!("{}/oauth/device_authorization", server.endpoint());
    let plan = Plan::new(server.endpoint()).unwrap().with_client(Client::public("tool"));
    let plan = plan.with_scope(["openid"]).with_device_authorization_endpoint(&url).unwrap();
    let mut transport = Changed::new(server, clock.clone(), Box::new(silent));
    let report = plan.run(&mut transport, &mut clock, &mut decide);
    let broken =
        report.checks.iter().filter(|checked| matches!(checked.outcome, Outcome::Fail(_) | Outcome::Warn(_)));
    let broken: Vec<&str> = broken.map(|checked| checked.check.id).collect();
    assert_eq!(broken, ["8628-4-endpoint"], "{report}");
    assert_eq!(
        *outcome(&report, "7009-2.1-effect"),
        Outcome::Pass,
        "the other endpoints are of the metadata"
    );
}
