//! The log as lines of text without colours.

use std::fmt::{self, Debug};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::VisitOutput as _;
use tracing_subscriber::fmt::format::{DefaultVisitor, Writer};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

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
        self.0.format_time(&mut writer)?;
        for part in [if level.len() < 5 { "  " } else { " " }, level, " ", metadata.target(), ":"] {
            writer.write_str(part)?;
        }
        let mut fields = Fields { writer, result: Ok(()) };
        event.record(&mut fields);
        fields.result?;
        fields.writer.write_char('\n')
    }
}

/// The fields of a line, each after a space.
struct Fields<'a> {
    writer: Writer<'a>,
    result: fmt::Result,
}

impl Fields<'_> {
    fn write(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        let name = field.name();
        let write = || {
            for part in [" ", name.strip_prefix("r#").unwrap_or(name), "="] {
                self.writer.write_str(part)?;
            }
            value(&mut self.writer)
        };
        if self.result.is_ok() {
            self.result = write();
        }
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        if field.name() == "message" {
            self.record_debug(field, &format_args!("{value}"));
        } else if value.bytes().all(is_plain) {
            self.write(field, |writer| {
                ["\"", value, "\""].into_iter().try_for_each(|part| writer.write_str(part))
            });
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() != "message" {
            return self.write(field, |writer| write!(writer, "{value:?}"));
        }
        if self.result.is_ok() {
            self.result = self.writer.write_char(' ').and_then(|()| {
                // It escapes what a terminal would obey.
                let mut visitor = DefaultVisitor::new(self.writer.by_ref(), true);
                visitor.record_debug(field, value);
                visitor.finish()
            });
        }
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
