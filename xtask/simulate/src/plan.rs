//! A person's plan for a code.

use device_authority::UserDecision;

use crate::faults::SECOND;
use crate::rng::Rng;

/// The actions of the person after the prompt.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) after: u64,
    pub(crate) verdict: UserDecision,
    /// The number of wrong codes before the right one.
    pub(crate) typos: u32,
    /// The number of failed attempts to load the page.
    pub(crate) tries: u32,
}

/// The number of failed attempts after which people stop.
pub(crate) const PATIENCE: u32 = 20;

/// The delay in seconds above which an approval is late.
const SOON: u64 = 90;

impl Plan {
    pub(crate) const fn is_late(&self) -> bool {
        self.after >= SOON * SECOND
    }

    /// Draws a plan. Most people approve within a minute and a half. Some are late or too late, some deny,
    /// and some forget (`None`).
    pub(crate) fn of(rng: &mut Rng, typos: u32) -> Option<Self> {
        let (verdict, low, high) = match rng.between(0, 100) {
            0..70 => (UserDecision::APPROVE, 5, SOON),
            70..85 => (UserDecision::APPROVE, SOON, 590),
            85..90 => (UserDecision::APPROVE, 590, 700),
            90..95 => (UserDecision::Deny, 5, 120),
            _ => return None,
        };
        let after = rng.between(low * SECOND, high * SECOND);
        Some(Self { after, verdict, typos: u32::from(rng.chance(typos)), tries: 0 })
    }
}
