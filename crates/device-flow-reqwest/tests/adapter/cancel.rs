//! Dropping the driver's future and driving the same flow again.

use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use device_flow_reqwest::{Clock, DeviceFlow, Outcome, Phase, UserPrompt};
use oidc_proto::Operation;
use sso_oidc_server::{Approval, Config, SlowDown, TestServer};

use crate::{VirtualClock, block_on, client_within};

/// Polls a future at most this often; `None` if it is not ready by then, and dropped.
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

#[test]
fn a_flow_whose_driver_was_dropped_at_any_await_goes_on_where_it_was() {
    let mut dropped_in = HashSet::new();
    let mut granted = 0;
    for polls in 1..500 {
        let config = Config::default().with_slow_down(SlowDown::Off).with_approval(Approval::AfterPolls(3));
        let server = TestServer::with(config).unwrap();
        let client = client_within(Duration::from_secs(10), server.endpoint());
        let clock = VirtualClock::default();
        let mut flow =
            DeviceFlow::new(client.policy("https://d-1234567890.awsapps.com/start"), None, clock.now());
        let mut prompts = 0;
        let mut on_prompt = |_: &UserPrompt| prompts += 1;
        let finished = block_on(async {
            let done = at_most(polls, client.drive(&mut flow, &clock, &mut on_prompt)).await.is_some();
            dropped_in.insert(flow.phase());
            // Once more, from wherever it was.
            client.drive(&mut flow, &clock, &mut on_prompt).await;
            done
        });
        // A grant can be lost only with the one answer that carries it.
        match flow.outcome() {
            Some(Outcome::Granted { .. }) => granted += 1,
            Some(Outcome::GrantLost(_)) => {}
            other => panic!("dropped after {polls} polls: {other:?}"),
        }
        assert_eq!(prompts, 1, "dropped after {polls} polls");
        let count =
            |wanted| server.requests().iter().filter(|request| request.operation == Some(wanted)).count();
        assert!(count(Operation::RegisterClient) <= 2);
        assert!(count(Operation::StartDeviceAuthorization) <= 2);
        assert!(count(Operation::CreateToken) <= 6, "{} polls", count(Operation::CreateToken));
        if finished {
            break;
        }
    }
    for phase in [Phase::Registering, Phase::Authorizing, Phase::Polling, Phase::Ended] {
        assert!(dropped_in.contains(&phase), "never dropped in {phase:?}");
    }
    assert!(granted > 5);
}
