//! A stored session that stays signed in, over both adapters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use adapter_tests::{Adapter, for_both_adapters};
use device_flow::renewal::{EnsureError, MemoryStore, RefreshError, RenewalOutcome, RenewalPolicy};
use device_flow::{Failure, FirstPoll, Policy, Session, TransportError, VirtualTime};
use oidc_proto::{FaultCode, UnixSeconds};
use sso_oidc_server::{Config, InProcess, Rotation};

const START: i64 = 1_800_000_000;

/// A service in this process, a client of it, and a session.
struct World<A: Adapter> {
    client: A::HttpClient,
    store: MemoryStore,
    time: VirtualTime,
    requests: Arc<AtomicU32>,
    /// 1: offline. 2: the next response is lost.
    trouble: Arc<AtomicU32>,
}

impl<A: Adapter> World<A> {
    fn new() -> Self {
        let time = VirtualTime::default();
        let clock = time.clone();
        let config = Config::default().with_rotation(Rotation::Strict);
        let service = InProcess::new(config, move || clock.now().elapsed()).unwrap();
        let (requests, trouble) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let (counted, trouble_now, answering) =
            (Arc::clone(&requests), Arc::clone(&trouble), service.clone());
        let client = A::client_answered_by(service.endpoint(), move |request| {
            counted.fetch_add(1, Ordering::SeqCst);
            match trouble_now.load(Ordering::SeqCst) {
                0 => Ok(answering.answer(request)),
                1 => Err(TransportError::from(Failure::NotSent)),
                // One response is lost.
                _ => {
                    trouble_now.store(0, Ordering::SeqCst);
                    let _lost = answering.answer(request);
                    Err(TransportError::from(Failure::Unknown))
                }
            }
        });
        let policy =
            Policy::aws("https://d-1234567890.awsapps.com/start").with_first_poll(FirstPoll::Immediately);
        let person = service.handle();
        let signed_in = A::sign_in_at(&client, policy, &time, None, |prompt| {
            person.approve(&prompt.user_code).unwrap();
        })
        .unwrap();
        let store = MemoryStore::new(Some(Session::new(signed_in, UnixSeconds::new(START))));
        requests.store(0, Ordering::SeqCst);
        Self { client, store, time, requests, trouble }
    }

    fn wall(&self) -> UnixSeconds {
        UnixSeconds::new(START).saturating_add(self.time.now().elapsed())
    }

    fn renew(&self) -> Result<device_flow::renewal::Usable, RenewalOutcome> {
        self.renew_by(RenewalPolicy::default())
    }

    fn renew_by(&self, policy: RenewalPolicy) -> Result<device_flow::renewal::Usable, RenewalOutcome> {
        A::renew(&self.client, &self.store, policy, &self.time, || self.wall())
            .map_err(|error| error.end.outcome)
    }

    fn requests(&self) -> u32 {
        self.requests.swap(0, Ordering::SeqCst)
    }
}

fn a_day_of_calls_refreshes_once_an_hour<A: Adapter>() {
    let world = World::<A>::new();
    for _ in 0..24 * 60 {
        let usable = world.renew().unwrap();
        assert!(usable.session.expires_at.unwrap() > world.wall());
        world.time.pass(Duration::from_secs(60));
    }
    // A token lives for an hour, and is refreshed five minutes before its end.
    assert!((24..=27).contains(&world.requests()));
}

fn threads_that_find_one_expired_session_send_one_refresh<A: Adapter>() {
    let world = World::<A>::new();
    world.time.pass(Duration::from_secs(2 * 3_600));
    // Virtual time passes in each wait, so the lock's holder needs a long wait.
    let policy = RenewalPolicy::default().with_lock_wait(Duration::from_secs(1_000_000));
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| world.renew_by(policy.clone()))).collect();
        for thread in threads {
            assert!(thread.join().unwrap().unwrap().warning.is_none());
        }
    });
    assert_eq!(world.requests(), 1);
}

