//! A run is gentle, and its report tells no secret.

use core::time::Duration;
use std::cell::RefCell;
use std::rc::Rc;

use device_conform::{Absent, Client, Clock as _, Outcome, Plan, Step};
use sso_oidc_server::{Config, InProcess};

use crate::server::{Answer, Asked, Changed, Kind, Virtual, World, unchanged};

#[test]
fn a_run_sends_no_more_requests_than_it_says_at_the_slowest_server_too() {
    // It never decides, and answers every poll with slow_down.
    let slow = |asked: &Asked<'_>| match asked.pass_on() {
        answer if answer.has_token() => Answer::error("slow_down"),
        answer => answer,
    };
    for kind in [Kind::Registered, Kind::Public, Kind::Confidential] {
        let mut world = World::new(kind);
        world.guesses = 5;
        let (report, sent) = world.check(Box::new(slow));
        assert_eq!(report.requests, sent.earlier.len());
        assert!(report.requests <= report.max_requests, "{}", report.summary());
    }
}

#[test]
fn the_limit_of_requests_ends_a_run_before_the_request_that_is_too_much() {
    for limit in [0, 1, 20, 43] {
        let (report, sent) = World { limit, ..World::new(Kind::Public) }.check(unchanged());
        assert!(sent.earlier.len() <= limit && report.requests == sent.earlier.len(), "{limit}");
        assert_eq!((report.tally().failed, report.tally().warned), (0, 0), "{report}");
        assert_eq!(report.stopped.as_deref(), Some("the limit of requests is reached"));
        let last = report.checks.iter().find(|checked| checked.check.id == "7009-2.1-effect").unwrap();
        assert!(matches!(last.outcome, Outcome::NotMade(_)), "{report}");
    }
}

#[test]
fn a_request_that_finds_the_server_busy_is_repeated_when_the_server_says() {
    let date = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:07 GMT");
    for (headers, seconds) in [
        (&[("retry-after", "30")][..], 30),
        (&[("date", date.0), ("retry-after", date.1)], 30),
        (&[("retry-after", date.1)], 5),
        (&[], 5),
    ] {
        let times = Rc::new(RefCell::new(Vec::new()));
        let (seen, headers) = (Rc::clone(&times), headers.to_vec());
        let busy = move |asked: &Asked<'_>| {
            if asked.step == Step::UnknownCode {
                seen.borrow_mut().push(asked.now);
                if seen.borrow().len() == 1 {
                    let answer = Answer::json(503, "{}");
                    return headers.iter().fold(answer, |answer, (name, value)| answer.header(name, value));
                }
            }
            asked.pass_on()
        };
        let (report, _) = World::new(Kind::Public).check(Box::new(busy));
        assert_eq!((report.tally().failed, report.tally().warned), (0, 0), "{report}");
        let times = times.borrow();
        assert_eq!(times.len(), 2);
        assert_eq!(times[1] - times[0], Duration::from_secs(seconds));
    }
}

#[test]
fn a_server_that_asks_for_a_long_pause_ends_the_run() {
    let tired = |asked: &Asked<'_>| match asked.step {
        Step::UnknownCode => asked.pass_on().header("retry-after", "3600"),
        _ => asked.pass_on(),
    };
    let (report, sent) = World::new(Kind::Public).check(Box::new(tired));
    assert_eq!(sent.earlier.last().map(|(step, _)| *step), Some(Step::UnknownCode));
    let last = report.checks.iter().find(|checked| checked.check.id == "6749-5.1-approved").unwrap();
    assert_eq!(last.outcome, Outcome::NotMade("the server asked for a pause of 3600 s".to_owned()));
}

#[test]
fn without_a_person_the_checks_of_a_decision_are_left_out_and_say_why() {
    let mut clock = Virtual::default();
    let time = clock.clone();
    let server =
        InProcess::new(Config::default().with_client(Client::public("tool")), move || time.now()).unwrap();
    let plan = Plan::new(server.endpoint()).unwrap().with_client(Client::public("tool"));
    let mut transport = Changed::new(server, clock.clone(), unchanged());
    let report = plan.run(&mut transport, &mut clock, &mut Absent);
    assert_eq!((report.tally().failed, report.tally().warned), (0, 0), "{report}");
    for id in ["6749-5.1-approved", "6749-10.5-at-once", "8628-3.5-denied", "6749-6-refresh"] {
        let checked = report.checks.iter().find(|checked| checked.check.id == id).unwrap();
        let why = checked.outcome.reason().unwrap();
        assert!(why.contains("there is no person to decide"), "{id}: {why}");
    }
}

#[test]
fn the_early_polls_are_the_only_ones_within_the_interval() {
    let mut world = World::new(Kind::Public);
    world.config.policy.interval = Duration::from_secs(7);
    let (report, sent) = world.check(unchanged());
    assert_eq!(report.tally().failed, 0, "{report}");
    let slowed = sent.earlier.iter().filter(|(_, answer)| answer.is_error("slow_down"));
    let slowed: Vec<Step> = slowed.map(|(step, _)| *step).collect();
    assert_eq!(slowed, [Step::EarlyPoll, Step::OldPacePoll]);
}

