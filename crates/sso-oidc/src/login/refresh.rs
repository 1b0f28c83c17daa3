//! The refresh of a stored token, which saves a sign-in: the token files as the store of a renewal.

use std::cell::RefCell;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use device_flow::renewal::{
    NotUsable, RefreshError, RenewError, Renewal, RenewalAction, RenewalOutcome, RenewalPolicy, SessionStore,
    Usable,
};
use device_flow::{CallError, Session, Tick, TransportError};
use oidc_proto::{Client, Fault, FaultCode, Operation, Registration};
use sso_cache::{CacheError, CachedToken, Guard, Holder, Identity};

use super::client::LazyClient;
use super::ctrl_c::CtrlC;
use super::fitness::Unfit;
use super::store::{Kept, MARGIN, NOT_REQUESTED, Store, now};
use super::warn_of_oddities;
use crate::exit::{Exit, Failure, chain, warn};
use crate::explain;
use crate::explain::shell_word;
use crate::settings::Settings;
use crate::signin::{Screen, StatusLine};

/// The shortest remaining lifetime of a token that is used although its refresh failed. The next command can start
/// with it, and AWS's tools refresh it themselves.
const LAST_RESORT: Duration = Duration::from_secs(60);

/// The wait before the second attempt of a refresh, as for other calls.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);

/// The time in which an expired token's refresh is retried.
const RETRY_WINDOW: Duration = Duration::from_secs(60);

/// The life of a token of unknown life, as in AWS's tools.
const UNKNOWN_LIFE: Duration = Duration::from_secs(3600);

/// What another process does while it holds the lock on the files.
const REFRESH: &str = "refresh of the token for";

/// The wait for another refresh that is not worth a word. Most take less.
const SILENT_WAIT: Duration = Duration::from_secs(1);

/// What a renewal needs beside the files.
pub(super) struct Renewer<'a> {
    pub(super) client: &'a LazyClient<'a>,
    pub(super) settings: &'a Settings,
    pub(super) ctrl_c: &'a CtrlC,
}

/// The token file of a portal, as the store of one renewal.
pub(super) struct Files<'a> {
    store: &'a Store,
    renewer: &'a Renewer<'a>,
    lock_timeout: Duration,
    seen: RefCell<Seen>,
}

/// What a renewal has seen of the files.
#[derive(Default)]
struct Seen {
    /// The latest token.
    token: Option<CachedToken>,
    /// Why the stored token is for something else.
    foreign: Option<String>,
    /// When the wait for the lock began.
    waits_since: Option<Instant>,
    /// Whether the user knows of the wait.
    has_said: bool,
    /// The process that was killed while it held the lock.
    abandoned_by: Option<Holder>,
    /// The latest failure.
    failure: Option<Failure>,
    /// Disappears when the renewal is over.
    line: Option<StatusLine>,
}

impl SessionStore for Files<'_> {
    type Guard = Guard;
    type Error = CacheError;

    fn try_lock(&self) -> Result<Option<Guard>, CacheError> {
        self.handle_ctrl_c();
        let store = self.store;
        let guard = match store.cache.lock(&store.identity, Duration::ZERO) {
            Ok(guard) => guard,
            Err(error) => return self.not_locked(error),
        };
        if let Some(why) = guard.unlocked() {
            warn(format_args!(
                "{}; going on without a lock, so parallel refreshes may end the session",
                chain(why)
            ));
        }
        self.seen.borrow_mut().abandoned_by = guard.abandoned_by().cloned();
        // The refresh may invalidate the old refresh token, so the new one must be storable.
        store.cache.check_writable(&store.identity).inspect_err(|error| {
            self.seen.borrow_mut().failure = Some(store.unwritable(NOT_REQUESTED, error));
        })?;
        Ok(Some(guard))
    }

    fn read(&self) -> Result<Option<Session>, CacheError> {
        let mut seen = self.seen.borrow_mut();
        let found = match self.store.settled() {
            // A file that was whole before is not moved away: it may be half written, and is replaced soon.
            Err(error) if seen.token.is_some() => {
                seen.failure = Some(self.store.unwritable("The token cannot be read again", &error));
                return Err(error);
            }
            loaded => self.store.ignoring_corrupt(loaded),
        };
        seen.foreign = found.as_ref().and_then(|token| self.store.foreign(token));
        seen.token = found.filter(|_| seen.foreign.is_none());
        Ok(seen.token.as_ref().map(|token| self.session_of(token)))
    }

    fn write(&self, _: &mut Guard, session: &Session) -> Result<(), CacheError> {
        let token = self.merged(session);
        let store = self.store;
        store.cache.save_token(&store.identity, &token).inspect_err(|error| {
            let what = "Refreshed the token, but the token could not be stored";
            self.seen.borrow_mut().failure = Some(store.unwritable(what, error));
        })
    }

    /// Called before each request.
    fn set_last_try(&self, _: Option<Tick>) {
        self.renewer.ctrl_c.refreshing.store(true, Ordering::SeqCst);
        let line = StatusLine::new(Screen::of(self.renewer.settings));
        line.contacting(self.renewer.client.service());
        self.seen.borrow_mut().line = Some(line);
    }
}

