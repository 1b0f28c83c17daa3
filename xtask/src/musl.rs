//! Static programs for musl with Debian's toolchain, which lacks the unwinder and the start-up objects of that target.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};

use crate::shell::Run;
use crate::toolchain::Missing;

/// The C compiler for musl.
pub(crate) const LINKER: &str = "musl-gcc";
/// Debian's unwinder for musl. The one of its C compiler needs glibc.
const UNWINDER: &str = "/usr/lib/llvm-14/lib/libunwind.a";
/// The package with the unwinder.
const UNWINDER_PACKAGE: &str = "libunwind-14-dev";
/// The one function of glibc that this unwinder calls and musl lacks. It prints the unwinder's last words.
const FPRINTF: &str = include_str!("musl/fprintf.c");

/// Makes an unwinder that links with musl in this directory. Returns the compiler's flags that use it.
///
/// # Errors
///
/// The package is [`Missing`], or the C compiler fails.
pub(crate) fn with_unwinder(dir: &Path) -> Result<[String; 4]> {
    let missing = || Missing(format!("no {UNWINDER} (Debian: apt-get install {UNWINDER_PACKAGE})"));
    ensure!(Path::new(UNWINDER).is_file(), missing());
    fs::create_dir_all(dir)?;
    let library = dir.join("libunwind.a");
    fs::copy(UNWINDER, &library)?;
    let (source, object) = (dir.join("fprintf.c"), dir.join("fprintf.o"));
    fs::write(&source, FPRINTF)?;
    Run::new(LINKER).args(["-O1", "-c", "-o"]).arg(&object).arg(&source).go()?;
    Run::new("ar").arg("r").arg(&library).arg(&object).go()?;
    Ok([
        // The compiler's own start-up objects are those of an installed target.
        "-Clink-self-contained=no".to_owned(),
        "-Ctarget-feature=+crt-static".to_owned(),
        // Debian's C compiler for musl links no static program at a free address.
        "-Crelocation-model=static".to_owned(),
        format!("-Lnative={}", dir.display()),
    ])
}
