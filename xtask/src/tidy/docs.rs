//! Rules for the documents: the files, tasks and targets that they name must exist.

use super::Problem;
use super::manifests::rust_version;
use super::manual::{chapters, saved};
use super::text::{Mention, expand, matches, mentions};
use super::tree::Tree;
use crate::footprint::TABLE;

/// The documents for newcomers. The marked ones must exist.
const DOCUMENTS: &[(&str, bool)] = &[
    ("README.md", true),
    ("ARCHITECTURE.md", true),
    ("CONTRIBUTING.md", true),
    ("SECURITY.md", true),
    ("CHANGELOG.md", false),
];

/// The page that a newcomer reads in one sitting: its limits in lines, and in characters of a line.
const ARCHITECTURE: (&str, usize, usize) = ("ARCHITECTURE.md", 155, 140);

/// The suffixes of names in backticks that must be files of this repository.
const FILE_ENDS: &[&str] = &[".rs", ".toml", ".md", ".py", ".lock", ".html", ".css"];

/// The first parts of texts that look like a path, but are not one.
const NOT_PATHS: &[&str] = &["application", "text", "image", "multipart", "target", "..", "~", "."];

pub(super) fn check(tree: &Tree, members: &[&str], tasks: &[&str]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (document, must_exist) in DOCUMENTS {
        match tree.text(document) {
            Some(text) => names(tree, document, text, tasks, &mut problems),
            None if *must_exist => problems.push(Problem::new(document, 0, "is missing")),
            None => {}
        }
    }
    for (chapter, text) in chapters(tree) {
        names(tree, chapter, text, tasks, &mut problems);
    }
    tasks_in_comments(tree, tasks, &mut problems);
    architecture_is_short(tree, &mut problems);
    every_crate_is_told_of(tree, members, &mut problems);
    rust_versions(tree, &mut problems);
    measured(tree, &mut problems);
    problems
}

/// Checks that the README has the last measured table.
fn measured(tree: &Tree, problems: &mut Vec<Problem>) {
    let (Some(table), Some(readme)) = (tree.text(TABLE), tree.text("README.md")) else { return };
    if !readme.contains(table.trim_end()) {
        problems.push(Problem::new(
            "README.md",
            0,
            format!("does not have the table of `{TABLE}` as it is there"),
        ));
    }
}

fn names(tree: &Tree, document: &str, text: &str, tasks: &[&str], problems: &mut Vec<Problem>) {
    let folder = document.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    for (line, mention) in mentions(text) {
        match mention {
            Mention::Span(span) if saved(text).any(|name| name == span) => {}
            Mention::Span(span) => {
                if let Some(path) = path_in(tree, span).filter(|path| !exists(tree, path)) {
                    problems.push(Problem::new(
                        document,
                        line,
                        format!("names `{path}`, which does not exist"),
                    ));
                }
            }
            Mention::Link(link) => {
                let path = link.split('#').next().unwrap_or(link).trim_end_matches('/');
                if !path.is_empty()
                    && !path.contains(':')
                    && !tree.paths().any(|there| there == format!("{folder}{path}"))
                {
                    problems.push(Problem::new(
                        document,
                        line,
                        format!("links to `{path}`, which does not exist"),
                    ));
                }
            }
            Mention::Fenced(_) => {}
        }
        let (Mention::Span(text) | Mention::Fenced(text) | Mention::Link(text)) = mention;
        if let Some(task) = unknown_task(text, tasks) {
            problems.push(Problem::new(document, line, format!("`cargo xtask {task}` does not exist")));
        }
    }
}

/// Returns the repository path that a code span names, if any.
fn path_in<'a>(tree: &Tree, span: &'a str) -> Option<&'a str> {
    let path = span.split(':').next().unwrap_or(span).trim_end_matches('/');
    let odd = |c: char| c.is_whitespace() || "<>$=\"'()|?&@\\…".contains(c);
    if path.is_empty()
        || span.contains("::")
        || span.contains("://")
        || path.starts_with('/')
        || path.contains(odd)
    {
        return None;
    }
    let first = path.split('/').next().unwrap_or(path);
    if NOT_PATHS.contains(&first) {
        return None;
    }
    let in_the_tree = path.contains('/') && (first == "crates" || tree.paths().any(|there| there == first));
    let file = FILE_ENDS.iter().any(|end| path.len() > end.len() && path.ends_with(end));
    (in_the_tree || file).then_some(path)
}

