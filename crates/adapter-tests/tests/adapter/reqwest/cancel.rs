//! Cancellation of the driver's future at every await, and resumption of the same flow.

use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use adapter_tests::over_reqwest::{block_on, client_within};
use adapter_tests::stub::{Step, Stub};
use device_flow_reqwest::{
    Clock, DeviceFlow, Endpoint, FirstPoll, HttpClient, Observer, Outcome, Phase, Policy, Status, Stop, Tick,
    TokioClock, UserPrompt, VirtualTime,
};
use oidc_proto::Operation;
use sso_oidc_server::{Approval, Config, SlowDown, TestServer};

/// The number of pending polls before the grant.
const PENDING: u32 = 3;
/// The server's interval.
const INTERVAL: Duration = Duration::from_secs(1);
/// The highest number of times that a test polls a future.
const BOUND: usize = 2_000;

/// The actions of a flow, across all its drivers.
#[derive(Default)]
struct Story<'a> {
    sent: Vec<(Operation, Tick)>,
    prompts: usize,
    /// The latest request, until the driver continues. The driver always reports between a response and the
    /// next await.
    under_way: Option<Operation>,
    clock: Option<&'a VirtualTime>,
}

impl Observer for Story<'_> {
    fn prompt(&mut self, _: &UserPrompt) -> Result<(), Stop> {
        self.under_way = None;
        self.prompts += 1;
        Ok(())
    }

    fn sending(&mut self, operation: Operation) {
        self.under_way = Some(operation);
        self.sent.push((operation, self.clock.map(VirtualTime::now).unwrap_or_default()));
    }

    fn waiting(&mut self, _: &Status<'_>) {
        self.under_way = None;
    }
}

impl Story<'_> {
    fn count(&self, operation: Operation) -> usize {
        self.sent.iter().filter(|(sent, _)| *sent == operation).count()
    }

    fn least_gap_between_polls(&self) -> Duration {
        let polls: Vec<_> = self.sent.iter().filter(|(sent, _)| *sent == Operation::CreateToken).collect();
        polls.windows(2).map(|pair| pair[1].1.since(pair[0].1)).min().unwrap_or(Duration::MAX)
    }
}

/// A server that grants after some polls, its client, and a flow.
struct Scene {
    server: TestServer,
    client: HttpClient,
    clock: VirtualTime,
    flow: DeviceFlow,
}

impl Scene {
    fn new() -> Self {
        let approval = Approval::AfterPolls(PENDING);
        let server =
            TestServer::with(Config::default().with_slow_down(SlowDown::Off).with_approval(approval))
                .unwrap();
        let client = client_within(Duration::from_secs(10), server.endpoint());
        let clock = VirtualTime::default();
        // A dropped request counts as an error, and the tests drop many.
        let policy = Policy::aws("https://d-1234567890.awsapps.com/start")
            .with_setup_retry_window(Duration::from_secs(3_600));
        let flow = DeviceFlow::new(client.service().clone(), policy, None, clock.now());
        Self { server, client, clock, flow }
    }

    /// Returns the number of granted tokens that left the server.
    fn grants(&self) -> usize {
        let token = |request: &&sso_oidc_server::RecordedRequest| {
            request.operation == Some(Operation::CreateToken) && request.status == 200
        };
        self.server.requests().iter().filter(token).count()
    }
}

