//! Operations, one after the other.

use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;

use oidc_proto::oauth::{Introspection, IntrospectionRequest};
use oidc_proto::{AuthorizationRequest, Client, Grant, RegisterClientRequest, Secret, grant_type, pkce};

use super::{Bench, Broken, ensure};
use crate::{
    Authentication, AuthorizationError, AuthorizationStatus, Change, DeviceRecord, Issued, Keys, Records,
    Selector, Store, StoreError, Subject, UserCode, UserDecision,
};

/// The redirect URI of the checks' browser.
const CALLBACK: &str = "http://127.0.0.1:49152/callback";

pub(super) async fn faults_commit(mut bench: Bench<'_>) -> Result<(), Broken> {
    let client = bench.register().await?;
    let device = bench.start(&client).await?;
    let grant = Grant::device_code(device.device_code.clone());
    let mut intervals = Vec::new();
    for _ in 0..4 {
        let exchanged = bench.present(&client, grant.clone()).await?;
        ensure!(exchanged.reply.is_err(), "a device that waits got a token");
        let state = bench.device(&device.device_code).await?.state;
        intervals.push((state.polls, state.interval));
    }
    let second = bench.policy.interval;
    let more = |times: u32| second + Duration::from_secs(5) * times;
    let expected = [(1, second), (2, second), (3, more(1)), (4, more(2))];
    ensure!(intervals == expected, "polls and intervals are {intervals:?}, and not {expected:?}");
    Ok(())
}

pub(super) async fn sign_in(mut bench: Bench<'_>) -> Result<(), Broken> {
    let client = bench.register().await?;
    let device = bench.start(&client).await?;
    let grant = Grant::device_code(device.device_code);
    let review = bench.store.review(&bench.policy, None, &device.user_code, bench.now).await?;
    ensure!(review.as_ref().is_ok_and(|review| review.client_name == "conformance"), "{review:?}");
    bench.approve(&device.user_code).await?;
    let token = bench.redeem(&client, grant).await?;
    let Some(refresh_token) = token.refresh_token else {
        return Err(Broken("a client with scopes got no refresh token".to_owned()));
    };
    bench.wait(Duration::from_secs(600));
    let refreshed =
        bench.redeem(&client, Grant::RefreshToken { refresh_token: refresh_token.clone() }).await?;
    // In its grace, a used token gets the same successor.
    let again = bench.redeem(&client, Grant::RefreshToken { refresh_token }).await?;
    ensure!(again.refresh_token == refreshed.refresh_token, "a used token got two successors");
    let known = bench.store.recognize_token(&again.access_token, bench.now).await?;
    ensure!(known.is_ok(), "a new access token is not recognized: {known:?}");
    let signed_out = bench.store.logout(&again.access_token, bench.now).await?;
    ensure!(signed_out.is_ok(), "the sign-out failed: {signed_out:?}");
    for access_token in [&token.access_token, &refreshed.access_token, &again.access_token] {
        let known = bench.store.recognize_token(access_token, bench.now).await?;
        ensure!(known.is_err(), "an access token outlives its sign-in");
    }
    Ok(())
}

pub(super) async fn introspection(mut bench: Bench<'_>) -> Result<(), Broken> {
    let (client, other) = (bench.register().await?, bench.register().await?);
    let token = bench.sign_in(&client).await?;
    let Some(refresh_token) = token.refresh_token else {
        return Err(Broken("a client with scopes got no refresh token".to_owned()));
    };
    let about = |who: &Client, token: &Secret| {
        [IntrospectionRequest::access_token, IntrospectionRequest::refresh_token]
            .map(|request| request(who.clone(), token.clone()))
    };
    let mut is_active = true;
    for _ in 0..2 {
        for secret in [&token.access_token, &refresh_token] {
            for (who, expected) in [(&client, is_active), (&other, false)] {
                for request in about(who, secret) {
                    let state = bench.store.introspect_token(&bench.policy, &request, bench.now).await?;
                    let active = state.map(|state| matches!(state, Introspection::Active(_)));
                    ensure!(active == Ok(expected), "a token's state is {active:?}, and not {expected}");
                }
            }
        }
        let signed_out = bench.store.logout(&token.access_token, bench.now).await?;
        ensure!(signed_out.is_ok() == is_active, "a sign-out is {signed_out:?}");
        is_active = false;
    }
    Ok(())
}

