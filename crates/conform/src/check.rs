//! A check, its strength and its outcome.

use core::fmt;
use std::rc::Rc;

use crate::exchange::Exchange;
use crate::transcript::Transcript;

/// One requirement of a standard, as a check.
///
/// ```
/// use device_conform::{CHECKS, Strength};
/// let check = CHECKS.iter().find(|check| check.id == "8628-3.5-slow-down").ok_or("the check is there")?;
/// assert_eq!(check.source(), "RFC 8628 §3.5");
/// assert_eq!((check.name(), check.strength), ("slow-down", Strength::Should));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Check {
    /// The id: the number of the RFC, its section, and a name. It does not change between versions.
    pub id: &'static str,
    /// The strength of the requirement.
    pub strength: Strength,
    /// The requirement, in one sentence.
    pub rule: &'static str,
    pub(crate) judge: Judge,
}

/// The strength of a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strength {
    /// A MUST, a REQUIRED member, or a sentence that defines the format. A server that breaks it fails.
    Must,
    /// A SHOULD, a RECOMMENDED member, or a sentence without such a word. A server that breaks it gets a warning.
    Should,
}

/// The outcome of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The server keeps the rule.
    Pass,
    /// The server breaks a MUST, in this way.
    Fail(String),
    /// The server breaks a SHOULD, in this way.
    Warn(String),
    /// The check was not made, for this reason.
    NotMade(String),
}

/// A pure function from the exchanges to the evidence.
pub(crate) type Judge = fn(&Transcript) -> Judged;

/// The evidence of a pass, or the finding.
pub(crate) type Judged = Result<Vec<Rc<Exchange>>, Finding>;

/// The opposite of a pass.
pub(crate) enum Finding {
    /// The rule is broken, in this way, by these exchanges.
    Broken(String, Vec<Rc<Exchange>>),
    NotMade(String),
}

impl Check {
    pub(crate) const fn must(id: &'static str, rule: &'static str, judge: Judge) -> Self {
        Self { id, strength: Strength::Must, rule, judge }
    }

    pub(crate) const fn should(id: &'static str, rule: &'static str, judge: Judge) -> Self {
        Self { id, strength: Strength::Should, rule, judge }
    }

    /// Returns the RFC and the section.
    #[must_use]
    pub fn source(&self) -> String {
        let [rfc, section, _] = self.parts();
        format!("RFC {rfc} §{section}")
    }

    /// Returns the last part of the id.
    #[must_use]
    pub fn name(&self) -> &'static str {
        let [_, _, name] = self.parts();
        name
    }

    pub(crate) fn parts(&self) -> [&'static str; 3] {
        let mut parts = self.id.splitn(3, '-');
        core::array::from_fn(|_| parts.next().unwrap_or_default())
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("id", &self.id)
            .field("strength", &self.strength)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
        })
    }
}

impl Outcome {
    /// Returns the outcome in one word or two: `pass`, `fail`, `warn`, `not made`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail(_) => "fail",
            Self::Warn(_) => "warn",
            Self::NotMade(_) => "not made",
        }
    }

    /// Returns the reason of any outcome but a pass.
    ///
    /// ```
    /// use device_conform::Outcome;
    /// let outcome = Outcome::NotMade("no person to ask".to_owned());
    /// assert_eq!((outcome.word(), outcome.reason()), ("not made", Some("no person to ask")));
    /// ```
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Pass => None,
            Self::Fail(why) | Self::Warn(why) | Self::NotMade(why) => Some(why),
        }
    }
}
