//! Requests over the network, with the rules of `device-flow-ureq`, and the system's clock.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::thread;
use std::time::Instant;

use device_flow_ureq::{BuildError, Endpoint, HttpClient, ResponseBody};
use http::{Request, Response, Uri};
use oidc_proto::Body;

use crate::{Clock, NoResponse, Transport};

type Build<'a> = Box<dyn Fn(Endpoint) -> Result<HttpClient, BuildError> + 'a>;

/// Sends the requests with `device-flow-ureq`: no redirects, TLS or loopback, limits of time and size.
///
/// ```
/// use device_conform::{Absent, Client, HttpTransport, Plan, SystemClock};
/// use sso_oidc_server::{Config, TestServer};
///
/// let server = TestServer::with(Config::default().with_client(Client::public("my-tool")))?;
/// let plan = Plan::new(server.endpoint())?.with_client(Client::public("my-tool"));
/// # if false {
/// let report = plan.run(&mut HttpTransport::default(), &mut SystemClock::default(), &mut Absent);
/// println!("{report}");
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct HttpTransport<'a> {
    build: Build<'a>,
    /// One client for each origin, because proxy and certificates depend on it.
    clients: BTreeMap<String, HttpClient>,
}

impl<'a> HttpTransport<'a> {
    /// Sends with clients that this function builds, one for each origin.
    ///
    /// ```
    /// use device_conform::HttpTransport;
    /// use device_flow_ureq::HttpClient;
    /// use std::time::Duration;
    ///
    /// let patient = HttpTransport::new(|origin| {
    ///     HttpClient::builder(origin).request_timeout(Duration::from_secs(120)).build()
    /// });
    /// # drop(patient);
    /// ```
    pub fn new(build: impl Fn(Endpoint) -> Result<HttpClient, BuildError> + 'a) -> Self {
        Self { build: Box::new(build), clients: BTreeMap::new() }
    }

    fn client(&mut self, uri: &Uri) -> Result<HttpClient, NoResponse> {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(NoResponse::new("the URL has no host"));
        };
        let origin = format!("{scheme}://{authority}");
        if let Some(client) = self.clients.get(&origin) {
            return Ok(client.clone());
        }
        let endpoint = Endpoint::custom(&origin).map_err(NoResponse::new)?;
        let client = (self.build)(endpoint).map_err(NoResponse::new)?;
        self.clients.insert(origin, client.clone());
        Ok(client)
    }
}

impl Default for HttpTransport<'_> {
    fn default() -> Self {
        Self::new(HttpClient::new)
    }
}

impl fmt::Debug for HttpTransport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport").field("clients", &self.clients).finish_non_exhaustive()
    }
}

impl Transport for HttpTransport<'_> {
    fn send(&mut self, request: &Request<Body>) -> Result<Response<Body>, NoResponse> {
        send(&self.client(request.uri())?, request)
    }

    fn send_together(&mut self, requests: &[Request<Body>]) -> Vec<Result<Response<Body>, NoResponse>> {
        let clients: Vec<_> = requests.iter().map(|request| self.client(request.uri())).collect();
        thread::scope(|scope| {
            let sending: Vec<_> = clients
                .into_iter()
                .zip(requests)
                .map(|(client, request)| scope.spawn(move || send(&client?, request)))
                .collect();
            let lost = || Err(NoResponse::new("the thread that sent it ended"));
            sending.into_iter().map(|sent| sent.join().unwrap_or_else(|_| lost())).collect()
        })
    }
}

fn send(client: &HttpClient, request: &Request<Body>) -> Result<Response<Body>, NoResponse> {
    let outgoing = request.clone().map(|body| body.bytes().to_vec());
    let response = client.send_own(&outgoing).map_err(NoResponse::new)?;
    // Half a response would look like one of the server's that breaks many rules.
    if response.body().is_broken() {
        return Err(NoResponse::new("the response broke off"));
    }
    if response.body().as_ref().len() >= ResponseBody::MAX_BYTES {
        let most = ResponseBody::MAX_BYTES;
        return Err(NoResponse::new(format_args!(
            "the response has {most} bytes or more, which is too long"
        )));
    }
    Ok(response.map(|body| Body::new(body.as_ref().to_vec())))
}

/// The clock of this machine, and waits that pass.
///
/// ```
/// use device_conform::{Clock as _, SystemClock};
/// use std::time::Duration;
/// let mut clock = SystemClock::default();
/// clock.wait(Duration::from_millis(1));
/// assert!(clock.now() >= Duration::from_millis(1));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn wait(&mut self, time: Duration) {
        thread::sleep(time);
    }
}
