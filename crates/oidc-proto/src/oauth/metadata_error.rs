//! Why a response is no metadata.

use core::time::Duration;

use crate::{EndpointError, NoVerdictReason};

/// Why a response is no metadata of this issuer, or the metadata no way to sign in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// A status that is a plain no: there is no metadata at this address. Try the next one.
    #[error("there is no metadata (HTTP {0})")]
    Status(u16),
    /// A status that says nothing of the metadata: the provider has failed, is busy, or has no time for us. Ask again later.
    #[error("the provider could not give its metadata for now (HTTP {status})")]
    #[non_exhaustive]
    Unavailable {
        /// The status.
        status: u16,
        /// `Retry-After`: do not ask again before this much time has passed.
        retry_after: Option<Duration>,
    },
    /// Something other than a JSON object, for example a web application's page for every path, or a login page. Try the
    /// next address.
    #[error("instead of metadata came {}", what_came(*.0))]
    NotJson(NoVerdictReason),
    /// A document that is compressed although that was not asked for. Try the next address.
    #[error("the metadata is compressed (`{0}`), which was not asked for")]
    Encoded(String),
    /// The document is about another issuer (RFC 8414 §3.3: it must not be used).
    #[error("the metadata is for the issuer `{found}`, not for `{asked}`")]
    Issuer {
        /// The issuer that was asked for.
        asked: String,
        /// The issuer that the document names.
        found: String,
    },
    /// A member that signing in needs is absent.
    #[error("the metadata has no `{0}`; give the URL by hand if the provider documents one")]
    Missing(&'static str),
    /// A URL in the metadata cannot be used.
    #[error("the metadata's `{member}` cannot be used")]
    Endpoint {
        /// The member.
        member: &'static str,
        /// What is wrong with it.
        source: EndpointError,
    },
    /// The provider takes none of the ways in which a client can show its secret here; these are the ways that it takes.
    #[error("the provider takes a client's authentication as {0} alone, and none of these is supported")]
    ClientAuthentication(String),
}

/// What came, if it was no JSON object.
const fn what_came(reason: NoVerdictReason) -> &'static str {
    match reason {
        NoVerdictReason::Html => "an HTML page",
        NoVerdictReason::EmptyBody => "an empty body",
        NoVerdictReason::CutBody => "JSON that ends too early",
        NoVerdictReason::Encoded => "a compressed body",
        NoVerdictReason::NotAnObject => "JSON that is not an object",
        NoVerdictReason::NotJson | NoVerdictReason::Redirect | NoVerdictReason::UnnamedError => {
            "a body that is not JSON"
        }
    }
}
