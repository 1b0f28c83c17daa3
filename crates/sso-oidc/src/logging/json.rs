//! The log as JSON lines, for programs.

use std::fmt::{self, Debug, Write as _};

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The members whose names differ from those of the text, each with its name there.
const RENAMED: [(&str, &str); 2] = [("path", "route"), ("status", "sent")];

/// One object a line: time, level, message, and the fields of the event. A field without a value has no member. The
/// formatter of `tracing-subscriber` nests the fields, and has other names.
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut object = Object::new(event.metadata().level().as_str());
        event.record(&mut object);
        writer.write_str(&object.line())
    }
}

/// An object under construction.
pub(super) struct Object(String);

impl Object {
    /// Begins an object with this moment, and with this level.
    pub(super) fn new(level: &str) -> Self {
        let mut time = String::new();
        // It fails only if the writer does, and a string does not. The time is that of RFC 3339, in UTC.
        let _ = SystemTime.format_time(&mut Writer::new(&mut time));
        let mut object = Self(String::new());
        object.member("time", &time);
        object.member("level", level);
        object
    }

    pub(super) fn member<V: Serialize + ?Sized>(&mut self, name: &str, value: &V) {
        let Self(text) = self;
        let name = RENAMED.iter().find(|(_, field)| *field == name).map_or(name, |(renamed, _)| renamed);
        // Texts and numbers have a form in JSON. A number that has none is null.
        if let (Ok(name), Ok(value)) = (serde_json::to_string(name), serde_json::to_string(value)) {
            let before = if text.is_empty() { '{' } else { ',' };
            let _ = write!(text, "{before}{name}:{value}");
        }
    }

    /// Returns the line. Its texts have no control characters, so it may be shown on a terminal.
    pub(super) fn line(self) -> String {
        let Self(text) = self;
        let mut line = String::with_capacity(text.len() + 2);
        for character in text.chars() {
            // serde_json escapes those of ASCII but for DEL.
            if character.is_control() {
                let _ = write!(line, "\\u{:04x}", u32::from(character));
            } else {
                line.push(character);
            }
        }
        line.push_str("}\n");
        line
    }
}

impl Visit for Object {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.member(field.name(), &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field.name(), &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field.name(), &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.member(field.name(), &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field.name(), &value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_line_is_an_object_whose_texts_are_what_was_logged() {
        let hostile = "\"},{\\ \n\u{1b}[31m\u{9b}31m\u{7f}\u{2028}é";
        let mut object = Object::new("WARN");
        object.member("host", hostile);
        object.member("sent", &421_u64);
        let line = object.line();
        assert_eq!(line.matches(char::is_control).count(), 1, "the end of the line: {line}");
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&value["host"], &value["status"], &value["level"]),
            (&hostile.into(), &421.into(), &"WARN".into())
        );
        let time = value["time"].as_str().unwrap();
        assert!(time.len() == 27 && time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
    }
}
