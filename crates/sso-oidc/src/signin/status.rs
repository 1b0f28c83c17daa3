//! One line that says what is awaited, kept up to date while the sign-in waits.

use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use device_flow::{Phase, Status};
use oidc_proto::printable;

use super::Screen;

/// The status line. On a live screen a thread redraws it every second; elsewhere each change is printed as a line.
pub(crate) struct StatusLine {
    shared: Arc<Shared>,
    drawing: Option<JoinHandle<()>>,
    /// What was printed last where nothing can be redrawn.
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

/// What the line says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    what: String,
    /// When the code dies.
    deadline: Option<Instant>,
}

impl StatusLine {
    pub(crate) fn new(screen: Screen) -> Self {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let drawing = screen.is_live.then(|| {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name("status".to_owned()).spawn(move || draw(&shared)).ok()
        });
        Self { shared, drawing: drawing.flatten(), printed: String::new() }
    }

    /// Shows what the flow waits for.
    pub(crate) fn waiting(&mut self, status: &Status<'_>) {
        let what = words(status);
        let left = status.deadline.map(|deadline| deadline.since(status.now));
        if self.drawing.is_some() {
            let deadline = left.and_then(|left| Instant::now().checked_add(left));
            self.state().shown = Some(Shown { what, deadline });
            self.shared.changed.notify_all();
        } else if what != self.printed {
            let left = left.map(|left| format!(", {} left", minutes(left))).unwrap_or_default();
            let _ = writeln!(io::stderr().lock(), "{what}{left}");
            self.printed = what;
        }
    }

    /// Takes the line away, so that something else can be printed.
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

fn draw(shared: &Shared) {
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    while !state.stop {
        if let Some(shown) = &state.shown {
            let left = shown.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let left = left.map(|left| format!(", {} left", minutes(left))).unwrap_or_default();
            let mut stderr = io::stderr().lock();
            let _ = write!(stderr, "\r\x1b[K{}{left}. Ctrl-C cancels. ", shown.what);
            let _ = stderr.flush();
        }
        let waited = shared.changed.wait_timeout(state, Duration::from_secs(1));
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

fn words(status: &Status<'_>) -> String {
    let what = match status.phase {
        Phase::Registering => "Registering with the service",
        Phase::Authorizing => "Asking the service for a code",
        _ => "Waiting for your approval",
    };
    match status.trouble {
        Some(trouble) => format!("{what} (trouble: {}; trying again)", printable(&trouble.to_string())),
        None => what.to_owned(),
    }
}

/// `9:58`
pub(super) fn minutes(left: Duration) -> String {
    // Rounded up, so that the countdown ends at zero and not a second before.
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_reads_as_minutes_and_seconds() {
        assert_eq!(minutes(Duration::from_secs(600)), "10:00");
        assert_eq!(minutes(Duration::from_millis(59_001)), "1:00");
        assert_eq!(minutes(Duration::ZERO), "0:00");
    }
}
