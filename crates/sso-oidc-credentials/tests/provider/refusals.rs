//! What goes wrong, and how the SDK is told.

use std::error::Error as _;

use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::{CredentialsError, TokenError};
use aws_credential_types::provider::token::ProvideToken as _;
use sso_oidc_credentials::device_flow_reqwest::Outcome;
use sso_oidc_credentials::{Reason, SsoError, SsoProvider};

use crate::world::{AUTHORIZE, CREDENTIALS, World, chain};

/// Returns our error within the SDK's.
fn cause(error: &CredentialsError) -> &SsoError {
    error.source().and_then(|cause| cause.downcast_ref()).unwrap_or_else(|| panic!("not ours: {error:?}"))
}

async fn refused(provider: SsoProvider) -> CredentialsError {
    provider.provide_credentials().await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn a_denied_sign_in_is_a_provider_error_with_its_outcome_and_stores_no_token() {
    let world = World::new();
    let person = world.person();
    let denying =
        world.builder().profile("work").on_prompt(move |prompt| person.deny(&prompt.user_code).unwrap());
    let provider = denying.build();
    let error = refused(provider.clone()).await;
    assert!(matches!(error, CredentialsError::ProviderError(_)), "{error:?}");
    let Reason::NotSignedIn(end) = cause(&error).reason() else { panic!("{error:?}") };
    assert!(matches!(end.outcome, Outcome::Denied(_)), "{end:?}");
    assert!(!world.token_path().exists());

    // The next call asks again, with the registration of the first.
    let sent = world.requests().len();
    refused(provider).await;
    assert_eq!(world.requests()[sent], AUTHORIZE);
}

#[tokio::test(start_paused = true)]
async fn without_a_person_the_error_names_the_command_and_nothing_is_sent() {
    let world = World::new();
    let error = refused(world.quiet()).await;
    assert!(matches!(error, CredentialsError::ProviderError(_)), "{error:?}");
    assert!(matches!(cause(&error).reason(), Reason::SignInNeeded { .. }));
    assert_eq!(
        cause(&error).to_string(),
        "there is no cached session; sign in with `aws sso login --profile work` or `sso-oidc login --profile work`"
    );
    assert_eq!(world.requests(), [""; 0]);
    let error = world.quiet().provide_token().await.unwrap_err();
    assert!(matches!(error, TokenError::ProviderError(_)), "{error:?}");

    let error = refused(world.builder().session("corp").account_id("1").role_name("r").build()).await;
    assert!(chain(&error).contains("`aws sso login --sso-session corp`"), "{}", chain(&error));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_the_service_has_ended_is_told_from_a_missing_one() {
    let world = World::new();
    world.asking().sign_in().await.unwrap();
    world.edit_token(|token| {
        token["refreshToken"] = "unknown".into();
        token["expiresAt"] = "2020-01-01T00:00:00Z".into();
    });
    let error = refused(world.quiet()).await;
    let said = cause(&error).to_string();
    assert!(
        said.starts_with("the session has ended, or was revoked: the service rejected its refresh"),
        "{said}"
    );
    // With a person it is a sign-in.
    world.asking().provide_credentials().await.unwrap();
    assert_eq!(world.count(AUTHORIZE), 2);
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_not_granted_is_named_and_no_person_is_asked_again() {
    let world = World::new();
    world.asking().sign_in().await.unwrap();
    let error = refused(world.approving(world.builder()).profile("other-role").build()).await;
    assert!(matches!(error, CredentialsError::ProviderError(_)), "{error:?}");
    let Reason::RoleNotGranted { account_id, role_name, .. } = cause(&error).reason() else {
        panic!("{error:?}")
    };
    assert_eq!((account_id.as_str(), role_name.as_str()), ("012345678901", "Emperor"));
    assert_eq!((world.count(AUTHORIZE), world.count(CREDENTIALS)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_profile_is_an_invalid_configuration_and_one_without_a_portal_is_not_loaded() {
    let world = World::new();
    let profile = |name: &str| world.approving(world.builder()).profile(name).build();
    for (name, said) in [
        ("wrok", "profile `wrok` not found"),
        ("no-role", "no role is named"),
        // Its role is for STS to assume, and the source's credentials are others.
        ("app", "no role is named"),
    ] {
        let error = refused(profile(name)).await;
        assert!(matches!(error, CredentialsError::InvalidConfiguration(_)), "{name}: {error:?}");
        assert!(cause(&error).to_string().starts_with(said), "{name}: {}", cause(&error));
    }
    let error = refused(profile("keys")).await;
    assert!(matches!(error, CredentialsError::CredentialsNotLoaded(_)), "{error:?}");
    let error = profile("keys").provide_token().await.unwrap_err();
    assert!(matches!(error, TokenError::TokenNotLoaded(_)), "{error:?}");
    // Nothing says which profile is meant, and there is no default one.
    let error = refused(world.builder().build()).await;
    assert!(matches!(error, CredentialsError::CredentialsNotLoaded(_)), "{error:?}");
    assert_eq!(world.requests(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_token_for_another_region_is_not_sent() {
    let world = World::new();
    world.asking().sign_in().await.unwrap();
    world.edit_token(|token| token["region"] = "us-east-1".into());
    let sent = world.requests().len();
    let error = refused(world.quiet()).await;
    assert!(cause(&error).to_string().contains("for region us-east-1, not for eu-west-1"), "{error:?}");
    assert_eq!(world.requests().len(), sent);
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_elsewhere_spares_the_token_of_the_real_service() {
    let world = World::new();
    world.asking().sign_in().await.unwrap();
    // As AWS's tools write it: without an endpoint.
    world.edit_token(|token| {
        token.as_object_mut().unwrap().remove("endpointUrl");
        token["clientId"] = "another".into();
    });
    let before = world.token();
    let error = refused(world.asking()).await;
    assert!(matches!(cause(&error).reason(), Reason::OtherEndpoint { .. }), "{error:?}");
    assert!(matches!(error, CredentialsError::InvalidConfiguration(_)), "{error:?}");
    assert_eq!((world.token(), world.count(AUTHORIZE)), (before, 1));
}

#[tokio::test(start_paused = true)]
async fn the_token_of_a_test_server_is_not_sent_to_awss_portal() {
    let world = World::new();
    world.asking().sign_in().await.unwrap();
    let endpoint = std::ffi::OsString::from(world.service().endpoint());
    let only_sign_in = move |name: &str| (name == "AWS_ENDPOINT_URL_SSO_OIDC").then(|| endpoint.clone());
    let error = refused(world.builder().variables(only_sign_in).profile("work").build()).await;
    assert!(matches!(cause(&error).reason(), Reason::TestToken { .. }), "{error:?}");
    assert_eq!(world.count(CREDENTIALS), 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_programs_closure_ends_the_task_and_not_the_provider() {
    let world = World::new();
    let (person, prompts) = (world.person(), std::sync::atomic::AtomicUsize::new(0));
    let builder = world.builder().profile("work").on_prompt(move |prompt| {
        assert_ne!(prompts.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0, "the first prompt fails");
        person.approve(&prompt.user_code).unwrap();
    });
    let provider = builder.build();
    let error = refused(provider.clone()).await;
    assert!(matches!(cause(&error).reason(), Reason::Interrupted), "{error:?}");
    provider.provide_credentials().await.unwrap();
}
