//! The stored session: its use, refresh and replacement.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use device_flow_ureq::{CallError, Clock, HttpClient, Policy, Session, SignInError, UnixSeconds, UserPrompt};

/// The shortest remaining lifetime of a usable token or registration.
const MARGIN: Duration = Duration::from_secs(15 * 60);

pub struct Portal<C, N> {
    pub client: HttpClient,
    pub policy: Policy,
    pub file: PathBuf,
    pub clock: C,
    pub now: N,
}

impl<C: Clock, N: Fn() -> UnixSeconds> Portal<C, N> {
    /// Returns a valid session: the stored one, refreshed if it is due, or that of a new sign-in.
    pub fn session(&self, show: impl FnMut(&UserPrompt) -> io::Result<()>) -> Result<Session, SignInError> {
        let mut registration = None;
        if let Some(session) = self.kept() {
            registration = Some(session.registration.clone());
            if let Some(session) = self.good(session) {
                return Ok(session);
            }
        }
        let registration = registration.filter(|kept| kept.usable_at((self.now)(), MARGIN));
        let login = self.client.login(self.policy.clone()).registered(registration).clock(&self.clock);
        let session = Session::new(login.try_run(show)?, (self.now)());
        self.keep(&session);
        Ok(session)
    }

    /// Returns the session, refreshed if it is due. `None` means that a new sign-in is needed.
    pub fn good(&self, mut session: Session) -> Option<Session> {
        if !session.is_due((self.now)(), MARGIN) {
            return Some(session);
        }
        match self.client.refresh_session(&mut session, (self.now)()) {
            // Store it before its use: the old refresh token may be invalid.
            Ok(()) => self.keep(&session),
            Err(CallError::Cancelled) => return None,
            // Another run may have refreshed it meanwhile.
            Err(error) if error.is_refusal() => {
                return self.kept().filter(|other| other.expires_at > session.expires_at);
            }
            Err(error) => eprintln!("The session was not refreshed: {error}."),
        }
        Some(session).filter(|session| !session.is_due((self.now)(), Duration::ZERO))
    }

    /// Returns this portal's session from the file. An unreadable file leads to a new sign-in.
    pub fn kept(&self) -> Option<Session> {
        let kept: Session = serde_json::from_slice(&fs::read(&self.file).ok()?).ok()?;
        Some(kept).filter(|kept| kept.is_for(self.client.service(), &self.policy))
    }

    fn keep(&self, session: &Session) {
        if let Err(error) = save(&self.file, session) {
            eprintln!("The session was not kept in {}: {error}.", self.file.display());
        }
    }
}

/// Writes the file atomically.
fn save(file: &Path, session: &Session) -> io::Result<()> {
    let mut new = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new("")))?;
    new.write_all(&serde_json::to_vec(session)?)?;
    new.as_file().sync_all()?;
    new.persist(file)?;
    Ok(())
}
