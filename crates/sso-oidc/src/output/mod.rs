//! Results on standard output: the document, `--query`, and the formats of `--output`.

mod columns;
mod document;
mod json;
mod printer;
mod query;
mod rows;
mod section;
mod table;
mod text;
mod yaml;

use clap::ValueEnum;

pub(crate) use columns::{columns, terminal_width};
pub(crate) use document::Document;
pub(crate) use printer::Printer;
pub(crate) use query::Query;
pub(crate) use rows::rows;

/// The format of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Indented JSON.
    Json,
    /// Values separated by tabs, for shell scripts.
    Text,
    /// A table drawn with lines, for people.
    Table,
    /// YAML in block style.
    Yaml,
    /// YAML as a list of results, one for each response. There is always one.
    YamlStream,
    /// JSON on one line; the events of `login`, one a line.
    Ndjson,
    /// No output.
    Off,
}

/// Sample results on which a query is tried before the first request.
pub(crate) struct Rehearsal {
    /// The sample with every member.
    pub(crate) full: Document,
    /// The samples with every other combination of the optional members: at most 63, from six of them.
    pub(crate) lesser: Vec<Document>,
}

impl Rehearsal {
    /// Creates the samples from the full one and the set of optional members.
    pub(crate) fn new(full: Document, is_optional: impl Fn(&str) -> bool) -> Self {
        let Document::Map(members) = &full else { return Self { full, lesser: Vec::new() } };
        let mut choices = vec![Vec::new()];
        for member in members {
            let without = if is_optional(&member.0) { choices.clone() } else { Vec::new() };
            choices.iter_mut().for_each(|choice| choice.push(member.clone()));
            choices.extend(without);
        }
        // The first choice is the full sample.
        let lesser = choices.into_iter().skip(1).map(Document::Map).collect();
        Self { full, lesser }
    }
}

/// The properties of the output stream.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings {
    /// The columns of the terminal, or a default.
    pub(crate) width: usize,
    /// Whether to use colour.
    pub(crate) colored: bool,
}

impl Format {
    /// Formats the document, with a line break at its end. `title` is the heading of a table.
    pub(crate) fn render(self, document: &Document, title: &str, surroundings: Surroundings) -> String {
        match self {
            Self::Json => json::render(document),
            Self::Text => text::render(document),
            Self::Table => table::render(document, title, surroundings),
            Self::Yaml => yaml::render(document),
            Self::YamlStream => yaml::render(&Document::List(vec![document.clone()])),
            Self::Ndjson => json::line(document),
            Self::Off => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_rehearsed_with_every_choice_of_the_members_that_may_be_absent() {
        let full = Document::map(["a", "b", "c", "d"].map(|name| (name, Document::from(name))));
        let rehearsal = Rehearsal::new(full.clone(), |member| member == "b" || member == "d");
        let mut forms: Vec<String> =
            rehearsal.lesser.iter().map(|form| json::render(form).replace(['\n', ' '], "")).collect();
        forms.sort();
        let expected =
            [r#"{"a":"a","b":"b","c":"c"}"#, r#"{"a":"a","c":"c","d":"d"}"#, r#"{"a":"a","c":"c"}"#];
        assert_eq!(forms, expected);
        assert!(rehearsal.full == full);
        assert_eq!(Rehearsal::new(full, |_| false).lesser.len(), 0);
    }
}
