//! The interface of an adapter as the table of faults sees it.

use std::sync::mpsc::Receiver;

use crate::cancelled::{Cancelled, Watcher};
use crate::case::{End, Setting, Target};
use crate::ledger::{Ledger, Watch};
use crate::table::Told;

/// An adapter that every fault is tried on.
pub(crate) trait Faced {
    /// The settings in which every fault is met.
    const SETTINGS: &'static [Setting];

    /// A whole sign-in at virtual time.
    fn sign_in(target: &Target, ledger: &Ledger, watch: Watch<'_>) -> Result<(), End>;

    /// A sign-in at real time that is cancelled at the moment, and how long after that it ended.
    fn sign_in_until(target: &Target, watcher: Watcher, moments: Receiver<()>) -> Cancelled;

    /// A sign-in, and the revocation of its token.
    fn revoke(target: &Target) -> Told;

    /// A search for metadata at virtual time.
    fn discover(target: &Target) -> Told;
}
