//! What a renewal does when the service, the network, the store or a clock does not help.

use super::*;

#[test]
fn after_invalid_grant_a_token_that_another_tool_has_stored_is_used() {
    let mut scenario = Scenario::new(Some(session("old", 0)));
    scenario.answer(fault(FaultCode::InvalidGrant));
    scenario.stored = Some(session("theirs", 3_600));
    let (usable, _) = scenario.usable();
    assert_eq!((access(&usable.session), usable.warning), ("access-theirs", None));
}

#[test]
fn after_invalid_grant_the_store_is_read_until_another_tool_had_time_to_write() {
    let mut scenario = Scenario::new(Some(session("old", 0)));
    scenario.answer(fault(FaultCode::InvalidGrant));
    let refused = scenario.now;
    while scenario.now.since(refused) < Duration::from_millis(1_500) {
        assert!(scenario.act().is_none());
    }
    scenario.stored = Some(session("theirs", 3_600));
    let (usable, _) = scenario.usable();
    assert_eq!(access(&usable.session), "access-theirs");
}

#[test]
fn after_invalid_grant_the_refresh_token_of_another_tool_is_tried_once() {
    let mut scenario = Scenario::new(Some(session("old", 0)));
    scenario.answer(fault(FaultCode::InvalidGrant));
    scenario.stored = Some(session("theirs", 0));
    let pending = scenario.next_send();
    assert!(String::from_utf8_lossy(pending.request().body().as_ref()).contains("refresh-theirs"));
    scenario.renewal.on_reply(pending, scenario.now, scenario.wall, fault(FaultCode::InvalidGrant)).unwrap();
    scenario.stored = Some(session("third", 0));
    let (end, done) = scenario.failed();
    assert_eq!((end.outcome, done.sent.len()), (RenewalOutcome::SignInNeeded, 2));
}

#[test]
fn a_response_that_was_lost_says_nothing_about_the_refresh_token_of_another_tool() {
    let mut scenario = Scenario::new(Some(session("old", 0)));
    scenario.answer(Reply::Failed(Failure::Unknown));
    scenario.answer(fault(FaultCode::InvalidGrant));
    scenario.stored = Some(session("theirs", 0));
    scenario.answer(fault(FaultCode::InvalidGrant));
    assert_eq!(scenario.failed().0.outcome, RenewalOutcome::SignInNeeded);
}

#[test]
fn an_unchanged_store_after_invalid_grant_means_that_the_session_has_ended() {
    let mut scenario = Scenario::new(Some(session("old", 200)));
    scenario.answer(fault(FaultCode::InvalidGrant));
    let (end, done) = scenario.failed();
    assert_eq!(end.outcome, RenewalOutcome::SignInNeeded);
    assert!(end.is_alive && end.fault().is_some_and(|fault| fault.code == FaultCode::InvalidGrant));
    assert_eq!((done.sent.len(), done.writes), (1, 0));
    assert!(end.to_string().starts_with("sign in: the service has refused"), "{end}");
}

#[test]
fn a_rejected_registration_needs_a_sign_in() {
    for code in [FaultCode::InvalidClient, FaultCode::UnauthorizedClient] {
        let mut scenario = Scenario::new(Some(session("old", 0)));
        scenario.answer(fault(code.clone()));
        let (end, done) = scenario.failed();
        assert_eq!(end.outcome, RenewalOutcome::SignInNeeded);
        assert_eq!(end.fault().map(|fault| &fault.code), Some(&code));
        assert_eq!(done.now.since(done.sent[0]), Duration::ZERO, "no tool can have caused it");
    }
}

#[test]
fn a_fault_about_the_key_is_no_reason_to_sign_in() {
    let mut fault = Fault::new(FaultCode::AccessDenied);
    fault.reason = Some("KMS_AccessDeniedException".to_owned());
    for (left, is_usable) in [(200, true), (0, false)] {
        let mut scenario = Scenario::new(Some(session("old", left)));
        scenario.answer(Reply::Fault(fault.clone()));
        match scenario.end().0 {
            Ok(usable) => assert!(is_usable && matches!(usable.warning, Some(RefreshError::Refused(_)))),
            Err(end) => assert!(!is_usable && end.outcome == RenewalOutcome::Unreachable, "{end:?}"),
        }
    }
}

