//! The pace of a run: an interval is kept whatever its form, and `slow_down` hides no verdict.

use core::time::Duration;

use device_conform::{Outcome, Report, Step};
use serde_json::json;
use sso_oidc_server::SlowDown;

use crate::server::{Answer, Asked, Kind, World, unchanged};

/// The times of the requests, with their steps, from a server with these answers.
fn times(
    world: &World,
    mut answer: impl FnMut(&Asked<'_>) -> Answer + 'static,
) -> (Report, Vec<(Step, Duration)>) {
    let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let noted = std::rc::Rc::clone(&seen);
    let change = move |asked: &Asked<'_>| {
        noted.borrow_mut().push((asked.step, asked.now));
        answer(asked)
    };
    let (report, _) = world.check(Box::new(change));
    let times = seen.borrow().clone();
    (report, times)
}

/// Returns the wait before the first request of a step.
fn wait_before(times: &[(Step, Duration)], step: Step) -> Duration {
    let at = times.iter().position(|(found, _)| *found == step).unwrap();
    times[at].1 - times[at - 1].1
}

#[track_caller]
fn outcome<'a>(report: &'a Report, id: &str) -> &'a Outcome {
    &report.checks.iter().find(|checked| checked.check.id == id).unwrap().outcome
}

#[test]
fn a_server_that_looks_at_the_pace_first_shows_its_verdict_on_another_client() {
    let mut world = World::new(Kind::Public);
    world.config.policy.interval = Duration::from_secs(7);
    world.config.policy.slow_down = SlowDown::Strict;
    let (report, times) = times(&world, |asked| asked.pass_on());
    assert_eq!((report.tally().failed, report.tally().warned), (0, 0), "{report}");
    // Two polls were slowed down before.
    assert_eq!(wait_before(&times, Step::OtherClientsPoll), Duration::from_secs(7 + 2 * 5));
    assert_eq!(wait_before(&times, Step::OwnersPoll), Duration::from_secs(7 + 2 * 5));
}

#[test]
fn each_slow_down_of_the_crowd_makes_the_wait_before_the_replay_longer() {
    let mut first = true;
    let slow = move |asked: &Asked<'_>| match asked.step {
        Step::CrowdPoll if !core::mem::take(&mut first) => Answer::error("slow_down"),
        _ => asked.pass_on(),
    };
    let (report, times) = times(&World::new(Kind::Public), slow);
    assert_eq!((report.tally().failed, report.tally().warned), (0, 0), "{report}");
    assert_eq!(wait_before(&times, Step::Replay), Duration::from_secs(1 + 11 * 5));
}

#[test]
fn a_wait_does_not_outlast_the_codes() {
    let slow = |asked: &Asked<'_>| match asked.step {
        Step::EarlyPoll => Answer::error("slow_down").set("interval", 200),
        _ => asked.pass_on(),
    };
    let mut world = World::new(Kind::Public);
    world.config.policy.device_ttl = Duration::from_secs(60);
    let (report, times) = times(&world, slow);
    assert_eq!((report.tally().failed, report.tally().warned), (0, 0), "{report}");
    assert!(times.iter().all(|(step, _)| *step != Step::SlowerPoll));
    assert!(wait_before(&times, Step::UnknownCode) <= Duration::from_secs(60));
}

#[test]
fn where_slow_down_hides_a_verdict_the_check_is_not_made() {
    for (id, hidden) in
        [("6749-5.2-other-client", Step::OtherClientsPoll), ("6749-10.5-single-use", Step::Replay)]
    {
        let slow = move |asked: &Asked<'_>| match asked.step {
            step if step == hidden => Answer::error("slow_down"),
            _ => asked.pass_on(),
        };
        let (report, _) = World::new(Kind::Public).check(Box::new(slow));
        let why = outcome(&report, id).reason().unwrap();
        assert!(why.ends_with("got slow_down, which hides the verdict"), "{why}");
        assert_eq!((report.tally().failed, report.tally().warned), (0, 0), "{report}");
    }
}

#[test]
fn an_interval_with_a_fraction_or_as_a_text_is_kept() {
    for (interval, wait) in
        [(json!(2.5), 2500), (json!(3.0), 3000), (json!("4"), 4000), (json!(null), 5000), (json!("x"), 5000)]
    {
        let odd = move |asked: &Asked<'_>| match asked.pass_on() {
            answer if answer.text("user_code").is_some() => answer.set("interval", interval.clone()),
            answer => answer,
        };
        let (_, times) = times(&World::new(Kind::Public), odd);
        assert_eq!(wait_before(&times, Step::FirstPoll), Duration::from_millis(wait));
    }
}

#[test]
fn an_interval_that_is_too_long_ends_the_run_and_is_said() {
    let mut world = World::new(Kind::Public);
    world.config.policy.interval = Duration::from_secs(301);
    let (report, sent) = world.check(unchanged());
    let why = "the interval is 301 s, and a run keeps at most 300 s";
    assert_eq!(report.stopped.as_deref(), Some(why));
    assert_eq!(outcome(&report, "8628-3.5-pending").reason(), Some(why));
    assert_eq!(*outcome(&report, "6749-5.2-unknown-code"), Outcome::Pass, "a refusal needs no interval");
    assert!(sent.earlier.iter().all(|(step, _)| *step != Step::FirstPoll));

    world.config.policy.interval = Duration::from_secs(300);
    let (report, _) = world.check(unchanged());
    assert_eq!(*outcome(&report, "8628-3.5-pending"), Outcome::Pass, "{report}");
}

#[test]
fn a_slow_down_to_an_interval_that_is_too_long_ends_the_run() {
    let slow = |asked: &Asked<'_>| match asked.step {
        Step::FirstPoll => Answer::error("slow_down").set("interval", 3600.5),
        _ => asked.pass_on(),
    };
    let (report, times) = times(&World::new(Kind::Public), slow);
    let why = "the interval is 3600.5 s, and a run keeps at most 300 s";
    assert_eq!(report.stopped.as_deref(), Some(why));
    assert_eq!(times.last().map(|(step, _)| *step), Some(Step::FirstPoll));
}
