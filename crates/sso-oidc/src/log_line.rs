//! One line of the log: the time since the program began, the level, where it was said, what, and the fields.
//!
//! `tracing-subscriber` has a format that looks the same. It can do much more, and a line of it costs `serve` half as much
//! as the answer that the line is about.

use std::fmt::{self, Write as _};
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// How long a line is that need not grow: as long as those of `serve` are.
const LONG: usize = 320;

/// Writes events as lines.
pub(crate) struct LogLine {
    began: Instant,
    colored: bool,
}

impl LogLine {
    /// Lines whose time counts from now.
    pub(crate) fn from_now(colored: bool) -> Self {
        Self { began: Instant::now(), colored }
    }
}

impl<S, N> FormatEvent<S, N> for LogLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut line: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        let (dim, color, plain) =
            if self.colored { ("\x1b[2m", color(*metadata.level()), "\x1b[0m") } else { ("", "", "") };
        let elapsed = self.began.elapsed();
        let mut text = String::with_capacity(LONG);
        text.push_str(dim);
        push_number(&mut text, elapsed.as_secs(), 4, b' ');
        text.push('.');
        push_number(&mut text, elapsed.subsec_micros().into(), 6, b'0');
        text.push_str("s ");
        text.push_str(plain);
        text.push_str(color);
        text.push_str(name(*metadata.level()));
        text.push_str(plain);
        text.push_str(dim);
        text.push_str(metadata.target());
        text.push(':');
        text.push_str(plain);
        event.record(&mut Fields(&mut text));
        text.push('\n');
        line.write_str(&text)
    }
}

/// Of one width, with a blank on either side.
const fn name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR ",
        Level::WARN => " WARN ",
        Level::INFO => " INFO ",
        Level::DEBUG => "DEBUG ",
        Level::TRACE => "TRACE ",
    }
}

const fn color(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[35m",
    }
}

/// The message as it is, and each field as `name=value`.
struct Fields<'a>(&'a mut String);

impl Fields<'_> {
    fn begin(&mut self, field: &Field) {
        self.0.push(' ');
        if field.name() != "message" {
            self.0.push_str(field.name());
            self.0.push('=');
        }
    }
}

/// Writing to a text does not fail. What a value's own `Debug` fails at is left out.
impl Visit for Fields<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.begin(field);
        push_number(self.0, value, 1, b' ');
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.begin(field);
        if is_plain(value) {
            self.0.push('"');
            self.0.push_str(value);
            self.0.push('"');
        } else {
            let _ = write!(self.0, "{value:?}");
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.begin(field);
        let _ = write!(Escaping(self.0), "{value:?}");
    }
}

/// A text that can neither begin a line of its own nor drive a terminal.
struct Escaping<'a>(&'a mut String);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if is_plain(text) {
            self.0.push_str(text);
            return Ok(());
        }
        for character in text.chars() {
            if character.is_control() {
                self.0.extend(character.escape_default());
            } else {
                self.0.push(character);
            }
        }
        Ok(())
    }
}

/// Whether these are only characters that stand for themselves in a quoted text, as in nearly all texts of a log. It looks
/// at all of them, which the processor can do several at a time.
fn is_plain(text: &str) -> bool {
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) & (byte != b'"') & (byte != b'\\');
    text.bytes().fold(true, |all, byte| all & is_plain(byte))
}

/// A number in decimal, of this width at least.
fn push_number(text: &mut String, mut number: u64, width: usize, fill: u8) {
    let mut digits = [fill; 20];
    let mut start = digits.len();
    while number > 0 || start == digits.len() {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    let digits = &digits[start.min(digits.len() - width)..];
    text.push_str(std::str::from_utf8(digits).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::fmt::format::{Format, Full};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Log {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    /// The lines that these events make, without their times.
    fn lines(colored: bool, events: impl FnOnce()) -> Vec<String> {
        let log = Log::default();
        let layer = tracing_subscriber::fmt::layer()
            .event_format(LogLine::from_now(colored))
            .with_writer(log.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), events);
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| line.split_once("s ").unwrap().1.to_owned()).collect()
    }

    /// The lines of `tracing-subscriber`'s own format.
    fn usual_lines(events: impl FnOnce()) -> Vec<String> {
        let log = Log::default();
        let format: Format<Full, ()> = tracing_subscriber::fmt::format().without_time();
        let layer =
            tracing_subscriber::fmt::layer().event_format(format).with_ansi(false).with_writer(log.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), events);
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn events() {
        let elapsed = std::time::Duration::from_millis(5);
        tracing::info!(operation = "CreateToken", status = 400_u16, connection = u64::MAX, "answered");
        tracing::warn!("other machines reach this server");
        tracing::error!(zero = 0_u64, missing = None::<&str>, text = "a \"b\" \\ é\n", "odd");
        tracing::debug!(?elapsed, path = ?Some("x"), page = %"http://[::1]:80/device", less = -7_i64, yes = true);
        tracing::trace!(f = 1.5, "done");
    }

    #[test]
    fn a_line_looks_as_it_does_everywhere() {
        assert_eq!(lines(false, events), usual_lines(events));
    }

    #[test]
    fn what_a_stranger_said_neither_begins_a_line_nor_drives_a_terminal() {
        let said = "x\u{1b}[2J\n 0.0s INFO fake\u{9b}";
        let lines = lines(false, || tracing::info!(shown = %said, debugged = ?said, text = said, "heard"));
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with(" INFO ") && lines[0].contains("fake"), "{lines:?}");
        assert!(!lines[0].chars().any(char::is_control), "{lines:?}");
    }

    #[test]
    fn a_terminal_sees_the_level_in_its_color() {
        let lines = lines(true, || tracing::warn!(n = 1_u64, "look"));
        assert!(lines[0].contains("\u{1b}[33m WARN \u{1b}[0m"), "{lines:?}");
        assert!(lines[0].ends_with(" look n=1"), "{lines:?}");
    }

    #[test]
    fn the_time_has_four_places_for_seconds_and_six_behind_the_point() {
        let mut text = String::new();
        for (seconds, micros) in [(0, 7), (12_345, 999_999)] {
            push_number(&mut text, seconds, 4, b' ');
            push_number(&mut text, micros, 6, b'0');
        }
        assert_eq!(text, "   000000712345999999");
    }
}
