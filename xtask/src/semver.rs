//! `cargo xtask semver`: what the libraries offered at the last release is still there, or the version says otherwise.
//!
//! It compares the committed lists of public items with those of the last tag `vX.Y.Z`. The step `public-api` keeps the
//! lists true. These changes break programs:
//!
//! - a line that went or changed
//! - a new variant of an exhaustive enum, or a new field of an exhaustive struct
//! - a new item of a trait that has no default
//! - a feature that went
//!
//! A lost auto trait, such as `Send`, is in no list. Some changes count although they may be harmless, such as a
//! parameter that takes more types.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use cargo_metadata::semver::{Version, VersionReq};
use rustdoc_types::{Crate, ItemEnum};

use crate::public_api::{SNAPSHOT, difference};
use crate::shell::Run;
use crate::{rustdoc, workspace};

/// The mark of a type to which a later version may add something.
const OPEN: &str = "#[non_exhaustive] ";

/// `cargo xtask semver`
pub(crate) fn task(args: &[String]) -> Result<()> {
    match args {
        [] => step(),
        _ => bail!("`semver` takes no arguments"),
    }
}

/// Compares with the last release, if there is one.
pub(crate) fn step() -> Result<()> {
    println!("   {}", compare(workspace::root(), provided)?);
    Ok(())
}

/// Compares a checkout with its last tag, and returns what to say. `provided` returns the items of a library's traits
/// that have a default.
fn compare(root: &Path, provided: impl Fn(&Path) -> BTreeSet<String>) -> Result<String> {
    let git = Git(root.to_owned());
    let Some((tag, before)) = git.last_release()? else {
        return Ok(match git.lines(&["rev-parse", "--is-shallow-repository"])?.first().map(String::as_str) {
            Some("false") => "no release is tagged yet, so no program depends on one".to_owned(),
            _ => "NOT CHECKED: this checkout does not have the tags".to_owned(),
        });
    };
    let now = version(&fs::read_to_string(root.join("Cargo.toml"))?)?;
    ensure!(now >= before, "version {now} is older than {tag}");
    let mut broken = Vec::new();
    for list in git.lines(&["ls-tree", "-r", "--name-only", &tag, "--", "crates"])? {
        let Some(dir) = list.strip_suffix(SNAPSHOT) else { continue };
        let then = git.file(&tag, &list)?;
        let Ok(items) = fs::read_to_string(root.join(&list)) else {
            broken.push(format!("{dir}: the library is gone"));
            continue;
        };
        let found = breaking(&then, &items, || provided(&root.join(dir)));
        broken.extend(found.into_iter().map(|line| format!("{dir}: {line}")));
        let manifest = format!("{dir}Cargo.toml");
        let features = |text: &str| features(text).map(str::to_owned).collect::<BTreeSet<_>>();
        let gone = features(&git.file(&tag, &manifest)?);
        let gone = &gone - &features(&fs::read_to_string(root.join(manifest))?);
        broken.extend(gone.into_iter().map(|feature| format!("{dir}: -feature {feature}")));
    }
    let (count, list) = (broken.len(), broken.join("\n"));
    if count > 0 && is_compatible(&before, &now)? {
        bail!("{list}\n{count} changes since {tag} break programs, and version {now} says that none does");
    }
    Ok(match count {
        0 => format!("0 changes since {tag} break programs"),
        _ => format!("{count} changes since {tag} break programs, which version {now} may do"),
    })
}

/// Returns whether cargo takes the newer version in the place of the older one.
fn is_compatible(before: &Version, now: &Version) -> Result<bool> {
    Ok(VersionReq::parse(&format!("^{before}"))?.matches(now))
}

/// Returns the lines of the difference that break programs.
fn breaking(then: &str, now: &str, provided: impl FnOnce() -> BTreeSet<String>) -> Vec<String> {
    let difference = difference(then, now);
    let (gone, came): (Vec<&str>, Vec<&str>) = difference.lines().partition(|line| line.starts_with('-'));
    let came: BTreeSet<&str> = came.into_iter().map(|line| &line[1..]).collect();
    let then = Owners::of(then);
    let more = |line: &str| [line.replacen("pub fn", "pub const fn", 1), line.replacen(OPEN, "", 1)];
    let harmless = |line: &str| more(line).iter().any(|more| more != line && came.contains(more.as_str()));
    let mut broken: Vec<String> =
        gone.into_iter().filter(|line| !harmless(&line[1..])).map(str::to_owned).collect();
    let (of_traits, others): (Vec<&str>, Vec<&str>) = came.iter().partition(|line| then.is_in_trait(line));
    broken.extend(others.into_iter().filter(|line| then.is_closed(line)).map(|line| format!("+{line}")));
    if !of_traits.is_empty() {
        let provided = provided();
        let required = of_traits.into_iter().filter(|line| !provided.contains(&last_two(path(line))));
        broken.extend(required.map(|line| format!("+{line}")));
    }
    broken
}

