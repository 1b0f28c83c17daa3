//! The world of the server under test: a service in this process, a network, a disk, and virtual time.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process;
use std::sync::{Arc, Mutex, Once};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use device_flow_reqwest::{Endpoint, Failure, HttpClient, Policy, TransportError};
use example_web::{SignIns, router};
use serde_json::Value;
use sso_oidc_server::{Config, Handle, InProcess};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt as _;

pub(crate) const PORTAL: &str = "https://d-1234567890.awsapps.com/start";

/// The secret members of the service's responses.
pub(crate) const SECRETS: [&str; 4] = ["clientSecret", "deviceCode", "accessToken", "refreshToken"];

/// The surroundings of the server: the service, the network and the disk.
#[derive(Clone)]
pub(crate) struct World(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) service: Mutex<InProcess>,
    pub(crate) network: Mutex<Network>,
    pub(crate) directory: TempDir,
    pub(crate) registrations: Mutex<usize>,
    pub(crate) secrets: Mutex<BTreeSet<String>>,
    /// The different responses of the server under test.
    pub(crate) answers: Mutex<BTreeSet<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Network {
    Up,
    /// No request arrives.
    Down,
    /// Requests arrive, but their responses do not.
    OneWay,
}

/// A process of the server.
pub(crate) struct Process {
    pub(crate) sign_ins: Arc<SignIns>,
    pub(crate) router: Router,
    pub(crate) world: World,
}

pub(crate) fn service(config: Config) -> InProcess {
    let began = Instant::now();
    InProcess::new(config, move || began.elapsed()).unwrap()
}

/// Ends the tests if one of them hangs. Paused time stops while a task is busy, so no timeout would fire.
pub(crate) fn watch() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        thread::spawn(|| {
            thread::sleep(Duration::from_secs(300));
            _ = writeln!(io::stderr(), "The tests hang."); // `eprintln!` would be captured.
            process::exit(1);
        });
    });
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        watch();
        Self(Arc::new(Inner {
            service: service(config).into(),
            network: Network::Up.into(),
            directory: TempDir::new().unwrap(),
            registrations: 0.into(),
            secrets: Mutex::default(),
            answers: Mutex::default(),
        }))
    }

    pub(crate) fn directory(&self) -> &Path {
        self.0.directory.path()
    }

    pub(crate) fn person(&self) -> Handle {
        self.0.service.lock().unwrap().handle()
    }

    pub(crate) fn set(&self, network: Network) {
        *self.0.network.lock().unwrap() = network;
    }

    pub(crate) fn registrations(&self) -> usize {
        *self.0.registrations.lock().unwrap()
    }

    pub(crate) async fn begin(&self) -> Process {
        self.begin_in(self.directory()).await
    }

    pub(crate) async fn begin_in(&self, directory: &Path) -> Process {
        let (endpoint, world) = (self.person().endpoint().to_owned(), self.clone());
        let client = HttpClient::builder(Endpoint::custom(&endpoint).unwrap())
            .answered_by(move |request| world.answer(request))
            .build()
            .unwrap();
        let sign_ins = SignIns::open(client, Policy::aws(PORTAL), directory).await.unwrap();
        Process { router: router(Arc::clone(&sign_ins)), sign_ins, world: self.clone() }
    }

    pub(crate) fn answer(&self, request: &Request<&[u8]>) -> Result<Response<Vec<u8>>, TransportError> {
        let network = *self.0.network.lock().unwrap();
        if network == Network::Down {
            return Err(Failure::NotSent.into());
        }
        if request.uri().path() == "/client/register" {
            *self.0.registrations.lock().unwrap() += 1;
        }
        let answer = self.0.service.lock().unwrap().answer(request);
        let body: Value = serde_json::from_slice(answer.body()).unwrap();
        let secrets = SECRETS.iter().filter_map(|name| body[name].as_str().map(str::to_owned));
        self.0.secrets.lock().unwrap().extend(secrets);
        if network == Network::OneWay { Err(Failure::Unknown.into()) } else { Ok(answer) }
    }

    /// Counts the users' files of this kind.
    pub(crate) fn count(&self, kind: &str) -> usize {
        let files = fs::read_dir(self.directory()).unwrap().map(|entry| entry.unwrap().path());
        let kept = files.filter_map(|path| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).ok());
        kept.filter(|kept| kept.get(kind).is_some()).count()
    }

    pub(crate) fn check_that_no_answer_held_a_secret(&self) {
        let (secrets, answers) = (self.0.secrets.lock().unwrap(), self.0.answers.lock().unwrap());
        assert!(secrets.len() >= 3 && !answers.is_empty());
        // Thousands of responses differ only in ids and codes, so a hundred are enough.
        for answer in answers.iter().step_by(answers.len().div_ceil(100)) {
            assert!(!secrets.iter().any(|secret| answer.contains(secret)));
        }
    }
}

impl Process {
    pub(crate) async fn ask(&self, method: &str, path: &str) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = String::from_utf8(to_bytes(answer.into_body(), usize::MAX).await.unwrap().into()).unwrap();
        let value = serde_json::from_str(&body).unwrap();
        self.world.0.answers.lock().unwrap().insert(body);
        (status, value)
    }

    /// Starts a sign-in, and returns the id and the code.
    pub(crate) async fn start(&self) -> (String, String) {
        let (status, answer) = self.ask("POST", "/sign-in").await;
        assert_eq!((status, &answer["status"]), (StatusCode::CREATED, &"waiting".into()), "{answer}");
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        assert!(text("verification_uri_complete").contains(&text("user_code")), "{answer}");
        assert!(answer["expires_in"].as_u64().is_some_and(|left| left > 590), "{answer}");
        (text("id"), text("user_code"))
    }

    pub(crate) async fn stands(&self, id: &str) -> Value {
        let (status, answer) = self.ask("GET", &format!("/sign-in/{id}")).await;
        assert_eq!((status, answer["id"].as_str()), (StatusCode::OK, Some(id)));
        answer
    }

    /// Waits until the sign-in has this status, and returns its state.
    pub(crate) async fn comes_to(&self, id: &str, status: &str) -> Value {
        for _ in 0..700 {
            let stands = self.stands(id).await;
            if stands["status"] == status {
                return stands;
            }
            sleep(Duration::from_secs(1)).await;
        }
        panic!("{status} never came: {}", self.stands(id).await);
    }

    /// Ends the process as SIGTERM does, and waits until nothing of it is left.
    pub(crate) async fn end(self) {
        let Self { sign_ins, router, world: _ } = self;
        drop(router);
        sign_ins.ending.cancel();
        timeout(Duration::from_secs(25), sign_ins.ended()).await.unwrap();
        assert_eq!(Arc::strong_count(&sign_ins), 1);
    }
}

/// Returns a process with one waiting user, who has a file.
pub(crate) async fn waiting(world: &World) -> (Process, String, String) {
    let process = world.begin().await;
    let (id, code) = process.start().await;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(world.count("flow"), 1);
    (process, id, code)
}

pub(crate) fn edit(file: &Path, change: impl FnOnce(&mut Value)) {
    let mut kept = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    change(&mut kept);
    fs::write(file, kept.to_string()).unwrap();
}
