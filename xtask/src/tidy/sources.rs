//! Rules for single source files.

use super::Problem;
use super::rust::code_only;
use super::tree::Tree;

/// The line limit of a file, without the examples in its documentation.
const LONGEST: usize = 450;

/// The page whose first paragraph names the files of a newcomer's route, and the line limit of each of them.
const ROUTE: (&str, usize) = ("ARCHITECTURE.md", 300);

/// The files that may be longer, each with the reason. An unnecessary entry is a problem too.
const MAY_BE_LONGER: &[(&str, &str)] = &[];

/// Forbidden texts in code, each with the alternative.
const LEFTOVERS: &[(&str, &str)] = &[
    ("todo!", "finish it, or take the stub out"),
    ("unimplemented!", "finish it, or make the case impossible"),
    ("dbg!", "take it out"),
    ("#[ignore]", "say why: #[ignore = \"…\"]"),
];

/// The beginnings of paths that exist on one machine only.
const MACHINE_PATHS: &[&str] = &[concat!("/", "root/"), concat!("/", "work/"), concat!("/", "home/")];
/// The names of fictional users, whose home directories examples and tests may show.
const USERS: &[&str] = &["a", "ada", "me", "user"];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.ending(".rs") {
        header(path, text, &mut problems);
        length(path, text, MAY_BE_LONGER, &mut problems);
        code(path, text, &mut problems);
    }
    for (path, text) in tree.texts() {
        machine_paths(path, text, &mut problems);
    }
    route(tree, &mut problems);
    for (path, _) in MAY_BE_LONGER {
        if tree.text(path).is_none() {
            problems.push(Problem::new(path, 0, "is on the list of long files and does not exist"));
        }
    }
    problems
}

/// The files of the newcomer's route are short.
fn route(tree: &Tree, problems: &mut Vec<Problem>) {
    let (page, limit) = ROUTE;
    let Some(text) = tree.text(page) else { return };
    let first = text.split("\n\n").nth(1).unwrap_or_default();
    let mut files = first.split('`').filter(|text| text.ends_with(".rs")).peekable();
    if files.peek().is_none() {
        problems.push(Problem::new(page, 0, "name the files of a newcomer's route in the first paragraph"));
    }
    for file in files {
        let lines = tree.text(file).unwrap_or_default().lines().count();
        if lines >= limit {
            let what = format!("{lines} lines: a file of the newcomer's route has fewer than {limit}");
            problems.push(Problem::new(file, 0, what));
        }
    }
}

fn header(path: &str, text: &str, problems: &mut Vec<Problem>) {
    if !text.starts_with("//! ") {
        problems.push(Problem::new(path, 1, "begin the file with `//!` and the one idea that it holds"));
    }
}

fn length(path: &str, text: &str, may_be_longer: &[(&str, &str)], problems: &mut Vec<Problem>) {
    let lines = lines_without_examples(text);
    let listed = may_be_longer.iter().any(|(long, _)| *long == path);
    if lines > LONGEST && !listed {
        let what = format!("{lines} lines, more than {LONGEST}: split it by idea, or list it with a reason");
        problems.push(Problem::new(path, 0, what));
    }
    if lines <= LONGEST && listed {
        problems.push(Problem::new(path, 0, "is short enough now: take it off the list of long files"));
    }
}

fn lines_without_examples(text: &str) -> usize {
    let mut in_example = false;
    let counts = |line: &&str| {
        let line = line.trim_start();
        let Some(doc) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) else {
            in_example = false;
            return true;
        };
        let is_fence = doc.trim_start().starts_with("```");
        in_example ^= is_fence;
        !(in_example || is_fence)
    };
    text.lines().filter(counts).count()
}

fn code(path: &str, text: &str, problems: &mut Vec<Problem>) {
    let Some(lines) = code_only(text) else {
        return problems.push(Problem::new(path, 0, "is not Rust: it cannot be read"));
    };
    for (at, line) in lines.iter().enumerate() {
        for (leftover, advice) in LEFTOVERS {
            if has_word(line, leftover) {
                problems.push(Problem::new(path, at + 1, format!("`{leftover}`: {advice}")));
            }
        }
        if has_word(line, "unsafe") {
            problems.push(Problem::new(path, at + 1, "`unsafe`: this project does without it"));
        }
    }
}

