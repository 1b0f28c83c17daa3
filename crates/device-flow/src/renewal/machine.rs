//! The machine: every transition, one arm each, in the order of the table in the [module's
//! documentation](super).
//!
//! [`step`] *is* the table: a test generates the documentation's from it. The methods of `Work` do the work.

use oidc_proto::{Fault, InvalidResponse, Token, UnixSeconds};

use super::work::Work;
use super::{RenewalOutcome as Outcome, RenewalPolicy};
use crate::{Session, Tick, TransientError};

use Event::{
    BrokenSuccess, Cancel, ClientRejected, Due, Fresh, Held, InvalidGrant, Locked, NoVerdict, Nothing,
    OtherFault, PlainRefusal, Refreshed, StoreError, Stored, Stuck,
};
use State::{Ask, Check, Compare, Ended, Lock, Look, Recheck, Save};

/// The state of a renewal.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) enum State {
    /// The session is read, without a lock.
    Look(Box<Work>),
    /// The lock is taken.
    Lock(Box<Work>),
    /// The session is read again, under the lock.
    Check(Box<Work>),
    /// The refresh is due or in flight.
    Ask(Box<Work>),
    /// The session is read once more, because the refresh has failed.
    Recheck(Box<Work>),
    /// The session is read once more, before the new one replaces it.
    Compare(Box<Work>),
    /// The new session is stored.
    Save(Box<Work>),
    /// Final.
    Ended(Outcome, Box<Work>),
}

/// The state during a transition. If the transition never finished, it would send nothing.
impl Default for State {
    fn default() -> Self {
        Ended(Outcome::Cancelled, Box::default())
    }
}

impl State {
    pub(crate) const fn work(&self) -> &Work {
        match self {
            Look(work)
            | Lock(work)
            | Check(work)
            | Ask(work)
            | Recheck(work)
            | Compare(work)
            | Save(work)
            | Ended(_, work) => work,
        }
    }

    pub(crate) fn into_work(self) -> Box<Work> {
        match self {
            Look(work)
            | Lock(work)
            | Check(work)
            | Ask(work)
            | Recheck(work)
            | Compare(work)
            | Save(work)
            | Ended(_, work) => work,
        }
    }
}

/// An event of a renewal.
#[derive(Debug)]
pub(crate) enum Event {
    /// The store has no session of this service.
    Nothing,
    /// The store has a session with a token that is not due.
    Fresh(Session),
    /// The store has a session with a token that is due, and can be refreshed.
    Due(Session),
    /// The store has a session with a token that is due, and cannot be refreshed. It has no refresh token, or
    /// its registration has expired.
    Stuck(Session),
    /// The lock is taken.
    Locked,
    /// Another process holds the lock.
    Held,
    /// The store failed.
    StoreError,
    /// CreateToken succeeded.
    Refreshed(Token),
    /// `invalid_grant`: the refresh token is unknown or spent, or the session has ended.
    InvalidGrant(Fault),
    /// `invalid_client` or `unauthorized_client`.
    ClientRejected(Fault),
    /// Any other final fault.
    OtherFault(Fault),
    /// No response, a response without the service's verdict, or a transient fault.
    NoVerdict(TransientError),
    /// A response without the service's verdict, or a proxy's, that a retry would get again.
    PlainRefusal(TransientError),
    /// A success without a required member.
    BrokenSuccess(InvalidResponse),
    /// The new session is stored.
    Stored,
    /// `cancel` was called, or the HTTP client turned out to be unsafe.
    Cancel,
}

/// The inputs of a transition beside state and event.
pub(crate) struct Context<'a> {
    pub(crate) policy: &'a RenewalPolicy,
    pub(crate) now: Tick,
    pub(crate) wall: UnixSeconds,
    /// The wall clock when the event's request was sent.
    pub(crate) asked_at: UnixSeconds,
}

