//! The words of a renewal's end.

use std::error::Error as _;

use device_flow::CallError;
use oidc_proto::{InvalidResponse, InvalidResponseKind, Operation};

use super::*;

/// Returns an end with this outcome, error and session.
fn end(outcome: RenewalOutcome, error: Option<RefreshError>, stored: Option<Session>) -> NotUsable {
    let mut end = Renewal::new(service(), RenewalPolicy::default(), Tick::ZERO).into_result().unwrap_err();
    (end.outcome, end.error, end.session) = (outcome, error, stored.map(Box::new));
    end
}

fn refused() -> RefreshError {
    RefreshError::Refused(Fault::new(FaultCode::InvalidGrant).with_description("ended by the administrator"))
}

fn no_verdict() -> RefreshError {
    RefreshError::NoVerdict(TransientError::Failed(Failure::NotSent))
}

#[test]
fn each_end_says_what_happened_and_whether_to_sign_in() {
    let kept = || Some(session("old", 0));
    for (outcome, error, stored, name, text) in [
        (RenewalOutcome::SignInNeeded, None, None, "sign_in_needed", "sign in: no session is stored"),
        (RenewalOutcome::SignInNeeded, None, kept(), "sign_in_needed", "it has no refresh token"),
        (RenewalOutcome::SignInNeeded, Some(refused()), kept(), "sign_in_needed", "administrator"),
        (
            RenewalOutcome::SessionLost,
            None,
            kept(),
            "session_lost",
            "sign in: the response to a refresh was lost",
        ),
        (RenewalOutcome::NotStored, None, kept(), "not_stored", "the refreshed session could not be stored"),
        (RenewalOutcome::StoreFailed, None, None, "store_failed", "could not be read or locked"),
        (RenewalOutcome::Busy, Some(RefreshError::Busy), None, "busy", "another process holds the lock"),
        (RenewalOutcome::Cancelled, None, None, "cancelled", "the renewal was cancelled"),
        (RenewalOutcome::Unreachable, Some(no_verdict()), kept(), "unreachable", "could not be refreshed: "),
        (RenewalOutcome::Unreachable, None, kept(), "unreachable", "the session could not be refreshed"),
        (RenewalOutcome::Usable, None, kept(), "usable", "the session could not be refreshed"),
    ] {
        let end = end(outcome, error, stored);
        assert!(end.to_string().contains(text), "{outcome:?}: {end}");
        assert_eq!(outcome.name(), name);
        assert_eq!(end.needs_sign_in(), end.to_string().starts_with("sign in: "), "{end}");
        assert!(end.source().is_none());
        assert_eq!(end.fault().is_some(), end.error == Some(refused()));
    }
}

#[test]
fn each_error_has_a_name_and_is_the_error_of_a_call_if_a_request_caused_it() {
    let invalid = InvalidResponse::new(Operation::CreateToken, "accessToken", InvalidResponseKind::Missing);
    let page = Indeterminate::new(IndeterminateReason::Html, 502);
    for (error, name, text, call) in [
        (RefreshError::Throttled, "throttled", "a moment ago", ""),
        (RefreshError::Busy, "busy", "another process", ""),
        (RefreshError::Store, "store", "cannot be read", ""),
        (no_verdict(), "no_verdict", "", "Transport"),
        (
            RefreshError::NoVerdict(TransientError::Indeterminate(page)),
            "no_verdict",
            "unexpected",
            "Indeterminate",
        ),
        (RefreshError::InvalidResponse(invalid), "invalid_response", "accessToken", "InvalidResponse"),
        (refused(), "refused", "administrator", "Fault"),
        (
            RefreshError::NoVerdict(TransientError::Fault(Fault::new(FaultCode::SlowDown))),
            "no_verdict",
            "slow_down",
            "Fault",
        ),
    ] {
        assert_eq!(error.name(), name);
        assert!(error.to_string().contains(text) && !error.to_string().is_empty(), "{error}");
        let found = match error.into_call_error(None) {
            None => "",
            Some(CallError::Transport(_)) => "Transport",
            Some(CallError::Indeterminate(_)) => "Indeterminate",
            Some(CallError::InvalidResponse(_)) => "InvalidResponse",
            Some(CallError::Fault(_)) => "Fault",
            Some(other) => panic!("{other}"),
        };
        assert_eq!(found, call, "{name}");
    }
}
