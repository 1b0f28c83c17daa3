//! The format of the AWS config file: sections, properties, nested properties, comments.
//!
//! The rules are those of botocore's reader and the AWS SDKs. Where these differ, a comment names the one
//! that is followed.

use core::fmt;
use std::collections::BTreeMap;

/// The meaning of a section's header.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Header {
    /// `[default]`.
    Default,
    /// `[profile NAME]`.
    Profile(String),
    /// `[sso-session NAME]`.
    SsoSession(String),
    /// `[services NAME]`.
    Services(String),
    /// Any other header. The section is parsed and then ignored, as AWS's tools do.
    Other(String),
}

/// The properties of one section, by lowercase key.
pub(super) type Section = BTreeMap<String, Property>;

/// A property: its value, and its file and line (from 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Property {
    pub(super) value: Value,
    pub(super) file: File,
    pub(super) line: usize,
}

/// The two files that AWS's tools merge. They have the same format except for their headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum File {
    /// `~/.aws/config`, where a profile's header is `[profile NAME]`.
    Config,
    /// `~/.aws/credentials`, where a header is exactly the profile's name.
    Credentials,
}

/// The contents of a file.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) sections: BTreeMap<Header, Section>,
    /// All headers in the file's order, with their lines.
    pub(super) headers: Vec<(usize, Header)>,
    /// The headers of ignored sections, with their lines.
    pub(super) unread: Vec<(usize, String)>,
}

/// The right side of the `=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Text; continuation lines are joined to it by line breaks.
    Text(String),
    /// Nested properties by lowercase key: nothing behind the `=`, and indented `key = value` lines below it.
    Nested(BTreeMap<String, String>),
}

/// A line that is not valid AWS config.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
#[non_exhaustive]
pub struct SyntaxError {
    /// The line, counted from 1.
    pub line: usize,
    /// The error in it.
    pub problem: Problem,
}

/// The error in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A property before the first section.
    OutsideSection,
    /// A section header without its `]`.
    UnclosedHeader,
    /// An empty section header.
    EmptyHeader,
    /// Neither a section header nor `key = value`.
    NotAProperty,
    /// An empty key.
    EmptyKey,
    /// Two sections with the same header. AWS's command line then refuses the whole file.
    DuplicateSection {
        /// The line of the first one.
        first: usize,
    },
    /// Two properties with the same key in one section. AWS's command line then refuses the whole file.
    DuplicateKey {
        /// The key, in lowercase.
        key: String,
        /// The line of the first one.
        first: usize,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutsideSection => {
                f.write_str("a property precedes the first section header (such as [default])")
            }
            Self::UnclosedHeader => f.write_str("the section header has no closing `]`"),
            Self::EmptyHeader => f.write_str("the section header is empty"),
            Self::NotAProperty => f.write_str("expected `key = value`"),
            Self::EmptyKey => f.write_str("the key before `=` is missing"),
            Self::DuplicateSection { first } => {
                write!(f, "duplicate section; it is first defined on line {first}")
            }
            Self::DuplicateKey { key, first } => {
                write!(f, "duplicate key `{key}`; it is first defined on line {first}")
            }
        }
    }
}

/// Returns the lines of a text, which end as in Python: with LF, CR LF, or a lone CR.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let (line, after) = (text.get(..end)?, text.get(end..)?);
        rest = after.strip_prefix("\r\n").or_else(|| after.get(1..));
        Some(line)
    })
}

/// Parses all sections of a text.
pub(super) fn parse(text: &str, file: File) -> Result<Parsed, SyntaxError> {
    let mut parsed = Parsed::default();
    let mut first_lines = BTreeMap::<Header, usize>::new();
    let mut current: Option<(Header, Section)> = None;
    // The property that an indented line continues, and its own indentation.
    let mut open: Option<(String, usize)> = None;

    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, raw) in lines(text).enumerate() {
        let line = index + 1;
        let error = |problem| SyntaxError { line, problem };
        let trimmed = raw.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let indent = raw.len() - raw.trim_start().len();
        if let (Some((_, section)), Some((key, own_indent))) = (&mut current, &open)
            // botocore's rule: deeper than the property itself. The SDKs' rule, any indentation, rejects
            // sections whose properties are all indented alike, which people write.
            && indent > *own_indent
            && let Some(property) = section.get_mut(key)
        {
            continue_value(property, trimmed).map_err(error)?;
            continue;
        }
        if let Some(rest) = trimmed.strip_prefix('[') {
            open = None;
            let header = header(rest, file).map_err(error)?;
            match (&header, first_lines.insert(header.clone(), line)) {
                (Header::Other(text), _) => parsed.unread.push((line, text.clone())),
                (_, Some(first)) => return Err(error(Problem::DuplicateSection { first })),
                (_, None) => {}
            }
            parsed.headers.push((line, header.clone()));
            parsed.sections.extend(current.replace((header, Section::new())));
            continue;
        }
        let Some((_, section)) = &mut current else { return Err(error(Problem::OutsideSection)) };
        let (key, value) = property(trimmed).map_err(error)?;
        if let Some(earlier) = section.get(&key) {
            return Err(error(Problem::DuplicateKey { key, first: earlier.line }));
        }
        section.insert(key.clone(), Property { value: Value::Text(value), file, line });
        open = Some((key, indent));
    }
    parsed.sections.extend(current);
    Ok(parsed)
}

