//! A network between a store and its database, which counts round trips and loses messages.

use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex};

use sso_oidc_postgres::{PostgresConfig, PostgresStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::Database;

/// What the network does to the next commit.
const PASS: u8 = 0;
pub(crate) const LOSE_REQUEST: u8 = 1;
pub(crate) const LOSE_RESPONSE: u8 = 2;

/// A network between a store and its database.
pub(crate) struct Network {
    way: Arc<Way>,
    connections: Arc<Mutex<Vec<JoinHandle<()>>>>,
    pub(crate) config: PostgresConfig,
}

#[derive(Default)]
struct Way {
    next: AtomicU8,
    round_trips: AtomicUsize,
}

impl Network {
    pub(crate) async fn to(database: &Database) -> Self {
        let (account, place) = database.url.split_once('@').unwrap();
        let (address, rest) = place.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{account}@{}/{rest}", listener.local_addr().unwrap());
        let config = PostgresConfig::from_url(&url).unwrap().with_schema(database.schema).unwrap();
        let (way, connections) = (Arc::new(Way::default()), Arc::new(Mutex::new(Vec::new())));
        let network = Self {
            way: Arc::clone(&way),
            connections: Arc::clone(&connections),
            config: config.with_patience(Duration::from_secs(2)),
        };
        let address = address.to_owned();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&address).await.unwrap();
                let carried = tokio::spawn(carry(client, server, Arc::clone(&way)));
                connections.lock().unwrap().push(carried);
            }
        });
        network
    }

    /// Returns a store at the other end.
    pub(crate) async fn store(&self) -> PostgresStore {
        PostgresStore::connect(self.config.clone()).await.unwrap()
    }

    /// Loses the next commit, or its response.
    pub(crate) fn lose(&self, what: u8) {
        self.way.next.store(what, Ordering::SeqCst);
    }

    /// Breaks every connection that is open.
    pub(crate) fn cut(&self) {
        for connection in self.connections.lock().unwrap().drain(..) {
            connection.abort();
        }
    }

    /// Returns the result of an operation, and the round trips that it took.
    pub(crate) async fn round_trips<T>(&self, operation: impl Future<Output = T>) -> (T, usize) {
        let before = self.way.round_trips.load(Ordering::SeqCst);
        let result = operation.await;
        (result, self.way.round_trips.load(Ordering::SeqCst) - before)
    }
}

/// Carries the bytes of one connection until either side closes, or a commit is to be lost.
async fn carry(mut client: TcpStream, mut server: TcpStream, way: Arc<Way>) {
    let (mut up, mut down) = (vec![0; 65536], vec![0; 65536]);
    let mut said = Vec::new();
    let mut response_is_lost = false;
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let bytes = match read { Ok(0) | Err(_) => return, Ok(length) => &up[..length] };
                let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
                if has(b".apply(") || has(b".pace(") {
                    match way.next.swap(PASS, Ordering::SeqCst) {
                        LOSE_REQUEST => return,
                        LOSE_RESPONSE => response_is_lost = true,
                        _ => {}
                    }
                }
                if server.write_all(bytes).await.is_err() { return }
            }
            read = server.read(&mut down) => {
                let bytes = match read { Ok(0) | Err(_) => return, Ok(length) => &down[..length] };
                said.extend_from_slice(bytes);
                way.round_trips.fetch_add(answers(&mut said), Ordering::SeqCst);
                if response_is_lost || client.write_all(bytes).await.is_err() { return }
            }
        }
    }
}

/// Takes the whole messages, and returns how many of them say that the database is ready for the next statement.
fn answers(said: &mut Vec<u8>) -> usize {
    let mut ready = 0;
    // A message is its kind, its length without the kind, and its text.
    while let Some(length) = said.get(1..5) {
        let length = 1 + u32::from_be_bytes(length.try_into().unwrap()) as usize;
        if said.len() < length {
            break;
        }
        ready += usize::from(said[0] == b'Z');
        said.drain(..length);
    }
    ready
}
