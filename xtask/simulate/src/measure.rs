//! The real time, the real memory, and the command line, which only the report uses.

/// Returns the real time.
#[expect(
    clippy::disallowed_methods,
    reason = "the report says how long it took; nothing simulated depends on it"
)]
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "a program reads its command line")]
pub(crate) fn arguments() -> impl Iterator<Item = String> {
    std::env::args().skip(1)
}

/// Returns the URL of the database, if there is one.
#[expect(
    clippy::disallowed_methods,
    reason = "a URL with a password is in a variable, not on the command line"
)]
pub(crate) fn database() -> Option<oidc_proto::Secret> {
    std::env::var(crate::args::URL).ok().map(oidc_proto::Secret::new)
}

/// Returns the resident memory in bytes; 0 without `/proc`.
pub(crate) fn memory() -> u64 {
    status("VmRSS:")
}

/// Returns the peak of the resident memory in bytes.
pub(crate) fn peak_memory() -> u64 {
    status("VmHWM:")
}

pub(crate) fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

#[expect(clippy::disallowed_methods, reason = "the report says how much memory it took")]
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().map_or(0, |kibibytes: u64| kibibytes << 10)
}
