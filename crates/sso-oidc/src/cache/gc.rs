//! `cache gc`: removes the files of the cache that are of no more use.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use oidc_proto::UnixSeconds;
use sso_cache::{CacheError, Content, Entry, Garbage};

use super::{print, printer};
use crate::exit::{Failure, chain, print_data, warn};
use crate::login::now;
use crate::output::{Document, columns, terminal_width};
use crate::role_cache;
use crate::settings::Settings;
use crate::stored::{self, short};

/// The flags of `cache gc`.
#[derive(Args, Debug)]
#[command(after_help = "\
It removes registrations and credentials of roles that have expired, tokens that have expired and cannot be refreshed, \
temporary files of killed processes, and corrupt files that were set aside more than 30 days ago. It removes no lock, no corrupt file of \
the cache, no link and no file of another tool or user. A token that a sign-in or a refresh holds the lock of is left \
for the next time. With --output or --query it prints dryRun, size in bytes, and file, reason and size of each of \
`removed`.")]
pub(super) struct GcArgs {
    /// Print what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
}

/// A removed file.
struct Removed {
    path: PathBuf,
    why: Garbage,
    size: u64,
}

/// Runs `cache gc`.
///
/// # Errors
/// The directory is unreadable, or a file could not be removed; the others were.
pub(super) fn run(args: &GcArgs, settings: &Settings) -> Result<(), Failure> {
    let printer = printer(settings)?;
    let cache = stored::cache(settings)?;
    let now = now();
    let roles = role_cache::of(settings);
    let entries = cache.entries().map_err(|error| Failure::other(chain(&error)))?;
    let mut garbage = garbage_of(entries, now);
    // Taking the lock of a token removes temporary files, too, and they would not be reported.
    garbage.sort_by_key(|(entry, _)| matches!(entry.content, Content::Token(_)));
    let of_roles = garbage_of(role_cache::entries(roles.as_ref()), now);
    let garbage = garbage.into_iter().map(|found| (found, None));
    let garbage = garbage.chain(of_roles.into_iter().map(|found| (found, roles.as_ref())));
    let (mut removed, mut failure) = (Vec::new(), None);
    for ((entry, why), roles) in garbage {
        let is_removed = match roles {
            _ if args.dry_run => Ok(true),
            Some(roles) => roles.remove_garbage(&entry, now),
            None => cache.remove_garbage(&entry, now),
        };
        match is_removed {
            Ok(true) => removed.push(Removed { path: entry.path, why, size: entry.size }),
            Ok(false) => {}
            Err(error @ CacheError::Locked { .. }) => {
                warn(format_args!("{}; the token is left for the next time", chain(&error)));
            }
            Err(error) => {
                warn(chain(&error));
                failure = Some(Failure::other("Some files could not be removed"));
            }
        }
    }
    let size = removed.iter().map(|file| file.size).sum();
    match printer {
        Some(printer) => print(&printer, "CacheGc", &document(&removed, size, args.dry_run))?,
        None => {
            let home = settings.environment().home();
            let row = |file: &Removed| {
                [reason(file.why).1.to_owned(), file.size.to_string(), short(&file.path, home.as_deref())]
            };
            let rows: Vec<_> = removed.iter().map(row).collect();
            print_data(&columns(["Reason", "Size", "File"], &rows, terminal_width()))?;
            say(removed.len(), size, args.dry_run);
        }
    }
    failure.map_or(Ok(()), Err)
}

/// Returns the files that are of no more use, and why.
fn garbage_of(entries: impl Iterator<Item = Entry>, now: UnixSeconds) -> Vec<(Entry, Garbage)> {
    entries.filter_map(|entry| entry.garbage_at(now).map(|why| (entry, why))).collect()
}

fn document(removed: &[Removed], size: u64, dry_run: bool) -> Document {
    let files = removed.iter().map(|file| {
        Document::map([
            ("file", Document::Text(file.path.display().to_string())),
            ("reason", reason(file.why).0.into()),
            ("size", Document::Number(file.size.into())),
        ])
    });
    Document::map([
        ("dryRun", Document::Bool(dry_run)),
        ("removed", Document::List(files.collect())),
        ("size", Document::Number(size.into())),
    ])
}

/// Returns the reason in results, and for people.
const fn reason(why: Garbage) -> (&'static str, &'static str) {
    match why {
        Garbage::ExpiredToken => ("expiredToken", "token expired"),
        Garbage::ExpiredRegistration => ("expiredRegistration", "registration expired"),
        Garbage::ExpiredRoleCredentials => ("expiredRoleCredentials", "credentials of a role expired"),
        Garbage::Temporary => ("temporary", "temporary file of a killed process"),
        Garbage::Aside => ("setAside", "set aside as corrupt more than 30 days ago"),
        _ => ("other", "other"),
    }
}

fn say(files: usize, size: u64, dry_run: bool) {
    let files = match files {
        1 => "1 file".to_owned(),
        files => format!("{files} files"),
    };
    let done = if dry_run { "Would remove" } else { "Removed" };
    // A closed standard error is no reason to fail.
    let _ = writeln!(std::io::stderr().lock(), "{done} {files}, {size} bytes.");
}
