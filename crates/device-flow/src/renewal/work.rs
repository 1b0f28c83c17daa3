//! The data of a renewal, and the work of the table's arms.

use core::time::Duration;

use oidc_proto::{Fault, InvalidResponse, Secret, Token, UnixSeconds};

use super::machine::Context;
use super::{RefreshError, RenewalPolicy};
use crate::{Session, Tick, TransientError};

/// The interval between two attempts to take the lock.
const LOCK_RETRY: Duration = Duration::from_millis(25);

/// The longest wait for the lock while the token is good: the other holder may be waiting for a person.
const LOCK_WAIT_WITH_A_GOOD_TOKEN: Duration = Duration::from_secs(10);

/// The interval between two reads after an `invalid_grant`.
const READ_AGAIN: Duration = Duration::from_millis(250);

/// What a renewal knows.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Work {
    /// The session that was read last, or refreshed.
    pub(crate) session: Option<Session>,
    /// Whether its token was good when it was last judged.
    pub(crate) is_alive: bool,
    /// The access token that a forced renewal replaces.
    pub(crate) unwanted: Option<Secret>,
    /// The refreshed session, until it is stored.
    pub(crate) new: Option<Session>,
    pub(crate) is_refreshed: bool,
    /// The time of the state's next action.
    pub(crate) due: Tick,
    /// The time when the lock, the retries or the reads after a refusal end.
    pub(crate) until: Tick,
    pub(crate) requests: u32,
    pub(crate) errors: u32,
    /// The time of the latest request of this session, of an earlier renewal too.
    pub(crate) tried_at: Option<Tick>,
    /// Whether the service may have used up the refresh token without a response.
    pub(crate) may_be_spent: bool,
    /// Whether the refresh token of another tool was tried.
    pub(crate) tried_another: bool,
    pub(crate) was_invalid_grant: bool,
    pub(crate) error: Option<RefreshError>,
}

impl Work {
    /// Returns whether the session's token must be replaced now.
    pub(crate) fn is_due(&self, session: &Session, policy: &RenewalPolicy, wall: UnixSeconds) -> bool {
        session.is_due(wall, policy.margin) || self.is_unwanted(session)
    }

    fn is_unwanted(&self, session: &Session) -> bool {
        self.unwanted.as_ref() == Some(&session.token.access_token)
    }

    /// Marks the token of the first session as unwanted, for a forced renewal.
    pub(crate) fn reject(&mut self, session: &Session) {
        self.unwanted.get_or_insert_with(|| session.token.access_token.clone());
    }

    fn lives(&self, session: &Session, cx: &Context<'_>) -> bool {
        let left = session.expires_at.is_none_or(|end| end.remaining_at(cx.wall) > cx.policy.least_life);
        left && !self.is_unwanted(session)
    }

    // Conditions.

    pub(crate) fn is_throttled(&self, session: &Session, cx: &Context<'_>) -> bool {
        let is_early = self.tried_at.is_some_and(|tried| cx.now < tried + cx.policy.throttle);
        is_early && self.lives(session, cx)
    }

    pub(crate) fn token_is_alive(&self, cx: &Context<'_>) -> bool {
        self.session.as_ref().is_some_and(|session| self.lives(session, cx))
    }

    pub(crate) fn lock_wait_is_over(&self, cx: &Context<'_>) -> bool {
        cx.now + LOCK_RETRY > self.until
    }

    pub(crate) const fn lock_is_held(&self) -> bool {
        matches!(self.error, Some(RefreshError::Busy))
    }

    pub(crate) const fn service_has_refused(&self) -> bool {
        match &self.error {
            // A new sign-in would end with the same fault, after the approval.
            Some(RefreshError::Refused(fault)) => !fault.is_about_key(),
            _ => false,
        }
    }

    pub(crate) const fn refresh_token_may_be_lost(&self) -> bool {
        self.was_invalid_grant && self.may_be_spent
    }

    /// Returns whether the token that was read before can be used although its refresh failed.
    pub(crate) fn token_is_good(&self, cx: &Context<'_>) -> bool {
        !self.service_has_refused() && self.token_is_alive(cx)
    }

    /// Returns whether another tool, which takes no lock, may still store what it got for the refresh token.
    pub(crate) fn another_may_store(&self, cx: &Context<'_>) -> bool {
        self.was_invalid_grant && cx.now + READ_AGAIN <= self.until
    }

    /// Returns whether another tool has replaced the refresh token that the service refused.
    pub(crate) fn refresh_token_is_another(&self, session: &Session) -> bool {
        let asked_with = self.session.as_ref().map(|asked| &asked.token.refresh_token);
        self.was_invalid_grant && !self.tried_another && asked_with != Some(&session.token.refresh_token)
    }

    pub(crate) fn token_is_another(&self, session: &Session) -> bool {
        self.session.as_ref().map(|old| &old.token.access_token) != Some(&session.token.access_token)
    }

    /// Returns whether the request is repeated. While the token is good, it is repeated once, and only after
    /// a lost response. A service with a grace accepts the refresh token again for a moment.
    pub(crate) fn retry_is_due(&self, error: &TransientError, cx: &Context<'_>) -> bool {
        let is_in_time = cx.now + self.backoff(error, cx.policy) <= self.until;
        let is_rescue = error.may_have_acted() && !self.may_be_spent;
        is_in_time && self.requests < cx.policy.max_requests && (is_rescue || !self.token_is_alive(cx))
    }

