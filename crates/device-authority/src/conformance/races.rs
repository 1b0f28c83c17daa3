//! Operations that arrive at the same time.

use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use oidc_proto::{FaultCode, Grant};

use super::{Bench, Broken, ensure};
use crate::{Exchanged, GuessLimit, PersonError, Rotation, Source, UserDecision};

/// Polls with one approved code, twelve times at once.
async fn polled(mut bench: Bench<'_>) -> Result<Vec<Exchanged>, Broken> {
    let client = bench.register().await?;
    let device = bench.start(&client).await?;
    bench.approve(&device.user_code).await?;
    let grant = Grant::device_code(device.device_code);
    let replies = bench
        .twelve(|mut bench| {
            let (client, grant) = (client.clone(), grant.clone());
            Box::pin(async move { bench.present(&client, grant).await })
        })
        .await?;
    Ok(replies)
}

pub(super) async fn polls(bench: Bench<'_>) -> Result<(), Broken> {
    let replies = polled(bench).await?;
    let tokens = replies.iter().filter(|exchanged| exchanged.reply.is_ok()).count();
    ensure!(tokens == 1, "{tokens} of twelve polls got a token");
    for fault in replies.iter().filter_map(|exchanged| exchanged.reply.as_ref().err()) {
        ensure!(fault.code == FaultCode::InvalidGrant, "a later poll got {fault}");
    }
    Ok(())
}

pub(super) async fn graced_polls(mut bench: Bench<'_>) -> Result<(), Broken> {
    bench.policy.device_grace = Duration::from_secs(30);
    let replies = polled(bench).await?;
    let firsts = replies.iter().filter(|exchanged| !exchanged.is_repeated).count();
    ensure!(firsts == 1, "{firsts} of twelve polls were the first");
    let tokens = replies.iter().map(|exchanged| exchanged.reply.as_ref());
    let mut tokens = tokens.map(|reply| reply.map(|token| (&token.access_token, &token.refresh_token)));
    let Some(one) = tokens.next() else { return Err(Broken("twelve polls got no reply".to_owned())) };
    ensure!(one.is_ok(), "a poll got {:?}", one.err());
    ensure!(tokens.all(|other| other == one), "twelve polls of one code got different tokens");
    Ok(())
}

pub(super) async fn decisions(mut bench: Bench<'_>) -> Result<(), Broken> {
    let client = bench.register().await?;
    let device = bench.start(&client).await?;
    let replies = bench
        .twelve(|bench| {
            let code = device.user_code.clone();
            Box::pin(async move {
                let decision = UserDecision::APPROVE;
                bench.store.decide(&bench.policy, None, &code, decision, bench.now).await
            })
        })
        .await?;
    let decided = replies.iter().filter(|reply| reply.is_ok()).count();
    ensure!(decided == 1, "{decided} of twelve decisions were the first");
    let late = replies.into_iter().filter_map(Result::err).find(|error| *error != PersonError::Decided);
    ensure!(late.is_none(), "a later decision got {late:?}");
    Ok(())
}

pub(super) async fn refreshes(mut bench: Bench<'_>) -> Result<(), Broken> {
    bench.policy = bench.policy.with_rotation(Rotation::Strict);
    let client = bench.register().await?;
    let token = bench.sign_in(&client).await?;
    let Some(refresh_token) = token.refresh_token else {
        return Err(Broken("a client with scopes got no refresh token".to_owned()));
    };
    let replies = bench
        .twelve(|mut bench| {
            let (client, refresh_token) = (client.clone(), refresh_token.clone());
            Box::pin(async move { bench.present(&client, Grant::RefreshToken { refresh_token }).await })
        })
        .await?;
    let tokens = replies.iter().filter(|exchanged| exchanged.reply.is_ok()).count();
    ensure!(tokens == 1, "{tokens} of twelve uses of a refresh token got a successor");
    Ok(())
}

pub(super) async fn guesses(mut bench: Bench<'_>) -> Result<(), Broken> {
    let limit = GuessLimit::default().with_per_source(12).with_everyone(u32::MAX).with_ceiling(u32::MAX);
    bench.policy = bench.policy.with_guesses(limit);
    let address = (u128::from(bench.draws.next()) << 64) | (0x2001_0db8 << 96);
    let source = Source::of(IpAddr::V6(Ipv6Addr::from_bits(address)));
    let replies = bench
        .twelve(|bench| {
            Box::pin(
                async move { bench.store.review(&bench.policy, Some(source), "BBBB-BBBB", bench.now).await },
            )
        })
        .await?;
    for reply in replies {
        ensure!(reply == Err(PersonError::Unknown), "a wrong code got {reply:?}");
    }
    let late = bench.store.review(&bench.policy, Some(source), "BBBB-BBBB", bench.now).await?;
    ensure!(matches!(late, Err(PersonError::TooManyGuesses(_))), "the thirteenth wrong code got {late:?}");
    // The wrong codes of all sources count together, and a source without any is checked all the same.
    bench.policy.guesses = bench.policy.guesses.with_everyone(1).with_in_crowd(1);
    let fresh = Source::of(IpAddr::V6(Ipv6Addr::from_bits(address ^ (1 << 64))));
    let first = bench.store.review(&bench.policy, Some(fresh), "BBBB-BBBB", bench.now).await?;
    let second = bench.store.review(&bench.policy, Some(fresh), "BBBB-BBBB", bench.now).await?;
    ensure!(first == Err(PersonError::Unknown), "the first wrong code of a source in a crowd got {first:?}");
    ensure!(matches!(second, Err(PersonError::TooManyGuesses(_))), "its second wrong code got {second:?}");
    bench.wait(bench.policy.guesses.window);
    let later = bench.store.review(&bench.policy, Some(source), "BBBB-BBBB", bench.now).await?;
    ensure!(later == Err(PersonError::Unknown), "a wrong code in the next window got {later:?}");
    Ok(())
}

pub(super) async fn paces(mut bench: Bench<'_>) -> Result<(), Broken> {
    let client = bench.register().await?;
    let device = bench.start(&client).await?;
    let device_code = device.device_code;
    let grant = Grant::device_code(device_code.clone());
    let replies = bench
        .twelve(|mut bench| {
            let (client, grant) = (client.clone(), grant.clone());
            Box::pin(async move { bench.present(&client, grant).await })
        })
        .await?;
    let pending = |exchanged: &&Exchanged| {
        exchanged.reply.as_ref().is_err_and(|fault| fault.code == FaultCode::AuthorizationPending)
    };
    let first = replies.iter().filter(pending).count();
    // The first poll is on time, and the policy forgives one early poll.
    ensure!(first == 2, "{first} of twelve polls at once were on time or forgiven");
    let polls = bench.device(&device_code).await?.state.polls;
    ensure!(polls == 12, "{polls} of twelve polls were counted");
    Ok(())
}
