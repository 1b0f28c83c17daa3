//! The people who may approve. The record of a sign-in has the identifier of one of them.

use core::slice;

use device_authority::{Subject, UserDecision};
use oidc_proto::printable;

/// A person at this service.
///
/// ```
/// use sso_oidc_server::{Person, Subject};
///
/// let alice = Person::new(Subject::new("u-1")?).with_name("Alice Example").with_email("alice@example.com");
/// assert_eq!((alice.subject().as_str(), alice.name()), ("u-1", Some("Alice Example")));
/// assert_eq!(alice.email(), Some("alice@example.com"));
/// # Ok::<(), sso_oidc_server::SubjectError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    subject: Subject,
    name: Option<String>,
    email: Option<String>,
}

impl Person {
    /// Creates a person with this identifier, without a name and an address.
    #[must_use]
    pub const fn new(subject: Subject) -> Self {
        Self { subject, name: None, email: None }
    }

    /// Returns the same person with this full name (OpenID Connect Core §5.1, `name`).
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Returns the same person with this e-mail address (OpenID Connect Core §5.1, `email`).
    #[must_use]
    pub fn with_email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }

    /// Returns the identifier.
    #[must_use]
    pub const fn subject(&self) -> Subject {
        self.subject
    }

    /// Returns the full name, if the person has one here.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the e-mail address, if the person has one here.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// Returns what the page calls this person.
    pub(crate) fn label(&self) -> String {
        match (&self.name, &self.email) {
            (Some(name), Some(email)) => format!("{name} ({email})"),
            (Some(name), None) => format!("{name} ({})", self.subject),
            (None, Some(email)) => email.clone(),
            (None, None) => self.subject.to_string(),
        }
    }

    fn check(&self) -> Result<(), PeopleError> {
        let subject = self.subject;
        let is_shown_as_it_is = |text: &str| printable(text) == text && text.trim() == text;
        let is_name = |name: &str| {
            (1..=People::LONGEST_NAME).contains(&name.chars().count()) && is_shown_as_it_is(name)
        };
        let is_email = |email: &str| {
            let has_both_parts =
                email.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
            has_both_parts
                && email.len() <= People::LONGEST_EMAIL
                && is_shown_as_it_is(email)
                && !email.contains(char::is_whitespace)
        };
        if self.name().is_some_and(|name| !is_name(name)) {
            return Err(PeopleError::Name { subject });
        }
        if self.email().is_some_and(|email| !is_email(email)) {
            return Err(PeopleError::Email { subject });
        }
        Ok(())
    }
}

/// The people of a service, in their order. The first one approves where nothing names another. By default there is one
/// person, [`Subject::PERSON`], without a name and an address.
///
/// ```
/// use sso_oidc_server::{People, Person, Subject};
///
/// let [alice, bob] = [Subject::new("alice")?, Subject::new("bob")?];
/// let people = People::new([Person::new(alice).with_name("Alice Example"), Person::new(bob)])?;
/// assert_eq!(people.get(&alice).and_then(Person::name), Some("Alice Example"));
/// assert_eq!((people.first().subject(), people.get(&Subject::PERSON)), (alice, None));
/// assert_eq!(people.iter().count(), 2);
/// assert!(People::default().get(&Subject::PERSON).is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct People {
    first: Person,
    others: Vec<Person>,
}

/// The reason why these are no people of a service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeopleError {
    /// There is no person.
    #[error("there is no person; name at least one")]
    Empty,
    /// There are too many people.
    #[error("there are more than {} people; the page shows all of them", People::MOST)]
    TooMany,
    /// Two people have one identifier.
    #[error("the person {subject} occurs twice; give each person a subject of its own")]
    Twice {
        /// The identifier.
        subject: Subject,
    },
    /// The name is not fit for a page.
    #[error(
        "the name of the person {subject} has to have 1 to {} characters, and neither control characters nor spaces \
         around it; correct it or leave it out",
        People::LONGEST_NAME
    )]
    Name {
        /// The identifier of the person.
        subject: Subject,
    },
    /// The e-mail address is none.
    #[error(
        "the email of the person {subject} has to be an address such as alice@example.com, of at most {} bytes and \
         without spaces; correct it or leave it out",
        People::LONGEST_EMAIL
    )]
    Email {
        /// The identifier of the person.
        subject: Subject,
    },
}

impl Default for People {
    fn default() -> Self {
        Self { first: Person::new(Subject::PERSON), others: Vec::new() }
    }
}

impl People {
    /// The most people. The page shows all of them.
    pub const MOST: usize = 1000;
    /// The most characters of a name.
    pub const LONGEST_NAME: usize = 100;
    /// The most bytes of an e-mail address (RFC 5321 §4.5.3.1.3, without the brackets).
    pub const LONGEST_EMAIL: usize = 254;

