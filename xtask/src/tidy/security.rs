//! Rules for `SECURITY.md`: each defence in its tables names its tests, and each test that it names exists.
//!
//! A cell of the column is a list of names in backticks. A path is a file of tests. A name after it is a test of that
//! file. A command names a step of `cargo xtask test`.

use super::Problem;
use super::tree::Tree;
use crate::test::STEPS;

const PAGE: &str = "SECURITY.md";
/// The header of the column.
const COLUMN: &str = "tested by";
/// The beginning of a command that runs a step.
const STEP: &str = "cargo xtask test --only ";
/// The folder of the fuzz targets, which are tests without a name.
const FUZZ: &str = "fuzz/fuzz_targets/";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let Some(text) = tree.text(PAGE) else { return Vec::new() };
    let mut problems = Vec::new();
    let (mut column, mut tables) = (None, 0);
    for (at, line) in text.lines().enumerate() {
        let Some(cells) = cells(line) else {
            column = None;
            continue;
        };
        if let Some(found) = cells.iter().position(|cell| *cell == COLUMN) {
            column = Some(found);
            tables += 1;
        } else if let Some(column) = column
            && !cells[0].starts_with("---")
        {
            let cell = cells.get(column).copied().unwrap_or_default();
            problems.extend(wrong_names(tree, cell).into_iter().map(|what| Problem::new(PAGE, at + 1, what)));
        }
    }
    if tables == 0 {
        problems.push(Problem::new(PAGE, 0, format!("has no table with the column `{COLUMN}`")));
    }
    problems
}

/// Returns the cells of a row of a table.
fn cells(line: &str) -> Option<Vec<&str>> {
    let row = line.trim().strip_prefix('|')?;
    Some(row.trim_end_matches('|').split('|').map(str::trim).collect())
}

fn wrong_names(tree: &Tree, cell: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut file: Option<&str> = None;
    let mut names = cell.split('`').skip(1).step_by(2).peekable();
    if names.peek().is_none() {
        wrong.push(
            "a defence names its test: `a/file.rs` `a_test_of_it`, or the command of a step".to_owned(),
        );
    }
    while let Some(name) = names.next() {
        if let Some(step) = name.strip_prefix(STEP) {
            file = None;
            if STEPS.iter().all(|known| known.name != step) {
                wrong.push(format!("`{step}` is no step of the tests"));
            }
        } else if name.contains('/') {
            file = tree.text(name).map(|_| name);
            let is_named_further = names.peek().is_some_and(|next| !next.contains('/'));
            match tree.text(name) {
                None => wrong.push(format!("`{name}` does not exist")),
                Some(text) if !is_named_further && !has_tests(name, text) => {
                    wrong.push(format!("`{name}` has no test"));
                }
                Some(_) => {}
            }
        } else {
            match file.and_then(|file| tree.text(file).map(|text| (file, text))) {
                Some((_, text)) if is_test(text, name) => {}
                Some((file, _)) => wrong.push(format!("`{file}` has no test `{name}`")),
                None => wrong.push(format!("name the file of `{name}` before it")),
            }
        }
    }
    wrong
}

fn has_tests(file: &str, text: &str) -> bool {
    file.starts_with(FUZZ) || text.lines().any(is_attribute) || text.contains("    def test_")
}

/// Returns whether the text has this test: of Rust, of both adapters by `for_both_adapters!`, or of Python.
fn is_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let defines = |line: &str, start: &str| {
        line.strip_prefix(start)
            .is_some_and(|rest| rest.starts_with(name) && rest[name.len()..].starts_with(['(', '<']))
    };
    lines.iter().enumerate().any(|(at, line)| {
        if defines(line, "def ") {
            return name.starts_with("test_");
        }
        if !(defines(line, "fn ") || defines(line, "async fn ")) {
            return false;
        }
        let above =
            lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        let is_listed =
            || text.contains("for_both_adapters!") && lines.iter().any(|line| *line == format!("{name},"));
        above.into_iter().any(|line| is_attribute(line)) || is_listed()
    })
}

fn is_attribute(line: &str) -> bool {
    let line = line.trim();
    line == "#[test]" || line.starts_with("#[tokio::test")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: &str = "//! Tests.\n\n#[test]\nfn one_is_one() {\n}\n\nfn helper() {}\n\n#[tokio::test]\n// Why.\n\
                         async fn two_is_two() {}\n\nfn of_both<A: Adapter>() {}\nfor_both_adapters! {\n    of_both,\n}\n";

    fn problems(cell: &str) -> Vec<String> {
        let page =
            format!("# Security\n\n| threat | defence | tested by |\n|---|---|---|\n| a | b | {cell} |\n");
        let python = "class A:\n    def test_it(self):\n        pass\n    def helper(self):\n        pass\n";
        let tree = Tree::of(&[
            (PAGE, &page),
            ("a/tests.rs", TESTS),
            ("a/code.rs", "fn f() {}\n"),
            ("a/test_a.py", python),
            ("fuzz/fuzz_targets/x.rs", "fuzz_target!(f);\n"),
        ]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn tests_that_exist_are_fine() {
        for cell in [
            "`a/tests.rs` `one_is_one`, `two_is_two`, `of_both`",
            "`a/tests.rs`, `a/test_a.py` `test_it`",
            "`cargo xtask test --only tidy`; `fuzz/fuzz_targets/x.rs`",
        ] {
            assert_eq!(problems(cell), [""; 0], "{cell}");
        }
    }

    #[test]
    fn a_missing_name_is_found_at_its_line() {
        for (cell, what) in [
            ("", "a defence names its test"),
            ("by hand", "a defence names its test"),
            ("`a/gone.rs`", "`a/gone.rs` does not exist"),
            ("`a/gone.rs` `one_is_one`", "`a/gone.rs` does not exist"),
            ("`a/code.rs`", "`a/code.rs` has no test"),
            ("`a/tests.rs` `three_is_three`", "`a/tests.rs` has no test `three_is_three`"),
            ("`a/tests.rs` `one_is`", "`a/tests.rs` has no test `one_is`"),
            ("`a/tests.rs` `helper`", "`a/tests.rs` has no test `helper`"),
            ("`a/test_a.py` `helper`", "`a/test_a.py` has no test `helper`"),
            ("`one_is_one`", "name the file of `one_is_one` before it"),
            ("`a/tests.rs`, `cargo xtask test --only tidy`, `one_is_one`", "name the file of `one_is_one`"),
            ("`cargo xtask test --only tdy`", "`tdy` is no step"),
        ] {
            let found = problems(cell);
            assert!(found[0].starts_with(&format!("SECURITY.md:5: {what}")), "{cell}: {found:?}");
        }
    }

    #[test]
    fn a_page_without_such_a_table_is_a_problem() {
        let found = check(&Tree::of(&[(PAGE, "# Security\n\n| a | b |\n|---|---|\n| c | d |\n")]));
        assert_eq!(found.len(), 1);
        assert!(found[0].what.contains("no table"));
    }
}
