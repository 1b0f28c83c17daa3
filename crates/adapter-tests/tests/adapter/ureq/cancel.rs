//! Cancellation of a blocking sign-in from another thread or a signal handler, at real time.

use std::thread;
use std::time::{Duration, Instant};

use adapter_tests::stub::{Step, Stub};
use device_flow_ureq::{
    CallError, Cancel, Client, Clock as _, CreateTokenRequest, DiscoveryError, Endpoint, FirstPoll, Grant,
    HttpClient, Observer, Operation, Outcome, Policy, Provider, RegisterClientRequest, RevocationRequest,
    Secret, StartDeviceAuthorizationRequest, Stop, SystemClock, UserPrompt,
};

#[test]
fn a_cancelled_sign_in_does_not_sleep_through_it() {
    // The interval is five seconds; ten minutes remain.
    let stub = Stub::polls([Step::token()]);
    let client = HttpClient::new(Endpoint::custom(&stub.endpoint()).unwrap()).unwrap();
    let cancel = Cancel::new();
    let started = Instant::now();
    let end = client
        .login(Policy::aws("https://d-1234567890.awsapps.com/start"))
        .cancelled_by(&cancel)
        .run(|_| {
            let cancel = cancel.clone();
            thread::spawn(move || cancel.cancel());
        })
        .unwrap_err();
    assert_eq!(end.outcome, Outcome::Cancelled);
    assert_eq!(end.polls, 0);
    // The limit is far below the interval, and far above any scheduling delay.
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_sign_in_that_was_cancelled_beforehand_sends_nothing() {
    let stub = Stub::polls([]);
    let client = HttpClient::new(Endpoint::custom(&stub.endpoint()).unwrap()).unwrap();
    let cancel = Cancel::new();
    cancel.cancel();
    let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    let end = client.login(policy).cancelled_by(&cancel).run(|_| {}).unwrap_err();
    assert_eq!(end.outcome, Outcome::Cancelled);
    assert_eq!(stub.connections(), 0);
}

/// Cancels this handle shortly after a poll was sent.
struct CancelsThePoll(Cancel);

impl Observer for CancelsThePoll {
    fn prompt(&mut self, _: &UserPrompt) -> Result<(), Stop> {
        Ok(())
    }

    fn sending(&mut self, operation: Operation) {
        if operation == Operation::CreateToken {
            let cancel = self.0.clone();
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(200));
                cancel.cancel();
            });
        }
    }
}

#[test]
fn a_sign_in_is_cancelled_while_a_request_hangs() {
    // The response would take fifteen seconds.
    let stub = Stub::polls([Step::Hang(Duration::from_secs(15))]);
    let client = HttpClient::new(Endpoint::custom(&stub.endpoint()).unwrap()).unwrap();
    let cancel = Cancel::new();
    let policy =
        Policy::aws("https://d-1234567890.awsapps.com/start").with_first_poll(FirstPoll::Immediately);
    let started = Instant::now();
    let end =
        client.login(policy).cancelled_by(&cancel).run_with(CancelsThePoll(cancel.clone())).unwrap_err();
    assert_eq!((end.outcome.clone(), end.polls), (Outcome::Cancelled, 1));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_sign_in_that_can_be_cancelled_and_is_not_ends_like_any_other() {
    let stub = Stub::polls([Step::token()]);
    let client = HttpClient::new(Endpoint::custom(&stub.endpoint()).unwrap()).unwrap();
    let policy =
        Policy::aws("https://d-1234567890.awsapps.com/start").with_first_poll(FirstPoll::Immediately);
    let signed_in = client.login(policy).cancelled_by(&Cancel::new()).run(|_| {}).unwrap();
    assert_eq!(signed_in.polls, 1);
    assert_eq!(stub.connections(), 1);
}

/// Raises the signal when the sign-in reaches this step.
#[cfg(unix)]
struct Raises(i32, Operation);

#[cfg(unix)]
impl Observer for Raises {
    fn prompt(&mut self, _: &UserPrompt) -> Result<(), Stop> {
        if self.1 == Operation::StartDeviceAuthorization {
            signal_hook::low_level::raise(self.0).unwrap();
        }
        Ok(())
    }

    fn sending(&mut self, operation: Operation) {
        if operation == self.1 && operation == Operation::CreateToken {
            let signal = self.0;
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(100));
                signal_hook::low_level::raise(signal).unwrap();
            });
        }
    }
}

