//! The file of `serve --script`.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use sso_oidc_server::Script;

use crate::exit::Failure;

/// The largest accepted file, in bytes.
const LONGEST: u64 = 4 << 20;

/// Reads a script from this file.
///
/// # Errors
/// The file cannot be read, or is no script. The message has the line.
pub(super) fn of(path: &Path) -> Result<Script, Failure> {
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        Failure::other(format_args!("cannot {what} the script {}: {error}", path.display()))
    };
    let text = read(path).map_err(|error| failed("read", &error))?;
    text.parse().map_err(|error| failed("use", &error))
}

/// Reads a text of at most 4 MiB from this file.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST { Err(io::Error::other("it is longer than 4 MiB")) } else { Ok(text) }
}
