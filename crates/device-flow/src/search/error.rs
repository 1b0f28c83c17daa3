//! The error of a metadata search.

use http::Uri;
use oidc_proto::oauth::MetadataError;

use super::NotFollowed;
use crate::TransportError;

/// The reason why a search found no metadata, from the most informative address.
///
/// An address appears without its query.
///
/// ```
/// use core::time::Duration;
/// use device_flow::{MetadataSearch, ResponseBody, SearchAction, SearchError, Tick};
///
/// let mut search = MetadataSearch::of("https://id.example", Tick::ZERO)?.with_retry_window(Duration::ZERO);
/// while let SearchAction::Get { .. } = search.poll(Tick::ZERO) {
///     let moved = http::Response::builder().status(302).header("location", "http://id.example/login?s=1");
///     search.on_result(Tick::ZERO, Ok(moved.body(ResponseBody::default())?));
/// }
/// let error = search.finish().unwrap_err();
/// assert!(matches!(&error, SearchError::Redirect { target, .. } if target == "http://id.example/login"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The address gave no response within the retry window.
    #[error("failed to get a response from {address}")]
    #[non_exhaustive]
    Transport {
        /// The address.
        address: Uri,
        /// The error.
        source: TransportError,
    },
    /// The response of the address has no metadata of this issuer.
    #[error("{address} returned no usable metadata")]
    #[non_exhaustive]
    Metadata {
        /// The address.
        address: Uri,
        /// The error.
        source: MetadataError,
    },
    /// The address redirects, and the search does not follow.
    #[error("{address} redirects to `{target}`, which is not followed because {reason}")]
    #[non_exhaustive]
    Redirect {
        /// The address.
        address: Uri,
        /// The redirect's target, without user name, password, query and control characters.
        target: String,
        /// The reason why the search does not follow.
        reason: NotFollowed,
    },
    /// The search was cancelled before its end.
    #[error("the metadata search was stopped before its end")]
    Unfinished,
}

impl SearchError {
    /// Returns how informative the error is. A document says more than an error that may have hidden one, and
    /// a bare error status says least.
    pub(super) const fn telling(&self) -> u8 {
        match self {
            Self::Metadata { source: MetadataError::Issuer { .. }, .. } => 6,
            Self::Metadata { source: MetadataError::Missing(_), .. } => 5,
            Self::Transport { .. } | Self::Metadata { source: MetadataError::Unavailable { .. }, .. } => 4,
            Self::Redirect { .. } => 3,
            Self::Metadata { source: MetadataError::Status(401 | 403 | 407), .. } => 1,
            Self::Metadata { source: MetadataError::Status(_), .. } | Self::Unfinished => 0,
            Self::Metadata { .. } => 2,
        }
    }

    /// Returns the address of the error.
    ///
    /// ```
    /// assert_eq!(device_flow::SearchError::Unfinished.address(), None);
    /// ```
    #[must_use]
    pub const fn address(&self) -> Option<&Uri> {
        match self {
            Self::Transport { address, .. }
            | Self::Metadata { address, .. }
            | Self::Redirect { address, .. } => Some(address),
            Self::Unfinished => None,
        }
    }
}
