//! The database is killed under load: a grant is neither made twice nor lost.

mod common;

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::process::Command;
use std::sync::Arc;

use common::{Database, Tool, at, entropy, policy};
use device_authority::{PersonError, SlowDown, Store, StoreError, UserDecision};
use oidc_proto::{FaultCode, Secret};
use sso_oidc_postgres::PostgresStore;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// The variable with a script that kills the database with SIGKILL and starts it again.
const CRASH: &str = "SSO_OIDC_TEST_POSTGRES_CRASH";
/// The crashes of one run.
const CRASHES: usize = 3;
/// The devices that sign in side by side.
const SIDE_BY_SIDE: usize = 24;
/// The time limit of one operation, with all its attempts. The recovery of a killed database takes long on a slow disk.
const LIMIT: Duration = Duration::from_secs(120);

struct World {
    stores: Vec<Arc<dyn Store>>,
    is_over: AtomicBool,
    turn: AtomicUsize,
    unavailable: AtomicUsize,
    sign_ins: AtomicUsize,
    /// Whether the database is there: from the end of a restart until the next crash.
    is_there: watch::Receiver<bool>,
}

impl World {
    /// Waits until so many more devices have signed in, so that the next crash meets load.
    async fn signs_in(&self, more: usize) {
        let (before, began) = (self.sign_ins.load(Ordering::Relaxed), Instant::now());
        while self.sign_ins.load(Ordering::Relaxed) < before + more {
            assert!(began.elapsed() < LIMIT, "no device signs in");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Returns the next store, as a load balancer would.
    fn store(&self) -> &dyn Store {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        &*self.stores[turn % self.stores.len()]
    }

    /// Notes that the store was away, and waits until the database is there. Every other error is a failure.
    async fn away(&self, error: StoreError) {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        self.unavailable.fetch_add(1, Ordering::Relaxed);
        let mut is_there = self.is_there.clone();
        let restarted = timeout(LIMIT, is_there.wait_for(|is_there| *is_there)).await;
        assert!(restarted.is_ok(), "the database did not start within {LIMIT:?}");
    }
}

/// Signs one device in, and returns the tokens that it got.
async fn sign_in(world: &World, tool: &Tool) -> Vec<Secret> {
    let policy = policy().with_slow_down(SlowDown::Off);
    let device = loop {
        match tool.try_start(world.store(), at(1)).await {
            Ok(device) => break device,
            Err(error) => world.away(error).await,
        }
    };
    assert_eq!(poll(world, tool, &device).await.unwrap_err(), FaultCode::AuthorizationPending);
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < LIMIT, "no decision");
        match world.store().decide(&policy, None, &device.user_code, UserDecision::APPROVE, at(2)).await {
            // The approval before was committed, and its response lost.
            Ok(Ok(()) | Err(PersonError::Decided)) => break,
            Ok(Err(other)) => panic!("{other}"),
            Err(error) => world.away(error).await,
        }
    }
    // From here on the approval must not be lost: no poll may say that it is pending.
    let mut tokens = Vec::new();
    for _ in 0..2 {
        match poll(world, tool, &device).await {
            Ok(token) => tokens.push(token),
            Err(code) => assert_eq!((code, tokens.len()), (FaultCode::InvalidGrant, 1), "a grant is lost"),
        }
    }
    tokens
}

/// Polls until the service answers.
async fn poll(
    world: &World,
    tool: &Tool,
    device: &oidc_proto::DeviceAuthorization,
) -> Result<Secret, FaultCode> {
    let policy = policy().with_slow_down(SlowDown::Off);
    let began = Instant::now();
    while began.elapsed() < LIMIT {
        let request = tool.poll_of(device);
        match world.store().create_token(&policy, &request, at(3), &mut entropy()).await {
            Ok(exchanged) => {
                return exchanged.reply.map(|token| token.access_token).map_err(|fault| fault.code);
            }
            Err(error) => world.away(error).await,
        }
    }
    panic!("no answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_database_neither_grants_twice_nor_loses_an_approval() {
    let Some(database) = Database::empty("test_crash").await else { return };
    let Ok(crash) = std::env::var(CRASH) else {
        println!("NOT CHECKED: {CRASH} names no script that kills the database");
        return;
    };
    let mut stores: Vec<Arc<dyn Store>> = Vec::new();
    for _ in 0..3 {
        let config = database.config().with_connections(4).with_patience(Duration::from_secs(20));
        stores.push(Arc::new(PostgresStore::connect(config).await.unwrap()));
    }
    let tool = Tool::register(&*stores[0]).await;
    let (there, is_there) = watch::channel(true);
    let world = Arc::new(World {
        stores,
        is_over: AtomicBool::new(false),
        turn: AtomicUsize::new(0),
        unavailable: AtomicUsize::new(0),
        sign_ins: AtomicUsize::new(0),
        is_there,
    });
    let devices = (0..SIDE_BY_SIDE).map(|_| {
        let (world, tool) = (Arc::clone(&world), tool.clone());
        tokio::spawn(async move {
            let mut granted = Vec::new();
            while !world.is_over.load(Ordering::Relaxed) {
                let tokens = sign_in(&world, &tool).await;
                assert_eq!(tokens.len(), 1, "one device, one token");
                world.sign_ins.fetch_add(1, Ordering::Relaxed);
                granted.extend(tokens);
            }
            granted
        })
    });
    let devices: Vec<_> = devices.collect();
    for _ in 0..CRASHES {
        world.signs_in(SIDE_BY_SIDE).await;
        let crash = crash.clone();
        there.send_replace(false);
        let status = tokio::task::spawn_blocking(move || Command::new("sh").arg(crash).status());
        assert!(status.await.unwrap().unwrap().success(), "the database did not start again");
        there.send_replace(true);
    }
    world.signs_in(SIDE_BY_SIDE).await;
    world.is_over.store(true, Ordering::Relaxed);
    let mut tokens = 0;
    for device in devices {
        for token in device.await.unwrap() {
            // The second poll has ended the sign-in (RFC 6749 §4.1.2), also after a crash.
            assert!(world.store().recognize_token(&token, at(4)).await.unwrap().is_err());
            tokens += 1;
        }
    }
    let unavailable = world.unavailable.load(Ordering::Relaxed);
    println!("{tokens} sign-ins, {unavailable} requests found the store unavailable");
    assert!(tokens > CRASHES * SIDE_BY_SIDE, "there was load: {tokens}");
}
