//! Packs each published crate, unpacks it outside of the checkout, and tests it there.
//!
//! A test that reads a file of the repository fails there, and so does one whose file is missing in the package.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::Package;

use crate::shell::Run;
use crate::test::waiting;
use crate::test_programs::{self, TestProgram};
use crate::workspace;

/// The number of test programs that run at a time. Most tests wait for time-outs and intervals of polling.
const SIDE_BY_SIDE: usize = 2;

/// The crate whose tests take longest, so they begin first.
const LONGEST: &str = "sso-oidc";

/// `cargo xtask test --only package`
pub(crate) fn step() -> Result<()> {
    let crates = workspace::published()?;
    let place = Place::new()?;
    place.fill(&crates)?;
    let mut programs = place.build()?;
    programs.sort_by_key(|program| program.package != LONGEST);
    let counts = test_programs::each(programs, SIDE_BY_SIDE, run)?;
    for package in crates {
        let passed = counts.get(package.name.as_str()).copied().unwrap_or_default();
        ensure!(passed > 0, "no test of {} ran", package.name);
        println!("   {:<22} {passed:>4} tests passed", package.name);
    }
    Ok(())
}

/// Returns the number of tests that passed.
fn run(program: &TestProgram) -> Result<usize> {
    let run = Run::new(&program.executable).in_dir(&program.dir).env("CARGO_MANIFEST_DIR", &program.dir);
    let run = if program.package == LONGEST { waiting(run) } else { run };
    let said =
        quietly(run).with_context(|| format!("{}: {}", program.package, program.executable.display()))?;
    Ok(test_programs::passed(&said))
}

/// A workspace of unpacked crates. Its place is fixed, so that builds are reused.
struct Place(PathBuf);

impl Place {
    /// One for each checkout.
    fn new() -> Result<Self> {
        let mut hasher = DefaultHasher::new();
        workspace::root().hash(&mut hasher);
        let place = std::env::temp_dir().join(format!("package-tests-{:016x}", hasher.finish()));
        fs::create_dir_all(&place)?;
        Ok(Self(place))
    }

    /// Packs the crates, and unpacks them here.
    fn fill(&self, crates: &[&Package]) -> Result<()> {
        let packages = crates.iter().flat_map(|package| ["--package", package.name.as_str()]);
        // The lock file of an archive needs dependencies that are published.
        let pack = ["package", "--offline", "--allow-dirty", "--no-verify", "--exclude-lockfile"];
        quietly(Run::cargo().args(pack).args(packages))?;

        let unpacked = self.0.join("unpacked");
        remove(&unpacked)?;
        fs::create_dir_all(&unpacked)?;
        for package in crates {
            let archive = workspace::target_dir()?.join("package").join(name(package) + ".crate");
            quietly(Run::new("tar").arg("-xzf").arg(archive).arg("-C").arg(&unpacked))?;
        }
        workspace::write(&unpacked.join("Cargo.toml"), manifest(crates).as_bytes())?;
        fs::copy(workspace::root().join("Cargo.lock"), unpacked.join("Cargo.lock"))?;
        sync(&unpacked, &self.tree())
    }

    fn tree(&self) -> PathBuf {
        self.0.join("tree")
    }

    /// Builds all test programs at once, with all features. The step `features` has each crate alone. The examples in
    /// the documentation run in the workspace only.
    fn build(&self) -> Result<Vec<TestProgram>> {
        let build =
            ["test", "--workspace", "--tests", "--all-features", "--no-run", "--message-format", "json"];
        let target = workspace::target_dir()?.join("package-tests");
        let said = quietly(Run::cargo().args(build).in_dir(&self.tree()).env("CARGO_TARGET_DIR", target))?;
        test_programs::built(&said)
    }
}

/// The folder of a package in its archive.
fn name(package: &Package) -> String {
    format!("{}-{}", package.name, package.version)
}

/// A workspace in which each crate finds the others as if crates.io had them.
fn manifest(crates: &[&Package]) -> String {
    let mut text = "[workspace]\nresolver = \"3\"\nmembers = [\"*-*\"]\n\n".to_owned();
    // The crowds of the server's tests need it here as they do in the workspace.
    let ours = include_str!("../../Cargo.toml");
    text += ours.find("[profile.dev.package]").and_then(|at| ours.get(at..)).unwrap_or_default();
    text += "\n[patch.crates-io]\n";
    for package in crates {
        text += &format!("{} = {{ path = \"{}\" }}\n", package.name, name(package));
    }
    text
}

/// Runs a command and returns what it said. A failure says all of it.
fn quietly(run: Run) -> Result<String> {
    let output = run.output()?;
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    ensure!(output.status.success(), "{err}{out}");
    Ok(out)
}

/// Makes a directory like another one. A file that is the same stays untouched, because cargo goes by the
/// time of a change. All files of an archive have one from long ago.
fn sync(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if !from.join(entry.file_name()).exists() {
            remove(&entry.path())?;
        }
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            sync(&from, &to)?;
        } else {
            workspace::write(&to, &fs::read(&from)?)?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    if path.is_dir() {
        fs::remove_dir_all(path)?;
    } else if path.exists() {
        fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_becomes_like_another_and_equal_files_stay() {
        let dir = std::env::temp_dir().join(format!("package-{}", std::process::id()));
        let [from, to] = ["from", "to"].map(|name| dir.join(name));
        for (file, text) in [("from/a/same", "1"), ("from/a/new", "2"), ("to/a/same", "1"), ("to/old/x", "3")]
        {
            fs::create_dir_all(dir.join(file).parent().unwrap()).unwrap();
            fs::write(dir.join(file), text).unwrap();
        }
        let time = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
        let before = time(&to.join("a/same"));
        sync(&from, &to).unwrap();
        assert_eq!((time(&to.join("a/same")), to.join("old").exists()), (before, false));
        assert_eq!(fs::read_to_string(to.join("a/new")).unwrap(), "2");
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn what_is_published_needs_nothing_of_what_is_not() {
        let published = workspace::published().unwrap();
        assert_eq!(published.len(), 11);
        for package in &published {
            for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
                assert!(
                    published.iter().any(|other| *other.name == dependency.name),
                    "{} needs {}",
                    package.name,
                    dependency.name
                );
            }
        }
    }
}
