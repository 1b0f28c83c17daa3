//! The outcome of one run, as a row and as a document.

use std::process::ExitStatus;
use std::time::Duration;

use sso_oidc_server::{FaultRule, Report};

use super::expected::Expected;
use crate::child;
use crate::output::Document;
use crate::serve::report;

/// The columns for people.
pub(super) const HEADERS: [&str; 7] =
    ["Fault", "Exit", "Seconds", "Signed in", "Expected", "Verdict", "Findings"];

/// The outcome of one run.
pub(super) struct Outcome {
    fault: Option<String>,
    /// The exit code; `None` if the time was over.
    exit: Option<u8>,
    took: Duration,
    report: Report,
    expected: Expected,
    /// Whether the fault acted on a request, as far as that can be told.
    has_acted: bool,
}

impl Outcome {
    pub(super) fn new(
        rule: Option<&FaultRule>,
        status: Option<ExitStatus>,
        took: Duration,
        report: Report,
        expected: Expected,
    ) -> Self {
        let fault = rule.map(ToString::to_string);
        Self { fault, exit: status.map(child::number), took, report, expected, has_acted: true }
    }

    /// Returns the same outcome of a run whose fault never acted.
    pub(super) fn without_fault(self) -> Self {
        Self { has_acted: false, ..self }
    }

    const fn is_signed_in(&self) -> bool {
        self.report.sign_ins > 0
    }

    pub(super) fn has_findings(&self) -> bool {
        !self.report.findings().is_empty()
    }

    /// Returns what the command did, if that was wrong.
    const fn fault_of_command(&self) -> Option<&'static str> {
        match (self.exit, self.is_signed_in(), self.expected) {
            (None, ..) => Some("did not end in time"),
            // Otherwise the run would prove nothing.
            _ if !self.has_acted => Some("never met the fault"),
            (Some(0), false, _) => Some("succeeded without a token"),
            (Some(1..), true, _) => Some("got a token and failed"),
            (Some(1..), false, Expected::SignsIn) => Some("did not sign in"),
            (Some(0), true, _) | (Some(1..), false, Expected::Ends) => None,
        }
    }

    /// Returns whether the command ended as a correct client does.
    pub(super) const fn is_as_expected(&self) -> bool {
        self.fault_of_command().is_none()
    }

    /// Returns the judgement in words.
    pub(super) const fn verdict(&self) -> &'static str {
        match self.fault_of_command() {
            Some(wrong) => wrong,
            None => "ok",
        }
    }

    /// Returns the row for people.
    pub(super) fn row(&self) -> [String; 7] {
        let findings = self.report.findings();
        let findings = findings.iter().map(|(finding, count)| format!("{} {count}", finding.name()));
        [
            self.fault.clone().unwrap_or_else(|| "none".to_owned()),
            self.exit.map_or_else(|| "killed".to_owned(), |code| code.to_string()),
            format!("{:.1}", self.took.as_secs_f64()),
            if self.is_signed_in() { "yes" } else { "no" }.to_owned(),
            self.expected.name().to_owned(),
            self.verdict().to_owned(),
            findings.collect::<Vec<_>>().join(", "),
        ]
    }
}

/// Returns the outcomes for `--output` and `--query`.
pub(super) fn document(outcomes: &[Outcome]) -> Document {
    let runs = outcomes.iter().map(|outcome| {
        let millis = u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX);
        Document::map([
            ("fault", outcome.fault.as_deref().map_or(Document::Null, Document::from)),
            ("exitCode", outcome.exit.map_or(Document::Null, |code| Document::Number(code.into()))),
            ("milliseconds", Document::Number(millis.into())),
            ("signedIn", Document::Bool(outcome.is_signed_in())),
            ("expected", outcome.expected.name().into()),
            ("asExpected", Document::Bool(outcome.is_as_expected())),
            ("verdict", outcome.verdict().into()),
            ("report", report::document(&outcome.report)),
        ])
    });
    Document::map([("runs", Document::List(runs.collect()))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_must_say_whether_there_is_a_token() {
        let verdict = |exit, sign_ins, expected| {
            let mut report = Report::default();
            report.sign_ins = sign_ins;
            Outcome { fault: None, exit, took: Duration::ZERO, report, expected, has_acted: true }.verdict()
        };
        for expected in [Expected::SignsIn, Expected::Ends] {
            assert_eq!(verdict(None, 0, expected), "did not end in time");
            assert_eq!(verdict(None, 1, expected), "did not end in time");
            assert_eq!(verdict(Some(0), 0, expected), "succeeded without a token");
            assert_eq!(verdict(Some(9), 1, expected), "got a token and failed");
            assert_eq!(verdict(Some(0), 1, expected), "ok");
        }
        assert_eq!(verdict(Some(1), 0, Expected::SignsIn), "did not sign in");
        assert_eq!(verdict(Some(1), 0, Expected::Ends), "ok");
    }
}
