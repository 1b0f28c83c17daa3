//! The errors of metadata.

use core::time::Duration;

use crate::{EndpointError, IndeterminateReason};

/// The reason why a response has no metadata of this issuer, or the metadata no URLs to sign in with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// A permanent status: this address has no metadata. Try the next one.
    #[error("no metadata found (HTTP {0})")]
    Status(u16),
    /// A transient status: the provider fails, throttles or times out. Retry later.
    #[error("the provider's metadata is temporarily unavailable (HTTP {status})")]
    #[non_exhaustive]
    Unavailable {
        /// The status.
        status: u16,
        /// `Retry-After`: the least time before the next request.
        retry_after: Option<Duration>,
    },
    /// Not a JSON object, for example a login page or a web application's page for every path. Try the next
    /// address.
    #[error("expected metadata, got {}", what_came(*.0))]
    NotJson(IndeterminateReason),
    /// A compressed document, although the request accepts none. Try the next address.
    #[error("the metadata is compressed (`{0}`), which the request does not accept")]
    Encoded(String),
    /// Metadata of another issuer, which must not be used (RFC 8414 §3.3).
    #[error("the metadata is for issuer `{found}`, not `{asked}`")]
    Issuer {
        /// The requested issuer.
        asked: String,
        /// The issuer in the document.
        found: String,
    },
    /// A required member is absent.
    #[error("the metadata has no `{0}`; set the URL explicitly if the provider documents one")]
    Missing(&'static str),
    /// A URL in the metadata is invalid.
    #[error("the metadata has an invalid `{member}`")]
    Endpoint {
        /// The member.
        member: &'static str,
        /// The error in the URL.
        source: EndpointError,
    },
    /// The provider supports no authentication method of this client. Holds the supported methods.
    #[error("unsupported client authentication: the provider accepts only {0}")]
    ClientAuthentication(String),
}

/// Returns a description of the body that is not a JSON object.
const fn what_came(reason: IndeterminateReason) -> &'static str {
    match reason {
        IndeterminateReason::Html => "an HTML page",
        IndeterminateReason::EmptyBody => "an empty body",
        IndeterminateReason::CutBody => "truncated JSON",
        IndeterminateReason::Encoded => "a compressed body",
        IndeterminateReason::NotAnObject => "JSON that is not an object",
        IndeterminateReason::NotJson | IndeterminateReason::Redirect | IndeterminateReason::UnnamedError => {
            "a body that is not JSON"
        }
    }
}