/// Returns the state after an event. The first matching arm counts.
#[rustfmt::skip]
pub(crate) fn step(state_and_event: (State, Event), cx: &Context<'_>) -> State {
    match state_and_event {
        (Look(work), Fresh(session)) => Ended(Outcome::Usable, work.found(session, cx)),
        (Look(work), Due(session)) if work.is_throttled(&session, cx) => Ended(Outcome::Usable, work.throttled(session, cx)),
        (Look(work), Due(session)) => Lock(work.found(session, cx).to_lock(cx)),
        (Look(work), Stuck(session)) if cx.caller_signs_in() => Lock(work.found(session, cx).to_lock(cx)),
        (Look(work), Stuck(session)) => Ended(Outcome::SignInNeeded, work.found(session, cx)),
        (Look(work), Nothing) if cx.caller_signs_in() => Lock(work.to_lock(cx)),
        (Look(work), Nothing) => Ended(Outcome::SignInNeeded, work),
        (Look(work), StoreError) => Ended(Outcome::StoreFailed, work),
        (Look(work), Cancel) => Ended(Outcome::Cancelled, work),

        (Lock(work), Locked) => Check(work.locked(cx)),
        (Lock(work), Held) if work.lock_wait_is_over(cx) => Recheck(work.busy(cx)),
        (Lock(work), Held) => Lock(work.lock_later(cx)),
        (Lock(work), StoreError) if work.token_is_alive(cx) => Ended(Outcome::Usable, work.store_failed(cx)),
        (Lock(work), StoreError) => Ended(Outcome::StoreFailed, work),
        (Lock(work), Cancel) => Ended(Outcome::Cancelled, work),

        (Check(work), Fresh(session)) => Ended(Outcome::Usable, work.found(session, cx)),
        (Check(work), Due(session)) => Ask(work.found(session, cx).to_ask(cx)),
        (Check(work), Stuck(session)) => Ended(Outcome::SignInNeeded, work.found(session, cx)),
        (Check(work), Nothing) => Ended(Outcome::SignInNeeded, work.gone()),
        (Check(work), StoreError) if work.token_is_alive(cx) => Ended(Outcome::Usable, work.store_failed(cx)),
        (Check(work), StoreError) => Ended(Outcome::StoreFailed, work),
        (Check(work), Cancel) => Ended(Outcome::Cancelled, work),

        (Ask(work), Refreshed(token)) => Compare(work.refreshed(token, cx)),
        (Ask(work), InvalidGrant(fault)) => Recheck(work.invalid_grant(fault, cx)),
        (Ask(work), ClientRejected(fault) | OtherFault(fault)) => Recheck(work.refused(fault, cx)),
        (Ask(work), NoVerdict(error)) if work.retry_is_due(&error, cx) => Ask(work.again(error, cx)),
        (Ask(work), NoVerdict(error) | PlainRefusal(error)) => Recheck(work.no_verdict(error, cx)),
        (Ask(work), BrokenSuccess(invalid)) => Recheck(work.broken(invalid, cx)),
        (Ask(work), Cancel) => Ended(Outcome::Cancelled, work),

        (Recheck(work), Fresh(session)) => Ended(Outcome::Usable, work.found(session, cx)),
        (Recheck(work), Due(session)) if work.refresh_token_is_another(&session) => Ask(work.found(session, cx).to_ask_once_more(cx)),
        (Recheck(work), Nothing) if work.lock_is_held() => Ended(Outcome::Busy, work.gone()),
        (Recheck(work), Nothing) => Ended(Outcome::SignInNeeded, work.gone()),
        (Recheck(work), Due(_) | Stuck(_)) if work.token_is_good(cx) => Ended(Outcome::Usable, work),
        (Recheck(work), StoreError) if work.token_is_alive(cx) => Ended(Outcome::Usable, work),
        (Recheck(work), Due(_) | Stuck(_) | StoreError) if work.another_may_store(cx) => Recheck(work.read_later(cx)),
        (Recheck(work), Due(_) | Stuck(_)) if work.lock_is_held() => Ended(Outcome::Busy, work),
        (Recheck(work), Due(_) | Stuck(_)) if work.refresh_token_may_be_lost() => Ended(Outcome::SessionLost, work),
        (Recheck(work), Due(_) | Stuck(_)) if work.service_has_refused() => Ended(Outcome::SignInNeeded, work),
        (Recheck(work), Due(_) | Stuck(_)) => Ended(Outcome::Unreachable, work),
        (Recheck(work), StoreError) => Ended(Outcome::StoreFailed, work),
        (Recheck(work), Cancel) => Ended(Outcome::Cancelled, work),

        (Compare(work), Fresh(session)) if work.token_is_another(&session) => Ended(Outcome::Usable, work.found(session, cx)),
        (Compare(work), Fresh(_) | Due(_) | Stuck(_) | StoreError) => Save(work),
        (Compare(work), Nothing) => Ended(Outcome::SignInNeeded, work.gone()),
        (Compare(work), Cancel) => Compare(work),

        (Save(work), Stored) => Ended(Outcome::Usable, work.renewed(cx)),
        (Save(work), StoreError) => Ended(Outcome::NotStored, work.renewed(cx)),
        (Save(work), Cancel) => Save(work),

        // Nothing else can happen: an input is refused if the state did not ask for it, and an end is final.
        // The list makes a new event fail to compile until its arms exist.
        (state @ (Look(_) | Check(_) | Recheck(_) | Compare(_)), Locked | Held | Stored)
        | (state @ (Lock(_) | Ask(_) | Save(_)), Nothing | Fresh(_) | Due(_) | Stuck(_))
        | (state @ (Lock(_) | Ask(_)), Stored)
        | (state @ (Ask(_) | Save(_)), Locked | Held)
        | (state @ Ask(_), StoreError)
        | (state @ (Look(_) | Lock(_) | Check(_) | Recheck(_) | Compare(_) | Save(_)), Refreshed(_) | InvalidGrant(_))
        | (state @ (Look(_) | Lock(_) | Check(_) | Recheck(_) | Compare(_) | Save(_)), ClientRejected(_) | OtherFault(_))
        | (state @ (Look(_) | Lock(_) | Check(_) | Recheck(_) | Compare(_) | Save(_)), NoVerdict(_) | PlainRefusal(_))
        | (state @ (Look(_) | Lock(_) | Check(_) | Recheck(_) | Compare(_) | Save(_)), BrokenSuccess(_))
        | (state @ Ended(..), _) => state,
    }
}

