//! The file of `serve --people`: the people who may approve.

use std::path::Path;

use serde::Deserialize;
use sso_oidc_server::{People, Person, Subject};

use crate::accounts_file::read;
use crate::exit::Failure;

/// The document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    person: Vec<PersonEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonEntry {
    subject: String,
    name: Option<String>,
    email: Option<String>,
}

/// Reads the people from this file: JSON if its name ends with `.json`, else TOML.
///
/// # Errors
/// The file cannot be read, or has no people or invalid ones.
pub(crate) fn of(path: &Path) -> Result<People, Failure> {
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        Failure::other(format_args!("cannot {what} the people {}: {error}", path.display()))
    };
    let text = read(path).map_err(|error| failed("read", &error))?;
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    parse(&text, is_json).map_err(|error| failed("use", &error).with_hint(EXAMPLE))
}

/// The hint for a file that cannot be used.
const EXAMPLE: &str = "write each person as in this example: [[person]] subject = \"u-1\", name = \"Alice Example\", \
                       email = \"alice@example.com\"; name and email may be left out";

fn parse(text: &str, is_json: bool) -> Result<People, String> {
    let document: Document = match is_json {
        true => serde_json::from_str(text).map_err(|error| error.to_string())?,
        false => toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?,
    };
    let people = document.person.into_iter().map(person).collect::<Result<Vec<_>, _>>()?;
    People::new(people).map_err(|error| error.to_string())
}

fn person(entry: PersonEntry) -> Result<Person, String> {
    let PersonEntry { subject, name, email } = entry;
    let named = Subject::new(&subject);
    let mut person = Person::new(named.map_err(|error| format!("the subject `{subject}`: {error}"))?);
    if let Some(name) = name {
        person = person.with_name(name);
    }
    if let Some(email) = email {
        person = person.with_email(email);
    }
    Ok(person)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = r#"
[[person]]
subject = "u-1"
name = "Alice Example"
email = "alice@example.com"

[[person]]
subject = "u-2"
"#;
    const JSON: &str = r#"{"person": [
        {"subject": "u-1", "name": "Alice Example", "email": "alice@example.com"},
        {"subject": "u-2"}
    ]}"#;

    #[test]
    fn both_forms_have_the_same_people() {
        let people = parse(TOML, false).unwrap();
        assert_eq!(people, parse(JSON, true).unwrap());
        let all: Vec<_> = people.iter().map(|person| (person.name(), person.email())).collect();
        assert_eq!(all, [(Some("Alice Example"), Some("alice@example.com")), (None, None)]);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told() {
        for (text, wrong) in [
            ("", "missing field `person`"),
            ("person = []", "name at least one"),
            ("[[person]]\nname = \"Alice\"", "missing field `subject`"),
            ("[[person]]\nsubject = \"a\"\nphone = 1", "unknown field `phone`"),
            (
                "[[person]]\nsubject = \"Alice Example\"",
                "the subject `Alice Example`: an identifier of a person",
            ),
            ("[[person]]\nsubject = \"a\"\nname = \"\"", "the name of the person a has to have"),
            ("[[person]]\nsubject = \"a\"\nemail = \"a\"", "the email of the person a has to be"),
            (&TOML.replace("u-2", "u-1"), "the person u-1 occurs twice"),
        ] {
            let error = parse(text, false).unwrap_err();
            assert!(error.contains(wrong), "{text}: {error}");
        }
    }
}
