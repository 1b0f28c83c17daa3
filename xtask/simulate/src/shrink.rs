//! Shrinks a failure: the same violation with fewer devices, fewer kinds of faults and less time.
//!
//! Every candidate is a whole simulation. That is cheap, because the search begins with the smallest: the
//! device alone. Then it adds neighbours, which are the devices that appeared at about the same time.

use std::ops::Range;

use crate::args::Config;
use crate::faults::KINDS;
use crate::world::{BrokenRule, World};

/// The smallest failing simulation, and its violation.
pub(crate) struct Shrunk {
    pub(crate) config: Config,
    pub(crate) invalid: BrokenRule,
    /// The number of simulations in the search.
    pub(crate) replays: u32,
}

/// The number of attempts with fewer hours. After each failure the cut is half as long.
const CUTS: u32 = 8;

/// Shrinks a failure. The result breaks the same invariant, but perhaps at another device.
pub(crate) fn shrink(config: &Config, invalid: BrokenRule) -> Shrunk {
    let mut shrunk = Shrunk { config: config.clone(), invalid, replays: 0 };
    shrunk.fewer_devices();
    shrunk.fewer_faults();
    shrunk.fewer_hours();
    // After these cuts, fewer devices may be enough.
    shrunk.fewer_devices();
    shrunk.fewer_faults();
    shrunk
}

impl Shrunk {
    /// Returns whether this simulation breaks the same invariant. If so, it becomes the smallest so far.
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
        // Devices after the last one play no part.
        let Range { start, end } = self.config.ids();
        if end < self.config.devices {
            let only = (start > 0).then_some(start..end);
            self.fails_too(Config { devices: end, only, ..self.config.clone() });
        }
    }

    /// Cuts as much as possible from one end: half, a quarter, and so on.
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

/// Returns the invariant's text without its variable parts: numbers, and quoted words after a colon.
fn shape(law: &str) -> String {
    let law = law.split(':').next().unwrap_or_default();
    law.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}
