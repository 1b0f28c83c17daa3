//! A sign-in with its driver: the inputs of the machine and their times.

use core::time::Duration;

use crate::script::{Script, ScriptedAnswer};
use crate::{Action, DeviceFlow, Operation, PendingRequest, Tick, UserPrompt};

/// The next event of a driven flow.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "tests make and match every kind")]
pub enum Event {
    /// Time passes, regardless of the flow's wait.
    Pass(Duration),
    /// The clock goes back.
    GoBack(Duration),
    /// Time passes until the flow needs a call.
    Wake,
    /// The request in flight gets this result.
    Answer(ScriptedAnswer),
    /// The request in flight is lost with its driver.
    Abandon,
    /// The program cancels.
    Cancel,
}

/// A sequence of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    events: Vec<Event>,
}

/// The driver's record.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Played {
    /// Every request, with its time.
    pub requests: Vec<(Operation, Tick)>,
    /// Every result, with its time.
    pub answers: Vec<(Operation, Tick, ScriptedAnswer)>,
    /// Every prompt that was shown.
    pub prompts: Vec<UserPrompt>,
    /// Every wait: its start and its end.
    pub waits: Vec<(Tick, Tick)>,
    /// The driver's latest time.
    pub now: Tick,
}

/// An upper bound of the steps of any history.
const ENOUGH: usize = 10_000;

impl History {
    /// Creates a history of these events.
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

    /// Returns the events, in order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Plays the history with this flow, in virtual time from `begin`, and then to the flow's end with a
    /// service that always succeeds. An event that does not apply is skipped, such as a result without a
    /// request.
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
        // An earlier driver's request is lost with it.
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
    /// Answers each request by the script, and keeps each wait exactly.
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

    /// Polls the flow until it waits, sends, or has ended.
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
