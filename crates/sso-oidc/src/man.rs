//! `man`: the manual pages, made from the help texts.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_mangen::Man;

use crate::exit::{Failure, print_data};
use crate::help::definition;

/// The flags of `man`.
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Write one file for each page to this directory, such as ~/.local/share/man/man1, and create it if necessary
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs `man`: prints the page of the program and those of its commands, or writes them to a directory.
///
/// # Errors
/// The directory or standard output cannot be written.
pub(crate) fn run(args: &ManArgs) -> Result<(), Failure> {
    let program = definition();
    let mut pages = Vec::new();
    add_pages(&mut pages, &program)
        .map_err(|error| Failure::other(format_args!("cannot make the manual pages: {error}")))?;
    let Some(dir) = &args.dir else {
        return print_data(&pages.into_iter().map(|(_, page)| page).collect::<String>());
    };
    let failed =
        |path: &PathBuf, error| Failure::other(format_args!("cannot write {}: {error}", path.display()));
    std::fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
    for (name, page) in pages {
        let path = dir.join(name);
        std::fs::write(&path, page).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

/// Adds the page of this command and those of its commands, each with its file name.
///
/// # Errors
/// None: the pages are written to memory.
fn add_pages(pages: &mut Vec<(String, String)>, command: &Command) -> std::io::Result<()> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render(&mut page)?;
    pages.push((man.get_filename(), String::from_utf8_lossy(&page).into_owned()));
    for command in
        command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help")
    {
        add_pages(pages, command)?;
    }
    Ok(())
}