pub(super) async fn approvals(mut bench: Bench<'_>) -> Result<(), Broken> {
    let client = bench.register().await?;
    let device = bench.start(&client).await?;
    let person = Subject::new("person-2").map_err(|error| Broken(error.to_string()))?;
    let approval = Some(Box::new(Authentication::new(person, bench.now)));
    let decision = UserDecision::Approve(person);
    let decided = bench.store.decide(&bench.policy, None, &device.user_code, decision, bench.now).await?;
    ensure!(decided.is_ok(), "the approval failed: {decided:?}");
    let mut grant = Grant::device_code(device.device_code);
    for _ in 0..3 {
        bench.wait(Duration::from_secs(300));
        let token = bench.redeem(&client, grant).await?;
        let keys = Keys { access: Selector::of(&token.access_token), ..Keys::default() };
        let found = bench
            .look(keys, |records| {
                let family = records.refresh.and_then(|family| family.authentication.clone());
                (records.access.and_then(|access| access.authentication.clone()), family)
            })
            .await?;
        ensure!(found == (approval.clone(), approval.clone()), "of {approval:?} the tokens have {found:?}");
        let Some(refresh_token) = token.refresh_token else {
            return Err(Broken("a client with scopes got no refresh token".to_owned()));
        };
        grant = Grant::RefreshToken { refresh_token };
    }
    Ok(())
}

pub(super) async fn browser(mut bench: Bench<'_>) -> Result<(), Broken> {
    let mut request = RegisterClientRequest::new("conformance").with_scopes(["sso:account:access"]);
    request.grant_types =
        [grant_type::AUTHORIZATION_CODE, grant_type::REFRESH_TOKEN].map(str::to_owned).into();
    request.redirect_uris = vec!["http://127.0.0.1/callback".to_owned()];
    let made = bench.store.register_client(&bench.policy, &request, bench.now, &mut bench.draws).await?;
    let client = made.map_err(|fault| Broken(format!("no registration: {fault}")))?.client;
    let verifier = pkce::verifier(&[7; 32]);
    let request = AuthorizationRequest::new(client.id.clone(), CALLBACK)
        .with_code_challenge(pkce::challenge(&verifier));
    let (form, denied) = (bench.secret()?, bench.secret()?);
    let mut press = Vec::new();
    let presses =
        [(&form, UserDecision::APPROVE), (&form, UserDecision::APPROVE), (&denied, UserDecision::Deny)];
    for (code, decision) in presses {
        press.push(bench.store.authorize_form(&bench.policy, &request, decision, code, bench.now).await?);
    }
    ensure!(press.first() == press.get(1), "a form brought two responses");
    ensure!(press.first().is_some_and(Result::is_ok), "the approval brought {:?}", press.first());
    let turned = UserDecision::APPROVE;
    let other = bench.store.authorize_form(&bench.policy, &request, turned, &denied, bench.now).await?;
    ensure!(other == Err(AuthorizationError::Decided), "the form of a denial brought {other:?}");

    let grant = Grant::AuthorizationCode {
        code: form.clone(),
        redirect_uri: Some(CALLBACK.to_owned()),
        code_verifier: Some(verifier),
    };
    let token = bench.redeem(&client, grant.clone()).await?;
    let replay = bench.present(&client, grant).await?;
    ensure!(replay.reply.is_err() && replay.ends_sign_in, "a code was good twice: {replay:?}");
    let known = bench.store.recognize_token(&token.access_token, bench.now).await?;
    ensure!(known.is_err(), "the access token outlives the replay of its code");
    Ok(())
}

pub(super) async fn graced(mut bench: Bench<'_>) -> Result<(), Broken> {
    bench.policy.device_grace = Duration::from_secs(30);
    let client = bench.register().await?;
    let device = bench.start(&client).await?;
    bench.approve(&device.user_code).await?;
    let grant = Grant::device_code(device.device_code);
    let first = bench.redeem(&client, grant.clone()).await?;
    bench.wait(Duration::from_secs(29));
    let again = bench.redeem(&client, grant.clone()).await?;
    let tokens = [&first, &again].map(|token| (&token.access_token, &token.refresh_token));
    ensure!(tokens.first() == tokens.last(), "a repeated request brought other tokens");
    let known = bench.store.recognize_token(&again.access_token, bench.now).await?;
    ensure!(known.is_ok(), "a repeated request ended the token: {known:?}");
    bench.wait(Duration::from_secs(1));
    let replay = bench.present(&client, grant).await?;
    ensure!(replay.reply.is_err() && replay.ends_sign_in, "a code outlives its grace: {replay:?}");
    Ok(())
}