    /// Creates the people of a service.
    ///
    /// ```
    /// use sso_oidc_server::{People, PeopleError, Person, Subject};
    ///
    /// let bob = Subject::new("bob")?;
    /// assert_eq!(People::new([Person::new(bob)])?.first().subject(), bob);
    /// assert_eq!(People::new([]), Err(PeopleError::Empty));
    /// assert_eq!(People::new([Person::new(bob), Person::new(bob)]), Err(PeopleError::Twice { subject: bob }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PeopleError`] if there is no person or too many, if two have one identifier, or if a name or an address is
    /// invalid. It names the first person of whom that is true.
    pub fn new(people: impl IntoIterator<Item = Person>) -> Result<Self, PeopleError> {
        let mut all = people.into_iter();
        let first = all.next().ok_or(PeopleError::Empty)?;
        let people = Self { first, others: all.take(Self::MOST).collect() };
        if people.others.len() >= Self::MOST {
            return Err(PeopleError::TooMany);
        }
        let mut known = std::collections::BTreeSet::new();
        for person in people.iter() {
            person.check()?;
            if !known.insert(person.subject) {
                return Err(PeopleError::Twice { subject: person.subject });
            }
        }
        Ok(people)
    }

    /// Returns the person with this identifier.
    #[must_use]
    pub fn get(&self, subject: &Subject) -> Option<&Person> {
        self.iter().find(|person| person.subject == *subject)
    }

    /// Returns the first person.
    #[must_use]
    pub const fn first(&self) -> &Person {
        &self.first
    }

    /// Returns all people, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Person> {
        slice::from_ref(&self.first).iter().chain(&self.others)
    }

    /// Returns the person with this text as its identifier.
    pub(crate) fn named(&self, subject: &str) -> Option<&Person> {
        self.get(&Subject::new(subject).ok()?)
    }

    /// Returns whether the page has to ask who approves.
    pub(crate) const fn are_several(&self) -> bool {
        !self.others.is_empty()
    }

    /// Returns the approval of the first person.
    pub(crate) const fn approval(&self) -> UserDecision {
        UserDecision::Approve(self.first.subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(subject: &str) -> Person {
        Person::new(Subject::new(subject).unwrap())
    }

    #[test]
    fn a_person_is_called_by_name_and_by_what_tells_two_of_a_name_apart() {
        let (named, addressed) = (person("u-1").with_name("Alice"), person("u-1").with_email("a@b.example"));
        assert_eq!(named.label(), "Alice (u-1)");
        assert_eq!(named.with_email("a@b.example").label(), "Alice (a@b.example)");
        assert_eq!((addressed.label(), person("u-1").label()), ("a@b.example".to_owned(), "u-1".to_owned()));
    }

    #[test]
    fn a_name_that_a_page_could_not_show_as_it_is_is_refused() {
        let longest = "ä".repeat(People::LONGEST_NAME);
        assert!(People::new([person("a").with_name(longest.clone())]).is_ok());
        for name in ["", " Alice", "Al\nice", "Al\u{1b}[2Jice", "Al\u{202e}ice", &(longest + "ä")] {
            let subject = Subject::new("bob").unwrap();
            let people = People::new([person("alice"), person("bob").with_name(name)]);
            assert_eq!(people, Err(PeopleError::Name { subject }), "{name:?}");
            assert!(people.unwrap_err().to_string().contains("the name of the person bob"));
        }
    }

    #[test]
    fn an_address_has_two_parts_and_no_space() {
        let longest = format!("{}@example.com", "a".repeat(People::LONGEST_EMAIL - 12));
        for email in ["alice@example.com", "ä@bücher.example", "\"a@b\"@example.com", &longest] {
            assert!(People::new([person("a").with_email(email)]).is_ok(), "{email}");
        }
        for email in
            ["", "alice", "@example.com", "alice@", "a b@example.com", "a\t@b", &format!("a{longest}")]
        {
            let people = People::new([person("a").with_email(email)]);
            assert!(matches!(people, Err(PeopleError::Email { .. })), "{email:?}");
        }
    }

    #[test]
    fn there_are_at_least_one_person_and_no_more_than_a_page_shows() {
        let people = |count: usize| People::new((0..count).map(|number| person(&number.to_string())));
        assert_eq!(people(0), Err(PeopleError::Empty));
        assert!(people(1).is_ok_and(|people| !people.are_several()));
        assert!(people(People::MOST).is_ok_and(|people| people.are_several()));
        assert_eq!(people(People::MOST + 1), Err(PeopleError::TooMany));
    }
}
