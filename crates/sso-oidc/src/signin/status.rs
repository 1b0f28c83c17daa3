//! The status line, which is updated while the sign-in waits.

use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use device_flow::{Phase, Status, TransportError};
use oidc_proto::printable;

use unicode_width::UnicodeWidthChar as _;

use super::Screen;

/// The status line. On a live screen a thread redraws it every second; otherwise each change is printed as a line.
pub(crate) struct StatusLine {
    shared: Arc<Shared>,
    drawing: Option<JoinHandle<()>>,
    /// The last printed line, if the screen is not live.
    printed: String,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    shown: Option<Shown>,
    stop: bool,
}

/// The delay before the line for a slow request.
const PAUSE: Duration = Duration::from_secs(1);
/// The interval between redraws, for a countdown in seconds.
const EVERY: Duration = Duration::from_secs(1);

/// The content of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    what: String,
    /// The time from which the line is shown, so that a quick request shows none.
    from: Instant,
    /// The time when the code expires.
    deadline: Option<Instant>,
}

impl StatusLine {
    pub(crate) fn new(screen: Screen) -> Self {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let drawing = screen.is_live.then(|| {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name("status".to_owned()).spawn(move || draw(&shared, screen)).ok()
        });
        Self { shared, drawing: drawing.flatten(), printed: String::new() }
    }

    /// Shows the phase of the flow.
    pub(crate) fn waiting<F>(&mut self, status: &Status<'_, F>, whom: &str) {
        let what = words(status, whom);
        let left = status.deadline.map(|deadline| deadline.since(status.now));
        if self.drawing.is_some() {
            let deadline = left.and_then(|left| Instant::now().checked_add(left));
            self.show(Shown { what, from: Instant::now(), deadline });
        } else if what != self.printed {
            let left = left.map(|left| format!(", {} left", minutes(left))).unwrap_or_default();
            let _ = writeln!(io::stderr().lock(), "{what}{left}");
            self.printed = what;
        }
    }

    /// Shows the contacted service if the response takes long. Only a live screen shows it.
    pub(crate) fn contacting(&self, whom: impl std::fmt::Display) {
        if self.drawing.is_some() {
            let what = format!("Contacting {}", printable(&whom.to_string()));
            self.show(Shown { what, from: Instant::now() + PAUSE, deadline: None });
        }
    }

    /// Shows what the program does. Only a live screen shows it.
    pub(crate) fn doing(&self, what: impl std::fmt::Display) {
        if self.drawing.is_some() {
            let what = printable(&what.to_string()).into_owned();
            self.show(Shown { what, from: Instant::now(), deadline: None });
        }
    }

    fn show(&self, shown: Shown) {
        self.state().shown = Some(shown);
        self.shared.changed.notify_all();
    }

    /// Returns the way for another thread to print a message, until the line is gone.
    pub(crate) fn aside(&self) -> Aside {
        Aside { shared: Arc::downgrade(&self.shared), is_live: self.drawing.is_some() }
    }

