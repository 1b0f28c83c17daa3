//! The meanings of a request at the redirect URI.

/// The meaning of a request at the redirect URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Callback {
    /// The response to this flow. The flow goes on or has ended; [`CodeFlow::page`](super::CodeFlow::page)
    /// says how, once it has ended.
    Accepted,
    /// Another path, such as `/favicon.ico`. The flow still listens.
    NotFound,
    /// The right path without a response to this flow: another `state`, or no code and no error. The flow still
    /// listens, because another program may have sent it.
    Unrelated,
    /// The flow has its response already, has ended, or has not asked yet, so it takes none.
    Late,
}

impl Callback {
    /// Returns a stable name, for logs.
    ///
    /// ```
    /// assert_eq!(device_flow::Callback::Unrelated.name(), "unrelated");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::NotFound => "not_found",
            Self::Unrelated => "unrelated",
            Self::Late => "late",
        }
    }
}
