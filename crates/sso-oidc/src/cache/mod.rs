//! `cache`: the files of tokens and registrations that AWS's tools share. Nothing is sent.

mod gc;
mod list;

use clap::{Args, Subcommand};

use self::gc::GcArgs;
use self::list::ListArgs;
use crate::exit::{Failure, print_data};
use crate::output::{Document, Printer, Rehearsal};
use crate::settings::Settings;
use crate::stored::{self, SessionArgs};

/// The flags of `cache`.
#[derive(Args, Debug)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    command: CacheCommand,
}

#[derive(Debug, Subcommand)]
enum CacheCommand {
    /// Print the directory of the cache, or the token file of one session, whether or not it exists
    Path(PathArgs),
    /// List the files of the cache, without their secrets
    List(ListArgs),
    /// Remove expired registrations, expired tokens that cannot be refreshed, and leftovers
    Gc(GcArgs),
}

/// The flags of `cache path`.
#[derive(Args, Debug)]
struct PathArgs {
    #[command(flatten)]
    session: SessionArgs,
}

/// Runs `cache`.
///
/// # Errors
/// The home directory is unknown, or the command fails.
pub(crate) fn run(args: &CacheArgs, settings: &Settings) -> Result<(), Failure> {
    match &args.command {
        CacheCommand::Path(args) => path(args, settings),
        CacheCommand::List(args) => list::run(args, settings),
        CacheCommand::Gc(args) => gc::run(args, settings),
    }
}

fn path(args: &PathArgs, settings: &Settings) -> Result<(), Failure> {
    let printer = printer(settings)?;
    let cache = stored::cache(settings)?;
    let path = match args.session.identity(settings)? {
        Some(identity) => cache.token_path(&identity),
        None => cache.dir().to_owned(),
    };
    let path = path.display().to_string();
    match printer {
        Some(printer) => print(&printer, "Path", &Document::map([("path", Document::Text(path))])),
        None => print_data(&format!("{path}\n")),
    }
}

/// Returns the printer of a document; `None` if the result is for people.
fn printer(settings: &Settings) -> Result<Option<Printer>, Failure> {
    let globals = settings.globals();
    (globals.output.is_some() || globals.query.is_some()).then(|| settings.printer()).transpose()
}

/// Prints a document, or nothing if the query fails on it.
fn print(printer: &Printer, title: &str, document: &Document) -> Result<(), Failure> {
    printer.rehearse(&Rehearsal::new(document.clone(), |_| false))?;
    printer.print(title, document)
}
