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
    /// Nothing at all.
    Off,
}

/// Made-up results of one form, for a query to be tried on before there is anything to lose.
pub(crate) struct Rehearsal {
    /// With every member that a result of this form can have.
    pub(crate) full: Document,
    /// With any other choice of the members that may be absent: 63 where there are six of them, which is the most.
    pub(crate) lesser: Vec<Document>,
}

impl Rehearsal {
    /// A form with these members, of which some may be absent.
    pub(crate) fn new(full: Document, is_optional: impl Fn(&str) -> bool) -> Self {
        let Document::Map(members) = &full else { return Self { full, lesser: Vec::new() } };
        let mut choices = vec![Vec::new()];
        for member in members {
            let without = if is_optional(&member.0) { choices.clone() } else { Vec::new() };
            choices.iter_mut().for_each(|choice| choice.push(member.clone()));
            choices.extend(without);
        }
        // The first one left out nothing.
        let lesser = choices.into_iter().skip(1).map(Document::Map).collect();
        Self { full, lesser }
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
