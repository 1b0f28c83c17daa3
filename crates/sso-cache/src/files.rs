//! Files: the names of this crate, and reading of regular files only.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::{patiently, platform};

/// The longest file that is read. No token or registration comes near it.
pub(crate) const MAX_FILE: u64 = 1 << 20;

/// The object at a path.
pub(crate) enum Found {
    Nothing,
    /// The contents; at most one byte more than [`MAX_FILE`].
    Bytes(Zeroizing<Vec<u8>>),
    /// A pipe, a socket or a device. Opening one may block indefinitely, and reading one may have side
    /// effects.
    NotAFile,
}

/// Reads a regular file. Symbolic links are followed, as AWS's tools do.
///
/// # Errors
/// The system returned an error, or the path is a directory.
pub(crate) fn read(path: &Path) -> io::Result<Found> {
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Ok(Found::NotAFile);
    }
    let file = match patiently(|| platform::without_waiting(File::options().read(true)).open(path)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    // Another file may have replaced it meanwhile.
    if !file.metadata()?.is_file() {
        return Ok(Found::NotAFile);
    }
    // Large enough for any real file, so it does not grow and leave copies of secrets.
    let mut bytes = Zeroizing::new(Vec::with_capacity(32_768));
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    Ok(Found::Bytes(bytes))
}

/// A leftover of this crate, in this version or an earlier one, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leftover<'a> {
    /// The temporary file of a write to this cache file.
    Temporary(&'a str),
    /// A lock file in the cache, from an earlier version.
    Lock,
    /// A corrupt file that an earlier version renamed within the cache.
    Aside,
}

impl<'a> Leftover<'a> {
    pub(crate) fn of(name: &'a str) -> Option<Self> {
        if let Some(hidden) = name.strip_prefix('.') {
            let (file, rest) = hidden.split_at_checked(FILE_NAME)?;
            let is_temporary = is_file_name(file) && rest.starts_with('.') && rest.ends_with(".tmp");
            return is_temporary.then_some(Self::Temporary(file));
        }
        let (file, rest) = name.split_at_checked(FILE_NAME)?;
        if !is_file_name(file) {
            return None;
        }
        match rest {
            ".lock" | ".sign-in.lock" => Some(Self::Lock),
            ".corrupt" => Some(Self::Aside),
            _ => {
                let number = rest.strip_prefix(".corrupt.")?;
                number.bytes().all(|byte| byte.is_ascii_digit()).then_some(Self::Aside)
            }
        }
    }
}

/// The length of `sha1hex.json`.
const FILE_NAME: usize = 45;

/// Returns whether this is `sha1hex.json`, the name of a token or of a registration.
pub(crate) fn is_file_name(name: &str) -> bool {
    let hash = name.strip_suffix(".json").unwrap_or_default();
    hash.len() == 40 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leftover_is_known_by_its_whole_name_and_nothing_else_is_one() {
        let file = "d033e22ae348aeb5660fc2140aec35850c4da997.json";
        assert_eq!(Leftover::of(&format!(".{file}.Ab3xYz.tmp")), Some(Leftover::Temporary(file)));
        assert_eq!(Leftover::of(&format!("{file}.lock")), Some(Leftover::Lock));
        assert_eq!(Leftover::of(&format!("{file}.sign-in.lock")), Some(Leftover::Lock));
        assert_eq!(Leftover::of(&format!("{file}.corrupt")), Some(Leftover::Aside));
        assert_eq!(Leftover::of(&format!("{file}.corrupt.12")), Some(Leftover::Aside));
        for other in [
            file.to_owned(),
            format!(".{file}"),
            format!(".{file}.tmp2"),
            format!("{file}.corrupt.x"),
            format!("{file}.lock.old"),
            "botocore-client-id-us-east-1.json.lock".to_owned(),
            "D033e22ae348aeb5660fc2140aec35850c4da997.json.lock".to_owned(),
            "kiro-auth-token.json".to_owned(),
            ".x.tmp".to_owned(),
            "éééééééééééééééééééééé.é".to_owned(),
            String::new(),
        ] {
            assert_eq!(Leftover::of(&other), None, "{other}");
        }
    }
}
