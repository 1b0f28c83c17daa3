//! The interface of an adapter for the table of faults.

use std::sync::mpsc::Receiver;

use oidc_proto::Operation;

use crate::cancelled::{Cancelled, Watcher};
use crate::case::{End, Setting, Target};
use crate::ledger::{Ledger, Watch};
use crate::table::CallResult;

/// An adapter under test with every fault.
pub(crate) trait Faced {
    /// The settings in which the tests inject every fault.
    const SETTINGS: &'static [Setting];

    /// Signs in at virtual time.
    fn sign_in(target: &Target, ledger: &Ledger, watch: Watch<'_>) -> Result<(), End>;

    /// Signs in with the authorization code flow. Only the browser takes real time.
    fn sign_in_by_code(target: &Target, ledger: &Ledger, watch: Watch<'_>) -> Result<(), End>;

    /// Signs in at real time with a cancellation on the signal. The result has the delay of the end.
    fn sign_in_until(target: &Target, watcher: Watcher, moments: Receiver<()>) -> Cancelled;

    /// The same with the authorization code flow.
    fn sign_in_by_code_until(target: &Target, watcher: Watcher, moments: Receiver<()>) -> Cancelled;

    /// Signs in, and revokes the token.
    fn revoke(target: &Target) -> CallResult;

    /// Signs in, and calls an operation of the portal.
    fn call_portal(target: &Target, operation: Operation) -> CallResult;

    /// Searches for metadata at virtual time.
    fn discover(target: &Target) -> CallResult;
}
