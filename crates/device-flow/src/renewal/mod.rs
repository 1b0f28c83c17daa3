//! The refresh of a stored session that many processes share, as a pure state machine.
//!
//! [`Renewal`] decides for one session in a store, such as a file. It reads the session, and returns its token
//! if that is not due. Else it takes the store's lock, reads again, sends one request, and stores the new
//! session before anything uses it. The driver reads, locks, sends and writes: an adapter's `renew`, with a
//! [`SessionStore`].
//!
//! # The calling contract
//!
//! Call [`Renewal::poll`], do the action that it returns, and repeat until [`RenewalAction::Done`]. Every input
//! takes two times. The monotonic [`Tick`] paces; the wall clock judges the life of a token.
//!
//! 1. [`RenewalAction::Read`]: read the session, and pass it to [`Renewal::on_read`].
//! 2. [`RenewalAction::Lock`]: try to take the lock, without waiting, and tell [`Renewal::on_lock`]. Keep the
//!    lock as long as the renewal.
//! 3. [`RenewalAction::Send`]: send the request *once*, and pass its result to [`Renewal::on_result`].
//! 4. [`RenewalAction::Store`]: replace the stored session, and call [`Renewal::on_stored`].
//! 5. [`RenewalAction::Wait`]: do nothing until that time.
//! 6. [`RenewalAction::AwaitReply`]: a request is in flight. If it is lost, call [`Renewal::abandon`].
//! 7. [`RenewalAction::Done`]: release the lock, and read [`Renewal::into_result`].
//!
//! If the store fails, call [`Renewal::on_store_error`] instead of 1, 2 or 4.
//!
//! ```
//! use core::time::Duration;
//! use device_flow::renewal::{Renewal, RenewalAction, RenewalPolicy};
//! use device_flow::{ResponseBody, Session, Tick};
//! use oidc_proto::{Client, Endpoint, Registration, Service, Token, UnixSeconds};
//!
//! let service = Service::from(Endpoint::for_region("eu-west-1")?);
//! let wall = UnixSeconds::new(1_800_000_000); // a real driver asks its clock each time
//! let token = Token::bearer("old".into(), Duration::from_secs(3600)).with_refresh_token("r1".into());
//! let registration = Registration::new(Client::new("id", "secret".into()));
//! let mut stored = Session::restored(&service, registration, token, Some(UnixSeconds::new(1_800_000_100)));
//!
//! let mut now = Tick::ZERO;
//! let mut renewal = Renewal::new(service, RenewalPolicy::default(), now);
//! let mut requests = 0;
//! loop {
//!     match renewal.poll(now) {
//!         RenewalAction::Read => renewal.on_read(now, wall, Some(stored.clone()))?, // 1
//!         RenewalAction::Lock => renewal.on_lock(now, wall, true)?,                 // 2
//!         RenewalAction::Send(pending) => {                                         // 3
//!             requests += 1;
//!             let body = ResponseBody::from(r#"{"accessToken":"new","expiresIn":3600,"refreshToken":"r2"}"#);
//!             renewal.on_result(pending, now, wall, Ok(http::Response::new(body)))?;
//!         }
//!         RenewalAction::Store(new) => {                                            // 4
//!             stored = *new;
//!             renewal.on_stored(now, wall)?;
//!         }
//!         RenewalAction::Wait(until) => now = until,                                // 5
//!         RenewalAction::AwaitReply => renewal.abandon(now, wall),                  // 6
//!         RenewalAction::Done => break,                                             // 7
//!     }
//! }
//! let usable = renewal.into_result()?;
//! assert!(usable.refreshed && usable.session == stored);
//! assert_eq!((requests, stored.token.access_token.expose()), (1, "new"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Every transition
//!
//! The table is the one `match` of the machine (`src/renewal/machine.rs`), in its order. The first matching row
//! counts; an event without a row changes nothing. The states:
//!
//! * **Look**: the session is read, without a lock.
//! * **Lock**: the lock is taken.
//! * **Check**: the session is read again, under the lock.
//! * **Ask**: the refresh is due or in flight.
//! * **Recheck**: the session is read once more, because the refresh has failed.
//! * **Compare**: the session is read once more, before the new one replaces it.
//! * **Save**: the new session is stored.
//! * **Ended**: final. No call does anything.
//!
//! The events:
//!
//! * `Nothing`: The store has no session of this service.
//! * `Fresh`: The store has a session with a token that is not due.
//! * `Due`: The store has a session with a token that is due, and can be refreshed.
//! * `Stuck`: The store has a session with a token that is due, and cannot be refreshed. It has no refresh token,
//!   or its registration has expired.
//! * `Locked`: The lock is taken.
//! * `Held`: Another process holds the lock.
//! * `StoreError`: The store failed.
//! * `Refreshed`: CreateToken succeeded.
//! * `InvalidGrant`: `invalid_grant`: the refresh token is unknown or spent, or the session has ended.
//! * `ClientRejected`: `invalid_client` or `unauthorized_client`.
//! * `OtherFault`: Any other final fault.
//! * `NoVerdict`: No response, a response without the service's verdict, or a transient fault.
//! * `PlainRefusal`: A response without the service's verdict, or a proxy's, that a retry would get again.
//! * `BrokenSuccess`: A success without a required member.
//! * `Stored`: The new session is stored.
//! * `Cancel`: `cancel` was called, or the HTTP client turned out to be unsafe.
//!
//! | state | event | when | next |
//! |---|---|---|---|
//! | Look | `Fresh` |  | Usable |
//! | Look | `Due` | is throttled | Usable |
//! | Look | `Due` |  | Lock |
//! | Look | `Stuck` | caller signs in | Lock |
//! | Look | `Stuck` |  | SignInNeeded |
//! | Look | `Nothing` | caller signs in | Lock |
//! | Look | `Nothing` |  | SignInNeeded |
//! | Look | `StoreError` |  | StoreFailed |
//! | Look | `Cancel` |  | Cancelled |
//! | Lock | `Locked` |  | Check |
//! | Lock | `Held` | lock wait is over | Recheck |
//! | Lock | `Held` |  | Lock |
//! | Lock | `StoreError` | token is alive | Usable |
//! | Lock | `StoreError` |  | StoreFailed |
//! | Lock | `Cancel` |  | Cancelled |
//! | Check | `Fresh` |  | Usable |
//! | Check | `Due` |  | Ask |
//! | Check | `Stuck` |  | SignInNeeded |
//! | Check | `Nothing` |  | SignInNeeded |
//! | Check | `StoreError` | token is alive | Usable |
//! | Check | `StoreError` |  | StoreFailed |
//! | Check | `Cancel` |  | Cancelled |
//! | Ask | `Refreshed` |  | Compare |
//! | Ask | `InvalidGrant` |  | Recheck |
//! | Ask | `ClientRejected`, `OtherFault` |  | Recheck |
//! | Ask | `NoVerdict` | retry is due | Ask |
//! | Ask | `NoVerdict`, `PlainRefusal` |  | Recheck |
//! | Ask | `BrokenSuccess` |  | Recheck |
//! | Ask | `Cancel` |  | Cancelled |
//! | Recheck | `Fresh` |  | Usable |
//! | Recheck | `Due` | refresh token is another | Ask |
//! | Recheck | `Nothing` | lock is held | Busy |
//! | Recheck | `Nothing` |  | SignInNeeded |
//! | Recheck | `Due`, `Stuck` | token is good | Usable |
//! | Recheck | `StoreError` | token is alive | Usable |
//! | Recheck | `Due`, `Stuck`, `StoreError` | another may store | Recheck |
//! | Recheck | `Due`, `Stuck` | lock is held | Busy |
//! | Recheck | `Due`, `Stuck` | refresh token may be lost | SessionLost |
//! | Recheck | `Due`, `Stuck` | service has refused | SignInNeeded |
//! | Recheck | `Due`, `Stuck` |  | Unreachable |
//! | Recheck | `StoreError` |  | StoreFailed |
//! | Recheck | `Cancel` |  | Cancelled |
//! | Compare | `Fresh` | token is another | Usable |
//! | Compare | `Fresh`, `Due`, `Stuck`, `StoreError` |  | Save |
//! | Compare | `Nothing` |  | SignInNeeded |
//! | Compare | `Cancel` |  | Compare |
//! | Save | `Stored` |  | Usable |
//! | Save | `StoreError` |  | NotStored |
//! | Save | `Cancel` |  | Save |
//!
//! # Rules
//!
//! * One request at a time is in flight for one store, as long as all its users take the lock.
//! * A new session is stored before it is used. A cancellation does not stop that.
//! * A session that another tool has stored meanwhile is never replaced by an older one. A session that was
//!   removed meanwhile does not come back.
//! * A response keeps what it lacks: refresh token and scopes stay (RFC 6749 §6).
//! * While the token is good, an error is a [warning](Usable::warning), and the next attempt waits for
//!   [`RenewalPolicy::throttle`]. The time is monotonic, so a wall clock that jumps causes no storm of requests.
//! * After a lost response the request is repeated once, also while the token is good. A service that rotates
//!   refresh tokens often accepts the old one for a moment.
//! * `invalid_grant` does not mean that the session has ended. Tools without a lock may have used the refresh
//!   token, so the store is read again for [`RenewalPolicy::reread_window`]. Their token is used, or their refresh
//!   token, once.
//! * If the response to a request was lost and `invalid_grant` follows, the end is
//!   [`RenewalOutcome::SessionLost`].
//! * All arithmetic saturates. A time that goes backwards is read as the latest seen.

