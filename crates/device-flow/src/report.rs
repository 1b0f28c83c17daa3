//! A report on the end of a sign-in, for a log or a support ticket.

use core::error::Error;
use core::fmt;

use oidc_proto::printable;

use crate::{NotSignedIn, Outcome};

/// A [`NotSignedIn`] with its details, one on each line: outcome and hint, causes, request id, polls and
/// duration. It has no secret of the flow, and of a body only the fault's text.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a>(pub(crate) &'a NotSignedIn);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report(end) = self;
        write!(f, "{end}")?;
        let mut cause = end.source();
        while let Some(error) = cause {
            write!(f, "\ncaused by: {}", printable(&error.to_string()))?;
            cause = error.source();
        }
        if let Some(id) = end.outcome.request_id() {
            write!(f, "\nrequest id: {}", printable(id))?;
        }
        let (polls, elapsed) = (end.polls, end.elapsed.as_secs_f64());
        let unit = if polls == 1 { "poll" } else { "polls" };
        write!(f, "\noutcome {} after {polls} {unit} and {elapsed:.1} s", end.outcome.name())
    }
}

impl Outcome {
    /// Returns a stable name for logs: `denied`, `expired`, `rejected`, `cancelled`, `grant_lost`, `refused`,
    /// `unreachable`, `invalid_response`, `unsupported_operation`, `no_start_url`, `no_verifier`. The code
    /// flow adds `no_redirect`, `authorization_failed`, `wrong_issuer`, `no_authorization_endpoint`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::Expired(_) => "expired",
            Self::Rejected { .. } => "rejected",
            Self::Cancelled => "cancelled",
            Self::GrantLost(_) => "grant_lost",
            Self::Refused { .. } => "refused",
            Self::Unreachable { .. } => "unreachable",
            Self::InvalidResponse(_) => "invalid_response",
            Self::UnsupportedOperation(_) => "unsupported_operation",
            Self::NoStartUrl => "no_start_url",
            Self::NoVerifier => "no_verifier",
            Self::NoRedirect => "no_redirect",
            Self::AuthorizationFailed(_) => "authorization_failed",
            Self::WrongIssuer(_) => "wrong_issuer",
            Self::NoAuthorizationEndpoint => "no_authorization_endpoint",
        }
    }
}
