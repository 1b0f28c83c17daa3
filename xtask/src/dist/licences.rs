//! The licences of all packages that are linked into the program, with the texts that their authors packed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::graph::Graph;

/// The first parts of names of files with licences, in small letters.
const NAMES: &[&str] = &["license", "licence", "copying", "copyright", "notice", "unlicense"];
/// The ends of names of files that are none, although they begin so.
const CODE: &[&str] = &[".rs", ".toml", ".json", ".yml", ".sh"];

/// Returns the document: a table, and every text once.
///
/// # Errors
///
/// A package cannot be read, or says no licence.
pub(super) fn list(graph: &Graph) -> Result<String> {
    let mut list = format!(
        "{} for {}: the packages that are linked in, and their licences\n\n",
        graph.root, graph.target
    );
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut without = Vec::new();
    let foreign = graph.nodes.iter().filter(|(_, node)| node.linked && node.package.source.is_some());
    for (key, node) in foreign {
        let package = &node.package;
        let licence = package.license.as_deref().with_context(|| format!("{key} says no licence"))?;
        writeln!(list, "{:<40} {licence}", key.to_string())?;
        let dir = package.manifest_path.parent().context("a manifest lies in a directory")?;
        let files = files(dir.as_std_path())?;
        if files.is_empty() {
            without.push(format!("{key}, {licence}, by {}", package.authors.join(", ")));
        }
        for (name, text) in files {
            texts.entry(text).or_default().push(format!("{key}: {name}"));
        }
    }
    if !without.is_empty() {
        list += "\nThese packages have no file with a licence. LICENSE-MIT and LICENSE-APACHE have the terms.\n\n";
        without.iter().for_each(|line| list += &format!("{line}\n"));
    }
    let mut texts: Vec<(Vec<String>, String)> = texts.into_iter().map(|(text, of)| (of, text)).collect();
    texts.sort_unstable();
    for (of, text) in texts {
        writeln!(list, "\n{}\n{}\n{}\n\n{text}", "=".repeat(80), of.join("\n"), "-".repeat(80))?;
    }
    Ok(list)
}

/// Returns the files with licences in a package, sorted: each with its path and its text.
fn files(package: &Path) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut dirs = vec![package.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).with_context(|| dir.display().to_string())? {
            let entry = entry?;
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().to_lowercase();
            if entry.file_type()?.is_dir() {
                dirs.push(path);
            } else if is_licence(&name) {
                let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
                let name = path.strip_prefix(package)?.to_string_lossy().replace('\\', "/");
                found.push((name, normal(&text)));
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn is_licence(name: &str) -> bool {
    NAMES.iter().any(|start| name.starts_with(start)) && !CODE.iter().any(|end| name.ends_with(end))
}

/// Returns the text without blanks at line ends and around it, so that equal texts are equal.
fn normal(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_foreign_package_is_listed_with_a_text_or_its_authors() {
        let graph = Graph::ours();
        let list = list(&graph).unwrap();
        let foreign = graph.nodes.iter().filter(|(_, node)| node.package.source.is_some());
        for (key, node) in foreign {
            let has_text = list.lines().any(|line| line.starts_with(&format!("{key}: ")));
            let has_authors = list.contains(&format!("{key}, MIT"));
            assert_eq!(has_text != has_authors, node.linked, "{key}");
        }
        assert!(list.contains("ring 0.17") && list.contains("third_party/fiat/LICENSE"));
    }

    #[test]
    fn a_text_that_many_packages_have_stands_there_once() {
        let list = list(&Graph::ours()).unwrap();
        let texts: Vec<&str> = list.split(&"=".repeat(80)).skip(1).collect();
        let mut bodies: Vec<&str> =
            texts.iter().filter_map(|text| text.split_once(&"-".repeat(80))).map(|t| t.1).collect();
        let all = bodies.len();
        bodies.sort_unstable();
        bodies.dedup();
        assert!(all > 20 && bodies.len() == all, "{all} texts, {} different", bodies.len());
    }

    #[test]
    fn names_of_licences_are_told_from_names_of_code() {
        for name in ["license", "license-mit", "licence.md", "copying", "notice.txt", "license-boringssl"] {
            assert!(is_licence(name), "{name}");
        }
        for name in ["license.rs", "readme.md", "mit.txt", "copyright.toml"] {
            assert!(!is_licence(name), "{name}");
        }
    }

    #[test]
    fn line_ends_and_blanks_make_no_other_text() {
        assert_eq!(normal("\n  MIT  \r\n\r\ntext\r\n\n"), "  MIT\n\ntext");
    }
}
