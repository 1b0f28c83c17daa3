//! Checks one client against the rules of `device-flow` from outside. Its times are those of the client's
//! clock.

use device_flow::{Operation, Reply};

use crate::faults::SECOND;

/// The observations of a client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observer {
    /// The latest reading of its clock. An earlier reading counts as this.
    latest: u64,
    /// The minimum time between two polls, by the service's responses.
    floor: u64,
    /// The interval in the authorization response.
    announced: u64,
    /// The lifetime of the code.
    life: u64,
    last_poll: Option<u64>,
    /// The earliest time for the next poll.
    not_before: u64,
    /// The expiry of its code.
    deadline: Option<u64>,
    in_flight: bool,
    over: bool,
    pub(crate) polls: u32,
    pub(crate) slow_downs: u32,
    /// The number of polls with an unknown fate.
    pub(crate) doubtful: u32,
}

/// The default interval of RFC 8628 §3.2 and of the documentation.
const DEFAULT_INTERVAL: u64 = 5 * SECOND;
/// The increase after each `slow_down` (RFC 8628 §3.5).
const STEP: u64 = 5 * SECOND;
/// The time before the code's expiry in which the last poll may come early.
const LAST_POLL_LEAD: u64 = 2 * SECOND;

impl Observer {
    /// Notes a reading of the clock.
    pub(crate) fn see(&mut self, shown: u64) {
        self.latest = self.latest.max(shown);
    }

    pub(crate) const fn latest(&self) -> u64 {
        self.latest
    }

    /// Checks a request of the client.
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

    /// Checks a wait of the client.
    pub(crate) fn waits(&self, until: u64) -> Result<(), String> {
        if until <= self.latest {
            return Err("a wait that is over already".to_owned());
        }
        if self.deadline.is_some_and(|deadline| until > deadline) {
            return Err("a wait beyond the code's end".to_owned());
        }
        Ok(())
    }

    /// Notes a response, or a failure.
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
                    // The service failed, and may have acted.
                    _ if fault.is_transient() => self.doubtful += 1,
                    // The client may register again if the service no longer knows it. Its code is void, but
                    // the sign-in goes on.
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

    /// Notes the cancellation of the sign-in.
    pub(crate) const fn ends(&mut self) {
        self.in_flight = false;
        self.over = true;
    }

    /// Returns whether the code has expired by the client's clock.
    pub(crate) fn is_past_deadline(&self) -> bool {
        self.deadline.is_some_and(|deadline| self.latest >= deadline)
    }

    /// Returns whether a poll now is the last one before the expiry. It keeps the announced interval, not a
    /// longer one.
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
