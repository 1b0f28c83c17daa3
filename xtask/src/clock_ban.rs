//! A test of the clock ban: clippy must reject a pure crate that reads a clock.
//!
//! A lint that never fails may be off unnoticed. So this step copies the pure crates and adds a function that reads
//! the clock to each in turn. Clippy must reject it and name the method. The unchanged copy must pass first.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::shell::Run;
use crate::tidy::PURE;
use crate::workspace;

const CLOCK_READER: &str = "\n#[doc(hidden)]\npub fn reads_a_clock() -> bool {\n    std::time::Instant::now() == std::time::Instant::now()\n}\n";
const VERDICT: &str = "use of a disallowed method `std::time::Instant::now`";

/// `cargo xtask clock-ban`
pub(crate) fn task(_: &[String]) -> Result<()> {
    step()
}

/// Checks that the unchanged copies pass, and that each with a clock read fails.
pub(crate) fn step() -> Result<()> {
    let target = workspace::target_dir()?;
    let scratch = Scratch::new(target.join("clock-ban"))?;
    for name in PURE {
        let clean = scratch.clippy(name, &target)?;
        ensure!(clean.passed, "{name} does not pass clippy even untouched:\n{}", clean.said);

        let root = scratch.dir.join("crates").join(name).join("src/lib.rs");
        let text = fs::read_to_string(&root).with_context(|| root.display().to_string())?;
        fs::write(&root, format!("{text}{CLOCK_READER}"))?;
        let broken = scratch.clippy(name, &target)?;
        fs::write(&root, text)?;
        if broken.passed || !broken.said.contains(VERDICT) {
            bail!("{name} may read the clock: clippy did not say \"{VERDICT}\". It said:\n{}", broken.said);
        }
        println!("   {name}: passes as it is; refused with a clock read, as it should be");
    }
    Ok(())
}

/// A temporary workspace with the pure crates only.
struct Scratch {
    dir: PathBuf,
}

struct UserDecision {
    passed: bool,
    said: String,
}

impl Scratch {
    fn new(dir: PathBuf) -> Result<Self> {
        let root = workspace::root();
        let scratch = Self { dir };
        scratch.remove();
        fs::create_dir_all(&scratch.dir)?;
        for file in ["Cargo.lock", "clippy.toml"] {
            fs::copy(root.join(file), scratch.dir.join(file)).with_context(|| format!("copying {file}"))?;
        }
        let manifest = pure_workspace(&fs::read_to_string(root.join("Cargo.toml"))?);
        fs::write(scratch.dir.join("Cargo.toml"), manifest)?;
        for name in PURE {
            let crate_dir = Path::new("crates").join(name);
            copy_dir(&root.join(&crate_dir), &scratch.dir.join(&crate_dir))?;
        }
        Ok(scratch)
    }

    /// Runs clippy as `cargo xtask test` does, on the library only: other targets would need more dependencies.
    fn clippy(&self, name: &str, target: &Path) -> Result<UserDecision> {
        let run =
            Run::cargo().args(["clippy", "--offline", "--quiet", "--no-deps", "--lib", "--package", name]);
        // The same target directory already has the dependencies from crates.io.
        let run = run.env("CARGO_TARGET_DIR", target).in_dir(&self.dir).args(["--", "-D", "warnings"]);
        let output = run.output()?;
        Ok(UserDecision {
            passed: output.status.success(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    fn remove(&self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Returns the workspace's manifest with the pure crates as its only members.
fn pure_workspace(manifest: &str) -> String {
    let members: Vec<String> = PURE.iter().map(|name| format!("\"crates/{name}\"")).collect();
    let members = format!("members = [{}]", members.join(", "));
    let lines =
        manifest.lines().filter(|line| !line.starts_with("default-members") && !line.starts_with("exclude"));
    lines.map(|line| if line.starts_with("members") { members.as_str() } else { line }).fold(
        String::new(),
        |mut text, line| {
            text.push_str(line);
            text.push('\n');
            text
        },
    )
}

fn copy_dir(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scratch_workspace_has_the_pure_crates_and_keeps_the_rest() {
        let manifest = "[workspace]\nmembers = [\"crates/*\", \"xtask\"]\ndefault-members = [\"crates/x\"]\n\n[profile.dev]\n";
        let pure = pure_workspace(manifest);
        assert!(pure.contains(
            "members = [\"crates/oidc-proto\", \"crates/device-flow\", \"crates/device-authority\"]"
        ));
        assert!(!pure.contains("default-members") && pure.ends_with("[profile.dev]\n"), "{pure}");
    }
}
