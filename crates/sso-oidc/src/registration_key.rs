//! The key file of `serve --registration-key`.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use sso_oidc_server::{RegistrationKey, Secret};

use crate::exit::{Failure, chain};

/// The name of the secret in messages.
const WHAT: &str = "registration key";
/// The largest accepted key file, in bytes.
const LONGEST: u64 = 4096;

/// Reads the key from this file, and creates the file if it is missing.
///
/// # Errors
/// The file cannot be read or created, or does not hold a key.
pub(crate) fn of(path: &Path) -> Result<RegistrationKey, Failure> {
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        Failure::other(format_args!("cannot {what} the registration key {}: {error}", path.display()))
    };
    let text = match read(path, WHAT) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(path).map_err(|error| failed("create", &error))?;
            // Another server may have created the file first; then its key counts.
            read(path, WHAT)
        }
        found => found,
    };
    let text = text.map_err(|error| failed("read", &error))?;
    let text = Secret::from(text.expose().trim());
    RegistrationKey::new(text).map_err(|error| {
        failed("use", &chain(&error)).with_hint("pass the path of a new file, and a key is created in it")
    })
}

/// Reads a small file with this kind of secret, and warns if other users can read it, too.
///
/// # Errors
/// It is no regular file, too long, or cannot be read.
pub(crate) fn read(path: &Path, what: &str) -> io::Result<Secret> {
    // A device may be endless, and a pipe may block.
    let found = fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    warn_if_shared(&found, path, what);
    if found.len() > LONGEST {
        return Err(io::Error::other("it is longer than 4096 bytes"));
    }
    let mut text = String::with_capacity(found.len() as usize + 1);
    File::open(path)?.take(LONGEST).read_to_string(&mut text)?;
    Ok(Secret::new(text))
}

/// Warns if other users can read the file.
#[cfg(unix)]
fn warn_if_shared(found: &fs::Metadata, path: &Path, what: &str) {
    if std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o077 != 0 {
        tracing::warn!("other users can read the {what} {0}; run `chmod 600 {0}`", path.display());
    }
}

/// A file has the access rights of its directory, which the standard library does not read.
#[cfg(not(unix))]
const fn warn_if_shared(_: &fs::Metadata, _: &Path, _: &str) {}

/// Returns 256 random bits in hexadecimal.
///
/// # Errors
/// The system has no randomness.
pub(crate) fn random() -> io::Result<Secret> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(Secret::new(text))
}

/// Creates the file atomically, with 256 random bits, for its owner only. An existing file stays.
fn make(path: &Path) -> io::Result<()> {
    let text = random()?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    // `tempfile` creates files with mode 0600.
    let mut file = tempfile::Builder::new()
        .prefix(".sso-oidc-key-")
        .tempfile_in(directory.unwrap_or_else(|| Path::new(".")))?;
    file.write_all(text.expose().as_bytes())?;
    file.write_all(b"\n")?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
        Ok(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_then_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let first = of(&path).unwrap();
        assert_eq!(of(&path).unwrap(), first);
        assert_ne!(of(&directory.path().join("other")).unwrap(), first);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "nothing is left beside them");
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777,
            0o600
        );
        // If two servers create a key at once, the slower one uses the other's key.
        make(&path).unwrap();
        assert_eq!(of(&path).unwrap(), first);
    }

    #[test]
    fn what_is_no_key_is_refused_by_name_and_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        for text in ["", "hunter2\n", &"x".repeat(4097)] {
            fs::write(&path, text).unwrap();
            let failure = of(&path).unwrap_err();
            let names_it = failure.message().contains(&path.display().to_string());
            let failure = format!("{failure:?}");
            assert!(names_it && !failure.contains("hunter2"), "{failure}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        fs::write(&path, [0xff; 64]).unwrap();
        assert!(of(&path).is_err());
        assert!(format!("{:?}", of(directory.path()).unwrap_err()).contains("not a regular file"));
        assert!(of(&directory.path().join("no/such/key")).is_err());
    }

    #[test]
    fn a_key_of_ones_own_is_read_without_the_blanks_around_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, format!("  {}\r\n", "k".repeat(43))).unwrap();
        assert_eq!(of(&path).unwrap(), RegistrationKey::new(Secret::new("k".repeat(43))).unwrap());
    }
}
