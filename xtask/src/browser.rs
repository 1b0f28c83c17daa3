//! The page of `examples/browser`, built for a scenario in a real browser.
//!
//! It needs the standard library of `wasm32-unknown-unknown`. Rustup has it compiled. Debian has its source, which a
//! compiler of Debian's compiles here, with a linker for WebAssembly. Without either the page is not checked.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::shell::Run;
use crate::workspace;

const TARGET: &str = "wasm32-unknown-unknown";
/// What to install, one or the other.
const HELP: &str = "`rustup target add wasm32-unknown-unknown`, or Debian's packages rustc-web, cargo-web, \
                    rust-web-src and lld";
/// Debian's compiler, beside that of rustup.
const DEBIAN: [&str; 2] = ["/usr/bin/cargo", "/usr/bin/rustc"];

/// Returns a directory with the page, or `None` where the tools for it are missing.
pub(crate) fn page() -> Result<Option<PathBuf>> {
    let Some(toolchain) = Toolchain::find() else {
        println!("   NOT CHECKED: examples/browser, which needs {HELP}");
        return Ok(None);
    };
    let target = workspace::target_dir()?.join("browser");
    let manifest = workspace::root().join("examples/browser/Cargo.toml");
    toolchain.build(&manifest, &target)?;
    let wasm = target.join(TARGET).join("page/example_browser.wasm");
    let page = target.join("site");
    let bindgen = Run::cargo().args(["run", "--quiet", "--locked", "--manifest-path"]);
    let bindgen = bindgen.arg(manifest.with_file_name("bindgen").join("Cargo.toml")).arg("--").arg(wasm);
    bindgen.arg(&page).env("CARGO_TARGET_DIR", workspace::target_dir()?).go()?;
    Ok(Some(page))
}

/// A compiler that has the standard library of the target, or can compile it.
enum Toolchain {
    Rustup,
    Debian { linker: PathBuf },
}

impl Toolchain {
    fn find() -> Option<Self> {
        let ours = sysroot(Path::new("rustc"))?;
        if ours.join("lib/rustlib").join(TARGET).join("lib").exists() {
            return Some(Self::Rustup);
        }
        let [cargo, rustc] = DEBIAN.map(Path::new);
        let theirs = cargo.exists().then(|| sysroot(rustc))??;
        let has_source = theirs.join("lib/rustlib/src/rust/library/Cargo.lock").exists();
        let linker = linkers(&ours).into_iter().find(|linker| linker.exists())?;
        (has_source && is_new_enough(rustc)).then_some(Self::Debian { linker })
    }

    fn build(&self, manifest: &Path, target: &Path) -> Result<()> {
        let run = match self {
            Self::Rustup => Run::cargo().arg("build"),
            Self::Debian { linker } => {
                let [cargo, rustc] = DEBIAN;
                // Only an unstable flag compiles the standard library, and only this variable allows it.
                let run = Run::new(cargo).env("RUSTC_BOOTSTRAP", "1").env("RUSTC", rustc);
                let run = run.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                run.args(["build", "-Z", "build-std=std,panic_abort"])
            }
        };
        let run =
            run.args(["--profile", "page", "--locked", "--target", TARGET, "--manifest-path"]).arg(manifest);
        run.env("CARGO_TARGET_DIR", target).go()
    }
}

/// Returns the linkers for WebAssembly: that of rustup's compiler, and Debian's.
fn linkers(sysroot: &Path) -> [PathBuf; 2] {
    let host = format!("lib/rustlib/{}-unknown-linux-gnu/bin/rust-lld", std::env::consts::ARCH);
    [sysroot.join(host), "/usr/bin/wasm-ld".into()]
}

/// Returns the directory of a compiler, if it runs.
fn sysroot(rustc: &Path) -> Option<PathBuf> {
    said(rustc, &["--print", "sysroot"]).map(PathBuf::from)
}

/// Returns whether a compiler is as new as the workspace wants. Debian's `rustc` is not; its `rustc-web` has the same
/// path.
fn is_new_enough(rustc: &Path) -> bool {
    let version = said(rustc, &["--version"]).and_then(|text| minor(text.split_whitespace().nth(1)?));
    version >= minor(env!("CARGO_PKG_RUST_VERSION"))
}

/// Returns the second number of a version.
fn minor(version: &str) -> Option<u32> {
    version.split('.').nth(1)?.parse().ok()
}

fn said(rustc: &Path, arguments: &[&str]) -> Option<String> {
    let output = Run::new(rustc).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(minor("1.100.0") > minor("1.89"));
        assert!(minor("1.63.0") < minor("1.89"));
        assert_eq!(minor("nightly"), None);
    }
}