impl Seen {
    /// Returns the process that was killed during the last refresh, if that explains this fault.
    fn loser(&self, fault: &Fault) -> Option<String> {
        let by = self.abandoned_by.as_ref().filter(|_| fault.code == FaultCode::InvalidGrant)?;
        let host = by.host.as_ref().map_or_else(String::new, |host| format!(" on {host}"));
        Some(format!("process {}{host}", by.process))
    }
}

impl<'a> Files<'a> {
    pub(super) fn of(store: &'a Store, renewer: &'a Renewer<'a>, lock_timeout: Duration) -> Self {
        Self { store, renewer, lock_timeout, seen: RefCell::default() }
    }

    /// Starts the Ctrl-C handler, if it has not been started. Until then Ctrl-C ends the process by default.
    pub(super) fn handle_ctrl_c(&self) {
        self.renewer.ctrl_c.start();
    }

    /// Notes that another process holds the lock, or that there is no lock to be had.
    fn not_locked(&self, error: CacheError) -> Result<Option<Guard>, CacheError> {
        let (store, mut seen) = (self.store, self.seen.borrow_mut());
        let CacheError::Locked { holder, .. } = &error else {
            seen.failure = Some(store.unwritable("The cache cannot be locked", &error));
            return Err(error);
        };
        let waited = seen.waits_since.get_or_insert_with(Instant::now).elapsed();
        if waited > SILENT_WAIT && !seen.has_said {
            store.say_waiting(REFRESH, holder.as_ref(), self.lock_timeout);
            seen.has_said = true;
        }
        seen.failure = Some(
            store
                .still_locked(REFRESH, waited, &error)
                .with_hint("end that process if it hangs, or wait longer with --lock-timeout"),
        );
        Ok(None)
    }

    /// Returns the token that was read last.
    pub(super) fn last_read(&self) -> Option<CachedToken> {
        self.seen.borrow().token.clone()
    }

    /// Returns the policy of all commands.
    pub(super) fn policy(&self) -> RenewalPolicy {
        RenewalPolicy::default()
            .with_margin(MARGIN)
            .with_least_life(LAST_RESORT)
            .with_lock_wait(self.lock_timeout)
            .with_max_requests(self.renewer.settings.max_attempts())
            .with_first_backoff(FIRST_BACKOFF)
            .with_retry_window(RETRY_WINDOW)
    }

    /// Renews the token.
    ///
    /// # Errors
    /// Ctrl-C was pressed. The inner error has the reason why there is no token.
    pub(super) fn renew(&self, policy: RenewalPolicy) -> Result<Result<Usable, Box<NotUsable>>, Failure> {
        if let Some(usable) = self.good_without_a_request(&policy) {
            return Ok(Ok(usable));
        }
        let cancelled = &self.renewer.ctrl_c.handle;
        let renewed = self.renewer.client.get()?.cancelled_by(cancelled).renew(self, policy);
        self.seen.borrow_mut().line = None;
        self.renewer.ctrl_c.refreshing.store(false, Ordering::SeqCst);
        if let Ok(usable) = &renewed
            && usable.refreshed
        {
            warn_of_oddities(&usable.session.token);
        }
        if self.renewer.ctrl_c.handle.is_cancelled() {
            return Err(Failure::new(
                Exit::Interrupted,
                "Interrupted; a new token is stored if one has come",
            ));
        }
        Ok(renewed.map_err(|RenewError { end, .. }| end))
    }

