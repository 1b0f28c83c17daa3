//! rustdoc's JSON of every published library.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail, ensure};

use crate::shell::Run;
use crate::workspace;

/// The JSON format that our versions of the `public-api` and `rustdoc-types` crates read. rustdoc changes it every
/// few releases.
const FORMAT: u32 = 57;
/// The toolchain that writes this format, for messages.
const TOOLCHAIN: &str = "1.95";

/// A library with its JSON, with all features.
pub(crate) struct Described {
    pub(crate) name: String,
    /// The directory of its manifest.
    pub(crate) dir: PathBuf,
    /// The path of the JSON.
    pub(crate) json: PathBuf,
}

/// Returns every published library. rustdoc runs only once.
///
/// # Errors
///
/// [`OtherFormat`] if this toolchain's rustdoc cannot be read; otherwise the documentation does not build.
pub(crate) fn libraries() -> Result<&'static [Described]> {
    static LIBRARIES: OnceLock<Vec<Described>> = OnceLock::new();
    if let Some(libraries) = LIBRARIES.get() {
        return Ok(libraries);
    }
    let libraries = describe()?;
    Ok(LIBRARIES.get_or_init(|| libraries))
}

fn describe() -> Result<Vec<Described>> {
    let published = workspace::published()?;
    let packages = published.iter().flat_map(|package| ["--package", package.name.as_str()]);
    let doc = Run::cargo().args(["doc", "--quiet", "--lib", "--no-deps", "--all-features"]).args(packages);
    doc.env("RUSTDOC", wrapper()).go()?;
    let docs = workspace::target_dir()?.join("doc");
    let mut libraries = Vec::new();
    for package in published {
        let Some(target) = package.targets.iter().find(|target| target.is_lib()) else { continue };
        let json = docs.join(format!("{}.json", target.name.replace('-', "_")));
        let crate_dir = package.manifest_path.parent().context("a manifest lies in a directory")?;
        check_format(&json)?;
        libraries.push(Described { name: package.name.to_string(), dir: crate_dir.into(), json });
    }
    ensure!(!libraries.is_empty(), "the workspace has no library");
    Ok(libraries)
}

/// Converts the result of a step that reads the JSON. An unknown format is an error in CI, which has a fixed
/// toolchain, and a printed note elsewhere.
///
/// # Errors
///
/// The step's own, except for an unknown format outside CI.
pub(crate) fn or_not_checked(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if error.is::<OtherFormat>() && std::env::var_os("CI").is_none() => {
            println!("   NOT CHECKED: {error:#}");
            Ok(())
        }
        other => other,
    }
}

/// Returns the wrapper of rustdoc that writes JSON.
pub(crate) fn wrapper() -> PathBuf {
    workspace::root().join("xtask/rustdoc-json")
}

/// The error for an unknown JSON format.
#[derive(Debug)]
pub(crate) struct OtherFormat(u32);

impl std::fmt::Display for OtherFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "this toolchain's rustdoc writes its JSON in format {}, and format {FORMAT} is what is read here: \
             `cargo +{TOOLCHAIN} xtask …`, or other versions of the `public-api` and `rustdoc-types` crates",
            self.0
        )
    }
}

impl std::error::Error for OtherFormat {}

pub(crate) fn check_format(json: &Path) -> Result<()> {
    let text = fs::read_to_string(json).with_context(|| json.display().to_string())?;
    match format_of(&text) {
        Some(FORMAT) => Ok(()),
        Some(other) => Err(OtherFormat(other).into()),
        None => bail!("{} says no format", json.display()),
    }
}

/// Returns the format, which is at the end of the JSON.
fn format_of(json: &str) -> Option<u32> {
    let (_, format) = json.rsplit_once("\"format_version\":")?;
    format.trim_end().trim_end_matches('}').parse().ok()
}

/// Describes a small library by the installed rustdoc, for tests. `read` gets the path of the JSON.
#[cfg(test)]
pub(crate) fn of_source<T>(source: &str, read: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("probe-{}-{number}", std::process::id()));
    fs::create_dir_all(&dir)?;
    fs::write(dir.join("probe.rs"), source)?;
    let run = Run::new(wrapper()).in_dir(&dir).args(["probe.rs", "--edition", "2024", "-o", "."]);
    let output = run.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = read(&dir.join("probe.json"));
    fs::remove_dir_all(&dir)?;
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_read_from_the_end() {
        assert_eq!(format_of("{\"docs\":\"\\\"format_version\\\":1\",\"format_version\":57}"), Some(57));
        assert_eq!(format_of("{}"), None);
    }

    #[test]
    fn the_documents_name_the_toolchain_of_this_format() {
        let contributing = include_str!("../../CONTRIBUTING.md");
        for text in [
            format!("`rustup toolchain install {TOOLCHAIN}."),
            format!("`cargo +{TOOLCHAIN}."),
            format!("It needs rustdoc {TOOLCHAIN}."),
        ] {
            assert!(contributing.contains(&text), "CONTRIBUTING.md lacks {text}");
        }
        assert!(include_str!("../../Cargo.toml").contains(&format!("what rustdoc {TOOLCHAIN} writes")));
    }

    #[test]
    fn another_format_is_an_error_that_names_both() {
        let file = std::env::temp_dir().join(format!("rustdoc-{}.json", std::process::id()));
        fs::write(&file, "{\"format_version\":3}").unwrap();
        let error = check_format(&file).unwrap_err();
        fs::remove_file(&file).unwrap();
        assert!(error.is::<OtherFormat>(), "{error:#}");
        assert!(
            error.to_string().contains("format 3,") && error.to_string().contains("format 57"),
            "{error}"
        );
    }
}