#[test]
fn while_the_token_is_good_an_error_is_a_warning_after_one_request() {
    for reply in [Reply::Failed(Failure::NotSent), page(429), page(404), fault(FaultCode::SlowDown)] {
        let mut scenario = Scenario::new(Some(session("old", 200)));
        scenario.answer(reply);
        let (usable, done) = scenario.usable();
        assert!(matches!(usable.warning, Some(RefreshError::NoVerdict(_))), "{usable:?}");
        assert_eq!((access(&usable.session), done.sent.len(), done.writes), ("access-old", 1, 0));
    }
    // A token with less life than a request needs is not good.
    let mut scenario = Scenario::new(Some(session("old", 60)));
    scenario.answer(page(429));
    scenario.answer(Reply::Granted(new_token()));
    assert!(scenario.usable().0.refreshed);
}

#[test]
fn the_next_attempt_waits_for_the_throttle_whatever_the_wall_clock_does() {
    let mut scenario = Scenario::new(Some(session("old", 290)));
    scenario.answer(Reply::Failed(Failure::NotSent));
    assert!(matches!(scenario.renewal.poll(scenario.now), RenewalAction::Read));
    let tried = scenario.renewal.last_try();
    assert_eq!(tried, Some(scenario.sent[0]));
    for (later, jump, is_throttled) in
        [(29, 0, true), (29, -1_000_000, false), (29, 100, true), (30, 0, false)]
    {
        let now = scenario.sent[0] + secs(later);
        let mut next = Renewal::new(service(), RenewalPolicy::default(), now).with_last_try(tried);
        let RenewalAction::Read = next.poll(now) else { panic!("it reads") };
        let wall = UnixSeconds::new(WALL.get() + jump);
        next.on_read(now, wall, Some(session("old", 290))).unwrap();
        let warned = match next.outcome() {
            Some(RenewalOutcome::Usable) => next.into_result().unwrap().warning,
            _ => None,
        };
        assert_eq!(warned == Some(RefreshError::Throttled), is_throttled, "{later} {jump}");
    }
}

#[test]
fn a_clock_that_jumps_before_every_renewal_causes_one_request_a_pause() {
    let (mut stored, mut tried, mut requests) = (session("old", 3_600), None, 0);
    // A registration without an end, which no clock ends.
    stored.registration = Registration::new(registration("client").client);
    let mut now = Tick::since_origin(secs(1_000));
    for round in 0..100 {
        // Each time all tokens seem to have expired.
        let wall = UnixSeconds::new(if round % 2 == 0 { i64::MAX } else { i64::MAX - 1 });
        let mut renewal = Renewal::new(service(), RenewalPolicy::default(), now).with_last_try(tried);
        for _ in 0..20 {
            match renewal.poll(now) {
                RenewalAction::Read => renewal.on_read(now, wall, Some(stored.clone())).unwrap(),
                RenewalAction::Lock => renewal.on_lock(now, wall, true).unwrap(),
                RenewalAction::Send(pending) => {
                    requests += 1;
                    renewal.on_reply(pending, now, wall, Reply::Granted(new_token())).unwrap();
                }
                RenewalAction::Store(new) => {
                    stored = *new;
                    renewal.on_stored(now, wall).unwrap();
                }
                RenewalAction::Wait(until) => now = until,
                RenewalAction::AwaitReply | RenewalAction::Done => break,
            }
        }
        assert!(renewal.outcome().is_some(), "it ends");
        tried = renewal.last_try();
    }
    assert!(
        now.since(Tick::since_origin(secs(1_000))) >= secs(requests - 1),
        "{requests} requests in {now:?}"
    );
}