/// Returns whether the path exists below the root or, like `src/lib.rs` in a crate's section, further down. A part in
/// capitals is a placeholder: `crates/NAME` is any crate.
fn exists(tree: &Tree, path: &str) -> bool {
    let placeholder = |part: &str| part.len() > 1 && part.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let parts: Vec<&str> = path.split('/').map(|part| if placeholder(part) { "*" } else { part }).collect();
    expand(&parts.join("/")).iter().all(|pattern| {
        let anywhere = format!("**/{pattern}");
        tree.paths().any(|there| matches(&anywhere, there))
    })
}

/// Returns the unknown task of a `cargo xtask TASK`.
fn unknown_task<'a>(text: &'a str, tasks: &[&str]) -> Option<&'a str> {
    text.match_indices("cargo xtask ").find_map(|(at, before)| {
        let rest = &text[at + before.len()..];
        let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c == '-')).unwrap_or(rest.len());
        let task = &rest[..end];
        (!task.is_empty() && !tasks.contains(&task)).then_some(task)
    })
}

fn tasks_in_comments(tree: &Tree, tasks: &[&str], problems: &mut Vec<Problem>) {
    let documents = |path: &str| DOCUMENTS.iter().any(|(document, _)| *document == path);
    for (path, text) in tree.texts().filter(|(path, _)| !documents(path) && *path != "xtask/src/tidy/docs.rs")
    {
        for (at, line) in text.lines().enumerate() {
            let quoted = line.match_indices("`cargo xtask ").map(|(from, _)| &line[from..]);
            if let Some(task) = quoted.filter_map(|text| unknown_task(text, tasks)).next() {
                problems.push(Problem::new(path, at + 1, format!("`cargo xtask {task}` does not exist")));
            }
        }
    }
}

/// Checks the length, and the width too: longer lines would be no shorter page.
fn architecture_is_short(tree: &Tree, problems: &mut Vec<Problem>) {
    let (page, most, widest) = ARCHITECTURE;
    let Some(text) = tree.text(page) else { return };
    let lines = text.lines().count();
    if lines > most {
        let what = format!("{lines} lines, more than {most}: take out what the code's documentation says");
        problems.push(Problem::new(page, 0, what));
    }
    for (at, width) in text.lines().map(|line| line.chars().count()).enumerate() {
        if width > widest {
            let what = format!("{width} characters, more than {widest}: break the line");
            problems.push(Problem::new(page, at + 1, what));
        }
    }
}

fn every_crate_is_told_of(tree: &Tree, members: &[&str], problems: &mut Vec<Problem>) {
    let Some(text) = tree.text("ARCHITECTURE.md") else { return };
    let spans = mentions(text);
    for member in members {
        let told = spans.iter().any(|(_, mention)| match mention {
            Mention::Span(span) => span.split('/').any(|part| part == *member),
            Mention::Fenced(line) => {
                line.split(|c: char| !(c.is_alphanumeric() || c == '-')).any(|word| word == *member)
            }
            Mention::Link(link) => link.split('/').any(|part| part == *member),
        });
        if !told {
            problems.push(Problem::new("ARCHITECTURE.md", 0, format!("says nothing of `{member}`")));
        }
    }
}

