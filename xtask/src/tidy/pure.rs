//! Rules for the pure crates: each has the same clock ban and the same lints.

use super::tree::Tree;
use super::{PURE, Problem};

/// The simulation is deterministic, so the ban is in force there too.
const SIMULATION: &str = "xtask/simulate/clippy.toml";

/// The minimum bans in the `clippy.toml` of every pure crate.
const BANNED: &[&str] =
    &["std::time::Instant::now", "std::time::SystemTime::now", "std::thread::sleep", "std::env::var"];

/// The lints that every pure crate enables, each with the reason.
const LINTS: &[(&str, &str)] = &[
    ("clippy::unwrap_used", NO_PANIC),
    ("clippy::expect_used", NO_PANIC),
    ("clippy::panic", NO_PANIC),
    ("clippy::alloc_instead_of_core", LITTLE_STD),
    ("clippy::std_instead_of_alloc", LITTLE_STD),
    ("clippy::std_instead_of_core", LITTLE_STD),
];
const NO_PANIC: &str = "no input may panic";
const LITTLE_STD: &str = "`std` is for what `core` and `alloc` lack";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let model = format!("crates/{}/clippy.toml", PURE[0]);
    for name in PURE {
        let clippy = format!("crates/{name}/clippy.toml");
        match tree.text(&clippy) {
            None => problems.push(Problem::new(&clippy, 0, format!("is missing: copy {model}"))),
            Some(text) => {
                bans(&clippy, text, &mut problems);
                if let Some(line) = tree.text(&model).and_then(|model| first_difference(model, text)) {
                    problems.push(Problem::new(
                        &clippy,
                        line,
                        format!("differs from {model}: make them the same"),
                    ));
                }
            }
        }
        let root = format!("crates/{name}/src/lib.rs");
        lints(&root, tree.text(&root).unwrap_or_default(), &mut problems);
    }
    let list = |path| tree.text(path).map(|text| text.lines().filter(|line| !line.starts_with('#')));
    if !list(SIMULATION).is_some_and(|there| list(&model).is_some_and(|here| here.eq(there))) {
        problems.push(Problem::new(SIMULATION, 0, format!("differs from {model}: make them the same")));
    }
    problems
}

fn bans(path: &str, text: &str, problems: &mut Vec<Problem>) {
    for banned in BANNED {
        let entry = format!("path = \"{banned}\"");
        let in_force = text.lines().any(|line| line.contains(&entry) && !line.trim_start().starts_with('#'));
        if !in_force {
            problems.push(Problem::new(path, 0, format!("does not ban `{banned}` under disallowed-methods")));
        }
    }
}

fn lints(path: &str, text: &str, problems: &mut Vec<Problem>) {
    let attributes: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let levels: Vec<&str> = ["#![warn(", "#![deny(", "#![forbid("]
        .iter()
        .flat_map(|level| attributes.split(level).skip(1))
        .filter_map(|rest| rest.split_once(")]").map(|(names, _)| names))
        .collect();
    for (lint, reason) in LINTS {
        if !levels.iter().flat_map(|names| names.split(',')).any(|name| name.trim() == *lint) {
            problems.push(Problem::new(path, 0, format!("switch on `{lint}` with #![warn(…)]: {reason}")));
        }
    }
}

/// Returns the first line, counted from 1, where two texts differ.
fn first_difference(one: &str, other: &str) -> Option<usize> {
    if one == other {
        return None;
    }
    Some(one.lines().zip(other.lines()).take_while(|(one, other)| one == other).count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIPPY: &str = "disallowed-methods = [\n    { path = \"std::time::Instant::now\" },\n    { path = \
                          \"std::time::SystemTime::now\" },\n    { path = \"std::thread::sleep\" },\n    { path = \
                          \"std::env::var\" },\n]\n";
    const ROOT: &str = "//! X.\n#![warn(\n    clippy::unwrap_used,\n    clippy::expect_used,\n    clippy::panic,\n    \
         clippy::alloc_instead_of_core,\n    clippy::std_instead_of_alloc,\n    clippy::std_instead_of_core\n)]\n";

    fn with(path: &str, text: &str) -> Vec<Problem> {
        let mut files: Vec<(String, &str)> = Vec::new();
        for name in PURE {
            files.push((format!("crates/{name}/clippy.toml"), CLIPPY));
            files.push((format!("crates/{name}/src/lib.rs"), ROOT));
        }
        files.push((SIMULATION.to_owned(), CLIPPY));
        files.push((path.to_owned(), text));
        check(&Tree::of(&files.iter().map(|(path, text)| (path.as_str(), *text)).collect::<Vec<_>>()))
    }

    #[test]
    fn three_equal_lists_and_the_lints_are_fine() {
        assert_eq!(with("README.md", ""), []);
    }

    #[test]
    fn a_list_that_differs_is_a_problem_at_the_line_where_it_does() {
        let found =
            with("crates/device-flow/clippy.toml", &CLIPPY.replace("Instant::now\"", "Instant::now\" "));
        assert_eq!((found.len(), found[0].line), (1, 2));
        let found = with(SIMULATION, &CLIPPY.replace("sleep", "wake"));
        assert_eq!((found.len(), found[0].file.as_str()), (1, SIMULATION));
    }

    #[test]
    fn a_ban_that_is_commented_out_is_a_problem() {
        let text =
            CLIPPY.replace("    { path = \"std::thread::sleep\"", "    # { path = \"std::thread::sleep\"");
        let found = with("crates/device-authority/clippy.toml", &text);
        assert!(
            found.iter().any(|problem| problem.what.contains("does not ban `std::thread::sleep`")),
            "{found:?}"
        );
    }

    #[test]
    fn a_lint_that_is_off_is_a_problem() {
        let found = with("crates/oidc-proto/src/lib.rs", &ROOT.replace("clippy::panic", "// clippy::panic"));
        assert_eq!(found.len(), 1);
        assert!(found[0].what.contains("clippy::panic"));
    }

    #[test]
    fn a_missing_list_is_a_problem() {
        assert!(check(&Tree::of(&[])).iter().any(|problem| problem.what.contains("is missing")));
    }
}
