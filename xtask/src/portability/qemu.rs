//! QEMU, which runs ARM programs.

use std::path::Path;

use crate::shell::Run;
use crate::toolchain::{Missing, needs};

/// The program.
pub(crate) const PROGRAM: &str = "qemu-aarch64";
/// The shared libraries of ARM.
const LIBRARIES: &str = "/usr/aarch64-linux-gnu";

/// # Errors
///
/// There is no QEMU, or no shared library.
pub(crate) fn find() -> Result<(), Missing> {
    needs(PROGRAM, "apt-get install qemu-user")?;
    if Path::new(LIBRARIES).is_dir() {
        return Ok(());
    }
    Err(Missing(format!("no {LIBRARIES} (Debian: apt-get install libc6-dev-arm64-cross)")))
}

/// Returns a run of an ARM program.
pub(crate) fn run(program: &Path) -> Run {
    Run::new(PROGRAM).args(["-L", LIBRARIES]).arg(program)
}
