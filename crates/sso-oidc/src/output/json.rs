//! JSON output as in the AWS CLI: four spaces, members in the model's order.

use std::fmt::Write as _;

use oidc_proto::printable;
use serde::Serialize as _;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::Document;

/// Formats the document as JSON.
pub(super) fn render(document: &Document) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    "));
    // Writing to memory cannot fail, and every document is valid JSON.
    let _ = document.serialize(&mut serializer);
    let mut json = String::from_utf8(bytes).unwrap_or_default();
    json.push('\n');
    escape_unprintable(&json)
}

/// Formats the document as JSON on one line.
pub(super) fn line(document: &Document) -> String {
    let mut json = serde_json::to_string(document).unwrap_or_default();
    json.push('\n');
    escape_unprintable(&json)
}

/// Escapes characters that could control a terminal or hide text. JSON itself escapes only C0 controls. Such
/// characters occur only inside strings, where an escape has the same meaning.
fn escape_unprintable(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        let mut buffer = [0; 4];
        if !printable(c.encode_utf8(&mut buffer)).is_empty() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_null_is_left_out() {
        let document = Document::map([
            ("b", Document::from("1")),
            ("a", Document::List(vec![Document::Number(2.into()), Document::Null])),
            ("none", Document::Null),
            ("empty", Document::List(Vec::new())),
        ]);
        let expected =
            "{\n    \"b\": \"1\",\n    \"a\": [\n        2,\n        null\n    ],\n    \"empty\": []\n}\n";
        assert_eq!(render(&document), expected);
    }

    #[test]
    fn what_could_drive_a_terminal_is_escaped_without_loss() {
        let text = "a\u{1b}[2J\u{9b}1m\u{202e}\u{e0041}é";
        let json = render(&Document::from(text));
        assert_eq!(json, "\"a\\u001b[2J\\u009b1m\\u202e\\udb40\\udc41é\"\n");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
