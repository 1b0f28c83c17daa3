//! Many sign-ins in lockstep, and an outage. They return spread out, and none too early.

use std::ops::Range;
use std::time::Duration;

use device_flow::{Action, DeviceFlow, Failure, Operation, Reply, Tick};

use crate::scenario::{Scenario, authorization, pending, policy, registration, secs, service};

const FLOWS: u64 = 200;
/// The interval of `authorization()`.
const INTERVAL: Duration = secs(5);
/// The outage, in seconds: every request is refused.
const OUTAGE: Range<u64> = 20..80;
/// The length of the test, in seconds.
const END: u64 = 200;

/// Returns the poll times of each flow. All start at the same moment, and no person approves.
fn polls(seed_of: impl Fn(u64) -> Option<u64>) -> Vec<Vec<Tick>> {
    (0..FLOWS).map(|flow| polls_of(seed_of(flow))).collect()
}

fn polls_of(seed: Option<u64>) -> Vec<Tick> {
    let (mut now, mut polls) = (Tick::ZERO, Vec::new());
    let mut flow = DeviceFlow::new(service(), policy(), Some(registration("client")), now);
    if let Some(seed) = seed {
        flow = flow.with_jitter(seed);
    }
    while now.elapsed() < secs(END) {
        match flow.poll(now) {
            Action::Send(asked) => {
                let reply = match asked.operation() {
                    Operation::StartDeviceAuthorization => Reply::Authorized(authorization()),
                    _ if OUTAGE.contains(&now.elapsed().as_secs()) => Reply::Failed(Failure::NotSent),
                    _ => pending(),
                };
                if asked.operation() == Operation::CreateToken {
                    polls.push(now);
                }
                flow.on_reply(asked, now, reply).unwrap();
            }
            Action::Prompt(_) => {}
            Action::Wait(until) => now = until,
            other => panic!("{other:?}"),
        }
    }
    polls
}

/// Returns the most polls in any one second after the outage.
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
    // Without jitter they stay in step.
    assert_eq!(busiest_second(&polls(|_| None)), usize::try_from(FLOWS).unwrap());
}

#[test]
fn no_flow_polls_below_its_floor_or_hurries_in_an_outage() {
    for (flow, times) in polls(Some).iter().enumerate() {
        assert!(times.iter().any(|time| time.elapsed() >= secs(OUTAGE.end)), "flow {flow} never came back");
        for pair in times.windows(2) {
            let gap = pair[1].since(pair[0]);
            // After an error at least two intervals, the wait without jitter.
            let met_error = OUTAGE.contains(&pair[0].elapsed().as_secs());
            let least = if met_error { INTERVAL * 2 } else { INTERVAL };
            let most = if met_error { secs(45) } else { INTERVAL };
            assert!(least <= gap && gap <= most, "flow {flow}: {gap:?} after {:?}", pair[0]);
        }
    }
}

/// Returns a flow whose first poll is overdue by this much.
fn held_up(seed: Option<u64>, late: Duration) -> (DeviceFlow, Tick) {
    let mut scenario = Scenario::polling(policy(), authorization());
    if let Some(seed) = seed {
        scenario.flow = scenario.flow.with_jitter(seed);
    }
    let Action::Wait(due) = scenario.flow.poll(scenario.now) else { panic!("the first poll has its time") };
    (scenario.flow, due + late)
}

#[test]
fn polls_that_were_held_up_together_are_spread_over_an_interval_and_further_if_they_are_late_again() {
    let mut seconds = [0; 5];
    let mut longest = [Duration::ZERO; 3];
    for seed in 0..FLOWS {
        let (mut flow, mut now) = held_up(Some(seed), secs(30));
        let mut times = 0;
        while let Action::Wait(until) = flow.poll(now) {
            let wait = until.since(now);
            assert!(wait < (INTERVAL * (1 << times)).min(secs(30)), "{wait:?} after {times}");
            if times == 0 {
                seconds[usize::try_from(wait.as_secs()).unwrap()] += 1;
            }
            if let Some(longest) = longest.get_mut(times) {
                *longest = wait.max(*longest);
            }
            times += 1;
            assert!(times <= 8, "it is never sent");
            // Overdue again.
            now = until + secs(30);
        }
        assert!(matches!(flow.poll(now), Action::AwaitReply), "it was sent in the end");
    }
    let usual = FLOWS / INTERVAL.as_secs();
    assert!(seconds.iter().all(|count| *count <= usual * 2), "{seconds:?}");
    assert!(seconds.iter().sum::<u64>() > FLOWS * 9 / 10, "{seconds:?}");
    // With this many flows the longest delay is close to the range, which doubles.
    for (times, longest) in longest.into_iter().enumerate() {
        assert!(longest > (INTERVAL * (1 << times)).mul_f64(0.9), "{longest:?} after {times}");
    }
}

#[test]
fn a_late_poll_goes_at_once_without_a_seed_within_an_interval_and_near_the_end_of_the_code() {
    for (seed, late) in [(None, secs(60)), (Some(1), INTERVAL), (Some(1), secs(600 - 5 - 5))] {
        let (mut flow, now) = held_up(seed, late);
        assert!(matches!(flow.poll(now), Action::Send(_)), "{seed:?}, {late:?} late");
    }
}

#[test]
fn what_is_drawn_costs_no_try_that_the_retry_window_has_room_for() {
    let tries = |seed: Option<u64>| {
        let mut flow =
            DeviceFlow::new(service(), policy().with_setup_retry_window(secs(3)), None, Tick::ZERO);
        if let Some(seed) = seed {
            flow = flow.with_jitter(seed);
        }
        let (mut now, mut tries) = (Tick::ZERO, 0);
        loop {
            match flow.poll(now) {
                Action::Send(asked) => {
                    tries += 1;
                    flow.on_reply(asked, now, Reply::Failed(Failure::NotSent)).unwrap();
                }
                Action::Wait(until) => now = until,
                action => {
                    assert!(
                        matches!(action, Action::Done) && now.elapsed() < Duration::from_millis(4_500),
                        "{now:?}"
                    );
                    return tries;
                }
            }
        }
    };
    assert_eq!(tries(None), 3);
    assert!((0..100).all(|seed| tries(Some(seed)) == 3));
}
