//! The contract of a store.

mod keys;
pub(crate) mod operations;
mod perform;

use core::fmt;
use core::pin::Pin;
use core::time::Duration;

use oidc_proto::{Fault, FaultCode};

pub use self::keys::{DeviceKey, Keys};
pub use self::operations::Exchanged;
use crate::{Change, Counts, Moment, Records, UserCode};

/// The number of draws for an unused user code. With a million live codes of 2.56e10, five draws all fail
/// once in 1e22 times.
pub(crate) const DRAWS: usize = 5;

/// A future of a store.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The decision of an operation: a function of the loaded records that returns the changes to commit.
pub type Decide<'a> = dyn FnMut(Records<'_>) -> Vec<Change> + Send + 'a;

/// A store of the service's records.
///
/// The operations of the service are methods of `dyn Store`. They mirror those of [`Memory`](crate::Memory),
/// and wait.
///
/// # Contract
///
/// 1. [`Store::transact`] loads the records that the keys name, and calls the decision with them.
/// 2. It commits all changes, or none. None of the records that the decision changes has changed since they were
///    loaded. Otherwise the store loads them again, and calls the decision again. So a code brings one grant,
///    although two requests present it at the same time.
/// 3. It returns when the changes are committed, and not before. After a crash, a committed change is there.
///    A change of [`Change::may_be_lost`] need not be: without it a device may poll sooner, or a source guess again.
/// 4. A new device has a user code that no other device has. Otherwise the store calls the decision again, at
///    most five times.
/// 5. It drops a record after its `forget_at`, sooner or later. The decisions do not depend on it.
/// 6. Dropping the future commits all changes or none.
///
/// `device_authority::conformance` checks an implementation, with the feature of this name.
///
/// ```
/// use core::time::Duration;
/// use std::sync::Mutex;
///
/// use device_authority::{Capacity, Change, Keys, Memory, Moment, NoEntropy, ServerPolicy, Store};
/// use oidc_proto::RegisterClientRequest;
///
/// let memory = Mutex::new(Memory::new(Capacity::default()));
/// let store: &dyn Store = &memory;
/// let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
/// let mut rng = fastrand::Rng::with_seed(1);
/// let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
/// let request = RegisterClientRequest::new("my-tool");
/// # pollster::block_on(async {
/// store.check().await?;
/// let registration = store.register_client(&policy, &request, now, &mut entropy).await??;
/// assert_eq!((store.counts().await?.clients, store.pending(now).await?.len()), (1, 0));
///
/// // What an operation does: load, decide, commit. This one only looks.
/// let mut keys = Keys::default();
/// keys.client = Some(&registration.client.id);
/// let mut name = None;
/// let mut look = |records: device_authority::Records<'_>| -> Vec<Change> {
///     name = records.client.map(|client| client.name.clone());
///     Vec::new()
/// };
/// store.transact(keys, now, &mut look).await?;
/// assert_eq!(name.as_deref(), Some("my-tool"));
///
/// assert!(store.evictions().is_some_and(|evicted| evicted.clients == 0));
/// assert_eq!(store.page_key([1; 32]).await?, store.page_key([2; 32]).await?);
/// assert_eq!(store.sweep(now.after(policy.registration_ttl)).await?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Store: fmt::Debug + Send + Sync {
    /// Loads the records, lets `decide` decide, and commits its changes. `now` is the time of the decision.
    ///
    /// `decide` may be called several times. Only the changes of its last call count.
    ///
    /// # Errors
    /// [`StoreError`]. Then nothing is committed.
    fn transact<'a>(
        &'a self,
        keys: Keys<'a>,
        now: Moment,
        decide: &'a mut Decide<'a>,
    ) -> Waiting<'a, Result<(), StoreError>>;

    /// Returns the user codes that wait for a decision, at most 10,000 of them, in no particular order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn pending(&self, now: Moment) -> Waiting<'_, Result<Vec<UserCode>, StoreError>>;

    /// Returns the number of records of each kind. A shared store may return those of a moment ago.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn counts(&self) -> Waiting<'_, Result<Counts, StoreError>>;

    /// Returns the key of the approval pages, which all processes at this store share. The first call stores
    /// `fresh`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn page_key(&self, fresh: [u8; 32]) -> Waiting<'_, Result<[u8; 32], StoreError>>;

    /// Drops some of the records that may be forgotten, and returns their number. Zero means that there are no
    /// more. A server calls it from time to time.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn sweep(&self, now: Moment) -> Waiting<'_, Result<usize, StoreError>>;

    /// Returns the number of records of each kind that made room for others in a full store, since it was opened.
    /// `None` says that the store does not count them.
    fn evictions(&self) -> Option<Counts> {
        None
    }

    /// Checks whether the store answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn check(&self) -> Waiting<'_, Result<(), StoreError>>;
}

/// The reason why a store committed nothing.
///
/// ```
/// use core::time::Duration;
/// use device_authority::StoreError;
/// use oidc_proto::FaultCode;
///
/// let full = StoreError::full("registrations", Duration::from_secs(60));
/// assert_eq!(full.to_string(), "the store has reached its limit of registrations");
/// assert_eq!(full.fault().code, FaultCode::SlowDown);
/// let away = StoreError::unavailable(std::io::Error::other("connection refused"));
/// assert_eq!(away.to_string(), "the store is unavailable: connection refused");
/// assert_eq!(away.fault().code, FaultCode::InternalServer);
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store has no room for a new record.
    #[error("the store has reached its limit of {what}")]
    Full {
        /// The kind of record, in the plural.
        what: &'static str,
        /// The time until a record expires, if it is known, else zero.
        room_after: Duration,
    },
    /// The store cannot be reached, or failed. The client may try again.
    #[error("the store is unavailable: {0}")]
    Unavailable(#[source] Box<dyn core::error::Error + Send + Sync>),
}

impl StoreError {
    /// Creates the error of a store without room.
    #[must_use]
    pub const fn full(what: &'static str, room_after: Duration) -> Self {
        Self::Full { what, room_after }
    }

    /// Creates the error of a store that failed.
    #[must_use]
    pub fn unavailable(source: impl Into<Box<dyn core::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }

    /// Returns the fault for the response. It does not name the cause, which may have the address of a database.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Full { what, .. } => Fault::new(FaultCode::SlowDown)
                .with_description(format!("The server has reached its limit of {what}; try again later")),
            Self::Unavailable(_) => Fault::new(FaultCode::InternalServer)
                .with_description("The server cannot reach its store at the moment; try again later"),
        }
    }

    /// Returns the fault for the redirect URI of an authorization request (RFC 6749 §4.1.2.1).
    ///
    /// ```
    /// use device_authority::StoreError;
    /// let full = StoreError::full("authorization codes", core::time::Duration::ZERO);
    /// assert_eq!(full.authorization_fault().code.error(), "temporarily_unavailable");
    /// ```
    #[must_use]
    pub fn authorization_fault(&self) -> Fault {
        let mut fault = Fault::new(FaultCode::Other("temporarily_unavailable".to_owned()));
        fault.description = self.fault().description;
        fault
    }
}
