//! `cache list`: each file, what it holds and when that expires.

use std::path::Path;

use clap::Args;
use oidc_proto::UnixSeconds;
use sso_cache::{Cache, Content, Entry, format_time};

use super::{print, printer};
use crate::exit::{Failure, chain, print_data, warn};
use crate::login::now;
use crate::output::{Document, columns, terminal_width};
use crate::role_cache;
use crate::settings::Settings;
use crate::stored::{self, configured, short, until};

/// The characters of a client's id that are shown: enough to tell two apart.
const SHOWN_OF_CLIENT_ID: usize = 8;

/// The flags of `cache list`.
#[derive(Args, Debug)]
#[command(after_help = "\
The kinds are token, registration, roleCredentials, temporary, lock, setAside (a corrupt file that was moved away), corrupt and other. \
Files of other tools are listed and not opened. With --output or --query it prints the members file, kind, sessionName, \
startUrl, accountId, clientId (its beginning), expiresAt, size in bytes, mode and problem of each of `files`.")]
pub(super) struct ListArgs {}

/// A line of the list.
struct Line {
    kind: &'static str,
    session: Option<String>,
    portal: Option<String>,
    account: Option<String>,
    client: Option<String>,
    expires_at: Option<UnixSeconds>,
    problem: Option<String>,
}

/// Runs `cache list`.
///
/// # Errors
/// The directory is unreadable.
pub(super) fn run(_: &ListArgs, settings: &Settings) -> Result<(), Failure> {
    let printer = printer(settings)?;
    let cache = stored::cache(settings)?;
    let names = names(&cache, settings);
    let entries = cache.entries().map_err(|error| Failure::other(chain(&error)))?;
    let roles = role_cache::of(settings);
    let entries = entries.chain(role_cache::entries(roles.as_ref()));
    // Only what is shown is kept, so that the secrets of one file are gone before the next is read.
    let lines: Vec<(Entry, Line)> = entries
        .map(|mut entry| {
            let line = Line::of(&entry, &names);
            entry.content = Content::Foreign;
            (entry, line)
        })
        .collect();
    if let Some(printer) = printer {
        let files = lines.iter().map(|(entry, line)| line.document(entry)).collect();
        return print(&printer, "CacheList", &Document::map([("files", Document::List(files))]));
    }
    if lines.is_empty() {
        warn(format_args!("the cache is empty: {}", cache.dir().display()));
    }
    let (now, home) = (now(), settings.environment().home());
    let rows: Vec<_> = lines.iter().map(|(entry, line)| line.row(entry, now, home.as_deref())).collect();
    let headers =
        ["Kind", "Session", "Expires", "Account", "Client", "Size", "Mode", "Portal", "File", "Problem"];
    print_data(&columns(headers, &rows, terminal_width()))
}

/// A name of a file in the cache, and the session and the start URL that it is derived from.
type Name = (String, Option<String>, String);

/// Returns the names of the files that the sessions and portals of the config file may have.
fn names(cache: &Cache, settings: &Settings) -> Vec<Name> {
    let mut names = Vec::new();
    for (identity, found) in configured(settings) {
        let start_url = found.as_ref().map(|found| found.start_url.clone()).unwrap_or_default();
        let session = identity.session_name().map(str::to_owned);
        names.push((identity.file_name(), session.clone(), start_url.clone()));
        if let Some(found) = found
            && let Some(region) = &found.region
        {
            let key = identity.registration_key(&start_url, region, found.scopes.clone());
            let file = cache.registration_path(&key);
            let file = file.file_name().map(|name| name.to_string_lossy().into_owned());
            names.push((file.unwrap_or_default(), session, start_url));
        }
    }
    names
}

impl Line {
    fn of(entry: &Entry, names: &[Name]) -> Self {
        let file = entry.path.file_name().unwrap_or_default();
        let known = names.iter().find(|(name, ..)| name.as_str() == file);
        let session = known.and_then(|(_, session, _)| session.clone());
        let portal = known.map(|(.., url)| url.clone()).filter(|url| !url.is_empty());
        let mut line = Self {
            kind: "other",
            session,
            portal,
            account: None,
            client: None,
            expires_at: None,
            problem: None,
        };
        let mut is_ours = true;
        match &entry.content {
            Content::Token(token) => {
                line.kind = "token";
                line.portal = token.start_url.clone().or(line.portal);
                line.client = token.registration.as_ref().map(|found| beginning(&found.client.id));
                line.expires_at = Some(token.expires_at);
            }
            Content::Registration(found) => {
                line.kind = "registration";
                line.client = Some(beginning(&found.registration.client.id));
                line.expires_at = found.registration.expires_at;
            }
            Content::RoleCredentials(found) => {
                line.kind = "roleCredentials";
                let is_url = found.identity.as_deref().is_some_and(|identity| identity.contains("://"));
                let named = if is_url { &mut line.portal } else { &mut line.session };
                *named = found.identity.clone();
                line.account = found.account_id.clone();
                line.expires_at = Some(found.expires_at);
            }
            Content::Unusable(error) => {
                line.kind = "corrupt";
                line.problem = Some(chain(error));
            }
            Content::Temporary => line.kind = "temporary",
            Content::Aside => line.kind = "setAside",
            Content::Lock => {
                line.kind = "lock";
                is_ours = false;
            }
            // Whatever else there may be is not for this program to judge.
            _ => is_ours = false,
        }
        if is_ours && entry.is_open_to_others() {
            line.problem.get_or_insert_with(|| "other users may read it, or write to it".to_owned());
        } else if is_ours && !entry.is_own {
            line.problem.get_or_insert_with(|| "it is a link, or another user's file".to_owned());
        }
        line
    }

    fn document(&self, entry: &Entry) -> Document {
        let text = |text: Option<String>| text.map_or(Document::Null, Document::Text);
        Document::map([
            ("file", Document::Text(entry.path.display().to_string())),
            ("kind", self.kind.into()),
            ("sessionName", text(self.session.clone())),
            ("startUrl", text(self.portal.clone())),
            ("accountId", text(self.account.clone())),
            ("clientId", text(self.client.clone())),
            ("expiresAt", text(self.expires_at.map(format_time))),
            ("size", Document::Number(entry.size.into())),
            ("mode", text(mode(entry))),
            ("problem", text(self.problem.clone())),
        ])
    }

    fn row(&self, entry: &Entry, now: UnixSeconds, home: Option<&Path>) -> [String; 10] {
        [
            self.kind.to_owned(),
            self.session.clone().unwrap_or_default(),
            self.expires_at.map(|end| until(end, now)).unwrap_or_default(),
            self.account.clone().unwrap_or_default(),
            self.client.clone().unwrap_or_default(),
            entry.size.to_string(),
            mode(entry).unwrap_or_default(),
            self.portal.clone().unwrap_or_default(),
            short(&entry.path, home),
            self.problem.clone().unwrap_or_default(),
        ]
    }
}

/// Returns the permission bits as `chmod` takes them.
fn mode(entry: &Entry) -> Option<String> {
    entry.mode.map(|mode| format!("{mode:04o}"))
}

fn beginning(client_id: &str) -> String {
    match client_id.char_indices().nth(SHOWN_OF_CLIENT_ID) {
        Some((end, _)) => format!("{}…", client_id.get(..end).unwrap_or_default()),
        None => client_id.to_owned(),
    }
}
