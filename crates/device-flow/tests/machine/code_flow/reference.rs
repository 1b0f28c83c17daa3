//! The code flow as RFC 6749 §4.1 and this project's rules describe it. It shares no code with the machine. Times
//! are whole seconds.

/// What a service or a policy lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lack {
    Nothing,
    Registration,
    Page,
    StartUrl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Settings {
    pub(crate) lack: Lack,
    pub(crate) cached: bool,
    pub(crate) retry_window: u64,
    pub(crate) redirect_timeout: u64,
}

/// A request at the redirect URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    OtherPath,
    NoResponse,
    OtherState,
    Code,
    Denied,
    Error,
    OtherIssuer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Heard {
    Success,
    SlowDown,
    ServerError,
    Pending,
    Denied,
    Expired,
    InvalidGrant,
    InvalidClient,
    Other,
    BadGateway,
    NotFound,
    Broken,
    NotSent,
    ProxyRefused,
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    Granted,
    Denied,
    AuthorizationFailed,
    WrongIssuer,
    NoRedirect,
    Expired,
    Rejected,
    Refused,
    Unreachable,
    InvalidResponse,
    GrantLost,
    UnsupportedOperation,
    NoAuthorizationEndpoint,
    NoStartUrl,
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Register,
    Prompt,
    Listen,
    Redeem,
    Over(End),
}

/// What the flow does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Said {
    Send,
    Prompt { replaces_earlier: bool },
    Wait(u64),
    Await,
    Done,
}

/// What the flow says of a request at the redirect URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Accepted,
    NotFound,
    Unrelated,
    Late,
}

/// The model. Its times count from now, so that equal situations at different times are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Model {
    settings: Settings,
    pub(crate) step: Step,
    pub(crate) in_flight: bool,
    /// The seconds until the next request, the end of the retry window, and the end of the person's time.
    due: i64,
    give_up: i64,
    deadline: i64,
    replaceable: bool,
    prompted: bool,
    maybe_spent: bool,
    floor: i64,
    slow_downs: i64,
    errors: u32,
    pub(crate) error: bool,
}

impl Model {
    pub(crate) fn new(settings: Settings) -> Self {
        let mut model = Self {
            settings,
            step: if settings.cached { Step::Prompt } else { Step::Register },
            in_flight: false,
            due: 0,
            give_up: 0,
            deadline: 0,
            replaceable: settings.cached && settings.lack != Lack::Registration,
            prompted: false,
            maybe_spent: false,
            floor: 0,
            slow_downs: 0,
            errors: 0,
            error: false,
        };
        model.begin_requests();
        model
    }

    /// Starts a kind of request: due at once, with its own retry window.
    fn begin_requests(&mut self) {
        self.due = 0;
        self.give_up = i64::try_from(self.settings.retry_window).unwrap();
        (self.floor, self.slow_downs, self.errors, self.error) = (0, 0, 0, false);
        self.maybe_spent = false;
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        let seconds = i64::try_from(seconds).unwrap();
        // What lies in the past does not matter any more.
        self.due = (self.due - seconds).max(-1);
        self.give_up -= seconds;
        self.deadline = (self.deadline - seconds).max(-1);
        if !matches!(self.step, Step::Register | Step::Redeem) {
            self.give_up = 0;
        }
    }

    pub(crate) fn poll(&mut self) -> Said {
        if self.in_flight {
            return Said::Await;
        }
        match self.step {
            Step::Over(_) => Said::Done,
            Step::Register | Step::Redeem if self.due > 0 => Said::Wait(self.due.unsigned_abs()),
            Step::Listen if self.deadline > 0 => Said::Wait(self.deadline.unsigned_abs()),
            Step::Listen => self.end(End::NoRedirect),
            Step::Register | Step::Prompt if self.settings.lack == Lack::Page => {
                self.end(End::NoAuthorizationEndpoint)
            }
            Step::Register | Step::Prompt if self.settings.lack == Lack::StartUrl => {
                self.end(End::NoStartUrl)
            }
            Step::Register if self.settings.lack == Lack::Registration => self.end(End::UnsupportedOperation),
            Step::Prompt => {
                let replaces_earlier = self.prompted;
                self.prompted = true;
                self.step = Step::Listen;
                self.deadline = i64::try_from(self.settings.redirect_timeout).unwrap();
                self.due = 0;
                Said::Prompt { replaces_earlier }
            }
            Step::Register | Step::Redeem => {
                self.in_flight = true;
                Said::Send
            }
        }
    }

    const fn end(&mut self, end: End) -> Said {
        self.step = Step::Over(end);
        self.in_flight = false;
        Said::Done
    }

    pub(crate) fn callback(&mut self, target: Target) -> Verdict {
        match target {
            Target::OtherPath => return Verdict::NotFound,
            _ if self.step != Step::Listen => return Verdict::Late,
            Target::NoResponse | Target::OtherState => return Verdict::Unrelated,
            Target::Code => {
                self.step = Step::Redeem;
                self.deadline = 0;
                self.begin_requests();
            }
            Target::Denied => _ = self.end(End::Denied),
            Target::Error => _ = self.end(End::AuthorizationFailed),
            Target::OtherIssuer => _ = self.end(End::WrongIssuer),
        }
        Verdict::Accepted
    }

    pub(crate) fn hear(&mut self, heard: Heard) {
        self.in_flight = false;
        let redeems = self.step == Step::Redeem;
        match heard {
            Heard::Success if redeems => _ = self.end(End::Granted),
            Heard::Success => {
                self.step = Step::Prompt;
                self.begin_requests();
                self.give_up = 0;
            }
            Heard::SlowDown => {
                // RFC 8628 §3.5, which AWS's fault for this operation comes from.
                let grown = self.floor + 5;
                let grown = grown + if self.slow_downs == 0 { 0 } else { (grown + 9) / 10 };
                self.retry(grown, false);
                (self.floor, self.slow_downs, self.errors) = (grown, self.slow_downs + 1, 0);
            }
            Heard::NotFound if !self.maybe_spent => _ = self.end(End::Refused),
            Heard::ServerError | Heard::BadGateway | Heard::NotSent | Heard::Lost | Heard::NotFound => {
                let first = if self.floor == 0 { 1 } else { 2 * self.floor };
                let wait = (first << self.errors).min(30).max(self.floor);
                self.retry(wait, heard != Heard::NotSent);
                self.errors += 1;
            }
            Heard::Expired | Heard::InvalidGrant if redeems && self.maybe_spent => {
                _ = self.end(End::GrantLost)
            }
            Heard::Expired if redeems => _ = self.end(End::Expired),
            Heard::Denied if redeems => _ = self.end(End::Denied),
            Heard::InvalidClient if redeems && self.replaceable => {
                self.step = Step::Register;
                self.replaceable = false;
                self.begin_requests();
            }
            Heard::Pending
            | Heard::Denied
            | Heard::Expired
            | Heard::InvalidGrant
            | Heard::InvalidClient
            | Heard::Other => {
                _ = self.end(End::Rejected);
            }
            Heard::Broken => _ = self.end(End::InvalidResponse),
            Heard::ProxyRefused => _ = self.end(End::Unreachable),
        }
    }

    fn retry(&mut self, wait: i64, may_have_acted: bool) {
        if wait > self.give_up {
            self.end(End::Unreachable);
        }
        self.due = wait;
        self.error = true;
        self.maybe_spent |= may_have_acted && self.step == Step::Redeem;
    }

    pub(crate) fn cancel(&mut self) {
        if !matches!(self.step, Step::Over(_)) {
            self.end(End::Cancelled);
        }
        self.in_flight = false;
    }
}
