//! Properties that hold for every message.

mod hostile;
mod kept;
mod messages;
mod portal;
mod round_trip;
mod secrets;

use proptest::prelude::ProptestConfig;

/// A failure prints its minimal input. No seed file is kept; a fixed failure becomes a vector.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}
