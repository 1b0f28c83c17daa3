//! `cargo xtask public-api`: what each library offers, held against the list that is committed beside it.
//!
//! A list is made from rustdoc's description of the crate with all its features; what every type has by itself (blanket and
//! automatic implementations) is left out. A public item that comes, goes or changes is thus seen in review.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use public_api::Builder;

use crate::shell::Run;
use crate::workspace;

/// The version of rustdoc's JSON that the `public-api` crate in use reads. rustdoc changes it every few releases.
const FORMAT: u32 = 57;
/// The toolchain that writes it, for whoever has another one.
const TOOLCHAIN: &str = "1.95";
/// The list, beside a crate's manifest.
const SNAPSHOT: &str = "public-api.txt";

/// `cargo xtask public-api [--bless]`
pub(crate) fn task(args: &[String]) -> Result<()> {
    match args {
        [] => compare(&listed()?),
        [flag] if flag == "--bless" => {
            for library in listed()? {
                fs::write(&library.snapshot, library.items)?;
            }
            Ok(())
        }
        _ => bail!("`public-api` takes `--bless` and nothing else"),
    }
}

/// The lists are as committed. With a toolchain whose rustdoc cannot be read there is nothing to compare: that fails in
/// CI, whose toolchain we choose, and is said aloud elsewhere.
pub(crate) fn step() -> Result<()> {
    match listed() {
        Ok(libraries) => compare(&libraries),
        Err(error) if error.is::<OtherFormat>() && std::env::var_os("CI").is_none() => {
            println!("   NOT CHECKED: {error:#}");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// rustdoc writes another format than we read.
#[derive(Debug)]
struct OtherFormat(u32);

impl std::fmt::Display for OtherFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "this toolchain's rustdoc writes its JSON in format {}, and the lists are made from format {FORMAT}: \
             `cargo +{TOOLCHAIN} xtask public-api`, or another version of the `public-api` crate",
            self.0
        )
    }
}

impl std::error::Error for OtherFormat {}

/// What one library offers, one item a line.
struct Library {
    name: String,
    snapshot: std::path::PathBuf,
    items: String,
}

/// Every library of the workspace.
fn listed() -> Result<Vec<Library>> {
    let wrapper = workspace::root().join("xtask/rustdoc-json");
    let doc = Run::cargo().args(["doc", "--quiet", "--workspace", "--lib", "--no-deps", "--all-features"]);
    doc.env("RUSTDOC", wrapper).go()?;
    let docs = workspace::target_dir()?.join("doc");
    let mut libraries = Vec::new();
    for package in workspace::metadata()?.workspace_packages() {
        let Some(target) = package.targets.iter().find(|target| target.is_lib()) else { continue };
        let json = docs.join(format!("{}.json", target.name.replace('-', "_")));
        let crate_dir = package.manifest_path.parent().context("a manifest lies in a directory")?;
        libraries.push(Library {
            name: package.name.to_string(),
            snapshot: crate_dir.join(SNAPSHOT).into(),
            items: items(&json).with_context(|| format!("the public items of {}", package.name))?,
        });
    }
    ensure!(!libraries.is_empty(), "the workspace has no library");
    Ok(libraries)
}

fn items(json: &Path) -> Result<String> {
    let text = fs::read_to_string(json).with_context(|| json.display().to_string())?;
    match format_of(&text) {
        Some(FORMAT) => {}
        Some(other) => return Err(OtherFormat(other).into()),
        None => bail!("{} says no format", json.display()),
    }
    let api =
        Builder::from_rustdoc_json(json).omit_blanket_impls(true).omit_auto_trait_impls(true).build()?;
    Ok(api.items().map(|item| format!("{item}\n")).collect())
}

/// rustdoc writes the format last.
fn format_of(json: &str) -> Option<u32> {
    let (_, format) = json.rsplit_once("\"format_version\":")?;
    format.trim_end().trim_end_matches('}').parse().ok()
}

fn compare(libraries: &[Library]) -> Result<()> {
    let mut differing = Vec::new();
    for library in libraries {
        let committed = fs::read_to_string(&library.snapshot).unwrap_or_default();
        let difference = difference(&committed, &library.items);
        if !difference.is_empty() {
            println!("{} offers something else than its {SNAPSHOT} says:\n{difference}", library.name);
            differing.push(library.name.as_str());
        }
    }
    if !differing.is_empty() {
        bail!(
            "public items of {} have changed; if they should, `cargo xtask public-api --bless` and commit the lists",
            differing.join(", ")
        );
    }
    println!("   the public items of {} libraries are as committed", libraries.len());
    Ok(())
}

/// The lines that went, with `-`, and those that came, with `+`.
fn difference(committed: &str, now: &str) -> String {
    let only_in = |one: &str, other: &str, mark: char| -> String {
        let there: std::collections::HashSet<&str> = other.lines().collect();
        one.lines().filter(|line| !there.contains(line)).map(|line| format!("{mark}{line}\n")).collect()
    };
    only_in(committed, now, '-') + &only_in(now, committed, '+')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_and_what_went_are_told_apart() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), "");
        assert_eq!(difference("a\nb\n", "b\nc\n"), "-a\n+c\n");
        assert_eq!(difference("", "a\n"), "+a\n");
    }

    #[test]
    fn the_format_is_read_from_the_end() {
        assert_eq!(format_of("{\"docs\":\"\\\"format_version\\\":1\",\"format_version\":57}"), Some(57));
        assert_eq!(format_of("{}"), None);
    }

    #[test]
    fn another_format_is_an_error_that_names_both() {
        let file = std::env::temp_dir().join(format!("public-api-{}.json", std::process::id()));
        fs::write(&file, "{\"format_version\":3}").unwrap();
        let error = items(&file).unwrap_err();
        fs::remove_file(&file).unwrap();
        assert!(error.is::<OtherFormat>(), "{error:#}");
        assert!(
            error.to_string().contains("format 3,") && error.to_string().contains("format 57"),
            "{error}"
        );
    }
}
