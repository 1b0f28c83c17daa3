//! The reference: a device sign-in by RFC 8628 and the crate's documentation, written as plainly as possible.
//!
//! It shares nothing with the machine's code. Time is in milliseconds, the whole state is one flat struct,
//! and each rule is an `if` with its source.

/// The requests of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Ask {
    Register,
    Authorize,
    Token,
}

/// The device's next action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Send(Ask),
    Prompt { replaces_earlier: bool },
    Wait(u64),
    Await,
    Done,
}

/// The result of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Heard {
    /// A success. Only the codes' contents matter.
    Success {
        interval: Option<u64>,
        life: u64,
    },
    Fault(Code, Option<u64>),
    /// A response without a verdict: its status and `Retry-After`.
    Indeterminate(u16, Option<u64>),
    InvalidResponse,
    NotSent,
    ProxyRefused,
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Code {
    Pending,
    SlowDown,
    Denied,
    Expired,
    InvalidGrant,
    InvalidClient,
    UnauthorizedClient,
    /// `server_error`, with a 500.
    ServerError,
    /// Throttled, with a 429: refused before any work.
    Throttled,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    Granted { asked_at: u64 },
    Denied,
    ExpiredByService,
    ExpiredByClock,
    Rejected(Ask),
    Cancelled,
    LostByService,
    LostByClock,
    Unreachable(Ask),
    Refused(Ask),
    Broken(Ask),
    UnsupportedOperation(Ask),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Register,
    Authorize,
    Show,
    Poll,
    Over(End),
}

/// The program's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Settings {
    /// Whether there is a cached registration.
    pub(crate) cached: bool,
    /// Whether the first poll is sent at once.
    pub(crate) eager: bool,
    /// The operation that the service lacks.
    pub(crate) missing: Option<Ask>,
    pub(crate) retry_window: u64,
    pub(crate) max_backoff: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Model {
    settings: Settings,
    /// The latest time seen.
    pub(crate) now: u64,
    pub(crate) step: Step,
    /// The request in flight, and its time.
    pub(crate) under_way: Option<(Ask, u64)>,
    /// The registration is a cached one, which may be replaced once.
    pub(crate) replaceable: bool,
    pub(crate) registered: bool,
    pub(crate) due: u64,
    /// Before there are codes: the end of the retry window.
    give_up: u64,
    pub(crate) deadline: u64,
    /// The least time between two requests of this kind.
    pub(crate) floor: u64,
    /// The interval that came with the codes, and their life.
    pub(crate) announced: u64,
    pub(crate) life: u64,
    /// The number of `slow_down`s in a row.
    slow_downs: u32,
    /// The number of responses in a row without an endpoint.
    missing: u32,
    /// The number of responses in a row without a verdict.
    errors: u32,
    pub(crate) error: bool,
    /// A reply was lost that may have been the token.
    pub(crate) maybe_spent: bool,
    pub(crate) heard: bool,
    prompted: bool,
    /// The time before which no poll may be sent, because of earlier, void codes.
    earlier_floor: u64,
}

impl Model {
    pub(crate) fn new(settings: Settings, now: u64) -> Self {
        Self {
            settings,
            now,
            step: if settings.cached { Step::Authorize } else { Step::Register },
            under_way: None,
            replaceable: settings.cached,
            registered: settings.cached,
            due: now,
            give_up: now + settings.retry_window,
            deadline: 0,
            floor: 0,
            announced: 0,
            life: 0,
            slow_downs: 0,
            missing: 0,
            errors: 0,
            error: false,
            maybe_spent: false,
            heard: false,
            prompted: false,
            earlier_floor: 0,
        }
    }

    pub(crate) fn see(&mut self, now: u64) {
        // A time that goes backwards is read as the latest seen.
        self.now = self.now.max(now);
    }

