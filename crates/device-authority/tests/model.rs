//! Random histories against a reference model: what every poll must answer, told in a second and simpler way.

mod common;

use common::Bench;
use core::time::Duration;
use device_authority::{Capacity, Policy, SlowDown, Verdict};
use oidc_proto::{Client, FaultCode, Secret};
use proptest::prelude::*;

/// One thing that happens. Numbers choose among the devices that there are.
#[derive(Clone, Debug)]
enum Event {
    Start,
    Poll { device: usize, by_its_client: bool },
    Decide { device: usize, verdict: Verdict },
    Wait { seconds: u64 },
}

fn event() -> impl Strategy<Value = Event> {
    let verdict = prop_oneof![Just(Verdict::Approve), Just(Verdict::Deny), Just(Verdict::Lapse)];
    prop_oneof![
        2 => Just(Event::Start),
        8 => (any::<usize>(), prop::bool::weighted(0.9))
            .prop_map(|(device, by_its_client)| Event::Poll { device, by_its_client }),
        2 => (any::<usize>(), verdict).prop_map(|(device, verdict)| Event::Decide { device, verdict }),
        6 => (0u64..40).prop_map(|seconds| Event::Wait { seconds }),
    ]
}

/// What the model knows of a device.
struct Model {
    code: Secret,
    user_code: String,
    expires: u64,
    verdict: Option<Verdict>,
    collected: bool,
    interval: u64,
    last_poll: Option<u64>,
    forgiven: bool,
}

const INTERVAL: u64 = 5;
const TTL: u64 = 120;

impl Model {
    /// What a poll at this time must get; `None` is a token.
    fn polled(&mut self, mode: SlowDown, now: u64) -> Option<FaultCode> {
        if self.collected {
            return Some(FaultCode::InvalidGrant);
        }
        if now >= self.expires || self.verdict == Some(Verdict::Lapse) {
            return Some(FaultCode::ExpiredToken);
        }
        match self.verdict {
            Some(Verdict::Deny) => return Some(FaultCode::AccessDenied),
            Some(_) => {
                self.collected = true;
                return None;
            }
            None => {}
        }
        let early = self.last_poll.is_some_and(|last| now - last < self.interval);
        self.last_poll = Some(now);
        let pardoned = mode == SlowDown::Off || (mode == SlowDown::Grace && !self.forgiven);
        if early && !pardoned {
            self.interval += 5;
            return Some(FaultCode::SlowDown);
        }
        self.forgiven |= early;
        Some(FaultCode::AuthorizationPending)
    }
}

fn play(mode: SlowDown, events: &[Event]) -> Result<(), TestCaseError> {
    let policy = Policy::default()
        .with_interval(Duration::from_secs(INTERVAL))
        .with_device_ttl(Duration::from_secs(TTL))
        .with_remember_expired(Duration::from_secs(100_000))
        .with_slow_down(mode);
    let mut bench = Bench::with_capacity(policy, Capacity::default());
    let (owner, stranger): (Client, Client) = (bench.client(), bench.client());
    let mut devices: Vec<Model> = Vec::new();
    let mut now = 0u64;
    for event in events {
        match event {
            Event::Start => {
                let device = bench.start(&owner).unwrap();
                devices.push(Model {
                    code: device.device_code,
                    user_code: device.user_code,
                    expires: now + TTL,
                    verdict: None,
                    collected: false,
                    interval: INTERVAL,
                    last_poll: None,
                    forgiven: false,
                });
            }
            Event::Wait { seconds } => {
                now += seconds;
                bench.now = bench.now.after(Duration::from_secs(*seconds));
            }
            Event::Poll { device, by_its_client } if !devices.is_empty() => {
                let device = device % devices.len();
                let model = &mut devices[device];
                let client = if *by_its_client { &owner } else { &stranger };
                let expected =
                    if *by_its_client { model.polled(mode, now) } else { Some(FaultCode::InvalidGrant) };
                let answer = bench.poll(client, &model.code).err().map(|fault| fault.code);
                prop_assert_eq!(answer, expected);
            }
            Event::Decide { device, verdict } if !devices.is_empty() => {
                let device = device % devices.len();
                let model = &mut devices[device];
                let can = model.verdict.is_none() && now < model.expires;
                let decided = bench.store.decide(&bench.policy, None, &model.user_code, *verdict, bench.now);
                prop_assert_eq!(decided.is_ok(), can);
                if can {
                    model.verdict = Some(*verdict);
                }
            }
            Event::Poll { .. } | Event::Decide { .. } => {}
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_gets_the_answers_that_the_rules_say(
        mode in prop_oneof![Just(SlowDown::Strict), Just(SlowDown::Grace), Just(SlowDown::Off)],
        events in prop::collection::vec(event(), 0..60),
    ) {
        play(mode, &events)?;
    }
}