pub(super) async fn pending(mut bench: Bench<'_>) -> Result<(), Broken> {
    let client = bench.register().await?;
    let device = bench.start(&client).await?;
    let is_pending = async |bench: &Bench<'_>| -> Result<bool, StoreError> {
        let codes = bench.store.pending(bench.now).await?;
        Ok(codes.iter().any(|code| code.to_string() == device.user_code))
    };
    ensure!(is_pending(&bench).await?, "a new device is not pending");
    let decision = UserDecision::Deny;
    let denied = bench.store.decide(&bench.policy, None, &device.user_code, decision, bench.now).await?;
    ensure!(denied.is_ok(), "the denial failed: {denied:?}");
    ensure!(!is_pending(&bench).await?, "a denied device is pending");
    Ok(())
}

pub(super) async fn user_codes(mut bench: Bench<'_>) -> Result<(), Broken> {
    let client = bench.register().await?;
    let device = bench.start(&client).await?;
    let taken = bench.device(&device.device_code).await?;
    let free = UserCode::random(&mut bench.draws).map_err(|error| Broken(error.to_string()))?;
    let device_code = bench.fingerprint()?;
    let token = bench.sign_in(&client).await?;
    let Some(access) = Selector::of(&token.access_token) else {
        return Err(Broken("an access token without a selector".to_owned()));
    };
    // A decision that draws the taken code so many times, and then the free one.
    let draw = async |store: &dyn Store, taken_draws: u32| {
        let mut calls = 0;
        let mut decide = |_: Records<'_>| {
            calls += 1;
            let user_code = if calls > taken_draws { free } else { taken.user_code };
            let device = DeviceRecord { device_code, user_code, ..taken.clone() };
            vec![Change::RevokeAccess(access), Change::AddDevice(device)]
        };
        let result = store.transact(Keys::default(), bench.now, &mut decide).await;
        (result, calls)
    };
    let (result, calls) = draw(bench.store, 5).await;
    ensure!(matches!(result, Err(StoreError::Full { .. })), "five taken codes brought {result:?}");
    ensure!(calls == 5, "{calls} draws of a taken code");
    let known = bench.store.recognize_token(&token.access_token, bench.now).await?;
    ensure!(known.is_ok(), "a change was committed beside one that could not be");
    let (result, calls) = draw(bench.store, 4).await;
    ensure!(result.is_ok() && calls == 5, "after {calls} draws a free code brought {result:?}");
    let known = bench.store.recognize_token(&token.access_token, bench.now).await?;
    ensure!(known.is_err(), "a change was not committed beside a new device");
    Ok(())
}

pub(super) async fn dropped(mut bench: Bench<'_>) -> Result<(), Broken> {
    let client = bench.register().await?;
    // An operation may be anywhere when its caller is gone.
    for turns in 1..=8 {
        let device = bench.start(&client).await?;
        bench.approve(&device.user_code).await?;
        let grant = Grant::device_code(device.device_code.clone());
        let mut gone = bench.clone();
        let mut redeeming = Box::pin(gone.present(&client, grant.clone()));
        let mut left = turns;
        let waits = poll_fn(|cx| {
            left -= 1;
            let waits = redeeming.as_mut().poll(cx).is_pending();
            if waits && left > 0 { Poll::Pending } else { Poll::Ready(waits) }
        })
        .await;
        drop(redeeming);
        let status = bench.device(&device.device_code).await?.state.status;
        if let AuthorizationStatus::Redeemed(Some(Issued::Family(family))) = status {
            let keys = Keys { refresh: Some(family), ..Keys::default() };
            let has_family = bench.look(keys, |records| records.refresh.is_some()).await?;
            ensure!(has_family, "a code is spent, and its tokens are not there, after {turns} turns");
        } else {
            ensure!(waits, "an operation is done, and the code is {status:?}");
            // The operation may still have been on its way to the store.
            let exchanged = bench.present(&client, grant).await?;
            let is_whole = exchanged.reply.is_ok() || exchanged.ends_sign_in;
            ensure!(is_whole, "after a dropped operation the next one got {exchanged:?}");
        }
    }
    Ok(())
}
