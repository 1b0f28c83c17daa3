//! The documented rules, checked by an observer of requests, replies and times.

use device_flow::{Action, Expiry, Outcome};

use crate::model::pair::{Input, Pair, tick};
use crate::model::reference::{Ask, Code, Heard, Said, Settings};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rules {
    eager: bool,
    /// The registration may still be replaced, once, if the service offers registration.
    may_replace: bool,
    /// The earliest time of the next CreateToken.
    earliest: u64,
    floor: u64,
    /// The interval that came with the codes, and their life.
    announced: u64,
    life: u64,
    /// The earliest time of a last poll, which may precede the floor: the announced interval after the latest
    /// reply.
    last_from: u64,
    slow_downs: u32,
    /// The code's expiry, counted from its arrival; none without a code.
    deadline: Option<u64>,
    maybe_spent: bool,
    now: Moment,
}

/// The facts of the current step only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Moment {
    /// The reply, and its request.
    answer: Option<(Ask, Heard)>,
    /// The exact time of the next poll, if a verdict sets it.
    exactly: Option<u64>,
    /// The registration was rejected and must be replaced.
    replaced: bool,
    /// The flow was woken at the time it asked for.
    woken: bool,
    cancelled: bool,
}

impl Rules {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            eager: settings.eager,
            may_replace: settings.cached && settings.missing.is_none(),
            earliest: 0,
            floor: 0,
            announced: 0,
            life: 0,
            last_from: 0,
            slow_downs: 0,
            deadline: None,
            maybe_spent: false,
            now: Moment::default(),
        }
    }

    /// Shifts all times by `then - now`.
    pub(crate) fn rebase(&mut self, now: u64, then: u64) {
        self.shift(now, then, 0);
    }

    /// Ends the step.
    pub(crate) fn forget_the_moment(&mut self) {
        self.now = Moment::default();
    }

    fn shift(&mut self, now: u64, then: u64, away: u64) {
        let shift = |time: u64| then + time.saturating_sub(now).saturating_sub(away);
        let times = [Some(&mut self.earliest), self.deadline.as_mut(), Some(&mut self.last_from)];
        for time in times.into_iter().flatten() {
            *time = shift(*time);
        }
    }

    /// Applies an input that the pair has already handled. Before it, the clock was at `then`, `out` was in
    /// flight, and `said` was the last action.
    pub(crate) fn after_input(
        &mut self,
        input: Input,
        pair: &Pair,
        then: u64,
        out: Option<Ask>,
        said: &Said,
    ) {
        self.now = Moment::default();
        match (input, out) {
            (Input::Reply(heard) | Input::ReplyBackwards(heard, _), Some(ask)) => {
                self.hear(ask, heard, pair.now);
            }
            (Input::Abandon, Some(ask)) => self.hear(ask, Heard::Lost, pair.now),
            (Input::Restart(away), _) => {
                self.shift(then, pair.now, away.unwrap_or(0));
                if let Some(ask) = out {
                    self.hear(ask, Heard::Lost, pair.now);
                }
            }
            (Input::Pass(_), _) => self.now.woken = matches!(said, Said::Wait(until) if pair.now == *until),
            (Input::Cancel, _) => self.now.cancelled = true,
            _ => {}
        }
    }

    fn hear(&mut self, ask: Ask, heard: Heard, now: u64) {
        self.now.answer = Some((ask, heard));
        let retry_after = match heard {
            Heard::Fault(_, after) | Heard::Indeterminate(_, after) => after.unwrap_or(0),
            _ => 0,
        };
        match (ask, heard) {
            (Ask::Authorize, Heard::Success { interval, life }) => {
                self.floor = interval.unwrap_or(5_000).max(1_000);
                (self.announced, self.life, self.last_from, self.slow_downs) = (self.floor, life, 0, 0);
                self.deadline = Some(now + life);
                self.maybe_spent = false;
                let first = if self.eager { now } else { now + self.floor };
                self.earliest = self.earliest.max(first);
            }
            // Rule 3: the interval, five seconds more for each `slow_down`, a tenth from the second in a row,
            // and any `Retry-After`.
            (Ask::Token, _) => {
                self.last_from = now + self.announced;
                match heard {
                    Heard::Fault(Code::SlowDown, _) => {
                        self.floor += 5_000;
                        let share = (self.floor / 1_000).div_ceil(10) * 1_000;
                        self.floor += if self.slow_downs == 0 { 0 } else { share };
                        self.slow_downs += 1;
                    }
                    Heard::Fault(Code::Pending, _) => self.slow_downs = 0,
                    _ => {}
                }
                // An earlier `Retry-After` is for one gap, which this poll has ended, even if it was the code's last.
                let due = now + self.floor.max(retry_after);
                self.earliest = due;
                match heard {
                    Heard::Fault(Code::Pending, _) => {
                        self.now.exactly = Some(due);
                        self.maybe_spent = false;
                    }
                    Heard::Fault(Code::SlowDown, _) => self.now.exactly = Some(due),
                    Heard::Lost | Heard::Fault(Code::ServerError, _) => self.maybe_spent = true,
                    Heard::Indeterminate(status, _) if status >= 500 || status == 200 => {
                        self.maybe_spent = true
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        let rejected = matches!(heard, Heard::Fault(Code::InvalidClient | Code::UnauthorizedClient, _));
        if rejected && ask != Ask::Register && self.may_replace {
            // Rule 8: once. The codes are void.
            self.may_replace = false;
            self.now.replaced = true;
            self.deadline = None;
            self.maybe_spent = false;
        }
    }

    /// Checks the flow's next action.
    pub(crate) fn after_action(&self, pair: &Pair) {
        let now = pair.now;
        match &pair.said {
            Said::Wait(until) => {
                // Rules 1 and 4.
                assert!(*until > now, "a wait lies in the future");
                assert!(!self.now.woken, "a wait that is over is not handed out again");
                let within = |time: u64| self.deadline.map_or(time, |deadline| time.min(deadline));
                assert_eq!(*until, within(*until), "no wait ends after the deadline");
                if let Some(due) = self.now.exactly {
                    let last = self.last_moment().filter(|last| *last >= self.last_from);
                    let due = if self.is_too_late(due) { last.unwrap_or(due) } else { due };
                    assert_eq!(*until, within(due), "a verdict sets the next poll, and resets backoff");
                }
            }
            Said::Send(Ask::Token) => {
                // Rules 3 and 5.
                let is_last = self.is_too_late(self.earliest)
                    && now >= self.last_from
                    && self.last_moment().is_some_and(|last| now >= last);
                assert!(now >= self.earliest || is_last, "a poll at {now}, floor until {}", self.earliest);
                let deadline = self.deadline.expect("no poll without a code");
                assert!(now < deadline, "a poll at {now}, deadline {deadline}");
            }
            Said::Prompt { .. } => {
                assert!(now < self.deadline.expect("a code"), "an expired code is not shown")
            }
            Said::Send(Ask::Register | Ask::Authorize) | Said::Await | Said::Done => {}
        }
        if self.now.replaced {
            assert_eq!(pair.said, Said::Send(Ask::Register), "a rejected registration is replaced at once");
        }
    }

    /// Returns the time of the code's last poll.
    fn last_moment(&self) -> Option<u64> {
        Some(self.deadline? - (self.life / 4).min(2_000))
    }

    /// Returns whether a poll due then is too late, so that a last poll may replace it.
    fn is_too_late(&self, due: u64) -> bool {
        self.deadline.is_some_and(|deadline| due >= deadline)
    }

    /// Checks rules 5, 6 and 7: an end without a token must follow from the reply or the time.
    fn is_right(&self, outcome: &Outcome, now: u64) -> bool {
        let over = self.deadline.is_some_and(|deadline| now >= deadline);
        let answer = self.now.answer;
        let fault = |code| matches!(answer, Some((_, Heard::Fault(was, _))) if was == code);
        let spent = fault(Code::Expired) || fault(Code::InvalidGrant);
        match outcome {
            Outcome::Denied(_) => fault(Code::Denied),
            Outcome::Expired(Expiry::Service(_)) => fault(Code::Expired) && !self.maybe_spent,
            Outcome::Expired(Expiry::Clock(_)) => over && !self.maybe_spent,
            Outcome::GrantLost(Expiry::Service(_)) => spent && self.maybe_spent,
            Outcome::GrantLost(Expiry::Clock(_)) => over && self.maybe_spent,
            Outcome::Rejected { .. } => matches!(answer, Some((_, Heard::Fault(..)))),
            Outcome::Cancelled => self.now.cancelled,
            Outcome::Refused { .. } => matches!(answer, Some((_, Heard::Indeterminate(302..=501, None)))),
            Outcome::Unreachable { .. } => over || self.deadline.is_none() && answer.is_some(),
            Outcome::InvalidResponse(_) => matches!(answer, Some((_, Heard::InvalidResponse))),
            // No history begins with a flow that needs a registration where none is offered.
            Outcome::UnsupportedOperation(_) | Outcome::NoStartUrl | Outcome::NoVerifier => false,
            other => panic!("{other:?} is new: say here when it is right"),
        }
    }

    /// Checks the end: it must follow from the reply or the time, and be final.
    pub(crate) fn after_end(&self, pair: &mut Pair) {
        let outcome = pair.flow.outcome().expect("an ended flow has an outcome");
        let outcome = outcome.cloned().map_err(Outcome::clone);
        let now = pair.now;
        let answer = self.now.answer;
        let right = match &outcome {
            Ok(_) => matches!(answer, Some((Ask::Token, Heard::Success { .. }))),
            Err(outcome) => self.is_right(outcome, now),
        };
        assert!(right, "{outcome:?} after {answer:?} at {now}: {self:?}");
        // Rule 2.
        for time in [now, now + 1_000_000_000, 0] {
            let got = pair.flow.poll(tick(time));
            assert!(matches!(got, Action::Done), "{got:?}");
            pair.flow.abandon(tick(time));
            pair.flow.cancel();
            assert!(pair.flow.save(tick(time), std::time::UNIX_EPOCH).is_none());
            assert_eq!(pair.flow.outcome(), Some(outcome.as_ref()), "terminal is sticky");
        }
    }
}
