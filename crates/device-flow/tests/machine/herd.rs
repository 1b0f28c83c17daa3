//! Many sign-ins in lockstep, and an outage: they do not come back all at once, and none comes back too early.

use std::ops::Range;
use std::time::Duration;

use device_flow::{Action, DeviceFlow, Failure, Operation, Reply, Tick};

use crate::scenario::{authorization, pending, policy, registration, secs};

const FLOWS: u64 = 200;
/// The interval of `authorization()`.
const INTERVAL: Duration = secs(5);
/// When the service is away, in seconds: every request is refused.
const OUTAGE: Range<u64> = 20..80;
/// How long the story lasts, in seconds.
const END: u64 = 200;

/// When each flow polled. All start at the same moment, and nobody ever approves.
fn polls(seed_of: impl Fn(u64) -> Option<u64>) -> Vec<Vec<Tick>> {
    (0..FLOWS).map(|flow| polls_of(seed_of(flow))).collect()
}

fn polls_of(seed: Option<u64>) -> Vec<Tick> {
    let (mut now, mut polls) = (Tick::ZERO, Vec::new());
    let mut flow = DeviceFlow::new(policy(), Some(registration("client")), now);
    if let Some(seed) = seed {
        flow = flow.with_jitter(seed);
    }
    while now.elapsed() < secs(END) {
        match flow.poll(now) {
            Action::Send(request, ticket) => {
                let reply = match request.operation() {
                    Operation::StartDeviceAuthorization => Reply::Authorized(authorization()),
                    _ if OUTAGE.contains(&now.elapsed().as_secs()) => Reply::Failed(Failure::NotSent),
                    _ => pending(),
                };
                if request.operation() == Operation::CreateToken {
                    polls.push(now);
                }
                flow.on_reply(ticket, now, reply).unwrap();
            }
            Action::Prompt(_) => {}
            Action::Wait(until) => now = until,
            other => panic!("{other:?}"),
        }
    }
    polls
}

/// The most polls in any one second after the outage.
fn busiest_second(flows: &[Vec<Tick>]) -> usize {
    let mut seconds = vec![0; usize::try_from(END).unwrap() + 1];
    for poll in flows.iter().flatten().filter(|poll| poll.elapsed() >= secs(OUTAGE.end)) {
        let second = usize::try_from(poll.elapsed().as_secs()).unwrap();
        if let Some(count) = seconds.get_mut(second) {
            *count += 1;
        }
    }
    seconds.into_iter().max().unwrap_or_default()
}

#[test]
fn flows_that_an_outage_cut_off_together_come_back_one_by_one() {
    let usual = usize::try_from(FLOWS / INTERVAL.as_secs()).unwrap();
    let spread = polls(Some);
    let busiest = busiest_second(&spread);
    assert!(busiest <= usual * 2, "{busiest} polls in one second, usual are {usual}");
    // Without it they stay in step: it is the jitter that spreads them.
    assert_eq!(busiest_second(&polls(|_| None)), usize::try_from(FLOWS).unwrap());
}

#[test]
fn no_flow_polls_below_its_floor_or_hurries_in_an_outage() {
    for (flow, times) in polls(Some).iter().enumerate() {
        assert!(times.iter().any(|time| time.elapsed() >= secs(OUTAGE.end)), "flow {flow} never came back");
        for pair in times.windows(2) {
            let gap = pair[1].since(pair[0]);
            // After trouble at least two intervals, which is what the flow would wait without jitter.
            let met_trouble = OUTAGE.contains(&pair[0].elapsed().as_secs());
            let least = if met_trouble { INTERVAL * 2 } else { INTERVAL };
            let most = if met_trouble { secs(45) } else { INTERVAL };
            assert!(least <= gap && gap <= most, "flow {flow}: {gap:?} after {:?}", pair[0]);
        }
    }
}
