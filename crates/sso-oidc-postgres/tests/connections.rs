//! A connection that breaks: before a request, before a commit, and after it.

mod common;

use core::time::Duration;

use common::network::{LOSE_REQUEST, LOSE_RESPONSE, Network};
use common::{Database, Tool, approve, at, entropy, meanwhile, policy};
use device_authority::{
    AuthorizationError, Change, ClientRecord, Keys, Records, Selector, Store, StoreError, UserDecision,
    authorization_code, authorize_form,
};
use oidc_proto::{AuthorizationRequest, Client, FaultCode, Secret, pkce};
use sso_oidc_postgres::PostgresStore;

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
async fn a_poll_whose_connection_breaks_is_answered_and_counted_once() {
    let Some(database) = Database::empty("test_lost_poll").await else { return };
    let network = Network::to(&database).await;
    let store: &dyn Store = &network.store().await;
    let tool = Tool::register(store).await;
    let device = tool.start(store, at(1)).await;
    let selector = Selector::of(&device.device_code).unwrap();
    for (polls, what) in [(1, LOSE_RESPONSE), (2, LOSE_REQUEST), (3, LOSE_RESPONSE)] {
        let now = at(20 * u64::from(polls));
        network.lose(what);
        let reply = tool.poll(store, &device, now).await.reply;
        // Counted twice, it would be early.
        assert_eq!(reply.unwrap_err().code, FaultCode::AuthorizationPending, "poll {polls}");
        let state = store.device(selector, now).await.unwrap().unwrap().state;
        assert_eq!((state.polls, state.last_poll, state.grace_used), (polls, Some(now), false));
    }
}

/// A request of a browser, and the code of the form that a person is shown.
struct Form {
    request: AuthorizationRequest,
    code: Secret,
}

impl Form {
    fn new() -> Self {
        let request = AuthorizationRequest::new("shared", "http://127.0.0.1:49152/")
            .with_code_challenge(pkce::challenge(&pkce::verifier(&[7; 32])));
        Self { request, code: authorization_code(&mut entropy()).unwrap() }
    }

    async fn press(
        &self,
        store: &dyn Store,
        decision: UserDecision,
    ) -> Result<Result<(), AuthorizationError>, StoreError> {
        let policy = policy().with_client(client());
        let pressed = store.authorize_form(&policy, &self.request, decision, &self.code, at(1)).await?;
        Ok(pressed.map(drop))
    }
}

fn client() -> ClientRecord {
    ClientRecord::preconfigured(Client::public("shared"), None)
}

#[tokio::test]
async fn a_form_whose_commit_got_no_response_is_found() {
    let Some(database) = Database::empty("test_lost_form").await else { return };
    let network = Network::to(&database).await;
    let store: &dyn Store = &network.store().await;
    let form = Form::new();
    network.lose(LOSE_RESPONSE);
    assert_eq!(form.press(store, UserDecision::APPROVE).await.unwrap(), Ok(()));
    assert_eq!(database.sql("SELECT count(*) FROM test_lost_form.code").await, [["1"]]);
}

#[tokio::test]
async fn a_form_whose_commit_got_lost_is_not_taken_for_the_other_decision_at_another_server() {
    let Some(database) = Database::empty("test_two_forms").await else { return };
    let network = Network::to(&database).await;
    let (store, form) = (network.store().await, Form::new());
    let mut keys = Keys::default();
    keys.code = Selector::of(&form.code);
    let mut decide = |records: Records<'_>| -> Vec<Change> {
        assert!(records.code.is_none(), "the first decision fails with its connection");
        // Before the commit, the person denies the request by the same form at the other server.
        meanwhile(async || {
            let denied = form.press(&database.store().await, UserDecision::Deny).await.unwrap();
            assert!(matches!(denied, Err(AuthorizationError::Redirect(_))), "{denied:?}");
        });
        network.lose(LOSE_REQUEST);
        let (policy, client) = (policy(), client());
        let approve = UserDecision::APPROVE;
        authorize_form(&policy, Some(&client), None, &form.request, approve, &form.code, at(1))
            .1
            .into_iter()
            .collect()
    };
    let lost = (&store as &dyn Store).transact(keys, at(1), &mut decide).await;
    assert!(matches!(lost, Err(StoreError::Unavailable(_))), "an approval that was not committed: {lost:?}");
    let late = form.press(&store, UserDecision::APPROVE).await.unwrap();
    assert_eq!(late, Err(AuthorizationError::Decided));
}

#[tokio::test]
async fn a_lock_that_is_kept_for_too_long_is_an_error_and_not_waited_for_again() {
    let Some(database) = Database::empty("test_busy").await else { return };
    let store: &dyn Store = &database.store().await;
    database.sql("ALTER FUNCTION test_busy.apply SET lock_timeout = '2s'").await;
    let tool = Tool::register(store).await;
    let device = tool.start(store, at(1)).await;
    let locked = database.transaction("SELECT FROM test_busy.device FOR UPDATE").await;
    let began = std::time::Instant::now();
    let busy = store.decide(&policy(), None, &device.user_code, UserDecision::APPROVE, at(2)).await;
    let busy = busy.unwrap_err().to_string();
    assert!(busy.contains("busy") && began.elapsed() < Duration::from_secs(4), "{busy}");
    locked.end().await;
    approve(store, &device, at(3)).await;
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
    let config = database.config().with_connections(1).with_patience(Duration::from_secs(3));
    let store: &dyn Store = &PostgresStore::connect(config).await.unwrap();
    let tool = Tool::register(store).await;
    let device = tool.start(store, at(1)).await;
    let locked = database.transaction("LOCK TABLE test_silent.device IN ACCESS EXCLUSIVE MODE").await;
    let began = std::time::Instant::now();
    let away = tool.try_poll(store, &device, at(2)).await.unwrap_err();
    assert!(
        matches!(away, StoreError::Unavailable(_)) && began.elapsed() < Duration::from_secs(15),
        "{away}"
    );
    locked.end().await;
    assert_eq!(code(&tool, store, &device, 3).await, FaultCode::AuthorizationPending);
}