    /// Removes the line, before other output.
    pub(crate) fn clear(&self) {
        if self.drawing.is_some() {
            let mut state = self.state();
            if state.shown.take().is_some() {
                let _ = write!(io::stderr().lock(), "\r\x1b[K");
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        self.clear();
        self.state().stop = true;
        self.shared.changed.notify_all();
        if let Some(drawing) = self.drawing.take() {
            drop(drawing.join());
        }
    }
}

/// The way for another thread to print a message above the status line.
pub(crate) struct Aside {
    shared: Weak<Shared>,
    is_live: bool,
}

impl Aside {
    /// Prints a message after this time, from a thread of its own, if the sign-in still waits then.
    pub(crate) fn say_after(self, time: Duration, words: &'static str) {
        let waiting = move || {
            if self.is_outlasted(time) {
                self.say(words);
            }
        };
        drop(thread::Builder::new().name("reminder".to_owned()).spawn(waiting));
    }

    /// Waits for this time, or for the end of the line. Returns whether the line is still there.
    fn is_outlasted(&self, time: Duration) -> bool {
        let Some(shared) = self.shared.upgrade() else { return false };
        let state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = shared.changed.wait_timeout_while(state, time, |state| !state.stop);
        !waited.unwrap_or_else(PoisonError::into_inner).0.stop
    }

    /// Prints a message, unless the sign-in is over.
    pub(crate) fn say(&self, words: impl std::fmt::Display) {
        let Some(shared) = self.shared.upgrade() else { return };
        let state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.stop {
            let erase = if self.is_live { "\r\x1b[K" } else { "" };
            let _ = writeln!(io::stderr().lock(), "{erase}{}", printable(&words.to_string()));
            drop(state);
            shared.changed.notify_all();
        }
    }
}

fn draw(shared: &Shared, screen: Screen) {
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    while !state.stop {
        let now = Instant::now();
        let mut pause = EVERY;
        if let Some(shown) = &state.shown {
            match shown.from.checked_duration_since(now) {
                Some(early) if !early.is_zero() => pause = early,
                _ => {
                    // The window may change its size at any time.
                    let line = shown.line(now, screen.columns_now(), screen.has_unicode);
                    let mut stderr = io::stderr().lock();
                    let _ = write!(stderr, "\r\x1b[K{line}");
                    let _ = stderr.flush();
                }
            }
        }
        let waited = shared.changed.wait_timeout(state, pause);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

impl Shown {
    fn line(&self, now: Instant, columns: usize, has_unicode: bool) -> String {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(now));
        let left = left.map(|left| format!(", {} left", minutes(left))).unwrap_or_default();
        fitted(&self.what, &format!("{left}. Ctrl-C cancels. "), columns, has_unicode)
    }
}

/// Shortens `what` so that the line with `rest` does not reach the last column. Otherwise terminals wrap it, and each
/// redraw scrolls the code away.
fn fitted(what: &str, rest: &str, columns: usize, has_unicode: bool) -> String {
    let room = columns.saturating_sub(1);
    let rest = cut(rest, room, "");
    let room = room - columns_of(&rest);
    cut(what, room, if has_unicode { "…" } else { "..." }) + &rest
}

/// Returns the text, shortened to this many columns, with a mark at its end if it was cut.
fn cut(text: &str, room: usize, mark: &str) -> String {
    if columns_of(text) <= room {
        return text.to_owned();
    }
    let Some(room) = room.checked_sub(columns_of(mark)) else { return String::new() };
    let mut taken = 0;
    let fits = |c: &char| {
        taken += c.width().unwrap_or(0);
        taken <= room
    };
    text.chars().take_while(fits).chain(mark.chars()).collect()
}

/// Returns the columns of a text, at most too many: a terminal may draw several characters as one.
fn columns_of(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

fn words<F>(status: &Status<'_, F>, whom: &str) -> String {
    let what = match status.phase {
        Phase::Registering => "Registering with the service",
        Phase::Authorizing => "Requesting a code from the service",
        Phase::Listening => "Waiting for your browser",
        Phase::Redeeming => "Fetching the token",
        _ => "Waiting for your approval",
    };
    match (status.error, status.cause) {
        (_, Some(cause)) => format!("{what} ({}; trying again)", printable(&cause_words(cause, whom))),
        (Some(error), None) => {
            format!("{what} (last error: {}; trying again)", printable(&error.to_string()))
        }
        (None, None) => what.to_owned(),
    }
}

/// Names the host and the cause, which is the last error of the chain.
fn cause_words(cause: &TransportError, whom: &str) -> String {
    let mut innermost: &dyn std::error::Error = cause;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let host = whom.split_once("://").map_or(whom, |(_, rest)| rest);
    format!("{}: {innermost}", host.split('/').next().unwrap_or(host))
}

/// The longest displayed lifetime of a code. A longer one is an error of the service.
const A_DAY: u64 = 24 * 60 * 60;

/// `9:58`
pub(super) fn minutes(left: Duration) -> String {
    // Rounded up, so that the countdown shows zero only at the end.
    let seconds = left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0));
    if seconds > A_DAY {
        return "more than a day".to_owned();
    }
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_never_reaches_the_last_column_and_keeps_its_end() {
        let error = "Waiting for your approval (last error: 証明書が無効です 🔒 e\u{301}; trying again)";
        let rest = ", 9:58 left. Ctrl-C cancels. ";
        for columns in 0..120 {
            for has_unicode in [true, false] {
                let line = fitted(error, rest, columns, has_unicode);
                assert!(columns_of(&line) <= columns.saturating_sub(1), "{columns}: {line}");
                if columns > rest.len() {
                    assert!(line.ends_with(rest), "{columns}: {line}");
                }
            }
        }
        assert_eq!(fitted(error, rest, 110, true), format!("{error}{rest}"));
        // Ideographs take two columns, so one that would only half fit is left out.
        assert_eq!(fitted("証明書が無効です", "", 8, true), "証明書…");
        assert_eq!(fitted("証明書が無効です", "", 9, true), "証明書…");
        assert_eq!(fitted("証明書が無効です", "", 10, false), "証明書...");
    }

    #[test]
    fn a_reminder_comes_if_the_sign_in_still_waits_and_an_end_does_not_wait_for_it() {
        let screen =
            Screen { has_reader: false, is_live: false, has_unicode: true, size: (80, 24), colored: false };
        let line = StatusLine::new(screen);
        assert!(line.aside().is_outlasted(Duration::from_millis(1)));
        let aside = line.aside();
        let began = Instant::now();
        let reminder = thread::spawn(move || aside.is_outlasted(Duration::from_secs(600)));
        drop(line);
        assert!(!reminder.join().unwrap());
        assert!(began.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn an_error_is_told_with_the_host_and_the_innermost_cause() {
        let lookup = io::Error::other("Name or service not known");
        let cause = TransportError::new(device_flow::Failure::NotSent, lookup);
        assert_eq!(
            cause_words(&cause, "https://oidc.eu-wets-1.amazonaws.com/path"),
            "oidc.eu-wets-1.amazonaws.com: Name or service not known"
        );
    }

    #[test]
    fn who_is_asked_is_said_without_a_countdown() {
        let now = Instant::now();
        let shown = Shown { what: "Contacting https://id.example".to_owned(), from: now, deadline: None };
        assert_eq!(shown.line(now, 80, true), "Contacting https://id.example. Ctrl-C cancels. ");
    }

    #[test]
    fn time_left_reads_as_minutes_and_seconds() {
        assert_eq!(minutes(Duration::from_secs(600)), "10:00");
        assert_eq!(minutes(Duration::from_millis(59_001)), "1:00");
        assert_eq!(minutes(Duration::ZERO), "0:00");
        assert_eq!(minutes(Duration::from_secs(86_400)), "1440:00");
        assert_eq!(minutes(Duration::MAX), "more than a day");
    }
}