/// Adds an indented line to a property: more text if the property has some, otherwise a nested property.
fn continue_value(property: &mut Property, trimmed: &str) -> Result<(), Problem> {
    match &mut property.value {
        Value::Text(text) if !text.is_empty() => {
            text.push('\n');
            text.push_str(without_comment(trimmed));
        }
        Value::Text(_) => {
            let (key, value) = nested(trimmed)?;
            property.value = Value::Nested(BTreeMap::from([(key, value)]));
        }
        Value::Nested(properties) => {
            let (key, value) = nested(trimmed)?;
            properties.insert(key, value);
        }
    }
    Ok(())
}

/// Parses `key = value` or `key: value`, at the first delimiter. botocore's reader accepts both.
fn property(text: &str) -> Result<(String, String), Problem> {
    key_and_value(text, text.find(['=', ':']))
}

/// Parses `key = value` inside a nested property, where only `=` delimits.
fn nested(text: &str) -> Result<(String, String), Problem> {
    key_and_value(text, text.find('='))
}

fn key_and_value(text: &str, delimiter: Option<usize>) -> Result<(String, String), Problem> {
    let (key, value) =
        delimiter.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?))).ok_or(Problem::NotAProperty)?;
    let key = key.trim();
    if key.is_empty() {
        return Err(Problem::EmptyKey);
    }
    Ok((key.to_lowercase(), without_comment(value.trim()).to_owned()))
}

/// Cuts off a comment behind the value. It needs white space before it, so `https://…/start#/` stays whole.
/// This is the SDKs' rule; botocore makes the comment a part of the value, which never works.
fn without_comment(value: &str) -> &str {
    if value.starts_with(['#', ';']) {
        return "";
    }
    let mut previous_is_space = false;
    for (at, c) in value.char_indices() {
        if previous_is_space && matches!(c, '#' | ';') {
            return value.get(..at).unwrap_or(value).trim_end();
        }
        previous_is_space = c.is_whitespace();
    }
    value
}

/// Parses the text behind the `[` of a header. Text behind the `]` is ignored, as in botocore.
fn header(rest: &str, file: File) -> Result<Header, Problem> {
    let (inner, _) = rest.rsplit_once(']').ok_or(Problem::UnclosedHeader)?;
    // A comment behind the header may contain a `]`.
    let inner = match inner.split_once(']') {
        Some((name, comment)) if comment.trim_start().starts_with(['#', ';']) => name,
        Some(_) | None => inner,
    };
    let inner = inner.trim();
    if inner.is_empty() {
        return Err(Problem::EmptyHeader);
    }
    if file == File::Credentials {
        return Ok(Header::Profile(inner.to_owned()));
    }
    let mut words = words(inner).unwrap_or_default().into_iter();
    Ok(match (words.next().as_deref(), words.next(), words.next()) {
        (Some("default"), None, None) => Header::Default,
        (Some("profile"), Some(name), None) => Header::Profile(name),
        (Some("sso-session"), Some(name), None) => Header::SsoSession(name),
        (Some("services"), Some(name), None) => Header::Services(name),
        _ => Header::Other(inner.to_owned()),
    })
}

/// Splits a header into words by the rules of a POSIX shell, as botocore does: quotes keep blanks, and a
/// backslash escapes the next character. `None` for an unclosed quote.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"') | None, '\\') => word.get_or_insert_default().push(chars.next()?),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
#[path = "syntax_tests.rs"]
mod tests;