#[test]
fn an_expired_token_is_retried_with_backoff_within_the_window_and_then_the_service_is_unreachable() {
    let mut scenario = Scenario::new(Some(session("old", 0)));
    let start = scenario.now;
    for _ in 0..5 {
        scenario.answer(Reply::Failed(Failure::NotSent));
    }
    let (end, done) = scenario.failed();
    assert_eq!(end.outcome, RenewalOutcome::Unreachable);
    assert_eq!(end.error, Some(RefreshError::NoVerdict(TransientError::Failed(Failure::NotSent))));
    let times: Vec<u64> = done.sent.iter().map(|sent| sent.since(start).as_secs()).collect();
    assert_eq!(times, [0, 1, 3, 7, 15]);
    assert!(!end.needs_sign_in());
}

#[test]
fn a_retry_after_that_exceeds_the_window_ends_the_retries() {
    for (seconds, requests) in [(20, 2), (31, 1)] {
        let mut busy = Fault::new(FaultCode::SlowDown);
        busy.retry_after = Some(secs(seconds));
        let mut scenario = Scenario::new(Some(session("old", 0)));
        scenario.answer(Reply::Fault(busy));
        if requests == 2 {
            scenario.answer(Reply::Granted(new_token()));
            assert_eq!(scenario.sent[1].since(scenario.sent[0]), secs(seconds));
        } else {
            assert_eq!(scenario.failed().0.outcome, RenewalOutcome::Unreachable);
        }
    }
}

#[test]
fn after_a_lost_response_the_same_refresh_token_is_sent_once_more_even_while_the_token_is_good() {
    for lost in [Reply::Failed(Failure::Unknown), page(502), page(200)] {
        let mut scenario = Scenario::new(Some(session("old", 200)));
        scenario.answer(lost.clone());
        let pending = scenario.next_send();
        assert_eq!(pending.attempt(), 2);
        assert!(String::from_utf8_lossy(pending.request().body().as_ref()).contains("refresh-old"));
        scenario.renewal.on_reply(pending, scenario.now, scenario.wall, lost).unwrap();
        let (usable, done) = scenario.usable();
        assert!(usable.warning.is_some() && done.sent.len() == 2);
    }
}

#[test]
fn invalid_grant_after_a_lost_response_is_told_from_the_end_of_the_session() {
    let mut scenario = Scenario::new(Some(session("old", 0)));
    scenario.answer(Reply::Failed(Failure::Unknown));
    scenario.answer(fault(FaultCode::InvalidGrant));
    let (end, _) = scenario.failed();
    assert_eq!(end.outcome, RenewalOutcome::SessionLost);
    assert!(end.needs_sign_in());

    // A request that the service cannot have seen loses nothing.
    let mut scenario = Scenario::new(Some(session("old", 0)));
    scenario.answer(Reply::Failed(Failure::NotSent));
    scenario.answer(fault(FaultCode::InvalidGrant));
    assert_eq!(scenario.failed().0.outcome, RenewalOutcome::SignInNeeded);
}

