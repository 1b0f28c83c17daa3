//! The service without sockets, in time that a test lets pass.

use core::future::Future as _;
use core::net::{Ipv4Addr, SocketAddr};
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Method, Request, Response, StatusCode};

use crate::clock::Clock;
use crate::handler::answer;
use crate::limits::check_length;
use crate::state::{Peer, State};
use crate::{Config, Handle, ServeError};

/// The whole service as a function from a request to its answer. Nothing listens, nothing waits, and its time is the test's:
/// a sign-in of ten minutes with a denial, an outage and a refresh is a unit test of a millisecond.
///
/// Clones are the same service. A client is answered by it where it takes a closure: `HttpClientBuilder::answered_by` of
/// `device-flow-ureq` and `device-flow-reqwest`, with their `VirtualTime` as the clock of both sides. The faults of
/// [`Config::with_fault`] are those of connections, and an error here; the closure can fail as it likes.
#[derive(Clone, Debug)]
pub struct InProcess {
    state: Arc<State>,
}

impl InProcess {
    /// A service with these settings; `time` is how long it has been up. It may stand still, and never goes back.
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
    /// As [`Server::bind`](crate::Server::bind), but for what sockets have to do with; [`ServeError::FaultNeedsConnection`].
    pub fn new(
        config: Config,
        time: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Result<Self, ServeError> {
        #[cfg(feature = "faults")]
        if let Some(rule) = config.faults.first() {
            return Err(ServeError::FaultNeedsConnection { fault: rule.fault() });
        }
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 80);
        let state = State::new(config, address, Clock::of(time))?;
        Ok(Self { state: Arc::new(state.for_any_host()) })
    }

    /// The answer to a request, as the server would give it to a client on this machine, whatever host it names. It is looked
    /// at and answered at the same moment.
    #[must_use]
    pub fn answer(&self, request: &Request<&[u8]>) -> Response<Vec<u8>> {
        let body = Bytes::copy_from_slice(request.body());
        let (mut head, ()) = request.clone().map(|_| ()).into_parts();
        // An HTTP client writes it on the way.
        let host = head.uri.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
        if let Some(host) = host {
            head.headers.entry(HOST).or_insert(host);
        }
        let is_head = head.method == Method::HEAD;
        let peer = Peer { address: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1), connection: 1 };
        let body = check_length(&self.state.limits, body.len() as u64).map(|()| body);
        let answering = pin!(answer(&self.state, peer, head, core::future::ready(body)));
        match answering.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(response) if is_head => response.map(|_| Vec::new()),
            Poll::Ready(response) => response.map(|body| body.bytes().to_vec()),
            // A handler never waits, and the body is there.
            Poll::Pending => {
                let mut response = Response::default();
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        }
    }

    /// Its base URL, which a client is made for: of this machine, and nothing listens there.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.state.hosts.endpoint
    }

    /// The person: approves, denies, and sees who waits.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { state: Arc::clone(&self.state) }
    }
}
