//! A flow saved at any point, and saved forms with damaged bytes.

use std::time::{Duration, UNIX_EPOCH};

use device_flow::script::{Event, ScriptedAnswer, strategies};
use device_flow::{Action, DeviceFlow, Failure, PendingRequest, Reply, SavedFlow, Tick};
use oidc_proto::FaultCode;
use proptest::prelude::*;

use crate::scenario::{policy, registration, secs, service};

/// A flow, its clock, and its last action.
struct Life {
    flow: DeviceFlow,
    now: Tick,
    wall: Duration,
    asked: Option<PendingRequest>,
    wake: Option<Tick>,
    /// The events, in time since the beginning, so independent of the process's origin.
    log: Vec<(Duration, String)>,
}

const BEGIN: Duration = Duration::from_secs(1_800_000_000);

impl Life {
    fn new(cached: bool) -> Self {
        let now = Tick::since_origin(secs(40));
        let flow = DeviceFlow::new(service(), policy(), cached.then(|| registration("cached")), now);
        Self { flow, now, wall: BEGIN, asked: None, wake: None, log: Vec::new() }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.wall += time;
    }

    fn play(&mut self, event: &Event) {
        match event {
            Event::Pass(time) => self.pass(*time),
            // A saved flow trusts the wall clock, which has not gone back.
            Event::GoBack(_) => {}
            Event::Wake => {
                if let Some(until) = self.wake.take() {
                    self.pass(until.since(self.now));
                }
            }
            Event::Answer(answer) => {
                if let Some(asked) = self.asked.take() {
                    let reply = answer.reply(asked.operation());
                    self.flow.on_reply(asked, self.now, reply).unwrap();
                }
            }
            Event::Abandon => self.abandon(),
            Event::Cancel => {
                self.asked = None;
                self.flow.cancel();
            }
        }
        for _ in 0..2 {
            let now = self.now;
            let said = match self.flow.poll(now) {
                Action::Send(asked) => {
                    let said = format!("send {}", asked.operation());
                    self.asked = Some(asked);
                    said
                }
                Action::Prompt(prompt) => format!("prompt, void {}", prompt.replaces_earlier),
                Action::Wait(until) => {
                    assert!(until > now);
                    self.wake = Some(until);
                    format!("wait {:?}", until.since(now))
                }
                Action::AwaitReply => "await".to_owned(),
                // The token's request time is in ticks, the only difference.
                Action::Done => {
                    let end = self.flow.outcome().unwrap();
                    end.map_or_else(ToString::to_string, |_| "signed in".to_owned())
                }
            };
            self.log.push((self.wall - BEGIN, said));
        }
    }

    fn abandon(&mut self) {
        self.flow.abandon(self.now);
        self.asked = None;
        self.wake = None;
    }

    /// Resumes in another process, with another origin of monotonic time.
    fn restart(self, origin: Duration) -> Self {
        let Some(saved) = self.flow.save(self.now, UNIX_EPOCH + self.wall) else {
            return Self { asked: None, wake: None, ..self };
        };
        let text = serde_json::to_string(&saved).unwrap();
        let saved: SavedFlow = serde_json::from_str(&text).unwrap();
        let now = Tick::since_origin(origin);
        let flow = saved.resume(service(), policy(), now, UNIX_EPOCH + self.wall).unwrap();
        Self { flow, now, asked: None, wake: None, ..self }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// One flow stays in one process. The other is saved and resumed after every step without a request in
    /// flight. With one in flight, the first abandons it.
    #[test]
    fn a_flow_saved_and_resumed_at_any_point_does_what_it_would_have_done(
        cached in any::<bool>(),
        events in prop::collection::vec((strategies::event(), any::<bool>()), 1..60),
        origin in 0_u64..1_000_000,
    ) {
        let (mut one, mut many) = (Life::new(cached), Life::new(cached));
        for (event, restart) in events {
            one.play(&event);
            many.play(&event);
            if restart {
                one.abandon();
                many = many.restart(Duration::from_millis(origin));
            }
            prop_assert_eq!(one.flow.error(), many.flow.error());
            prop_assert_eq!(one.flow.polls(), many.flow.polls());
            prop_assert_eq!(one.flow.running_for(one.now), many.flow.running_for(many.now));
        }
        prop_assert_eq!(one.log, many.log);
    }

    #[test]
    fn no_bytes_make_it_panic_or_wait_for_the_past(
        cut in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        polled in 0_usize..4,
        wall in any::<i64>(),
    ) {
        let mut life = Life::new(false);
        let failing = ScriptedAnswer::fault(FaultCode::InternalServer);
        let lost = ScriptedAnswer::Failed(Failure::Unknown);
        for answer in [ScriptedAnswer::SUCCESS, ScriptedAnswer::SUCCESS, failing, lost].into_iter().take(polled + 1) {
            life.play(&Event::Wake);
            life.play(&Event::Answer(answer));
        }
        let mut bytes = serde_json::to_vec(&life.flow.save(life.now, UNIX_EPOCH + life.wall)).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            // Half of the changes keep a digit a digit, so that the form stays readable.
            bytes[at] = if bytes[at].is_ascii_digit() { b'0' + byte % 10 } else { byte };
        }
        if cut.index(8) == 0 {
            bytes.truncate(cut.index(bytes.len()));
        }
        let Ok(saved) = serde_json::from_slice::<SavedFlow>(&bytes) else { return Ok(()) };
        let mut now = Tick::since_origin(secs(1));
        let wall_time = if wall < 0 {
            UNIX_EPOCH.checked_sub(Duration::from_secs(wall.unsigned_abs()))
        } else {
            UNIX_EPOCH.checked_add(Duration::from_secs(wall.unsigned_abs()))
        };
        let Ok(mut flow) = saved.resume(service(), policy(), now, wall_time.unwrap_or(UNIX_EPOCH)) else { return Ok(()) };
        for _ in 0..300 {
            match flow.poll(now) {
                Action::Wait(until) => {
                    prop_assert!(until > now);
                    now = until;
                }
                Action::Send(asked) => {
                    flow.on_reply(asked, now, Reply::Failed(Failure::NotSent)).unwrap();
                    prop_assert!(!matches!(flow.poll(now), Action::Send(_)), "no floor");
                }
                Action::Prompt(_) => {}
                Action::AwaitReply => prop_assert!(false, "no request is under way"),
                Action::Done => return Ok(()),
            }
        }
    }
}

#[test]
fn what_is_no_saved_flow_is_an_error() {
    for text in [
        "",
        "{}",
        "[]",
        "null",
        "7",
        r#"{"version":1}"#,
        r#"{"version":"1"}"#,
        r#"{"version":"1","state":3}"#,
    ] {
        match serde_json::from_str::<SavedFlow>(text) {
            Err(error) => assert!(!error.to_string().is_empty()),
            Ok(saved) => {
                assert!(saved.resume(service(), policy(), Tick::ZERO, UNIX_EPOCH + BEGIN).is_err(), "{text}")
            }
        }
    }
}
