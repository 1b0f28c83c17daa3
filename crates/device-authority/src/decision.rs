//! What an operation decided.

use oidc_proto::Fault;

use crate::{ClientRecord, DeviceRecord, DeviceState, RefreshRecord, Selector};

/// What an operation decided: the reply, and what changes. The changes count whatever the reply is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "commit the changes, also when the reply is a fault"]
pub struct Decision<T> {
    /// What to answer.
    pub reply: Result<T, Fault>,
    /// What to commit, all or nothing, before answering.
    pub changes: Vec<Change>,
}

impl<T> Decision<T> {
    /// This reply, with these changes.
    pub(crate) const fn new(reply: Result<T, Fault>, changes: Vec<Change>) -> Self {
        Self { reply, changes }
    }

    /// A refusal that changes nothing.
    pub(crate) const fn refuse(fault: Fault) -> Self {
        Self { reply: Err(fault), changes: Vec::new() }
    }
}

/// One change to the records.
///
/// Exhaustive on purpose: a store that overlooked a kind would lose it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a store commits every kind, so a new one has to break its build"
)]
pub enum Change {
    /// A new client.
    AddClient(ClientRecord),
    /// A new device that waits for its person.
    AddDevice(DeviceRecord),
    /// A device's state becomes this one.
    SetDevice {
        /// Which device.
        device: Selector,
        /// Its state from now on.
        state: DeviceState,
    },
    /// A chain of refresh tokens is new, or its one valid token is another one from now on.
    PutRefresh(RefreshRecord),
    /// A chain of refresh tokens ends.
    RevokeRefresh(Selector),
}
