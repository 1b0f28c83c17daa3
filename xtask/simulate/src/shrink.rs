//! A failure made small: the same law broken with fewer devices, fewer kinds of faults and in less time.
//!
//! Every candidate is a whole simulation of its own. That is cheap, because the search begins with the smallest: the
//! device alone, then more and more of its neighbours, which are those that appeared about when it did.

use std::ops::Range;

use crate::args::Config;
use crate::faults::KINDS;
use crate::world::{InvalidResponse, World};

/// The smallest simulation that was found, and how it fails.
pub(crate) struct Shrunk {
    pub(crate) config: Config,
    pub(crate) invalid: InvalidResponse,
    /// How many simulations it took to find.
    pub(crate) replays: u32,
}

/// So many attempts are made at fewer hours, and at half as many less each time that one fails.
const CUTS: u32 = 8;

/// Makes a failure small. What it finds breaks the same law, though perhaps at another device.
pub(crate) fn shrink(config: &Config, invalid: InvalidResponse) -> Shrunk {
    let mut shrunk = Shrunk { config: config.clone(), invalid, replays: 0 };
    shrunk.fewer_devices();
    shrunk.fewer_faults();
    shrunk.fewer_hours();
    // With so much out of the way, fewer may be enough.
    shrunk.fewer_devices();
    shrunk.fewer_faults();
    shrunk
}

impl Shrunk {
    /// Whether the same law is broken in this simulation too. If so, it is the smallest so far.
    fn fails_too(&mut self, candidate: Config) -> bool {
        self.replays += 1;
        match World::new(&candidate).run() {
            Err(invalid) if shape(&invalid.law) == shape(&self.invalid.law) => {
                (self.config, self.invalid) = (candidate, invalid);
                true
            }
            _ => false,
        }
    }

    fn fails_with_only(&mut self, ids: Range<u32>) -> bool {
        let candidate = Config { only: Some(ids), ..self.config.clone() };
        self.fails_too(candidate)
    }

    fn fewer_devices(&mut self) {
        let all = self.config.ids();
        let device = self.invalid.device.clamp(all.start, all.end - 1);
        let mut reach = 0;
        while (reach as usize) < all.len() {
            let around = device.saturating_sub(reach).max(all.start)
                ..device.saturating_add(reach).min(all.end - 1) + 1;
            if around == all || self.fails_with_only(around) {
                break;
            }
            reach = 2 * reach + 1;
        }
        self.trim(|ids, by| ids.start + by..ids.end);
        self.trim(|ids, by| ids.start..ids.end - by);
        // Those that come after the last one play no part.
        let Range { start, end } = self.config.ids();
        if end < self.config.devices {
            let only = (start > 0).then_some(start..end);
            self.fails_too(Config { devices: end, only, ..self.config.clone() });
        }
    }

    /// Cuts as much as it can from one end: half, a quarter, and so on.
    fn trim(&mut self, cut: impl Fn(Range<u32>, u32) -> Range<u32>) {
        let mut by = self.config.ids().len() as u32 / 2;
        while by > 0 {
            let ids = self.config.ids();
            if by as usize >= ids.len() || !self.fails_with_only(cut(ids, by)) {
                by /= 2;
            }
        }
    }

    fn fewer_faults(&mut self) {
        for kind in &KINDS {
            let candidate = self.config.without(kind);
            if !self.config.left_out.contains(&kind.name) {
                self.fails_too(candidate);
            }
        }
        if self.config.wire {
            self.fails_too(Config { wire: false, ..self.config.clone() });
        }
    }

    fn fewer_hours(&mut self) {
        if self.config.hours == 0.0 || self.fails_too(Config { hours: 0.0, ..self.config.clone() }) {
            return;
        }
        let mut cut = self.config.hours / 2.0;
        for _ in 0..CUTS {
            let hours = self.config.hours - cut;
            if !self.fails_too(Config { hours, ..self.config.clone() }) {
                cut /= 2.0;
            }
        }
    }
}

/// A law without what may differ: its numbers, and the quoted words after a colon.
fn shape(law: &str) -> String {
    let law = law.split(':').next().unwrap_or_default();
    law.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}
