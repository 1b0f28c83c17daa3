//! Results on standard output: a document, a query that picks from it, and four ways to print it.

mod document;
mod json;
mod query;
mod section;
mod table;
mod text;
mod yaml;

use clap::ValueEnum;

pub(crate) use document::Document;
pub(crate) use query::Query;

/// How results are printed.
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
    /// YAML as a list of results, one for each answer of the service; there is one.
    YamlStream,
}

/// Made-up results of one form, for a query to be tried on before there is anything to lose.
pub(crate) struct Rehearsal {
    /// With every member that a result of this form can have.
    pub(crate) full: Document,
    /// With those alone that every result has.
    pub(crate) least: Document,
}

impl Rehearsal {
    /// A form with these members, of which some may be absent.
    pub(crate) fn new(full: Document, is_optional: impl Fn(&str) -> bool) -> Self {
        let least = match &full {
            Document::Map(members) => {
                Document::Map(members.iter().filter(|(name, _)| !is_optional(name)).cloned().collect())
            }
            other => other.clone(),
        };
        Self { full, least }
    }
}

/// What a renderer may want to know about its surroundings.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings {
    /// Columns of the terminal, or of an imaginary one.
    pub(crate) width: usize,
    /// Whether colour is wanted.
    pub(crate) colored: bool,
}

impl Format {
    /// The document as this format prints it, with a line break at its end. `title` is what a table is headed with.
    pub(crate) fn render(self, document: &Document, title: &str, surroundings: Surroundings) -> String {
        match self {
            Self::Json => json::render(document),
            Self::Text => text::render(document),
            Self::Table => table::render(document, title, surroundings),
            Self::Yaml => yaml::render(document),
            Self::YamlStream => yaml::render(&Document::List(vec![document.clone()])),
        }
    }
}
