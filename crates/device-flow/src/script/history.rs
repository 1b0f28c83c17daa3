//! A sign-in with its driver: what the machine is told, and when.

use core::time::Duration;

use crate::script::{Script, ScriptedAnswer};
use crate::{Action, DeviceFlow, Operation, PendingRequest, Tick, UserPrompt};

/// What happens next to a flow that is driven.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "tests make and match every kind")]
pub enum Event {
    /// Time passes, whatever the flow waits for.
    Pass(Duration),
    /// The clock goes back.
    GoBack(Duration),
    /// Time passes until the flow wants something.
    Wake,
    /// The request that is under way is answered.
    Answer(ScriptedAnswer),
    /// The request that is under way is lost with its driver.
    Abandon,
    /// The program gives up.
    Cancel,
}

/// Whatever may happen to a flow, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    events: Vec<Event>,
}

/// What a driver saw.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Played {
    /// Every request, and when it was sent.
    pub requests: Vec<(Operation, Tick)>,
    /// Every answer that the flow was told, and when.
    pub answers: Vec<(Operation, Tick, ScriptedAnswer)>,
    /// Every prompt that was shown.
    pub prompts: Vec<UserPrompt>,
    /// Every wait: when it began, and until when.
    pub waits: Vec<(Tick, Tick)>,
    /// The driver's latest time.
    pub now: Tick,
}

/// More steps than any history needs to come to its end.
const ENOUGH: usize = 10_000;

impl History {
    /// A history of these events.
    ///
    /// ```
    /// use device_flow::script::{Event, History, ScriptedAnswer};
    ///
    /// let history = History::new([Event::Answer(ScriptedAnswer::SUCCESS), Event::Cancel]);
    /// assert_eq!(history.events().len(), 2);
    /// ```
    #[must_use]
    pub fn new(events: impl IntoIterator<Item = Event>) -> Self {
        Self { events: events.into_iter().collect() }
    }

    /// What happens, in order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Plays the history with this flow, at virtual time from `begin`, and then on to the flow's end with a service that always
    /// succeeds. An event that does not fit is left out: where no request is under way, none is answered.
    ///
    /// ```
    /// use device_flow::script::{Event, History, ScriptedAnswer};
    /// use device_flow::{DeviceFlow, Outcome, Policy, Tick};
    /// use oidc_proto::{Endpoint, FaultCode::AccessDenied};
    ///
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let mut flow = DeviceFlow::new(Endpoint::for_region("eu-west-1")?, policy, None, Tick::ZERO);
    /// let denied = History::new([
    ///     Event::Answer(ScriptedAnswer::SUCCESS),
    ///     Event::Answer(ScriptedAnswer::SUCCESS),
    ///     Event::Wake,
    ///     Event::Answer(ScriptedAnswer::fault(AccessDenied)),
    /// ]);
    /// let played = denied.play(&mut flow, Tick::ZERO);
    /// assert!(matches!(flow.outcome(), Some(Err(Outcome::Denied(_)))));
    /// assert_eq!((played.requests.len(), played.prompts.len(), played.now.elapsed().as_secs()), (3, 1, 5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn play(&self, flow: &mut DeviceFlow, begin: Tick) -> Played {
        let mut driver = Driver::new(begin);
        // A request that an earlier driver sent is lost with it.
        flow.abandon(begin);
        driver.ask(flow);
        for event in &self.events {
            driver.meet(flow, event);
        }
        for _ in 0..ENOUGH {
            if flow.outcome().is_some() {
                break;
            }
            driver.meet(flow, &Event::Wake);
            driver.meet(flow, &Event::Answer(ScriptedAnswer::SUCCESS));
        }
        driver.played
    }
}

impl From<Script> for History {
    /// The requests meet the script, and each wait is kept to the moment.
    fn from(script: Script) -> Self {
        let events = script
            .steps()
            .iter()
            .flat_map(|(took, answer)| [Event::Wake, Event::Pass(*took), Event::Answer(answer.clone())]);
        Self::new(events)
    }
}

#[derive(Debug)]
struct Driver {
    played: Played,
    pending: Option<PendingRequest>,
    wake: Option<Tick>,
}

impl Driver {
    fn new(begin: Tick) -> Self {
        Self { played: Played { now: begin, ..Played::default() }, pending: None, wake: None }
    }

    fn meet(&mut self, flow: &mut DeviceFlow, event: &Event) {
        let now = self.played.now;
        match event {
            Event::Pass(time) => self.played.now = now + *time,
            Event::GoBack(time) => {
                let back = now.elapsed().saturating_sub(*time);
                self.played.now = Tick::since_origin(back);
            }
            Event::Wake => self.played.now = self.wake.take().map_or(now, |wake| wake.max(now)),
            Event::Answer(answer) => {
                if let Some(pending) = self.pending.take() {
                    self.played.answers.push((pending.operation(), now, answer.clone()));
                    let reply = answer.reply(pending.operation());
                    let taken = flow.on_reply(pending, now, reply);
                    debug_assert_eq!(taken, Ok(()), "the request under way is answered once");
                }
            }
            Event::Abandon => {
                self.pending = None;
                flow.abandon(now);
            }
            Event::Cancel => {
                self.pending = None;
                flow.cancel();
            }
        }
        self.ask(flow);
    }

    /// Asks the flow until it waits, sends, or has ended.
    fn ask(&mut self, flow: &mut DeviceFlow) {
        loop {
            let now = self.played.now;
            match flow.poll(now) {
                Action::Send(pending) => {
                    self.played.requests.push((pending.operation(), now));
                    self.pending = Some(pending);
                    return;
                }
                Action::Prompt(prompt) => self.played.prompts.push(prompt),
                Action::Wait(until) => {
                    self.played.waits.push((now, until));
                    self.wake = Some(until);
                    return;
                }
                Action::AwaitReply | Action::Done => return,
            }
        }
    }
}