fn machine_paths(path: &str, text: &str, problems: &mut Vec<Problem>) {
    for (at, line) in text.lines().enumerate() {
        for prefix in MACHINE_PATHS {
            let real = |from: usize| {
                let (before, name) = (&line[..from], &line[from + prefix.len()..]);
                let name = name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
                !before.ends_with(|c: char| c.is_alphanumeric() || "._-~})".contains(c))
                    && !USERS.contains(&name)
            };
            if line.match_indices(prefix).any(|(from, _)| real(from)) {
                let what = format!(
                    "a path of one machine (`{prefix}…`): use a relative one, or that of a made-up person"
                );
                problems.push(Problem::new(path, at + 1, what));
            }
        }
    }
}

/// Returns whether the line contains `word`, but not as a part of a longer name.
fn has_word(line: &str, word: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        !(before.ends_with(inside) || word.ends_with(inside) && after.starts_with(inside))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_without_a_header_is_a_problem() {
        assert_eq!(problems("a.rs", "fn f() {}\n").len(), 1);
        assert_eq!(problems("a.rs", "//! One idea.\n").len(), 0);
    }

    #[test]
    fn a_long_file_on_the_newcomers_route_is_a_problem() {
        let long = format!("//! Long.\n{}", "// a line\n".repeat(ROUTE.1));
        let page = |text: &str| Tree::of(&[(ROUTE.0, text), ("a.rs", &long), ("b.rs", "//! Short.\n")]);
        assert!(check(&page("# Title\n\nRead `b.rs`.\n\nNot `a.rs`.\n")).is_empty());
        assert_eq!(check(&page("# Title\n\nRead `a.rs` and `b.rs`.\n"))[0].file, "a.rs");
        assert_eq!(check(&page("# Title\n\nRead the code.\n"))[0].file, ROUTE.0);
    }

    #[test]
    fn a_long_file_is_a_problem() {
        let text = format!("//! Long.\n{}", "// a line\n".repeat(LONGEST));
        assert!(problems("a.rs", &text)[0].contains("split it by idea"));
    }

    #[test]
    fn examples_in_documentation_do_not_make_a_file_long() {
        let example = "/// ```\n/// f();\n/// ```\n";
        let text = format!("//! Long.\n{}fn f() {{}}\n", example.repeat(LONGEST));
        assert_eq!(problems("a.rs", &text), [""; 0]);
        assert_eq!(
            lines_without_examples("//! X.\n/// A.\n/// ```\n/// f();\n/// ```\n/// B.\nfn f() {}\n"),
            4
        );
        assert_eq!(lines_without_examples("/// ```\n/// never closed\nfn f() {}\nfn g() {}\n"), 2);
    }

    #[test]
    fn a_listed_file_may_be_long_and_leaves_the_list_when_it_is_not() {
        let list = [("a.rs", "a table")];
        let mut found = Vec::new();
        length("a.rs", &"line\n".repeat(LONGEST + 1), &list, &mut found);
        assert_eq!(found, []);
        length("a.rs", "line\n", &list, &mut found);
        assert!(found[0].what.contains("take it off"));
    }

    #[test]
    fn leftovers_in_code_are_problems_and_in_prose_are_not() {
        for line in ["todo!()", "unimplemented!()", "dbg!(x)", "#[ignore]", "unsafe {}"] {
            assert_eq!(problems("a.rs", &format!("//! X.\n{line}\n")).len(), 1, "{line}");
            assert_eq!(problems("a.rs", &format!("//! X.\n// {line}\nf(\"{line}\");\n")).len(), 0, "{line}");
        }
        assert_eq!(
            problems("a.rs", "//! X.\n#[ignore = \"needs a display\"]\nfn not_unsafe_at_all() {}\n").len(),
            0
        );
    }

    #[test]
    fn a_path_of_one_machine_is_a_problem_in_any_text() {
        for prefix in MACHINE_PATHS {
            assert_eq!(problems("notes.md", &format!("see `{prefix}zoe/x`\n")).len(), 1, "{prefix}");
        }
        assert_eq!(problems("notes.md", &format!("see `{}ada/x`\n", MACHINE_PATHS[2])).len(), 0);
        assert_eq!(problems("notes.md", &format!("https://example.com{}x\n", MACHINE_PATHS[1])).len(), 0);
    }
}
