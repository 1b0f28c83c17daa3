//! The provider against the test server: in one process, at tokio's paused time, with files of its own.

mod browser;
mod dropped;
mod outages;
mod refusals;
mod sharing;
mod world;

use std::error::Error;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::token::ProvideToken as _;
use sso_oidc_credentials::SsoProvider;

use world::{AUTHORIZE, CREDENTIALS, TOKEN, World, chain};

#[tokio::test(start_paused = true)]
async fn the_first_run_signs_in_the_second_uses_the_cache_and_the_third_refreshes() {
    let world = World::new();
    let first = world.asking().provide_credentials().await.unwrap();
    assert_eq!(first.account_id().map(|id| id.as_str()), Some("012345678901"));
    let left = first.expiry().unwrap().duration_since(SystemTime::now()).unwrap();
    // The service's clock is ahead by the seconds of the sign-in, which took no real time.
    assert!(left > Duration::from_secs(3500) && left < Duration::from_secs(3610), "{left:?}");
    assert_eq!((world.count(AUTHORIZE), world.count(CREDENTIALS)), (1, 1));

    let sent = world.requests().len();
    let second = world.asking().provide_credentials().await.unwrap();
    assert_eq!(second, first);
    assert_eq!(world.requests().len(), sent, "nothing is sent");

    // An hour later.
    world.forget_credentials();
    world.edit_token(|token| token["expiresAt"] = "2020-01-01T00:00:00Z".into());
    let before = world.token();
    let third = world.asking().provide_credentials().await.unwrap();
    assert_ne!(third, first);
    assert_eq!(world.requests()[sent..], [TOKEN, CREDENTIALS], "a refresh, and no person");
    let after = world.token();
    assert_ne!(after["accessToken"], before["accessToken"]);
    assert_ne!(after["refreshToken"], before["refreshToken"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_the_one_in_the_file_with_its_expiry() {
    let world = World::new();
    let token = world.asking().provide_token().await.unwrap();
    assert_eq!(token.token(), world.token()["accessToken"].as_str().unwrap());
    let left = token.expiration().unwrap().duration_since(SystemTime::now()).unwrap();
    assert!(left > Duration::from_secs(3500), "{left:?}");
    assert_eq!(world.count(CREDENTIALS), 0, "no role is needed");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_keeps_the_unknown_members_of_the_file() {
    let world = World::new();
    world.asking().sign_in().await.unwrap();
    world.edit_token(|token| {
        token["expiresAt"] = "2020-01-01T00:00:00Z".into();
        token["theirs"] = 1.into();
    });
    let before = world.token();
    world.quiet().sign_in().await.unwrap();
    let after = world.token();
    assert_eq!(after["theirs"], 1);
    assert_ne!(after["accessToken"], before["accessToken"]);
}

#[tokio::test(start_paused = true)]
async fn an_access_token_that_the_portal_rejects_is_refreshed_once() {
    let world = World::new();
    world.asking().sign_in().await.unwrap();
    world.edit_token(|token| token["accessToken"] = "revoked".into());
    let sent = world.requests().len();
    world.quiet().provide_credentials().await.unwrap();
    assert_eq!(world.requests()[sent..], [CREDENTIALS, TOKEN, CREDENTIALS]);
}

#[tokio::test(start_paused = true)]
async fn a_corrupt_token_file_is_set_aside_by_a_sign_in_and_named_without_one() {
    let world = World::new();
    world.asking().sign_in().await.unwrap();
    std::fs::write(world.token_path(), "{").unwrap();
    let error = world.quiet().sign_in().await.unwrap_err();
    assert!(chain(&error).contains("is invalid"), "{}", chain(&error));
    assert_eq!(std::fs::read_to_string(world.token_path()).unwrap(), "{");

    world.asking().sign_in().await.unwrap();
    assert_eq!(world.count(AUTHORIZE), 2);
    assert!(world.token()["accessToken"].is_string());
    let aside = std::fs::read_dir(world.home().join(".aws/sso/sso-oidc")).unwrap();
    let kept = aside.map(|file| file.unwrap().path()).find(|path| path.to_string_lossy().contains("corrupt"));
    assert_eq!(std::fs::read_to_string(kept.unwrap()).unwrap(), "{");
}

#[tokio::test(start_paused = true)]
async fn a_portal_of_the_programs_own_needs_no_file() {
    let world = World::new();
    std::fs::write(world.home().join(".aws/config"), "[broken").unwrap();
    let portal = || world.builder().portal("https://d-1234567890.awsapps.com/start", "eu-west-1");
    let role = |builder: sso_oidc_credentials::SsoProviderBuilder| {
        builder.account_id("012345678901").role_name("AdministratorAccess").build()
    };
    role(world.approving(portal())).provide_credentials().await.unwrap();
    role(portal()).provide_credentials().await.unwrap();
    assert_eq!(world.count(AUTHORIZE), 1);
    let token = std::fs::read_dir(world.home().join(".aws/sso/cache")).unwrap().count();
    assert_eq!(token, 2, "a token and a registration");
}

#[tokio::test(start_paused = true)]
async fn credentials_that_were_provided_last_are_the_fallback_of_an_interrupted_load() {
    let world = World::new();
    let provider = world.asking();
    assert_eq!(provider.fallback_on_interrupt(), None);
    let credentials = provider.provide_credentials().await.unwrap();
    assert_eq!(provider.fallback_on_interrupt(), Some(credentials));
}

#[tokio::test(start_paused = true)]
async fn no_debug_and_no_error_shows_a_secret() {
    let world = World::new();
    let provider = world.asking();
    let credentials = provider.provide_credentials().await.unwrap();
    let token = world.token();
    let secrets = ["accessToken", "refreshToken", "clientSecret"].map(|name| token[name].as_str().unwrap());
    world.forget_credentials();
    world.edit_token(|token| token["refreshToken"] = "sentinel-of-a-refresh-token".into());
    world.edit_token(|token| token["expiresAt"] = "2020-01-01T00:00:00Z".into());
    let error = world.quiet().provide_credentials().await.unwrap_err();
    let source = error.source().unwrap();
    let shown =
        format!("{provider:?} {:?} {credentials:?} {error:?} {source:?} {}", world.builder(), chain(&error));
    let more = [credentials.secret_access_key(), credentials.session_token().unwrap(), "sentinel-of-a"];
    for secret in secrets.into_iter().chain(more) {
        assert!(!shown.contains(secret), "{secret} is in {shown}");
    }
}

#[test]
fn outside_of_a_runtime_the_error_says_so_and_nothing_panics() {
    fn is_shareable<T: Send + Sync + Clone + 'static>(_: &T) {}
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let world = runtime.block_on(async { World::new() });
    let provider: SsoProvider = world.asking();
    is_shareable(&provider);
    let mut called = std::pin::pin!(provider.sign_in());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = called.as_mut().poll(&mut context) else { panic!("no runtime") };
    assert!(error.to_string().contains("outside of a tokio runtime"), "{error}");
}
