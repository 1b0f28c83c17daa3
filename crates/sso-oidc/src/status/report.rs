//! The sessions as a document, and as columns for people.

use std::path::Path;

use oidc_proto::UnixSeconds;
use sso_cache::{CachedToken, format_time};

use super::sessions::Session;
use super::state::State;
use crate::output::Document;
use crate::stored::{short, until};

/// The columns for people. The first ones are those that a person looks for.
pub(super) const HEADERS: [&str; 9] =
    ["Session", "State", "Token", "Refresh", "Registration", "Region", "Portal", "Section", "Token file"];

/// Returns the sessions for `--output` and `--query`. A member without a value is absent.
pub(super) fn document(sessions: &[Session], now: UnixSeconds) -> Document {
    let sessions = sessions.iter().map(|session| {
        let token = session.token.as_ref().ok().and_then(Option::as_ref);
        let (section, config_file) = session.section.clone().unzip();
        Document::map([
            ("sessionName", text(session.name.clone())),
            ("startUrl", text(session.start_url.clone())),
            ("region", text(session.region.clone())),
            ("state", session.state(now).name().into()),
            ("expiresAt", text(token.map(|token| format_time(token.expires_at)))),
            ("registrationExpiresAt", text(token.and_then(registration_expiry).map(format_time))),
            ("refreshable", token.map_or(Document::Null, |token| Document::Bool(token.refreshable_at(now)))),
            ("section", text(section)),
            ("configFile", text(config_file)),
            ("tokenFile", Document::Text(session.token_file.display().to_string())),
            ("problem", text(session.problem())),
        ])
    });
    Document::map([("sessions", Document::List(sessions.collect()))])
}

fn text(text: Option<String>) -> Document {
    text.map_or(Document::Null, Document::Text)
}

/// Returns a row for each session.
pub(super) fn rows(sessions: &[Session], now: UnixSeconds, home: Option<&Path>) -> Vec<[String; 9]> {
    let rows = sessions.iter().map(|session| {
        let token = session.token.as_ref().ok().and_then(Option::as_ref);
        let state = match session.state(now) {
            State::SignedOut => "signed out",
            state => state.name(),
        };
        let refresh = token.map_or("", |token| if token.refreshable_at(now) { "yes" } else { "no" });
        let section = session.section.as_ref();
        let has_file = !matches!(session.token, Ok(None));
        [
            session.name.clone().unwrap_or_else(|| "-".to_owned()),
            state.to_owned(),
            token.map(|token| until(token.expires_at, now)).unwrap_or_default(),
            refresh.to_owned(),
            token.and_then(registration_expiry).map(|end| until(end, now)).unwrap_or_default(),
            session.region.clone().unwrap_or_default(),
            session.start_url.clone().unwrap_or_default(),
            section
                .map(|(name, file)| format!("[{name}] of {}", short(file.as_ref(), home)))
                .unwrap_or_default(),
            if has_file { short(&session.token_file, home) } else { String::new() },
        ]
    });
    rows.collect()
}

fn registration_expiry(token: &CachedToken) -> Option<UnixSeconds> {
    token.registration.as_ref()?.expires_at
}
