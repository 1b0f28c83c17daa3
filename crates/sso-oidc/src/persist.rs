//! Temporary files that become files that stay.

use std::io;
use std::path::Path;

use tempfile::TempPath;

/// Renames a temporary file to the place where it stays. If that fails, it is removed.
///
/// # Errors
/// The file cannot be renamed.
pub(crate) fn persist(file: TempPath, path: &Path) -> io::Result<()> {
    // Windows marks a file of `tempfile` as temporary until it is kept, and a rename would keep the mark.
    let file = TempPath::try_from_path(file.keep()?)?;
    sso_cache::patiently(|| std::fs::rename(&file, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_take_its_place_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let (place, other) = (directory.path().join("place"), directory.path().join("none/place"));
        let temporary = || tempfile::NamedTempFile::new_in(directory.path()).unwrap().into_temp_path();
        std::fs::write(&place, "old").unwrap();
        persist(temporary(), &place).unwrap();
        assert_eq!(std::fs::read_to_string(&place).unwrap(), "");
        persist(temporary(), &other).unwrap_err();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[cfg(windows)]
    #[test]
    fn a_file_in_its_place_has_no_mark_of_a_temporary_one() {
        use std::os::windows::fs::MetadataExt as _;

        /// `FILE_ATTRIBUTE_TEMPORARY`.
        const TEMPORARY: u32 = 0x100;
        let is_marked = |path: &Path| std::fs::metadata(path).unwrap().file_attributes() & TEMPORARY != 0;
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("place");
        for _ in 0..2 {
            let file = tempfile::NamedTempFile::new_in(directory.path()).unwrap().into_temp_path();
            if !is_marked(&file) {
                println!("NOT CHECKED: this system forgets the mark");
            }
            persist(file, &place).unwrap();
            assert!(!is_marked(&place));
        }
    }
}
