//! The builder of the client: certificates, timeouts, proxies, and the fixed rules.
//!
//! The setters of `device-flow-ureq` look alike on purpose: each adapter reads on its own.

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

use crate::backend::{Backend, HardenedClient, MAX_CONCURRENT_REQUESTS, Sender, rules};
use crate::login::any_number;
use crate::{Clock, DiscoveryError, HttpClient, TokioClock, proxy, tls};

/// The longest timeout, which can still be added to a clock.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The default `User-Agent`.
const USER_AGENT: &str = concat!("device-flow-reqwest/", env!("CARGO_PKG_VERSION"));

/// The name of this setting in errors.
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
    backend: Option<Backend>,
    answered_by: Option<AnsweredBy>,
    max_concurrent_requests: usize,
}

/// An error from building a client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A TLS setting for a caller's own client, which has its own TLS settings.
    #[error("`{setting}` cannot be combined with a custom client, which has its own TLS settings")]
    #[non_exhaustive]
    NotOurs {
        /// The setting.
        setting: &'static str,
    },
    /// reqwest needs cryptography even for plain HTTP, but the feature `ring` is off and the program has not
    /// installed another provider.
    #[error(
        "no cryptography provider, which reqwest requires even for plain HTTP; install a `rustls::crypto::CryptoProvider`, or enable the feature `ring`"
    )]
    NoCryptoProvider,
    /// HTTPS needs trusted certificates, but the features for them are off and no CA bundle is set.
    #[error(
        "no trusted root certificates; set `ca_bundle`, or enable the feature `platform-verifier` or `webpki-roots`"
    )]
    NoRoots,
    /// The `User-Agent` is not a valid header value.
    #[error("the user agent is not a valid header value")]
    UserAgent,
    /// The CA bundle could not be read.
    #[error("failed to read the CA bundle {}", path.display())]
    #[non_exhaustive]
    ReadCaBundle {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The CA bundle is not PEM.
    #[error("the CA bundle {} is not valid PEM", path.display())]
    #[non_exhaustive]
    ParseCaBundle {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The CA bundle is PEM, but has no usable certificate.
    #[error("the CA bundle {} contains no usable certificate", path.display())]
    #[non_exhaustive]
    EmptyCaBundle {
        /// The file.
        path: PathBuf,
    },
    /// TLS could not be set up, for example because the system has no root certificates.
    #[error("failed to set up TLS")]
    Tls(#[source] Box<dyn Error + Send + Sync>),
    /// reqwest could not be set up.
    #[error("failed to set up the HTTP client")]
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
            backend: None,
            answered_by: None,
            max_concurrent_requests: MAX_CONCURRENT_REQUESTS,
        }
    }

    /// Trusts only the certificates of this PEM file, as `AWS_CA_BUNDLE` does. A directory stands for all PEM files
    /// in it.
    pub fn ca_bundle(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_bundle = Some(path.into());
        self
    }

    /// Accepts any certificate, for tests only: machines on the network path can then read every secret.
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

    /// Uses this cryptography for TLS and PKCE. The default is the provider installed for the process, else ring.
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

    /// Sets the timeout for a connection: address lookup, TCP, proxy, TLS. The default is 10 s. A client of your own
    /// keeps its setting, because reqwest has none per request.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout.min(LONGEST);
        self
    }

    /// Sets the timeout for a whole request, from the address lookup to the last byte of the response. The default is
    /// 40 s; AWS's service has taken up to 9 s. The expiry of the code also bounds a poll.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout.min(LONGEST);
        self
    }

    /// Sets the timeout for the response headers, counted from the start of the request, and for each part of the
    /// body. The default, and the maximum, is the request timeout. A client of your own keeps its setting, because
    /// reqwest has none per request.
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = Some(timeout.min(LONGEST));
        self
    }

    /// Sets the `User-Agent`. The default is `device-flow-reqwest/` and its version, or that of your own client.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }

    /// Sets the limit of concurrent requests, and so of open connections, of this client and its clones. Other
    /// requests queue in order. The default is 100, the minimum 1. Time in the queue does not count for a request's
    /// timeout. A poll whose code expires in the queue is not sent.
    pub fn max_concurrent_requests(mut self, count: usize) -> Self {
        self.max_concurrent_requests = count.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Sends through this client, and shares its connections, TLS settings, proxy, and name resolution. Every fixed
    /// rule applies, with three exceptions: the client keeps its proxy (also for a loopback endpoint), its default
    /// headers, and its connect timeout.
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
        self.backend = Some(Backend::new(client.as_reqwest().clone(), true));
        self
    }

    /// Sends through any client. Prefer [`Self::hardened_client`].
    ///
    /// An error status is a response, each request has the timeout of this builder, and the body is limited. A
    /// redirect is *detected*, not prevented, because reqwest neither exposes a client's redirect policy nor has one
    /// per request. The response is rejected, the sign-in ends at once, and nothing more is sent
    /// ([`TransportError::redirected`](crate::TransportError::redirected)). The target may already have the request's
    /// secrets: after a 307 or a 308 reqwest sends the body there.
    ///
    /// The client keeps its proxy (also for a loopback endpoint), its default headers, retries, connect timeout, and
    /// header limit. A failed connection may have been to the target of a redirect, so the request counts as possibly
    /// seen. The outcome may then be [`Outcome::GrantLost`](crate::Outcome::GrantLost) instead of the
    /// [`Outcome::Expired`](crate::Outcome::Expired) of a hardened client.
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
        self.backend = Some(Backend::new(client, false));
        self
    }

    /// Builds a client for the provider whose issuer is the base URL of this builder (RFC 8414, OpenID Connect
    /// Discovery). It fetches the provider's metadata with these settings.
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
    /// [`DiscoveryError`]: the metadata is missing at every well-known URL, is for another issuer, or lacks an
    /// endpoint. If it lacks the device authorization endpoint, see
    /// [`MetadataSearch::with_device_authorization_endpoint`] and [`Self::search`]. Without a response, the request
    /// is retried for 20 s, as at registration.
    ///
    /// # Cancel safety
    /// Dropping the future is harmless: the metadata can be fetched again.
    pub async fn discover(self) -> Result<(HttpClient, Metadata), DiscoveryError> {
        let metadata = self.clone().fetch_metadata().await?;
        let service = Service::from(metadata.provider().map_err(DiscoveryError::Metadata)?);
        let client = Self { service, ..self }.build().map_err(DiscoveryError::Build)?;
        Ok((client, metadata))
    }

    /// Fetches the metadata of the provider whose issuer is the base URL of this builder.
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
    /// [`DiscoveryError`] for the document itself, or [`DiscoveryError::NoIssuer`] if the builder is for a
    /// [`Provider`](crate::Provider).
    ///
    /// # Cancel safety
    /// Dropping the future is harmless: the metadata can be fetched again.
    pub async fn fetch_metadata(self) -> Result<Metadata, DiscoveryError> {
        let issuer = self.service.endpoint().ok_or(DiscoveryError::NoIssuer)?;
        let clock = TokioClock;
        let search = MetadataSearch::of(issuer.to_string(), clock.now()).map_err(DiscoveryError::Issuer)?;
        let mut search = search.with_jitter(any_number());
        self.search(&mut search, &clock).await.map_err(DiscoveryError::Build)?;
        search.finish().map_err(DiscoveryError::Search)
    }

    /// Drives a search for metadata to its end with these settings. [`MetadataSearch::finish`] then returns the
    /// result. The search must have been created with this clock's time. It has its own URLs, so the service of this
    /// builder does not matter.
    ///
    /// # Cancel safety
    /// Safe at every await: a search that is driven again goes on where it was, and repeats the pending request.
    ///
    /// ```
    /// use device_flow_reqwest::{Clock, Endpoint, HttpClient, MetadataSearch, TokioClock};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = sso_oidc_server::TestServer::start();
    /// let clock = TokioClock;
    /// let mut search = MetadataSearch::of(server.endpoint(), clock.now())?
    ///     .with_device_authorization_endpoint(format!("{}/oauth/device_authorization", server.endpoint()))
    ///     .with_retry_window(std::time::Duration::from_secs(60));
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
                    // Proxy and certificates depend on the origin, which a redirect may change.
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

    /// Answers every request with this closure instead of a server, for tests of a program's own sign-in. With
    /// [`VirtualTime`](crate::VirtualTime) as the clock, ten minutes pass in a moment. `sso_oidc_server::InProcess`
    /// is the whole service as such a closure. An error of the closure is the error of the request.
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

    /// Builds the client. It makes no connection, but loads the system's certificates for an HTTPS endpoint.
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
    /// [`BuildError`], which names the file or the part at fault.
    pub fn build(self) -> Result<HttpClient, BuildError> {
        let user_agent = match &self.user_agent {
            Some(text) => Some(HeaderValue::from_str(text).map_err(|_| BuildError::UserAgent)?),
            None => None,
        };
        let (service, request_timeout) = (self.service.clone(), self.request_timeout);
        let crypto = self.crypto.clone();
        let turns = Arc::new(Semaphore::new(self.max_concurrent_requests));
        let backend = Backend { user_agent, turns, ..self.backend()? };
        Ok(HttpClient { service, backend, request_timeout, crypto })
    }

    fn backend(mut self) -> Result<Backend, BuildError> {
        if let Some(answered_by) = self.answered_by.take() {
            return Ok(Backend::of(Sender::Closure(answered_by)));
        }
        let Some(backend) = self.backend.take() else {
            return Ok(Backend::new(self.own_client()?, true));
        };
        let set = [("ca_bundle", self.ca_bundle.is_some()), (INVALID, self.accept_invalid_certificates)];
        match set.into_iter().find(|(_, is_set)| *is_set) {
            Some((setting, _)) => Err(BuildError::NotOurs { setting }),
            None => Ok(backend),
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
            // A proxy cannot reach this machine's loopback, and would see the secrets of a plain HTTP request.
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
