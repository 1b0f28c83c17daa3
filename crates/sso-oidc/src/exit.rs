//! How the program ends: the exit codes of the AWS CLI, and the one error type that carries them.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use oidc_proto::printable;

/// The exit codes, with the AWS CLI's meanings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// The operation succeeded, or help was asked for.
    Success = 0,
    /// Ctrl-C, as shells number it: 128 + SIGINT.
    Interrupted = 130,
    /// The command line is wrong.
    Usage = 252,
    /// The configuration is wrong or something is missing from it.
    Config = 253,
    /// The service answered with a fault.
    Service = 254,
    /// Everything else: network, no verdict, a broken answer, an unreadable file.
    Other = 255,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why the program ends without success: one line that says what happened, lines that say more, an exit code.
///
/// The texts may quote a server, a file or a flag. They are made printable in one place, [`Failure::report`], so no
/// caller can forget to. They never quote a secret.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    details: Vec<String>,
}

impl Failure {
    /// The command line is wrong.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The configuration is wrong or incomplete.
    pub(crate) fn config(message: impl fmt::Display) -> Self {
        Self::new(Exit::Config, message)
    }

    /// The service said no.
    pub(crate) fn service(message: impl fmt::Display) -> Self {
        Self::new(Exit::Service, message)
    }

    /// Anything else went wrong.
    pub(crate) fn other(message: impl fmt::Display) -> Self {
        Self::new(Exit::Other, message)
    }

    /// A failure with any exit code.
    pub(crate) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string(), details: Vec::new() }
    }

    /// The same failure with one more line below the message.
    pub(crate) fn with_detail(mut self, detail: impl fmt::Display) -> Self {
        self.details.push(detail.to_string());
        self
    }

    /// The same failure with what the person can do about it.
    pub(crate) fn with_hint(self, hint: impl fmt::Display) -> Self {
        self.with_detail(format_args!("Hint: {hint}"))
    }

    /// A wrong configuration that is the cause of this failure.
    pub(crate) fn because(self, cause: impl fmt::Display) -> Self {
        let details = std::iter::once(self.message).chain(self.details).collect();
        Self { exit: Exit::Config, message: cause.to_string(), details }
    }

    /// The code that the program exits with.
    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    /// Prints the failure on standard error, in the AWS CLI's form. A closed standard error is no reason to fail in
    /// another way, so write errors are dropped.
    pub(crate) fn report(&self, colored: bool) {
        let (on, off) = if colored { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
        let mut stderr = io::stderr().lock();
        let _ = writeln!(stderr, "sso-oidc: {on}[ERROR]{off}: {}", printable(&self.message));
        for detail in &self.details {
            let _ = writeln!(stderr, "{}", printable(detail));
        }
    }
}

/// An error with everything that caused it, on one line. A cause that its error already quotes is not repeated.
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

/// Prints a line on standard error that is no failure. The same line is printed once a run.
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
/// A reader that has closed the pipe has what it wanted: that is a success, and quiet.
///
/// # Errors
/// Any other reason why the data could not be written.
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
