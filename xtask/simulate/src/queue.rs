//! What is going to happen, in the order of virtual time; what happens at the same time keeps the order in which it was
//! planned.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::server::{Answered, Asked};

/// One thing that is going to happen to a device.
pub(crate) enum Event {
    /// A device appears and wants to sign in.
    Arrive,
    /// The client's timer. An old one is harmless: waking early is.
    Wake,
    /// A copy of a request reaches the server.
    AtServer(Box<InFlight>),
    /// The answer to the request of this number reaches the client.
    AtClient(u32, Box<Answered>),
    /// The client gives this request up: what became of it is unknown.
    TimedOut(u32),
    /// No connection was made for this request, so nothing was sent.
    Refused(u32),
    /// The person acts on the prompt of this number.
    Person(u32),
    /// A thief presents the device's code.
    Theft,
    /// The person who started the sign-in gives up.
    Cancel,
    /// The client's clock jumps by so many microseconds.
    ClockJump(i64),
    /// Nothing can reach this device any more.
    Forget,
    /// The server restarts, and has forgotten everything or nothing.
    Restart { forgets: bool },
}

/// A copy of a request on its way.
pub(crate) struct InFlight {
    pub(crate) number: u32,
    pub(crate) sent: u64,
    /// A second copy, which some box on the way made. No client waits for its answer.
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
