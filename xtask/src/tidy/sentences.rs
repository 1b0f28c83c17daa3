//! A word limit for the sentences of the documents, which comments have too.

use super::Problem;
use super::manual::CHAPTERS;
use super::tree::Tree;

/// The word limit of a sentence. Names in backticks and links count as one word each.
const MOST_WORDS: usize = 25;

/// Checks the documents at the root, each crate's README, the pages on embedding and on faults, the manual, and
/// what an archive says.
pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let is_read = |path: &str| {
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"].contains(&path)
            || path.starts_with(CHAPTERS)
            || path.ends_with("/INSTALL.md")
            || (path.starts_with("crates/")
                && (path.ends_with("/README.md")
                    || path.ends_with("/FAULTS.md")
                    || path.ends_with("/docs/embedding.md")))
    };
    let documents = tree.ending(".md").filter(|(path, _)| is_read(path));
    documents.flat_map(|(path, text)| long(path, text)).collect()
}

/// Returns every sentence of the text that is too long.
pub(super) fn long(path: &str, markdown: &str) -> Vec<Problem> {
    let sentences = sentences(markdown).into_iter();
    let counted = sentences.map(|(line, sentence)| (line, sentence.split_whitespace().count(), sentence));
    counted
        .filter(|(_, words, _)| *words > MOST_WORDS)
        .map(|(line, words, sentence)| {
            let start: String = sentence.split_whitespace().take(6).collect::<Vec<_>>().join(" ");
            Problem::new(
                path,
                line,
                format!("a sentence of {words} words, more than {MOST_WORDS}: \"{start} …\""),
            )
        })
        .collect()
}

/// Returns every sentence of paragraphs and lists, with the first line of its paragraph. Code, tables and headings
/// are skipped.
fn sentences(markdown: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let (mut fenced, mut paragraph, mut begins) = (false, String::new(), 0);
    let mut end = |paragraph: &mut String, begins: usize| {
        let text = without_names(paragraph);
        found.extend(split(&text).into_iter().map(|sentence| (begins, sentence)));
        paragraph.clear();
    };
    for (at, line) in markdown.lines().enumerate() {
        let text = line.trim();
        let is_fence = text.starts_with("```");
        let item = item(text);
        if is_fence || fenced || text.is_empty() || text.starts_with(['|', '#']) || item.is_some() {
            end(&mut paragraph, begins);
        }
        fenced ^= is_fence;
        if is_fence || fenced || text.is_empty() || text.starts_with(['|', '#']) {
            continue;
        }
        if paragraph.is_empty() {
            begins = at + 1;
        }
        paragraph.push_str(item.unwrap_or(text));
        paragraph.push(' ');
    }
    end(&mut paragraph, begins);
    found
}

/// Returns the text of a line that begins an item of a list: `- `, `* `, or a number with a point.
fn item(line: &str) -> Option<&str> {
    let numbered = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = if numbered.len() < line.len() { numbered.strip_prefix(". ") } else { None };
    line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")).or(numbered)
}

/// Replaces each code span and link target by one word, because their points do not end a sentence.
fn without_names(paragraph: &str) -> String {
    let spans = paragraph.split('`').enumerate();
    let text: String = spans.map(|(at, part)| if at % 2 == 0 { part } else { "name" }).collect();
    let mut parts = text.split("](");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, rest| text + rest.split_once(')').map_or(rest, |(_, after)| after))
}

/// Splits a text into sentences. A point, question mark, exclamation mark or colon before a space ends one.
fn split(text: &str) -> Vec<String> {
    let mut sentences = vec![String::new()];
    for word in text.split_whitespace() {
        if let Some(last) = sentences.last_mut() {
            last.push_str(word);
            last.push(' ');
        }
        if word.trim_end_matches(['*', ')', '"']).ends_with(['.', '?', '!', ':']) {
            sentences.push(String::new());
        }
    }
    sentences.retain(|sentence| !sentence.trim().is_empty());
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(count: usize) -> String {
        format!("{}end.", "word ".repeat(count - 1))
    }

    #[test]
    fn a_sentence_may_have_so_many_words_and_no_more() {
        assert_eq!(long("README.md", &words(MOST_WORDS)), []);
        let found = long("README.md", &format!("# T\n\nShort.\n\n{}\n", words(MOST_WORDS + 1)));
        assert_eq!((found.len(), found[0].line), (1, 5));
        assert!(found[0].what.starts_with("a sentence of 26 words"), "{found:?}");
    }

    #[test]
    fn the_page_on_security_and_the_manual_are_read_too() {
        let text = words(MOST_WORDS + 1);
        for (path, problems) in
            [("SECURITY.md", 1), ("crates/manual/chapters/a.md", 1), ("crates/manual/a.md", 0)]
        {
            assert_eq!(check(&Tree::of(&[(path, &text)])).len(), problems, "{path}");
        }
    }

    #[test]
    fn code_tables_and_headings_are_no_sentences_and_names_count_once() {
        let long_name = format!("`{}`", "a b ".repeat(20));
        let text = format!(
            "# {0}\n\n```sh\n{0}\n```\n\n| {0} |\n\nSee {long_name} and [here](http://a.example/b?c=d. e).\n",
            "word ".repeat(40)
        );
        assert_eq!(long("README.md", &text), []);
    }

    #[test]
    fn each_item_of_a_list_is_by_itself() {
        let text = format!("- {0}\n- {0}\n  and more\n", "word ".repeat(14).trim());
        assert_eq!(sentences(&text).len(), 2);
        assert_eq!(sentences("1. One\n2. two\n10. three, with 4.\n5 words\n").len(), 4);
        assert_eq!(sentences("One. Two? \"Three!\" Four: five; six.").len(), 5);
    }
}
