//! The checks that every [`Store`] has to pass.
//!
//! Each check is one sentence of the contract. It uses ids and codes of its own. So the checks can share a store, also
//! with those of an earlier run with another seed.
//!
//! ```
//! use std::sync::Mutex;
//! use device_authority::{Capacity, Memory, conformance};
//!
//! let store = Mutex::new(Memory::new(Capacity::default()));
//! for check in conformance::CHECKS {
//!     pollster::block_on(check.run(&store, 1)).map_err(|why| format!("{}: {why}", check.name()))?;
//! }
//! # Ok::<(), String>(())
//! ```

mod bench;
mod operations;
mod races;
mod records;

use core::fmt;

use self::bench::Bench;
use crate::{Store, StoreError, Waiting};

/// One check.
#[derive(Clone, Copy)]
pub struct Check {
    name: &'static str,
    run: for<'a> fn(Bench<'a>) -> Waiting<'a, Result<(), Broken>>,
}

impl Check {
    /// Returns the sentence that it checks.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Runs the check at a store. The seed makes the ids and codes, so use another one for each run at the same
    /// store.
    ///
    /// ```
    /// use std::sync::Mutex;
    /// use device_authority::{Capacity, Memory, conformance};
    /// let store = Mutex::new(Memory::new(Capacity::default()));
    /// let check = conformance::CHECKS.first().ok_or("there are some")?;
    /// pollster::block_on(check.run(&store, 1))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cancel safety
    /// A dropped future leaves the records of the check in the store.
    ///
    /// # Errors
    /// What the store did instead.
    pub async fn run(&self, store: &dyn Store, seed: u64) -> Result<(), Broken> {
        (self.run)(Bench::new(store, seed, self.name)).await
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.name).finish()
    }
}

/// What a store did against its contract.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Broken(String);

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self(format!("a StoreError: {error}"))
    }
}

/// Returns an error with this text unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err($crate::conformance::Broken(format!($($why)+)));
        }
    };
}
use ensure;

/// Makes the table of checks.
macro_rules! checks {
    ($($function:path, $name:literal;)+) => {
        /// All checks.
        pub static CHECKS: &[Check] = &[$(Check { name: $name, run: |bench| Box::pin($function(bench)) }),+];
    };
}

checks! {
    records::unknown_keys, "a key that no record has finds nothing, whatever its bytes";
    records::round_trips, "a record is read as it was written, whatever its texts and times";
    records::companions, "a device brings its client, and an access token its family";
    records::named_keys, "a client and a family that the keys name come instead of the companions";
    records::sweeps, "a record is there until its time, and the sweep drops it after that";
    records::page_key, "the first key of the pages is the key for all";
    operations::faults_commit, "the changes of a fault are committed";
    operations::sign_in, "a device signs in, refreshes its token and signs out";
    operations::approvals, "who approved, and when, is known of every token of the sign-in";
    operations::introspection, "a token of either kind is active for its own client, until its sign-in ends";
    operations::browser, "a browser's code is good once, and its form brings the same code twice";
    operations::graced, "a device code in its grace brings the same tokens again";
    operations::pending, "a device is pending until it is decided on";
    operations::user_codes, "a decision with a user code in use is repeated, and commits nothing after five times";
    operations::dropped, "an operation whose future is dropped is done as a whole or not at all";
    races::polls, "twelve polls at once get one token";
    races::graced_polls, "twelve polls in the grace of a code bring one token, twelve times";
    races::decisions, "twelve decisions at once are one decision";
    races::refreshes, "twelve uses of a refresh token at once give one successor";
    races::guesses, "twelve wrong codes at once count as twelve";
    races::paces, "twelve polls at once are counted as twelve";
}
