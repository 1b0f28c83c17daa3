//! A log that never makes an answer wait: lines are queued, and a thread of its own writes them.
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
const GATHER: Duration = Duration::from_millis(5);
/// How often a writer that has no room just now is tried: one that does not block, because who else has it open made it so.
const TRY_AGAIN: Duration = Duration::from_millis(10);
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

/// Writes out, on drop, what is still waiting, as far as it is read soon.
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
            // The writer of the line before this one has told the thread already.
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

    /// Writes what comes until nothing more will. What cannot be written is counted, and the count is said with the next
    /// lines, or at the end. A reader who is gone is no trouble: then there is no reader to tell.
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
            let is_end = state.waiting.is_empty();
            let lines = std::mem::take(&mut state.waiting);
            let mut lost = std::mem::take(&mut state.lost);
            drop(state);
            let rest = write_lines(&mut to, &lines);
            lost += rest.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
            if lost > 0 {
                let broken_off =
                    lines.strip_suffix(rest).is_some_and(|out| out.last().is_some_and(|b| *b != b'\n'));
                let start = if broken_off { "\n" } else { "" };
                let notice = format!("{start}{lost} lines of the log were not read in time and are lost\n");
                if write_lines(&mut to, notice.as_bytes()).is_empty() {
                    lost = 0;
                }
            }
            let mut state = self.state();
            state.lost += lost;
            state.done = is_end;
            drop(state);
            if is_end {
                self.changed.notify_all();
                return;
            }
        }
    }
}

/// Writes these lines, as slowly as it has to be. Returns what did not get out.
fn write_lines<'a>(to: &mut impl Write, mut lines: &'a [u8]) -> &'a [u8] {
    while !lines.is_empty() {
        match to.write(lines) {
            Ok(0) => break,
            Ok(written) => lines = lines.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(TRY_AGAIN),
            Err(_) => break,
        }
    }
    // What it holds back itself is its own affair; standard error holds nothing back.
    let _ = to.flush();
    lines
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

    /// A writer with troubles of its own, one for each call, and none after the last.
    struct Troubled {
        troubles: Vec<io::Result<usize>>,
        taken: Sender<String>,
    }

    impl Write for Troubled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let takes = if self.troubles.is_empty() { Ok(bytes.len()) } else { self.troubles.remove(0) }?;
            let _ = self.taken.send(String::from_utf8_lossy(&bytes[..takes]).into_owned());
            Ok(takes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What gets out of three lines that were queued at once.
    fn written_in_spite_of(troubles: Vec<io::Result<usize>>) -> String {
        let (taken, taking) = channel();
        let (mut queue, end) = LogQueue::start(Troubled { troubles, taken }).unwrap();
        queue.write_all(b"one\ntwo\nthree\n").unwrap();
        drop(end);
        taking.try_iter().collect()
    }

    #[test]
    fn a_writer_without_room_is_tried_again_and_takes_every_line_once() {
        let full = || Err(io::ErrorKind::WouldBlock.into());
        let interrupted = || Err(io::ErrorKind::Interrupted.into());
        assert_eq!(written_in_spite_of(vec![full()]), "one\ntwo\nthree\n");
        assert_eq!(
            written_in_spite_of(vec![Ok(6), full(), interrupted(), full(), Ok(1)]),
            "one\ntwo\nthree\n"
        );
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted_and_the_count_is_said_when_it_can_be() {
        let broken = || Err(io::Error::other("no space left"));
        let lost = |count| format!("{count} lines of the log were not read in time and are lost\n");
        assert_eq!(written_in_spite_of(vec![broken()]), lost(3));
        assert_eq!(written_in_spite_of(vec![Ok(0)]), lost(3));
        // In the middle of the second line.
        assert_eq!(written_in_spite_of(vec![Ok(6), broken()]), format!("one\ntw\n{}", lost(2)));
        // The end tells what could not be told at once.
        assert_eq!(written_in_spite_of(vec![broken(), broken()]), lost(3));
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
