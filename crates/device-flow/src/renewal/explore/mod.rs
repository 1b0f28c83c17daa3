//! Explores every short history of renewals: one against a store and a service that do anything ([`one`]), and
//! several processes over one store ([`world`]).
//!
//! `EXPLORE_PROCESSES` sets the number of processes, `EXPLORE_FAULTS` the number of crashes, lost responses and
//! store errors in one history:
//!
//! ```text
//! EXPLORE_PROCESSES=3 cargo test --release -p device-flow --lib explore -- --nocapture
//! ```

mod one;
mod world;

use alloc::collections::BTreeSet;
use core::time::Duration;

use oidc_proto::{Client, Endpoint, Registration, Secret, Service, Token, UnixSeconds};

use super::Renewal;
use crate::{PendingRequest, Session, Tick};

#[path = "../../../tests/machine/rows.rs"]
#[allow(dead_code, reason = "the tests of the sign-in use all of it")]
mod rows;

/// The wall clock of all histories.
const WALL: UnixSeconds = UnixSeconds::new(1_800_000_000);

/// A transition: state, event, next state.
type Change = (&'static str, &'static str, &'static str);

fn service() -> Service {
    Endpoint::for_region("eu-west-1").unwrap().into()
}

/// Returns the session of this generation, whose access token has this much life left.
fn session(generation: u32, left: u64) -> Session {
    let token = Token::bearer(format!("a{generation}").into(), Duration::from_secs(left))
        .with_refresh_token(format!("r{generation}").into());
    let registration = Registration::new(Client::new("id", Secret::from("secret")));
    Session::restored(&service(), registration, token, Some(UnixSeconds::new(WALL.get() + left as i64)))
}

/// Returns the generation of a session.
fn generation(session: &Session) -> u32 {
    session.token.access_token.expose()[1..].parse().unwrap()
}

/// Returns the same request again. A history that branches answers it in each branch.
fn copy(pending: &PendingRequest) -> PendingRequest {
    PendingRequest {
        request: pending.request.clone(),
        flow: pending.flow.clone(),
        serial: pending.serial,
        dialect: pending.dialect,
        #[cfg(feature = "tracing")]
        phase: pending.phase,
        attempt: pending.attempt,
        sent_at: pending.sent_at,
        deadline: pending.deadline,
    }
}

/// Returns what distinguishes this renewal from another at the same time. Times are relative.
fn key(renewal: &Renewal, now: Tick) -> String {
    let work = renewal.state.work();
    let of = |session: &Option<Session>| {
        session
            .as_ref()
            .map(|session| (generation(session), session.token.refresh_token.is_some(), session.expires_at))
    };
    format!(
        "{} {:?} {} {:?} {:?} {} {} {:?} {:?} {} {} {:?} {} {} {} {} {:?} {:?}",
        renewal.state.name(),
        renewal.asked,
        renewal.requests.in_flight().is_some(),
        of(&work.session),
        of(&work.new),
        work.is_alive,
        work.is_refreshed,
        work.due.since(now),
        work.until.since(now),
        work.requests,
        work.errors,
        work.tried_at.map(|tried| now.since(tried).min(Duration::from_secs(40))),
        work.may_be_spent,
        work.tried_another,
        work.was_invalid_grant,
        renewal.policy.signs_in,
        work.unwanted.as_ref().map(Secret::expose),
        work.error,
    )
}

/// Returns the transitions in the documentation's table.
fn changes_of_the_table() -> BTreeSet<(String, String, String)> {
    let rows = rows::RENEWAL.rows();
    let each = rows.into_iter().flat_map(|row| {
        let (state, next) = (row.state, row.next);
        row.events.into_iter().map(move |event| (state.clone(), event, next.clone()))
    });
    each.collect()
}

/// Reads a number from the environment, for runs that are longer than a test.
fn setting(name: &str) -> Option<u32> {
    #[expect(clippy::disallowed_methods, reason = "only this run's size comes from outside")]
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("a whole number"))
}
