//! A log that never makes anybody wait: lines are queued, and a thread of its own writes them.
//!
//! Who reads the log may be slow, or may not read at all: a parent that pipes standard error and forgets it. A server
//! that wrote its log itself would then stop answering. The queue is bounded, and what does not fit is counted.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How many bytes wait at most: some thousand lines.
const ROOM: usize = 256 * 1024;
/// How long a line may wait for others to be written with it. A busy server is woken for a thousand lines at once, and not
/// for each.
const GATHER: Duration = Duration::from_millis(1);
/// How long the end of the program waits for a reader.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where lines are put.
#[derive(Clone)]
pub(crate) struct LogQueue(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    lost: u64,
    /// Nothing more will come.
    closed: bool,
    /// All that came is written.
    done: bool,
}

/// Writes out, on drop, what is still waiting, as far as somebody reads it soon.
#[must_use = "the log's last lines are lost unless this lives to the end"]
pub(crate) struct LogEnd(LogQueue);

impl LogQueue {
    /// A queue whose lines go to this writer.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(crate) fn start(to: impl Write + Send + 'static) -> io::Result<(Self, LogEnd)> {
        let queue = Self(Arc::default());
        let shared = Arc::clone(&queue.0);
        thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_all(to))?;
        Ok((queue.clone(), LogEnd(queue)))
    }
}

/// Takes whole lines, each in one piece; never blocks and never fails.
impl Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.0.state();
        let is_first = state.waiting.is_empty();
        if state.waiting.len().saturating_add(line.len()) <= ROOM {
            state.waiting.extend_from_slice(line);
        } else {
            state.lost += 1;
        }
        drop(state);
        if is_first {
            // Whoever put the line before this one has told the thread already.
            self.0.changed.notify_all();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what comes until nothing more will. A reader who is gone is no trouble: then there is nobody to tell.
    fn write_all(&self, mut to: impl Write) {
        loop {
            let state =
                self.changed.wait_while(self.state(), |state| state.waiting.is_empty() && !state.closed);
            let mut state = state.unwrap_or_else(PoisonError::into_inner);
            if !state.closed {
                drop(state);
                thread::sleep(GATHER);
                state = self.state();
            }
            if state.waiting.is_empty() {
                state.done = true;
                drop(state);
                self.changed.notify_all();
                return;
            }
            let mut lines = std::mem::take(&mut state.waiting);
            let lost = std::mem::take(&mut state.lost);
            drop(state);
            if lost > 0 {
                lines.extend_from_slice(
                    format!("{lost} lines of the log were not read in time and are lost\n").as_bytes(),
                );
            }
            let _ = to.write_all(&lines).and_then(|()| to.flush());
        }
    }
}

impl Drop for LogEnd {
    fn drop(&mut self) {
        let shared = &self.0.0;
        let mut state = shared.state();
        state.closed = true;
        shared.changed.notify_all();
        drop(shared.changed.wait_timeout_while(state, PATIENCE, |state| !state.done));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A reader that takes what is written only when it is told to, and says what it took.
    struct Slow {
        go: Receiver<()>,
        taken: Sender<String>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.go.recv();
            let _ = self.taken.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_keep_their_order_and_those_without_room_are_counted_once() {
        let (go, may_go) = channel();
        let (taken, taking) = channel();
        let (mut queue, end) = LogQueue::start(Slow { go: may_go, taken }).unwrap();
        queue.write_all(b"first\n").unwrap();
        go.send(()).unwrap();
        assert_eq!(taking.recv().unwrap(), "first\n");
        let line = vec![b'x'; ROOM / 2];
        for _ in 0..7 {
            queue.write_all(&line).unwrap();
        }
        // The writer may have taken the first of them already, which makes room for two more.
        drop(go);
        drop(end);
        let rest: String = taking.try_iter().collect();
        let kept = rest.matches('x').count() / line.len();
        let lost: usize = rest
            .lines()
            .filter_map(|line| {
                line.trim_start_matches('x')
                    .strip_suffix(" lines of the log were not read in time and are lost")
            })
            .map(|count| count.parse::<usize>().unwrap())
            .sum();
        assert!((2..=4).contains(&kept), "{kept}");
        assert_eq!(kept + lost, 7);
    }

    #[test]
    fn the_end_waits_for_what_was_written_but_not_for_ever() {
        let (taken, taking) = channel();
        let (go, may_go) = channel();
        drop(go);
        let (mut queue, end) = LogQueue::start(Slow { go: may_go, taken }).unwrap();
        queue.write_all(b"last\n").unwrap();
        drop(end);
        assert_eq!(taking.try_iter().collect::<String>(), "last\n");

        let (taken, _taking) = channel();
        let (_go, may_go) = channel();
        let (mut queue, end) = LogQueue::start(Slow { go: may_go, taken }).unwrap();
        queue.write_all(b"never read\n").unwrap();
        let began = std::time::Instant::now();
        drop(end);
        assert!(began.elapsed() >= PATIENCE && began.elapsed() < 10 * PATIENCE);
    }
}
