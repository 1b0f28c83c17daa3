//! Staying signed in: what is kept between two runs, and when it is used, refreshed or replaced.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use device_flow_ureq::{
    CallError, Clock, HttpClient, Policy, Registration, Session, SignInError, UnixSeconds, UserPrompt,
};

/// How much life a token or a registration must have left. AWS's tools want fifteen minutes, and a code lives for ten.
const MARGIN: Duration = Duration::from_secs(15 * 60);

/// What the file holds, **with its secrets in the clear**: only its owner may read it.
#[derive(serde::Serialize, serde::Deserialize)]
enum Kept {
    Session(Box<Session>),
    /// What a sign-in without a token leaves, and the service that gave it. No other service may see the secret.
    Registration(String, Registration),
}

/// A portal to stay signed in to.
pub struct Portal<C, N> {
    pub client: HttpClient,
    pub policy: Policy,
    /// What keeps the session between two runs.
    pub file: PathBuf,
    /// Paces a sign-in.
    pub clock: C,
    /// The wall clock, which says what is still good.
    pub now: N,
}

impl<C: Clock, N: Fn() -> UnixSeconds> Portal<C, N> {
    /// A session that is good for a while: the kept one, refreshed if it is due, or that of a new sign-in.
    pub fn session(&self, show: impl FnMut(&UserPrompt) -> io::Result<()>) -> Result<Session, SignInError> {
        let (service, now) = (self.client.service(), &self.now);
        // A file that cannot be read is no reason not to sign in.
        let kept = fs::read(&self.file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let registration = match kept {
            Some(Kept::Session(mut session)) if session.is_for(service, &self.policy) => {
                if !session.is_due(now(), MARGIN) || self.refresh(&mut session) {
                    return Ok(*session);
                }
                Some(session.registration)
            }
            Some(Kept::Registration(giver, given)) if giver == service.identity() => Some(given),
            _ => None,
        };
        let registration = registration.filter(|kept| kept.usable_at(now(), MARGIN));
        let login = self.client.login(self.policy.clone()).registered(registration).clock(&self.clock);
        let signed_in = login.try_run(show).inspect_err(|end| {
            // So the next sign-in need not register again.
            if let Some(registration) = end.registration.clone().filter(|_| end.newly_registered) {
                self.keep(&Kept::Registration(service.identity(), registration));
            }
        })?;
        let session = Session::new(signed_in, now());
        self.keep(&Kept::Session(Box::new(session.clone())));
        Ok(session)
    }

    /// Refreshes the session, and says whether it will do. If not, a person must sign in again.
    fn refresh(&self, session: &mut Session) -> bool {
        match self.client.refresh_session(session, (self.now)()) {
            Ok(()) => {
                // Before it is used, because the old refresh token may be dead by now.
                self.keep(&Kept::Session(Box::new(session.clone())));
                true
            }
            // The sign-in that comes next is cancelled as well.
            Err(CallError::Cancelled) => false,
            Err(error) => {
                eprintln!("The session was not refreshed: {error}.");
                // As long as the token lives, only the service's own no is worth a person's time.
                !error.is_refusal() && !session.is_due((self.now)(), Duration::ZERO)
            }
        }
    }

    /// Keeps it for the next run. This run goes on if that fails.
    fn keep(&self, kept: &Kept) {
        if let Err(error) = save(&self.file, kept) {
            eprintln!("Nothing was kept in {}: {error}.", self.file.display());
        }
    }
}

/// Other runs see the old file or the new one, and other users neither.
fn save(file: &Path, kept: &Kept) -> io::Result<()> {
    let mut new = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new("")))?;
    new.write_all(&serde_json::to_vec(kept)?)?;
    new.as_file().sync_all()?;
    new.persist(file)?;
    Ok(())
}
