//! A connection that breaks: before a request, before a commit, and after it.

mod common;

use core::sync::atomic::{AtomicU8, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex};

use common::{Database, Tool, approve, at};
use device_authority::{Store, StoreError};
use oidc_proto::FaultCode;
use sso_oidc_postgres::{PostgresConfig, PostgresStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the network does to the next commit.
const PASS: u8 = 0;
const LOSE_REQUEST: u8 = 1;
const LOSE_RESPONSE: u8 = 2;

/// A network between a store and its database.
struct Network {
    next: Arc<AtomicU8>,
    connections: Arc<Mutex<Vec<JoinHandle<()>>>>,
    config: PostgresConfig,
}

impl Network {
    async fn to(database: &Database) -> Self {
        let (account, place) = database.url.split_once('@').unwrap();
        let (address, rest) = place.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{account}@{}/{rest}", listener.local_addr().unwrap());
        let config = PostgresConfig::from_url(&url).unwrap().with_schema(database.schema).unwrap();
        let (next, connections) = (Arc::new(AtomicU8::new(PASS)), Arc::new(Mutex::new(Vec::new())));
        let network = Self {
            next: Arc::clone(&next),
            connections: Arc::clone(&connections),
            config: config.with_patience(Duration::from_secs(2)),
        };
        let address = address.to_owned();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&address).await.unwrap();
                let carried = tokio::spawn(carry(client, server, Arc::clone(&next)));
                connections.lock().unwrap().push(carried);
            }
        });
        network
    }

    fn lose(&self, what: u8) {
        self.next.store(what, Ordering::SeqCst);
    }

    /// Breaks every connection that is open.
    fn cut(&self) {
        for connection in self.connections.lock().unwrap().drain(..) {
            connection.abort();
        }
    }
}

/// Carries the bytes of one connection until either side closes, or a commit is to be lost.
async fn carry(mut client: TcpStream, mut server: TcpStream, next: Arc<AtomicU8>) {
    let (mut up, mut down) = (vec![0; 65536], vec![0; 65536]);
    let mut response_is_lost = false;
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let bytes = match read { Ok(0) | Err(_) => return, Ok(length) => &up[..length] };
                if bytes.windows(7).any(|part| part == b".apply(") {
                    match next.swap(PASS, Ordering::SeqCst) {
                        LOSE_REQUEST => return,
                        LOSE_RESPONSE => response_is_lost = true,
                        _ => {}
                    }
                }
                if server.write_all(bytes).await.is_err() { return }
            }
            read = server.read(&mut down) => {
                let bytes = match read { Ok(0) | Err(_) => return, Ok(length) => &down[..length] };
                if response_is_lost || client.write_all(bytes).await.is_err() { return }
            }
        }
    }
}

async fn code(
    tool: &Tool,
    store: &dyn Store,
    device: &oidc_proto::DeviceAuthorization,
    now: u64,
) -> FaultCode {
    tool.poll(store, device, at(now)).await.reply.unwrap_err().code
}

#[tokio::test]
async fn a_grant_whose_commit_got_no_response_is_found_and_not_made_again() {
    let Some(database) = Database::empty("test_lost_response").await else { return };
    let network = Network::to(&database).await;
    let store: &dyn Store = &PostgresStore::connect(network.config.clone()).await.unwrap();
    let tool = Tool::register(store).await;
    let device = tool.start(store, at(1)).await;
    approve(store, &device, at(2)).await;
    network.lose(LOSE_RESPONSE);
    let token = tool.poll(store, &device, at(3)).await.reply.unwrap();
    assert!(store.recognize_token(&token.access_token, at(4)).await.unwrap().is_ok());
    assert_eq!(code(&tool, store, &device, 5).await, FaultCode::InvalidGrant);
    // A new device is found too, and its codes are good.
    network.lose(LOSE_RESPONSE);
    let device = tool.start(store, at(6)).await;
    approve(store, &device, at(7)).await;
    assert_eq!(database.sql("SELECT count(*) FROM test_lost_response.device").await, [["2"]]);
}

#[tokio::test]
async fn a_grant_whose_commit_got_lost_itself_is_made_at_the_next_poll() {
    let Some(database) = Database::empty("test_lost_request").await else { return };
    let network = Network::to(&database).await;
    let store: &dyn Store = &PostgresStore::connect(network.config.clone()).await.unwrap();
    let tool = Tool::register(store).await;
    let device = tool.start(store, at(1)).await;
    approve(store, &device, at(2)).await;
    network.lose(LOSE_REQUEST);
    let lost = tool.try_poll(store, &device, at(3)).await.unwrap_err();
    assert!(matches!(lost, StoreError::Unavailable(_)), "{lost}");
    assert!(tool.poll(store, &device, at(4)).await.reply.is_ok());
}

#[tokio::test]
async fn a_poll_whose_commit_got_no_response_fails_and_the_next_one_is_answered() {
    let Some(database) = Database::empty("test_lost_poll").await else { return };
    let network = Network::to(&database).await;
    let store: &dyn Store = &PostgresStore::connect(network.config.clone()).await.unwrap();
    let tool = Tool::register(store).await;
    let device = tool.start(store, at(1)).await;
    // The pace of a device has nothing that only one commit writes, so there is no proof.
    network.lose(LOSE_RESPONSE);
    let lost = tool.try_poll(store, &device, at(2)).await.unwrap_err();
    assert!(matches!(lost, StoreError::Unavailable(_)), "{lost}");
    assert_eq!(code(&tool, store, &device, 20).await, FaultCode::AuthorizationPending);
}

#[tokio::test]
async fn a_connection_that_broke_while_it_was_idle_is_replaced() {
    let Some(database) = Database::empty("test_idle").await else { return };
    let network = Network::to(&database).await;
    let config = network.config.clone().with_connections(3);
    let store: &dyn Store = &PostgresStore::connect(config).await.unwrap();
    let tool = Tool::register(store).await;
    for now in 1..10 {
        let device = tool.start(store, at(now)).await;
        network.cut();
        assert_eq!(code(&tool, store, &device, now).await, FaultCode::AuthorizationPending);
        network.cut();
        store.check().await.unwrap();
    }
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_unavailable_within_the_time_limit() {
    let Some(database) = Database::empty("test_silent").await else { return };
    let config = database.config().with_connections(1).with_patience(Duration::from_millis(300));
    let store: &dyn Store = &PostgresStore::connect(config).await.unwrap();
    let tool = Tool::register(store).await;
    let device = tool.start(store, at(1)).await;
    let locked = database
        .sql("BEGIN; LOCK TABLE test_silent.device IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(2); COMMIT");
    let polled = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let began = std::time::Instant::now();
        let away = tool.try_poll(store, &device, at(2)).await.unwrap_err();
        assert!(matches!(away, StoreError::Unavailable(_)) && began.elapsed() < Duration::from_millis(1500));
    };
    tokio::join!(locked, polled);
    assert_eq!(code(&tool, store, &device, 3).await, FaultCode::AuthorizationPending);
}
