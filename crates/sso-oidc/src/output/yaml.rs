//! YAML output in block style, as in version 2 of the AWS CLI: members in alphabetical order, lists at the level of
//! their member.
//!
//! Only a writer for texts, numbers, lists and maps is needed. The YAML libraries include a parser, and are
//! unmaintained or large. The quoting rule is stricter than YAML's: a text is quoted if a reader of YAML 1.1 or 1.2
//! could misread it.

use std::fmt::Write as _;

use oidc_proto::printable;

use super::Document;

/// Formats the document as YAML.
pub(super) fn render(document: &Document) -> String {
    let mut out = String::new();
    write(&mut out, document, 0);
    out
}

/// Writes one part. Its first line continues the current one; the others are indented by `indent`.
fn write(out: &mut String, part: &Document, indent: usize) {
    match part {
        Document::List(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                start_line(out, index, indent);
                out.push_str("- ");
                write(out, item, indent + 2);
            }
        }
        Document::Map(members) if !members.is_empty() => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| name);
            for (index, (name, value)) in sorted.into_iter().enumerate() {
                start_line(out, index, indent);
                out.push_str(&scalar_text(name));
                out.push(':');
                match value {
                    Document::List(items) if !items.is_empty() => {
                        out.push('\n');
                        out.push_str(&" ".repeat(indent));
                        write(out, value, indent);
                    }
                    Document::Map(members) if !members.is_empty() => {
                        out.push('\n');
                        out.push_str(&" ".repeat(indent + 2));
                        write(out, value, indent + 2);
                    }
                    value => {
                        out.push(' ');
                        write(out, value, indent);
                    }
                }
            }
        }
        Document::List(_) => out.push_str("[]\n"),
        Document::Map(_) => out.push_str("{}\n"),
        Document::Null => out.push_str("null\n"),
        Document::Bool(value) => {
            let _ = writeln!(out, "{value}");
        }
        Document::Number(number) => {
            let _ = writeln!(out, "{number}");
        }
        Document::Text(text) => {
            out.push_str(&scalar_text(text));
            out.push('\n');
        }
    }
}

fn start_line(out: &mut String, index: usize, indent: usize) {
    if index > 0 {
        out.push_str(&" ".repeat(indent));
    }
}

/// Formats a text: plain if unambiguous, else in single quotes, or in double quotes if it needs escapes.
fn scalar_text(text: &str) -> String {
    let unprintable =
        |c: char| matches!(c, '\n' | '\r' | '\t') || printable(c.encode_utf8(&mut [0; 4])).is_empty();
    if text.contains(unprintable) {
        let mut quoted = String::from('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => quoted.extend(['\\', c]),
                '\n' => quoted.push_str("\\n"),
                '\r' => quoted.push_str("\\r"),
                '\t' => quoted.push_str("\\t"),
                c if unprintable(c) => {
                    let _ = write!(quoted, "\\U{:08x}", u32::from(c));
                }
                c => quoted.push(c),
            }
        }
        quoted.push('"');
        quoted
    } else if is_plain(text) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// Returns whether the plain text is unambiguous.
fn is_plain(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    // A letter at the start excludes every indicator, number, date and `~`. The words below remain.
    let starts_well = first.is_alphabetic() || matches!(first, '/' | '_');
    let ends_well = !text.ends_with([' ', ':']);
    let word = text.to_ascii_lowercase();
    let is_word = matches!(
        word.as_str(),
        "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "inf" | "nan" | "infinity"
    );
    starts_well && ends_well && !is_word && !text.contains(": ") && !text.contains(" #")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(s: &str) -> Document {
        Document::from(s)
    }

    #[test]
    fn members_are_sorted_and_nested_in_block_style() {
        let document = Document::map([
            ("b", Document::map([("d", text("x")), ("c", Document::Number(600.into()))])),
            ("a", Document::List(vec![text("x"), Document::List(vec![text("w"), text("z")])])),
            (
                "e",
                Document::List(vec![Document::map([
                    ("g", Document::Bool(true)),
                    ("f", Document::List(vec![])),
                ])]),
            ),
            ("h", Document::Map(vec![])),
            ("i", Document::List(vec![Document::Null])),
        ]);
        let expected =
            "a:\n- x\n- - w\n  - z\nb:\n  c: 600\n  d: x\ne:\n- f: []\n  g: true\nh: {}\ni:\n- null\n";
        assert_eq!(render(&document), expected);
    }

    #[test]
    fn a_text_that_could_be_something_else_is_quoted() {
        for (given, written) in [
            ("https://d/?user_code=PMPJ-VZCJ", "https://d/?user_code=PMPJ-VZCJ"),
            ("eyJ.a_b-c==", "eyJ.a_b-c=="),
            ("", "''"),
            ("600", "'600'"),
            ("1e3", "'1e3'"),
            ("No", "'No'"),
            ("null", "'null'"),
            ("a: b", "'a: b'"),
            ("a:", "'a:'"),
            ("a #b", "'a #b'"),
            ("- a", "'- a'"),
            ("-abc", "'-abc'"),
            (" x", "' x'"),
            ("'it's", "'''it''s'"),
            ("2024-01-01", "'2024-01-01'"),
            ("a\nb\u{1b}\"", r#""a\nb\U0000001b\"""#),
        ] {
            assert_eq!(render(&text(given)), format!("{written}\n"), "{given}");
        }
    }
}
