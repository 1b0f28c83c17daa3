//! The config file as a text to edit: only the lines concerned change.
//!
//! Each edit is checked by the reader: what it reads from the new text must differ from the old one by the edit
//! alone. The check covers the edited section and the next header, because a header ends what the lines above it
//! can affect. So a file of a thousand profiles is edited in time in proportion to its length.

mod name;
mod section;
#[cfg(test)]
mod tests;

use core::fmt;
use core::ops::Range;
use std::collections::BTreeMap;
use std::path::PathBuf;

use oidc_proto::printable;

pub use name::SectionName;

use super::syntax::{self, File, Header, SyntaxError, Value};
use super::{LoadError, read_text};
use section::{SectionText, is_blank, whole_lines};

/// A config file's text, for edits that keep comments, order and every other byte.
///
/// ```
/// use sso_cache::{ConfigDocument, SectionName};
///
/// let text = "# mine\n[profile work]\nregion=eu-west-1   # home\n";
/// let mut config = ConfigDocument::parse(text)?;
/// assert_eq!(config.as_str(), text);
/// config.set(&SectionName::Profile("work".to_owned()), "region", "eu-central-1")?;
/// config.set(&SectionName::SsoSession("corp".to_owned()), "sso_region", "eu-west-1")?;
/// assert_eq!(
///     config.as_str(),
///     "# mine\n[profile work]\nregion=eu-central-1   # home\n\n[sso-session corp]\nsso_region = eu-west-1\n"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `Debug` names the sections and shows no value: AWS's tools also read `aws_secret_access_key` from this file.
#[derive(Clone)]
pub struct ConfigDocument {
    text: String,
    /// The sections in the file's order. Each ends where the next one begins.
    sections: Vec<Start>,
    /// The numbers of the sections, so that none is searched for.
    numbers: BTreeMap<Header, usize>,
}

/// The place where a section begins.
#[derive(Clone, Debug)]
struct Start {
    header: Header,
    /// The offset of its header's line.
    at: usize,
    /// A number that stays if a section above is removed. The numbers rise in the file's order.
    number: usize,
}

/// The reason why a text cannot be edited so. The text is unchanged then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// A name that a section's header cannot have.
    #[error("\"{}\" cannot be the name of a section in the AWS config file", printable(.0))]
    Name(String),
    /// A key that the file cannot have. It consists of ASCII letters, digits, `_`, `-` and `.`.
    #[error("\"{}\" cannot be a key in the AWS config file", printable(.0))]
    Key(String),
    /// A value that would not be read back as it is: one with a line break or another control character, with blanks
    /// around it, or with a `#` or `;` behind a blank.
    #[error("the value of \"{}\" cannot be written to the AWS config file", printable(key))]
    Value {
        /// The key.
        key: String,
    },
    /// A section whose removal would change another one, because of the indentation around it.
    #[error(
        "\"{}\" cannot be removed from the AWS config file, because the next section's header is indented",
        printable(.0)
    )]
    Layout(String),
}

/// What the reader makes of a text, without line numbers.
type Meaning = BTreeMap<Header, BTreeMap<String, Value>>;

fn meaning(text: &str) -> Result<Meaning, SyntaxError> {
    let parsed = syntax::parse(text, File::Config)?;
    Ok(parsed.sections.into_iter().map(|(header, section)| (header, section::values(section))).collect())
}

/// Returns whether the reader reads exactly this.
fn reads_as(text: &str, expected: &Meaning) -> bool {
    meaning(text).is_ok_and(|found| found == *expected)
}

