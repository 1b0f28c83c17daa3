//! The pace of the polls (RFC 8628 §3.5).

use core::time::Duration;

use crate::{DeviceState, Moment, SlowDown};

/// The growth of the interval for each `slow_down`.
const STEP: Duration = Duration::from_secs(5);

/// Returns whether a pending device polled too early, and its state after the poll.
///
/// The gap counts from the latest poll, early or not, because a client must wait *between* polls. The first
/// poll is never early. If the clock stepped back, the gap is unknown and the poll is not early.
pub(crate) fn polled(state: &DeviceState, mode: SlowDown, now: Moment) -> (bool, DeviceState) {
    let mut state = state.clone();
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
