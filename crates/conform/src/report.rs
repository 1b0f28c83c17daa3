//! The report: each check with its outcome, and as text of 80 columns.

use core::fmt;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::check::Finding;
use crate::evidence::{Evidence, Redactor};
use crate::exchange::Exchange;
use crate::run::LAST_REVOCATIONS;
use crate::transcript::Transcript;
use crate::{CHECKS, Check, Outcome, Step, Strength};

/// The width of the text.
const WIDTH: usize = 80;
/// The columns before a rule.
const INDENT: usize = 12;

/// The result of a run.
///
/// Its `Display` is a text of 80 columns, grouped by the sections of the standards, with a summary at the end. No
/// text of it has a secret or a control character.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The issuer.
    pub issuer: String,
    /// The number of requests that were sent.
    pub requests: usize,
    /// The upper limit of that number.
    pub max_requests: usize,
    /// The reason why the run ended early, if it did. The checks beyond it were not made.
    pub stopped: Option<String>,
    /// The number of obtained tokens that were revoked.
    pub tokens_revoked: usize,
    /// The number of obtained tokens that may still be valid. A refresh token counts together with its access tokens.
    pub tokens_left: usize,
    /// The reason why those were not revoked.
    why_left: String,
    /// Each check of [`CHECKS`], in the order of the standards and their sections. RFC 8628 comes first.
    pub checks: Vec<Checked>,
}

/// A check with its outcome.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Checked {
    /// The check.
    pub check: &'static Check,
    /// The outcome.
    pub outcome: Outcome,
    /// The exchanges that led to it. A check that was not made has none.
    pub evidence: Vec<Evidence>,
}

/// The number of checks with each outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Tally {
    /// The rules that the server keeps.
    pub passed: usize,
    /// The MUSTs that the server breaks.
    pub failed: usize,
    /// The SHOULDs that the server breaks.
    pub warned: usize,
    /// The checks that were not made.
    pub not_made: usize,
}

impl Report {
    pub(crate) fn of(transcript: &Transcript, max_requests: usize) -> Self {
        let redactor = Redactor::of(transcript);
        // Many checks show the same exchange.
        let mut shown: BTreeMap<*const Exchange, Evidence> = BTreeMap::new();
        let judged = CHECKS.iter().map(|check| {
            let (outcome, exchanges) = match (check.judge)(transcript) {
                Ok(exchanges) => (Outcome::Pass, exchanges),
                Err(Finding::NotMade(why)) => (Outcome::NotMade(redactor.clean(&why)), Vec::new()),
                Err(Finding::Broken(why, exchanges)) => {
                    let why = redactor.clean(&why);
                    let outcome = match check.strength {
                        Strength::Must => Outcome::Fail(why),
                        Strength::Should => Outcome::Warn(why),
                    };
                    (outcome, exchanges)
                }
            };
            let evidence = exchanges.iter().map(|exchange| {
                let evidence = shown.entry(Rc::as_ptr(exchange));
                evidence.or_insert_with(|| redactor.evidence(exchange)).clone()
            });
            let evidence = evidence.collect();
            Checked { check, outcome, evidence }
        });
        let mut checks: Vec<Checked> = judged.collect();
        checks.sort_by_key(|checked| place(checked.check));
        Self {
            issuer: redactor.clean(&transcript.issuer),
            requests: transcript.exchanges.len(),
            max_requests,
            stopped: transcript.stopped.as_deref().map(|why| redactor.clean(why)),
            tokens_revoked: transcript.tokens_revoked(),
            tokens_left: transcript.tokens_left().len(),
            why_left: redactor.clean(&why_left(transcript)),
            checks,
        }
    }

    /// Returns the number of checks with each outcome.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for checked in &self.checks {
            match checked.outcome {
                Outcome::Pass => tally.passed += 1,
                Outcome::Fail(_) => tally.failed += 1,
                Outcome::Warn(_) => tally.warned += 1,
                Outcome::NotMade(_) => tally.not_made += 1,
            }
        }
        tally
    }

    /// Returns the summary, in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let Tally { passed, failed, warned, not_made } = self.tally();
        format!(
            "{} checks: {passed} passed, {failed} failed, {warned} with a warning, {not_made} not made. {} requests.",
            self.checks.len(),
            self.requests
        )
    }
}

/// Returns why tokens are left.
fn why_left(transcript: &Transcript) -> String {
    let revocations: Vec<_> = transcript.all(Step::LastRevocation).collect();
    let is_taken =
        |exchange: &&Rc<Exchange>| exchange.answer.as_ref().is_ok_and(|answer| answer.status() == 200);
    match revocations.len() {
        0 => transcript.reason(Step::LastRevocation),
        LAST_REVOCATIONS if revocations.iter().all(is_taken) => {
            format!("a run revokes at most {LAST_REVOCATIONS} at its end")
        }
        _ => "the server did not take them back with status 200".to_owned(),
    }
}

/// Returns the place of a check in a report: whether it is of another standard than RFC 8628, which, and the numbers of
/// the section.
fn place(check: &Check) -> (bool, &'static str, Vec<u32>) {
    let [rfc, section, _] = check.parts();
    (rfc != "8628", rfc, section.split('.').filter_map(|number| number.parse().ok()).collect())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut section = String::new();
        for Checked { check, outcome, evidence } in &self.checks {
            if check.source() != section {
                let line_break = if section.is_empty() { "" } else { "\n" };
                section = check.source();
                writeln!(f, "{line_break}{section}")?;
            }
            let rule = format!("{}: {}", check.name(), check.rule);
            wrapped(f, &format!("  {:<10}", outcome.word()), &rule)?;
            if let Some(why) = outcome.reason() {
                wrapped(f, "", why)?;
            }
            if matches!(outcome, Outcome::Fail(_) | Outcome::Warn(_)) {
                for Evidence { request, response, .. } in evidence {
                    wrapped(f, "", &format!("> {request}"))?;
                    wrapped(f, "", &format!("< {response}"))?;
                }
            }
        }
        writeln!(f)?;
        if let Some(why) = &self.stopped {
            wrapped(f, "Ended early", why)?;
        }
        match (self.tokens_revoked, self.tokens_left) {
            (0, 0) => {}
            (revoked, 0) => writeln!(f, "The tokens of this run were revoked: {revoked}.")?,
            (_, left) => {
                wrapped(
                    f,
                    "Not revoked",
                    &format!("tokens of this run that may be valid: {left}; {}", self.why_left),
                )?;
            }
        }
        writeln!(f, "{}", self.summary())
    }
}

/// Writes a text behind a head, in lines of at most [`WIDTH`] columns where its words allow that.
fn wrapped(f: &mut fmt::Formatter<'_>, head: &str, text: &str) -> fmt::Result {
    let mut line = format!("{head:<INDENT$}");
    let mut used = INDENT;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > INDENT && used + 1 + length > WIDTH {
            writeln!(f, "{line}")?;
            line = " ".repeat(INDENT);
            used = INDENT;
        }
        if used > INDENT {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += length;
    }
    writeln!(f, "{line}")
}
