//! What holds for every message, not only for the ones that somebody thought of.

mod hostile;
mod kept;
mod messages;
mod round_trip;
mod secrets;

use proptest::prelude::ProptestConfig;

/// Failures print their minimal input; no file of seeds is kept, because a fixed one becomes a vector.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}
