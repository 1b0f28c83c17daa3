//! Archives whose bytes depend on the names and contents of their files alone, and checksums of them.

use std::io::{Cursor, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use flate2::{Compression, GzBuilder};
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;

/// A file of an archive.
pub(super) struct Entry {
    /// The path inside of the folder of the archive, with `/` between the parts.
    path: String,
    bytes: Vec<u8>,
    mode: u32,
}

impl Entry {
    pub(super) fn file(path: &str, bytes: Vec<u8>) -> Self {
        Self { path: path.to_owned(), bytes, mode: 0o644 }
    }

    pub(super) fn program(path: &str, bytes: Vec<u8>) -> Self {
        Self { path: path.to_owned(), bytes, mode: 0o755 }
    }

    /// Returns its path and its checksum.
    pub(super) fn identity(&self) -> (String, String) {
        (self.path.clone(), sum(&self.bytes))
    }
}

/// The kind of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    TarGz,
    Zip,
}

impl Format {
    /// Returns what people of this target expect.
    pub(super) fn of(target: &str) -> Self {
        if target.contains("-windows-") { Self::Zip } else { Self::TarGz }
    }

    pub(super) fn ending(self) -> &'static str {
        match self {
            Self::TarGz => ".tar.gz",
            Self::Zip => ".zip",
        }
    }
}

/// Returns an archive of one folder with these files. They are sorted, belong to root, and have this time.
///
/// # Errors
///
/// A path is too long for the format.
pub(super) fn pack(entries: &[Entry], folder: &str, time: u64, format: Format) -> Result<Vec<u8>> {
    let mut sorted: Vec<(String, &Entry)> =
        entries.iter().map(|entry| (format!("{folder}/{}", entry.path), entry)).collect();
    sorted.sort_by(|one, other| one.0.cmp(&other.0));
    match format {
        Format::TarGz => tar_gz(&sorted, time),
        Format::Zip => zip(&sorted),
    }
}

fn tar_gz(entries: &[(String, &Entry)], time: u64) -> Result<Vec<u8>> {
    // Without a name or a time of its own.
    let gzip = GzBuilder::new().write(Vec::new(), Compression::best());
    let mut archive = tar::Builder::new(gzip);
    for (path, entry) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(entry.bytes.len().try_into()?);
        header.set_mode(entry.mode);
        header.set_mtime(time);
        header.set_uid(0);
        header.set_gid(0);
        archive.append_data(&mut header, path, &*entry.bytes).with_context(|| path.clone())?;
    }
    Ok(archive.into_inner()?.finish()?)
}

/// The times of a ZIP file are local times, so all are the first that it can say.
fn zip(entries: &[(String, &Entry)]) -> Result<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, entry) in entries {
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(entry.mode);
        archive.start_file(path.as_str(), options).with_context(|| path.clone())?;
        archive.write_all(&entry.bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}

/// Returns the SHA-256 in hexadecimal.
pub(super) fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the list of the checksums, as `sha256sum --check` reads it.
pub(super) fn sums<'a>(archives: impl Iterator<Item = (&'a str, &'a Path)>) -> String {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut lines: Vec<_> = archives.map(|(sum, path)| (name(path), sum)).collect();
    lines.sort_unstable();
    lines.into_iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    fn entries() -> Vec<Entry> {
        vec![
            Entry::file("README.md", b"read\n".to_vec()),
            Entry::program("tool", b"\x7fELF".to_vec()),
            Entry::file("man/man1/tool.1", b".TH tool\n".to_vec()),
        ]
    }

    /// Returns what a tool of the system prints of the archive; `None` if there is no such tool.
    fn listed(name: &str, bytes: &[u8], tool: &[&str]) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(name);
        fs::write(&file, bytes).unwrap();
        let output = Command::new(tool[0]).args(&tool[1..]).arg(&file).env("TZ", "UTC").output().ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8(output.stdout).unwrap())
    }

    #[test]
    fn the_order_in_which_files_are_found_changes_no_byte() {
        let mut other = entries();
        other.reverse();
        for format in [Format::TarGz, Format::Zip] {
            let one = pack(&entries(), "tool-1", 1_700_000_000, format).unwrap();
            assert_eq!(one, pack(&other, "tool-1", 1_700_000_000, format).unwrap());
            assert_ne!(one, pack(&entries(), "tool-2", 1_700_000_000, format).unwrap());
        }
    }

    #[test]
    fn tar_of_the_system_sees_sorted_files_of_root_with_the_given_time() {
        let bytes = pack(&entries(), "tool-1", 1_700_000_000, Format::TarGz).unwrap();
        let Some(listed) = listed("a.tar.gz", &bytes, &["tar", "--full-time", "--numeric-owner", "-tvzf"])
        else {
            return println!("NOT CHECKED: there is no tar");
        };
        let lines: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
        let expected = [
            ["-rw-r--r--", "0/0", "5", "2023-11-14", "22:13:20", "tool-1/README.md"],
            ["-rw-r--r--", "0/0", "9", "2023-11-14", "22:13:20", "tool-1/man/man1/tool.1"],
            ["-rwxr-xr-x", "0/0", "4", "2023-11-14", "22:13:20", "tool-1/tool"],
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn python_unpacks_the_zip_and_finds_the_same_files() {
        let bytes = pack(&entries(), "tool-1", 1_700_000_000, Format::Zip).unwrap();
        let script = "import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1]) as z:\n    assert z.testzip() is None\n    \
                      for i in z.infolist(): print(i.filename, oct(i.external_attr >> 16), i.date_time[0], z.read(i))";
        let Some(listed) = listed("a.zip", &bytes, &["python3", "-c", script]) else {
            return println!("NOT CHECKED: there is no python3");
        };
        let expected = "tool-1/README.md 0o100644 1980 b'read\\n'\ntool-1/man/man1/tool.1 0o100644 1980 b'.TH tool\\n'\n\
                        tool-1/tool 0o100755 1980 b'\\x7fELF'\n";
        assert_eq!(listed, expected);
    }

    #[test]
    fn windows_gets_a_zip_and_all_others_a_tar() {
        assert_eq!(Format::of("x86_64-pc-windows-gnu"), Format::Zip);
        assert_eq!(Format::of("x86_64-unknown-linux-musl").ending(), ".tar.gz");
    }

    #[test]
    fn sums_are_sorted_by_name_and_have_the_form_of_sha256sum() {
        // FIPS 180-4's example.
        let abc = sum(b"abc");
        assert_eq!(abc, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let list = sums([("2", Path::new("x/b.zip")), (abc.as_str(), Path::new("x/a.tar.gz"))].into_iter());
        assert_eq!(list, format!("{abc}  a.tar.gz\n2  b.zip\n"));
    }
}
