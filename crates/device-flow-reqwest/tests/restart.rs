//! A server that is deployed anew while a thousand people sign in: no token is lost.
#![cfg(unix)]

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Request, Response};
use device_flow_reqwest::{
    Clock as _, DeviceFlow, Endpoint, FirstPoll, HttpClient, OnPrompt, Outcome, Phase, Policy, SavedFlow,
    SignInError, SignedIn, TokioClock, UserPrompt,
};
use rustix::process::{Resource, getrlimit, setrlimit};
use sso_oidc_server::{Config, InProcess};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How many people sign in. Half of them approve before the restart.
const FLOWS: usize = 1_000;

/// The longest that any part of the test takes on a slow machine.
const SLOW: Duration = Duration::from_secs(60);

/// The service behind a listener that holds back every token, once the service has spent its code.
#[derive(Clone)]
struct Slow {
    service: InProcess,
    /// The devices that were told to wait, each by its request.
    waiting: watch::Sender<HashSet<Bytes>>,
    /// How many tokens are held back, and leave to let them go.
    held: watch::Sender<usize>,
    leave: Arc<Semaphore>,
}

async fn answer(State(slow): State<Slow>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let answer = slow.service.answer(&Request::from_parts(head, body.as_ref()));
    if answer.status() == 400 {
        slow.waiting.send_modify(|waiting| _ = waiting.insert(body.clone()));
    }
    if answer.body().starts_with(br#"{"accessToken""#) {
        slow.held.send_modify(|held| *held += 1);
        drop(slow.leave.acquire().await);
    }
    answer.map(Body::from)
}

fn policy() -> Policy {
    // All polls come at once, so that many answers are on their way together.
    Policy::aws("https://d-1234567890.awsapps.com/start").with_first_poll(FirstPoll::Immediately)
}

/// The client of one process of the server.
fn process(endpoint: &str) -> HttpClient {
    HttpClient::builder(Endpoint::custom(endpoint).unwrap()).max_concurrent_requests(FLOWS).build().unwrap()
}

/// Each flow takes two descriptors in this process, one a side, and many systems give a thousand at first.
fn allow_connections() {
    const NEEDED: u64 = 3 * FLOWS as u64;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < NEEDED) {
        limit.current = Some(NEEDED);
        setrlimit(Resource::Nofile, limit).expect("this test needs 3,000 file descriptors: see `ulimit -Hn`");
    }
}

/// How the drivers of a process end.
#[derive(Clone, Copy)]
enum Ending {
    /// By `drive_until`.
    Stop,
    /// By dropping the future of `drive`.
    Drop,
}

/// A service, and many flows of one process: half of them in the middle of an answer, the others waiting.
struct Restart {
    slow: Slow,
    endpoint: String,
    flows: JoinSet<DeviceFlow>,
    stop: watch::Sender<bool>,
}

impl Restart {
    async fn begin(flows: usize, ending: Ending) -> Self {
        let half = flows / 2;
        allow_connections();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let began = tokio::time::Instant::now();
        let config = Config::default().with_interval(Duration::from_secs(1));
        let service = InProcess::new(config, move || began.elapsed()).unwrap();
        let leave = Arc::new(Semaphore::new(0));
        let (waiting, held) = (watch::Sender::default(), watch::Sender::new(0));
        let slow = Slow { service, waiting, held, leave };
        let router = Router::new().fallback(answer).with_state(slow.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });

