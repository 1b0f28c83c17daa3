//! The prompt for the person: an address to open.

use core::fmt;
use core::time::Duration;

use super::redirect::RedirectUri;
use crate::Tick;

/// The address that the person opens, in a browser on this machine. `Display` writes a complete instruction.
///
/// Only the person should see the address. It has the `state`, so an attacker with it could answer with an
/// account of their own (RFC 9700 §4.7). The token stays out of reach. `Debug` omits it.
///
/// ```
/// use core::time::Duration;
/// use device_flow::{BrowserPrompt, RedirectUri};
///
/// let (redirect, lifetime) = (RedirectUri::loopback(8400), Duration::from_secs(600));
/// let prompt = BrowserPrompt::new("https://id.example/authorize?x=1", redirect, lifetime);
/// assert!(prompt.to_string().contains("https://id.example/authorize?x=1"));
/// let debug = format!("{prompt:?}");
/// assert!(debug.contains("expires_in: 600s") && !debug.contains("id.example"));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrowserPrompt {
    /// The address of the authorization page, with the request in its query.
    pub url: String,
    /// The listener that the browser is sent to in the end.
    pub redirect_uri: RedirectUri,
    /// The time for the person, from now.
    pub expires_in: Duration,
    /// The end of that time, in the driver's time.
    pub deadline: Tick,
    /// Whether this replaces an earlier prompt of the flow, because the service rejected its cached
    /// registration.
    pub replaces_earlier: bool,
}

impl BrowserPrompt {
    /// Creates a prompt as of a flow that starts at its origin, for a test of its display.
    #[must_use]
    pub fn new(url: impl Into<String>, redirect_uri: RedirectUri, expires_in: Duration) -> Self {
        let deadline = Tick::ZERO + expires_in;
        Self { url: url.into(), redirect_uri, expires_in, deadline, replaces_earlier: false }
    }
}

impl fmt::Display for BrowserPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let again = if self.replaces_earlier { "The earlier address is void. " } else { "" };
        write!(f, "{again}To sign in, open this address in a browser on this machine:\n\n    {}\n", self.url)
    }
}

impl fmt::Debug for BrowserPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrowserPrompt")
            .field("redirect_uri", &self.redirect_uri)
            .field("expires_in", &self.expires_in)
            .field("deadline", &self.deadline)
            .field("replaces_earlier", &self.replaces_earlier)
            .finish_non_exhaustive()
    }
}
