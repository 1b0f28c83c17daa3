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
        }
    }
}
