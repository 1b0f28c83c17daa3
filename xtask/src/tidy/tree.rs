//! The files of the checkout, read once for all rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The directories of generated files. `.gitignore` has the same, but a source archive has no git.
const MADE: &[&str] = &["target", ".git", "artifacts", "corpus-work", "__pycache__", "node_modules"];

/// Every file and directory, by its path from the root with `/` between the parts.
pub(super) struct Tree {
    texts: BTreeMap<String, String>,
    paths: BTreeSet<String>,
}

impl Tree {
    /// Reads the checkout.
    ///
    /// # Errors
    ///
    /// A file or directory cannot be read.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut tree = Self { texts: BTreeMap::new(), paths: BTreeSet::new() };
        let mut dirs = vec![String::new()];
        while let Some(dir) = dirs.pop() {
            let listing = fs::read_dir(root.join(&dir)).with_context(|| format!("cannot list `{dir}`"))?;
            for entry in listing {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let path = if dir.is_empty() { name.clone() } else { format!("{dir}/{name}") };
                if entry.file_type()?.is_dir() {
                    if !MADE.contains(&name.as_str()) {
                        tree.paths.insert(path.clone());
                        dirs.push(path);
                    }
                } else {
                    tree.paths.insert(path.clone());
                    // A file that is not text, such as one of a fuzzer's corpus, has no lines to check.
                    if let Ok(text) = fs::read_to_string(entry.path()) {
                        tree.texts.insert(path, text);
                    }
                }
            }
        }
        Ok(tree)
    }

    /// Returns the number of text files.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// Returns the text of a file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Returns every text file, by path.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Returns the text files whose path has this end.
    pub(super) fn ending(&self, end: &str) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(move |(path, _)| path.ends_with(end))
    }

    /// Returns every file and directory.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(String::as_str)
    }
}

#[cfg(test)]
impl Tree {
    /// Creates a checkout for a test.
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self { texts: BTreeMap::new(), paths: BTreeSet::new() };
        for (path, text) in files {
            tree.texts.insert((*path).to_owned(), (*text).to_owned());
            tree.paths.insert((*path).to_owned());
            for (at, _) in path.match_indices('/') {
                tree.paths.insert(path[..at].to_owned());
            }
        }
        tree
    }
}
