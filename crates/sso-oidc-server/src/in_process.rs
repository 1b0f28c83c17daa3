//! The service without sockets, at a test's virtual time.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Method, Request, Response};

use crate::clock::Clock;
use crate::exchange::Exchange;
use crate::handler::answer;
use crate::limits::check_length;
use crate::state::{Peer, State};
use crate::{Config, Handle, ServeError};

/// The whole service as a function from a request to its response. It opens no socket, never waits, and uses
/// the test's time. A ten-minute sign-in with a denial, an outage and a refresh takes a millisecond.
///
/// Clones share one service. A client reaches it through a closure: `HttpClientBuilder::answered_by` of
/// `device-flow-ureq` and `device-flow-reqwest`, with their `VirtualTime` as both clocks. The faults of
/// [`Config::with_fault`] act on connections, so they are an error here. The closure can fail instead.
#[derive(Clone, Debug)]
pub struct InProcess {
    state: Arc<State>,
}

impl InProcess {
    /// Creates a service with these settings. `time` returns its uptime, which may stand still and never
    /// decreases.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sso_oidc_server::{Client, Config, InProcess};
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use std::sync::Arc;
    ///
    /// let seconds = Arc::new(AtomicU64::new(0));
    /// let time = Arc::clone(&seconds);
    /// let config = Config::default().with_client(Client::public("my-tool"));
    /// let service = InProcess::new(config, move || Duration::from_secs(time.load(Ordering::Relaxed)))?;
    /// let post = |path: &str, form: &str| {
    ///     let url = format!("{}{path}", service.endpoint());
    ///     let request = http::Request::post(url).header("content-type", "application/x-www-form-urlencoded");
    ///     let answer = service.answer(&request.body(form.as_bytes()).unwrap());
    ///     (answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned())
    /// };
    ///
    /// assert_eq!(post("/oauth/device_authorization", "client_id=my-tool").0, 200);
    /// let user_code = service.handle().pending().pop().ok_or("a device waits")?;
    /// service.handle().approve(&user_code)?;
    /// // Ten minutes later nothing waits any more.
    /// seconds.store(601, Ordering::Relaxed);
    /// assert!(service.handle().pending().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The errors of [`Server::bind`](crate::Server::bind) that do not concern sockets;
    /// [`ServeError::FaultNeedsConnection`]; with the feature
    /// `script`, `DelayNeedsConnection`.
    pub fn new(
        config: Config,
        time: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Result<Self, ServeError> {
        #[cfg(feature = "faults")]
        if let Some(rule) = config.faults.first() {
            return Err(ServeError::FaultNeedsConnection { fault: rule.fault() });
        }
        #[cfg(feature = "script")]
        if let Some(script) = &config.script {
            #[cfg(feature = "faults")]
            if let Some(fault) = script.faults().next() {
                return Err(ServeError::FaultNeedsConnection { fault });
            }
            if script.waits() {
                return Err(ServeError::DelayNeedsConnection);
            }
        }
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 80);
        let state = pollster::block_on(State::new(config, address, Clock::of(time)))?;
        Ok(Self { state: Arc::new(state.in_process()) })
    }

    /// Returns the response that the server would give to a client on this machine, for any host name. The
    /// request arrives and is answered at the same time.
    #[must_use]
    pub fn answer(&self, request: &Request<&[u8]>) -> Response<Vec<u8>> {
        let body = Bytes::copy_from_slice(request.body());
        let (mut head, ()) = request.clone().map(|_| ()).into_parts();
        // Over a network, the HTTP client adds this header.
        let host = head.uri.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
        if let Some(host) = host {
            head.headers.entry(HOST).or_insert(host);
        }
        let is_head = head.method == Method::HEAD;
        let peer = Peer::new(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1), 1);
        let body = check_length(&self.state.limits, body.len() as u64).map(|()| body);
        // A handler waits only for its store, and the body is complete.
        let mut exchange = Exchange::new(head, &peer);
        let response = self.state.wait(answer(&self.state, &mut exchange, async || body));
        if is_head { response.map(|_| Vec::new()) } else { response.map(|body| body.bytes().to_vec()) }
    }

    /// Returns the base URL for clients. It names this machine, but nothing listens there.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.state.hosts.endpoint
    }

    /// Returns the handle, which approves, denies, and lists the waiting devices.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { state: Arc::clone(&self.state) }
    }
}
