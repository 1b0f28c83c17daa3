//! The report as a document, for `--output` and `--query`.

use device_conform::{Checked, Evidence, Report, Tally};

use crate::output::{Document, Rehearsal};

/// Returns the document of a report.
pub(super) fn of(report: &Report) -> Document {
    let Tally { passed, failed, warned, not_made, .. } = report.tally();
    Document::map([
        ("issuer", report.issuer.as_str().into()),
        ("requests", number(report.requests)),
        ("maxRequests", number(report.max_requests)),
        ("stopped", report.stopped.as_deref().into()),
        ("passed", number(passed)),
        ("failed", number(failed)),
        ("warned", number(warned)),
        ("notMade", number(not_made)),
        ("tokensRevoked", number(report.tokens_revoked)),
        ("tokensLeft", number(report.tokens_left)),
        ("checks", Document::List(report.checks.iter().map(checked).collect())),
    ])
}

/// Returns a sample for the query.
pub(super) fn rehearsal() -> Rehearsal {
    let text = |name| (name, Document::from(name));
    let evidence = Document::map([text("step"), text("request"), text("response")]);
    let check = Document::map([
        text("id"),
        text("source"),
        text("strength"),
        text("rule"),
        text("outcome"),
        text("reason"),
        ("evidence", Document::List(vec![evidence])),
    ]);
    let sample = Document::map([
        text("issuer"),
        ("requests", number(1)),
        ("maxRequests", number(1)),
        text("stopped"),
        ("passed", number(1)),
        ("failed", number(1)),
        ("warned", number(1)),
        ("notMade", number(1)),
        ("tokensRevoked", number(1)),
        ("tokensLeft", number(1)),
        ("checks", Document::List(vec![check])),
    ]);
    Rehearsal::new(sample, |member| member == "stopped")
}

fn checked(Checked { check, outcome, evidence, .. }: &Checked) -> Document {
    Document::map([
        ("id", check.id.into()),
        ("source", check.source().as_str().into()),
        ("strength", check.strength.to_string().as_str().into()),
        ("rule", check.rule.into()),
        ("outcome", outcome.word().into()),
        ("reason", outcome.reason().into()),
        ("evidence", Document::List(evidence.iter().map(exchange).collect())),
    ])
}

fn exchange(Evidence { step, request, response, .. }: &Evidence) -> Document {
    Document::map([
        ("step", step.to_string().as_str().into()),
        ("request", request.as_str().into()),
        ("response", response.as_str().into()),
    ])
}

fn number(count: usize) -> Document {
    Document::Number(count.into())
}
