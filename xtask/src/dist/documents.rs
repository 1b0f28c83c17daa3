//! The documents in an archive. `INSTALL.md` is for the archive alone, and names the files that it has.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::archive::Entry;

/// The text that says where each file goes.
const INSTALL: &str = include_str!("INSTALL.md");
/// The documents from the root of the checkout.
const OF_THE_ROOT: &[&str] = &["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "SECURITY.md"];
/// The beginnings and ends of names in `INSTALL.md` that are files of the archive.
const FOLDERS: &[&str] = &["completions/", "man/"];
const ENDS: &[&str] = &[".md", ".json", ".txt"];

/// Returns the documents of an archive.
///
/// # Errors
///
/// One cannot be read.
pub(super) fn all(root: &Path) -> Result<Vec<Entry>> {
    let mut entries = vec![Entry::file("INSTALL.md", INSTALL.as_bytes().to_vec())];
    for name in OF_THE_ROOT {
        let bytes = fs::read(root.join(name)).with_context(|| (*name).to_owned())?;
        entries.push(Entry::file(name, bytes));
    }
    Ok(entries)
}

/// Checks that an archive has every file that its `INSTALL.md` names.
///
/// # Errors
///
/// A file is missing.
pub(super) fn name_what_is_there(files: &BTreeSet<(String, String)>) -> Result<()> {
    let there: BTreeSet<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    let missing: Vec<&str> = named().into_iter().filter(|name| !there.contains(name)).collect();
    ensure!(missing.is_empty(), "INSTALL.md names what the archive does not have: {}", missing.join(", "));
    Ok(())
}

/// Returns the files of the archive that `INSTALL.md` names, in its sentences and its commands.
fn named() -> Vec<&'static str> {
    let words = INSTALL.split(|c: char| c.is_whitespace() || c == '`');
    let is_file = |word: &&str| {
        let in_folder = FOLDERS.iter().any(|folder| word.starts_with(folder));
        let has_end = ENDS.iter().any(|end| word.len() > end.len() && word.ends_with(end));
        (in_folder || has_end || word.starts_with("LICENSE-")) && !word.contains('*')
    };
    words.filter(is_file).collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::archive::{Format, pack, sum, sums};
    use super::super::{PROGRAM, SHELLS};
    use super::*;
    use crate::workspace;

    #[test]
    fn the_install_document_names_the_completions_of_every_shell_and_every_document() {
        let named = named();
        for (_, script) in SHELLS {
            assert!(named.contains(&format!("completions/{script}").as_str()), "{script}: {named:?}");
        }
        for document in OF_THE_ROOT {
            assert!(named.contains(document), "{document}: {named:?}");
        }
    }

    #[test]
    fn a_named_file_that_is_not_in_the_archive_is_an_error() {
        let mut files: BTreeSet<_> = named().iter().map(|name| ((*name).to_owned(), String::new())).collect();
        name_what_is_there(&files).unwrap();
        files.retain(|(name, _)| name != "SECURITY.md");
        assert!(name_what_is_there(&files).unwrap_err().to_string().ends_with(": SECURITY.md"));
    }

    /// Returns the blocks of commands for Linux.
    fn blocks() -> Vec<&'static str> {
        let blocks = INSTALL.split("```sh\n").skip(1);
        blocks.filter_map(|rest| rest.split_once("```")).map(|(block, _)| block).collect()
    }

    #[test]
    fn the_commands_for_linux_verify_and_install_an_archive() {
        if !cfg!(target_os = "linux") {
            return println!("NOT CHECKED: this is no Linux");
        }
        let mut entries = all(workspace::root()).unwrap();
        entries.push(Entry::program(PROGRAM, b"#!/bin/sh\n".to_vec()));
        entries.push(Entry::file("man/man1/sso-oidc.1", b".TH sso-oidc\n".to_vec()));
        for (_, script) in SHELLS {
            entries.push(Entry::file(&format!("completions/{script}"), b"#\n".to_vec()));
        }
        let bytes = pack(&entries, "sso-oidc-1", 1_700_000_000, Format::TarGz).unwrap();
        let download = tempfile::tempdir().unwrap();
        let archive = download.path().join("sso-oidc-1.tar.gz");
        fs::write(&archive, &bytes).unwrap();
        let list = sums(
            [(sum(&bytes).as_str(), archive.as_path()), (sum(b"x").as_str(), Path::new("other"))].into_iter(),
        );
        fs::write(download.path().join("SHA256SUMS"), list).unwrap();

        let home = tempfile::tempdir().unwrap();
        let runs = |script: &str, dir: &Path| {
            let mut shell = Command::new("sh");
            shell.args(["-e", "-c", script]).current_dir(dir).env("HOME", home.path());
            shell.output().unwrap().status.success()
        };
        let [verify, install] = blocks()[..] else { panic!("two blocks") };
        assert!(runs(verify, download.path()));
        assert!(runs("tar -xzf sso-oidc-1.tar.gz", download.path()));
        assert!(runs(install, &download.path().join("sso-oidc-1")));
        assert!(runs("~/.local/bin/sso-oidc && test -s ~/.local/share/man/man1/sso-oidc.1", home.path()));
        fs::write(&archive, b"another").unwrap();
        assert!(!runs(verify, download.path()));
    }
}