mod calls;
mod error;
mod machine;
mod outcome;
mod policy;
mod store;
mod work;

#[cfg(test)]
mod explore;

use crate::{PendingRequest, Session, Tick};

pub use calls::Renewal;
pub use error::{EnsureError, RenewError};
pub use outcome::{NotUsable, RefreshError, RenewalOutcome, Usable};
pub use policy::RenewalPolicy;
pub use store::{MemoryGuard, MemoryStore, SessionStore};

/// The driver's next step. Each [`Renewal::poll`] returns exactly one. Until the driver has answered it, `poll`
/// returns it again, except for a request.
///
/// Exhaustive on purpose: a driver must handle every action, so a new one breaks its build.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a driver must handle every action, so a new one has to break its build"
)]
#[must_use = "perform the action, then poll again"]
pub enum RenewalAction {
    /// Read the stored session, then call [`Renewal::on_read`].
    Read,
    /// Try to take the lock, without waiting, then call [`Renewal::on_lock`].
    Lock,
    /// Send this request once, then pass its result to [`Renewal::on_result`].
    Send(PendingRequest),
    /// Replace the stored session by this one, then call [`Renewal::on_stored`].
    Store(Box<Session>),
    /// Nothing to do before this time.
    Wait(Tick),
    /// A request is in flight: pass its result, or [`abandon`](Renewal::abandon) it if it is lost.
    AwaitReply,
    /// The renewal has ended; see [`Renewal::into_result`].
    Done,
}