impl Context<'_> {
    const fn caller_signs_in(&self) -> bool {
        self.policy.signs_in
    }
}

#[cfg(test)]
impl State {
    /// Returns the name in the table.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Look(_) => "Look",
            Lock(_) => "Lock",
            Check(_) => "Check",
            Ask(_) => "Ask",
            Recheck(_) => "Recheck",
            Compare(_) => "Compare",
            Save(_) => "Save",
            Ended(outcome, _) => match outcome {
                Outcome::Usable => "Usable",
                Outcome::SignInNeeded => "SignInNeeded",
                Outcome::SessionLost => "SessionLost",
                Outcome::Unreachable => "Unreachable",
                Outcome::Busy => "Busy",
                Outcome::StoreFailed => "StoreFailed",
                Outcome::NotStored => "NotStored",
                Outcome::Cancelled => "Cancelled",
            },
        }
    }
}

#[cfg(test)]
impl Event {
    /// Returns the name in the table.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Nothing => "Nothing",
            Fresh(_) => "Fresh",
            Due(_) => "Due",
            Stuck(_) => "Stuck",
            Locked => "Locked",
            Held => "Held",
            StoreError => "StoreError",
            Refreshed(_) => "Refreshed",
            InvalidGrant(_) => "InvalidGrant",
            ClientRejected(_) => "ClientRejected",
            OtherFault(_) => "OtherFault",
            NoVerdict(_) => "NoVerdict",
            PlainRefusal(_) => "PlainRefusal",
            BrokenSuccess(_) => "BrokenSuccess",
            Stored => "Stored",
            Cancel => "Cancel",
        }
    }
}