    /// Returns the stored token, if the renewal would return it after its first read. That needs no client.
    fn good_without_a_request(&self, policy: &RenewalPolicy) -> Option<Usable> {
        let start = Tick::default();
        let mut renewal = Renewal::new(self.renewer.client.service().clone(), policy.clone(), start);
        let RenewalAction::Read = renewal.poll(start) else { return None };
        let _taken = renewal.on_read(start, now(), self.read().ok()?);
        match renewal.poll(start) {
            RenewalAction::Done => renewal.into_result().ok(),
            _ => None,
        }
    }

    /// Renews the token for a sign-in, and returns it, or the reason why the stored one cannot be used.
    ///
    /// # Errors
    /// A sign-in would not help.
    pub(super) fn kept_or_why(&self) -> Result<Result<Kept, Option<String>>, Failure> {
        let mut end = match self.renew(self.policy())? {
            Ok(usable) => return Ok(Ok(self.kept(usable))),
            Err(end) => end,
        };
        match end.outcome {
            RenewalOutcome::NotStored => {
                let session = end.session.take();
                let failure = self.failure(*end);
                match session {
                    Some(session) => Ok(Ok(Kept { stored: Err(failure), ..self.have(&session) })),
                    None => Err(failure),
                }
            }
            RenewalOutcome::Busy | RenewalOutcome::StoreFailed | RenewalOutcome::Cancelled => {
                Err(self.failure(*end))
            }
            _ if is_about_key(&end) || !end.needs_sign_in() => Err(self.failure(*end)),
            _ => Ok(Err(self.why_not(*end))),
        }
    }

    /// Describes a token to use, and warns if a refresh has failed.
    fn kept(&self, usable: Usable) -> Kept {
        let mut kept = self.have(&usable.session);
        kept.refreshed = usable.refreshed;
        if usable.refreshed {
            kept.words = format!(
                "Refreshed the token for {}; it is valid for {} and is stored in {}.",
                self.store.start_url,
                kept.good_for,
                self.path()
            );
        }
        self.warn_of(usable.warning, usable.cause);
        kept
    }

    /// Warns that a token could not be refreshed.
    pub(super) fn warn_of(&self, warning: Option<RefreshError>, cause: Option<Box<TransportError>>) {
        if let Some(error) = warning {
            warn(format_args!("the token could not be refreshed: {}", told(error, cause)));
        }
    }

    /// Describes the token of a session.
    pub(super) fn have(&self, session: &Session) -> Kept {
        self.store.have(self.merged(session))
    }

    /// Returns the name of the portal, for messages.
    pub(super) fn whose(&self) -> &str {
        &self.store.start_url
    }

    /// Returns the path of the token, for messages.
    pub(super) fn path(&self) -> String {
        self.store.cache.token_path(&self.store.identity).display().to_string()
    }

    /// Returns why the stored token cannot be used; `None` without a token.
    pub(super) fn why_not(&self, end: NotUsable) -> Option<String> {
        let seen = self.seen.borrow();
        if let Some(foreign) = &seen.foreign {
            return Some(foreign.clone());
        }
        let session = end.session.as_ref()?;
        let left = session.expires_at.map_or(UNKNOWN_LIFE, |end| end.remaining_at(now()));
        let why = match (end.outcome, end.error) {
            (RenewalOutcome::SessionLost, _) => {
                "the response to its refresh was lost, and with it the new refresh token".to_owned()
            }
            (RenewalOutcome::SignInNeeded, Some(RefreshError::Refused(fault))) => match seen.loser(&fault) {
                Some(by) => {
                    format!("{by} was killed during a refresh, and the new refresh token is lost ({fault})")
                }
                None => format!("the service rejected the refresh ({fault})"),
            },
            (_, Some(error)) => format!("it could not be refreshed ({})", told(error, end.cause)),
            (_, None) if seen.token.as_ref().is_some_and(|token| token.refresh_token.is_some()) => {
                "the registration of its client is missing or has expired".to_owned()
            }
            (_, None) => "there is no refresh token".to_owned(),
        };
        // A good token is here only if its refresh was forced.
        Some(if left > MARGIN { why } else { format!("{}, and {why}", Unfit::Ending(left)) })
    }

