//! One renewal against a store and a service that do anything.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use oidc_proto::{
    Fault, FaultCode, Indeterminate, IndeterminateReason, InvalidResponse, InvalidResponseKind, Operation,
    Token, UnixSeconds,
};

use super::{Change, WALL, changes_of_the_table, copy, generation, key, service, session};
use crate::renewal::{Renewal, RenewalAction, RenewalOutcome, RenewalPolicy};
use crate::{ApiMisuse, Failure, PendingRequest, Reply, Session, Tick};

#[derive(Clone)]
struct Node {
    renewal: Renewal,
    now: Tick,
    flight: Option<Flight>,
    /// The latest generation that the store had, or was told to have.
    newest: u32,
    /// Whether the new session is known to be stored.
    stored: Option<u32>,
}

struct Flight(PendingRequest);

impl Clone for Flight {
    fn clone(&self) -> Self {
        Self(copy(&self.0))
    }
}

fn policy() -> RenewalPolicy {
    RenewalPolicy::default()
        .with_lock_wait(Duration::from_millis(60))
        .with_retry_window(Duration::from_secs(4))
        .with_max_requests(4)
        .with_reread_window(Duration::from_millis(300))
}

fn node(policy: RenewalPolicy, tried_at: Option<Tick>) -> Node {
    let now = Tick::since_origin(Duration::from_secs(1_000));
    let renewal = Renewal::new(service(), policy, now).with_last_try(tried_at);
    Node { renewal, now, flight: None, newest: 1, stored: None }
}

fn roots() -> Vec<Node> {
    let moment_ago = Some(Tick::since_origin(Duration::from_secs(999)));
    vec![
        node(policy(), None),
        node(policy(), moment_ago),
        node(policy().with_signs_in(true), None),
        node(policy().with_forced(true), None),
    ]
}

/// What a store may say.
fn reads(newest: u32) -> Vec<Option<Session>> {
    let without_refresh = |left| {
        let mut session = session(newest, left);
        session.token.refresh_token = None;
        Some(session)
    };
    let mut elsewhere = session(newest, 3_600);
    elsewhere.service = "https://elsewhere.example".to_owned();
    vec![
        None,
        Some(elsewhere),
        Some(session(newest, 3_600)),
        Some(session(newest, 200)),
        Some(session(newest, 0)),
        without_refresh(200),
        without_refresh(0),
        // The wall clock has gone back, so a token that was due is not.
        Some(session(newest.saturating_sub(1).max(1), 3_600)),
        Some(session(newest + 1, 3_600)),
        Some(session(newest + 1, 0)),
    ]
}

/// What a service, or the network, may answer.
fn replies(newest: u32) -> Vec<Reply> {
    let fault = |code, status| {
        let mut fault = Fault::new(code);
        fault.status = status;
        Reply::Fault(fault)
    };
    let page = |status| Reply::Indeterminate(Indeterminate::new(IndeterminateReason::Html, status));
    let granted = Token::bearer(format!("a{}", newest + 1).into(), Duration::from_secs(3_600));
    let rotated = granted.clone().with_refresh_token(format!("r{}", newest + 1).into());
    vec![
        Reply::Granted(granted),
        Reply::Granted(rotated),
        fault(FaultCode::InvalidGrant, 400),
        fault(FaultCode::InvalidClient, 401),
        fault(FaultCode::AccessDenied, 400),
        fault(FaultCode::SlowDown, 400),
        fault(FaultCode::InternalServer, 500),
        page(404),
        page(502),
        page(429),
        Reply::Failed(Failure::NotSent),
        Reply::Failed(Failure::Unknown),
        Reply::Failed(Failure::ProxyRefused),
        Reply::InvalidResponse(InvalidResponse::new(
            Operation::CreateToken,
            "access_token",
            InvalidResponseKind::Missing,
        )),
    ]
}

/// Checks that an ended renewal stays as it is.
fn check_end(node: &Node) {
    let mut renewal = node.renewal.clone();
    let before = key(&renewal, node.now);
    let later = node.now + Duration::from_secs(1_000_000);
    assert!(matches!(renewal.poll(later), RenewalAction::Done));
    renewal.cancel();
    renewal.abandon(later, WALL);
    assert_eq!(renewal.on_read(later, WALL, None), Err(ApiMisuse::NotAsked));
    assert_eq!(renewal.on_lock(later, WALL, true), Err(ApiMisuse::NotAsked));
    assert_eq!(renewal.on_stored(later, WALL), Err(ApiMisuse::NotAsked));
    assert_eq!(renewal.on_store_error(later, WALL), Err(ApiMisuse::NotAsked));
    assert!(key(&renewal, node.now).starts_with(before.split(' ').next().unwrap()));
    let outcome = node.renewal.outcome().expect("it has ended");
    match (node.renewal.clone().into_result(), outcome) {
        (Ok(usable), RenewalOutcome::Usable) => {
            let is_alive = usable.session.expires_at.is_none_or(|end| end > WALL);
            assert!(is_alive, "an expired token is used: {usable:?}");
            assert!(
                !usable.refreshed || node.stored == Some(generation(&usable.session)),
                "used before it is stored"
            );
            assert!(usable.session.is_from(&service()));
        }
        (Err(end), outcome) => {
            assert_eq!(end.outcome, outcome);
            assert!(!end.to_string().is_empty());
            let can_use = end.is_alive && !node.renewal.policy.forced;
            assert!(
                !can_use
                    || end.needs_sign_in()
                    || outcome == RenewalOutcome::Cancelled
                    || outcome == RenewalOutcome::NotStored,
                "{end:?}"
            );
        }
        (Ok(usable), _) => panic!("{usable:?}"),
    }
}

