//! `cargo xtask public-api`: compares the public items of each library with its committed list.
//!
//! A list is made from rustdoc's JSON of the crate with all features, without blanket and auto trait implementations.
//! So every change of a public item shows up in review.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use public_api::Builder;

use crate::rustdoc;

/// The file name of the list, beside a crate's manifest.
pub(crate) const SNAPSHOT: &str = "public-api.txt";

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

/// Checks that the lists are up to date.
pub(crate) fn step() -> Result<()> {
    rustdoc::or_not_checked(listed().and_then(|libraries| compare(&libraries)))
}

/// The public items of one library, one per line.
struct Library {
    name: String,
    snapshot: PathBuf,
    items: String,
}

/// Returns the lists of every library of the workspace.
fn listed() -> Result<Vec<Library>> {
    let list = |library: &rustdoc::Described| {
        let items = items(&library.json).with_context(|| format!("the public items of {}", library.name))?;
        Ok(Library { snapshot: library.dir.join(SNAPSHOT), name: library.name.clone(), items })
    };
    rustdoc::libraries()?.iter().map(list).collect()
}

fn items(json: &Path) -> Result<String> {
    let api =
        Builder::from_rustdoc_json(json).omit_blanket_impls(true).omit_auto_trait_impls(true).build()?;
    Ok(api.items().map(|item| format!("{item}\n")).collect())
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

/// Returns the removed lines, with `-`, and the added ones, with `+`, sorted. Equal lines count separately, because
/// methods of two implementations may have the same text.
pub(crate) fn difference(committed: &str, now: &str) -> String {
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines.into_iter().peekable()
    };
    let (mut committed, mut now) = (sorted(committed), sorted(now));
    let mut difference = String::new();
    loop {
        let order = match (committed.peek(), now.peek()) {
            (Some(old), Some(new)) => old.cmp(new),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return difference,
        };
        let went = committed.next_if(|_| order.is_le());
        let came = now.next_if(|_| order.is_ge());
        match (went, came) {
            (Some(line), None) => difference += &format!("-{line}\n"),
            (None, Some(line)) => difference += &format!("+{line}\n"),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
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
    fn an_item_that_stands_twice_and_then_once_has_gone() {
        assert_eq!(difference("a\na\nb\n", "a\nb\n"), "-a\n");
        assert_eq!(difference("a\nb\n", "a\nb\nb\nb\n"), "+b\n+b\n");
    }

    #[test]
    fn another_order_is_no_change() {
        assert_eq!(difference("b\na\nc\n", "c\nb\na\n"), "");
    }
}
