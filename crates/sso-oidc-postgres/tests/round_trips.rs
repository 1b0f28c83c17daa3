//! A poll is one round trip where the device has polled before, and rests on what is in the database.

mod common;

use common::network::Network;
use common::{Database, Tool, approve, at, entropy, policy};
use device_authority::{
    AuthorizationError, Capacity, ClientRecord, Moment, SlowDown, Store, UserDecision, authorization_code,
};
use oidc_proto::{AuthorizationRequest, Client, DeviceAuthorization, FaultCode, pkce};

/// Polls, and returns the code of the fault with the number of round trips.
async fn poll(
    network: &Network,
    store: &dyn Store,
    tool: &Tool,
    device: &DeviceAuthorization,
    now: u64,
) -> (FaultCode, usize) {
    let (exchanged, round_trips) = network.round_trips(tool.poll(store, device, at(now))).await;
    (exchanged.reply.unwrap_err().code, round_trips)
}

#[tokio::test]
async fn a_poll_is_one_round_trip_and_two_at_a_server_that_has_not_seen_the_last_one() {
    let Some(database) = Database::empty("test_round_trips").await else { return };
    let (near, far) = (Network::to(&database).await, Network::to(&database).await);
    let (first, second) = (near.store().await, far.store().await);
    let (first, second): (&dyn Store, &dyn Store) = (&first, &second);
    let tool = Tool::register(first).await;
    let device = tool.start(first, at(1)).await;
    // The server, and the round trips.
    let course = [(1, 2), (1, 1), (1, 1), (2, 2), (2, 1), (1, 2), (1, 1), (2, 2), (1, 2)];
    for ((server, expected), now) in course.into_iter().zip((10..).step_by(10)) {
        let (network, store) = if server == 1 { (&near, first) } else { (&far, second) };
        let polled = poll(network, store, &tool, &device, now).await;
        assert_eq!(polled, (FaultCode::AuthorizationPending, expected), "server {server} at {now}");
    }
    approve(second, &device, at(100)).await;
    let (granted, round_trips) = near.round_trips(tool.poll(first, &device, at(110))).await;
    assert_eq!((granted.reply.is_ok(), round_trips), (true, 2));
    let (again, round_trips) = near.round_trips(tool.poll(first, &device, at(120))).await;
    assert_eq!((again.ends_sign_in, round_trips), (true, 2));
}

#[tokio::test]
async fn an_early_poll_is_one_round_trip_too_and_a_store_that_remembers_nothing_needs_two() {
    let Some(database) = Database::empty("test_early_polls").await else { return };
    let network = Network::to(&database).await;
    let remembering = network.store().await;
    let config = network.config.clone().with_remembered_devices(0);
    let forgetful = sso_oidc_postgres::PostgresStore::connect(config).await.unwrap();
    for (store, expected) in [(&remembering as &dyn Store, [2, 1, 1, 1]), (&forgetful, [2; 4])] {
        let tool = Tool::register(store).await;
        let device = tool.start(store, at(1)).await;
        let mut round_trips = Vec::new();
        for now in [10, 11, 12, 13] {
            round_trips.push(poll(&network, store, &tool, &device, now).await);
        }
        assert_eq!(round_trips.iter().map(|(_, count)| *count).collect::<Vec<_>>(), expected);
        assert_eq!(round_trips[3].0, FaultCode::SlowDown);
    }
}

#[tokio::test]
async fn the_interval_counts_across_servers_that_remember_an_older_poll() {
    let Some(database) = Database::empty("test_interval").await else { return };
    let (first, second) = (database.store().await, database.store().await);
    let (first, second): (&dyn Store, &dyn Store) = (&first, &second);
    let tool = Tool::register(first).await;
    let device = tool.start(first, at(0)).await;
    let policy = policy().with_slow_down(SlowDown::Strict);
    let pending = FaultCode::AuthorizationPending;
    let course = [
        (first, 10, &pending),
        (second, 16, &pending),
        // The first server remembers the poll at 10, and the last one was at 16.
        (first, 18, &FaultCode::SlowDown),
        // The second one remembers the poll at 16 and an interval of 5 s. Since the poll at 18 it is 10 s.
        (second, 27, &FaultCode::SlowDown),
        // Since the one at 27 it is 15 s.
        (first, 41, &FaultCode::SlowDown),
        (second, 62, &pending),
        (first, 83, &pending),
    ];
    for (store, now, expected) in course {
        let request = tool.poll_of(&device);
        let polled = store.create_token(&policy, &request, at(now), &mut entropy()).await.unwrap();
        assert_eq!(&polled.reply.unwrap_err().code, expected, "at {now}");
    }
}

#[tokio::test]
async fn a_remembered_device_is_refused_when_it_or_its_client_is_gone_and_expires_in_time() {
    let Some(database) = Database::empty("test_remembered").await else { return };
    let store: &dyn Store = &database.store().await;
    let code = async |tool: &Tool, device: &DeviceAuthorization, now: Moment| {
        tool.poll(store, device, now).await.reply.unwrap_err().code
    };
    let tool = Tool::register(store).await;
    let [expires, is_gone, has_no_client] =
        [tool.start(store, at(1)).await, tool.start(store, at(1)).await, tool.start(store, at(1)).await];
    for device in [&expires, &is_gone, &has_no_client] {
        for now in [10, 20] {
            assert_eq!(code(&tool, device, at(now)).await, FaultCode::AuthorizationPending);
        }
    }
    assert_eq!(code(&tool, &expires, at(1).after(expires.expires_in)).await, FaultCode::ExpiredToken);
    let user_code = is_gone.user_code.replace('-', "");
    database
        .sql(&format!("DELETE FROM test_remembered.device WHERE replace(user_code, '-', '') = '{user_code}'"))
        .await;
    assert_eq!(code(&tool, &is_gone, at(30)).await, FaultCode::InvalidGrant);
    database.sql("DELETE FROM test_remembered.client").await;
    assert_eq!(code(&tool, &has_no_client, at(30)).await, FaultCode::InvalidClient);
}

#[tokio::test]
async fn a_denial_that_has_no_room_is_no_statement() {
    let Some(database) = Database::empty("test_denial").await else { return };
    let network = Network::to(&database).await;
    let config = network.config.clone().with_capacity(Capacity::default().with_codes(1));
    let store: &dyn Store = &sso_oidc_postgres::PostgresStore::connect(config).await.unwrap();
    let policy = policy().with_client(ClientRecord::preconfigured(Client::public("shared"), None));
    let request = AuthorizationRequest::new("shared", "http://127.0.0.1:49152/")
        .with_code_challenge(pkce::challenge(&pkce::verifier(&[7; 32])));
    let press = async |decision: UserDecision| {
        let code = authorization_code(&mut entropy()).unwrap();
        store.authorize_form(&policy, &request, decision, &code, at(1)).await.unwrap()
    };
    assert!(press(UserDecision::APPROVE).await.is_ok());
    let (denied, round_trips) = network.round_trips(press(UserDecision::Deny)).await;
    assert!(matches!(denied, Err(AuthorizationError::Redirect(_))), "{denied:?}");
    assert_eq!(round_trips, 1, "the load");
}