        let client = process(&endpoint);
        let (stop, stopped) = watch::channel(false);
        let shown = watch::Sender::new(0);
        let mut driven = JoinSet::new();
        for _ in 0..flows {
            let (client, person) = (client.clone(), slow.service.handle());
            let (shown, mut stopped) = (shown.clone(), stopped.clone());
            driven.spawn(async move {
                let mut flow = client.flow(policy(), None, &TokioClock);
                let mut prompt = OnPrompt(|prompt: &UserPrompt| {
                    shown.send_modify(|shown| {
                        if *shown < half {
                            person.approve(&prompt.user_code).unwrap();
                        }
                        *shown += 1;
                    });
                });
                let stop = async { _ = stopped.wait_for(|stop| *stop).await };
                match ending {
                    Ending::Stop => {
                        client.drive_until(&mut flow, &TokioClock, &mut prompt, stop).await.unwrap()
                    }
                    Ending::Drop => tokio::select! {
                        _ = client.drive(&mut flow, &TokioClock, &mut prompt) => {}
                        () = stop => {}
                    },
                }
                flow
            });
        }
        for (count, of) in [(&slow.held, half), (&shown, flows)] {
            let mut count = count.subscribe();
            timeout(SLOW, count.wait_for(|count| *count == of)).await.unwrap().unwrap();
        }
        // A poll that the service answers only after the approval would be a token, and one that is dropped.
        let mut waiting = slow.waiting.subscribe();
        timeout(SLOW, waiting.wait_for(|waiting| waiting.len() == flows - half)).await.unwrap().unwrap();
        Self { slow, endpoint, flows: driven, stop }
    }
}

/// Everything that a process wrote before it ended, and the tokens that it got. The answers that are held
/// back leave when all flows that wait have ended.
async fn end(restart: &mut Restart, waiting: usize) -> (Vec<String>, BTreeSet<String>) {
    restart.stop.send(true).unwrap();
    let (mut files, mut tokens) = (Vec::new(), BTreeSet::new());
    while let Some(flow) = timeout(SLOW, restart.flows.join_next()).await.unwrap() {
        let flow = flow.unwrap();
        match flow.save(TokioClock.now(), SystemTime::now()) {
            Some(saved) => files.push(serde_json::to_string(&saved).unwrap()),
            None => _ = tokens.insert(token(flow.into_result(TokioClock.now()))),
        }
        if files.len() == waiting {
            restart.slow.leave.add_permits(FLOWS);
        }
    }
    (files, tokens)
}

fn token(ended: Result<SignedIn, SignInError>) -> String {
    ended.unwrap().token.access_token.expose().to_owned()
}

/// The sign-ins that go on in a new process, while all others approve.
async fn go_on(restart: &Restart, files: &[String]) -> Vec<Result<SignedIn, SignInError>> {
    let client = process(&restart.endpoint);
    let person = restart.slow.service.handle();
    person.pending().iter().for_each(|code| person.approve(code).unwrap());
    let mut going_on = JoinSet::new();
    for file in files {
        let saved: SavedFlow = serde_json::from_str(file).unwrap();
        let service = client.service().clone();
        let flow = saved.resume(service, policy(), TokioClock.now(), SystemTime::now()).unwrap();
        assert_eq!(flow.phase(), Phase::Polling);
        going_on.spawn(client.finish(flow, TokioClock, ()).unwrap());
    }
    timeout(SLOW, going_on.join_all()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_deployed_anew_loses_no_token() {
    let mut restart = Restart::begin(FLOWS, Ending::Stop).await;
    let (files, mut tokens) = end(&mut restart, FLOWS / 2).await;
    assert_eq!((files.len(), tokens.len()), (FLOWS / 2, FLOWS / 2));
    tokens.extend(go_on(&restart, &files).await.into_iter().map(token));
    assert_eq!(tokens.len(), FLOWS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_driver_that_is_dropped_in_the_middle_of_an_answer_loses_the_grant_and_says_so() {
    let mut restart = Restart::begin(20, Ending::Drop).await;
    let (files, tokens) = end(&mut restart, 20).await;
    assert_eq!((files.len(), tokens.len()), (20, 0));
    let (signed_in, lost): (Vec<_>, Vec<_>) =
        go_on(&restart, &files).await.into_iter().partition(Result::is_ok);
    assert_eq!((signed_in.len(), lost.len()), (10, 10));
    for ended in lost {
        let end = ended.unwrap_err();
        assert!(matches!(end.outcome, Outcome::GrantLost { .. }), "{end:?}");
    }
}