    /// Returns the failure for a token that cannot be used.
    pub(super) fn failure(&self, end: NotUsable) -> Failure {
        let whose = self.store.identity.as_str();
        let is_good =
            |session: &Session| session.expires_at.is_none_or(|end| end.remaining_at(now()) > MARGIN);
        let what = if end.session.as_deref().is_some_and(is_good) { "refreshed" } else { "used" };
        match (end.outcome, end.fault()) {
            (RenewalOutcome::Unreachable, _) => return self.call_failure(end.error, end.cause),
            (RenewalOutcome::SignInNeeded, Some(fault)) => {
                Failure::service(match self.seen.borrow().loser(fault) {
                    Some(by) => format!(
                        "The session for {whose} is lost: {by} was killed during a refresh, and the service rejects the \
                         old refresh token ({fault})"
                    ),
                    None => format!(
                        "The session for {whose} has ended, or was revoked: the service rejected the refresh ({fault})"
                    ),
                })
            }
            (RenewalOutcome::SessionLost, _) => Failure::service(format_args!(
                "The session for {whose} is lost: the response to its refresh did not arrive, and the service rejects the \
                 old refresh token"
            )),
            (RenewalOutcome::SignInNeeded, None) => match self.why_not(end) {
                Some(why) => Failure::other(format_args!("The stored token for {whose} cannot be {what}: {why}")),
                None => Failure::other(format_args!("There is no stored token for {whose}")),
            },
            _ => {
                let own = self.seen.borrow_mut().failure.take();
                return own.unwrap_or_else(|| Failure::other(chain(&end)));
            }
        }
        .with_hint(format_args!("sign in with `{}`", self.sign_in_command()))
    }

    /// Returns the failure of a refresh whose old token may still be good.
    pub(super) fn call_failure(
        &self,
        error: Option<RefreshError>,
        cause: Option<Box<TransportError>>,
    ) -> Failure {
        let service = self.renewer.client.service();
        let error = error.and_then(|error| error.into_call_error(cause));
        let Some(error) = error else {
            let own = self.seen.borrow_mut().failure.take();
            return own.unwrap_or_else(|| Failure::other("The token could not be refreshed"));
        };
        let failure = explain::call_failure(Operation::CreateToken, service, &error);
        match self.renewer.settings.endpoint_named_by() {
            Some(name) if matches!(error, CallError::Indeterminate(_) | CallError::Transport(_)) => {
                failure.with_detail(format_args!("{service} comes from {name}."))
            }
            _ => failure,
        }
    }

    /// Returns the command line of a sign-in to this portal.
    pub(super) fn sign_in_command(&self) -> String {
        match &self.store.identity {
            Identity::SessionName(name) => format!("sso-oidc login --sso-session {}", shell_word(name)),
            _ => format!(
                "sso-oidc login --start-url {} --region {}",
                shell_word(&self.store.start_url),
                shell_word(&self.store.region)
            ),
        }
    }

    fn session_of(&self, token: &CachedToken) -> Session {
        let kept = token.answer_at(now());
        let registration = token.registration.clone();
        let registration = registration.unwrap_or_else(|| Registration::new(Client::public("")));
        Session::restored(self.renewer.client.service(), registration, kept, Some(token.expires_at))
    }

    /// Returns the token file of a session: the one that was read, with the new token.
    fn merged(&self, session: &Session) -> CachedToken {
        let registration = Some(session.registration.clone());
        let new = || CachedToken::new(&session.token, now(), registration);
        let token = self.seen.borrow().token.clone().unwrap_or_else(new);
        token.renewed(&session.token, session.expires_at, &self.store.key, now())
    }
}

/// Returns whether the KMS key is the reason. A new sign-in would end with the same fault, after the approval.
fn is_about_key(end: &NotUsable) -> bool {
    end.fault().is_some_and(Fault::is_about_key)
}

/// Tells what prevented a refresh.
fn told(error: RefreshError, cause: Option<Box<TransportError>>) -> String {
    if error == RefreshError::Store {
        return "the cache is not writable".to_owned();
    }
    let words = error.to_string();
    error.into_call_error(cause).map_or(words, |error| chain(&error))
}
