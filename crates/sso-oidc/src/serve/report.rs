//! `serve --report`: how the clients behaved.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sso_oidc_server::{Config, Finding, Report};

use crate::exit::{Failure, print_data};
use crate::output::{Document, Format, Surroundings};

/// The flags of the report.
#[derive(Args, Debug)]
pub(super) struct ReportArgs {
    /// Report at the end how the clients behaved, as text or as JSON: on standard output, or with a command on standard
    /// error
    #[arg(long, value_name = "text|json", num_args = 0..=1, default_missing_value = "text", hide_possible_values = true)]
    report: Option<ReportFormat>,

    /// Write the report to this file instead. An existing file is replaced
    #[arg(long, value_name = "FILE")]
    report_file: Option<PathBuf>,

    /// Exit with 1 if the report has findings and the command succeeded
    #[arg(long)]
    report_fail: bool,
}

/// The form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, ValueEnum)]
enum ReportFormat {
    #[default]
    Text,
    Json,
}

impl ReportArgs {
    /// Adds the report to the configuration, if it is wanted.
    pub(super) fn apply(&self, config: Config) -> Config {
        if self.is_wanted() { config.with_report() } else { config }
    }

    const fn is_wanted(&self) -> bool {
        self.report.is_some() || self.report_file.is_some() || self.report_fail
    }

    /// Prints or writes the report, if it is wanted. Returns whether its findings are a failure.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn finish(&self, report: &Report, beside_command: bool) -> Result<bool, Failure> {
        if !self.is_wanted() {
            return Ok(false);
        }
        let text = match self.report.unwrap_or_default() {
            ReportFormat::Text => text(report),
            ReportFormat::Json => {
                let surroundings = Surroundings { width: 0, colored: false };
                Format::Json.render(&document(report), "", surroundings)
            }
        };
        match &self.report_file {
            Some(path) => std::fs::write(path, text).map_err(|error| {
                Failure::other(format_args!("cannot write the report {}: {error}", path.display()))
            })?,
            // The command's standard output is its own. A closed standard error is no reason to fail.
            None if beside_command => drop(std::io::stderr().lock().write_all(text.as_bytes())),
            None => print_data(&text)?,
        }
        Ok(self.report_fail && !report.findings().is_empty())
    }
}

/// Returns the report as a document. It has every finding, also those that did not occur.
pub(crate) fn document(report: &Report) -> Document {
    let number = |number: u64| Document::Number(number.into());
    let mut members = vec![
        ("polls".to_owned(), number(report.polls)),
        ("signIns".to_owned(), number(report.sign_ins)),
        ("repeatsAfterLoss".to_owned(), number(report.repeats_after_loss)),
    ];
    let findings =
        Finding::ALL.iter().map(|finding| (finding.name().to_owned(), number(report.count(*finding))));
    members.push(("findings".to_owned(), Document::Map(findings.collect())));
    Document::Map(members)
}

fn text(report: &Report) -> String {
    let mut text = String::from("How the clients behaved:\n");
    let mut row = |count: u64, what: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{count:>6}  {what}");
    };
    row(report.polls, "polls");
    row(report.sign_ins, "sign-ins");
    row(report.repeats_after_loss, "requests repeated after a lost response, as is right");
    let findings = report.findings();
    let kinds = findings.len();
    for (finding, count) in findings {
        row(count, finding.about());
    }
    text.push_str(if kinds == 0 {
        "No findings.\n"
    } else {
        "A correct client does nothing of the last lines.\n"
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_what_occurred_and_the_document_names_everything() {
        let mut report = Report::default();
        assert!(text(&report).ends_with("No findings.\n"));
        report.polls = 12;
        report.early_polls = 3;
        let text = text(&report);
        assert!(
            text.contains("    12  polls\n") && text.contains("     3  Polls earlier than the interval\n"),
            "{text}"
        );
        assert!(!text.contains("No findings") && !text.contains("Redirects"), "{text}");
        let Document::Map(members) = document(&report) else { panic!("it is a map") };
        let Some((_, Document::Map(findings))) = members.last() else { panic!("findings come last") };
        assert_eq!(findings.len(), Finding::ALL.len());
        assert!(findings.contains(&("earlyPolls".to_owned(), Document::Number(3.into()))));
    }
}
