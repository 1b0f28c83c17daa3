//! The possible moves: the person's, the clients' and the attacker's, and the relevant steps of time.

use super::search::Explored;
use crate::history::World;
use crate::history::op::{By, Decision, Op, Which};
use crate::history::reference::Rules;

/// The sources of the person's and the attacker's codes.
const PERSON: usize = 0;
const ATTACKER: usize = 1;
const SOURCES: usize = 2;

/// The participants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cast {
    /// Two devices, the person, an attacker who also guesses, and a clock that may step back.
    Full,
    /// One device, the person, an attacker with codes and tokens, and a clock that goes forward.
    Small,
}

impl Cast {
    const fn devices(self) -> usize {
        match self {
            Self::Full => 2,
            Self::Small => 1,
        }
    }
}

/// A history of devices, and its participants.
#[derive(Clone)]
pub(crate) struct Devices {
    world: World,
    cast: Cast,
}

impl Devices {
    pub(crate) fn new(rules: Rules, cast: Cast) -> Self {
        Self { world: World::new(rules, cast.devices(), SOURCES), cast }
    }
}

impl Explored for Devices {
    type Op = Op;

    fn moves(&self) -> Vec<Op> {
        moves(&self.world, self.cast)
    }

    fn play(&mut self, op: Op) -> Result<(), String> {
        self.world.play(op).map(|_| ())
    }

    fn key(&self) -> u128 {
        self.world.reference.key()
    }
}

/// The clock's steps back: just enough to undo the latest boundary, and past all events.
const STEPS_BACK: [i64; 2] = [1, 40_000];

/// Returns every useful move. Impossible moves, such as polls without a code, are omitted. Moves without
/// effect are made, for their response.
fn moves(world: &World, cast: Cast) -> Vec<Op> {
    let told = &world.reference;
    let mut moves = Vec::with_capacity(48);
    for device in 0..told.slots.len() {
        let code = told.code(device, 0).map(|code| &told.codes[code]);
        // A slot requests a new code once the old one is useless, so old codes accumulate for a replay.
        if code
            .is_none_or(|code| code.spent.is_some() || code.decision.is_some() || told.now >= code.expires_at)
        {
            moves.push(Op::Start { device });
        }
        if code.is_some() {
            let by = [By::Owner, By::AnotherClient, By::WrongSecret];
            moves.extend(by.map(|by| Op::Poll { device, by }));
            let decisions = [Decision::Approve, Decision::Deny, Decision::Expire];
            moves.extend(decisions.map(|decision| Op::Decide { device, decision }));
            // The attacker guesses right.
            moves.push(Op::Peek { device, from: ATTACKER });
        }
        if told.code(device, 1).is_some() {
            moves.push(Op::Replay { device });
        }
        if let Some(family) = told.family_of(device) {
            let by = [By::Owner, By::AnotherClient];
            moves.extend(by.map(|by| Op::Refresh { device, token: Which::Current, by }));
            moves.extend(by.map(|by| Op::Revoke { device, token: Which::Current, by }));
            if told.families[family].tokens > 1 {
                moves.extend(by.map(|by| Op::Refresh { device, token: Which::Rotated, by }));
            }
        }
    }
    for client in 0..2 {
        if told.now >= told.clients[told.registered[client]].ends {
            moves.extend([true, false].map(|scoped| Op::Register { client, scoped }));
        }
    }
    moves.extend(time(told.now, told.boundaries(), Op::Wait));
    if cast == Cast::Full {
        moves.extend([PERSON, ATTACKER].map(|from| Op::Guess { from }));
        moves.extend(STEPS_BACK.map(Op::Back));
    }
    moves
}

/// Returns the steps to just before the next boundary, to it, and just past it. Between two boundaries
/// nothing changes.
pub(crate) fn time<O>(now: i64, boundaries: impl Iterator<Item = i64>, wait: fn(i64) -> O) -> Vec<O> {
    let next = boundaries.filter(|boundary| *boundary > now).min();
    let ahead = next.map_or_else(Vec::new, |next| vec![next - 1 - now, next - now, next + 1 - now]);
    ahead.into_iter().filter(|step| *step > 0).map(wait).collect()
}
