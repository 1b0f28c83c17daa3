//! Rules for the manual: each chapter is short and in the summary by its title, and each link leads to a heading.

use super::Problem;
use super::text::{Mention, mentions};
use super::tree::Tree;

/// The folder of the chapters.
pub(super) const CHAPTERS: &str = "crates/manual/chapters/";
const SUMMARY: &str = "SUMMARY.md";

/// The line limit of a chapter, which a reader follows in one sitting.
const LONGEST: usize = 149;

/// Returns the chapters, by path, without the summary.
pub(super) fn chapters(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.ending(".md").filter(|(path, _)| name(path).is_some_and(|name| name != SUMMARY))
}

/// Returns the name of a file of the manual.
fn name(path: &str) -> Option<&str> {
    path.strip_prefix(CHAPTERS)
}

/// Returns the names of the files that a reader saves, as the chapter says.
pub(super) fn saved(chapter: &str) -> impl Iterator<Item = &str> {
    chapter.lines().filter_map(|line| line.split_once("Save this as `")?.1.strip_suffix("`:"))
}

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in chapters(tree) {
        let lines = text.lines().count();
        if lines > LONGEST {
            problems.push(Problem::new(
                path,
                0,
                format!("{lines} lines, more than {LONGEST}: split the chapter"),
            ));
        }
        links(tree, path, text, &mut problems);
    }
    summary(tree, &mut problems);
    problems
}

/// Checks the headings that links name. `docs` checks the files.
fn links(tree: &Tree, path: &str, text: &str, problems: &mut Vec<Problem>) {
    for (line, mention) in mentions(text) {
        let Mention::Link(link) = mention else { continue };
        let Some((file, anchor)) = link.split_once('#').filter(|(file, _)| !file.contains(':')) else {
            continue;
        };
        let target = if file.is_empty() { Some(text) } else { tree.text(&format!("{CHAPTERS}{file}")) };
        if target.is_some_and(|text| !headings(text).any(|(_, heading)| anchor_of(heading) == anchor)) {
            problems.push(Problem::new(
                path,
                line,
                format!("links to `{link}`, and there is no such heading"),
            ));
        }
    }
}

fn summary(tree: &Tree, problems: &mut Vec<Problem>) {
    let path = format!("{CHAPTERS}{SUMMARY}");
    let Some(text) = tree.text(&path) else { return };
    let entries: Vec<(usize, &str, &str)> =
        text.lines().enumerate().filter_map(|(at, line)| entry(at + 1, line)).collect();
    for (line, title, file) in &entries {
        match tree.text(&format!("{CHAPTERS}{file}")) {
            None => problems.push(Problem::new(&path, *line, format!("`{file}` does not exist"))),
            Some(chapter)
                if !headings(chapter)
                    .next()
                    .is_some_and(|(level, heading)| level == 1 && heading == *title) =>
            {
                problems.push(Problem::new(
                    &path,
                    *line,
                    format!("`{file}` does not begin with the title `{title}`"),
                ));
            }
            Some(_) => {}
        }
    }
    for (chapter, _) in chapters(tree) {
        let times = entries.iter().filter(|(_, _, file)| name(chapter) == Some(file)).count();
        if times != 1 {
            problems.push(Problem::new(
                &path,
                0,
                format!("has `{chapter}` {times} times, and should have it once"),
            ));
        }
    }
}

/// Returns the line, the title and the file of an entry of the summary.
fn entry(at: usize, line: &str) -> Option<(usize, &str, &str)> {
    let (title, file) = line.trim().strip_prefix("- [")?.split_once("](")?;
    Some((at, title, file.strip_suffix(')')?))
}

/// Returns the level and the text of each heading.
fn headings(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().filter_map(move |line| {
        fenced ^= line.starts_with("```");
        let level = line.len() - line.trim_start_matches('#').len();
        let heading = line[level..].strip_prefix(' ')?;
        (level > 0 && !fenced).then_some((level, heading))
    })
}

/// Returns the name by which a link finds the heading in a book.
fn anchor_of(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(summary: &str, chapter: &str) -> Vec<String> {
        let [summary_path, chapter_path, other] =
            ["SUMMARY.md", "first.md", "second.md"].map(|name| format!("{CHAPTERS}{name}"));
        let tree = Tree::of(&[
            (&summary_path, summary),
            (&chapter_path, chapter),
            (&other, "# Second\n\n## In `it`, 2\n"),
        ]);
        check(&tree).iter().map(|problem| problem.to_string().replace(CHAPTERS, "")).collect()
    }

    const SUMMARY_OF_BOTH: &str = "# Summary\n\n- [First](first.md)\n- [Second](second.md)\n";

    #[test]
    fn links_to_files_and_headings_that_are_there_are_fine() {
        let chapter = "# First\n\n[a](second.md), [b](second.md#in-it-2), [c](#here), [d](https://a.example/#x)\n\n## Here\n";
        assert_eq!(problems(SUMMARY_OF_BOTH, chapter), [""; 0]);
    }

    #[test]
    fn a_link_to_no_heading_is_a_problem_at_its_line() {
        for (link, target) in [("second.md#it", "second.md#it"), ("#gone", "#gone"), ("#code", "#code")] {
            let found =
                problems(SUMMARY_OF_BOTH, &format!("# First\n\n[a]({link})\n\n```console\n# code\n```\n"));
            assert_eq!(found, [format!("first.md:3: links to `{target}`, and there is no such heading")]);
        }
    }

    #[test]
    fn a_long_chapter_is_a_problem() {
        let found = problems(SUMMARY_OF_BOTH, &format!("# First\n{}", "\n".repeat(LONGEST)));
        assert_eq!(found, ["first.md: 150 lines, more than 149: split the chapter"]);
    }

    #[test]
    fn the_summary_has_each_chapter_once_by_its_title_and_no_other() {
        let found = problems("- [First](first.md)\n- [Third](third.md)\n", "# First\n");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].ends_with("`third.md` does not exist") && found[1].contains("`second.md` 0 times"));
        let found = problems(&SUMMARY_OF_BOTH.replace("[First]", "[Other]"), "# First\n");
        assert_eq!(found, ["SUMMARY.md:3: `first.md` does not begin with the title `Other`"]);
        let twice = format!("{SUMMARY_OF_BOTH}- [Second](second.md)\n");
        assert!(problems(&twice, "# First\n")[0].contains("`second.md` 2 times"));
    }

    #[test]
    fn a_file_that_a_reader_saves_is_known() {
        assert_eq!(saved("Save this as `a.toml`:\n\nSave `b`:\n").collect::<Vec<_>>(), ["a.toml"]);
    }
}
