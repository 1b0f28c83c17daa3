//! Rules for comments and documentation in Rust files: the length of a sentence, and the width of a line.

use super::Problem;
use super::sentences;
use super::tree::Tree;

/// The width limit of a line with a comment, in characters from the left margin.
const WIDEST: usize = 120;

/// The kinds of comments, the longer prefix first.
const KINDS: &[&str] = &["//!", "///", "//"];

/// Checks every Rust file, tests too.
pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    tree.ending(".rs").flat_map(|(path, text)| problems(path, text)).collect()
}

fn problems(path: &str, source: &str) -> Vec<Problem> {
    let mut problems = wide(path, source);
    for (before, text) in blocks(source) {
        problems.extend(sentences::long(path, &text).into_iter().map(|found| found.after(before)));
    }
    problems
}

fn wide(path: &str, source: &str) -> Vec<Problem> {
    let lines = source.lines().enumerate().filter(|(_, line)| comment(line).is_some());
    let widths = lines.map(|(at, line)| (at + 1, line.chars().count()));
    let problem = |(line, width)| {
        Problem::new(
            path,
            line,
            format!("a comment of {width} characters, more than {WIDEST}: break the line"),
        )
    };
    widths.filter(|(_, width)| *width > WIDEST).map(problem).collect()
}

/// Returns the text of each run of comments of one kind as Markdown, with the number of lines before it.
fn blocks(source: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut last = None;
    for (at, line) in source.lines().enumerate() {
        let comment = comment(line);
        let kind = comment.map(|(kind, _)| kind);
        if let Some((_, text)) = comment {
            if kind != last {
                found.push((at, String::new()));
            }
            if let Some((_, block)) = found.last_mut() {
                block.push_str(text);
                block.push('\n');
            }
        }
        last = kind;
    }
    found
}

/// Returns the kind and the text of a line that is a comment. A comment behind code is short, and not read.
fn comment(line: &str) -> Option<(&'static str, &str)> {
    let line = line.trim_start();
    KINDS.iter().find_map(|kind| line.strip_prefix(kind).map(|text| (*kind, text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "This sentence has one two three four five six seven eight nine ten eleven twelve\n\
                        thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty and some more words.";

    /// Returns the lines of the problems of a file in which the text stands as comments of a kind.
    fn lines_of(kind: &str, text: &str) -> Vec<usize> {
        let comments: String = text.lines().map(|line| format!("    {kind} {line}\n")).collect();
        let source = format!("//! A file.\n\n{comments}    fn f() {{}}\n");
        problems("a.rs", &source).iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn a_long_sentence_of_any_kind_of_comment_is_a_problem_at_its_paragraph() {
        for kind in KINDS {
            assert_eq!(lines_of(kind, LONG), [3], "{kind}");
            assert_eq!(lines_of(kind, &format!("Short.\n\n{LONG}")), [5], "{kind}");
        }
    }

    #[test]
    fn comments_of_two_kinds_or_with_code_between_are_two_texts() {
        let (first, second) = LONG.split_once('\n').unwrap();
        let apart = |between: &str| format!("//! A file.\n/// {first}\n{between}// {second}\n");
        assert_eq!(problems("a.rs", &apart("")), []);
        assert_eq!(problems("a.rs", &apart("fn f() {}\n").replace("///", "//")), []);
        assert_eq!(problems("a.rs", &apart("").replace("///", "//")).len(), 1);
    }

    #[test]
    fn names_examples_and_strings_are_no_sentences() {
        let linked = |count| "[`a`], [`b::c`](a::b::c), `d e f`,\n".repeat(count);
        assert_eq!((lines_of("///", &linked(8)), lines_of("///", &linked(9))), (vec![], vec![3]));
        assert_eq!(lines_of("///", &format!("```\n{LONG}\n```")), [0; 0]);
        assert_eq!(problems("a.rs", &format!("//! A file.\nconst A: &str = \"{LONG}\";\n")), []);
    }

    #[test]
    fn a_wide_comment_is_a_problem_and_wide_code_is_rustfmts() {
        let wide = |kind: &str, width: usize| format!("{kind}{}\n", "ü".repeat(width - kind.len()));
        for kind in ["//! ", "    /// ", "// "] {
            assert_eq!(problems("a.rs", &wide(kind, WIDEST)), [], "{kind}");
            assert!(problems("a.rs", &wide(kind, WIDEST + 1))[0].what.contains("121 characters"), "{kind}");
        }
        assert_eq!(problems("a.rs", &wide("let a = ", WIDEST + 1)), []);
    }
}