#[cfg(unix)]
#[test]
fn a_signal_handler_cancels_a_wait_and_a_request_that_hangs() {
    use signal_hook::consts::{SIGUSR1, SIGUSR2};
    // After the prompt comes a wait of five seconds. The response to the first poll would take fifteen.
    let cases = [
        (SIGUSR1, Operation::StartDeviceAuthorization, FirstPoll::AfterInterval, 0),
        (SIGUSR2, Operation::CreateToken, FirstPoll::Immediately, 1),
    ];
    for (signal, during, first_poll, polls) in cases {
        let stub = Stub::polls([Step::Hang(Duration::from_secs(15))]);
        let client = HttpClient::new(Endpoint::custom(&stub.endpoint()).unwrap()).unwrap();
        let cancel = Cancel::new();
        let registered = signal_hook::flag::register(signal, cancel.flag()).unwrap();
        let policy = Policy::aws("https://d-1234567890.awsapps.com/start").with_first_poll(first_poll);
        let started = Instant::now();
        let end = client.login(policy).cancelled_by(&cancel).run_with(Raises(signal, during)).unwrap_err();
        signal_hook::low_level::unregister(registered);
        assert_eq!((end.outcome.clone(), end.polls), (Outcome::Cancelled, polls));
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    }
}

#[test]
fn a_flag_that_is_handed_out_during_a_wait_ends_it_all_the_same() {
    let cancel = Cancel::new();
    let waiting = {
        let cancel = cancel.clone();
        thread::spawn(move || {
            let started = Instant::now();
            cancel.wait(Duration::from_secs(60));
            started.elapsed()
        })
    };
    thread::sleep(Duration::from_millis(50));
    cancel.flag().store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(waiting.join().unwrap() < Duration::from_secs(30));
    assert!(cancel.is_cancelled());
}

#[test]
fn a_wait_that_is_not_cancelled_lasts_as_long_as_it_was_told_to_also_with_a_flag() {
    for with_flag in [false, true] {
        let cancel = Cancel::new();
        let _flag = with_flag.then(|| cancel.flag());
        let started = Instant::now();
        cancel.wait(Duration::from_millis(120));
        assert!(started.elapsed() >= Duration::from_millis(120), "{:?}", started.elapsed());
    }
}

/// Runs a call against a server that never answers, and cancels the handle once a request has begun.
fn while_an_answer_is_due<T>(call: impl FnOnce(HttpClient) -> T) -> T {
    let stub = Stub::start((0..4).map(|_| Step::Hang(Duration::from_secs(30))));
    let provider = format!("{}/t", stub.endpoint());
    let provider = Provider::new(&provider, &provider).unwrap().with_revocation(&provider).unwrap();
    let cancel = Cancel::new();
    let client = HttpClient::new(provider).unwrap().cancelled_by(&cancel);
    thread::scope(|scope| {
        scope.spawn(|| {
            while stub.connections() == 0 {
                thread::sleep(Duration::from_millis(5));
            }
            cancel.cancel();
        });
        call(client)
    })
}

#[test]
fn one_handle_cancels_every_call_of_a_client_while_its_answer_is_due() {
    let who = || Client::public("c");
    let secret = || Secret::from("s");
    type Call = fn(HttpClient, Client, Secret) -> Result<(), CallError>;
    let calls: [Call; 4] = [
        |client, who, secret| client.refresh(&who, &secret).map(drop),
        |client, who, secret| {
            client.create_token(&CreateTokenRequest::new(who, Grant::device_code(secret))).map(drop)
        },
        |client, who, _| {
            client.start_device_authorization(&StartDeviceAuthorizationRequest::new(who, "")).map(drop)
        },
        |client, who, secret| client.revoke(&RevocationRequest::refresh_token(who, secret)),
    ];
    for call in calls {
        let result = while_an_answer_is_due(|client| call(client, who(), secret()));
        assert!(matches!(result, Err(CallError::Cancelled)), "{result:?}");
    }
    let policy = Policy::oauth().with_client(who());
    let end = while_an_answer_is_due(|client| client.login(policy).run(|_| {}).unwrap_err());
    assert_eq!(end.outcome, Outcome::Cancelled);
}

