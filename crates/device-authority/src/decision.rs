//! The result of an operation: a reply, and the changes to commit.

use oidc_proto::Fault;

use crate::{
    AccessRecord, AuthorizationStatus, ClientRecord, CodeRecord, CodeStatus, DeviceRecord, DeviceState,
    GuessRecord, RefreshRecord, Selector, Source,
};

/// The result of an operation: the reply, and the changes. The changes apply even if the reply is a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "commit the changes, also when the reply is a fault"]
pub struct Decision<T> {
    /// The response to send.
    pub reply: Result<T, Fault>,
    /// The changes to commit, all or nothing, before the response.
    pub changes: Vec<Change>,
}

impl<T> Decision<T> {
    /// Creates a decision.
    pub(crate) const fn new(reply: Result<T, Fault>, changes: Vec<Change>) -> Self {
        Self { reply, changes }
    }

    /// Creates a refusal without changes.
    pub(crate) const fn refuse(fault: Fault) -> Self {
        Self { reply: Err(fault), changes: Vec::new() }
    }
}

/// One change to the records.
///
/// Exhaustive on purpose: a store must handle every kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a store commits every kind, so a new one has to break its build"
)]
pub enum Change {
    /// A new client.
    AddClient(ClientRecord),
    /// A new device, which waits for its person.
    AddDevice(DeviceRecord),
    /// A new state of a device.
    SetDevice {
        /// The device.
        device: Selector,
        /// The new state.
        state: DeviceState,
    },
    /// A new authorization code.
    AddCode(CodeRecord),
    /// A new status of an authorization code.
    SetCode {
        /// The code.
        code: Selector,
        /// The new status.
        status: CodeStatus,
    },
    /// A new token family, or a new valid token of one.
    PutRefresh(RefreshRecord),
    /// The end of a token family.
    RevokeRefresh(Selector),
    /// A new access token.
    AddAccess(AccessRecord),
    /// The end of an access token.
    RevokeAccess(Selector),
    /// Stores the wrong user codes of this source, new or changed.
    PutGuesses {
        /// The source, or [`Source::EVERYONE`].
        source: Source,
        /// The new record.
        record: GuessRecord,
    },
}

impl Change {
    /// Returns whether a crash may lose the change: the pace of a device that waits, or a count of wrong codes.
    /// Without it a device may poll sooner, and a source may guess again. A store need not wait for the disk.
    ///
    /// ```
    /// use device_authority::{Change, Selector};
    /// use oidc_proto::Secret;
    /// let family = Selector::of(&Secret::new("x".repeat(86))).ok_or("it is long enough")?;
    /// assert!(!Change::RevokeRefresh(family).may_be_lost());
    /// # Ok::<(), &str>(())
    /// ```
    #[must_use]
    pub fn may_be_lost(&self) -> bool {
        match self {
            Self::SetDevice { state, .. } => state.status == AuthorizationStatus::Pending,
            Self::PutGuesses { .. } => true,
            Self::AddClient(_)
            | Self::AddDevice(_)
            | Self::AddCode(_)
            | Self::SetCode { .. }
            | Self::PutRefresh(_)
            | Self::RevokeRefresh(_)
            | Self::AddAccess(_)
            | Self::RevokeAccess(_) => false,
        }
    }
}
