//! The config file as a text to edit: only the lines concerned change.
//!
//! Each edit is checked by the reader: what it reads from the new text must differ from the old one by the edit alone.

use core::ops::Range;
use std::collections::BTreeMap;

use super::syntax::{self, File, Header, Section, SyntaxError, Value};

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigDocument {
    text: String,
}

/// The name of a section.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SectionName {
    /// `[profile NAME]`, or `[default]`.
    Profile(String),
    /// `[sso-session NAME]`.
    SsoSession(String),
}

/// The reason why a text cannot be edited so. The text is unchanged then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// A name that a section's header cannot have.
    #[error("{0:?} cannot be the name of a section in the AWS config file")]
    Name(String),
    /// A value that would not be read back as it is, such as one with a line break.
    #[error("the value of `{key}` cannot be written to the AWS config file")]
    Value {
        /// The key.
        key: String,
    },
    /// A section whose removal would change another one, because of the indentation around it.
    #[error("{0} cannot be removed from the AWS config file, because the next section's header is indented")]
    Layout(String),
}

impl SectionName {
    /// Returns the header. Of the two for the default profile, `[profile default]` wins if the file has both.
    fn header(&self, found: &Meaning) -> Header {
        match self {
            Self::Profile(name)
                if name == "default" && !found.contains_key(&Header::Profile(name.clone())) =>
            {
                Header::Default
            }
            Self::Profile(name) => Header::Profile(name.clone()),
            Self::SsoSession(name) => Header::SsoSession(name.clone()),
        }
    }

    /// Returns the line, without its end. Names with blanks are quoted, as by the AWS CLI.
    fn line(&self) -> String {
        let quoted = |name: &str| {
            let is_plain = |c: char| c.is_alphanumeric() || "_.@:/+-".contains(c);
            if name.chars().all(is_plain) { name.to_owned() } else { format!("'{name}'") }
        };
        match self {
            Self::Profile(name) if name == "default" => "[default]".to_owned(),
            Self::Profile(name) => format!("[profile {}]", quoted(name)),
            Self::SsoSession(name) => format!("[sso-session {}]", quoted(name)),
        }
    }
}

/// What the reader makes of a text, without line numbers.
type Meaning = BTreeMap<Header, BTreeMap<String, Value>>;

fn meaning(text: &str) -> Result<Meaning, SyntaxError> {
    let values =
        |section: Section| section.into_iter().map(|(key, property)| (key, property.value)).collect();
    let parsed = syntax::parse(text, File::Config)?;
    Ok(parsed.sections.into_iter().map(|(header, section)| (header, values(section))).collect())
}

/// A line of the text.
struct Line {
    /// With its end.
    whole: Range<usize>,
    /// The section that begins here.
    header: Option<Header>,
    is_blank_or_comment: bool,
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
        syntax::parse(&text, File::Config)?;
        Ok(Self { text })
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Sets a property, and adds it or its section if it is missing. Of an existing property only the value changes. A
    /// comment behind it stays.
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
    /// Name or value cannot be written.
    pub fn set(&mut self, section: &SectionName, key: &str, value: &str) -> Result<(), EditError> {
        let mut expected = self.meaning();
        let header = section.header(&expected);
        expected.entry(header.clone()).or_default().insert(key.to_owned(), Value::Text(value.to_owned()));
        let mut edited = self.text.clone();
        match self.section(&header) {
            Some(body) => match self.property(&header, key) {
                Some((value_range, rest)) => {
                    // From the last line to the first, so that the ranges stay right.
                    edited.replace_range(rest, "");
                    let blank = if value_range.is_empty() && !value.is_empty() { " " } else { "" };
                    edited.replace_range(value_range, &format!("{blank}{value}"));
                }
                None => {
                    let line = format!("{}{key} = {value}{}", self.indent(&body), self.line_end());
                    let at = self.end_of_content(&body);
                    let start = if self.is_whole_line(at) { "" } else { self.line_end() };
                    edited.insert_str(at, &format!("{start}{line}"));
                }
            },
            None => {
                let end = self.line_end();
                let between = match () {
                    () if edited.trim_start_matches('\u{feff}').is_empty() => String::new(),
                    () if edited.ends_with(['\n', '\r']) => end.to_owned(),
                    () => end.repeat(2),
                };
                edited += &format!("{between}{}{end}{key} = {value}{end}", section.line());
            }
        }
        self.commit(edited, &expected).map_err(|()| match meaning(&format!("{}\n", section.line())) {
            Ok(found) if found.contains_key(&header) => EditError::Value { key: key.to_owned() },
            _ => EditError::Name(section.line()),
        })
    }

