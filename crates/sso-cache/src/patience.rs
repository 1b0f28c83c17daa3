//! Patience with a file that another program has open. Windows refuses to replace or to delete it meanwhile.

use std::io;
use std::time::{Duration, Instant};

use crate::platform;

/// The longest time. A reader, a virus scanner or a backup takes much less.
const PATIENCE: Duration = Duration::from_secs(2);
/// The time between two attempts.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Repeats an operation on a file for at most two seconds, while another program has the file open. On Windows such a
/// file cannot be replaced or deleted, and while it is being replaced, it cannot be opened. Other systems know no such
/// refusal, so the operation runs once there.
///
/// Windows has one error for this and for a missing permission. There, a file without permission fails after two
/// seconds.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let [new, path] = ["new", "path"].map(|name| dir.path().join(name));
/// std::fs::write(&new, "new")?;
/// std::fs::write(&path, "old")?;
/// sso_cache::patiently(|| std::fs::rename(&new, &path))?;
/// assert_eq!(std::fs::read_to_string(&path)?, "new");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// The last error of the operation.
pub fn patiently<T>(operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    repeated(operation, platform::may_be_in_use, PATIENCE)
}

fn repeated<T>(
    mut operation: impl FnMut() -> io::Result<T>,
    is_transient: impl Fn(&io::Error) -> bool,
    patience: Duration,
) -> io::Result<T> {
    let began = Instant::now();
    loop {
        match operation() {
            Err(error) if is_transient(&error) && began.elapsed() < patience => {
                std::thread::sleep(LOOK_AGAIN);
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_busy(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::ResourceBusy
    }

    #[test]
    fn an_operation_is_repeated_while_the_file_is_in_use_and_not_for_another_error() {
        for (last, expected) in [(Ok(5), Ok(5)), (Err(io::ErrorKind::NotFound), Err(io::ErrorKind::NotFound))]
        {
            let mut calls = 0;
            let operation = || {
                calls += 1;
                if calls < 3 {
                    Err(io::ErrorKind::ResourceBusy.into())
                } else {
                    last.map_err(io::Error::from)
                }
            };
            let got = repeated(operation, is_busy, Duration::from_secs(60));
            assert_eq!(got.map_err(|error| error.kind()), expected);
            assert_eq!(calls, 3);
        }
    }

    #[test]
    fn patience_ends_with_the_error_of_the_last_attempt() {
        let began = Instant::now();
        let mut calls = 0;
        let operation = || -> io::Result<()> {
            calls += 1;
            Err(io::Error::new(io::ErrorKind::ResourceBusy, calls.to_string()))
        };
        let error = repeated(operation, is_busy, Duration::from_millis(50)).unwrap_err();
        assert!(began.elapsed() >= Duration::from_millis(50));
        assert_eq!(error.to_string(), calls.to_string());
        assert!(calls > 1, "{calls}");
    }
}
