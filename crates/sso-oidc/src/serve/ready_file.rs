//! `--ready-file`: a file with the server's URL, which exists as long as the server accepts connections.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::exit::Failure;
use crate::persist::persist;

/// The longest file that can be one of an earlier run, in bytes.
const LONGEST: u64 = 1024;

/// The file. It is removed on drop, unless another server has replaced it.
#[derive(Debug)]
pub(super) struct ReadyFile {
    path: PathBuf,
    text: String,
}

impl ReadyFile {
    /// Removes the file of an earlier run, so that no script takes it for this one's.
    ///
    /// # Errors
    /// The path names something else than such a file.
    pub(super) fn clear(path: &Path) -> Result<(), Failure> {
        let checked = match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => Err(error),
            Ok(found) if !found.is_file() => Err(io::Error::other("it is not a regular file")),
            Ok(found) if found.len() > LONGEST || !is_ours(&std::fs::read(path).unwrap_or_default()) => {
                Err(io::Error::other("it exists with other contents"))
            }
            Ok(_) => sso_cache::patiently(|| std::fs::remove_file(path)),
        };
        checked.map_err(|error| {
            Failure::other(format_args!("cannot use the ready file {}: {error}", path.display()))
                .with_hint("name another file")
        })
    }

    /// Writes the URL and a line end. A reader sees the whole line or no file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write(path: &Path, endpoint: &str) -> Result<Self, Failure> {
        let text = format!("{endpoint}\n");
        write(path, &text).map_err(|error| {
            Failure::other(format_args!("cannot write the ready file {}: {error}", path.display()))
        })?;
        Ok(Self { path: path.to_owned(), text })
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        if std::fs::read(&self.path).is_ok_and(|found| found == self.text.as_bytes()) {
            // Without the permission to remove it, it stays.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Returns the URL of a ready file, which is its only line.
pub(crate) fn url(text: &str) -> Option<&str> {
    let is_url = text.starts_with("http://") || text.starts_with("https://");
    text.strip_suffix('\n').filter(|line| is_url && !line.contains('\n'))
}

/// Returns whether these are the contents of a ready file, or of none yet.
fn is_ours(bytes: &[u8]) -> bool {
    bytes.is_empty() || str::from_utf8(bytes).is_ok_and(|text| url(text).is_some())
}

/// Writes a temporary file beside the path, and renames it. Every user may read it, because a URL is no secret.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".sso-oidc-ready-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(directory.unwrap_or_else(|| Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    persist(file.into_temp_path(), path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://127.0.0.1:8080";

    #[test]
    fn it_has_the_url_and_a_line_end_and_is_removed_at_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ready");
        ReadyFile::clear(&path).unwrap();
        let file = ReadyFile::write(&path, URL).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{URL}\n"));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is beside it");
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn the_file_of_an_earlier_run_is_removed_and_any_other_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ready");
        for earlier in ["", "https://[::1]:1\n"] {
            std::fs::write(&path, earlier).unwrap();
            ReadyFile::clear(&path).unwrap();
            assert!(!path.exists(), "{earlier}");
        }
        for other in ["export A=1\n", "http://a\nhttp://b\n", "http://a"] {
            std::fs::write(&path, other).unwrap();
            assert!(ReadyFile::clear(&path).is_err(), "{other}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), other);
        }
        assert!(ReadyFile::clear(directory.path()).is_err(), "a directory is no such file");
    }

    #[test]
    fn the_file_of_a_later_server_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ready");
        let (first, second) = (ReadyFile::write(&path, URL).unwrap(), ReadyFile::write(&path, "http://b"));
        drop(first);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "http://b\n");
        drop(second.unwrap());
        assert!(!path.exists());
    }
}
