//! What a connection waits for, and since when. The choice of a connection to close depends on it.

use core::cmp::Reverse;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::time::Instant;

/// The number of turns that a connection leaves to others after a response, if the next request is already
/// there. With one turn, 12,000 peers that send 300 requests each made an honest client wait for 235 ms; with
/// four, 99 ms.
const TURNS: usize = 4;

/// The time since which a connection waits for its peer, and the reason. A handler never waits. So a
/// connection whose task does not run waits for its peer: for a request, the rest of one, or room to write.
#[derive(Debug)]
pub(crate) struct Activity {
    wait: AtomicU64,
    /// Whether the task has answered a request since its last wake-up.
    answered_this_poll: AtomicBool,
    began: Instant,
}

/// The latest event on a connection and its time: milliseconds, times four, and the [`Stage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait(u64);

/// The latest event on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The peer has connected.
    New = 0,
    /// A request's head is complete.
    Request = 1,
    /// The response is ready.
    Response = 2,
}

impl Activity {
    /// Starts with a new connection. The server began at this time.
    pub(crate) fn new(began: Instant) -> Self {
        let activity = Self { wait: AtomicU64::new(0), answered_this_poll: AtomicBool::new(false), began };
        activity.set(Stage::New);
        activity
    }

    /// Notes that a request's head is complete.
    pub(crate) fn request(&self) {
        self.set(Stage::Request);
    }

    /// Notes that the response is ready.
    pub(crate) fn response(&self) {
        self.set(Stage::Response);
    }

    fn set(&self, stage: Stage) {
        let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.wait.store(millis << 2 | stage as u64, Ordering::Relaxed);
    }

    pub(crate) fn wait(&self) -> Wait {
        Wait(self.wait.load(Ordering::Relaxed))
    }

    /// Lets other connections go first if this one has answered a request since its last wake-up. Otherwise a
    /// peer that sends 1,000 requests at once blocks all others. 1,100 such peers delayed an honest client by
    /// 0.8 s.
    pub(crate) async fn take_turn(&self) {
        if self.answered_this_poll.swap(true, Ordering::Relaxed) {
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
            self.answered_this_poll.store(true, Ordering::Relaxed);
        }
    }

    /// Notes that the task runs again.
    pub(crate) fn new_poll(&self) {
        self.answered_this_poll.store(false, Ordering::Relaxed);
    }
}

impl Wait {
    pub(crate) const fn is(self, stage: Stage) -> bool {
        self.0 & 3 == stage as u64
    }

    /// Returns the priority for closing: an incomplete request first, then the longest wait.
    pub(crate) fn precedence(self) -> impl Ord {
        (!self.is(Stage::Response), Reverse(self.0 >> 2))
    }
}
