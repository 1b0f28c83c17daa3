//! The person to ask, by either flow.

use std::sync::Arc;

use device_flow_reqwest::{BrowserPrompt, UserPrompt};

/// Shows a prompt to the person.
type Show<P> = dyn Fn(&P) + Send + Sync;

/// How the program asks its person, if it does.
#[derive(Clone, Default)]
pub(crate) struct Person {
    pub(crate) device: Option<Arc<Show<UserPrompt>>>,
    pub(crate) browser: Option<Arc<Show<BrowserPrompt>>>,
}

/// The way of one sign-in.
pub(crate) enum Ask<'a> {
    /// The device flow.
    Device(&'a Show<UserPrompt>),
    /// The authorization code flow.
    Browser(&'a Show<BrowserPrompt>),
}

impl Person {
    /// Returns the way to ask, if there is one. With both, a browser is safer (RFC 8252), unless the session pins the
    /// device code.
    pub(crate) fn ask(&self, use_device_code: Option<bool>) -> Option<Ask<'_>> {
        match (&self.device, &self.browser) {
            (Some(device), None) => Some(Ask::Device(&**device)),
            (Some(device), Some(_)) if use_device_code == Some(true) => Some(Ask::Device(&**device)),
            (_, Some(browser)) => Some(Ask::Browser(&**browser)),
            (None, None) => None,
        }
    }
}
