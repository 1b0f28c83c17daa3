//! The state of a session, and its exit code.

use std::time::Duration;

use oidc_proto::UnixSeconds;
use sso_cache::{CacheError, CachedToken};

use crate::exit::Exit;
use crate::login::MARGIN;

/// The state of a session, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// The token is valid for more than the margin.
    Valid,
    /// The token has expired or is about to, and no person is needed to renew it.
    Refreshable,
    /// The token is valid for no more than the margin, and cannot be refreshed.
    Expiring,
    /// The token has expired, and cannot be refreshed.
    Expired,
    /// There is no token.
    SignedOut,
    /// The token file cannot be used.
    Invalid,
}

impl State {
    /// Returns the state at this time.
    pub(super) fn of(token: &Result<Option<CachedToken>, CacheError>, now: UnixSeconds) -> Self {
        match token {
            Err(_) => Self::Invalid,
            Ok(None) => Self::SignedOut,
            Ok(Some(token)) if token.usable_at(now, MARGIN) => Self::Valid,
            Ok(Some(token)) if token.refreshable_at(now) => Self::Refreshable,
            Ok(Some(token)) if token.usable_at(now, Duration::ZERO) => Self::Expiring,
            Ok(Some(_)) => Self::Expired,
        }
    }

    /// Returns the name in results.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Refreshable => "refreshable",
            Self::Expiring => "expiring",
            Self::Expired => "expired",
            Self::SignedOut => "signedOut",
            Self::Invalid => "invalid",
        }
    }

    /// Returns the exit code. `login` replaces an invalid file, so that one is as good as none.
    pub(super) const fn exit(self) -> Exit {
        match self {
            Self::Valid | Self::Refreshable => Exit::Success,
            Self::Expiring => Exit::Expiring,
            Self::Expired => Exit::Expired,
            Self::SignedOut | Self::Invalid => Exit::SignedOut,
        }
    }
}

#[cfg(test)]
mod tests {
    use oidc_proto::{Client, Registration, Secret, Token};

    use super::*;

    const NOW: UnixSeconds = UnixSeconds::new(1_700_000_000);

    fn state(left: u64, refreshable_for: Option<u64>) -> (State, Exit) {
        let asked_at = UnixSeconds::new(NOW.get() - 10_000);
        let mut answer = Token::bearer(Secret::from("t"), Duration::from_secs(10_000 + left));
        let mut registration = Registration::new(Client::new("i", Secret::from("s")));
        if let Some(left) = refreshable_for {
            answer = answer.with_refresh_token(Secret::from("r"));
            registration = registration.with_expiry(NOW.saturating_add(Duration::from_secs(left)));
        }
        let state = State::of(&Ok(Some(CachedToken::new(&answer, asked_at, Some(registration)))), NOW);
        (state, state.exit())
    }

    #[test]
    fn the_margin_is_15_minutes_and_a_refresh_needs_no_person() {
        assert_eq!(state(901, None), (State::Valid, Exit::Success));
        assert_eq!(state(900, None), (State::Expiring, Exit::Expiring));
        assert_eq!(state(1, None), (State::Expiring, Exit::Expiring));
        assert_eq!(state(0, None), (State::Expired, Exit::Expired));
        assert_eq!(state(901, Some(1)), (State::Valid, Exit::Success));
        assert_eq!(state(900, Some(1)), (State::Refreshable, Exit::Success));
        assert_eq!(state(0, Some(1)), (State::Refreshable, Exit::Success));
        assert_eq!(state(0, Some(0)), (State::Expired, Exit::Expired));
        assert_eq!(State::of(&Ok(None), NOW).exit(), Exit::SignedOut);
    }

    #[test]
    fn the_best_state_is_the_least() {
        let states = [State::Invalid, State::SignedOut, State::Expired, State::Expiring, State::Refreshable];
        assert!(states.is_sorted_by(|one, next| one > next) && State::Valid < State::Refreshable);
    }
}
