//! Values from a file (`file://path`) or from standard input (`-`).
//!
//! Every user of the machine can read arguments (`ps`), but not files and pipes, so secrets should come this way.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use oidc_proto::Secret;

use crate::environment::Environment;
use crate::exit::Failure;

/// The size limit of a value. It stops the read of an endless file, and no secret or request needs as much.
const LIMIT: u64 = 1024 * 1024;

/// Reads values for one run of the program, and records which flag has read standard input.
pub(crate) struct Sources {
    home: Option<PathBuf>,
    stdin_taken_by: RefCell<Option<String>>,
}

impl Sources {
    /// Creates the reader. Nothing is read yet.
    pub(crate) fn new(environment: &Environment) -> Self {
        Self { home: environment.home(), stdin_taken_by: RefCell::default() }
    }

    /// Returns the argument, or the contents of the file if it begins with `file://`. A `~/` in the path is the home
    /// directory, as in AWS's tools; the shell does not expand it there.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn text(&self, flag: &str, argument: &str) -> Result<String, Failure> {
        match argument.strip_prefix("file://") {
            Some(path) => match (path.strip_prefix("~/"), &self.home) {
                (Some(rest), Some(home)) => self.file(flag, &home.join(rest)),
                _ => self.file(flag, Path::new(path)),
            },
            None => Ok(argument.to_owned()),
        }
    }

    /// Returns a secret, as [`Sources::text`] does, or from standard input for `-`.
    ///
    /// # Errors
    /// The file or standard input cannot be read, or is empty, or standard input is needed twice.
    pub(crate) fn secret(&self, flag: &str, argument: &str) -> Result<Secret, Failure> {
        let text = if argument == "-" { self.stdin(flag)? } else { self.text(flag, argument)? };
        non_empty(flag, text)
    }

    /// Returns the secret in a file.
    ///
    /// # Errors
    /// The file cannot be read, or is empty.
    pub(crate) fn secret_file(&self, flag: &str, path: &Path) -> Result<Secret, Failure> {
        let text = if path == Path::new("-") { self.stdin(flag)? } else { self.file(flag, path)? };
        non_empty(flag, text)
    }

    /// Returns all of standard input, without the line break at its end.
    ///
    /// # Errors
    /// Another argument has read it already, or it cannot be read.
    pub(crate) fn stdin(&self, flag: &str) -> Result<String, Failure> {
        if let Some(other) = self.stdin_taken_by.replace(Some(flag.to_owned())) {
            return Err(Failure::usage(format_args!(
                "standard input can be read only once, but both {other} and {flag} read it; pass one of them as a file"
            )));
        }
        read(io::stdin().lock()).map_err(|why| unreadable(flag, "standard input", &why))
    }

    fn file(&self, flag: &str, path: &Path) -> Result<String, Failure> {
        File::open(path)
            .and_then(read)
            .map_err(|why| unreadable(flag, &format!("the file {}", path.display()), &why))
    }
}

fn non_empty(flag: &str, text: String) -> Result<Secret, Failure> {
    if text.is_empty() {
        return Err(Failure::usage(format_args!("the value of {flag} is empty")));
    }
    Ok(Secret::from(text))
}

/// Reads text, without the one line break that editors and `echo` put at its end.
fn read(from: impl Read) -> io::Result<String> {
    let mut text = String::new();
    from.take(LIMIT + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LIMIT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

fn unreadable(flag: &str, what: &str, why: &io::Error) -> Failure {
    Failure::other(format_args!("cannot read {what} for {flag}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_break_at_the_end_is_no_part_of_the_text() {
        for (given, text) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a"), ("", "")] {
            assert_eq!(read(given.as_bytes()).unwrap(), text);
        }
    }

    #[test]
    fn an_endless_file_is_refused() {
        assert!(read(io::repeat(b'a')).unwrap_err().to_string().contains("1 MiB"));
    }
}
