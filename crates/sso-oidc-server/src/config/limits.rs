//! The limits on a peer.

use core::time::Duration;

/// Limits on a peer's use of bytes, time and connections.
///
/// ```
/// use core::time::Duration;
/// use sso_oidc_server::{Config, Limits};
///
/// let second = Duration::from_secs(1);
/// let limits = Limits::default()
///     .with_body_bytes(4096)
///     .with_head_bytes(8192)
///     .with_headers(32)
///     .with_body_timeout(second)
///     .with_write_timeout(second)
///     .with_idle_timeout(30 * second)
///     .with_connections(16)
///     .with_connections_per_address(8)
///     .with_drain(second);
/// assert_eq!(Config::default().with_limits(limits).limits.connections, 16);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest request body, in bytes. A longer one gets 413. Default: 64 KiB.
    pub body_bytes: usize,
    /// The longest request head, in bytes. A longer one gets 431. Default: 16 KiB; the minimum of hyper is 8
    /// KiB.
    pub head_bytes: usize,
    /// The highest number of headers. More get 431. Default: 64.
    pub headers: usize,
    /// The time between the head and the last byte of the body. A slower request gets 408. Default: 10 s.
    pub body_timeout: Duration,
    /// The time within which a peer must take a byte of its response. Then the server closes the connection.
    /// Default: 10 s.
    pub write_timeout: Duration,
    /// The time between a response and the end of the next request's head. Then the server closes the
    /// connection. A TLS handshake has the same time before its first request. The default of 75 s exceeds
    /// the longest polling interval, so a device can keep its connection.
    pub idle_timeout: Duration,
    /// The highest number of connections. For one more, the server closes the oldest one with an incomplete
    /// request, or else the one that is idle for the longest time. Default: 1024.
    pub connections: usize,
    /// The highest number of connections from one address, or from one /64 of IPv6. For one more, the server
    /// closes another one of the same address. Default: 768.
    pub connections_per_address: usize,
    /// The time that requests in progress get after the shutdown signal. Default: 2 s.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 64 * 1024,
            head_bytes: 16 * 1024,
            headers: 64,
            body_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            connections: 1024,
            connections_per_address: 768,
            drain: Duration::from_secs(2),
        }
    }
}

impl Limits {
    /// Sets the longest body, in bytes.
    #[must_use]
    pub const fn with_body_bytes(mut self, bytes: usize) -> Self {
        self.body_bytes = bytes;
        self
    }

    /// Sets the longest head, in bytes.
    #[must_use]
    pub const fn with_head_bytes(mut self, bytes: usize) -> Self {
        self.head_bytes = bytes;
        self
    }

    /// Sets the highest number of headers.
    #[must_use]
    pub const fn with_headers(mut self, headers: usize) -> Self {
        self.headers = headers;
        self
    }

    /// Sets the time for a body.
    #[must_use]
    pub const fn with_body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// Sets the time within which a peer must take a byte of its response.
    #[must_use]
    pub const fn with_write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// Sets the time between two requests.
    #[must_use]
    pub const fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Sets the highest number of connections; at least one.
    #[must_use]
    pub const fn with_connections(mut self, count: usize) -> Self {
        self.connections = count;
        self
    }

    /// Sets the highest number of connections from one address; at least one.
    #[must_use]
    pub const fn with_connections_per_address(mut self, count: usize) -> Self {
        self.connections_per_address = count;
        self
    }

    /// Sets the time that requests in progress get at shutdown.
    #[must_use]
    pub const fn with_drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }
}
