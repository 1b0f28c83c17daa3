//! `--debug`: what the program does, on standard error.
//!
//! Only this project's own events are shown: they carry operations, addresses, statuses and times, and no secret by
//! construction. A library's debug log could quote a request.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::log_line::LogLine;
use crate::log_queue::{LogEnd, LogQueue};

/// The crates whose events are shown.
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

/// Starts logging on standard error, in order with all else that is said there. Without `--debug` only what the
/// program must say at `level` is shown.
pub(crate) fn start(level: LevelFilter, colored: bool) {
    start_to(io::stderr, level, colored);
}

/// Starts logging on standard error as [`start`] does, through a queue, so that no reader can hold the program up.
///
/// # Errors
/// There is no thread to be had.
pub(crate) fn start_queued(level: LevelFilter, colored: bool) -> io::Result<LogEnd> {
    let (queue, end) = LogQueue::start(io::stderr())?;
    start_to(move || queue.clone(), level, colored);
    Ok(end)
}

fn start_to(writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static, level: LevelFilter, colored: bool) {
    let to_stderr = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .event_format(LogLine::from_now(colored))
        .with_filter(filter_fn(|metadata| is_ours(metadata.target())));
    // A second start (there is none) would keep the first.
    let _ = tracing_subscriber::registry().with(level).with(to_stderr).try_init();
}

/// Whether the event's target, a module path, is in one of our crates.
fn is_ours(target: &str) -> bool {
    OURS.contains(&target.split("::").next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn only_our_own_events_are_shown() {
        assert!(is_ours("sso_oidc") && is_ours("device_flow_ureq::transport"));
        assert!(!is_ours("hyper::proto::h1::io") && !is_ours("sso_oidc_other") && !is_ours(""));
    }
}
