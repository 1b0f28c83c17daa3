//! Tests of the program against the whole service, in virtual time and without a socket.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use device_flow_ureq::{
    Cancel, Endpoint, Expiry, Failure, HttpClient, Outcome, Policy, Session, SignInError, UnixSeconds,
    VirtualTime,
};
use sso_oidc_server::{Config, InProcess, Rotation};

use crate::session::Portal;

const HOUR: Duration = Duration::from_secs(60 * 60);
const PORTAL: &str = "https://d-1234567890.awsapps.com/start";

/// The network between the program and the service.
#[derive(Clone, Copy)]
enum Network {
    Up,
    /// No request arrives.
    Down,
    /// The service responds with an error to every request.
    Failing,
}

/// The person on the approval page.
#[derive(Clone, Copy)]
enum Person {
    Approves,
    Denies,
    IsAway,
    PressesCtrlC,
}

struct World {
    service: InProcess,
    time: VirtualTime,
    network: Arc<Mutex<Network>>,
    /// The requests that the service has received.
    requests: Arc<Mutex<Vec<&'static str>>>,
    file: PathBuf,
    _directory: tempfile::TempDir,
}

impl World {
    /// Creates a service whose access tokens live for an hour.
    fn new() -> Self {
        let time = VirtualTime::default();
        let up = time.clone();
        let config = Config::default().with_access_ttl(HOUR).with_rotation(Rotation::Strict);
        let service = InProcess::new(config, move || up.now().elapsed()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        Self {
            service,
            time,
            network: Arc::new(Mutex::new(Network::Up)),
            requests: Arc::default(),
            file: directory.path().join("session.json"),
            _directory: directory,
        }
    }

    fn portal(&self, start_url: &str, cancel: &Cancel) -> Portal<VirtualTime, impl Fn() -> UnixSeconds> {
        let (service, network, requests) =
            (self.service.clone(), Arc::clone(&self.network), Arc::clone(&self.requests));
        let client = HttpClient::builder(Endpoint::custom(service.endpoint()).unwrap())
            .cancelled_by(cancel)
            .answered_by(move |request| {
                let network = *network.lock().unwrap();
                match network {
                    Network::Down => return Err(Failure::NotSent.into()),
                    Network::Failing => {
                        let body = br#"{"error":"server_error"}"#.to_vec();
                        return Ok(http::Response::builder().status(500).body(body).unwrap());
                    }
                    Network::Up => {}
                }
                let is_refresh = String::from_utf8_lossy(request.body()).contains("refreshToken");
                requests.lock().unwrap().push(match request.uri().path() {
                    "/client/register" => "register",
                    "/device_authorization" => "authorize",
                    _ if is_refresh => "refresh",
                    _ => "poll",
                });
                Ok(service.answer(request))
            })
            .build()
            .unwrap();
        let (policy, file, clock) = (Policy::aws(start_url), self.file.clone(), self.time.clone());
        Portal { client, policy, file, clock, now: || self.now() }
    }

    /// Returns the wall-clock time.
    fn now(&self) -> UnixSeconds {
        UnixSeconds::new(1_800_000_000).saturating_add(self.time.now().elapsed())
    }

    /// Runs the program.
    fn run(&self, person: Person) -> Result<Session, SignInError> {
        self.run_for(PORTAL, person)
    }

    fn run_for(&self, start_url: &str, person: Person) -> Result<Session, SignInError> {
        self.run_until(&Cancel::new(), start_url, person)
    }

    fn run_until(&self, cancel: &Cancel, start_url: &str, person: Person) -> Result<Session, SignInError> {
        let page = self.service.handle();
        self.portal(start_url, cancel).session(|prompt| {
            match person {
                Person::Approves => page.approve(&prompt.user_code).unwrap(),
                Person::Denies => page.deny(&prompt.user_code).unwrap(),
                Person::IsAway => {}
                Person::PressesCtrlC => cancel.cancel(),
            }
            Ok(())
        })
    }

    /// Uses the refresh token as another program would. This service accepts each token once.
    fn use_up_refresh_token(&self, session: &Session) {
        let client = self.portal(PORTAL, &Cancel::new()).client;
        client.refresh_session(&mut session.clone(), self.now()).unwrap();
        assert_eq!(self.requests(), ["refresh"]);
    }

    fn set(&self, network: Network) {
        *self.network.lock().unwrap() = network;
    }

    /// Returns the requests since the last call.
    fn requests(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    fn pass_minutes(&self, minutes: u32) {
        self.time.pass(minutes * Duration::from_secs(60));
    }
}

/// Returns a world after a first sign-in, and its session.
fn signed_in() -> (World, Session) {
    let world = World::new();
    let session = world.run(Person::Approves).unwrap();
    assert_eq!(world.requests(), ["register", "authorize", "poll"]);
    (world, session)
}

#[test]
fn a_session_that_is_good_is_taken_from_the_file() {
    let (world, first) = signed_in();
    world.pass_minutes(44);
    assert_eq!(world.run(Person::IsAway).unwrap(), first);
    assert!(world.requests().is_empty());
}

#[test]
fn a_session_that_is_due_is_refreshed_and_kept_again() {
    let (world, first) = signed_in();
    world.pass_minutes(45);
    let second = world.run(Person::IsAway).unwrap();
    assert_ne!(second.token.access_token, first.token.access_token);
    assert_eq!((world.requests(), &second.registration), (vec!["refresh"], &first.registration));
    assert_eq!(world.run(Person::IsAway).unwrap(), second);
    assert!(world.requests().is_empty());
}

#[test]
fn a_dead_refresh_token_leads_to_a_new_sign_in_with_the_kept_registration() {
    let (world, first) = signed_in();
    world.pass_minutes(45);
    world.use_up_refresh_token(&first);
    let second = world.run(Person::Approves).unwrap();
    assert_eq!(world.requests(), ["refresh", "authorize", "poll"]);
    assert_eq!(second.registration, first.registration);
}

#[test]
fn a_run_whose_refresh_is_refused_takes_the_session_that_another_run_has_kept() {
    let (world, first) = signed_in();
    world.pass_minutes(45);
    let stale = fs::read(&world.file).unwrap();
    let other = world.run(Person::IsAway).unwrap();
    let fresh = fs::read(&world.file).unwrap();
    assert_eq!(world.requests(), ["refresh"]);
    // This run read the file before the other one wrote it.
    let never = Cancel::new();
    let portal = world.portal(PORTAL, &never);
    fs::write(&world.file, stale).unwrap();
    let late = portal.kept().unwrap();
    assert_eq!(late, first);
    fs::write(&world.file, fresh).unwrap();
    assert_eq!(portal.good(late), Some(other));
    assert_eq!(world.requests(), ["refresh"]);
}

#[test]
fn a_denied_later_sign_in_leaves_the_file_alone() {
    let (world, first) = signed_in();
    let before = fs::read(&world.file).unwrap();
    world.pass_minutes(45);
    world.use_up_refresh_token(&first);
    world.run(Person::Denies).unwrap_err();
    assert_eq!(fs::read(&world.file).unwrap(), before);
}

#[test]
fn a_registration_that_ends_soon_is_replaced() {
    let (world, first) = signed_in();
    let end = first.registration.expires_at.unwrap();
    world.time.pass(end.remaining_at(world.now()) - Duration::from_secs(600));
    world.use_up_refresh_token(&first);
    let second = world.run(Person::Approves).unwrap();
    assert_eq!(world.requests(), ["refresh", "register", "authorize", "poll"]);
    assert_ne!(second.registration, first.registration);
}

#[test]
fn a_code_that_is_never_approved_ends_the_run_after_ten_minutes() {
    let world = World::new();
    let end = world.run(Person::IsAway).unwrap_err();
    assert_eq!(end.outcome, Outcome::Expired(Expiry::Clock(None)));
    assert_eq!(world.time.now().elapsed(), Duration::from_secs(600));
}

#[test]
fn in_an_outage_a_token_is_used_for_as_long_as_it_lives() {
    let (world, first) = signed_in();
    world.set(Network::Down);
    world.pass_minutes(59);
    assert_eq!(world.run(Person::IsAway).unwrap(), first);
    world.pass_minutes(1);
    let end = world.run(Person::IsAway).unwrap_err();
    assert!(end.is_offline() && !end.prompted, "{end:?}");
    // After the outage, the session is refreshed.
    world.set(Network::Up);
    world.run(Person::IsAway).unwrap();
    assert_eq!(world.requests(), ["refresh"]);
}

#[test]
fn a_service_in_trouble_costs_no_token_that_still_lives() {
    let (world, first) = signed_in();
    world.pass_minutes(50);
    world.set(Network::Failing);
    assert_eq!(world.run(Person::IsAway).unwrap(), first);
}

#[test]
fn a_corrupt_file_is_replaced() {
    let (world, first) = signed_in();
    let text = fs::read(&world.file).unwrap();
    fs::write(&world.file, &text[..text.len() / 2]).unwrap();
    let second = world.run(Person::Approves).unwrap();
    assert_ne!(second.registration, first.registration);
    assert_eq!(world.run(Person::IsAway).unwrap(), second);
}

#[test]
fn a_file_that_cannot_be_written_costs_no_token() {
    let mut world = World::new();
    world.file = world.file.join("no/such/directory");
    world.run(Person::Approves).unwrap();
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let (world, _) = signed_in();
    assert_eq!(fs::metadata(&world.file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_session_of_another_portal_is_not_used() {
    let (world, first) = signed_in();
    let second = world.run_for("https://d-9999999999.awsapps.com/start", Person::Approves).unwrap();
    assert_ne!(second.token.access_token, first.token.access_token);
    assert!(!world.requests().contains(&"refresh"));
}

#[test]
fn a_session_of_another_service_is_not_shown_to_this_one() {
    let (world, _) = signed_in();
    let text = fs::read_to_string(&world.file).unwrap();
    fs::write(&world.file, text.replace(world.service.endpoint(), "https://elsewhere.example")).unwrap();
    world.run(Person::Approves).unwrap();
    assert_eq!(world.requests(), ["register", "authorize", "poll"]);
}

#[test]
fn ctrl_c_at_a_refresh_ends_the_run_and_leaves_the_session() {
    let (world, first) = signed_in();
    world.pass_minutes(50);
    let cancel = Cancel::new();
    cancel.cancel();
    let end = world.run_until(&cancel, PORTAL, Person::IsAway).unwrap_err();
    assert_eq!((&end.outcome, end.prompted), (&Outcome::Cancelled, false));
    assert!(world.requests().is_empty());
    world.set(Network::Down);
    assert_eq!(world.run(Person::IsAway).unwrap(), first);
}

#[test]
fn ctrl_c_in_a_sign_in_ends_it_and_keeps_nothing() {
    let world = World::new();
    let end = world.run(Person::PressesCtrlC).unwrap_err();
    assert_eq!((&end.outcome, end.polls), (&Outcome::Cancelled, 0));
    assert_eq!(world.requests(), ["register", "authorize"]);
    assert!(!world.file.exists());
}
