//! The forms of the authorization page: each is for one decision.
//!
//! A form that is pressed twice brings the same response twice; see [`device_authority::authorize_form`]. For that
//! a form has an id, and the code that it brings is made from the id and the key of the pages. So no process keeps
//! the forms, and processes with one store and one key agree on them.
//!
//! A form has a limited life. The record of its code tells of its decision, and the store keeps that record for at
//! least as long. An older form decides nothing, and its page leads to a new one.

use core::time::Duration;

use device_authority::{Moment, ServerPolicy};

use crate::entropy::entropy;

/// The id of a form: the second in which it was made, and 128 random bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FormId {
    text: String,
    made_at: Moment,
}

impl FormId {
    /// Creates the id of a new form; `None` without entropy.
    pub(crate) fn new(now: Moment) -> Option<Self> {
        let mut random = [0; 16];
        entropy(&mut random).ok()?;
        let second = now.since_epoch().as_secs();
        Self::of(&format!("{second}-{:032x}", u128::from_be_bytes(random)))
    }

    /// Returns the id with this text.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let (second, _) = text.split_once('-')?;
        let made_at = Moment::new(Duration::from_secs(second.parse().ok()?));
        Some(Self { text: text.to_owned(), made_at })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether the form is too old to decide.
    pub(crate) fn is_over(&self, policy: &ServerPolicy, now: Moment) -> bool {
        now.since(self.made_at) >= policy.remember_expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_decides_for_as_long_as_the_store_remembers_its_decision() {
        let policy = ServerPolicy::default().with_remember_expired(Duration::from_secs(600));
        let now = Moment::new(Duration::from_secs(1_700_000_000));
        let form = FormId::new(now).unwrap();
        assert_eq!(FormId::of(form.as_str()), Some(form.clone()));
        assert!(!form.is_over(&policy, now) && !form.is_over(&policy, now.after(Duration::from_secs(599))));
        assert!(form.is_over(&policy, now.after(Duration::from_secs(600))));
        assert_ne!(FormId::new(now), Some(form));
    }

    #[test]
    fn a_text_without_a_time_is_no_form() {
        for text in ["", "-", "x-00", "1700000000", "-1-00"] {
            assert_eq!(FormId::of(text), None, "{text}");
        }
    }
}
