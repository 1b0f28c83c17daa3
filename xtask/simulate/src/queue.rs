//! The queue of events in the order of virtual time. Simultaneous events keep the order in which they were
//! planned.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::server::{Answered, Asked};

/// A future event of a device.
pub(crate) enum Event {
    /// The device appears and starts to sign in.
    Arrive,
    /// The client's timer fires. An old timer is harmless, because waking early is.
    Wake,
    /// A copy of a request reaches the server.
    AtServer(Box<InFlight>),
    /// The response to the request of this number reaches the client.
    AtClient(u32, Box<Answered>),
    /// The client's timeout ends the request, whose fate is unknown.
    TimedOut(u32),
    /// The connection for this request is refused, so it is not sent.
    Refused(u32),
    /// The person acts on the prompt of this number.
    Person(u32),
    /// An attacker presents the device's code.
    Theft,
    /// The person cancels the sign-in.
    Cancel,
    /// The client's clock jumps by so many microseconds.
    ClockJump(i64),
    /// Nothing can reach this device any more.
    Forget,
    /// The server restarts, with or without its records.
    Restart { forgets: bool },
}

/// A copy of a request in flight.
pub(crate) struct InFlight {
    pub(crate) number: u32,
    pub(crate) sent: u64,
    /// Whether a network device made this copy. No client waits for its response.
    pub(crate) is_copy: bool,
    pub(crate) asked: Asked,
}

struct Planned {
    at: u64,
    serial: u64,
    device: u32,
    event: Event,
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.serial).cmp(&(other.at, other.serial))
    }
}

#[derive(Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Reverse<Planned>>,
    serial: u64,
}

impl Queue {
    pub(crate) fn plan(&mut self, at: u64, device: u32, event: Event) {
        self.serial += 1;
        self.heap.push(Reverse(Planned { at, serial: self.serial, device, event }));
    }

    pub(crate) fn next(&mut self) -> Option<(u64, u32, Event)> {
        self.heap.pop().map(|Reverse(Planned { at, device, event, .. })| (at, device, event))
    }
}