fn an_outage_is_a_warning_while_the_token_lives_and_an_error_after_that<A: Adapter>() {
    let world = World::<A>::new();
    world.time.pass(Duration::from_secs(56 * 60));
    world.trouble.store(1, Ordering::SeqCst);
    let usable = world.renew().unwrap();
    assert!(matches!(usable.warning, Some(RefreshError::NoVerdict(_))) && world.requests() == 1);
    // The throttle, for this session only.
    assert_eq!(world.renew().unwrap().warning, Some(RefreshError::Throttled));
    assert_eq!(world.requests(), 0);
    world.time.pass(Duration::from_secs(31));
    assert!(world.renew().unwrap().warning.is_some() && world.requests() == 1);

    world.time.pass(Duration::from_secs(600));
    assert_eq!(world.renew().unwrap_err(), RenewalOutcome::Unreachable);
    assert_eq!(world.requests(), 5);
    world.trouble.store(0, Ordering::SeqCst);
    assert!(world.renew().unwrap().refreshed, "the session has survived");
}

fn a_lost_response_of_a_strict_service_is_told_from_the_end_of_the_session<A: Adapter>() {
    let world = World::<A>::new();
    world.time.pass(Duration::from_secs(2 * 3_600));
    world.trouble.store(2, Ordering::SeqCst);
    assert_eq!(world.renew().unwrap_err(), RenewalOutcome::SessionLost);
    assert_eq!(world.renew().unwrap_err(), RenewalOutcome::SignInNeeded);
}

fn a_session_of_another_service_is_sent_nowhere<A: Adapter>() {
    let world = World::<A>::new();
    let mut session = world.store.session().unwrap();
    session.service = "https://elsewhere.example".to_owned();
    world.store.set_session(Some(session));
    assert_eq!(world.renew().unwrap_err(), RenewalOutcome::SignInNeeded);
    assert_eq!(world.requests(), 0);
}

fn threads_without_a_session_sign_in_once<A: Adapter>() {
    let world = World::<A>::new();
    let session = world.store.session().unwrap();
    world.store.set_session(None);
    let sign_ins = AtomicU32::new(0);
    let sign_in = || {
        sign_ins.fetch_add(1, Ordering::SeqCst);
        let mut session = session.clone();
        session.expires_at =
            Some(UnixSeconds::from(SystemTime::now()).saturating_add(Duration::from_secs(3_600)));
        Ok(session)
    };
    std::thread::scope(|scope| {
        let ensure = || A::ensure(&world.client, &world.store, RenewalPolicy::default(), sign_in);
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(ensure)).collect();
        for thread in threads {
            assert!(thread.join().unwrap().is_ok());
        }
    });
    assert_eq!(sign_ins.load(Ordering::SeqCst), 1);

    // A sign-in that fails leaves the store as it was, and the lock free.
    world.store.set_session(None);
    let failed = A::ensure(&world.client, &world.store, RenewalPolicy::default(), || {
        Err(std::io::Error::other("the person has left"))
    });
    assert!(matches!(failed, Err(EnsureError::NotSignedIn(_))) && world.store.session().is_none());
    assert!(A::ensure(&world.client, &world.store, RenewalPolicy::default(), sign_in).is_ok());
}

fn a_refusal_is_told_with_the_services_fault<A: Adapter>() {
    let world = World::<A>::new();
    let mut session = world.store.session().unwrap();
    session.token.refresh_token = Some("unknown".into());
    world.store.set_session(Some(session));
    world.time.pass(Duration::from_secs(2 * 3_600));
    let policy = RenewalPolicy::default();
    let error = A::renew(&world.client, &world.store, policy, &world.time, || world.wall()).unwrap_err();
    assert!(error.end.needs_sign_in());
    assert_eq!(error.end.fault().map(|fault| &fault.code), Some(&FaultCode::InvalidGrant));
}

for_both_adapters! {
    a_day_of_calls_refreshes_once_an_hour,
    threads_that_find_one_expired_session_send_one_refresh,
    an_outage_is_a_warning_while_the_token_lives_and_an_error_after_that,
    a_lost_response_of_a_strict_service_is_told_from_the_end_of_the_session,
    a_session_of_another_service_is_sent_nowhere,
    threads_without_a_session_sign_in_once,
    a_refusal_is_told_with_the_services_fault,
}
