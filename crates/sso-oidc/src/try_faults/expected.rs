//! The end of a correct client under a fault. `crates/device-flow/FAULTS.md` has the reasons.

use sso_oidc_server::{FaultRule, InjectedFault, Operation};

/// The expected end of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// With a token: nothing was done, or the response is whole.
    SignsIn,
    /// In time, with or without a token: the token may be lost, or the answer is final.
    Ends,
}

impl Expected {
    /// Returns the expected end under this rule.
    pub(super) fn of(rule: &FaultRule) -> Self {
        let fault = rule.fault();
        let is_at_poll = rule.operation() == Some(Operation::CreateToken);
        // A fault of more than one request may outlast every retry.
        let is_once = rule.is_once() || fault == InjectedFault::Refuse;
        match fault {
            // Such a response is as good as any, however often.
            fault if fault.commits() && fault.delivers() => Self::SignsIn,
            _ if !is_once => Self::Ends,
            // An error of the standard ends a sign-in.
            InjectedFault::Expired
            | InjectedFault::AccessDenied
            | InjectedFault::InvalidClient
            | InjectedFault::InvalidGrant => Self::Ends,
            // Before the code a plain refusal is final. At a poll the person may have approved, so it is repeated.
            InjectedFault::NotFound | InjectedFault::Forbidden if !is_at_poll => Self::Ends,
            fault if fault.redirects() && !is_at_poll => Self::Ends,
            // A client may call a wrong certificate final.
            fault if fault.needs_tls() => Self::Ends,
            // The lost response may have had the token.
            fault if fault.commits() && is_at_poll => Self::Ends,
            _ => Self::SignsIn,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::SignsIn => "signs in",
            Self::Ends => "ends",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_follows_from_what_the_server_did() {
        for (rule, expected) in [
            // Nothing was done.
            ("gateway-503@poll:1", Expected::SignsIn),
            ("slow-down@poll:1", Expected::SignsIn),
            ("server-error@poll:1", Expected::SignsIn),
            ("refuse@poll", Expected::SignsIn),
            ("redirect-307@poll:1", Expected::SignsIn),
            ("forbidden@poll:1", Expected::SignsIn),
            // Harmless.
            ("http-1.0@poll:1", Expected::SignsIn),
            ("odd-token@poll", Expected::SignsIn),
            // Lost after it was done.
            ("drop-after-commit@poll:1", Expected::Ends),
            ("html-502@poll:1", Expected::Ends),
            ("drop-after-commit@register:1", Expected::SignsIn),
            // Final.
            ("expired@poll:1", Expected::Ends),
            ("invalid-client@authorize:1", Expected::Ends),
            ("redirect-307@register:1", Expected::Ends),
            ("not-found@authorize:1", Expected::Ends),
            ("tls-expired@poll:1", Expected::Ends),
            // For ever.
            ("gateway-503@poll", Expected::Ends),
            ("gateway-503@poll:1-50", Expected::Ends),
        ] {
            assert_eq!(Expected::of(&rule.parse().unwrap()), expected, "{rule}");
        }
    }
}
