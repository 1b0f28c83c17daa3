//! A store in a file: the contract, restarts, crashes, and a second process.

use std::path::Path;
use std::time::Duration;

use device_authority::{Moment, NoEntropy, Store, UserDecision, conformance};
use oidc_proto::{Client, CreateTokenRequest, Grant, RegisterClientRequest, StartDeviceAuthorizationRequest};
use sso_oidc_server::{Capacity, FileStore, ServerPolicy};

const NOW: Moment = Moment::new(Duration::from_secs(1_700_000_000));

fn open(path: &Path) -> FileStore {
    FileStore::open(path, Capacity::default()).unwrap()
}

fn entropy(bytes: &mut [u8]) -> Result<(), NoEntropy> {
    getrandom::fill(bytes).map_err(|_| NoEntropy::new())
}

/// Registers a client, starts a device and lets the person approve it. Returns the poll.
async fn approved(store: &dyn Store, policy: &ServerPolicy) -> CreateTokenRequest {
    let request = RegisterClientRequest::new("tool").with_scopes(["sso:account:access"]);
    let client: Client =
        store.register_client(policy, &request, NOW, &mut entropy).await.unwrap().unwrap().client;
    let ask = StartDeviceAuthorizationRequest::new(client.clone(), "https://d-1234567890.awsapps.com/start");
    let device = store.start_device_authorization(policy, &ask, NOW, &mut entropy).await.unwrap().unwrap();
    store.decide(policy, None, &device.user_code, UserDecision::APPROVE, NOW).await.unwrap().unwrap();
    CreateTokenRequest::new(client, Grant::device_code(device.device_code))
}

#[test]
fn a_store_in_a_file_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store"));
    for check in conformance::CHECKS {
        pollster::block_on(check.run(&store, 1)).unwrap_or_else(|why| panic!("{}: {why}", check.name()));
    }
}

#[test]
fn a_restart_keeps_every_record_and_the_key_of_the_pages() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let policy = ServerPolicy::default();
    pollster::block_on(async {
        let store = open(&path);
        let store: &dyn Store = &store;
        let poll = approved(store, &policy).await;
        let token = store.create_token(&policy, &poll, NOW, &mut entropy).await.unwrap().reply.unwrap();
        let second = approved(store, &policy).await;
        let before = (store.counts().await.unwrap(), store.page_key([7; 32]).await.unwrap());
        (poll, token, second, before)
    });
    let (poll, token, second, before) = pollster::block_on(async {
        let store = open(&path);
        let store: &dyn Store = &store;
        let poll = approved(store, &policy).await;
        let token = store.create_token(&policy, &poll, NOW, &mut entropy).await.unwrap().reply.unwrap();
        let second = approved(store, &policy).await;
        let before = (store.counts().await.unwrap(), store.page_key([8; 32]).await.unwrap());
        assert_eq!(before.1, [7; 32]);
        (poll, token, second, before)
    });
    pollster::block_on(async {
        let store = open(&path);
        let store: &dyn Store = &store;
        assert_eq!((store.counts().await.unwrap(), store.page_key([9; 32]).await.unwrap()), before);
        assert!(store.recognize_token(&token.access_token, NOW).await.unwrap().is_ok());
        let approved = store.create_token(&policy, &second, NOW, &mut entropy).await.unwrap();
        assert!(approved.reply.is_ok(), "an approval outlives a restart: {approved:?}");
        let replay = store.create_token(&policy, &poll, NOW, &mut entropy).await.unwrap();
        assert!(replay.reply.is_err() && replay.ends_sign_in, "a code is good once: {replay:?}");
        assert!(store.recognize_token(&token.access_token, NOW).await.unwrap().is_err());
    });
}

#[test]
fn a_record_that_memory_has_dropped_is_no_longer_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let policy = ServerPolicy::default();
    let capacity = Capacity::default().with_clients(2);
    let request = RegisterClientRequest::new("tool");
    pollster::block_on(async {
        let store = FileStore::open(&path, capacity).unwrap();
        let store: &dyn Store = &store;
        for _ in 0..5 {
            store.register_client(&policy, &request, NOW, &mut entropy).await.unwrap().unwrap();
        }
    });
    let count = |capacity: Capacity| {
        let store = FileStore::open(&path, capacity).unwrap();
        pollster::block_on(store.counts()).unwrap().clients
    };
    assert_eq!(count(Capacity::default()), 2, "the evicted ones are gone from the file too");
    pollster::block_on(async {
        let store = open(&path);
        assert_eq!(store.sweep(NOW.after(policy.registration_ttl)).await.unwrap(), 2);
    });
    assert_eq!(count(Capacity::default()), 0);
}

#[test]
fn a_restart_knows_which_registrations_are_in_use_and_evicts_none_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let policy = ServerPolicy::default();
    let request = RegisterClientRequest::new("tool");
    let capacity = Capacity::default().with_clients(16);
    let in_use = pollster::block_on(async {
        let store = FileStore::open(&path, capacity).unwrap();
        let store: &dyn Store = &store;
        let mut in_use = Vec::new();
        for _ in 0..8 {
            let poll = approved(store, &policy).await;
            store.create_token(&policy, &poll, NOW, &mut entropy).await.unwrap().reply.unwrap();
            in_use.push(poll.client);
            store.register_client(&policy, &request, NOW, &mut entropy).await.unwrap().unwrap();
        }
        in_use
    });
    // After the life of the codes, only the tokens say that a registration is in use.
    let later = NOW.after(Duration::from_secs(3600));
    pollster::block_on(async {
        let store = FileStore::open(&path, capacity).unwrap();
        let store: &dyn Store = &store;
        for _ in 0..8 {
            store.register_client(&policy, &request, later, &mut entropy).await.unwrap().unwrap();
        }
        for client in in_use {
            let ask = StartDeviceAuthorizationRequest::new(client, "https://d-1234567890.awsapps.com/start");
            let made = store.start_device_authorization(&policy, &ask, later, &mut entropy).await.unwrap();
            assert!(made.is_ok(), "a registration with a sign-in was evicted: {made:?}");
        }
    });
}

#[test]
fn no_secret_is_in_the_file_and_only_its_owner_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let policy = ServerPolicy::default();
    let secrets = pollster::block_on(async {
        let store = open(&path);
        let store: &dyn Store = &store;
        let poll = approved(store, &policy).await;
        let token = store.create_token(&policy, &poll, NOW, &mut entropy).await.unwrap().reply.unwrap();
        let refresh_token = token.refresh_token.unwrap();
        let refresh = Grant::RefreshToken { refresh_token: refresh_token.clone() };
        let request = CreateTokenRequest::new(poll.client.clone(), refresh);
        let next = store.create_token(&policy, &request, NOW, &mut entropy).await.unwrap().reply.unwrap();
        let Grant::DeviceCode { device_code, .. } = poll.grant else { panic!("it is a poll") };
        [
            device_code,
            poll.client.secret.unwrap(),
            token.access_token,
            refresh_token,
            next.access_token,
            next.refresh_token.unwrap(),
        ]
    });
    let bytes = std::fs::read(&path).unwrap();
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    // A selector is no secret; what follows it is.
    for secret in &secrets {
        let tail = &secret.expose()[secret.expose().len() - 30..];
        assert!(!has(tail), "a secret is in the file");
    }
    assert!(has("sso:account:access"), "the search finds what is there");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "these are my notes, and no store").unwrap();
    let error = FileStore::open(&path, Capacity::default()).unwrap_err();
    assert!(error.to_string().starts_with("failed to use the store"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "these are my notes, and no store");
}
