//! How a search for metadata fails.

use http::Uri;
use oidc_proto::oauth::MetadataError;

use super::NotFollowed;
use crate::TransportError;

/// Why a search found no metadata: what the most telling of the addresses said.
///
/// An address is named without its query.
///
/// ```
/// use core::time::Duration;
/// use device_flow::{MetadataSearch, ResponseBody, SearchAction, SearchError, Tick};
///
/// let mut search = MetadataSearch::of("https://id.example", Tick::ZERO)?.with_patience(Duration::ZERO);
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
    /// No answer came from this address, and patience is over.
    #[error("no answer came from {address}")]
    #[non_exhaustive]
    Transport {
        /// The address.
        address: Uri,
        /// Why.
        source: TransportError,
    },
    /// What came from this address is no metadata of this issuer.
    #[error("nothing of use came from {address}")]
    #[non_exhaustive]
    Metadata {
        /// The address.
        address: Uri,
        /// What is wrong with it.
        source: MetadataError,
    },
    /// This address leads elsewhere, and there the search does not go.
    #[error("{address} redirects to `{target}`, which is not followed because {reason}")]
    #[non_exhaustive]
    Redirect {
        /// The address.
        address: Uri,
        /// Where it leads, without user name, password, query and control characters.
        target: String,
        /// Why that is not followed.
        reason: NotFollowed,
    },
    /// The search was cancelled before its end.
    #[error("the search for metadata was given up before its end")]
    Unfinished,
}

impl SearchError {
    /// How much it says of why there is no metadata. Whatever names a document says more than trouble that may have hidden one,
    /// and a plain no says least.
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

    /// The address that said so.
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
