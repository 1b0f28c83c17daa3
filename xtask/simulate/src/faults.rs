//! The three levels of faults, each a row of numbers, and the kinds of faults.

use crate::rng::Rng;

/// The faults of a level. Chances are in ten thousand, times in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    pub(crate) name: &'static str,
    /// The usual delay of a message, one way.
    delay: (u64, u64),
    /// The chance of a slow message, and its longest delay. Beyond the client's timeout it comes too late,
    /// and later messages overtake it.
    slow: (u32, u64),
    /// A request that never arrives.
    pub(crate) lost_request: u32,
    /// A response that never arrives, although the server has acted.
    pub(crate) lost_reply: u32,
    /// A request that arrives twice.
    pub(crate) twice: u32,
    /// A refused connection.
    pub(crate) refused: u32,
    /// A gateway's error page instead of the response, although the server has acted.
    pub(crate) gateway: u32,
    /// A client whose clock jumps during the sign-in, forwards or backwards.
    pub(crate) jumps: u32,
    /// The highest drift of a clock, in parts per million.
    pub(crate) drift: i64,
    /// A device whose code is stolen and presented by another client.
    pub(crate) thefts: u32,
    /// A cancelled sign-in.
    pub(crate) cancels: u32,
    /// A person who mistypes the code first.
    pub(crate) typos: u32,
    /// The time between two restarts of the server; never if 0. Every second restart loses all records.
    pub(crate) restart_every: u64,
}

pub(crate) const SECOND: u64 = 1_000_000;
const MILLI: u64 = 1_000;

pub(crate) const LEVELS: [Faults; 3] = [
    Faults {
        name: "none",
        delay: (20 * MILLI, 20 * MILLI + 1),
        slow: (0, 0),
        lost_request: 0,
        lost_reply: 0,
        twice: 0,
        refused: 0,
        gateway: 0,
        jumps: 0,
        drift: 0,
        thefts: 0,
        cancels: 0,
        typos: 0,
        restart_every: 0,
    },
    Faults {
        name: "normal",
        delay: (10 * MILLI, 300 * MILLI),
        slow: (100, 3 * SECOND),
        lost_request: 50,
        lost_reply: 50,
        twice: 20,
        refused: 20,
        gateway: 20,
        jumps: 100,
        drift: 100,
        thefts: 50,
        cancels: 100,
        typos: 300,
        restart_every: 3 * 3600 * SECOND,
    },
    Faults {
        name: "harsh",
        delay: (10 * MILLI, SECOND),
        slow: (500, 25 * SECOND),
        lost_request: 500,
        lost_reply: 500,
        twice: 300,
        refused: 300,
        gateway: 200,
        jumps: 2000,
        drift: 500,
        thefts: 1000,
        cancels: 200,
        typos: 1000,
        restart_every: 1200 * SECOND,
    },
];

impl Faults {
    /// Returns the delay of one message.
    pub(crate) fn delay(&self, rng: &mut Rng) -> u64 {
        if rng.chance(self.slow.0) {
            return rng.between(self.delay.1, self.slow.1.max(self.delay.1 + 1));
        }
        rng.between(self.delay.0, self.delay.1)
    }
}

/// A kind of faults that a simulation can leave out.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) leave_out: fn(&mut Faults),
}

/// All kinds. A simulation draws the random numbers of excluded kinds too, so the others stay mostly the
/// same.
pub(crate) const KINDS: [Kind; 12] = [
    Kind { name: "slow", leave_out: |faults| faults.slow.0 = 0 },
    Kind { name: "lost-request", leave_out: |faults| faults.lost_request = 0 },
    Kind { name: "lost-reply", leave_out: |faults| faults.lost_reply = 0 },
    Kind { name: "twice", leave_out: |faults| faults.twice = 0 },
    Kind { name: "refused", leave_out: |faults| faults.refused = 0 },
    Kind { name: "gateway", leave_out: |faults| faults.gateway = 0 },
    Kind { name: "jumps", leave_out: |faults| faults.jumps = 0 },
    Kind { name: "drift", leave_out: |faults| faults.drift = 0 },
    Kind { name: "thefts", leave_out: |faults| faults.thefts = 0 },
    Kind { name: "cancels", leave_out: |faults| faults.cancels = 0 },
    Kind { name: "typos", leave_out: |faults| faults.typos = 0 },
    Kind { name: "restarts", leave_out: |faults| faults.restart_every = 0 },
];
