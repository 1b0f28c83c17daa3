//! A copy of the pure crates, in which clippy must refuse an addition.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::shell::Run;
use crate::tidy::PURE;
use crate::workspace;

/// A temporary workspace with the pure crates only.
pub(crate) struct Scratch {
    dir: PathBuf,
    target: PathBuf,
}

struct Judgement {
    passed: bool,
    said: String,
}

impl Scratch {
    /// Copies the crates to a directory of this name in the target directory.
    ///
    /// # Errors
    ///
    /// They cannot be copied.
    pub(crate) fn new(name: &str) -> Result<Self> {
        let root = workspace::root();
        let target = workspace::target_dir()?;
        let scratch = Self { dir: target.join(name), target };
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

    /// Checks that a crate passes clippy, and that it is refused with more code at its end.
    ///
    /// # Errors
    ///
    /// Clippy refuses the crate itself, or takes the code, or gives another reason.
    pub(crate) fn refuses(&self, name: &str, code: &str, reason: &str) -> Result<()> {
        let clean = self.clippy(name)?;
        ensure!(clean.passed, "{name} does not pass clippy even untouched:\n{}", clean.said);

        let root = self.dir.join("crates").join(name).join("src/lib.rs");
        let text = fs::read_to_string(&root).with_context(|| root.display().to_string())?;
        fs::write(&root, format!("{text}{code}"))?;
        let broken = self.clippy(name)?;
        fs::write(&root, text)?;
        if broken.passed || !broken.said.contains(reason) {
            bail!("clippy did not refuse {name} with \"{reason}\". It said:\n{}", broken.said);
        }
        Ok(())
    }

    /// Runs clippy as `cargo xtask test` does, on the library only: other targets would need more dependencies.
    fn clippy(&self, name: &str) -> Result<Judgement> {
        let run =
            Run::cargo().args(["clippy", "--offline", "--quiet", "--no-deps", "--lib", "--package", name]);
        // The same target directory already has the dependencies from crates.io.
        let run = run.env("CARGO_TARGET_DIR", &self.target).in_dir(&self.dir).args(["--", "-D", "warnings"]);
        let output = run.output()?;
        Ok(Judgement {
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
