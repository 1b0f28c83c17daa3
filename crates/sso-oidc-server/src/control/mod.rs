//! The control API: a test in another language reads the requests and plays the person, with a token, on a port of its
//! own. Its routes are in the crate's documentation.

mod endpoints;
mod operations;

use core::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use device_authority::Digest;
use http::Response;
use http::request::Parts;
use oidc_proto::{Fault, Secret};

pub use self::operations::{Device, DeviceStatus};
use crate::side_port::{Answers, SidePort};
use crate::{Handle, Limits, ServeError};

/// The settings of the control API, with which another process controls the server; see the crate's documentation. It
/// speaks plain HTTP on a port of its own. A holder of the token decides every device.
///
/// ```
/// use sso_oidc_server::{Config, Control, Secret, ServeError, TestServer};
///
/// let control = Control::new(Secret::from("token")).with_listen("127.0.0.1:0".parse().unwrap());
/// let server = TestServer::with(Config::default().with_control(control))?;
/// assert!(server.handle().control_endpoint().is_some_and(|url| url.starts_with("http://127.0.0.1:")));
/// let control = Control::new(Secret::from("two words"));
/// assert!(matches!(TestServer::with(Config::default().with_control(control)), Err(ServeError::ControlToken)));
/// # Ok::<(), ServeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Control {
    /// The address to listen on. Default: `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// The bearer token (RFC 6750 §2.1) of every request.
    pub token: Secret,
}

impl Control {
    /// Creates the settings for a free loopback port.
    #[must_use]
    pub const fn new(token: Secret) -> Self {
        Self { listen: SocketAddr::V4(core::net::SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)), token }
    }

    /// Sets the address to listen on.
    #[must_use]
    pub const fn with_listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }
}

/// What answers at the control API's port.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) handle: Handle,
    pub(crate) token: Digest,
}

impl Control {
    /// Listens, and returns the URL and the token's digest as well.
    pub(crate) fn bind(&self) -> Result<(SidePort, String, Digest), ServeError> {
        let token = self.token.expose();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ServeError::ControlToken);
        }
        let (port, url) = SidePort::bind(self.listen)?;
        Ok((port, url, Digest::of(&self.token)))
    }
}

impl Answers for Api {
    const NAME: &'static str = "the control API";

    fn limits(&self) -> &Limits {
        &self.handle.state.limits
    }

    async fn answer(&self, head: &Parts, body: impl Future<Output = Result<Bytes, Fault>> + Send) -> Answer {
        endpoints::answer(&self.handle, &self.token, head, body).await
    }
}

/// A response of the control API.
type Answer = Response<Vec<u8>>;