/// Returns all that may happen next.
fn successors(node: &Node) -> Vec<Node> {
    let mut next = Vec::new();
    let mut push = |happens: &dyn Fn(&mut Node)| {
        let mut node = node.clone();
        happens(&mut node);
        next.push(node);
    };
    push(&|node| {
        node.renewal.cancel();
        if node.renewal.outcome().is_some() {
            node.flight = None;
        }
    });
    if let Some(Flight(pending)) = &node.flight {
        for reply in replies(node.newest) {
            push(&|node| {
                node.flight = None;
                node.newest += u32::from(matches!(reply, Reply::Granted(_)));
                node.renewal.on_reply(copy(pending), node.now, WALL, reply.clone()).unwrap();
                let again = node.renewal.on_reply(copy(pending), node.now, WALL, reply.clone());
                assert_eq!(again, Err(ApiMisuse::StaleRequest));
            });
        }
        return next;
    }
    let mut asked = node.clone();
    match asked.renewal.poll(asked.now) {
        RenewalAction::Read => {
            for stored in reads(node.newest) {
                push(&|node| {
                    let _ = node.renewal.poll(node.now);
                    assert_eq!(node.renewal.on_lock(node.now, WALL, true), Err(ApiMisuse::NotAsked));
                    node.newest = stored.as_ref().map_or(node.newest, generation).max(node.newest);
                    node.renewal.on_read(node.now, WALL, stored.clone()).unwrap();
                });
            }
        }
        RenewalAction::Lock => {
            for is_taken in [true, false] {
                push(&|node| {
                    let _ = node.renewal.poll(node.now);
                    node.renewal.on_lock(node.now, WALL, is_taken).unwrap();
                });
            }
        }
        RenewalAction::Send(pending) => {
            let mut node = asked.clone();
            assert!(matches!(node.renewal.poll(node.now), RenewalAction::AwaitReply));
            node.flight = Some(Flight(pending));
            next.push(node);
            return next;
        }
        RenewalAction::Store(new) => push(&|node| {
            let _ = node.renewal.poll(node.now);
            node.stored = Some(generation(&new));
            node.renewal.on_stored(node.now, WALL).unwrap();
        }),
        RenewalAction::Wait(until) => {
            assert!(until > node.now, "a wait lies in the future");
            assert!(until.since(node.now) <= Duration::from_secs(40), "a wait is short");
            push(&|node| node.now = until);
            return next;
        }
        RenewalAction::AwaitReply | RenewalAction::Done => {
            panic!("nothing is in flight, and it has not ended")
        }
    }
    let mut push = |happens: &dyn Fn(&mut Node)| {
        let mut node = node.clone();
        happens(&mut node);
        next.push(node);
    };
    push(&|node| {
        let _ = node.renewal.poll(node.now);
        node.renewal.on_store_error(node.now, UnixSeconds::new(WALL.get())).unwrap();
    });
    next
}

#[test]
fn every_history_of_one_renewal_ends_and_meets_every_row_of_the_table() {
    let mut seen = BTreeSet::new();
    let mut changes: BTreeSet<Change> = BTreeSet::new();
    let mut ends: BTreeMap<RenewalOutcome, usize> = BTreeMap::new();
    let (mut level, mut transitions, mut depth) = (roots(), 0_usize, 0);
    while !level.is_empty() {
        depth += 1;
        assert!(depth < 200, "there is no end");
        let mut following = Vec::new();
        for node in level {
            if let Some(outcome) = node.renewal.outcome() {
                *ends.entry(outcome).or_default() += 1;
                check_end(&node);
                continue;
            }
            for mut next in successors(&node) {
                transitions += 1;
                changes.extend(next.renewal.changes.drain(..));
                let key = format!("{} {} {:?}", key(&next.renewal, next.now), next.newest, next.stored);
                if seen.insert(key) {
                    following.push(next);
                }
            }
        }
        level = following;
    }
    println!("{} states, {transitions} transitions, {depth} steps at most, ends: {ends:?}", seen.len());
    let met: BTreeSet<_> = changes
        .iter()
        .map(|(from, event, to)| ((*from).to_owned(), (*event).to_owned(), (*to).to_owned()))
        .collect();
    let table = changes_of_the_table();
    assert_eq!(table.difference(&met).collect::<Vec<_>>(), Vec::<&_>::new(), "rows that were not met");
    assert_eq!(met.difference(&table).collect::<Vec<_>>(), Vec::<&_>::new(), "changes that no row has");
}