    /// Removes a section, with the comments and blank lines in it, up to the comment above the next one. Returns
    /// whether it was there.
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
        let mut expected = self.meaning();
        let header = section.header(&expected);
        let Some(body) = self.section(&header) else { return Ok(false) };
        expected.remove(&header);
        let mut end = self.end_of_content(&body);
        // The blank lines that set it off from the next section.
        for line in self.lines() {
            let is_next = line.whole.start == end && line.whole.end <= body.end;
            if is_next && self.text.get(line.whole.clone()).is_some_and(|text| text.trim().is_empty()) {
                end = line.whole.end;
            }
        }
        let mut edited = self.text.clone();
        edited.replace_range(body.start..end, "");
        match self.commit(edited, &expected) {
            Ok(()) => Ok(true),
            Err(()) => Err(EditError::Layout(section.line())),
        }
    }

    /// Takes the new text if the reader reads exactly this from it.
    fn commit(&mut self, edited: String, expected: &Meaning) -> Result<(), ()> {
        match meaning(&edited) {
            Ok(found) if found == *expected => {
                self.text = edited;
                Ok(())
            }
            _ => Err(()),
        }
    }

    fn meaning(&self) -> Meaning {
        // It was read when it was made.
        meaning(&self.text).unwrap_or_default()
    }

    /// Returns the end of a line in this file: that of its first line, or LF.
    fn line_end(&self) -> &'static str {
        match self.text.find(['\n', '\r']) {
            Some(at) if self.text.get(at..).is_some_and(|rest| rest.starts_with("\r\n")) => "\r\n",
            Some(at) if self.text.get(at..).is_some_and(|rest| rest.starts_with('\r')) => "\r",
            _ => "\n",
        }
    }

    fn lines(&self) -> Vec<Line> {
        let mut start = if self.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let mut lines = Vec::new();
        while start < self.text.len() {
            let rest = self.text.get(start..).unwrap_or_default();
            let length = match rest.find(['\n', '\r']) {
                Some(at) if rest.get(at..).is_some_and(|end| end.starts_with("\r\n")) => at + 2,
                Some(at) => at + 1,
                None => rest.len(),
            };
            let whole = start..start + length;
            let text = rest.get(..length).unwrap_or_default().trim();
            lines.push(Line {
                whole,
                header: None,
                is_blank_or_comment: text.is_empty() || text.starts_with(['#', ';']),
            });
            start += length;
        }
        // The reader knows which lines are headers: it gives a section its line.
        let parsed = syntax::headers(&self.text, File::Config);
        for (number, header) in parsed {
            if let Some(line) = lines.get_mut(number - 1) {
                line.header = Some(header);
            }
        }
        lines
    }

    /// Returns the range of a section, from its header to the next one.
    fn section(&self, header: &Header) -> Option<Range<usize>> {
        let lines = self.lines();
        let first = lines.iter().position(|line| line.header.as_ref() == Some(header))?;
        let next = lines.iter().skip(first + 1).find(|line| line.header.is_some());
        let start = lines.get(first)?.whole.start;
        Some(start..next.map_or(self.text.len(), |line| line.whole.start))
    }

    /// Returns the end of the last line of a section that is neither blank nor a comment.
    fn end_of_content(&self, body: &Range<usize>) -> usize {
        let lines = self.lines();
        let mut inside =
            lines.iter().filter(|line| body.contains(&line.whole.start) && !line.is_blank_or_comment);
        inside.next_back().map_or(body.end, |line| line.whole.end)
    }

    fn is_whole_line(&self, end: usize) -> bool {
        self.text.get(..end).is_none_or(|before| before.is_empty() || before.ends_with(['\n', '\r']))
    }

    /// Returns the indentation of a property that is added to a section: that of its last one. A lesser one than the
    /// next header's would make that header a part of the property.
    fn indent(&self, body: &Range<usize>) -> &str {
        let indent = |line: &Line| {
            let text = self.text.get(line.whole.clone()).unwrap_or_default();
            text.get(..text.len() - text.trim_start_matches([' ', '\t']).len()).unwrap_or_default()
        };
        let lines = self.lines();
        let parsed = syntax::parse(&self.text, File::Config).unwrap_or_default();
        let numbers =
            parsed.sections.values().flat_map(|section| section.values().map(|property| property.line));
        let is_property =
            |number: &usize| lines.get(number - 1).is_some_and(|line| body.contains(&line.whole.start));
        let last = numbers.filter(is_property).max().and_then(|number| lines.get(number - 1));
        let next = lines.iter().find(|line| line.whole.start >= body.end && line.header.is_some());
        last.or(next).map_or("", indent)
    }

    /// Returns the range of a property's value, without blanks and comment, and that of the lines that continue it.
    fn property(&self, header: &Header, key: &str) -> Option<(Range<usize>, Range<usize>)> {
        let parsed = syntax::parse(&self.text, File::Config).ok()?;
        let property = parsed.sections.get(header)?.get(key)?;
        let lines = self.lines();
        let line = lines.get(property.line - 1)?;
        let text = self.text.get(line.whole.clone())?;
        let after = text.find(['=', ':'])? + 1;
        let raw = text.get(after..)?;
        let value = raw.trim();
        let shown = match &property.value {
            Value::Text(text) => syntax::lines(text).next().unwrap_or_default().len(),
            Value::Nested(_) => 0,
        };
        let lead = if value.is_empty() { 0 } else { raw.len() - raw.trim_start().len() };
        let start = line.whole.start + after + if shown == 0 && !value.is_empty() { 0 } else { lead };
        let from = line.whole.end;
        let mut to = from;
        if matches!(&property.value, Value::Nested(_))
            || matches!(&property.value, Value::Text(text) if text.contains('\n'))
        {
            let body = self.section(header)?;
            let others = parsed.sections.get(header)?.values().map(|other| other.line);
            let next = others.filter(|other| *other > property.line).min();
            let end = next.and_then(|next| lines.get(next - 1)).map_or(body.end, |line| line.whole.start);
            let mut inside = lines.iter().filter(|line| line.whole.start >= from && line.whole.end <= end);
            to = inside.rfind(|line| !line.is_blank_or_comment).map_or(from, |line| line.whole.end);
        }
        Some((start..start + shown, from..to))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn profile(name: &str) -> SectionName {
        SectionName::Profile(name.to_owned())
    }

    /// Returns the text after setting `region` of the profile a to this value.
    fn with_region(text: &str, value: &str) -> String {
        let mut config = ConfigDocument::parse(text).unwrap();
        config.set(&profile("a"), "region", value).unwrap();
        config.as_str().to_owned()
    }

    #[test]
    fn only_the_value_of_a_property_changes() {
        for (before, after) in [
            ("[profile a]\nregion=x", "[profile a]\nregion=new"),
            ("[profile a]\r\n  Region : x  # why\r\n", "[profile a]\r\n  Region : new  # why\r\n"),
            ("\u{feff}[profile a] ; c\nregion = x ; d\n", "\u{feff}[profile a] ; c\nregion = new ; d\n"),
            ("[profile a]\nregion =\n", "[profile a]\nregion = new\n"),
            ("[profile a]\nregion = # none\n", "[profile a]\nregion = new # none\n"),
            (
                "[profile a]\nregion = x\n  more\n  # c\n  lines\nb = 1\n",
                "[profile a]\nregion = new\nb = 1\n",
            ),
            ("[profile a]\nregion =\n  k = v\n[profile b]\n", "[profile a]\nregion = new\n[profile b]\n"),
            (
                "[profile b]\nregion = x\n[profile a]\nregion = x",
                "[profile b]\nregion = x\n[profile a]\nregion = new",
            ),
        ] {
            assert_eq!(with_region(before, "new"), after);
        }
    }

    #[test]
    fn a_new_property_follows_the_last_one_in_the_style_of_the_file() {
        for (before, after) in [
            ("", "[profile a]\nregion = new\n"),
            ("# c", "# c\n\n[profile a]\nregion = new\n"),
            ("[profile a]", "[profile a]\nregion = new\n"),
            (
                "[profile a]\n  x = 1\n\n# of b\n[profile b]\n",
                "[profile a]\n  x = 1\n  region = new\n\n# of b\n[profile b]\n",
            ),
            ("[default]\r\nx = 1\r\n", "[default]\r\nx = 1\r\n\r\n[profile a]\r\nregion = new\r\n"),
            ("[profile a]\ns3 =\n  k = v\n", "[profile a]\ns3 =\n  k = v\nregion = new\n"),
        ] {
            assert_eq!(with_region(before, "new"), after);
        }
    }

    #[test]
    fn what_would_not_be_read_back_is_refused_and_nothing_changes() {
        let mut config = ConfigDocument::parse("[profile a]\nx = 1\n").unwrap();
        let before = config.clone();
        for value in ["a\nb", " a", "a ", "a # b", "#", "a\r"] {
            let refused = config.set(&profile("a"), "region", value);
            assert_eq!(refused, Err(EditError::Value { key: "region".to_owned() }), "{value:?}");
        }
        for name in ["a'b", "", "a\nb"] {
            assert!(matches!(config.set(&profile(name), "region", "x"), Err(EditError::Name(_))), "{name:?}");
        }
        assert_eq!(config, before);
    }

    #[test]
    fn a_section_goes_with_its_own_comments_and_spares_the_next_ones() {
        let mut config =
            ConfigDocument::parse("# top\n[profile a]\n# in\nx = 1\n\n\n# of b\n[profile b]\ny = 2\n")
                .unwrap();
        assert_eq!(config.remove(&profile("a")), Ok(true));
        assert_eq!(config.as_str(), "# top\n# of b\n[profile b]\ny = 2\n");
        assert_eq!((config.remove(&profile("b")), config.remove(&profile("b"))), (Ok(true), Ok(false)));
        assert_eq!(config.as_str(), "# top\n# of b\n");
    }

    /// Lines as people and tools write them, and worse.
    fn line() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "",
            "  ",
            "# c",
            "; c",
            "[profile a]",
            "[profile b] # x",
            "[sso-session a]",
            "[default]",
            "[plugins]",
            "[profile 'two words']",
            "region = x",
            "  region = x",
            "Region=y # c",
            "k : v",
            "s3 =",
            "  n = 1",
            "  more text",
            "\tz = 1",
            "output = json",
            " [odd]",
            "x=[y]",
        ])
    }

    proptest! {
        #[test]
        fn an_edit_is_read_back_as_that_edit_and_changes_nothing_else(
            lines in prop::collection::vec((line(), prop::sample::select(vec!["\n", "\r\n", "\r"])), 0..14),
            is_cut in any::<bool>(),
            name in prop::sample::select(vec!["a", "b", "new", "two words", "default"]),
            key in prop::sample::select(vec!["region", "k", "s3", "sso_session"]),
            value in prop::sample::select(vec!["", "v", "a b", "https://d-1.awsapps.com/start#/", "x=[y]"]),
        ) {
            let mut text: String = lines.iter().map(|(line, end)| format!("{line}{end}")).collect();
            if is_cut {
                text.truncate(text.trim_end_matches(['\n', '\r']).len());
            }
            let Ok(mut config) = ConfigDocument::parse(text.clone()) else { return Ok(()) };
            prop_assert_eq!(config.as_str(), &text);
            let section = profile(name);
            prop_assert_eq!(config.set(&section, key, value), Ok(()), "{:?}", text);
            let mut expected = meaning(&text).unwrap();
            let header = section.header(&expected);
            expected.entry(header).or_default().insert(key.to_owned(), Value::Text(value.to_owned()));
            prop_assert_eq!(meaning(config.as_str()).unwrap(), expected);
            let edited = meaning(config.as_str()).unwrap();
            let removed = config.remove(&section);
            let mut without = edited.clone();
            match removed {
                Ok(is_removed) => {
                    prop_assert!(is_removed);
                    without.remove(&section.header(&edited));
                }
                Err(error) => {
                    prop_assert!(text.contains(" [odd]") && matches!(error, EditError::Layout(_)), "{:?}", text);
                }
            }
            prop_assert_eq!(meaning(config.as_str()).unwrap(), without);
        }
    }
}
