//! The exit codes of the AWS CLI, and the error type that carries them.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use oidc_proto::printable;

/// The exit codes, with the AWS CLI's meanings. Those of `status`, `approve` and `exec` are none of the AWS CLI's: 1,
/// 2, 130, 252 to 255. `conform` and `try-faults` have 1, as test programs do, and so has `ready`, as health checks do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// The command succeeded, or printed help.
    Success = 0,
    /// `serve --report-fail`: the command succeeded, and the report has findings. `try-faults`: the command ended
    /// otherwise than expected. `conform`: the server breaks a rule. `ready`: the server is not ready.
    Findings = 1,
    /// `status`: the token is valid for no more than 15 minutes.
    Expiring = 3,
    /// `status`: the token has expired. `approve`, `deny`: the code has.
    Expired = 4,
    /// `status`: there is no token.
    SignedOut = 5,
    /// `approve`, `deny`: no device waits with this code.
    UnknownCode = 6,
    /// `approve`, `deny`: the code was decided before.
    Decided = 7,
    /// `exec`: the command cannot be run (POSIX.1-2024, Shell Command Language §2.8.2).
    CannotRun = 126,
    /// `exec`: the command is not found (same section).
    NotFound = 127,
    /// Ctrl-C: 128 + SIGINT, as in shells.
    Interrupted = 130,
    /// The command line is wrong.
    Usage = 252,
    /// The configuration is wrong or incomplete.
    Config = 253,
    /// The service answered with a fault.
    Service = 254,
    /// Any other error: network, an indeterminate response, a malformed response, an unreadable file.
    Other = 255,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error of the program: a message, further lines, and an exit code.
///
/// The texts may quote a server, a file or a flag, but never a secret. [`Failure::report`] escapes all of them, so no
/// caller has to.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    details: Vec<String>,
}

impl Failure {
    /// Creates a failure of the command line.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Creates a failure of the configuration.
    pub(crate) fn config(message: impl fmt::Display) -> Self {
        Self::new(Exit::Config, message)
    }

    /// Creates a failure for an error that the service returned.
    pub(crate) fn service(message: impl fmt::Display) -> Self {
        Self::new(Exit::Service, message)
    }

    /// Creates a failure of any other kind.
    pub(crate) fn other(message: impl fmt::Display) -> Self {
        Self::new(Exit::Other, message)
    }

    /// Creates a failure with this exit code.
    pub(crate) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string(), details: Vec::new() }
    }

    /// Adds a line below the message.
    pub(crate) fn with_detail(mut self, detail: impl fmt::Display) -> Self {
        self.details.push(detail.to_string());
        self
    }

    /// Adds a line that says what the user can do.
    pub(crate) fn with_hint(self, hint: impl fmt::Display) -> Self {
        self.with_detail(format_args!("Hint: {hint}"))
    }

    /// Puts a configuration error in front of this failure, as its cause.
    pub(crate) fn because(self, cause: impl fmt::Display) -> Self {
        let details = std::iter::once(self.message).chain(self.details).collect();
        Self { exit: Exit::Config, message: cause.to_string(), details }
    }

    /// Returns the message, without the details.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Returns the lines below the message.
    pub(crate) fn details(&self) -> &[String] {
        &self.details
    }

    /// Returns the exit code.
    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    /// Prints the failure on standard error, in the AWS CLI's form. Write errors are ignored, so that the exit code
    /// stays.
    pub(crate) fn report(&self, colored: bool) {
        let (on, off) = if colored { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
        let mut stderr = io::stderr().lock();
        let _ = writeln!(stderr, "sso-oidc: {on}[ERROR]{off}: {}", printable(&self.message));
        for detail in &self.details {
            let _ = writeln!(stderr, "{}", printable(detail));
        }
    }
}

/// Formats an error and its sources on one line. A source that the text already quotes is left out.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

/// Prints a warning on standard error. Each text is printed once a run.
pub(crate) fn warn(message: impl fmt::Display) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let message = message.to_string();
    let line = format!("sso-oidc: [WARNING]: {}", printable(&message));
    if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(message) {
        let _ = writeln!(io::stderr().lock(), "{line}");
    }
}

/// Writes data on standard output.
///
/// A closed pipe counts as success: the reader has read all that it wanted.
///
/// # Errors
/// Any other write error.
pub(crate) fn print_data(data: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(data.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::other(format_args!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_its_code_and_its_lines() {
        let failure = Failure::service("no").with_detail("Request id: 1").with_hint("ask again");
        assert_eq!(failure.exit(), Exit::Service);
        assert_eq!(failure.details, ["Request id: 1", "Hint: ask again"]);
        assert_eq!(ExitCode::from(Exit::Usage), ExitCode::from(252));
    }

    #[test]
    fn a_chain_has_every_cause_once() {
        #[derive(Debug)]
        struct Outer(&'static str, io::Error);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.0)
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.1)
            }
        }
        let cause = || io::Error::other("refused");
        assert_eq!(chain(&Outer("cannot connect", cause())), "cannot connect: refused");
        assert_eq!(chain(&Outer("io: refused", cause())), "io: refused");
    }
}