fn rust_versions(tree: &Tree, problems: &mut Vec<Problem>) {
    let Some(declared) = rust_version(tree) else { return };
    let documents = DOCUMENTS.iter().filter_map(|(document, _)| Some((*document, tree.text(document)?)));
    for (document, text) in documents.chain(chapters(tree)) {
        for (at, line) in text.lines().enumerate() {
            for (from, _) in line.match_indices("Rust 1.") {
                let version = &line[from + "Rust ".len()..];
                let end = version.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(version.len());
                let version = version[..end].trim_end_matches('.');
                if version != declared {
                    let what = format!("says Rust {version}, and Cargo.toml declares {declared}");
                    problems.push(Problem::new(document, at + 1, what));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the problems of a README in a small repository.
    fn problems(readme: &str) -> Vec<String> {
        let tree = Tree::of(&[
            ("README.md", readme),
            ("ARCHITECTURE.md", "`crates/a`\n"),
            ("CONTRIBUTING.md", ""),
            ("SECURITY.md", ""),
            ("Cargo.toml", "[workspace.package]\nrust-version = \"1.89\"\n"),
            ("crates/a/src/lib.rs", ""),
            ("crates/a/src/wire/mod.rs", ""),
            (".ci/run", ""),
        ]);
        check(&tree, &["a"], &["test", "tidy"]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_of_what_is_there_are_fine() {
        let readme = "`crates/a`, `crates/a/src/`, `crates/*/src/lib.rs`, `crates/NAME/src`, `src/lib.rs:12`, `lib.rs`,\n\
                      `crates/a/src/{lib.rs,wire}`, `.ci/run`, [the code](crates/a/src/lib.rs#L3), [up](#top).";
        assert_eq!(problems(readme), [""; 0]);
    }

    #[test]
    fn what_is_no_path_is_left_alone() {
        let readme = "`application/json`, `/token`, `https://example.com/a.rs`, `~/.aws/config.toml`, `Option::None`,\n\
                      `target/doc/index.html`, `aws/aws-cli`, `a / b`, `client/register`, `.rs`, `<dir>/x.rs`.";
        assert_eq!(problems(readme), [""; 0]);
    }

    #[test]
    fn names_of_what_is_not_there_are_problems_at_their_line() {
        for name in ["crates/b", "crates/a/src/gone.rs", "gone.toml", "crates/*/gone", "crates/a/{src,gone}"]
        {
            let found = problems(&format!("Hello.\n\nSee `{name}`."));
            assert_eq!(found.len(), 1, "{name}");
            assert!(found[0].starts_with("README.md:3: names"), "{found:?}");
        }
        assert!(problems("[x](docs/gone.md)")[0].contains("links to"));
    }

    #[test]
    fn a_task_that_does_not_exist_is_a_problem() {
        assert_eq!(problems("Run `cargo xtask test --fast`."), [""; 0]);
        assert_eq!(problems("Run `cargo xtask tst`."), ["README.md:1: `cargo xtask tst` does not exist"]);
        assert_eq!(
            problems("```sh\ncargo xtask tst\n```"),
            ["README.md:2: `cargo xtask tst` does not exist"]
        );
    }

    #[test]
    fn a_chapter_of_the_manual_names_what_is_there_or_what_its_reader_saves() {
        let [first, second] = ["first.md", "second.md"].map(|name| format!("crates/manual/chapters/{name}"));
        let found = |text: &str| {
            let tree = Tree::of(&[(&first, text), (&second, "# Second\n")]);
            let mut problems = Vec::new();
            names(&tree, &first, text, &["test"], &mut problems);
            problems.iter().map(|problem| problem.line).collect::<Vec<_>>()
        };
        let fine = "[a](second.md#b), [c](#d), `first.md`, `cargo xtask test`\n\nSave this as `mine.toml`:\n\n`mine.toml`\n";
        assert_eq!(found(fine), [0; 0]);
        assert_eq!(found("[a](third.md)\n\n`other.toml`\n\n`cargo xtask tst`\n"), [1, 3, 5]);
    }

    #[test]
    fn a_task_in_a_comment_is_checked_too() {
        let tree = Tree::of(&[("x.rs", "// see `cargo xtask tst`\n")]);
        assert!(check(&tree, &[], &["test"]).iter().any(|problem| problem.file == "x.rs"));
    }

    #[test]
    fn a_crate_that_the_architecture_leaves_out_is_a_problem() {
        let documents = [("README.md", ""), ("CONTRIBUTING.md", ""), ("SECURITY.md", "")];
        let tree = Tree::of(&[&documents[..], &[("ARCHITECTURE.md", "`ab`")]].concat());
        assert!(check(&tree, &["a"], &[])[0].what.contains("says nothing of `a`"));
    }

    #[test]
    fn a_long_or_wide_architecture_is_a_problem() {
        let (page, most, widest) = ARCHITECTURE;
        let found = |text: &str| {
            let mut problems = Vec::new();
            architecture_is_short(&Tree::of(&[(page, text)]), &mut problems);
            problems.iter().map(|problem| problem.line).collect::<Vec<_>>()
        };
        let wide = "ü".repeat(widest);
        assert_eq!(found(&format!("{wide}\n").repeat(most)), [0; 0]);
        assert_eq!(found(&"\n".repeat(most + 1)), [0]);
        assert_eq!(found(&format!("short\n{wide}ü\n")), [2]);
    }

    #[test]
    fn another_rust_version_than_the_declared_one_is_a_problem() {
        assert_eq!(problems("Needs Rust 1.89."), [""; 0]);
        assert_eq!(
            problems("Needs Rust 1.88 or later."),
            ["README.md:1: says Rust 1.88, and Cargo.toml declares 1.89"]
        );
    }

    #[test]
    fn another_table_than_was_measured_is_a_problem() {
        let found = |readme: &str| {
            let mut problems = Vec::new();
            measured(&Tree::of(&[(TABLE, "| a |\n| 1 |\n"), ("README.md", readme)]), &mut problems);
            problems.len()
        };
        assert_eq!(found("Measured:\n\n| a |\n| 1 |\n\nMore.\n"), 0);
        assert_eq!(found("Measured:\n\n| a |\n| 2 |\n"), 1);
    }

    #[test]
    fn a_missing_document_is_a_problem() {
        assert_eq!(check(&Tree::of(&[]), &[], &[]).len(), 4);
    }
}
