//! Building the client: certificates, time-outs, proxies, and the rules that are not up for choice.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use device_flow::{AnsweredBy, MetadataSearch, ResponseBody, SearchAction, TransportError};
use http::HeaderValue;
use oidc_proto::oauth::Metadata;
use oidc_proto::{Endpoint, Service};
use rustls::crypto::CryptoProvider;
use tokio::sync::Semaphore;

use crate::carrier::{Carrier, HardenedClient, MAX_CONCURRENT_REQUESTS, Sender, rules};
use crate::login::any_number;
use crate::{Clock, DiscoveryError, HttpClient, TokioClock, proxy, tls};

/// "For ever", in a form that can be added to a clock.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The `User-Agent` of clients of ours.
const USER_AGENT: &str = concat!("device-flow-reqwest/", env!("CARGO_PKG_VERSION"));

/// The name of a setting that an error may name.
const INVALID: &str = "danger_accept_invalid_certificates";

/// Settings of an [`HttpClient`].
///
/// ```
/// use device_flow_reqwest::{Endpoint, HttpClient, Policy};
/// use std::time::Duration;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let server = sso_oidc_server::TestServer::start();
/// let client = HttpClient::builder(Endpoint::custom(server.endpoint())?)
///     .connect_timeout(Duration::from_secs(5))
///     .request_timeout(Duration::from_secs(20))
///     .read_timeout(Duration::from_secs(10))
///     .user_agent("my-tool/1.0")
///     .max_concurrent_requests(4)
///     .build()?;
/// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
/// # let policy = policy.with_first_poll(device_flow_reqwest::FirstPoll::Immediately);
/// let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap()).await?;
/// assert_eq!(signed_in.polls, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "call `build` to get the client"]
pub struct HttpClientBuilder {
    service: Service,
    ca_bundle: Option<PathBuf>,
    accept_invalid_certificates: bool,
    crypto: Option<Arc<CryptoProvider>>,
    connect_timeout: Duration,
    request_timeout: Duration,
    read_timeout: Option<Duration>,
    user_agent: Option<String>,
    carrier: Option<Carrier>,
    answered_by: Option<AnsweredBy>,
    max_concurrent_requests: usize,
}

