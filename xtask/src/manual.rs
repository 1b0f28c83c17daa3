//! The book of the manual, with the program `mdbook` where it is installed. Tests run what the chapters show.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::shell::Run;
use crate::workspace;

/// `cargo xtask test --only manual`
pub(crate) fn step() -> Result<()> {
    if !Run::new("mdbook").arg("--version").output().is_ok_and(|output| output.status.success()) {
        println!("NOT CHECKED: there is no mdbook; `cargo install mdbook` gets it");
        return Ok(());
    }
    let place = workspace::target_dir()?.join("manual");
    Run::new("mdbook").args(["build", "crates/manual", "--dest-dir"]).arg(&place).go()?;
    // Each chapter is a page.
    let chapters = workspace::root().join("crates/manual/chapters");
    for chapter in fs::read_dir(&chapters).with_context(|| chapters.display().to_string())? {
        let name = chapter?.file_name().to_string_lossy().replace(".md", ".html");
        let page = place.join(&name);
        ensure!(name == "SUMMARY.html" || page.is_file(), "the book has no page {}", page.display());
    }
    println!("   the book is in {}", place.display());
    Ok(())
}
