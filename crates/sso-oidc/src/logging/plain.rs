//! The log as lines of text without colours.

use std::fmt::{self, Debug, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::VisitOutput as _;
use tracing_subscriber::fmt::format::{DefaultVisitor, Writer};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The room for a line, which grows if need be. That of a request takes 270 bytes.
const LINE: usize = 512;

/// One line an event: time, level, target, and its fields. These are the bytes of `tracing-subscriber`'s own
/// formatter, which paints each part of a line even if it has no colours. Our crates open no spans, so a line shows
/// none.
pub(super) struct Plain<T>(pub(super) T);

impl<S, N, T> FormatEvent<S, N> for Plain<T>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    T: FormatTime,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let level = metadata.level().as_str();
        let mut line = String::with_capacity(LINE);
        self.0.format_time(&mut Writer::new(&mut line))?;
        for part in [if level.len() < 5 { "  " } else { " " }, level, " ", metadata.target(), ":"] {
            line.push_str(part);
        }
        let mut fields = Fields { line, result: Ok(()) };
        event.record(&mut fields);
        fields.result?;
        fields.line.push('\n');
        writer.write_str(&fields.line)
    }
}

/// The fields of a line, each after a space.
struct Fields {
    line: String,
    result: fmt::Result,
}

impl Fields {
    fn write(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        self.name(field);
        let written = self.line.write_fmt(value);
        self.result = self.result.and(written);
    }

    fn name(&mut self, field: &Field) {
        let name = field.name();
        for part in [" ", name.strip_prefix("r#").unwrap_or(name), "="] {
            self.line.push_str(part);
        }
    }
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, format_args!("{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.write(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        if field.name() == "message" {
            self.record_debug(field, &format_args!("{value}"));
        } else if value.bytes().all(is_plain) {
            self.name(field);
            for part in ["\"", value, "\""] {
                self.line.push_str(part);
            }
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() != "message" {
            return self.write(field, format_args!("{value:?}"));
        }
        self.line.push(' ');
        // It escapes what a terminal would obey.
        let mut visitor = DefaultVisitor::new(Writer::new(&mut self.line), true);
        visitor.record_debug(field, value);
        let written = visitor.finish();
        self.result = self.result.and(written);
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    /// A clock that stands still.
    struct Still;

    impl FormatTime for Still {
        fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
            writer.write_str("   0.000000001s")
        }
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn log() {
        let hostile = "\"},{\\ \n\u{1b}[31m\u{9b}31m\u{7f}\u{2028}é'";
        let (absent, path): (Option<u64>, _) = (None, std::path::Path::new("a\u{1b} b"));
        tracing::info!(route = "/token", sent = 400, duration = 0.000_25, absent, "answered");
        tracing::warn!(host = hostile, plain = %hostile, debug = ?hostile, "a message of {hostile}");
        tracing::error!(?path, yes = true, minus = -1, r#type = "keyword", message = hostile);
        tracing::debug!(only = "a field");
        tracing::trace!("a message alone");
    }

    #[test]
    fn a_line_has_the_bytes_of_the_librarys_own_formatter() {
        let written = |lines: &Lines| String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let (theirs, ours) = (Lines::default(), Lines::default());
        let subscriber = || tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
        let library = subscriber().with_timer(Still).with_writer(theirs.clone()).finish();
        tracing::subscriber::with_default(library, log);
        let plain = subscriber().event_format(Plain(Still)).with_writer(ours.clone()).finish();
        tracing::subscriber::with_default(plain, log);
        assert_eq!(written(&ours), written(&theirs));
        assert_eq!(written(&ours).matches("logging::plain::tests:").count(), 5, "{}", written(&ours));
    }
}