/// Why a client could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting of TLS for a client that was brought along: TLS is its own affair.
    #[error("`{setting}` cannot be set for a client of one's own, which has its own TLS settings")]
    #[non_exhaustive]
    NotOurs {
        /// The setting.
        setting: &'static str,
    },
    /// There is no cryptography, which reqwest wants even for plain HTTP: the feature `ring` is off, and the program has not chosen its
    /// own.
    #[error(
        "there is no cryptography, which reqwest wants even for plain HTTP: install a `rustls::crypto::CryptoProvider`, or switch the feature `ring` on"
    )]
    NoCryptoProvider,
    /// HTTPS needs certificates to trust, and there are none: the features for them are off, and there is no CA bundle.
    #[error(
        "there are no certificates to trust: set `ca_bundle`, or switch the feature `platform-verifier` or `webpki-roots` on"
    )]
    NoRoots,
    /// The `User-Agent` has characters that no header may have.
    #[error("the user agent is not a valid header value")]
    UserAgent,
    /// The CA bundle could not be read.
    #[error("the CA bundle {} could not be read", path.display())]
    #[non_exhaustive]
    ReadCaBundle {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The CA bundle is not PEM.
    #[error("the CA bundle {} is not valid PEM", path.display())]
    #[non_exhaustive]
    ParseCaBundle {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The CA bundle is PEM but holds no certificate that can be used.
    #[error("the CA bundle {} holds no usable certificate", path.display())]
    #[non_exhaustive]
    EmptyCaBundle {
        /// The file.
        path: PathBuf,
    },
    /// TLS could not be set up, for example because the system has no root certificates.
    #[error("TLS could not be set up")]
    Tls(#[source] Box<dyn Error + Send + Sync>),
    /// reqwest could not be set up.
    #[error("the HTTP client could not be set up")]
    Client(#[source] Box<dyn Error + Send + Sync>),
}

impl HttpClientBuilder {
    pub(crate) fn new(service: Service) -> Self {
        Self {
            service,
            ca_bundle: None,
            accept_invalid_certificates: false,
            crypto: None,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(40),
            read_timeout: None,
            user_agent: None,
            carrier: None,
            answered_by: None,
            max_concurrent_requests: MAX_CONCURRENT_REQUESTS,
        }
    }

    /// Trusts exactly the certificates of this PEM file, in place of the system's, as `AWS_CA_BUNDLE` does. If it is a
    /// directory, those of all its files that have some.
    pub fn ca_bundle(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_bundle = Some(path.into());
        self
    }

    /// Accepts any certificate. Any machine on the line can then read every secret: for tests only.
    ///
    /// ```
    /// use device_flow_reqwest::{Endpoint, HttpClient};
    /// let self_signed = Endpoint::custom("https://localhost:8443")?;
    /// let client = HttpClient::builder(self_signed).danger_accept_invalid_certificates().build()?;
    /// assert!(client.service().is_loopback());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn danger_accept_invalid_certificates(mut self) -> Self {
        self.accept_invalid_certificates = true;
        self
    }

    /// Uses this cryptography for TLS and PKCE. Without it, that which the program has installed for the process, and without that,
    /// ring's.
    ///
    /// ```
    /// use device_flow_reqwest::{Endpoint, HttpClient};
    /// use std::sync::Arc;
    ///
    /// let provider = Arc::new(rustls::crypto::ring::default_provider()); // or that of aws-lc-rs, with FIPS
    /// let client = HttpClient::builder(Endpoint::for_region("us-gov-west-1")?).crypto_provider(provider).build()?;
    /// # assert!(!client.service().is_loopback());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn crypto_provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.crypto = Some(provider);
        self
    }

    /// How long setting up a connection may take: address look-up, TCP, proxy, TLS. 10 s if not set. A client of your
    /// own keeps its own setting, because reqwest has none for a single request.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout.min(LONGEST);
        self
    }

    /// How long a whole request may take, from the address look-up to the last byte of the answer. 40 s if not set; the
    /// service itself has been seen to take nine. A poll has at most the rest of the code's life.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout.min(LONGEST);
        self
    }

    /// How long the peer may send nothing while something is waited for: the head of the answer, counted from the beginning of
    /// the request, or more of its body. As long as the request may take if not set, and never longer. A client of your own
    /// keeps its own setting, because reqwest has none for a single request.
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = Some(timeout.min(LONGEST));
        self
    }

    /// The `User-Agent`; `device-flow-reqwest/` and its version if not set, or what a client of your own says.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }

    /// How many requests of this client and its clones may be under way at one time, and so how many connections are
    /// open; the others queue, first come, first served. 100 if not set; at least one. The time in the queue is not part
    /// of a request's time-out, and a poll whose code dies in the queue is not sent.
    pub fn max_concurrent_requests(mut self, count: usize) -> Self {
        self.max_concurrent_requests = count.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Sends through this client, and shares its connections, TLS settings, proxy, and name resolution. Every rule holds,
    /// but for what stays the client's own: its proxy also for a loopback endpoint, its default headers, its connect
    /// time-out.
    ///
    /// ```
    /// # use device_flow_reqwest::{Endpoint, HttpClient, Policy, reqwest};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let endpoint = Endpoint::custom(server.endpoint())?;
    /// # let tls = no_tls();
    /// let settings = reqwest::Client::builder().tls_backend_preconfigured(tls);
    /// let hardened = device_flow_reqwest::hardened(settings)?;
    /// let client = HttpClient::builder(endpoint).hardened_client(&hardened).build()?;
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap()).await?;
    /// assert_eq!(signed_in.polls, 1);
    /// # Ok(())
    /// # }
    /// # fn no_tls() -> rustls::ClientConfig {
    /// #     let ring = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    /// #     let builder = rustls::ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions();
    /// #     builder.unwrap().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
    /// # }
    /// ```
    pub fn hardened_client(mut self, client: &HardenedClient) -> Self {
        self.carrier = Some(Carrier::new(client.as_reqwest().clone(), true));
        self
    }

    /// Sends through this client, of which nothing is known; use [`Self::hardened_client`] where you can.
    ///
    /// An error status is an answer all the same, each request has the time-out of this builder in place of the client's
    /// own, and the body is limited. A redirect that the client follows is *seen*, not prevented, because reqwest neither
    /// tells a client's policy nor lets a request have another: the answer is refused, the sign-in ends at once, and
    /// nothing more is sent ([`TransportError::redirected`](crate::TransportError::redirected)). The request's secrets may have gone to the target by then:
    /// with a 307 or a 308 reqwest sends the body there.
    ///
    /// What stays the client's, and cannot be seen or undone: its proxy also for a loopback endpoint, its default headers,
    /// its retries, its connect time-out, its limit of headers. And because a connection that failed may have been one to
    /// the target of a redirect, it counts as one after which the request may have been seen;
    /// [`Outcome::GrantLost`](crate::Outcome::GrantLost) may then stand for what would be
    /// [`Outcome::Expired`](crate::Outcome::Expired) with a hardened client.
    ///
    /// ```
    /// use device_flow_reqwest::{Endpoint, HttpClient, Policy, reqwest};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let ring = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    /// # let tls = rustls::ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions()?;
    /// # let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let endpoint = Endpoint::custom(server.endpoint())?;
    /// # let anybodys = reqwest::Client::builder().tls_backend_preconfigured(tls).build()?;
    /// let client = HttpClient::builder(endpoint).client(anybodys).build()?;
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_reqwest::FirstPoll::Immediately);
    /// let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap()).await?;
    /// assert_eq!(signed_in.polls, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn client(mut self, client: reqwest::Client) -> Self {
        self.carrier = Some(Carrier::new(client, false));
        self
    }

    /// Builds a client for the provider whose issuer is the base URL of this builder (RFC 8414, OpenID Connect Discovery).
    /// The provider's metadata is fetched with these settings.
    ///
    /// ```
    /// use device_flow_reqwest::{Client, Endpoint, HttpClient, Policy};
    /// # use sso_oidc_server::{Config, TestServer};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = TestServer::with(Config::default().with_client(Client::public("my-tool")))?;
    /// let issuer = Endpoint::custom(server.endpoint())?;
    /// let (client, metadata) = HttpClient::builder(issuer).discover().await?;
    /// assert_eq!(metadata.issuer, server.endpoint());
    /// let policy = Policy::oauth().with_client(Client::public("my-tool"));
    /// # let policy = policy.with_first_poll(device_flow_reqwest::FirstPoll::Immediately);
    /// let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap()).await?;
    /// assert_eq!(signed_in.polls, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DiscoveryError`]: no metadata at any well-known address, another issuer's, or none that has what signing in
    /// needs. For a provider that does not say its device authorization endpoint, see
    /// [`MetadataSearch::with_device_authorization_endpoint`] and [`Self::search`]. A provider that gives no answer is asked
    /// again for 20 s, as at registration.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing that cannot be asked for again.
    pub async fn discover(self) -> Result<(HttpClient, Metadata), DiscoveryError> {
        let metadata = self.clone().fetch_metadata().await?;
        let service = Service::from(metadata.provider().map_err(DiscoveryError::Metadata)?);
        let client = Self { service, ..self }.build().map_err(DiscoveryError::Build)?;
        Ok((client, metadata))
    }

    /// Takes the base URL that it was made for as the issuer of a provider, and fetches its metadata.
    ///
    /// ```
    /// use device_flow_reqwest::{DiscoveryError, Endpoint, HttpClient};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = sso_oidc_server::TestServer::start();
    /// let metadata = HttpClient::builder(Endpoint::custom(server.endpoint())?).fetch_metadata().await?;
    /// assert!(metadata.device_authorization_endpoint.is_some());
    /// # drop(server);
    /// # let server = sso_oidc_server::TestServer::start();
    /// let not_there = Endpoint::custom(&format!("{}/tenant", server.endpoint()))?;
    /// let error = HttpClient::builder(not_there).fetch_metadata().await.unwrap_err();
    /// assert!(matches!(error, DiscoveryError::Search(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DiscoveryError`], as far as it is about the document itself; [`DiscoveryError::NoIssuer`] if the builder was made
    /// for a [`Provider`](crate::Provider).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing that cannot be asked for again.
    pub async fn fetch_metadata(self) -> Result<Metadata, DiscoveryError> {
        let issuer = self.service.endpoint().ok_or(DiscoveryError::NoIssuer)?;
        let clock = TokioClock;
        let search = MetadataSearch::of(issuer.to_string(), clock.now()).map_err(DiscoveryError::Issuer)?;
        let mut search = search.with_jitter(any_number());
        self.search(&mut search, &clock).await.map_err(DiscoveryError::Build)?;
        search.finish().map_err(DiscoveryError::Search)
    }

    /// Drives a search for metadata to its end with these settings; [`MetadataSearch::finish`] then says what it found. The
    /// search must have been made with this clock's time. It says where to ask, so the service of this builder does not
    /// matter.
    ///
    /// # Cancel safety
    /// Safe at every await: driving the search again goes on where it was, and asks anew what was under way.
    ///
    /// ```
    /// use device_flow_reqwest::{Clock, Endpoint, HttpClient, MetadataSearch, TokioClock};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = sso_oidc_server::TestServer::start();
    /// let clock = TokioClock;
    /// let mut search = MetadataSearch::of(server.endpoint(), clock.now())?
    ///     .with_device_authorization_endpoint(format!("{}/oauth/device_authorization", server.endpoint()))
    ///     .with_patience(std::time::Duration::from_secs(60));
    /// let builder = HttpClient::builder(Endpoint::custom(server.endpoint())?);
    /// builder.search(&mut search, &clock).await?;
    /// let client = HttpClient::new(search.finish()?.provider()?)?;
    /// assert!(client.service().is_loopback());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`BuildError`], as from [`Self::build`].
    pub async fn search(&self, search: &mut MetadataSearch, clock: &impl Clock) -> Result<(), BuildError> {
        let mut latest: Option<(Endpoint, HttpClient)> = None;
        loop {
            let now = clock.now();
            match search.poll(now) {
                SearchAction::Get { address, origin } => {
                    // A proxy and certificates are chosen by where a request goes, and a redirect may lead elsewhere.
                    let client = match latest.take().filter(|(place, _)| *place == origin) {
                        Some((_, client)) => client,
                        None => Self { service: origin.clone().into(), ..self.clone() }.build()?,
                    };
                    let result = client.fetch(address).await;
                    search.on_result(clock.now(), result);
                    latest = Some((origin, client));
                }
                SearchAction::Wait(until) => clock.wait(until.since(now)).await,
                SearchAction::Done => return Ok(()),
            }
        }
    }

    /// Has every request answered by this closure, and not by a server: for a test of a program's own sign-in. With
    /// [`VirtualTime`](crate::VirtualTime) as the clock, ten minutes pass in a moment, and `sso_oidc_server::InProcess` is the whole
    /// service behind the closure. A request that the closure does not answer failed as it says.
    ///
    /// ```
    /// use device_flow_reqwest::{Endpoint, Failure, HttpClient, Outcome, Policy, VirtualTime};
    /// use std::time::Duration;
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    ///
    /// let time = VirtualTime::default();
    /// let client = HttpClient::builder(Endpoint::for_region("eu-west-1")?)
    ///     .answered_by(|request| match request.uri().path() {
    ///         "/client/register" => Ok(http::Response::new(r#"{"clientId":"c","clientSecret":"s"}"#)),
    ///         _ => Err(Failure::NotSent.into()), // the network is gone
    ///     })
    ///     .build()?;
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let login = client.login(policy).jitter_seed(None).clock(time.clone());
    /// let end = login.run(|_| unreachable!("there is no code")).await.unwrap_err();
    /// assert!(end.is_offline() && matches!(end.outcome, Outcome::Unreachable { .. }));
    /// assert_eq!(time.now().elapsed(), Duration::from_secs(1 + 2 + 4 + 8));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn answered_by<B: Into<ResponseBody>>(
        mut self,
        answer: impl FnMut(&http::Request<&[u8]>) -> Result<http::Response<B>, TransportError> + Send + 'static,
    ) -> Self {
        self.answered_by = Some(AnsweredBy::new(answer));
        self
    }

    /// The client. No connection is made. For an HTTPS endpoint the system's certificates are loaded here.
    ///
    /// ```
    /// use device_flow_reqwest::{BuildError, Endpoint, HttpClient};
    /// let endpoint = Endpoint::for_region("eu-west-1")?;
    /// let error = HttpClient::builder(endpoint).ca_bundle("no/such/bundle.pem").build().unwrap_err();
    /// assert!(matches!(error, BuildError::ReadCaBundle { .. }));
    /// # Ok::<(), device_flow_reqwest::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// [`BuildError`], which names the file or the part that is to blame.
    pub fn build(self) -> Result<HttpClient, BuildError> {
        let user_agent = match &self.user_agent {
            Some(text) => Some(HeaderValue::from_str(text).map_err(|_| BuildError::UserAgent)?),
            None => None,
        };
        let (service, request_timeout) = (self.service.clone(), self.request_timeout);
        let crypto = self.crypto.clone();
        let turns = Arc::new(Semaphore::new(self.max_concurrent_requests));
        let carrier = Carrier { user_agent, turns, ..self.carrier()? };
        Ok(HttpClient { service, carrier, request_timeout, crypto })
    }

    fn carrier(mut self) -> Result<Carrier, BuildError> {
        if let Some(answered_by) = self.answered_by.take() {
            return Ok(Carrier::of(Sender::Closure(answered_by)));
        }
        let Some(carrier) = self.carrier.take() else {
            return Ok(Carrier::new(self.own_client()?, true));
        };
        let set = [("ca_bundle", self.ca_bundle.is_some()), (INVALID, self.accept_invalid_certificates)];
        match set.into_iter().find(|(_, is_set)| *is_set) {
            Some((setting, _)) => Err(BuildError::NotOurs { setting }),
            None => Ok(carrier),
        }
    }

    fn own_client(self) -> Result<reqwest::Client, BuildError> {
        let tls = tls::config(
            &self.service,
            self.crypto.as_ref(),
            self.ca_bundle,
            self.accept_invalid_certificates,
        )?;
        let mut builder = rules(reqwest::Client::builder())
            .connect_timeout(self.connect_timeout)
            .pool_max_idle_per_host(self.max_concurrent_requests)
            .user_agent(USER_AGENT)
            .tls_backend_preconfigured(tls);
        if self.service.is_loopback() {
            // A proxy could not reach this machine's loopback, and would see the secrets of a plain HTTP request.
            builder = builder.no_proxy();
        } else if let Some(proxies) = proxy::hidden(|name| std::env::var(name).ok())
            .map_err(|error| BuildError::Client(error.into()))?
        {
            builder = proxies.into_iter().fold(builder, reqwest::ClientBuilder::proxy);
        }
        if let Some(timeout) = self.read_timeout {
            builder = builder.read_timeout(timeout);
        }
        builder.build().map_err(|error| BuildError::Client(error.into()))
    }
}