    pub(crate) fn has_codes(&self) -> bool {
        matches!(self.step, Step::Show | Step::Poll)
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.step, Step::Over(_))
    }

    pub(crate) fn poll(&mut self, now: u64) -> Said {
        self.see(now);
        if self.under_way.is_some() {
            return Said::Await;
        }
        // Nothing is sent at or after the deadline, and no expired code is shown.
        if self.has_codes() && self.now >= self.deadline {
            self.step = Step::Over(if self.error && !self.heard {
                End::Unreachable(Ask::Token)
            } else if self.maybe_spent {
                End::LostByClock
            } else {
                End::ExpiredByClock
            });
        }
        let ask = match self.step {
            Step::Over(_) => return Said::Done,
            Step::Show => {
                self.step = Step::Poll;
                let replaces_earlier = self.prompted;
                self.prompted = true;
                return Said::Prompt { replaces_earlier };
            }
            Step::Register => Ask::Register,
            Step::Authorize => Ask::Authorize,
            Step::Poll => Ask::Token,
        };
        if self.now < self.due {
            return Said::Wait(if ask == Ask::Token { self.due.min(self.deadline) } else { self.due });
        }
        // Without device authorization there is nothing to register for.
        let missing = self.settings.missing.filter(|missing| *missing == ask || *missing == Ask::Authorize);
        if let Some(missing) = missing.filter(|_| ask != Ask::Token) {
            self.step = Step::Over(End::UnsupportedOperation(missing));
            return Said::Done;
        }
        self.under_way = Some((ask, self.now));
        Said::Send(ask)
    }

    pub(crate) fn cancel(&mut self) {
        self.under_way = None;
        if !self.is_over() {
            self.step = Step::Over(End::Cancelled);
        }
    }

    pub(crate) fn abandon(&mut self, now: u64) {
        if self.under_way.is_some() {
            self.hear(now, Heard::Lost);
        }
    }

    /// Handles the result of the request in flight.
    pub(crate) fn hear(&mut self, now: u64, heard: Heard) {
        let (ask, asked_at) = self.under_way.take().expect("something was asked");
        self.see(now);
        match heard {
            Heard::Success { interval, life } => self.succeed(ask, asked_at, interval, life),
            Heard::InvalidResponse => self.step = Step::Over(End::Broken(ask)),
            // A proxy's refusal ends only the setup. During the polls a person may log in to the proxy.
            Heard::ProxyRefused if ask != Ask::Token => self.step = Step::Over(End::Unreachable(ask)),
            Heard::NotSent | Heard::ProxyRefused => self.fail(ask, None, false, false),
            Heard::Lost => self.fail(ask, None, true, false),
            Heard::Indeterminate(status, after) => self.puzzle(ask, status, after),
            Heard::Fault(Code::ServerError, after) => self.fail(ask, after, true, false),
            Heard::Fault(Code::Throttled, after) => self.fail(ask, after, false, false),
            Heard::Fault(code, after) => self.refuse(ask, code, after.unwrap_or(0)),
        }
    }

    /// Handles a response without a verdict.
    fn puzzle(&mut self, ask: Ask, status: u16, retry_after: Option<u64>) {
        // A response with `Retry-After` is not final, and these four statuses never are.
        let may_pass = retry_after.is_some() || [408, 421, 425, 429].contains(&status);
        let is_final = !may_pass && (status == 501 || (300..500).contains(&status));
        let is_missing = is_final && [404, 405, 410, 501].contains(&status);
        let is_enough = is_missing && self.missing == 2 && !self.maybe_spent;
        if is_final && (ask != Ask::Token || is_enough) {
            self.step = Step::Over(End::Refused(ask));
        } else {
            // A gateway's 5xx and an unreadable success may hide a grant.
            let may_have_acted = status >= 500 && status != 501 || status / 100 == 2;
            self.fail(ask, retry_after, may_have_acted, is_missing);
        }
    }

    fn succeed(&mut self, ask: Ask, asked_at: u64, interval: Option<u64>, life: u64) {
        match ask {
            Ask::Register => {
                self.registered = true;
                self.step = Step::Authorize;
                self.begin(0);
            }
            Ask::Authorize => {
                self.step = Step::Show;
                // RFC 8628 §3.2: five seconds by default, and never under one.
                self.begin(interval.unwrap_or(5_000).max(1_000));
                self.deadline = self.now + life;
                self.due = if self.settings.eager { self.now } else { self.now + self.floor };
                self.due = self.due.max(self.earlier_floor);
                (self.announced, self.life) = (self.floor, life);
                // One poll is sent, however long the interval is.
                if self.due >= self.deadline {
                    self.due = self.last_moment();
                }
            }
            Ask::Token => self.step = Step::Over(End::Granted { asked_at }),
        }
    }

    /// Starts a new kind of request.
    fn begin(&mut self, floor: u64) {
        self.due = self.now;
        self.give_up = self.now + self.settings.retry_window;
        self.floor = floor;
        self.slow_downs = 0;
        self.missing = 0;
        self.errors = 0;
        self.error = false;
        self.maybe_spent = false;
        self.heard = false;
    }

    fn refuse(&mut self, ask: Ask, code: Code, retry_after: u64) {
        let client_rejected = matches!(code, Code::InvalidClient | Code::UnauthorizedClient);
        if code == Code::SlowDown {
            // RFC 8628 §3.5: five seconds more, for this and all later requests. From the second in a row a
            // tenth more, because the service measures with another clock.
            self.floor += 5_000;
            self.floor += if self.slow_downs == 0 { 0 } else { (self.floor / 1_000).div_ceil(10) * 1_000 };
            self.slow_downs += 1;
            self.missing = 0;
            self.errors = 0;
            self.due = self.now + self.floor.max(retry_after);
            self.heard = true;
            // It leaves the approval unknown.
            self.error = true;
            self.end_with_a_poll(ask);
            self.check_retry_window(ask);
        } else if ask == Ask::Token && code == Code::Pending {
            self.errors = 0;
            self.slow_downs = 0;
            self.missing = 0;
            self.error = false;
            self.heard = true;
            self.maybe_spent = false;
            self.due = self.now + self.floor.max(retry_after);
            self.end_with_a_poll(ask);
        } else if ask == Ask::Token && code == Code::Denied {
            self.step = Step::Over(End::Denied);
        } else if ask == Ask::Token && self.maybe_spent && matches!(code, Code::Expired | Code::InvalidGrant)
        {
            self.step = Step::Over(End::LostByService);
        } else if ask == Ask::Token && code == Code::Expired {
            self.step = Step::Over(End::ExpiredByService);
        } else if ask != Ask::Register && client_rejected {
            self.registered = false;
            if self.replaceable && self.settings.missing != Some(Ask::Register) {
                self.replaceable = false;
                self.earlier_floor =
                    if ask == Ask::Token { self.now + self.floor.max(retry_after) } else { self.now };
                self.step = Step::Register;
                self.begin(0);
            } else {
                self.step = Step::Over(End::Rejected(ask));
            }
        } else {
            self.step = Step::Over(End::Rejected(ask));
        }
    }

    /// Retries without a verdict: more slowly each time (RFC 8628 §3.5), and never faster than the floor.
    fn fail(&mut self, ask: Ask, retry_after: Option<u64>, may_have_acted: bool, is_missing: bool) {
        let mut backoff = if self.floor == 0 { 1_000 } else { 2 * self.floor };
        for _ in 0..self.errors.min(30) {
            backoff = (2 * backoff).min(self.settings.max_backoff);
        }
        let backoff = backoff.min(self.settings.max_backoff);
        self.errors += 1;
        self.missing = if is_missing { self.missing + 1 } else { 0 };
        self.error = true;
        self.maybe_spent |= may_have_acted && ask == Ask::Token;
        self.due = self.now + backoff.max(self.floor).max(retry_after.unwrap_or(0));
        self.end_with_a_poll(ask);
        self.check_retry_window(ask);
    }

    /// Returns the time of the last poll: early enough for a response.
    fn last_moment(&self) -> u64 {
        self.deadline - (self.life / 4).min(2_000)
    }

    /// Moves a poll that would be too late to the last moment, unless that is sooner than the announced
    /// interval.
    fn end_with_a_poll(&mut self, ask: Ask) {
        let is_late = ask == Ask::Token && self.due >= self.deadline;
        if is_late && self.last_moment() >= self.now + self.announced {
            self.due = self.last_moment();
        }
    }

    fn check_retry_window(&mut self, ask: Ask) {
        if ask != Ask::Token && self.due > self.give_up {
            self.step = Step::Over(End::Unreachable(ask));
        }
    }

    /// Resumes in another process after `away`, where the time is `now`.
    pub(crate) fn restart(&mut self, now: u64, away: u64) {
        let (then, retry_window) = (self.now, self.settings.retry_window);
        let shift = |time: &mut u64| *time = now + time.saturating_sub(then).saturating_sub(away);
        shift(&mut self.due);
        shift(&mut self.give_up);
        shift(&mut self.deadline);
        shift(&mut self.earlier_floor);
        self.give_up = self.give_up.min(now + retry_window);
        self.now = now;
        self.abandon(now);
    }

    /// Returns the same state with another origin of time and without irrelevant fields, so that states with
    /// the same future are equal.
    #[allow(dead_code, reason = "the explorer's part; the property test has no use for it")]
    pub(crate) fn rebased(mut self, now: u64) -> Self {
        let then = self.now;
        let shift = |time: &mut u64| *time = now + time.saturating_sub(then);
        shift(&mut self.due);
        shift(&mut self.give_up);
        shift(&mut self.deadline);
        shift(&mut self.earlier_floor);
        if let Some((_, asked_at)) = &mut self.under_way {
            *asked_at = now.saturating_sub(then - *asked_at);
        }
        if let Step::Over(End::Granted { asked_at }) = &mut self.step {
            *asked_at = now.saturating_sub(then - *asked_at);
        }
        self.now = now;
        self
    }
}