    fn backoff(&self, error: &TransientError, policy: &RenewalPolicy) -> Duration {
        let factor = 1_u32.checked_shl(self.errors).unwrap_or(u32::MAX);
        let own = policy.first_backoff.saturating_mul(factor).min(policy.max_backoff);
        own.max(error.retry_after().unwrap_or_default())
    }

    // Work.

    pub(crate) fn found(mut self: Box<Self>, session: Session, cx: &Context<'_>) -> Box<Self> {
        self.is_alive = self.lives(&session, cx);
        if !self.is_due(&session, cx.policy, cx.wall) {
            self.error = None;
        }
        self.session = Some(session);
        self
    }

    /// Notes that the stored session is gone: its user has signed out.
    pub(crate) fn gone(mut self: Box<Self>) -> Box<Self> {
        self.session = None;
        self.is_alive = false;
        self.error = None;
        self
    }

    pub(crate) fn throttled(self: Box<Self>, session: Session, cx: &Context<'_>) -> Box<Self> {
        let mut work = self.found(session, cx);
        work.error = Some(RefreshError::Throttled);
        work
    }

    pub(crate) fn store_failed(mut self: Box<Self>, cx: &Context<'_>) -> Box<Self> {
        self.is_alive = self.token_is_alive(cx);
        self.error = Some(RefreshError::Store);
        self
    }

    pub(crate) fn to_lock(mut self: Box<Self>, cx: &Context<'_>) -> Box<Self> {
        let wait = if self.is_alive {
            cx.policy.lock_wait.min(LOCK_WAIT_WITH_A_GOOD_TOKEN)
        } else {
            cx.policy.lock_wait
        };
        self.due = cx.now;
        self.until = cx.now + wait;
        self
    }

    pub(crate) fn lock_later(mut self: Box<Self>, cx: &Context<'_>) -> Box<Self> {
        self.due = cx.now + LOCK_RETRY;
        self
    }

    pub(crate) fn locked(mut self: Box<Self>, cx: &Context<'_>) -> Box<Self> {
        self.due = cx.now;
        self
    }

    pub(crate) fn busy(mut self: Box<Self>, cx: &Context<'_>) -> Box<Self> {
        self.error = Some(RefreshError::Busy);
        self.due = cx.now;
        self
    }

    /// Prepares the refresh. A token that another renewal has just tried to refresh waits for its pause.
    pub(crate) fn to_ask(mut self: Box<Self>, cx: &Context<'_>) -> Box<Self> {
        let pause = cx.policy.first_backoff;
        self.due = self.tried_at.map_or(cx.now, |tried| cx.now.max(tried + pause));
        self.until = self.due + cx.policy.retry_window;
        self
    }

    /// Prepares the refresh with the refresh token of another tool.
    pub(crate) fn to_ask_once_more(mut self: Box<Self>, cx: &Context<'_>) -> Box<Self> {
        self.tried_another = true;
        self.was_invalid_grant = false;
        self.may_be_spent = false;
        self.error = None;
        self.errors = 0;
        self.due = cx.now;
        self.until = cx.now + cx.policy.retry_window;
        self
    }

    pub(crate) fn again(mut self: Box<Self>, error: TransientError, cx: &Context<'_>) -> Box<Self> {
        self.due = cx.now + self.backoff(&error, cx.policy);
        self.may_be_spent |= error.may_have_acted();
        self.errors = self.errors.saturating_add(1);
        self.error = Some(RefreshError::NoVerdict(error));
        self
    }

    pub(crate) fn no_verdict(self: Box<Self>, error: TransientError, cx: &Context<'_>) -> Box<Self> {
        self.failed(RefreshError::NoVerdict(error), cx)
    }

    pub(crate) fn broken(self: Box<Self>, invalid: InvalidResponse, cx: &Context<'_>) -> Box<Self> {
        self.failed(RefreshError::InvalidResponse(invalid), cx)
    }

    pub(crate) fn refused(self: Box<Self>, fault: Fault, cx: &Context<'_>) -> Box<Self> {
        self.failed(RefreshError::Refused(fault), cx)
    }

    pub(crate) fn invalid_grant(mut self: Box<Self>, fault: Fault, cx: &Context<'_>) -> Box<Self> {
        self.was_invalid_grant = true;
        self.until = cx.now + cx.policy.reread_window;
        self.refused(fault, cx)
    }

    fn failed(mut self: Box<Self>, error: RefreshError, cx: &Context<'_>) -> Box<Self> {
        self.is_alive = self.token_is_alive(cx);
        self.error = Some(error);
        self.due = cx.now;
        self
    }

    pub(crate) fn read_later(mut self: Box<Self>, cx: &Context<'_>) -> Box<Self> {
        self.due = cx.now + READ_AGAIN;
        self
    }

    pub(crate) fn refreshed(mut self: Box<Self>, token: Token, cx: &Context<'_>) -> Box<Self> {
        if let Some(mut new) = self.session.clone() {
            new.refresh(token, cx.asked_at);
            self.new = Some(new);
        }
        self.due = cx.now;
        self
    }

    pub(crate) fn renewed(mut self: Box<Self>, cx: &Context<'_>) -> Box<Self> {
        self.session = self.new.take();
        self.is_refreshed = true;
        self.is_alive = self.token_is_alive(cx);
        self.error = None;
        self
    }
}
