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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_wins_unless_the_session_pins_the_device_code() {
        let device = || Some(Arc::new(|_: &UserPrompt| {}) as Arc<Show<UserPrompt>>);
        let browser = || Some(Arc::new(|_: &BrowserPrompt| {}) as Arc<Show<BrowserPrompt>>);
        let both = Person { device: device(), browser: browser() };
        assert!(matches!(both.ask(None), Some(Ask::Browser(_))));
        assert!(matches!(both.ask(Some(false)), Some(Ask::Browser(_))));
        assert!(matches!(both.ask(Some(true)), Some(Ask::Device(_))));
        // The program has no other way.
        assert!(matches!(Person { browser: None, ..both }.ask(Some(false)), Some(Ask::Device(_))));
        let only = Person { device: None, browser: browser() };
        assert!(matches!(only.ask(Some(true)), Some(Ask::Browser(_))));
        assert!(Person::default().ask(None).is_none());
    }
}
