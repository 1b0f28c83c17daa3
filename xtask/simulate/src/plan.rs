//! What a person is going to do with a code.

use device_authority::UserDecision;

use crate::faults::SECOND;
use crate::rng::Rng;

/// What the person is going to do, from the prompt on.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) after: u64,
    pub(crate) verdict: UserDecision,
    /// How often the code is mistyped first.
    pub(crate) typos: u32,
    /// How often the page could not be reached so far.
    pub(crate) tries: u32,
}

/// After so many tries at a page that does not come, people give up.
pub(crate) const PATIENCE: u32 = 20;

/// An approval later than so many seconds is a late one.
const SOON: u64 = 90;

impl Plan {
    pub(crate) const fn is_late(&self) -> bool {
        self.after >= SOON * SECOND
    }

    /// Most approve within a minute and a half; some are late, some too late, some say no, and some forget (`None`).
    pub(crate) fn of(rng: &mut Rng, typos: u32) -> Option<Self> {
        let (verdict, low, high) = match rng.between(0, 100) {
            0..70 => (UserDecision::Approve, 5, SOON),
            70..85 => (UserDecision::Approve, SOON, 590),
            85..90 => (UserDecision::Approve, 590, 700),
            90..95 => (UserDecision::Deny, 5, 120),
            _ => return None,
        };
        let after = rng.between(low * SECOND, high * SECOND);
        Some(Self { after, verdict, typos: u32::from(rng.chance(typos)), tries: 0 })
    }
}
