//! The model of a device code.

use core::time::Duration;

use device_flow::Tick;
use oidc_proto::Request;

use crate::script::Success;

/// The default interval (RFC 8628 §3.2), and the minimum of this client.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
const LEAST_INTERVAL: Duration = Duration::from_secs(1);
/// The increase of the interval by `slow_down` (RFC 8628 §3.5).
const SLOW_DOWN: Duration = Duration::from_secs(5);

/// The model of a device code.
pub(crate) struct Session {
    pub(crate) deadline: Tick,
    /// The service's interval, with the increases by `slow_down`.
    pub(crate) floor: Duration,
    /// The interval and the lifetime from the response.
    pub(crate) announced: Duration,
    pub(crate) life: Duration,
    /// The `slow_down`s since the last other verdict, and the polls in a row that found no endpoint.
    pub(crate) slow_downs: u32,
    pub(crate) missing: u32,
    /// The time from which the last poll may ignore the interval; any time before the first response.
    pub(crate) last_from: Tick,
    /// The earliest time for CreateToken.
    pub(crate) earliest: Tick,
    /// Whether a lost response may have had the token.
    pub(crate) may_be_spent: bool,
    pub(crate) prompted: bool,
    /// The request of the first poll, which every later poll must share.
    pub(crate) request: Option<Request>,
}

impl Session {
    /// Creates the model when the codes arrive.
    pub(crate) fn new(now: Tick, codes: &Success, first_poll_at_once: bool, not_before: Tick) -> Self {
        let floor = codes.interval().unwrap_or(DEFAULT_INTERVAL).max(LEAST_INTERVAL);
        let earliest = if first_poll_at_once { now } else { now + floor };
        Self {
            deadline: now + codes.life(),
            floor,
            announced: floor,
            life: codes.life(),
            slow_downs: 0,
            missing: 0,
            last_from: Tick::ZERO,
            earliest: earliest.max(not_before),
            may_be_spent: false,
            prompted: false,
            request: None,
        }
    }

    /// Records a response after which polling goes on.
    pub(crate) fn answered(&mut self, now: Tick, kind: u8, argument: u64) {
        match kind {
            b'k' => (self.may_be_spent, self.slow_downs) = (false, 0),
            b's' => {
                self.floor += SLOW_DOWN;
                let share = if self.slow_downs == 0 { 0 } else { self.floor.as_secs().div_ceil(10) };
                self.floor += Duration::from_secs(share);
                self.slow_downs += 1;
            }
            // After a gateway's error, a lost success or a lost connection, the service may have acted.
            b'5' | b'h' | b'0' | b'l' => self.may_be_spent = true,
            _ => {}
        }
        let asked = if kind == b't' { Duration::from_secs(argument) } else { Duration::ZERO };
        self.missing = if kind == b'4' { self.missing + 1 } else { 0 };
        self.earliest = now + self.floor.max(asked);
        self.last_from = now + self.announced;
    }
}