#[test]
fn the_same_handle_cancels_registration_and_discovery() {
    let hanging = || Stub::start((0..4).map(|_| Step::Hang(Duration::from_secs(30))));
    let (stub, cancel) = (hanging(), Cancel::new());
    let builder = HttpClient::builder(Endpoint::custom(&stub.endpoint()).unwrap()).cancelled_by(&cancel);
    thread::scope(|scope| {
        scope.spawn(|| {
            while stub.connections() == 0 {
                thread::sleep(Duration::from_millis(5));
            }
            cancel.cancel();
        });
        let found = builder.clone().discover();
        assert!(matches!(found, Err(DiscoveryError::Cancelled)), "{found:?}");
    });
    // A cancelled handle stays cancelled.
    let registered = builder.build().unwrap().register_client(&RegisterClientRequest::new("n"));
    assert!(matches!(registered, Err(CallError::Cancelled)), "{registered:?}");
    assert_eq!(stub.connections(), 1);
}

#[test]
fn a_closure_that_cancels_and_fails_is_a_cancelled_call_and_one_that_answers_is_none() {
    let registered = |answers: bool| {
        let cancel = Cancel::new();
        let button = cancel.clone();
        let client = HttpClient::builder(Endpoint::for_region("eu-west-1").unwrap()).cancelled_by(&cancel);
        let client = client.answered_by(move |_| {
            button.cancel();
            if answers {
                return Ok(http::Response::new(r#"{"clientId":"c","clientSecret":"s"}"#));
            }
            Err(device_flow_ureq::Failure::Unknown.into())
        });
        client.build().unwrap().register_client(&RegisterClientRequest::new("my tool"))
    };
    let got = registered(false);
    assert!(matches!(got, Err(CallError::Cancelled)), "{got:?}");
    assert!(registered(true).is_ok(), "what has arrived counts");
}

#[test]
fn a_flow_that_is_told_to_stop_takes_the_token_that_is_on_its_way_and_a_cancelled_one_does_not() {
    // The drives run over a socket and from a worker thread. The token comes after a second.
    let drive = |stop: &Cancel, cancel: &Cancel, during: &Cancel| {
        let stub = Stub::polls([Step::LateToken(Duration::from_secs(1))]);
        let client =
            HttpClient::new(Endpoint::custom(&stub.endpoint()).unwrap()).unwrap().cancelled_by(cancel);
        let policy =
            Policy::aws("https://d-1234567890.awsapps.com/start").with_first_poll(FirstPoll::Immediately);
        let mut flow = client.flow(policy, None, &SystemClock);
        client.drive_until(&mut flow, &SystemClock, &mut CancelsThePoll(during.clone()), stop).unwrap();
        flow.into_result(SystemClock.now())
    };
    let (stop, cancel, never) = (Cancel::new(), Cancel::new(), Cancel::new());
    let signed_in = drive(&stop, &never, &stop).unwrap();
    assert!(stop.is_cancelled() && signed_in.polls == 1);
    let end = drive(&never, &cancel, &cancel).unwrap_err();
    assert_eq!((end.outcome, end.polls), (Outcome::Cancelled, 1));
}

#[test]
fn a_wait_ends_at_once_when_its_flow_is_told_to_stop() {
    let stub = Stub::polls([]);
    let (stop, cancel) = (Cancel::new(), Cancel::new());
    let client = HttpClient::new(Endpoint::custom(&stub.endpoint()).unwrap()).unwrap().cancelled_by(&cancel);
    // The interval is five seconds.
    let mut flow = client.flow(Policy::aws("https://d-1234567890.awsapps.com/start"), None, &SystemClock);
    let button = stop.clone();
    let mut shown = device_flow_ureq::OnPrompt(|_: &UserPrompt| {
        let button = button.clone();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            button.cancel();
        });
    });
    let began = Instant::now();
    client.drive_until(&mut flow, &SystemClock, &mut shown, &stop).unwrap();
    assert!(flow.outcome().is_none() && flow.polls() == 0);
    assert!(began.elapsed() < Duration::from_secs(4));
}
