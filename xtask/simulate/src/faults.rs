//! How bad the world is: three levels, each a row of numbers, and the kinds of faults that they are made of.

use crate::rng::Rng;

/// How bad the world is. Chances are in ten thousand, times in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    pub(crate) name: &'static str,
    /// One way, usually.
    delay: (u64, u64),
    /// A message that takes its time: how often, and how long at most. Above the client's patience it comes too late;
    /// what was sent later overtakes it.
    slow: (u32, u64),
    /// A request that never arrives.
    pub(crate) lost_request: u32,
    /// An answer that never arrives, although the server has acted.
    pub(crate) lost_reply: u32,
    /// A request that arrives twice.
    pub(crate) twice: u32,
    /// A connection that is not made.
    pub(crate) refused: u32,
    /// A gateway's error page in place of the answer, although the server has acted.
    pub(crate) gateway: u32,
    /// A client whose clock jumps during the sign-in, either way.
    pub(crate) jumps: u32,
    /// How far a clock drifts at most, in parts in a million.
    pub(crate) drift: i64,
    /// A device whose code is stolen and presented by another client.
    pub(crate) thefts: u32,
    /// A sign-in that is given up.
    pub(crate) cancels: u32,
    /// A person who mistypes the code first.
    pub(crate) typos: u32,
    /// Between two restarts of the server, every second of which forgets everything; never if 0.
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
    /// How long one message takes.
    pub(crate) fn delay(&self, rng: &mut Rng) -> u64 {
        if rng.chance(self.slow.0) {
            return rng.between(self.delay.1, self.slow.1.max(self.delay.1 + 1));
        }
        rng.between(self.delay.0, self.delay.1)
    }
}

/// A kind of faults that can be left out.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) leave_out: fn(&mut Faults),
}

/// Every kind. Where one is left out chance is asked all the same, so that the others stay mostly what they were.
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
