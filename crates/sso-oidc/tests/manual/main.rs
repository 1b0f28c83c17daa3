//! The manual: every block of every chapter runs, and prints what the chapter shows.
#![cfg(unix)]

mod blocks;
mod dependencies;
mod expected;
mod shell;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use blocks::{Block, Command, blocks};
use shell::Shell;

/// The chapters. Each has a test below.
const CHAPTERS: [&str; 7] =
    ["introduction", "sign-in", "embed", "drive", "test-your-tool", "team", "conform"];

/// The command that shows the exit code of the one before it, which may have failed then.
const SHOW_EXIT_CODE: &str = "echo $?";

fn manual() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../manual")
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn chapter(name: &str) -> String {
    text(&manual().join("chapters").join(format!("{name}.md")))
}

/// Runs a chapter in a shell, file by file and command by command. Returns the number of commands that ran.
fn run(name: &str) -> usize {
    let blocks = blocks(&chapter(name)).unwrap_or_else(|what| panic!("{name}.md: {what}"));
    let mut shell = Shell::start();
    let mut ran = 0;
    for block in blocks {
        match block {
            Block::Console(commands) => {
                for (at, command) in commands.iter().enumerate() {
                    let may_fail = commands.get(at + 1).is_some_and(|next| next.text == SHOW_EXIT_CODE);
                    ran += usize::from(run_one(&mut shell, command, may_fail, name));
                }
            }
            Block::File { name, text } => fs::write(shell.dir.join(name), text).unwrap(),
            Block::Rust(_) | Block::Dependencies(_) => {}
        }
    }
    let left = shell.left_at_home();
    assert!(left.is_empty(), "{name}.md changes the reader's own files: {left:?}");
    ran
}

/// Runs a command. Returns whether this machine has the programs for that.
fn run_one(shell: &mut Shell, command: &Command, may_fail: bool, name: &str) -> bool {
    let Command { line, text, expected } = command;
    if let Some(program) = shell.lacks(text) {
        println!("NOT CHECKED: {name}.md, line {line}: there is no {program}");
        return false;
    }
    let ended = shell.run(text).unwrap_or_else(|what| panic!("{name}.md, line {line}: `{text}`: {what}"));
    let printed = ended.printed.join("\n");
    assert!(
        may_fail || ended.code == 0,
        "{name}.md, line {line}: `{text}` ended with {}:\n{printed}",
        ended.code
    );
    assert!(
        expected::fits(expected, &ended.printed),
        "{name}.md, line {line}: `{text}` should print\n{}\n\nand printed\n{printed}",
        expected.join("\n")
    );
    true
}

#[test]
fn the_introduction_runs() {
    assert!(run("introduction") >= 1);
}

#[test]
fn the_chapter_on_the_first_sign_in_runs() {
    assert!(run("sign-in") >= 20);
}

#[test]
fn the_chapters_on_embedding_have_nothing_but_rust_to_run() {
    assert_eq!((run("embed"), run("drive")), (0, 0));
}

#[test]
fn the_chapter_on_tests_of_a_tool_runs() {
    assert!(run("test-your-tool") >= 5);
}

#[test]
fn the_chapter_on_a_server_for_a_team_runs() {
    assert!(run("team") >= 5);
}

#[test]
fn the_chapter_on_checking_a_server_runs() {
    assert!(run("conform") >= 3);
}

#[test]
fn every_chapter_is_run_and_its_rust_is_a_documentation_test() {
    let files = fs::read_dir(manual().join("chapters")).unwrap();
    let files = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<String> = files.filter(|name| name != "SUMMARY.md").collect();
    let chapters: BTreeSet<String> = CHAPTERS.iter().map(|name| format!("{name}.md")).collect();
    assert_eq!(files, chapters);

    let tests = text(&manual().join("src/lib.rs"));
    for name in CHAPTERS {
        let has_rust = blocks(&chapter(name)).unwrap().iter().any(|block| matches!(block, Block::Rust(_)));
        let is_tested = tests.contains(&format!("include_str!(\"../chapters/{name}.md\")"));
        assert_eq!(
            has_rust, is_tested,
            "{name}.md has Rust blocks: {has_rust}; `src/lib.rs` has it: {is_tested}"
        );
    }
}

#[test]
fn the_settings_of_the_book_name_the_folder_of_the_chapters() {
    let settings: toml::Table = toml::from_str(&text(&manual().join("book.toml"))).unwrap();
    assert_eq!(settings["book"]["src"].as_str(), Some("chapters"));
    assert!(settings["book"]["title"].as_str().is_some());
}
