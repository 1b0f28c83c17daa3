//! What a renewal does when nothing goes wrong, and what it never does.

use super::*;

#[test]
fn a_token_with_more_than_the_margin_left_is_used_and_nothing_is_locked_or_sent() {
    let (usable, done) = Scenario::new(Some(session("old", 301))).usable();
    assert_eq!((access(&usable.session), usable.refreshed), ("access-old", false));
    assert_eq!((usable.warning, done.reads, done.locks, done.writes), (None, 1, 0, 0));
}

#[test]
fn a_due_token_is_read_locked_read_again_refreshed_compared_and_stored_before_it_is_used() {
    let mut scenario = Scenario::new(Some(session("old", 300)));
    let pending = scenario.next_send();
    assert_eq!((scenario.reads, scenario.locks), (2, 1));
    let body = pending.request().body();
    assert!(String::from_utf8_lossy(body.as_ref()).contains("refresh-old"));
    scenario.renewal.on_reply(pending, scenario.now, scenario.wall, Reply::Granted(new_token())).unwrap();
    let (usable, done) = scenario.usable();
    assert!(usable.refreshed && usable.warning.is_none());
    assert_eq!((done.reads, done.writes), (3, 1));
    assert_eq!(done.stored, Some(usable.session));
}

#[test]
fn a_token_that_another_process_stored_while_the_lock_was_held_is_used_and_nothing_is_sent() {
    let mut scenario = Scenario::new(Some(session("old", 0)));
    assert!(scenario.act().is_none()); // it reads
    for _ in 0..3 {
        let RenewalAction::Lock = scenario.renewal.poll(scenario.now) else { panic!("it locks") };
        scenario.renewal.on_lock(scenario.now, scenario.wall, false).unwrap();
        assert!(scenario.act().is_none()); // it waits
    }
    scenario.stored = Some(session("theirs", 3_600));
    let (usable, done) = scenario.usable();
    assert_eq!((access(&usable.session), usable.refreshed, done.writes), ("access-theirs", false, 0));
}

#[test]
fn a_response_without_refresh_token_and_scopes_keeps_the_old_ones() {
    let mut old = session("old", 0);
    old.scopes = vec!["sso:account:access".to_owned()];
    let mut scenario = Scenario::new(Some(old));
    scenario.answer(Reply::Granted(Token::bearer("access-new".into(), secs(3_600))));
    let (usable, _) = scenario.usable();
    assert_eq!(usable.session.token.refresh_token, Some(Secret::from("refresh-old")));
    assert_eq!(
        (access(&usable.session), &usable.session.scopes[..]),
        ("access-new", &["sso:account:access".to_owned()][..])
    );
}

#[test]
fn the_life_of_a_new_token_counts_from_its_request() {
    for (took, seconds) in [(8_500, 9), (9_000, 9), (9_001, 10)] {
        let mut scenario = Scenario::new(Some(session("old", 0)));
        let pending = scenario.next_send();
        scenario.pass(Duration::from_millis(took));
        scenario.renewal.on_reply(pending, scenario.now, scenario.wall, Reply::Granted(new_token())).unwrap();
        let (usable, done) = scenario.usable();
        let expected = UnixSeconds::new(done.wall.get() - seconds + 3_600);
        assert_eq!(usable.session.expires_at, Some(expected), "{took} ms");
    }
}

#[test]
fn without_refresh_token_or_valid_registration_a_sign_in_is_needed_and_nothing_is_sent() {
    let mut without_token = session("old", 0);
    without_token.token.refresh_token = None;
    let mut ended = session("old", 0);
    ended.registration = ended.registration.with_expiry(WALL);
    for stored in [None, Some(without_token.clone()), Some(ended)] {
        for signs_in in [false, true] {
            let policy = RenewalPolicy::default().with_signs_in(signs_in);
            let (end, done) = Scenario::with(stored.clone(), policy).failed();
            assert_eq!((end.outcome, end.is_alive), (RenewalOutcome::SignInNeeded, false));
            assert_eq!(done.locks, u32::from(signs_in), "one of many processes signs in");
        }
    }
    without_token.expires_at = Some(WALL.saturating_add(secs(200)));
    let (end, _) = Scenario::new(Some(without_token)).failed();
    assert!(end.is_alive && end.needs_sign_in(), "its token is good for a while");
}

#[test]
fn a_session_of_another_service_counts_as_none() {
    let mut elsewhere = session("old", 3_600);
    elsewhere.service = "https://elsewhere.example".to_owned();
    let (end, _) = Scenario::new(Some(elsewhere)).failed();
    assert_eq!((end.outcome, end.session), (RenewalOutcome::SignInNeeded, None));
}

