//! How often a device may poll (RFC 8628 §3.5).

use core::time::Duration;

use crate::{DeviceState, Moment, SlowDown};

/// What each `slow_down` adds to the interval, for this and all later polls.
const STEP: Duration = Duration::from_secs(5);

/// Whether a pending device polled too early, and its state after the poll.
///
/// The gap is measured from the latest poll, early or not, because the client's duty is to wait *between* polls. The
/// first poll is never early. Where the clock has stepped back the gap is not known, and the device gets the benefit.
pub(crate) fn polled(mut state: DeviceState, mode: SlowDown, now: Moment) -> (bool, DeviceState) {
    let early = state.last_poll.is_some_and(|last| now >= last && now.since(last) < state.interval);
    state.last_poll = Some(now);
    state.polls = state.polls.saturating_add(1);
    let too_early = match mode {
        SlowDown::Off => false,
        SlowDown::Always | SlowDown::Strict => early,
        SlowDown::Grace if early && !state.grace_used => {
            state.grace_used = true;
            false
        }
        SlowDown::Grace => early,
    };
    if too_early {
        state.interval = state.interval.saturating_add(STEP);
    }
    (too_early, state)
}