impl ConfigDocument {
    /// Takes a text that the reader accepts.
    ///
    /// ```
    /// use sso_cache::ConfigDocument;
    /// assert_eq!(ConfigDocument::parse("; mine\r\n")?.as_str(), "; mine\r\n");
    /// assert!(ConfigDocument::parse("[default").is_err());
    /// # Ok::<(), sso_cache::SyntaxError>(())
    /// ```
    ///
    /// # Errors
    /// The line and what is wrong with it.
    pub fn parse(text: impl Into<String>) -> Result<Self, SyntaxError> {
        let text = text.into();
        let mut headers = syntax::parse(&text, File::Config)?.headers.into_iter().peekable();
        let mut sections = Vec::new();
        let mut at = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
        for (index, line) in whole_lines(text.get(at..).unwrap_or_default()).enumerate() {
            if let Some((_, header)) = headers.next_if(|(number, _)| *number == index + 1) {
                sections.push(Start { header, at, number: sections.len() });
            }
            at += line.len();
        }
        let numbers = sections.iter().map(|start| (start.header.clone(), start.number)).collect();
        Ok(Self { text, sections, numbers })
    }

    /// Reads a config file. A missing file is an empty text. Keep the text for [`ConfigDocument::save`].
    ///
    /// ```
    /// # use sso_cache::{ConfigDocument, LoadError};
    /// # let home = tempfile::tempdir()?;
    /// # let path = home.path().join("config");
    /// assert_eq!(ConfigDocument::load(&path)?.as_str(), "");
    /// std::fs::write(&path, b"[default]\nregion = \xff\n")?;
    /// assert!(matches!(ConfigDocument::load(&path), Err(LoadError::NotUtf8 { line: 2, .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The file is unreadable, is not UTF-8, or has a line that is not valid AWS config.
    pub fn load(path: impl Into<PathBuf>) -> Result<Self, LoadError> {
        let path = path.into();
        Self::parse(read_text(&path)?).map_err(|source| LoadError::Syntax { path, source })
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Sets a property, and adds it or its section if it is missing. Keys are case-insensitive.
    ///
    /// Of an existing property only the value changes, with its continuation lines. A comment behind it stays. A new
    /// property follows the last one of its section, and looks like it. A new section is at the end.
    ///
    /// ```
    /// # use sso_cache::{ConfigDocument, SectionName};
    /// let mut config = ConfigDocument::parse("")?;
    /// config.set(&SectionName::SsoSession("my corp".to_owned()), "sso_region", "eu-west-1")?;
    /// assert_eq!(config.as_str(), "[sso-session 'my corp']\nsso_region = eu-west-1\n");
    /// assert!(config.set(&SectionName::Profile("a".to_owned()), "region", "a\nb").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Name, key or value cannot be written.
    pub fn set(&mut self, section: &SectionName, key: &str, value: &str) -> Result<(), EditError> {
        let wrong_value = || EditError::Value { key: key.to_owned() };
        // AWS's tools in Python take more control characters for blanks than the reader here.
        if value.contains(char::is_control) {
            return Err(wrong_value());
        }
        let name = key.to_lowercase();
        let property = (name.clone(), Value::Text(value.to_owned()));
        let Some(index) = self.find(section) else {
            return self.add(section, key, value, property);
        };
        let text = SectionText::read(self.slice(self.range(index)));
        let edited = match text.value(&name) {
            Some(Value::Text(old)) if old == value => return Ok(()),
            Some(_) => text.with_value(&name, value),
            None if !is_key(key) => return Err(EditError::Key(key.to_owned())),
            None => text.with_property(key, value, self.indent_of_header(index + 1), self.line_end()),
        };
        let mut expected = text.values();
        expected.extend([property]);
        self.replace_section(index, &edited, expected).map_err(|()| wrong_value())
    }

    /// Removes a property, with its continuation lines and the comments between them. Other comments stay. Keys are
    /// case-insensitive. Returns whether the property was there.
    ///
    /// ```
    /// # use sso_cache::{ConfigDocument, SectionName};
    /// let mut config = ConfigDocument::parse("[profile a]\n# mine\nRegion = x # c\ns3 =\n  k = v\noutput = json\n")?;
    /// let section = SectionName::Profile("a".to_owned());
    /// assert!(config.unset(&section, "region") && config.unset(&section, "s3"));
    /// assert_eq!(config.as_str(), "[profile a]\n# mine\noutput = json\n");
    /// assert!(!config.unset(&section, "region"));
    /// # Ok::<(), sso_cache::SyntaxError>(())
    /// ```
    pub fn unset(&mut self, section: &SectionName, key: &str) -> bool {
        let Some(index) = self.find(section) else { return false };
        let key = key.to_lowercase();
        let text = SectionText::read(self.slice(self.range(index)));
        let mut expected = text.values();
        let Some(edited) = text.without(&key) else { return false };
        expected.remove(&key);
        // The lines of a section are indented less and less, apart from those that continue a property. So no line
        // below continues the property above.
        self.replace_section(index, &edited, expected).is_ok()
    }

    /// Removes a section, with the comments and blank lines in it, up to the comment above the next one. A comment
    /// above the section stays, because it may be about more than this section. Returns whether the section was there.
    ///
    /// ```
    /// # use sso_cache::{ConfigDocument, SectionName};
    /// let mut config = ConfigDocument::parse("[profile a]\nregion = x\n\n# of b\n[profile b]\n")?;
    /// assert!(config.remove(&SectionName::Profile("a".to_owned()))?);
    /// assert_eq!(config.as_str(), "# of b\n[profile b]\n");
    /// assert!(!config.remove(&SectionName::Profile("a".to_owned()))?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The next section's header is indented, and would become a part of the section above.
    pub fn remove(&mut self, section: &SectionName) -> Result<bool, EditError> {
        let Some(index) = self.find(section) else { return Ok(false) };
        let range = self.range(index);
        let text = self.slice(range.clone());
        let content = SectionText::read(text).end_of_content();
        // The blank lines that set it off from the next section.
        let behind = whole_lines(text.get(content..).unwrap_or_default()).take_while(|line| is_blank(line));
        let end = range.start + content + behind.map(str::len).sum::<usize>();
        let above = self.above(index);
        let mut start = range.start;
        if end == self.text.len() {
            // The blank lines that set it off from the section above.
            let lines: Vec<&str> = whole_lines(self.slice(above..start)).collect();
            start -=
                lines.iter().rev().take_while(|line| is_blank(line)).map(|line| line.len()).sum::<usize>();
        }
        let kept = self.slice(above..start);
        let mut expected = meaning(kept).unwrap_or_default();
        self.expect_header(index + 1, &mut expected);
        let next = self.slice(end..range.end);
        if !reads_as(&format!("{kept}{next}{}", self.header_line(index + 1)), &expected) {
            return Err(EditError::Layout(section.line()));
        }
        self.numbers.remove(&self.sections.remove(index).header);
        self.replace(start..end, "", index);
        Ok(true)
    }

    /// Adds a section with one property behind all others.
    fn add(
        &mut self,
        section: &SectionName,
        key: &str,
        value: &str,
        property: (String, Value),
    ) -> Result<(), EditError> {
        let header = section.header();
        let line = section.line();
        let is_read = || reads_as(&line, &Meaning::from([(header.clone(), BTreeMap::new())]));
        if !section.is_portable() || !is_read() {
            return Err(EditError::Name(section.name().to_owned()));
        }
        if !is_key(key) {
            return Err(EditError::Key(key.to_owned()));
        }
        let end = self.line_end();
        let above = self.slice(self.above(self.sections.len())..self.text.len());
        // One blank line, unless there is one or nothing above.
        let last = whole_lines(above.trim_start_matches(BYTE_ORDER_MARK)).last();
        let missing =
            last.map_or(0, |last| usize::from(!last.ends_with(['\n', '\r'])) + usize::from(!is_blank(last)));
        let between = end.repeat(missing);
        let added = format!("{between}{line}{end}{key} = {value}{end}");
        let mut expected = meaning(above).unwrap_or_default();
        expected.insert(header.clone(), BTreeMap::from([property]));
        if !reads_as(&format!("{above}{added}"), &expected) {
            return Err(EditError::Value { key: key.to_owned() });
        }
        let number = self.sections.last().map_or(0, |last| last.number + 1);
        self.numbers.insert(header.clone(), number);
        self.sections.push(Start { header, at: self.text.len() + between.len(), number });
        self.text.push_str(&added);
        Ok(())
    }

    /// Replaces a section's text if the reader reads exactly this from it, and the next section stays one.
    fn replace_section(
        &mut self,
        index: usize,
        edited: &str,
        expected: BTreeMap<String, Value>,
    ) -> Result<(), ()> {
        let Some(Start { header, .. }) = self.sections.get(index) else { return Err(()) };
        let mut expected = Meaning::from([(header.clone(), expected)]);
        self.expect_header(index + 1, &mut expected);
        if !reads_as(&format!("{edited}{}", self.header_line(index + 1)), &expected) {
            return Err(());
        }
        self.replace(self.range(index), edited, index + 1);
        Ok(())
    }

    /// Replaces a range of the text. `next` is the first section behind it.
    fn replace(&mut self, range: Range<usize>, edited: &str, next: usize) {
        for section in self.sections.iter_mut().skip(next) {
            section.at = section.at - range.len() + edited.len();
        }
        self.text.replace_range(range, edited);
    }

    /// Returns the index of a section. Of the two for the default profile, `[profile default]` wins if the file has
    /// both, as in the reader.
    fn find(&self, section: &SectionName) -> Option<usize> {
        let find = |header: &Header| {
            let number = self.numbers.get(header)?;
            self.sections.binary_search_by_key(number, |section| section.number).ok()
        };
        match section {
            SectionName::Profile(name) => {
                let default = || (name == "default").then(|| find(&Header::Default)).flatten();
                find(&Header::Profile(name.clone())).or_else(default)
            }
            SectionName::SsoSession(_) => find(&section.header()),
        }
    }

    /// Returns the range of a section, from its header to the next one.
    fn range(&self, index: usize) -> Range<usize> {
        let start = |index: usize| self.sections.get(index).map_or(self.text.len(), |section| section.at);
        start(index)..start(index + 1)
    }

    /// Returns where the section above this one begins, or else the text.
    fn above(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |above| self.range(above).start)
    }

    fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// Returns the line of a section's header; nothing behind the last section.
    fn header_line(&self, index: usize) -> &str {
        whole_lines(self.slice(self.range(index))).next().unwrap_or_default()
    }

    fn indent_of_header(&self, index: usize) -> &str {
        section::indent(self.header_line(index))
    }

    /// Adds what the reader makes of a header's line.
    fn expect_header(&self, index: usize, expected: &mut Meaning) {
        expected.extend(self.sections.get(index).map(|section| (section.header.clone(), BTreeMap::new())));
    }

    /// Returns the end of a line in this file: that of its first line, or LF.
    fn line_end(&self) -> &'static str {
        match whole_lines(&self.text).next() {
            Some(line) if line.ends_with("\r\n") => "\r\n",
            Some(line) if line.ends_with('\r') => "\r",
            Some(_) | None => "\n",
        }
    }
}

/// Two documents are equal if their texts are, and with them the places of their sections.
impl PartialEq for ConfigDocument {
    fn eq(&self, other: &Self) -> bool {
        let places =
            |document: &Self| -> Vec<usize> { document.sections.iter().map(|section| section.at).collect() };
        self.text == other.text && places(self) == places(other)
    }
}

impl Eq for ConfigDocument {}

impl fmt::Debug for ConfigDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&Header> = self.sections.iter().map(|section| &section.header).collect();
        f.debug_struct("ConfigDocument").field("sections", &headers).finish_non_exhaustive()
    }
}

/// The mark that some editors on Windows put before a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Returns whether a key looks like AWS's own. Others might be a comment, a header or two keys.
fn is_key(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}
