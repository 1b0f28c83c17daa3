//! Providers of one program or of many that need one session at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::token::ProvideToken as _;
use sso_oidc_credentials::sso_cache::CacheError;
use sso_oidc_credentials::{Reason, SsoProvider};

use crate::world::{AUTHORIZE, CREDENTIALS, TOKEN, World};

/// Returns a provider whose person takes this long, and counts the prompts.
fn slow(world: &World, takes: Duration, prompts: &Arc<AtomicUsize>) -> SsoProvider {
    let (person, prompts) = (world.person(), Arc::clone(prompts));
    let builder = world.builder().profile("work").on_prompt(move |prompt| {
        prompts.fetch_add(1, Ordering::SeqCst);
        let (person, user_code) = (person.clone(), prompt.user_code.clone());
        tokio::spawn(async move {
            tokio::time::sleep(takes).await;
            person.approve(&user_code).unwrap();
        });
    });
    builder.build()
}

#[tokio::test(start_paused = true)]
async fn two_providers_at_once_sign_in_once() {
    let (world, prompts) = (World::new(), Arc::default());
    let provider = || slow(&world, Duration::from_secs(90), &prompts);
    // As two programs: they share the files alone.
    let (one, other) = (provider(), provider());
    let (one, other) = tokio::join!(one.provide_credentials(), other.provide_credentials());
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!((prompts.load(Ordering::SeqCst), world.count(AUTHORIZE), world.count(CREDENTIALS)), (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_needs_the_session_twice_at_once_asks_once() {
    let (world, prompts) = (World::new(), Arc::default());
    let provider = slow(&world, Duration::from_secs(20), &prompts);
    let clone = provider.clone();
    let (one, other) = tokio::join!(provider.provide_token(), clone.provide_token());
    assert_eq!(one.unwrap().token(), other.unwrap().token());
    assert_eq!(prompts.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn many_providers_at_once_send_one_refresh() {
    let world = World::new();
    world.asking().sign_in().await.unwrap();
    world.edit_token(|token| token["expiresAt"] = "2020-01-01T00:00:00Z".into());
    let sent = world.count(TOKEN);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let provider = world.quiet();
            tokio::spawn(async move { provider.provide_token().await.unwrap().token().to_owned() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), world.token()["accessToken"].as_str().unwrap());
    }
    assert_eq!(world.count(TOKEN) - sent, 1);
}

#[tokio::test(start_paused = true)]
async fn a_person_may_be_slower_than_the_sdks_timeout() {
    let (world, prompts) = (World::new(), Arc::default());
    let provider = slow(&world, Duration::from_secs(60), &prompts);
    // The SDK drops the future.
    let timed_out = tokio::time::timeout(Duration::from_secs(5), provider.provide_credentials()).await;
    assert!(timed_out.is_err(), "the person has not decided");
    // The next request joins the sign-in.
    provider.provide_credentials().await.unwrap();
    assert_eq!((prompts.load(Ordering::SeqCst), world.count(AUTHORIZE)), (1, 1));
}

#[test]
fn a_sign_in_that_ended_with_its_runtime_does_not_block_the_next() {
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let first = runtime();
    let (world, prompts) = (first.block_on(async { World::new() }), Arc::default());
    let provider = slow(&world, Duration::from_secs(60), &prompts);
    first.block_on(async {
        let called = tokio::time::timeout(Duration::from_secs(5), provider.sign_in()).await;
        assert!(called.is_err(), "the person has not decided");
    });
    drop(first);
    runtime().block_on(async { provider.sign_in().await.unwrap() });
    assert_eq!(prompts.load(Ordering::SeqCst), 2);
}

#[test]
fn a_sign_in_on_a_runtime_that_stands_still_does_not_hold_up_another_runtime_for_ever() {
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let still = runtime();
    let (world, prompts) = (still.block_on(async { World::new() }), Arc::default());
    let provider = slow(&world, Duration::from_secs(60), &prompts);
    still.block_on(async {
        let called = tokio::time::timeout(Duration::from_secs(5), provider.sign_in()).await;
        assert!(called.is_err(), "the person has not decided");
    });
    runtime().block_on(async {
        // It has the lock on the sign-in, as another program would.
        let ended = tokio::time::timeout(Duration::from_secs(3600), provider.sign_in()).await;
        let error = ended.expect("it does not wait for the other runtime").unwrap_err();
        assert!(matches!(error.reason(), Reason::Cache(CacheError::Locked { .. })), "{error:?}");
    });
    // When it goes on, so does the sign-in.
    still.block_on(async { provider.sign_in().await.unwrap() });
    assert_eq!(prompts.load(Ordering::SeqCst), 1);
}