/// The types of a list to which nothing can be added.
struct Owners<'a> {
    traits: BTreeSet<&'a str>,
    /// Exhaustive enums and structs, and the variants of the former.
    closed: BTreeSet<&'a str>,
}

impl<'a> Owners<'a> {
    fn of(list: &'a str) -> Self {
        let named =
            |start: &'static str| list.lines().filter_map(move |line| line.strip_prefix(start)).map(path);
        // A trait with a sealed one above it has no implementation elsewhere.
        let open = list.lines().filter(|line| !line.contains("sealed::"));
        let traits = open.filter_map(|line| line.strip_prefix("pub trait ")).map(path).collect();
        let mut closed: BTreeSet<&str> = named("pub enum ").chain(named("pub struct ")).collect();
        let variants: Vec<&str> =
            named("pub ").filter(|path| owner(path).is_some_and(|o| closed.contains(o))).collect();
        closed.extend(variants);
        Self { traits, closed }
    }

    fn is_in_trait(&self, line: &str) -> bool {
        owner(path(line)).is_some_and(|owner| self.traits.contains(owner))
    }

    /// Returns whether a line is a variant or a field of a type that programs know completely.
    fn is_closed(&self, line: &str) -> bool {
        let is_item = ["fn ", "const ", "type ", "unsafe ", "async ", "struct ", "enum ", "mod ", "use "];
        let Some(rest) = line.strip_prefix("pub ") else { return false };
        !is_item.iter().any(|start| rest.starts_with(start))
            && owner(path(line)).is_some_and(|owner| self.closed.contains(owner))
    }
}

/// Returns the path of an item: the first word with `::`, without generics, parameters and types.
fn path(line: &str) -> &str {
    let word = line.split(' ').find(|word| word.contains("::")).unwrap_or(line);
    let end = word.find(['<', '(', '{', ',']).unwrap_or(word.len());
    word[..end].trim_end_matches(':')
}

fn owner(path: &str) -> Option<&str> {
    path.rsplit_once("::").map(|(owner, _)| owner)
}

fn last_two(path: &str) -> String {
    let parts: Vec<&str> = path.rsplitn(3, "::").take(2).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("::")
}

/// Returns the items of the library's traits that have a default, such as `Trait::item`. If rustdoc's format is
/// unknown, it is none.
fn provided(dir: &Path) -> BTreeSet<String> {
    let described = rustdoc::libraries().ok().and_then(|all| all.iter().find(|library| dir == library.dir));
    let json = described.and_then(|library| fs::read_to_string(&library.json).ok());
    json.and_then(|json| serde_json::from_str(&json).ok())
        .map(|library| defaults(&library))
        .unwrap_or_default()
}

fn defaults(library: &Crate) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for item in library.index.values() {
        let (ItemEnum::Trait(inner), Some(owner)) = (&item.inner, &item.name) else { continue };
        let has_default = |inner: &ItemEnum| match inner {
            ItemEnum::Function(function) => function.has_body,
            ItemEnum::AssocConst { value, .. } => value.is_some(),
            ItemEnum::AssocType { type_, .. } => type_.is_some(),
            _ => false,
        };
        let items = inner.items.iter().filter_map(|id| library.index.get(id));
        let items = items.filter(|item| has_default(&item.inner)).filter_map(|item| item.name.as_deref());
        found.extend(items.map(|name| format!("{owner}::{name}")));
    }
    found
}

/// Returns the names in `[features]`.
fn features(manifest: &str) -> impl Iterator<Item = &str> {
    let section = manifest.lines().skip_while(|line| *line != "[features]").skip(1);
    let lines = section.take_while(|line| !line.starts_with('['));
    lines.filter(|line| !line.starts_with('#')).filter_map(|line| Some(line.split_once(" = ")?.0))
}

/// Returns the version of a workspace.
fn version(manifest: &str) -> Result<Version> {
    let line = manifest.lines().find_map(|line| line.strip_prefix("version = "));
    let version = line.context("the manifest of the workspace says no version")?;
    Ok(Version::parse(version.trim_matches('"'))?)
}

/// The repository of a checkout.
struct Git(PathBuf);

impl Git {
    /// Returns the tag with the highest version of those that the checkout descends from.
    fn last_release(&self) -> Result<Option<(String, Version)>> {
        let tags = self.lines(&["tag", "--list", "v*", "--merged", "HEAD"])?;
        let versions = tags.into_iter().filter_map(|tag| {
            let version = Version::parse(tag.strip_prefix('v')?).ok()?;
            version.pre.is_empty().then_some((tag, version))
        });
        Ok(versions.max_by(|one, other| one.1.cmp(&other.1)))
    }

    fn file(&self, tag: &str, path: &str) -> Result<String> {
        let output = Run::new("git").arg("show").arg(format!("{tag}:{path}")).in_dir(&self.0).output()?;
        ensure!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr).trim_end());
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Returns what git prints; nothing if there is no repository.
    fn lines(&self, args: &[&str]) -> Result<Vec<String>> {
        let output = Run::new("git").args(args).in_dir(&self.0).output()?;
        Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests;
