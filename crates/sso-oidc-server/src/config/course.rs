//! The settings of misbehaviour: injected faults, and the course of a script.

#[cfg(feature = "faults")]
use core::time::Duration;

use crate::Config;
#[cfg(feature = "faults")]
use crate::FaultRule;
#[cfg(feature = "script")]
use crate::Script;

impl Config {
    /// Sets the course of sign-ins; see [`Script`].
    ///
    /// ```
    /// use sso_oidc_server::{Config, TestServer};
    /// let script = "[[sign_in]]\npolls = [{ fault = \"html-502\" }, \"token\"]".parse()?;
    /// let server = TestServer::with(Config::default().with_script(script))?;
    /// # drop(server);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "script")]
    #[must_use]
    pub fn with_script(mut self, script: Script) -> Self {
        self.script = Some(script);
        self
    }

    /// Adds a [`FaultRule`], or a [`crate::InjectedFault`] for every request.
    ///
    /// ```
    /// use sso_oidc_server::{Config, InjectedFault, Operation, FaultRule};
    /// let config = Config::default()
    ///     .with_fault(InjectedFault::Drip) // every answer is slow, but for
    ///     .with_fault(FaultRule::new(InjectedFault::Html502).at(Operation::CreateToken).once());
    /// assert_eq!(config.faults.len(), 2);
    /// ```
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn with_fault(mut self, rule: impl Into<FaultRule>) -> Self {
        self.faults.push(rule.into());
        self
    }

    /// Sets the time of `Retry-After` in the injected faults that have one, such as
    /// [`crate::InjectedFault::Unavailable`].
    ///
    /// ```
    /// use core::time::Duration;
    /// use sso_oidc_server::{Config, InjectedFault, TestServer};
    ///
    /// let config = Config::default().with_fault(InjectedFault::Unavailable);
    /// let server = TestServer::with(config.with_retry_after(Duration::from_secs(1)))?;
    /// # use std::io::{Read as _, Write as _};
    /// # let host = server.endpoint().trim_start_matches("http://");
    /// # let mut stream = std::net::TcpStream::connect(host)?;
    /// # write!(stream, "POST /token HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
    /// let mut response = String::new();
    /// # stream.read_to_string(&mut response)?; // to POST /token
    /// assert!(response.starts_with("HTTP/1.1 503") && response.contains("retry-after: 1\r\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "faults")]
    #[must_use]
    pub const fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = wait;
        self
    }
}
