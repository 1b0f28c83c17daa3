//! What the person is shown.

use core::fmt;
use core::time::Duration;

use oidc_proto::printable;

use crate::Tick;

/// What to show the person (RFC 8628 §3.3). The device code is not in it.
///
/// The texts are the service's own. `Display` writes a complete instruction with them, stripped of control
/// characters; a program that lays the prompt out itself should pass them through
/// [`oidc_proto::printable`] before they reach a terminal. `Debug` is for logs, where the user code does not belong
/// (RFC 8628 §5.5), and leaves it out.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserPrompt {
    /// The code to enter, to be shown exactly as it came, also beside a complete URI (RFC 8628 §3.3.1).
    pub user_code: String,
    /// Where to enter it.
    pub verification_uri: String,
    /// The same with the code inside, for a link, a browser or a QR code.
    pub verification_uri_complete: Option<String>,
    /// How long the code lives from when the service's answer arrived.
    pub expires_in: Duration,
    /// When it dies, in the driver's time.
    pub deadline: Tick,
    /// Whether an earlier prompt of this flow has become void, because the service rejected the cached registration
    /// that it was made with.
    pub replaces_earlier: bool,
}

impl UserPrompt {
    /// The address to open in a browser: the complete one if there is one, or else the plain one.
    ///
    /// `None` if it is not a web page's address (`http` or `https`, in characters that a URL may have). Open nothing then,
    /// and never the fields themselves: they are the service's text, and what opens a URL also opens files and programs.
    ///
    /// ```
    /// # use device_flow::UserPrompt;
    /// fn on_prompt(prompt: &UserPrompt, open_in_browser: impl Fn(&str)) {
    ///     eprintln!("{prompt}"); // the person must see the code also where a browser opens (RFC 8628 §3.3.1)
    ///     if let Some(url) = prompt.browser_url() {
    ///         open_in_browser(url);
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn browser_url(&self) -> Option<&str> {
        let url = self.verification_uri_complete.as_deref().unwrap_or(&self.verification_uri);
        let (scheme, rest) = url.split_once("://")?;
        let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
        let is_printable = url.bytes().all(|byte| byte.is_ascii_graphic());
        (is_web && is_printable && !rest.is_empty()).then_some(url)
    }
}

impl fmt::Debug for UserPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserPrompt")
            .field("verification_uri", &self.verification_uri)
            .field("expires_in", &self.expires_in)
            .field("deadline", &self.deadline)
            .field("replaces_earlier", &self.replaces_earlier)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for UserPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.replaces_earlier {
            writeln!(f, "The earlier code is void. Please use this new one.\n")?;
        }
        writeln!(f, "To sign in, open this page in a browser, on any device:\n")?;
        writeln!(f, "    {}\n", printable(&self.verification_uri))?;
        if let Some(complete) = &self.verification_uri_complete {
            writeln!(f, "or this one, which has the code already filled in:\n")?;
            writeln!(f, "    {}\n", printable(complete))?;
        }
        writeln!(f, "Check that it shows this code, or enter it:\n")?;
        writeln!(f, "    {}\n", printable(&self.user_code))?;
        write!(f, "Approve only if you started this sign-in yourself.")
    }
}