/// Polls a future at most this often; then drops it and returns `None` if it is not ready.
async fn at_most<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(move |context: &mut Context<'_>| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Returns the number of requests of an undisturbed sign-in.
fn undisturbed() -> usize {
    let Scene { server: _server, client, clock, mut flow } = Scene::new();
    let mut story = Story { clock: Some(&clock), ..Story::default() };
    block_on(client.drive(&mut flow, &clock, &mut story)).unwrap();
    let got = flow.outcome();
    assert!(matches!(got, Some(Ok(_))), "{got:?}");
    story.sent.len()
}

/// Drops the future at every await of a sign-in, and then drives the flow to its end. For each n up to
/// completion, it polls the future n times before the drop.
#[test]
fn a_sign_in_that_is_dropped_at_any_await_and_resumed_repeats_at_most_the_request_that_was_under_way() {
    let usual = undisturbed();
    let mut dropped_in = HashSet::new();
    let mut dropped_with = HashSet::new();
    let mut finished = false;
    for polls in 0..BOUND {
        let mut scene = Scene::new();
        let mut story = Story { clock: Some(&scene.clock), ..Story::default() };
        let (client, clock, flow) = (&scene.client, &scene.clock, &mut scene.flow);
        let (under_way, done) = block_on(async {
            let done = at_most(polls, client.drive(flow, clock, &mut story)).await.is_some();
            dropped_in.insert(flow.phase());
            let under_way = story.under_way.filter(|_| !done);
            client.drive(flow, clock, &mut story).await.unwrap();
            (under_way, done)
        });
        dropped_with.insert(under_way);
        let (flow, at) = (&scene.flow, format!("dropped after {polls} polls with {under_way:?} under way"));

        // The drop may lose only the response in transit.
        match flow.outcome() {
            Some(Ok(_)) => {}
            Some(Err(Outcome::GrantLost(_))) => {
                assert_eq!((under_way, scene.grants()), (Some(Operation::CreateToken), 1), "{at}");
            }
            other => panic!("{at}: {other:?}"),
        }
        assert_eq!(story.prompts, 1, "{at}");
        // The drop may repeat only the request in flight.
        let repeated = story.sent.len() - usual;
        assert!(repeated <= usize::from(under_way.is_some()), "{at}: {:?}", story.sent);
        let setup = [Operation::RegisterClient, Operation::StartDeviceAuthorization];
        for operation in setup {
            assert!(story.count(operation) == 1 || under_way == Some(operation), "{at}: {operation}");
        }
        assert!(scene.grants() <= 1, "{at}");
        assert!(story.least_gap_between_polls() >= INTERVAL, "{at}: {:?}", story.sent);
        if done {
            finished = true;
            break;
        }
    }
    assert!(finished, "not every await was reached");
    for phase in [Phase::Registering, Phase::Authorizing, Phase::Polling, Phase::Ended] {
        assert!(dropped_in.contains(&phase), "never dropped in {phase:?}");
    }
    let signing_in = Operation::SIGN_IN.iter().copied().map(Some).chain([None]);
    for under_way in signing_in {
        assert!(dropped_with.contains(&under_way), "never dropped with {under_way:?} under way");
    }
}

/// Drops the future at every await in one sign-in. It still ends, and never polls early.
#[test]
fn a_sign_in_that_is_dropped_again_and_again_comes_to_its_end_at_its_own_pace() {
    let mut scene = Scene::new();
    let mut story = Story { clock: Some(&scene.clock), ..Story::default() };
    let (client, clock, flow) = (&scene.client, &scene.clock, &mut scene.flow);
    let mut drops = 0;
    block_on(async {
        // Every request gets further than the one before, so some complete.
        for polls in 0..BOUND {
            if at_most(1 + polls / 4, client.drive(flow, clock, &mut story)).await.is_some() {
                return;
            }
            drops += 1;
        }
        panic!("no end after {BOUND} drops");
    });
    assert!(drops > 5, "{drops} drops");
    assert!(
        matches!(scene.flow.outcome(), Some(Ok(_) | Err(Outcome::GrantLost(_)))),
        "{:?}",
        scene.flow.outcome()
    );
    assert!(scene.grants() <= 1);
    assert!(story.least_gap_between_polls() >= INTERVAL, "{:?}", story.sent);
}

#[test]
fn a_flow_that_is_told_to_stop_takes_the_token_that_is_on_its_way() {
    let stub = Stub::polls([Step::LateToken(Duration::from_secs(1))]);
    block_on(async {
        let client = HttpClient::new(Endpoint::custom(&stub.endpoint()).unwrap()).unwrap();
        let policy =
            Policy::aws("https://d-1234567890.awsapps.com/start").with_first_poll(FirstPoll::Immediately);
        let mut flow = client.flow(policy, None, &TokioClock);
        // The code is shown and the poll has come. The program stops before the response.
        let stop = async {
            while stub.seen().len() < Operation::SIGN_IN.len() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        client.drive_until(&mut flow, &TokioClock, &mut (), stop).await.unwrap();
        assert!(flow.into_result(TokioClock.now()).is_ok_and(|signed_in| signed_in.polls == 1));
    });
}