#[test]
fn a_success_without_a_token_is_told_and_keeps_the_session_that_was_read() {
    for left in [200, 0] {
        let mut scenario = Scenario::new(Some(session("old", left)));
        let pending = scenario.next_send();
        let body = ResponseBody::from(r#"{"expiresIn":3600}"#);
        let response = Ok(http::Response::new(body));
        scenario.renewal.on_result(pending, scenario.now, scenario.wall, response).unwrap();
        match scenario.end().0 {
            Ok(usable) => {
                assert!(matches!(usable.warning, Some(RefreshError::InvalidResponse(_))), "{usable:?}");
                assert_eq!((access(&usable.session), left), ("access-old", 200));
            }
            Err(end) => {
                assert!(matches!(end.error, Some(RefreshError::InvalidResponse(_))), "{end:?}");
                assert_eq!((end.outcome, left), (RenewalOutcome::Unreachable, 0));
                assert_eq!(end.session.as_deref().map(access), Some("access-old"));
            }
        }
    }
}

#[test]
fn an_abandoned_request_counts_as_lost() {
    let mut scenario = Scenario::new(Some(session("old", 0)));
    let pending = scenario.next_send();
    assert!(matches!(scenario.renewal.poll(scenario.now), RenewalAction::AwaitReply));
    scenario.renewal.abandon(scenario.now, scenario.wall);
    let stale = scenario.renewal.on_reply(pending, scenario.now, scenario.wall, Reply::Granted(new_token()));
    assert_eq!(stale, Err(ApiMisuse::StaleRequest));
    scenario.answer(fault(FaultCode::InvalidGrant));
    assert_eq!(scenario.failed().0.outcome, RenewalOutcome::SessionLost);
}

#[test]
fn a_held_lock_is_waited_for_but_not_long_while_the_token_is_good() {
    for (left, wait) in [(200, 10), (0, 60)] {
        let mut scenario = Scenario::new(Some(session("old", left)));
        assert!(scenario.act().is_none()); // it reads
        let start = scenario.now;
        while let RenewalAction::Lock = scenario.renewal.poll(scenario.now) {
            scenario.renewal.on_lock(scenario.now, scenario.wall, false).unwrap();
            if let RenewalAction::Wait(until) = scenario.renewal.poll(scenario.now) {
                scenario.now = until;
            }
        }
        assert_eq!(scenario.now.since(start), secs(wait));
        match scenario.end().0 {
            Ok(usable) => assert_eq!((usable.warning, left), (Some(RefreshError::Busy), 200)),
            Err(end) => assert_eq!((end.outcome, left), (RenewalOutcome::Busy, 0)),
        }
    }
}

#[test]
fn a_store_that_cannot_be_locked_matters_only_without_a_good_token() {
    for left in [200, 0] {
        let mut scenario = Scenario::new(Some(session("old", left)));
        assert!(scenario.act().is_none()); // it reads
        let RenewalAction::Lock = scenario.renewal.poll(scenario.now) else { panic!("it locks") };
        scenario.renewal.on_store_error(scenario.now, scenario.wall).unwrap();
        match scenario.end().0 {
            Ok(usable) => assert_eq!((usable.warning, left), (Some(RefreshError::Store), 200)),
            Err(end) => assert_eq!((end.outcome, left), (RenewalOutcome::StoreFailed, 0)),
        }
    }
}

#[test]
fn a_final_transport_error_cancels_and_is_told() {
    let mut scenario = Scenario::new(Some(session("old", 0)));
    let pending = scenario.next_send();
    let error = TransportError::redirected(Some("evil.example"));
    scenario.renewal.on_result(pending, scenario.now, scenario.wall, Err(error)).unwrap();
    let (end, _) = scenario.failed();
    assert_eq!(end.outcome, RenewalOutcome::Cancelled);
    assert_eq!(end.cause.as_deref().and_then(TransportError::redirected_to), Some("evil.example"));
}

#[test]
fn a_transport_error_is_the_source_of_the_end_and_a_response_is_decoded() {
    let policy = RenewalPolicy::default().with_max_requests(2);
    let mut scenario = Scenario::with(Some(session("old", 0)), policy);
    for _ in 0..2 {
        let pending = scenario.next_send();
        let error = TransportError::new(Failure::NotSent, std::io::Error::other("no route"));
        scenario.renewal.on_result(pending, scenario.now, scenario.wall, Err(error)).unwrap();
    }
    let (end, _) = scenario.failed();
    assert_eq!(std::error::Error::source(&end).unwrap().to_string(), "no route");

    let mut scenario = Scenario::new(Some(session("old", 0)));
    let pending = scenario.next_send();
    let body = ResponseBody::from(r#"{"accessToken":"access-new","expiresIn":3600}"#);
    scenario.renewal.on_result(pending, scenario.now, scenario.wall, Ok(http::Response::new(body))).unwrap();
    assert_eq!(access(&scenario.usable().0.session), "access-new");
}
