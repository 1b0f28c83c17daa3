//! The words of a renewal's end.

use std::error::Error as _;

use device_flow::CallError;
use oidc_proto::{InvalidResponse, InvalidResponseKind, Operation};

use super::*;

/// Returns an end with this outcome, trouble and session.
fn end(outcome: RenewalOutcome, trouble: Option<Trouble>, stored: Option<Session>) -> NotUsable {
    let mut end = Renewal::new(service(), RenewalPolicy::default(), Tick::ZERO).into_result().unwrap_err();
    (end.outcome, end.trouble, end.session) = (outcome, trouble, stored.map(Box::new));
    end
}

fn refused() -> Trouble {
    Trouble::Refused(Fault::new(FaultCode::InvalidGrant).with_description("ended by the administrator"))
}

fn no_verdict() -> Trouble {
    Trouble::NoVerdict(TransientError::Failed(Failure::NotSent))
}

#[test]
fn each_end_says_what_happened_and_whether_to_sign_in() {
    let kept = || Some(session("old", 0));
    for (outcome, trouble, stored, name, text) in [
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
        (RenewalOutcome::Busy, Some(Trouble::Busy), None, "busy", "another process holds the lock"),
        (RenewalOutcome::Cancelled, None, None, "cancelled", "the renewal was cancelled"),
        (RenewalOutcome::Unreachable, Some(no_verdict()), kept(), "unreachable", "could not be refreshed: "),
        (RenewalOutcome::Unreachable, None, kept(), "unreachable", "the session could not be refreshed"),
        (RenewalOutcome::Usable, None, kept(), "usable", "the session could not be refreshed"),
    ] {
        let end = end(outcome, trouble, stored);
        assert!(end.to_string().contains(text), "{outcome:?}: {end}");
        assert_eq!(outcome.name(), name);
        assert_eq!(end.needs_sign_in(), end.to_string().starts_with("sign in: "), "{end}");
        assert!(end.source().is_none());
        assert_eq!(end.fault().is_some(), end.trouble == Some(refused()));
    }
}

#[test]
fn each_trouble_has_a_name_and_is_the_error_of_a_call_if_a_request_caused_it() {
    let invalid = InvalidResponse::new(Operation::CreateToken, "accessToken", InvalidResponseKind::Missing);
    let page = Indeterminate::new(IndeterminateReason::Html, 502);
    for (trouble, name, text, call) in [
        (Trouble::Throttled, "throttled", "a moment ago", ""),
        (Trouble::Busy, "busy", "another process", ""),
        (Trouble::Store, "store", "cannot be read", ""),
        (no_verdict(), "no_verdict", "", "Transport"),
        (
            Trouble::NoVerdict(TransientError::Indeterminate(page)),
            "no_verdict",
            "unexpected",
            "Indeterminate",
        ),
        (Trouble::InvalidResponse(invalid), "invalid_response", "accessToken", "InvalidResponse"),
        (refused(), "refused", "administrator", "Fault"),
        (
            Trouble::NoVerdict(TransientError::Fault(Fault::new(FaultCode::SlowDown))),
            "no_verdict",
            "slow_down",
            "Fault",
        ),
    ] {
        assert_eq!(trouble.name(), name);
        assert!(trouble.to_string().contains(text) && !trouble.to_string().is_empty(), "{trouble}");
        let found = match trouble.into_call_error(None) {
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
