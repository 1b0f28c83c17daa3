//! `cargo xtask tidy`: the house rules that the compiler and clippy do not check.
//!
//! Each rule is a function from the files to the problems, and has a test with a wrong input. All rules also run as a
//! test in `cargo test`.

mod arrows;
mod comments;
mod docs;
mod manifests;
mod manual;
mod publishing;
mod pure;
mod rust;
mod security;
mod sentences;
mod sources;
mod text;
mod tree;
mod versions;

use std::fmt;

use anyhow::{Result, bail};

use self::arrows::Graph;
use self::tree::Tree;
use crate::{TASKS, workspace};

/// The crates that do no I/O and read no clock.
pub(crate) const PURE: &[&str] = &["oidc-proto", "device-flow", "device-authority"];

/// A violation of a rule: its place, and what to do.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    file: String,
    /// The line, counted from 1; 0 is the whole file.
    line: usize,
    what: String,
}

impl Problem {
    fn new(file: &str, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into() }
    }

    /// Moves the problem down, where its text begins after so many lines of the file.
    fn after(mut self, lines: usize) -> Self {
        self.line += lines;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.what),
            line => write!(f, "{}:{line}: {}", self.file, self.what),
        }
    }
}

/// `cargo xtask tidy`
pub(crate) fn task(_: &[String]) -> Result<()> {
    step()
}

/// Checks every rule on the whole checkout.
pub(crate) fn step() -> Result<()> {
    let (tree, problems) = check()?;
    for problem in &problems {
        println!("{problem}");
    }
    match problems.len() {
        0 => {
            println!("tidy: {} files, no problem", tree.len());
            Ok(())
        }
        1 => bail!("tidy: 1 problem"),
        some => bail!("tidy: {some} problems"),
    }
}

fn check() -> Result<(Tree, Vec<Problem>)> {
    let tree = Tree::read(workspace::root())?;
    let graph = Graph::of(workspace::metadata()?);
    let tasks: Vec<&str> = TASKS.iter().map(|task| task.name).collect();

    let mut problems = arrows::check(&graph, &tree);
    problems.extend(pure::check(&tree));
    problems.extend(sources::check(&tree));
    problems.extend(manifests::check(&tree));
    problems.extend(publishing::check(&tree));
    problems.extend(versions::check(&tree));
    problems.extend(docs::check(&tree, &graph.members(), &tasks));
    problems.extend(manual::check(&tree));
    problems.extend(security::check(&tree));
    problems.extend(sentences::check(&tree));
    problems.extend(comments::check(&tree));
    problems.sort();
    problems.dedup();
    Ok((tree, problems))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkout_is_tidy() {
        let (_, problems) = check().unwrap();
        let list: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
        assert!(problems.is_empty(), "{list}");
    }

    #[test]
    fn a_problem_reads_like_a_compilers() {
        assert_eq!(Problem::new("a/b.rs", 7, "too long").to_string(), "a/b.rs:7: too long");
        assert_eq!(Problem::new("a/b.rs", 0, "too long").to_string(), "a/b.rs: too long");
    }
}