#[test]
fn codes_that_expire_early_are_polled_no_further_and_no_rule_counts_as_broken() {
    // The polls at every pace take half a minute.
    for seconds in [3, 8, 15, 25] {
        let mut world = World::new(Kind::Public);
        world.config.policy.device_ttl = Duration::from_secs(seconds);
        let (report, sent) = world.check(unchanged());
        assert_eq!((report.tally().failed, report.tally().warned), (0, 0), "{seconds}: {report}");
        let last = sent.earlier.iter().filter(|(step, _)| *step == Step::ExpiredPoll);
        assert_eq!(last.count(), 1, "the poll after the expiry is made");
    }
}

#[test]
fn with_an_interval_of_0_no_poll_is_early() {
    let hasty = |asked: &Asked<'_>| match asked.pass_on() {
        answer if answer.text("user_code").is_some() => answer.set("interval", 0),
        answer => answer,
    };
    let mut world = World::new(Kind::Public);
    world.config.policy.interval = Duration::ZERO;
    let (report, _) = world.check(Box::new(hasty));
    assert_eq!((report.tally().failed, report.tally().warned), (0, 0), "{report}");
    let checked = report.checks.iter().find(|checked| checked.check.id == "8628-3.5-slow-down").unwrap();
    assert_eq!(checked.outcome.reason(), Some("no poll is early, because the interval is 0"));
}

#[test]
fn a_server_without_metadata_is_checked_at_the_endpoints_that_are_given() {
    let mut clock = Virtual::default();
    let time = clock.clone();
    let server =
        InProcess::new(Config::default().with_client(Client::public("tool")), move || time.now()).unwrap();
    let [device, token] =
        ["device_authorization", "token"].map(|path| format!("{}/oauth/{path}", server.endpoint()));
    let plan = Plan::for_endpoints(&device, &token).unwrap().with_client(Client::public("tool"));
    let mut transport = Changed::new(server, clock.clone(), unchanged());
    let report = plan.run(&mut transport, &mut clock, &mut Absent);
    assert_eq!((report.tally().failed, report.tally().warned), (0, 0), "{report}");
    assert!(transport.earlier.iter().all(|(step, _)| *step != Step::Metadata));
    for checked in report.checks.iter().filter(|checked| checked.check.source().starts_with("RFC 8414")) {
        assert_eq!(checked.outcome, Outcome::NotMade("the endpoints were given".to_owned()));
    }
    let owner = report.checks.iter().find(|checked| checked.check.id == "6749-5.2-owner").unwrap();
    let why = "no client was given, and no registration endpoint is known that can be used";
    assert_eq!(owner.outcome, Outcome::NotMade(why.to_owned()));
}

#[test]
fn no_request_has_the_clients_secret_in_its_url() {
    for kind in [Kind::Confidential, Kind::Basic] {
        let looked = |asked: &Asked<'_>| {
            assert!(!asked.request.uri().to_string().contains("secret"), "{}", asked.request.uri());
            asked.pass_on()
        };
        World::new(kind).check(Box::new(looked));
    }
}

#[test]
fn no_report_has_a_secret_or_more_of_a_user_code_than_its_beginning() {
    // Every rule of every response is broken, so that every exchange is evidence.
    let broken = |asked: &Asked<'_>| {
        let answer = asked.pass_on().without_header("cache-control").header("content-type", "text/x");
        let quoted = String::from_utf8_lossy(asked.request.body().as_ref()).into_owned();
        match answer.text("error") {
            Some(_) => answer.set("error_description", format!("\u{1b}[2J\"{quoted}\"")),
            None => answer,
        }
    };
    for kind in [Kind::Registered, Kind::Confidential, Kind::Basic] {
        let (report, sent) = World::new(kind).check(Box::new(broken));
        assert!(report.tally().failed + report.tally().warned >= 8, "{report}");
        let texts = [report.to_string(), format!("{report:?}")];
        let names = ["device_code", "access_token", "refresh_token", "user_code"];
        let mut secrets: Vec<String> = Vec::new();
        for (_, answer) in &sent.earlier {
            secrets.extend(names.iter().filter_map(|name| answer.text(name)));
        }
        assert!(secrets.len() > 20);
        secrets.extend(["a secret of the service", "a+secret+of", "a%20secret%20of"].map(str::to_owned));
        for text in &texts {
            assert!(!text.contains('\u{1b}'), "{text}");
            for secret in &secrets {
                assert!(!text.contains(secret.as_str()), "{secret} is in {text}");
            }
        }
    }
}

#[test]
fn a_text_report_has_eighty_columns_where_words_allow_that() {
    let (report, _) = World::new(Kind::Public).check(unchanged());
    let text = report.to_string();
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(text.starts_with("RFC 8628 §3.1\n  pass      client-id: A request without a client"), "{text}");
    let sections = text.lines().filter(|line| line.starts_with("RFC "));
    let sections: Vec<&str> = sections.collect();
    assert!(sections.iter().all(|section| sections.iter().filter(|other| *other == section).count() == 1));
    assert!(sections.windows(2).any(|pair| pair == ["RFC 6749 §6", "RFC 6749 §10.4"]), "{sections:?}");
    assert!(text.ends_with(&format!("\n{}\n", report.summary())), "{text}");
}
