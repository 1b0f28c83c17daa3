//! A Markdown reader for names: code spans, fenced lines and links, with line numbers.

/// A part of a document that may name a file or a command.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum Mention<'a> {
    /// A code span.
    Span(&'a str),
    /// A line inside a fenced block.
    Fenced(&'a str),
    /// The target of a link.
    Link(&'a str),
}

/// Returns every mention, with its line counted from 1.
pub(super) fn mentions(markdown: &str) -> Vec<(usize, Mention<'_>)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (at, line) in markdown.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            found.push((at + 1, Mention::Fenced(line)));
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(|span| (at + 1, Mention::Span(span))));
            let links = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
            found.extend(links.map(|link| (at + 1, Mention::Link(link))));
        }
    }
    found
}

/// Expands `{a,b}` in a path.
pub(super) fn expand(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let Some((choices, after)) = rest.split_once('}') else { return vec![path.to_owned()] };
    choices.split(',').flat_map(|choice| expand(&format!("{before}{}{after}", choice.trim()))).collect()
}

/// Returns whether a pattern with `*` (within a part) and `**` (any number of parts) matches the path.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    parts_match(&pattern, &path)
}

fn parts_match(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => (0..=path.len()).any(|skip| parts_match(rest, &path[skip..])),
        (Some((part, pattern)), Some((name, path))) => part_matches(part, name) && parts_match(pattern, path),
        _ => false,
    }
}

fn part_matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .any(|at| part_matches(after, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_links_and_fences_are_told_apart() {
        let text = "See `a.rs`, `b` and [c](c.md).\n```sh\ncargo `x`\n```\n`d`";
        let expected = [
            (1, Mention::Span("a.rs")),
            (1, Mention::Span("b")),
            (1, Mention::Link("c.md")),
            (3, Mention::Fenced("cargo `x`")),
            (5, Mention::Span("d")),
        ];
        assert_eq!(mentions(text), expected);
    }

    #[test]
    fn braces_are_alternatives() {
        assert_eq!(expand("a/{b,c}/d"), ["a/b/d", "a/c/d"]);
        assert_eq!(expand("a/b"), ["a/b"]);
    }

    #[test]
    fn stars_stay_within_a_part_and_double_stars_do_not() {
        assert!(matches("crates/*/src", "crates/a/src") && !matches("crates/*", "crates/a/src"));
        assert!(matches("crates/**", "crates/a/src") && matches("**/lib.rs", "a/b/lib.rs"));
        assert!(matches("a-*.rs", "a-b.rs") && !matches("a-*.rs", "b-a.rs"));
    }
}
