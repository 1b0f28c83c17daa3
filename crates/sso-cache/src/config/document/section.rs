//! The text of one section: its lines, and the edits of its properties.

use core::ops::Range;
use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::config::syntax::{self, File, Property, Section, Value};

/// A section's text, from its header to the next one.
pub(super) struct SectionText<'a> {
    text: &'a str,
    /// The ranges of its lines, with their ends.
    lines: Vec<Range<usize>>,
    /// Their lines count from that of the header, which is 1.
    properties: Section,
}

impl<'a> SectionText<'a> {
    /// Takes the text of one section of a file that the reader accepts.
    pub(super) fn read(text: &'a str) -> Self {
        let mut start = 0;
        let lines = whole_lines(text).map(|line| {
            let range = start..start + line.len();
            start = range.end;
            range
        });
        let lines = lines.collect();
        let parsed = syntax::parse(text, File::Config).unwrap_or_default();
        Self { text, lines, properties: parsed.sections.into_values().next().unwrap_or_default() }
    }

    /// Returns the value of a property. The key is in lowercase.
    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.properties.get(key).map(|property| &property.value)
    }

    pub(super) fn values(&self) -> BTreeMap<String, Value> {
        values(self.properties.clone())
    }

    /// Returns the text with another value of a property that it has, on one line. A comment behind the value stays.
    pub(super) fn with_value(&self, key: &str, value: &str) -> String {
        let Some(property) = self.properties.get(key) else { return self.text.to_owned() };
        let line = self.line_of(property);
        let (head, comment) = around_value(self.slice(&line), &property.value);
        let above = self.slice(&(0..line.start));
        let rest = self.slice(&(self.end_of(property)..self.text.len()));
        let blank = if comment.starts_with(['#', ';']) { " " } else { "" };
        format!("{above}{head}{value}{blank}{comment}{rest}")
    }

    /// Returns the text without a property; `None` if it has none of this key.
    pub(super) fn without(&self, key: &str) -> Option<String> {
        let property = self.properties.get(key)?;
        let above = self.slice(&(0..self.line_of(property).start));
        let below = self.slice(&(self.end_of(property)..self.text.len()));
        Some(format!("{above}{below}"))
    }

    /// Returns the text with one more property, behind the last one and in its style. The indentation is at least
    /// that of the next header: a header that is indented more than a property above it continues that property.
    pub(super) fn with_property(&self, key: &str, value: &str, next_indent: &str, line_end: &str) -> String {
        let last = self.properties.values().max_by_key(|property| property.line);
        let style = last.map(|property| self.slice(&self.line_of(property)));
        let indent = style.map_or(next_indent, indent);
        let equals = if style.is_some_and(is_tight) { "=" } else { " = " };
        let (head, tail) = self.text.split_at_checked(self.end_of_content()).unwrap_or((self.text, ""));
        let start = if head.ends_with(['\n', '\r']) { "" } else { line_end };
        format!("{head}{start}{indent}{key}{equals}{value}{line_end}{tail}")
    }

    /// Returns the end of the last line that is neither blank nor a comment.
    pub(super) fn end_of_content(&self) -> usize {
        let is_content = |line: &&Range<usize>| !is_blank_or_comment(self.slice(line));
        self.lines.iter().rfind(is_content).map_or(self.text.len(), |line| line.end)
    }

    fn slice(&self, range: &Range<usize>) -> &'a str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    fn line_of(&self, property: &Property) -> Range<usize> {
        self.lines.get(property.line - 1).cloned().unwrap_or_default()
    }

    /// Returns the end of a property's last line.
    fn end_of(&self, property: &Property) -> usize {
        let next =
            self.properties.values().map(|other| other.line).filter(|line| *line > property.line).min();
        let own = self.lines.iter().take(next.map_or(usize::MAX, |next| next - 1)).skip(property.line);
        let last = own.rev().find(|line| !is_blank_or_comment(self.slice(line)));
        last.map_or_else(|| self.line_of(property).end, |line| line.end)
    }
}

/// Returns a property's line before its value, and behind it from the blanks before a comment.
fn around_value<'a>(line: &'a str, value: &Value) -> (Cow<'a, str>, &'a str) {
    let first = match value {
        Value::Text(text) => syntax::lines(text).next().unwrap_or_default(),
        Value::Nested(_) => "",
    };
    let (key, raw) = line.split_at(line.find(['=', ':']).map_or(line.len(), |at| at + 1));
    if first.is_empty() {
        let is_tight = !key.trim_end_matches(['=', ':']).ends_with([' ', '\t']);
        let head = if is_tight { Cow::Borrowed(key) } else { Cow::Owned(format!("{key} ")) };
        // Without a comment, the blanks at the end of the line go.
        let comment = if is_blank(raw) { raw.trim_start_matches([' ', '\t']) } else { raw };
        return (head, comment);
    }
    let blanks = raw.len() - raw.trim_start().len();
    let (head, rest) = line.split_at_checked(key.len() + blanks).unwrap_or((line, ""));
    (Cow::Borrowed(head), rest.get(first.len()..).unwrap_or_default())
}

/// Returns the properties without their lines.
pub(super) fn values(section: Section) -> BTreeMap<String, Value> {
    section.into_iter().map(|(key, property)| (key, property.value)).collect()
}

/// Returns the lines of a text with their ends, which are those of [`syntax::lines`]. There is none behind the last
/// end.
pub(super) fn whole_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    core::iter::from_fn(move || {
        let end = match rest.find(['\n', '\r']) {
            Some(at) if rest.get(at..).is_some_and(|end| end.starts_with("\r\n")) => at + 2,
            Some(at) => at + 1,
            None => rest.len(),
        };
        let (line, after) = rest.split_at_checked(end)?;
        rest = after;
        (!line.is_empty()).then_some(line)
    })
}

/// Returns the blanks before a line's content.
pub(super) fn indent(line: &str) -> &str {
    line.strip_suffix(line.trim_start()).unwrap_or_default()
}

pub(super) fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

fn is_blank_or_comment(line: &str) -> bool {
    is_blank(line) || line.trim_start().starts_with(['#', ';'])
}

/// Returns whether a property has no blanks around its `=`.
fn is_tight(line: &str) -> bool {
    let is_blank = [' ', '\t'];
    let pair = line.trim_end().split_once('=');
    pair.is_some_and(|(key, value)| {
        !value.is_empty() && !key.ends_with(is_blank) && !value.starts_with(is_blank)
    })
}
