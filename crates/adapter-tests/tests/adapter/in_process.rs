//! A program's own sign-in in a unit test: the in-process service behind a closure, at virtual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use adapter_tests::{Adapter, for_both_adapters};
use device_flow::{
    DeviceFlow, Failure, Outcome, Phase, Policy, SavedFlow, Session, Tick, TransportError, VirtualTime,
};
use oidc_proto::UnixSeconds;
use sso_oidc_server::{Config, InProcess};

const HOUR: Duration = Duration::from_secs(3600);

fn service(time: &VirtualTime) -> InProcess {
    let time = time.clone();
    let config = Config::default().with_access_ttl(HOUR).with_interval(Duration::from_secs(5));
    InProcess::new(config, move || time.now().elapsed()).unwrap()
}

fn policy() -> Policy {
    Policy::aws("https://d-1234567890.awsapps.com/start")
}

fn a_sign_in_of_ten_minutes_with_an_outage_a_denial_and_a_refresh_is_a_unit_test<A: Adapter>() {
    let began = Instant::now();
    let time = VirtualTime::default();
    let service = service(&time);
    let (answering, clock) = (service.clone(), time.clone());
    let requests = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&requests);
    let client = A::client_answered_by(service.endpoint(), move |request| {
        counted.fetch_add(1, Ordering::Relaxed);
        match clock.now().elapsed().as_secs() {
            60..300 => return Err(TransportError::from(Failure::NotSent)),
            // The person denies after nine minutes.
            540..550 => {
                answering.handle().pending().iter().for_each(|code| answering.handle().deny(code).unwrap())
            }
            _ => {}
        }
        Ok(answering.answer(request))
    });

    let end = A::sign_in_at(&client, policy(), &time, None, |_| {}).unwrap_err();
    assert!(matches!(end.outcome, Outcome::Denied(_)), "{end:?}");
    assert!((540..550).contains(&time.now().elapsed().as_secs()), "{:?}", time.now());

    let person = service.handle();
    let signed_in = A::sign_in_at(&client, policy(), &time, end.registration.clone(), |prompt| {
        person.approve(&prompt.user_code).unwrap();
    })
    .unwrap();
    assert!(!signed_in.newly_registered);
    let wall = UnixSeconds::new(1_800_000_000);
    let mut session = Session::new(signed_in, wall);
    assert!(!session.is_due(wall, Duration::from_secs(300)));
    let old = session.token.clone();
    time.pass(HOUR);
    let later = wall.saturating_add(HOUR);
    assert!(session.is_due(later, Duration::from_secs(300)));
    A::refresh_session(&client, &mut session, later).unwrap();
    assert_ne!(session.token.access_token, old.access_token);
    assert_eq!(session.expires_at, Some(later.saturating_add(HOUR)));
    println!("{} requests in {:?}", requests.load(Ordering::Relaxed), began.elapsed());
}

fn polls_through_an_outage_go_on_at_the_services_pace<A: Adapter>() {
    let time = VirtualTime::default();
    let service = service(&time);
    let (answering, clock) = (service.clone(), time.clone());
    let client =
        A::client_answered_by(service.endpoint(), move |request| match clock.now().elapsed().as_secs() {
            20..200 => Err(TransportError::from(Failure::NotSent)),
            _ => Ok(answering.answer(request)),
        });
    let end = A::sign_in_at(&client, policy(), &time, None, |_| {}).unwrap_err();
    assert!(matches!(end.outcome, Outcome::Expired(_)), "the service was not told to slow down: {end:?}");
    assert_eq!((end.slow_downs, time.now().elapsed()), (0, Duration::from_secs(600)));
    // At most 120 polls, and fewer during the outage.
    assert!((80..120).contains(&end.polls), "{}", end.polls);
}

/// Drives a flow that is stopped during the response to its request of this number, counted from 1.
fn stopped_during<A: Adapter>(request: u32) -> (DeviceFlow, InProcess, VirtualTime) {
    let time = VirtualTime::default();
    let service = service(&time);
    let (answering, stopper, mut requests) = (service.clone(), A::Stopper::default(), 0);
    let stopping = stopper.clone();
    let client = A::client_answered_by(service.endpoint(), move |asked| {
        requests += 1;
        if requests == request {
            A::stop(&stopping);
        }
        assert!(requests <= request, "nothing is sent after the stop");
        // The person approves after the first pending response.
        let answer = answering.answer(asked);
        if requests == 3 {
            answering.handle().pending().iter().for_each(|code| answering.handle().approve(code).unwrap());
        }
        Ok(answer)
    });
    let mut flow = DeviceFlow::new(A::service(&client), policy(), None, time.now());
    A::drive_until(&client, &mut flow, &time, &stopper);
    (flow, service, time)
}

fn a_flow_stops_between_two_exchanges_and_takes_the_answer_that_is_due<A: Adapter>() {
    let phases = [1, 2, 3, 4].map(|request| stopped_during::<A>(request).0.phase());
    assert_eq!(phases, [Phase::Authorizing, Phase::Polling, Phase::Polling, Phase::Ended]);
    let (flow, _, time) = stopped_during::<A>(4);
    assert!(flow.into_result(time.now()).is_ok(), "the token in the last answer is not lost");
}

fn a_stopped_flow_goes_on_in_another_process<A: Adapter>() {
    for request in 1..4 {
        let (flow, service, time) = stopped_during::<A>(request);
        let wall = std::time::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let written = serde_json::to_string(&flow.save(time.now(), wall).unwrap()).unwrap();

        // The program continues a minute later, with a new clock.
        let saved: SavedFlow = serde_json::from_str(&written).unwrap();
        time.pass(Duration::from_secs(60));
        let (answering, clock) = (service.clone(), VirtualTime::default());
        let client = A::client_answered_by(service.endpoint(), move |asked| Ok(answering.answer(asked)));
        let own = A::service(&client);
        let mut flow = saved.resume(own, policy(), Tick::ZERO, wall + Duration::from_secs(60)).unwrap();
        A::drive_until(&client, &mut flow, &clock, &A::Stopper::default());
        let ended = flow.into_result(clock.now());
        // The third request is the first poll. The person approves only then.
        assert_eq!(ended.is_ok(), request == 3, "{ended:?}");
    }
}

fn a_closure_is_told_what_a_server_would_be<A: Adapter>() {
    let client = A::client_answered_by("https://oidc.eu-west-1.amazonaws.com", |request| {
        assert_eq!(request.uri(), "https://oidc.eu-west-1.amazonaws.com/client/register");
        assert_eq!(request.method(), "POST");
        assert!(String::from_utf8_lossy(request.body()).contains("sso:account:access"));
        let no = http::Response::builder().status(400);
        Ok(no.body(br#"{"error":"invalid_client_metadata"}"#.to_vec()).unwrap())
    });
    let end = A::sign_in_at(&client, policy(), &VirtualTime::default(), None, |_| {}).unwrap_err();
    assert!(matches!(end.outcome, Outcome::Rejected { .. }), "{end:?}");
}

for_both_adapters! {
    a_sign_in_of_ten_minutes_with_an_outage_a_denial_and_a_refresh_is_a_unit_test,
    polls_through_an_outage_go_on_at_the_services_pace,
    a_flow_stops_between_two_exchanges_and_takes_the_answer_that_is_due,
    a_stopped_flow_goes_on_in_another_process,
    a_closure_is_told_what_a_server_would_be,
}