#[test]
fn a_session_that_was_stored_during_the_request_is_not_replaced_and_a_removed_one_does_not_come_back() {
    let mut scenario = Scenario::new(Some(session("old", 0)));
    scenario.answer(Reply::Granted(new_token()));
    scenario.stored = Some(session("signed-in", 3_600));
    let (usable, done) = scenario.usable();
    assert_eq!((access(&usable.session), done.writes), ("access-signed-in", 0));

    let mut scenario = Scenario::new(Some(session("old", 0)));
    scenario.answer(Reply::Granted(new_token()));
    scenario.stored = None;
    assert!(scenario.act().is_none()); // it compares
    assert_eq!(
        scenario.renewal.last_try(),
        scenario.sent.first().copied(),
        "the throttle remembers the request"
    );
    let (end, done) = scenario.failed();
    assert_eq!((end.outcome, done.writes), (RenewalOutcome::SignInNeeded, 0));
}

#[test]
fn a_session_that_cannot_be_stored_is_handed_out_with_the_error() {
    let mut scenario = Scenario::new(Some(session("old", 0)));
    scenario.answer(Reply::Granted(new_token()));
    assert!(scenario.act().is_none()); // it compares
    let RenewalAction::Store(_) = scenario.renewal.poll(scenario.now) else { panic!("it stores") };
    scenario.renewal.on_store_error(scenario.now, scenario.wall).unwrap();
    let (end, _) = scenario.failed();
    assert_eq!(end.outcome, RenewalOutcome::NotStored);
    assert_eq!(end.session.as_deref().map(access), Some("access-new"));
}

#[test]
fn a_cancelled_renewal_sends_nothing_but_stores_what_has_come() {
    let mut scenario = Scenario::new(Some(session("old", 0)));
    scenario.answer(Reply::Granted(new_token()));
    scenario.renewal.cancel();
    let RenewalAction::Read = scenario.renewal.poll(scenario.now) else { panic!("it compares") };
    scenario.renewal.cancel();
    let (usable, done) = scenario.usable();
    assert!(usable.refreshed && done.writes == 1);

    let mut scenario = Scenario::new(Some(session("old", 0)));
    let pending = scenario.next_send();
    scenario.renewal.cancel();
    let stale = scenario.renewal.on_reply(pending, scenario.now, scenario.wall, Reply::Granted(new_token()));
    assert_eq!(stale, Err(ApiMisuse::StaleRequest));
    assert_eq!(scenario.failed().0.outcome, RenewalOutcome::Cancelled);
}

#[test]
fn a_forced_renewal_replaces_a_good_token_but_not_one_that_another_process_has_just_stored() {
    let forced = RenewalPolicy::default().with_forced(true);
    let mut scenario = Scenario::with(Some(session("old", 3_600)), forced.clone());
    scenario.answer(Reply::Granted(new_token()));
    assert!(scenario.usable().0.refreshed);

    let mut scenario = Scenario::with(Some(session("old", 3_600)), forced.clone());
    assert!(scenario.act().is_none()); // it reads
    scenario.stored = Some(session("theirs", 3_600));
    let (usable, done) = scenario.usable();
    assert_eq!((access(&usable.session), done.sent.len()), ("access-theirs", 0));

    // The old token is no result of a forced renewal.
    let mut scenario = Scenario::with(Some(session("old", 3_600)), forced.with_max_requests(1));
    scenario.answer(Reply::Failed(Failure::NotSent));
    assert_eq!(scenario.failed().0.outcome, RenewalOutcome::Unreachable);
}

#[test]
fn a_wrong_call_changes_nothing_and_says_so() {
    let mut scenario = Scenario::new(Some(session("old", 0)));
    let (now, wall) = (scenario.now, scenario.wall);
    assert_eq!(scenario.renewal.on_read(now, wall, None), Err(ApiMisuse::NotAsked), "poll comes first");
    let RenewalAction::Read = scenario.renewal.poll(now) else { panic!("it reads") };
    assert_eq!(scenario.renewal.on_lock(now, wall, true), Err(ApiMisuse::NotAsked));
    assert_eq!(scenario.renewal.on_stored(now, wall), Err(ApiMisuse::NotAsked));
    let RenewalAction::Read = scenario.renewal.poll(now) else { panic!("it still reads") };
    let pending = scenario.next_send();
    let mut other = Scenario::new(Some(session("old", 0)));
    let theirs = other.next_send();
    assert_eq!(scenario.renewal.on_reply(theirs, now, wall, page(500)), Err(ApiMisuse::StaleRequest));
    let wrong = scenario.renewal.on_reply(pending, now, wall, Reply::Registered(registration("x")));
    assert!(matches!(wrong, Err(ApiMisuse::WrongOperation { .. })));
    assert!(matches!(scenario.renewal.poll(now), RenewalAction::AwaitReply));
}

#[test]
fn a_renewal_can_cross_threads() {
    const fn crosses<T: Send + Sync + 'static>() {}
    crosses::<Renewal>();
    crosses::<Usable>();
    crosses::<NotUsable>();
}
