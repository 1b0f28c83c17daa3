//! The errors of an adapter that renews a stored session.

use core::error::Error;
use core::fmt;

use super::{NotUsable, RenewalOutcome};
use crate::Session;

/// The reason why there is no token to use, with the store's own error.
///
/// ```
/// use device_flow::renewal::{RenewError, Renewal, RenewalPolicy};
/// use device_flow::Tick;
/// # use oidc_proto::Endpoint;
/// use std::io;
///
/// let renewal = Renewal::new(Endpoint::for_region("eu-west-1")?, RenewalPolicy::default(), Tick::ZERO);
/// let end = renewal.into_result().unwrap_err();
/// let error = RenewError::new(end, Some(io::Error::other("disk full")));
/// assert_eq!(error.to_string(), "the renewal was cancelled");
/// assert!(error.store.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct RenewError<S> {
    /// The end of the renewal.
    pub end: Box<NotUsable>,
    /// The latest error of the store, if it failed.
    pub store: Option<S>,
}

impl<S> RenewError<S> {
    /// Creates an error. Only a driver makes one.
    #[must_use]
    pub fn new(end: NotUsable, store: Option<S>) -> Self {
        Self { end: Box::new(end), store }
    }
}

impl<S> fmt::Display for RenewError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.end.fmt(f)
    }
}

impl<S: Error + 'static> Error for RenewError<S> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let is_the_stores =
            matches!(self.end.outcome, RenewalOutcome::StoreFailed | RenewalOutcome::NotStored);
        let store = self.store.as_ref().filter(|_| is_the_stores).map(|error| error as _);
        store.or_else(|| self.end.source())
    }
}

/// The reason why there is no token to use although the caller could sign in. `S` is the store's error, `E` the
/// sign-in's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnsureError<S: Error + 'static, E: Error + 'static> {
    /// A sign-in would not help.
    #[error(transparent)]
    NotUsable(RenewError<S>),
    /// The sign-in has failed.
    #[error(transparent)]
    NotSignedIn(E),
    /// The new session cannot be stored. It exists nowhere else.
    #[error("the new session could not be stored")]
    NotStored {
        /// The session.
        session: Box<Session>,
        /// The store's error.
        #[source]
        error: S,
    },
}

#[cfg(test)]
mod tests {
    use std::io;

    use oidc_proto::Endpoint;

    use super::*;
    use crate::Tick;
    use crate::renewal::{Renewal, RenewalPolicy};

    #[test]
    fn the_stores_error_is_the_source_only_of_an_end_that_the_store_caused() {
        for (outcome, source) in [
            (RenewalOutcome::StoreFailed, Some("disk full")),
            (RenewalOutcome::NotStored, Some("disk full")),
            (RenewalOutcome::Cancelled, None),
        ] {
            let service = Endpoint::for_region("eu-west-1").unwrap();
            let mut end =
                Renewal::new(service, RenewalPolicy::default(), Tick::ZERO).into_result().unwrap_err();
            end.outcome = outcome;
            let text = end.to_string();
            let error = RenewError::new(end, Some(io::Error::other("disk full")));
            assert_eq!(error.source().map(ToString::to_string).as_deref(), source, "{outcome:?}");
            assert_eq!(error.to_string(), text);
        }
    }
}
