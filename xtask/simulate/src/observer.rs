//! Watches one client from outside, and holds it to the rules of `device-flow` without looking into it. Its times are
//! those of the client's own clock.

use device_flow::{Operation, Reply};

use crate::faults::SECOND;

/// What was seen of a client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observer {
    /// The latest that its clock has shown: a clock that is put back is read as this.
    latest: u64,
    /// The least time between two polls, as far as the service has said.
    floor: u64,
    /// The interval that the code came with.
    announced: u64,
    /// How long the code lives.
    life: u64,
    last_poll: Option<u64>,
    /// No poll before this.
    not_before: u64,
    /// When the code that it has dies.
    deadline: Option<u64>,
    in_flight: bool,
    over: bool,
    pub(crate) polls: u32,
    pub(crate) slow_downs: u32,
    /// Answers to polls that it could not know to be lost or not.
    pub(crate) doubtful: u32,
}

/// What the standard and the documentation give as the interval when there is none (RFC 8628 §3.2).
const DEFAULT_INTERVAL: u64 = 5 * SECOND;
/// What each `slow_down` adds (RFC 8628 §3.5).
const STEP: u64 = 5 * SECOND;
/// How long before the code's end the last poll may come although the floor has not passed.
const LAST_POLL_LEAD: u64 = 2 * SECOND;

impl Observer {
    /// The clock shows this.
    pub(crate) fn see(&mut self, shown: u64) {
        self.latest = self.latest.max(shown);
    }

    pub(crate) const fn latest(&self) -> u64 {
        self.latest
    }

    /// The client sends a request.
    pub(crate) fn sends(&mut self, operation: Operation) -> Result<(), String> {
        if self.in_flight {
            return Err("a second request while one is under way".to_owned());
        }
        if self.over {
            return Err(format!("{operation} after the end"));
        }
        self.in_flight = true;
        if operation != Operation::CreateToken {
            return Ok(());
        }
        let early = self.not_before.saturating_sub(self.latest);
        if early > 0 && !self.is_last_poll() {
            return Err(format!("a poll {early} µs before the floor of {} µs has passed", self.floor));
        }
        match self.deadline {
            None => return Err("a poll without a code".to_owned()),
            Some(deadline) if self.latest >= deadline => {
                return Err(format!("a poll {} µs after the code's end", self.latest - deadline));
            }
            Some(_) => {}
        }
        self.polls += 1;
        self.last_poll = Some(self.latest);
        self.hold_floor();
        Ok(())
    }

    /// The client waits until then.
    pub(crate) fn waits(&self, until: u64) -> Result<(), String> {
        if until <= self.latest {
            return Err("a wait that is over already".to_owned());
        }
        if self.deadline.is_some_and(|deadline| until > deadline) {
            return Err("a wait beyond the code's end".to_owned());
        }
        Ok(())
    }

    /// The client hears an answer, or that there is none.
    pub(crate) fn hears(&mut self, operation: Operation, reply: &Reply) {
        self.in_flight = false;
        match reply {
            Reply::Authorized(codes) => {
                let interval =
                    codes.interval.map_or(DEFAULT_INTERVAL, |interval| interval.as_micros() as u64);
                self.floor = interval.max(SECOND);
                self.announced = self.floor;
                self.life = codes.expires_in.as_micros() as u64;
                self.deadline = Some(self.latest + self.life);
                self.hold_floor();
            }
            Reply::Granted(_) => self.over = true,
            Reply::Fault(fault) if operation == Operation::CreateToken => {
                use oidc_proto::FaultCode::{AuthorizationPending, InvalidClient, SlowDown};
                match fault.code {
                    SlowDown => {
                        self.floor += STEP;
                        self.slow_downs += 1;
                        self.hold_floor();
                    }
                    AuthorizationPending => {}
                    // A client that is no longer known may register anew: the code is void, and that is no end.
                    InvalidClient => self.deadline = None,
                    _ => self.over = true,
                }
            }
            Reply::Indeterminate(page) if operation == Operation::CreateToken => {
                self.doubtful += 1;
                let asked = page.retry_after.map_or(0, |wait| wait.as_micros() as u64);
                self.not_before = self.not_before.max(self.latest + asked);
            }
            Reply::Failed(device_flow::Failure::Unknown) if operation == Operation::CreateToken => {
                self.doubtful += 1;
            }
            _ => {}
        }
    }

    /// The sign-in was given up.
    pub(crate) const fn ends(&mut self) {
        self.in_flight = false;
        self.over = true;
    }

    /// Whether the code has died by the client's clock.
    pub(crate) fn is_past_deadline(&self) -> bool {
        self.deadline.is_some_and(|deadline| self.latest >= deadline)
    }

    /// Whether a poll now is the last one before the code's end, which keeps the announced interval and no longer one.
    fn is_last_poll(&self) -> bool {
        let lead = LAST_POLL_LEAD.min(self.life / 4);
        self.deadline.is_some_and(|deadline| self.latest + lead >= deadline)
            && self.last_poll.is_none_or(|last| self.latest >= last + self.announced)
    }

    fn hold_floor(&mut self) {
        if let Some(last) = self.last_poll {
            self.not_before = self.not_before.max(last + self.floor);
        }
    }
}
