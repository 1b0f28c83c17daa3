//! The log on standard error or in a file, for `--debug` and `serve`.
//!
//! It shows only this project's own events. They carry operations, addresses, statuses and times, never a
//! secret. A library's debug log could quote a request.

mod json;
mod plain;

use std::io::{self, BufWriter, Write};
use std::thread;
use std::time::{Duration, Instant};

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::time::uptime;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::json::{Json, Object};
use self::plain::Plain;

/// The crates whose events the log shows.
const OURS: [&str; 8] = [
    "sso_oidc",
    "sso_oidc_server",
    "sso_cache",
    "oidc_proto",
    "device_flow",
    "device_flow_ureq",
    "device_flow_reqwest",
    "device_authority",
];
/// The number of lines that wait for a slow reader.
const QUEUED_LINES: usize = 2048;
/// The delay before another attempt to write to a full, non-blocking standard error.
const TRY_AGAIN: Duration = Duration::from_millis(10);
/// The rest of the queue's thread after it has written all lines. Without it a busy server wakes the thread for every
/// few lines. The queue has room for the lines of this time.
const REST: Duration = Duration::from_millis(5);
/// The time that the end of the program gives a slow reader.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Lines for people.
    Text {
        /// Whether they have colours.
        colored: bool,
    },
    /// JSON lines, for programs.
    Json,
}

/// Starts logging on standard error, in order with all other output there.
pub(crate) fn start(level: LevelFilter, colored: bool) {
    start_to(io::stderr, level, Form::Text { colored });
}

/// Starts logging through a queue, so that a slow reader cannot block the program. The log goes to standard error or
/// to a file.
pub(crate) fn start_queued(to: impl Write + Send + 'static, level: LevelFilter, form: Form) -> LogEnd {
    let to = BufWriter::new(WaitForRoom(to));
    let builder = NonBlockingBuilder::default().buffered_lines_limit(QUEUED_LINES).thread_name("log");
    let (queue, guard) = builder.finish(to);
    let end = LogEnd { lost: queue.error_counter(), queue: queue.clone(), guard: Some(guard), form };
    start_to(queue, level, form);
    end
}

/// The end of the log. Dropping it writes the remaining lines, if their reader takes them within two seconds.
#[must_use = "the log's last lines are lost unless this lives to the end"]
pub(crate) struct LogEnd {
    lost: ErrorCounter,
    queue: NonBlocking,
    guard: Option<WorkerGuard>,
    form: Form,
}

impl LogEnd {
    /// Queues a line. Returns whether there was room.
    fn queue(&mut self, line: &str) -> bool {
        let lost = self.lost.dropped_lines();
        // A full queue is no error, and the counter shows it.
        let _ = self.queue.write_all(line.as_bytes());
        self.lost.dropped_lines() == lost
    }
}

impl Drop for LogEnd {
    fn drop(&mut self) {
        let lost = self.lost.dropped_lines();
        let notice = match (lost, self.form) {
            (0, _) => String::new(),
            (_, Form::Text { .. }) => format!("{}\n", lost_lines(lost)),
            (_, Form::Json) => {
                let mut object = Object::new("WARN");
                object.member("message", &lost_lines(lost));
                object.line()
            }
        };
        let end = Instant::now() + LAST_LINES;
        while !self.queue(&notice) {
            if Instant::now() >= end {
                // The guard of a full queue prints on standard output, which belongs to the program's data.
                std::mem::forget(self.guard.take());
                return;
            }
            thread::sleep(TRY_AGAIN);
        }
    }
}

fn lost_lines(count: usize) -> String {
    format!("{count} lines of the log were not read in time and are lost")
}

/// A writer that waits where a non-blocking one fails. A parent process on Node makes our standard error
/// non-blocking. Without this, each full pipe loses 8 KiB of the log.
///
/// The queue's thread calls `flush` when the queue is empty, and rests there.
struct WaitForRoom<W>(W);

impl<W: Write> Write for WaitForRoom<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(TRY_AGAIN),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A log without a reader is no error. The queue's thread would wait for another line after one.
                Err(_) => return Ok(bytes.len()),
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        thread::sleep(REST);
        Ok(())
    }
}

fn start_to(writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static, level: LevelFilter, form: Form) {
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    let layer = match form {
        Form::Text { colored: true } => layer.with_timer(uptime()).with_ansi(true).boxed(),
        Form::Text { colored: false } => layer.with_ansi(false).event_format(Plain(uptime())).boxed(),
        Form::Json => layer.event_format(Json).boxed(),
    };
    let ours = filter_fn(|metadata| is_ours(metadata.target()));
    // A second start would keep the first subscriber.
    let _ = tracing_subscriber::registry().with(layer).with(level).with(ours).try_init();
}

/// Returns whether the event's target, a module path, is in one of our crates.
fn is_ours(target: &str) -> bool {
    OURS.contains(&target.split("::").next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_events_are_shown() {
        assert!(is_ours("sso_oidc") && is_ours("device_flow_ureq::transport"));
        assert!(!is_ours("hyper::proto::h1::io") && !is_ours("sso_oidc_other") && !is_ours(""));
    }

    /// A pipe that is full for the first attempts.
    struct Full(u32, Vec<u8>);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(left) = self.0.checked_sub(1) {
                self.0 = left;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_standard_error_that_does_not_block_loses_no_line() {
        let mut pipe = WaitForRoom(Full(3, Vec::new()));
        pipe.write_all(b"one\ntwo\n").unwrap();
        assert_eq!(pipe.0.1, b"one\ntwo\n");
    }
}
