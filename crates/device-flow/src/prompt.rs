//! The prompt for the person.

use core::fmt;
use core::time::Duration;

use oidc_proto::printable;

use crate::Tick;

/// The prompt for the person (RFC 8628 §3.3), without the device code.
///
/// The texts are the service's own. `Display` writes a complete instruction without control characters. A
/// program with its own layout should pass each text through [`oidc_proto::printable`] before a terminal
/// shows it. `Debug` is for logs and omits the user code (RFC 8628 §5.5).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserPrompt {
    /// The code to enter. Display it exactly as received, even beside a complete URI (RFC 8628 §3.3.1).
    pub user_code: String,
    /// The page to enter it on.
    pub verification_uri: String,
    /// The same URI with the code inside, for a link, a browser or a QR code.
    pub verification_uri_complete: Option<String>,
    /// The code's life, from the response's arrival.
    pub expires_in: Duration,
    /// The code's expiry, in the driver's time.
    pub deadline: Tick,
    /// Whether this replaces an earlier prompt of the flow, because the service rejected its cached
    /// registration.
    pub replaces_earlier: bool,
}

impl UserPrompt {
    /// Creates a prompt as of a flow whose codes arrive at its origin, for a test of its display.
    ///
    /// ```
    /// use core::time::Duration;
    /// use device_flow::UserPrompt;
    ///
    /// let prompt = UserPrompt::new("WDJB-MJHT", "https://id.example/device", Duration::from_secs(600))
    ///     .with_complete_uri("https://id.example/device?user_code=WDJB-MJHT");
    /// assert_eq!(prompt.browser_url(), Some("https://id.example/device?user_code=WDJB-MJHT"));
    /// assert!(prompt.to_string().contains("WDJB-MJHT"));
    /// ```
    #[must_use]
    pub fn new(
        user_code: impl Into<String>,
        verification_uri: impl Into<String>,
        expires_in: Duration,
    ) -> Self {
        Self {
            user_code: user_code.into(),
            verification_uri: verification_uri.into(),
            verification_uri_complete: None,
            expires_in,
            deadline: Tick::ZERO + expires_in,
            replaces_earlier: false,
        }
    }

    /// Returns the same prompt with this complete URI.
    #[must_use]
    pub fn with_complete_uri(mut self, uri: impl Into<String>) -> Self {
        self.verification_uri_complete = Some(uri.into());
        self
    }

    /// Returns the address to open in a browser or to show as a link: the complete one if possible, or else
    /// the plain one.
    ///
    /// `None` if neither is a web page's address: `http` or `https`, in valid URL characters, and without a
    /// user name, which can hide another host. Then open nothing, and never the fields themselves. They are
    /// the service's text, and an opener also opens files and programs.
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
        self.complete_url().or_else(|| self.plain_url())
    }

    /// Returns the address as a text that no terminal or reader takes for a link, for display without a
    /// [`browser_url`](Self::browser_url).
    ///
    /// ```
    /// use core::time::Duration;
    /// use device_flow::UserPrompt;
    ///
    /// let prompt = UserPrompt::new("CODE", "https://id.example@evil.example/", Duration::from_secs(600));
    /// // The service named https://id.example@evil.example/, which leads to another host than it seems to.
    /// assert_eq!(prompt.browser_url(), None);
    /// assert_eq!(prompt.address_as_text(), "https ://id.example@evil.example/");
    /// ```
    #[must_use]
    pub fn address_as_text(&self) -> String {
        printable(&self.verification_uri).replacen(':', " :", 1)
    }

    /// Returns the address without the code, if it is a web page's; see [`browser_url`](Self::browser_url).
    ///
    /// ```
    /// use core::time::Duration;
    /// use device_flow::UserPrompt;
    ///
    /// let prompt = UserPrompt::new("CODE", "https://id.example/go", Duration::from_secs(600))
    ///     .with_complete_uri("javascript:alert(1)");
    /// assert_eq!(prompt.plain_url(), Some("https://id.example/go"));
    /// ```
    #[must_use]
    pub fn plain_url(&self) -> Option<&str> {
        web_page(&self.verification_uri)
    }

    /// Returns the address with the code, if present and a web page's; see
    /// [`browser_url`](Self::browser_url).
    ///
    /// ```
    /// use core::time::Duration;
    /// use device_flow::UserPrompt;
    ///
    /// let prompt = UserPrompt::new("CODE", "https://id.example/go", Duration::from_secs(600))
    ///     .with_complete_uri("javascript:alert(1)");
    /// assert_eq!(prompt.complete_url(), None); // the service named javascript:alert(1)
    /// ```
    #[must_use]
    pub fn complete_url(&self) -> Option<&str> {
        self.verification_uri_complete.as_deref().and_then(web_page)
    }
}

/// Returns the address if it is a web page's.
fn web_page(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    let is_printable = url.bytes().all(|byte| byte.is_ascii_graphic());
    (is_web && is_printable && !authority.is_empty() && !authority.contains('@')).then_some(url)
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
            writeln!(f, "The earlier code is no longer valid. Use this new one.\n")?;
        }
        match self.plain_url().or_else(|| self.complete_url()) {
            Some(url) => {
                writeln!(f, "To sign in, open this page in a browser, on any device:\n")?;
                writeln!(f, "    {url}\n")?;
            }
            None => {
                writeln!(
                    f,
                    "The service sent an address that is not a web page. Ask the service where to enter the code:\n"
                )?;
                writeln!(f, "    {}\n", self.address_as_text())?;
            }
        }
        if let Some(complete) = self.complete_url() {
            writeln!(f, "or this one, which has the code already filled in:\n")?;
            writeln!(f, "    {complete}\n")?;
        }
        writeln!(f, "Check that it shows this code, or enter it:\n")?;
        writeln!(f, "    {}\n", printable(&self.user_code))?;
        write!(f, "Approve only if you started this sign-in yourself.")
    }
}
