//! The report in JUnit's XML, which CI systems show.
//!
//! A broken MUST is a failure, and a check that was not made is skipped. JUnit has no warning, so a broken SHOULD is a
//! passed test with an output.

use std::io::{self, Write};

use device_conform::{Checked, Outcome, Report};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

/// Writes the report.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let mut writer = Writer::new_with_indent(&mut *out, b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let tally = report.tally();
    let suite = [
        ("name", valid(&report.issuer)),
        ("tests", report.checks.len().to_string()),
        ("failures", tally.failed.to_string()),
        ("skipped", tally.not_made.to_string()),
    ];
    let suite = suite.iter().map(|(name, value)| (*name, value.as_str()));
    writer.create_element("testsuites").write_inner_content(|writer| {
        writer.create_element("testsuite").with_attributes(suite).write_inner_content(|writer| {
            report.checks.iter().try_for_each(|checked| case(writer, checked))
        })?;
        Ok(())
    })?;
    writeln!(out)?;
    out.flush()
}

fn case<W: Write>(writer: &mut Writer<W>, checked: &Checked) -> io::Result<()> {
    let source = checked.check.source();
    let case = writer
        .create_element("testcase")
        .with_attributes([("classname", source.as_str()), ("name", checked.check.id)]);
    let reason = valid(checked.outcome.reason().unwrap_or_default());
    match &checked.outcome {
        Outcome::Fail(_) => case.write_inner_content(|writer| {
            let strength = checked.check.strength.to_string();
            let failure = [("message", reason.as_str()), ("type", strength.as_str())];
            writer
                .create_element("failure")
                .with_attributes(failure)
                .write_text_content(BytesText::new(&shown(checked)))?;
            Ok(())
        })?,
        Outcome::NotMade(_) => case.write_inner_content(|writer| {
            writer.create_element("skipped").with_attribute(("message", reason.as_str())).write_empty()?;
            Ok(())
        })?,
        Outcome::Warn(_) => case.write_inner_content(|writer| {
            let text = format!("warning: {reason}\n{}", shown(checked));
            writer.create_element("system-out").write_text_content(BytesText::new(&text))?;
            Ok(())
        })?,
        _ => case.write_empty()?,
    };
    Ok(())
}

/// Returns the rule and the evidence.
fn shown(checked: &Checked) -> String {
    let mut text = checked.check.rule.to_owned();
    for exchange in &checked.evidence {
        text += &format!("\n> {}\n< {}", exchange.request, exchange.response);
    }
    valid(&text)
}

/// Removes the characters that XML 1.0 §2.2 does not allow, even escaped. Controls are gone already.
fn valid(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}')).collect()
}
