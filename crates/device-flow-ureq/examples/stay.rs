//! A command line that stays signed in: a session in a file of its own, refreshed when it is due, and a new sign-in where there
//! is no other way. Ctrl-C cancels whatever is under way. The access token goes to standard output.
//!
//! ```console
//! $ ENDPOINT=http://127.0.0.1:8400 START_URL=https://d-1234567890.awsapps.com/start \
//!     SESSION_FILE=session.json cargo run -p device-flow-ureq --features serde --example stay
//! ```

use std::error::Error;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{env, fs};

use device_flow_ureq::{
    CallError, Cancel, Endpoint, HttpClient, Policy, Session, Stop, UnixSeconds, UserPrompt,
};
use signal_hook::{consts::SIGINT, flag};

/// How long before its end a token is refreshed.
const MARGIN: Duration = Duration::from_secs(300);

fn main() -> Result<(), Box<dyn Error>> {
    let cancel = Cancel::new();
    flag::register_conditional_shutdown(SIGINT, 130, cancel.flag())?;
    flag::register(SIGINT, cancel.flag())?;
    let variable = |name| env::var(name).map_err(|_| format!("set {name} in the environment"));
    let endpoint = Endpoint::custom(&variable("ENDPOINT")?)?;
    let client = HttpClient::builder(endpoint).cancelled_by(&cancel).build()?;
    let policy = Policy::aws(variable("START_URL")?).with_client_name("stay");
    let file = variable("SESSION_FILE")?;
    let show = |prompt: &UserPrompt| writeln!(io::stderr(), "{prompt}").map_err(Stop::from);
    let session = stay(&client, Path::new(&file), policy, show)?;
    println!("{}", session.token.access_token.expose());
    Ok(())
}

/// A session that is good for a while: the kept one, refreshed if it is due, or a new one.
fn stay(
    client: &HttpClient,
    file: &Path,
    policy: Policy,
    show: impl FnMut(&UserPrompt) -> Result<(), Stop>,
) -> Result<Session, Box<dyn Error>> {
    let now = || UnixSeconds::from(SystemTime::now());
    let mut registration = None;
    if let Some(mut session) = load(file)?.filter(|session| session.is_for(client.service(), &policy)) {
        if !session.is_due(now(), MARGIN) {
            return Ok(session);
        }
        match client.refresh_session(&mut session, now()) {
            Ok(()) => return save(file, session),
            Err(CallError::Cancelled) => return Err(CallError::Cancelled.into()),
            // Where the service does not say no, a token that still lives is better than none.
            Err(error) if !matches!(error, CallError::Fault(_)) && !session.is_due(now(), Duration::ZERO) => {
                return Ok(session);
            }
            Err(error) => eprintln!("Signing in anew: {error}."),
        }
        registration = Some(session.registration).filter(|kept| kept.usable_at(now(), 3 * MARGIN));
    }
    let signed_in = client.login(policy).registered(registration).try_run(show)?;
    save(file, Session::new(signed_in, now()))
}

fn load(file: &Path) -> Result<Option<Session>, Box<dyn Error>> {
    match fs::read(file) {
        // A file that cannot be read again is no reason not to sign in.
        Ok(text) => Ok(serde_json::from_slice(&text).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read {}: {error}", file.display()).into()),
    }
}

/// Readers see the old file or the new one, and other users neither.
fn save(file: &Path, session: Session) -> Result<Session, Box<dyn Error>> {
    let directory = file.parent().filter(|parent| *parent != Path::new("")).unwrap_or_else(|| Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(&serde_json::to_vec(&session)?)?;
    new.as_file().sync_all()?;
    new.persist(file)?;
    Ok(session)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use device_flow_ureq::{FirstPoll, Outcome, SignInError};
    use sso_oidc_server::{Config, TestServer};

    use super::*;

    struct World {
        server: TestServer,
        client: HttpClient,
        directory: tempfile::TempDir,
        prompts: Cell<u32>,
    }

    impl World {
        fn with(config: Config) -> Self {
            let server = TestServer::with(config).unwrap();
            let client = HttpClient::new(Endpoint::custom(server.endpoint()).unwrap()).unwrap();
            Self { server, client, directory: tempfile::tempdir().unwrap(), prompts: Cell::new(0) }
        }

        /// A run of the program, in which the person approves.
        fn run(&self) -> Session {
            self.run_as(|code| self.server.approve(code).unwrap()).unwrap()
        }

        fn run_as(&self, person: impl Fn(&str)) -> Result<Session, Box<dyn Error>> {
            let policy =
                Policy::aws("https://d-1234567890.awsapps.com/start").with_first_poll(FirstPoll::Immediately);
            stay(&self.client, &self.directory.path().join("session.json"), policy, |prompt| {
                self.prompts.set(self.prompts.get() + 1);
                person(&prompt.user_code);
                Ok(())
            })
        }
    }

    #[test]
    fn a_session_that_is_good_is_taken_from_the_file() {
        let world = World::with(Config::default());
        let first = world.run();
        assert_eq!((world.run(), world.prompts.get()), (first, 1));
    }

    #[test]
    fn a_session_of_another_portal_is_not_taken_for_this_ones() {
        let world = World::with(Config::default());
        let first = world.run();
        let elsewhere = Policy::aws("https://d-9999999999.awsapps.com/start");
        assert!(first.is_from(world.client.service()) && !first.is_for(world.client.service(), &elsewhere));
    }

    #[test]
    fn a_session_that_is_due_is_refreshed_and_asks_no_person() {
        let world = World::with(Config::default().with_access_ttl(MARGIN));
        let (first, second) = (world.run(), world.run());
        assert!(first.token.access_token != second.token.access_token && world.prompts.get() == 1);
        assert_eq!(first.registration, second.registration);
    }

    #[test]
    fn a_file_that_cannot_be_read_again_and_a_denial_lose_nothing() {
        let world = World::with(Config::default());
        fs::write(world.directory.path().join("session.json"), "{").unwrap();
        let error = world.run_as(|code| world.server.deny(code).unwrap()).unwrap_err();
        let end = error.downcast::<SignInError>().unwrap();
        assert!(matches!(end.outcome, Outcome::Denied(_)), "{end:?}");
        assert_eq!(world.run().scopes, ["sso:account:access"]);
    }
}
