//! A test of the clock ban: clippy must reject a pure crate that reads a clock.
//!
//! A lint that never fails may be off unnoticed. So this step copies the pure crates and adds a function that reads
//! the clock to each in turn. Clippy must reject it and name the method. The unchanged copy must pass first.

use anyhow::Result;

use crate::scratch::Scratch;
use crate::tidy::PURE;

const CLOCK_READER: &str = "\n#[doc(hidden)]\npub fn reads_a_clock() -> bool {\n    std::time::Instant::now() == std::time::Instant::now()\n}\n";
const VERDICT: &str = "use of a disallowed method `std::time::Instant::now`";

/// `cargo xtask clock-ban`
pub(crate) fn task(_: &[String]) -> Result<()> {
    step()
}

/// Checks that the unchanged copies pass, and that each with a clock read fails.
pub(crate) fn step() -> Result<()> {
    let scratch = Scratch::new("clock-ban")?;
    for name in PURE {
        scratch.refuses(name, CLOCK_READER, VERDICT)?;
        println!("   {name}: passes as it is; refused with a clock read, as it should be");
    }
    Ok(())
}
