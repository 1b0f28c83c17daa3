//! The blocks of a chapter, and the rules that make each of them run.
//!
//! | block | how it runs |
//! |---|---|
//! | `console` | a shell runs each line after `$ `; the lines below it are what it prints |
//! | `rust` | it is a documentation test of the crate `manual` |
//! | `toml` from `[dependencies]` on | a test compares it with the Rust blocks and the manifest of `manual` |
//! | `toml`, `sh`, `python`, `javascript` | it is a file, named in the line before it, and a later command uses it |

/// The languages of files.
const FILES: &[&str] = &["toml", "sh", "python", "javascript"];
/// The end of the line before a file, with the name in between.
const SAVE: (&str, &str) = ("Save this as `", "`:");

/// A block of a chapter.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Console(Vec<Command>),
    Rust(String),
    /// What a program with the Rust blocks has in its manifest.
    Dependencies(String),
    File {
        name: String,
        text: String,
    },
}

/// A command and what it prints.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Command {
    /// The line in the chapter, counted from 1.
    pub(crate) line: usize,
    pub(crate) text: String,
    pub(crate) expected: Vec<String>,
}

/// Reads the blocks of a chapter.
///
/// # Errors
///
/// The line and what is wrong: a block that no rule runs, or one without an end.
pub(crate) fn blocks(chapter: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut lines = chapter.lines().enumerate().map(|(at, line)| (at + 1, line));
    let mut before = "";
    while let Some((at, line)) = lines.next() {
        let Some(kind) = line.trim_start().strip_prefix("```") else {
            if !line.trim().is_empty() {
                before = line;
            }
            continue;
        };
        if line.starts_with(' ') {
            return Err(format!("line {at}: a block begins at the margin"));
        }
        let mut inside = Vec::new();
        loop {
            match lines.next() {
                Some((_, "```")) => break,
                Some(line) => inside.push(line),
                None => return Err(format!("line {at}: the block has no end")),
            }
        }
        blocks.push((at, block(kind, before, &inside).map_err(|what| format!("line {at}: {what}"))?));
        before = "";
    }
    every_file_is_used(&blocks)?;
    Ok(blocks.into_iter().map(|(_, block)| block).collect())
}

fn block(kind: &str, before: &str, lines: &[(usize, &str)]) -> Result<Block, String> {
    let text = || lines.iter().map(|(_, line)| format!("{line}\n")).collect::<String>();
    match kind {
        "console" => commands(lines).map(Block::Console),
        "rust" => Ok(Block::Rust(text())),
        "toml" if lines.first().is_some_and(|(_, line)| *line == "[dependencies]") => {
            Ok(Block::Dependencies(text()))
        }
        kind if FILES.contains(&kind) => {
            let name = before.split_once(SAVE.0).and_then(|(_, rest)| rest.strip_suffix(SAVE.1));
            let name = name.ok_or_else(|| format!("say before it: {}NAME{}", SAVE.0, SAVE.1))?;
            if name.contains('/') {
                return Err(format!("`{name}` is no plain name"));
            }
            Ok(Block::File { name: name.to_owned(), text: text() })
        }
        other => Err(format!("no rule runs a block of the kind `{other}`")),
    }
}

fn commands(lines: &[(usize, &str)]) -> Result<Vec<Command>, String> {
    let mut commands: Vec<Command> = Vec::new();
    for (at, line) in lines {
        if let Some(text) = line.strip_prefix("$ ") {
            commands.push(Command { line: *at, text: text.to_owned(), expected: Vec::new() });
            continue;
        }
        let last = commands.last_mut().ok_or("a line stands before the first command")?;
        match line.strip_prefix("> ") {
            // The command before it goes on here.
            Some(more) if last.expected.is_empty() => last.text += &format!("\n{more}"),
            _ => last.expected.push((*line).to_owned()),
        }
    }
    if commands.is_empty() { Err("it has no command".to_owned()) } else { Ok(commands) }
}

/// A command names a file as it is, or without its end, as Python names a module. Settings may name another file.
fn every_file_is_used(blocks: &[(usize, Block)]) -> Result<(), String> {
    for (index, (at, block)) in blocks.iter().enumerate() {
        let Block::File { name, .. } = block else { continue };
        let stem = name.split('.').next().unwrap_or(name);
        let uses = |text: &str| {
            let mut words = text.split(|c: char| c.is_whitespace() || "'\"=@;".contains(c));
            words.any(|word| word == name || word == stem)
        };
        let is_used = blocks.iter().enumerate().any(|(other, (_, block))| match block {
            Block::Console(commands) => other > index && commands.iter().any(|command| uses(&command.text)),
            Block::File { text, .. } => other != index && uses(text),
            Block::Rust(_) | Block::Dependencies(_) => false,
        });
        if !is_used {
            return Err(format!("line {at}: no command after it and no other file uses `{name}`"));
        }
    }
    Ok(())
}

#[test]
fn each_kind_of_block_is_read() {
    let chapter = "# A\n\nSave this as `a.toml`:\n\n```toml\nx = 1\n```\n\n```console\n$ cat a.toml\nx = 1\n\n$ echo \\\n> b\nb\n\
                   ```\n\n```rust\nf();\n```\n\n```toml\n[dependencies]\na = \"1\"\n```\n";
    let command = |line, text: &str, expected: &[&str]| Command {
        line,
        text: text.to_owned(),
        expected: expected.iter().map(|line| (*line).to_owned()).collect(),
    };
    let expected = [
        Block::File { name: "a.toml".to_owned(), text: "x = 1\n".to_owned() },
        Block::Console(vec![command(10, "cat a.toml", &["x = 1", ""]), command(13, "echo \\\nb", &["b"])]),
        Block::Rust("f();\n".to_owned()),
        Block::Dependencies("[dependencies]\na = \"1\"\n".to_owned()),
    ];
    assert_eq!(blocks(chapter).unwrap(), expected);
}

#[test]
fn a_block_that_is_not_run_is_refused_at_its_line() {
    let refused = |block: &str| blocks(&format!("# A\n\n{block}\n")).unwrap_err();
    for kind in ["", "text", "bash", "rust,no_run", "rust,ignore", "json", "console,ignore"] {
        let what = format!("line 3: no rule runs a block of the kind `{kind}`");
        assert_eq!(refused(&format!("```{kind}\nx\n```")), what);
    }
    assert!(refused("```toml\nx = 1\n```").contains("say before it: Save this as `NAME`:"));
    assert!(refused("Save this as `a/b`:\n\n```sh\nx\n```").contains("no plain name"));
    let unused = "Save this as `a.toml`:\n\n```toml\nx = 1\n```\n\n```console\n$ cat aa.toml\n```";
    assert_eq!(refused(unused), "line 5: no command after it and no other file uses `a.toml`");
    let too_late = "```console\n$ cat a.toml\n```\n\nSave this as `a.toml`:\n\n```toml\nx = 1\n```";
    assert_eq!(refused(too_late), "line 9: no command after it and no other file uses `a.toml`");
    assert!(refused("```console\nx\n```").contains("before the first command"));
    assert!(refused("```console\n```").contains("no command"));
    assert!(refused("```rust\nx").contains("no end"));
    assert!(refused("- a\n\n  ```rust\n  x\n  ```").contains("at the margin"));
}
