//! Calls outside a sign-in, against one fault: a search for metadata, a revocation, and those of the portal.

use std::thread;
use std::time::{Duration, Instant};

use device_flow::{CallError, Failure, MetadataSearch, SearchError, Tick};
use oidc_proto::oauth::MetadataError;
use oidc_proto::portal::{GetRoleCredentialsRequest, ListAccountRolesRequest, ListAccountsRequest};
use oidc_proto::{Dialect, Operation};
use sso_oidc_server::{Approval, Config, TestServer};

use crate::adapter::Faced;
use crate::case::{Setting, Target};
use crate::table::{CallResult, Calls, Row, Wrong};
use crate::turn::Turn;

const REVOKE: Operation = Operation::RevokeToken;

/// Checks every kind of call against the fault of a row, through every client.
pub(crate) fn check<A: Faced>(row: &Row) {
    check_portal::<A>(row);
    let Wrong::Server(rule) = row.wrong else { return };
    thread::scope(|scope| {
        for setting in A::SETTINGS.iter().filter(|setting| setting.dialect == Dialect::OAuth) {
            let Some(expected) = row.calls(setting.client) else { continue };
            scope.spawn(move || {
                let _turn = Turn::take();
                let server = |rule| {
                    let config = Config::default().with_approval(Approval::Auto).with_fault(rule);
                    TestServer::with(config).unwrap()
                };
                let revocation = call(*setting, &server(rule.at(REVOKE)), row, REVOKE, A::revoke);
                let discovery = [rule.at_discovery().once(), rule.at_discovery()]
                    .map(|rule| call(*setting, &server(rule), row, REVOKE, A::discover));
                let told = Calls { ending: revocation, discovery, ..expected };
                assert_eq!(told, expected, "{rule}, {setting:?}");
            });
        }
    });
}

/// Checks the calls of the portal. Each is sent once, with a token from the same server.
fn check_portal<A: Faced>(row: &Row) {
    let Wrong::Server(rule) = row.wrong else { return };
    thread::scope(|scope| {
        for setting in A::SETTINGS.iter().filter(|setting| setting.dialect == Dialect::Aws) {
            let Some(expected) = row.calls(setting.client) else { continue };
            scope.spawn(move || {
                let _turn = Turn::take();
                for operation in Operation::PORTAL {
                    let config =
                        Config::default().with_approval(Approval::Auto).with_fault(rule.at(*operation));
                    let server = TestServer::with(config).unwrap();
                    let told =
                        call(*setting, &server, row, *operation, |target| A::call_portal(target, *operation));
                    let expected = match operation {
                        Operation::Logout => expected.ending,
                        _ => expected.portal,
                    };
                    assert_eq!(told, expected, "{rule}, {operation}, {setting:?}");
                }
            });
        }
    });
}

/// Performs one call, and checks everything that must hold for it.
fn call(
    setting: Setting,
    server: &TestServer,
    row: &Row,
    once: Operation,
    how: impl FnOnce(&Target) -> CallResult,
) -> CallResult {
    // A busy machine must get a request onto the wire in this time, or it counts as not sent.
    let request_timeout = Duration::from_millis(if row.wrong.hangs() { 800 } else { 10_000 });
    let target = Target { setting, endpoint: server.endpoint().to_owned(), request_timeout, ca_bundle: None };
    let began = Instant::now();
    let told = how(&target);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "{:?} took {took:?}", row.wrong);
    let requests = server.requests();
    assert!(
        requests.iter().all(|request| request.others_in_flight == 0),
        "two requests at once: {requests:?}"
    );
    let calls = requests.iter().filter(|request| request.operation == Some(once));
    assert!(calls.count() <= 1, "{:?}: a call was repeated", row.wrong);
    let redirects_followed = server.handle().stats().redirects_followed;
    assert_eq!(
        redirects_followed,
        u64::from(told == CallResult::FollowedRedirect),
        "{:?}: {redirects_followed} redirects were followed",
        row.wrong
    );
    told
}

/// Classifies the result of a single call.
pub(crate) fn told<T>(result: Result<T, CallError>) -> CallResult {
    match result {
        Ok(_) => CallResult::Done,
        Err(CallError::Fault(_)) => CallResult::Fault,
        Err(CallError::Indeterminate(_)) => CallResult::Indeterminate,
        Err(CallError::Transport(error)) if error.is_final() => CallResult::FollowedRedirect,
        Err(CallError::Transport(error)) => match error.failure() {
            Failure::NotSent | Failure::ProxyRefused => CallResult::NotSent,
            Failure::Unknown => CallResult::Lost,
        },
        Err(other) => panic!("{other}"),
    }
}

pub(crate) fn accounts() -> ListAccountsRequest {
    ListAccountsRequest::default()
}

/// Returns a request for the roles in an account of the server's own.
pub(crate) fn roles() -> ListAccountRolesRequest {
    ListAccountRolesRequest::new("012345678901")
}

pub(crate) fn credentials() -> GetRoleCredentialsRequest {
    GetRoleCredentialsRequest::new("012345678901", "ReadOnlyAccess")
}

/// Returns a search for metadata at this target.
pub(crate) fn search(target: &Target) -> MetadataSearch {
    MetadataSearch::of(&target.endpoint, Tick::ZERO).unwrap()
}

/// Classifies the result of a search for metadata.
pub(crate) fn found(search: MetadataSearch) -> CallResult {
    match search.finish() {
        Ok(metadata) => {
            assert!(metadata.provider().is_ok());
            CallResult::Done
        }
        Err(SearchError::Transport { source, .. }) if source.is_final() => CallResult::FollowedRedirect,
        Err(SearchError::Transport { .. }) => CallResult::Lost,
        Err(SearchError::Metadata { source: MetadataError::Unavailable { .. }, .. }) => CallResult::NotForNow,
        Err(SearchError::Metadata { .. }) => CallResult::NoMetadata,
        Err(SearchError::Redirect { .. }) => CallResult::NotFollowed,
        Err(other) => panic!("{other}"),
    }
}
