//! A file store on a disk that is slow, fails, or ends its thread.

use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use device_authority::{
    Capacity, Moment, NoEntropy, PersonError, ServerPolicy, Store, StoreError, UserDecision,
};
use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, Grant, RegisterClientRequest,
    StartDeviceAuthorizationRequest,
};
use redb::backends::InMemoryBackend;
use redb::{Database, StorageBackend};

use super::FileStore;
use crate::{Config, TestServer};

const NOW: Moment = Moment::new(Duration::from_secs(1_700_000_000));

/// What a disk does when it is told to write for good.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Behaviour {
    Works,
    /// It takes until it works again.
    Stalls,
    Fails,
    /// It ends the thread that writes, once.
    Panics,
}

/// A disk in memory.
#[derive(Clone, Debug)]
struct Disk(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bytes: InMemoryBackend,
    behaviour: Mutex<Behaviour>,
    changed: Condvar,
}

impl Disk {
    /// Returns a disk, and a store on it.
    fn with_store() -> (Self, FileStore) {
        let bytes = InMemoryBackend::new();
        let disk =
            Self(Arc::new(Inner { bytes, behaviour: Mutex::new(Behaviour::Works), changed: Condvar::new() }));
        let database = Database::builder().create_with_backend(disk.clone()).unwrap();
        let store = FileStore::of(database, Path::new("a disk in memory"), Capacity::default()).unwrap();
        (disk, store)
    }

    fn set(&self, behaviour: Behaviour) {
        *self.0.behaviour.lock().unwrap() = behaviour;
        self.0.changed.notify_all();
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.0.bytes.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.bytes.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.bytes.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        let behaviour = self.0.behaviour.lock().unwrap();
        let stalls = |behaviour: &mut Behaviour| *behaviour == Behaviour::Stalls;
        let mut behaviour = self.0.changed.wait_while(behaviour, stalls).unwrap();
        match *behaviour {
            Behaviour::Works | Behaviour::Stalls => Ok(()),
            Behaviour::Fails => Err(io::Error::other("no space left on this disk")),
            Behaviour::Panics => {
                *behaviour = Behaviour::Works;
                drop(behaviour);
                panic!("a test ends this thread");
            }
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.bytes.write(offset, data)
    }
}

fn entropy(bytes: &mut [u8]) -> Result<(), NoEntropy> {
    getrandom::fill(bytes).map_err(|_| NoEntropy::new())
}

async fn register(store: &dyn Store) -> Result<Client, StoreError> {
    let request = RegisterClientRequest::new("tool").with_scopes(["sso:account:access"]);
    let made = store.register_client(&ServerPolicy::default(), &request, NOW, &mut entropy).await?;
    Ok(made.unwrap().client)
}

async fn start(store: &dyn Store, client: &Client) -> DeviceAuthorization {
    let ask = StartDeviceAuthorizationRequest::new(client.clone(), "https://d-1234567890.awsapps.com/start");
    let made = store.start_device_authorization(&ServerPolicy::default(), &ask, NOW, &mut entropy).await;
    made.unwrap().unwrap()
}

/// Polls a future once.
fn glance<T>(future: core::pin::Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Option<T> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

#[test]
fn a_decision_that_rests_on_records_in_memory_waits_until_they_are_on_the_disk() {
    let (disk, store) = Disk::with_store();
    let (store, policy): (&dyn Store, _) = (&store, ServerPolicy::default());
    let client = pollster::block_on(register(store)).unwrap();
    let [device, waits] = [(); 2].map(|()| pollster::block_on(start(store, &client)));
    disk.set(Behaviour::Stalls);
    let (code, approve) = (&device.user_code, UserDecision::APPROVE);
    let mut first = pin!(store.decide(&policy, None, code, approve, NOW));
    assert!(glance(first.as_mut()).is_none());
    // The second one changes nothing. Still it must not be told before the first decision would survive a crash.
    let mut second = pin!(store.decide(&policy, None, code, approve, NOW));
    let mut review = pin!(store.review(&policy, None, code, NOW));
    assert!(glance(second.as_mut()).is_none() && glance(review.as_mut()).is_none());
    // The pace of a device may be lost, so a poll waits for no disk.
    let poll = CreateTokenRequest::new(client, Grant::device_code(waits.device_code));
    let mut draws = entropy;
    assert!(glance(pin!(store.create_token(&policy, &poll, NOW, &mut draws))).is_some());
    disk.set(Behaviour::Works);
    pollster::block_on(async {
        assert_eq!(first.await.unwrap(), Ok(()));
        assert_eq!(second.await.unwrap(), Err(PersonError::Decided));
        assert_eq!(review.await.unwrap(), Err(PersonError::Decided));
    });
}

/// Sends a request without a body, or a registration. Returns the whole response.
fn send(server: &TestServer, path: &str, body: &str) -> String {
    let host = server.endpoint().trim_start_matches("http://");
    let (method, length) = if body.is_empty() { ("GET", 0) } else { ("POST", body.len()) };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(host).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn a_server_whose_store_no_longer_writes_answers_no_operation_and_is_not_ready() {
    for behaviour in [Behaviour::Fails, Behaviour::Panics] {
        let (disk, store) = Disk::with_store();
        let server = TestServer::with(Config::default().with_store(store)).unwrap();
        let register = r#"{"clientName":"tool","clientType":"public"}"#;
        assert!(send(&server, "/client/register", register).starts_with("HTTP/1.1 200 "));
        assert!(send(&server, "/ready", "").starts_with("HTTP/1.1 200 "));
        disk.set(behaviour);
        for _ in 0..2 {
            let failed = send(&server, "/client/register", register);
            assert!(failed.starts_with("HTTP/1.1 500 "), "{behaviour:?}: {failed}");
            // A response does not say why.
            assert!(failed.contains("cannot reach its store") && !failed.contains("disk"), "{failed}");
        }
        let ready = send(&server, "/ready", "");
        assert!(ready.starts_with("HTTP/1.1 503 ") && ready.ends_with("the store does not answer\n"));
        assert!(send(&server, "/health", "").starts_with("HTTP/1.1 200 "), "the process is well");
    }
}

#[test]
fn the_error_of_a_store_that_no_longer_writes_says_why() {
    for (behaviour, why) in
        [(Behaviour::Fails, "no space left on this disk"), (Behaviour::Panics, "the thread that writes")]
    {
        let (disk, store) = Disk::with_store();
        let store: &dyn Store = &store;
        let client = pollster::block_on(register(store)).unwrap();
        disk.set(behaviour);
        let error = pollster::block_on(register(store)).unwrap_err();
        assert!(error.to_string().contains(why), "{behaviour:?}: {error}");
        // It stays so, for decisions and for what only reads.
        disk.set(Behaviour::Works);
        let ask = StartDeviceAuthorizationRequest::new(client, "https://d-1234567890.awsapps.com/start");
        let policy = ServerPolicy::default();
        let mut draws = entropy;
        let started = store.start_device_authorization(&policy, &ask, NOW, &mut draws);
        for error in
            [pollster::block_on(started).unwrap_err(), pollster::block_on(store.check()).unwrap_err()]
        {
            assert!(error.to_string().contains(why), "{behaviour:?}: {error}");
        }
    }
}
