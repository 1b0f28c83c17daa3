//! A service or a portal that does not answer.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_credential_types::provider::ProvideCredentials as _;
use sso_oidc_credentials::device_flow_reqwest::renewal::RenewalOutcome;
use sso_oidc_credentials::device_flow_reqwest::{Failure, ResponseBody, TransportError};
use sso_oidc_credentials::{Reason, SsoProvider};

use crate::world::{CREDENTIALS, TOKEN, World};

/// Returns a provider whose person must not be asked, and which gets this in place of the first responses of a path.
fn failing(
    world: &World,
    path: &'static str,
    times: usize,
    answer: fn() -> Result<http::Response<ResponseBody>, TransportError>,
) -> SsoProvider {
    let service = world.service().clone();
    let builder = world.builder().profile("work").on_prompt(|_| panic!("the person is asked"));
    let builder = builder.http(move |client| {
        let (service, seen) = (service.clone(), AtomicUsize::new(0));
        client.answered_by(move |request| {
            if request.uri().path() == path && seen.fetch_add(1, Ordering::SeqCst) < times {
                return answer();
            }
            Ok(service.answer(request).map(ResponseBody::from))
        })
    });
    builder.build()
}

fn unavailable() -> Result<http::Response<ResponseBody>, TransportError> {
    Ok(http::Response::builder().status(503).body(ResponseBody::from("busy")).unwrap())
}

fn nothing() -> Result<http::Response<ResponseBody>, TransportError> {
    Err(TransportError::from(Failure::NotSent))
}

#[tokio::test(start_paused = true)]
async fn a_portal_that_fails_for_a_moment_is_asked_again() {
    let world = World::new();
    world.asking().sign_in().await.unwrap();
    failing(&world, CREDENTIALS, 2, unavailable).provide_credentials().await.unwrap();
    world.forget_credentials();
    let error = failing(&world, CREDENTIALS, 3, unavailable).provide_credentials().await.unwrap_err();
    assert!(format!("{error:?}").contains("Portal(Indeterminate"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn during_an_outage_no_person_is_asked_because_the_session_may_be_good() {
    let world = World::new();
    world.asking().sign_in().await.unwrap();
    world.edit_token(|token| token["expiresAt"] = "2020-01-01T00:00:00Z".into());
    let before = world.token();
    let error = failing(&world, TOKEN, usize::MAX, nothing).sign_in().await.unwrap_err();
    let Reason::NotRenewed(end) = error.reason() else { panic!("{error:?}") };
    assert_eq!(end.end.outcome, RenewalOutcome::Unreachable);
    assert_eq!(world.token(), before);
    // It was.
    world.quiet().sign_in().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_still_good_outlives_an_outage() {
    let world = World::new();
    world.asking().sign_in().await.unwrap();
    let soon =
        sso_cache::format_time((std::time::SystemTime::now() + std::time::Duration::from_secs(200)).into());
    world.edit_token(|token| token["expiresAt"] = soon.into());
    failing(&world, TOKEN, usize::MAX, nothing).sign_in().await.unwrap();
    assert_eq!(world.count(TOKEN), 1, "that of the sign-in");
}
