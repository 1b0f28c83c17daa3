//! The builder of the client: certificates, timeouts, proxies, and the fixed rules.
//!
//! The setters of `device-flow-reqwest` look alike on purpose: each adapter reads on its own.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use device_flow::{AnsweredBy, MetadataSearch, ResponseBody, SearchAction, TransportError};
use oidc_proto::oauth::Metadata;
use oidc_proto::{Endpoint, Service};
use rustls::crypto::CryptoProvider;
use ureq::ProxyProtocol;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use crate::backend::{AgentCarrier, Backend, INPUT_BUFFER, MAX_HEADER_BYTES, OUTPUT_BUFFER, Rules};
use crate::login::any_number;
use crate::worker::Worker;
use crate::{Cancel, Clock, DiscoveryError, HttpClient, SystemClock, crypto, proxy};

/// The lifetime of an idle connection, longer than a usual polling interval.
const IDLE: Duration = Duration::from_secs(90);

/// The longest timeout, which can still be added to a clock.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The default `User-Agent`.
const USER_AGENT: &str = concat!("device-flow-ureq/", env!("CARGO_PKG_VERSION"));

/// The name of this setting in errors.
const INVALID: &str = "danger_accept_invalid_certificates";

/// Settings of an [`HttpClient`].
///
/// ```
/// use device_flow_ureq::{Endpoint, HttpClient, Policy};
/// use std::time::Duration;
///
/// # let server = sso_oidc_server::TestServer::start();
/// let client = HttpClient::builder(Endpoint::custom(server.endpoint())?)
///     .connect_timeout(Duration::from_secs(5))
///     .request_timeout(Duration::from_secs(20))
///     .read_timeout(Duration::from_secs(10))
///     .user_agent("my-tool/1.0")
///     .build()?;
/// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
/// # let policy = policy.with_first_poll(device_flow_ureq::FirstPoll::Immediately);
/// let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap())?;
/// assert_eq!(signed_in.polls, 1);
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
    agent: Option<ureq::Agent>,
    cancel: Option<Cancel>,
    answered_by: Option<AnsweredBy>,
}

/// An error from building a client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A TLS setting for a caller's own agent, which has its own TLS settings.
    #[error("`{setting}` cannot be combined with a custom agent, which has its own TLS settings")]
    #[non_exhaustive]
    NotOurs {
        /// The setting.
        setting: &'static str,
    },
    /// HTTPS or PKCE needs cryptography, but the feature `ring` is off and the program has not installed another
    /// provider.
    #[error(
        "no cryptography provider for HTTPS and PKCE; install a `rustls::crypto::CryptoProvider`, or enable the feature `ring`"
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
    /// A proxy variable of the environment is not a proxy URL.
    #[error("cannot use the proxy in {variable}")]
    #[non_exhaustive]
    Proxy {
        /// The variable.
        variable: &'static str,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
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
            agent: None,
            cancel: None,
            answered_by: None,
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
    /// use device_flow_ureq::{Endpoint, HttpClient};
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
    /// use device_flow_ureq::{Endpoint, HttpClient};
    /// use std::sync::Arc;
    ///
    /// let provider = Arc::new(rustls::crypto::ring::default_provider()); // or that of aws-lc-rs, with FIPS
    /// let client = HttpClient::builder(Endpoint::for_region("us-gov-west-1")?).crypto_provider(provider).build()?;
    /// # assert!(!client.service().is_loopback());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "crypto-provider")]
    pub fn crypto_provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.crypto = Some(provider);
        self
    }

    /// Sets the timeout for a connection: address lookup, TCP, proxy, TLS. The default is 10 s.
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

    /// Sets the timeout for the next byte of the response or of the TLS handshake. The default is the request
    /// timeout.
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = Some(timeout.min(LONGEST));
        self
    }

    /// Sets the `User-Agent`. The default is `device-flow-ureq/` and its version, or that of your own agent.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }

    /// Sends through this agent, and shares its connections, TLS settings, proxy, and name resolution.
    ///
    /// The fixed rules apply whatever the agent's settings are, because ureq has settings per request. An error
    /// status is a response, and no redirect is followed. Each request has the timeouts of this builder, or the
    /// agent's if they are shorter. Headers and bodies are limited, and requests to a loopback endpoint bypass the
    /// proxy.
    ///
    /// The agent's middleware sees every request with its secrets. If it sends a request to another URL, the response
    /// is rejected and the sign-in ends ([`TransportError::redirected`](crate::TransportError::redirected)). A
    /// failure before ureq reads the request's body counts as not seen by the service. So a middleware that sends a
    /// request by other means must read its body first.
    ///
    /// ```
    /// # use device_flow_ureq::{Endpoint, HttpClient, Policy, ureq};
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let endpoint = Endpoint::custom(server.endpoint())?;
    /// let agent = ureq::Agent::new_with_defaults(); // follows redirects, and makes a Rust error of a 400
    /// let client = HttpClient::builder(endpoint).agent(agent).build()?;
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap())?;
    /// assert_eq!(signed_in.polls, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn agent(mut self, agent: ureq::Agent) -> Self {
        self.agent = Some(agent);
        self
    }

    /// Builds a client for the provider whose issuer is the base URL of this builder (RFC 8414, OpenID Connect
    /// Discovery). It fetches the provider's metadata with these settings.
    ///
    /// ```
    /// use device_flow_ureq::{Client, Endpoint, HttpClient, Policy};
    /// # use sso_oidc_server::{Config, TestServer};
    /// # let server = TestServer::with(Config::default().with_client(Client::public("my-tool")))?;
    /// let issuer = Endpoint::custom(server.endpoint())?;
    /// let (client, metadata) = HttpClient::builder(issuer).discover()?;
    /// assert_eq!(metadata.issuer, server.endpoint());
    /// let policy = Policy::oauth().with_client(Client::public("my-tool"));
    /// # let policy = policy.with_first_poll(device_flow_ureq::FirstPoll::Immediately);
    /// let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap())?;
    /// assert_eq!(signed_in.polls, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DiscoveryError`]: the metadata is missing at every well-known URL, is for another issuer, or lacks an
    /// endpoint. If it lacks the device authorization endpoint, see
    /// [`MetadataSearch::with_device_authorization_endpoint`] and [`Self::search`]. Without a response, the request
    /// is retried for 20 s, as at registration.
    pub fn discover(self) -> Result<(HttpClient, Metadata), DiscoveryError> {
        let metadata = self.clone().fetch_metadata()?;
        let service = Service::from(metadata.provider().map_err(DiscoveryError::Metadata)?);
        let client = Self { service, ..self }.build().map_err(DiscoveryError::Build)?;
        Ok((client, metadata))
    }

    /// Fetches the metadata of the provider whose issuer is the base URL of this builder.
    ///
    /// ```
    /// use device_flow_ureq::{DiscoveryError, Endpoint, HttpClient};
    /// # let server = sso_oidc_server::TestServer::start();
    /// let metadata = HttpClient::builder(Endpoint::custom(server.endpoint())?).fetch_metadata()?;
    /// assert!(metadata.device_authorization_endpoint.is_some());
    /// # drop(server);
    /// # let server = sso_oidc_server::TestServer::start();
    /// let not_there = Endpoint::custom(&format!("{}/tenant", server.endpoint()))?;
    /// let error = HttpClient::builder(not_there).fetch_metadata().unwrap_err();
    /// assert!(matches!(error, DiscoveryError::Search(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DiscoveryError`] for the document itself, or [`DiscoveryError::NoIssuer`] if the builder is for a
    /// [`Provider`](crate::Provider).
    pub fn fetch_metadata(self) -> Result<Metadata, DiscoveryError> {
        let issuer = self.service.endpoint().ok_or(DiscoveryError::NoIssuer)?;
        let clock = SystemClock;
        let search = MetadataSearch::of(issuer.to_string(), clock.now()).map_err(DiscoveryError::Issuer)?;
        let mut search = search.with_jitter(any_number());
        self.search(&mut search, &clock).map_err(DiscoveryError::Build)?;
        if self.cancel.as_ref().is_some_and(Cancel::is_cancelled) {
            return Err(DiscoveryError::Cancelled);
        }
        search.finish().map_err(DiscoveryError::Search)
    }

    /// Drives a search for metadata to its end with these settings. [`MetadataSearch::finish`] then returns the
    /// result. The search must have been created with this clock's time. It has its own URLs, so the service of this
    /// builder does not matter. A cancelled search is not finished, and can be driven again.
    ///
    /// ```
    /// use device_flow_ureq::{Cancel, Clock, Endpoint, HttpClient, MetadataSearch, SystemClock};
    /// # let server = sso_oidc_server::TestServer::start();
    /// let (clock, cancel) = (SystemClock, Cancel::new());
    /// let mut search = MetadataSearch::of(server.endpoint(), clock.now())?
    ///     .with_device_authorization_endpoint(format!("{}/oauth/device_authorization", server.endpoint()))
    ///     .with_retry_window(std::time::Duration::from_secs(60));
    /// let builder = HttpClient::builder(Endpoint::custom(server.endpoint())?).cancelled_by(&cancel);
    /// builder.search(&mut search, &clock)?;
    /// let client = HttpClient::new(search.finish()?.provider()?)?;
    /// assert!(client.service().is_loopback());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`BuildError`], as from [`Self::build`].
    pub fn search(&self, search: &mut MetadataSearch, clock: &impl Clock) -> Result<(), BuildError> {
        let never = Cancel::new();
        let cancel = self.cancel.as_ref().unwrap_or(&never);
        let mut worker = Worker::default();
        let mut latest: Option<(Endpoint, HttpClient)> = None;
        while !cancel.is_cancelled() {
            let now = clock.now();
            match search.poll(now) {
                SearchAction::Get { address, origin } => {
                    // Proxy and certificates depend on the origin, which a redirect may change.
                    let client = match latest.take().filter(|(place, _)| *place == origin) {
                        Some((_, client)) => client,
                        None => Self { service: origin.clone().into(), ..self.clone() }.build()?,
                    };
                    let fetched = client.fetch_unless(&mut worker, &address, "application/json");
                    let Some(result) = fetched else { break };
                    search.on_result(clock.now(), result);
                    latest = Some((origin, client));
                }
                SearchAction::Wait(until) => clock.wait(until.since(now), cancel),
                SearchAction::Done => break,
            }
        }
        Ok(())
    }

    /// Lets this handle cancel every call of the client, and [`discover`](Self::discover). See
    /// [`HttpClient::cancelled_by`].
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.cancel = Some(Cancel::joined(self.cancel.as_ref(), cancel));
        self
    }

    /// Answers every request with this closure instead of a server, for tests of a program's own sign-in. With
    /// [`VirtualTime`](crate::VirtualTime) as the clock, ten minutes pass in a moment. `sso_oidc_server::InProcess`
    /// is the whole service as such a closure. An error of the closure is the error of the request. The closure runs
    /// on the caller's thread, so if it sets a [`Cancel`], that takes effect once the closure has returned an error.
    ///
    /// ```
    /// use device_flow_ureq::{Endpoint, Failure, HttpClient, Outcome, Policy, VirtualTime};
    /// use std::time::Duration;
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
    /// let end = login.run(|_| unreachable!("there is no code")).unwrap_err();
    /// assert!(end.is_offline() && matches!(end.outcome, Outcome::Unreachable { .. }));
    /// assert_eq!(time.now().elapsed(), Duration::from_secs(1 + 2 + 4 + 8));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn answered_by<B: Into<ResponseBody>>(
        mut self,
        answer: impl FnMut(&http::Request<&[u8]>) -> Result<http::Response<B>, TransportError> + Send + 'static,
    ) -> Self {
        self.answered_by = Some(AnsweredBy::new(answer));
        self
    }

    /// Builds the client. It makes no connection, and loads the system's certificates only with the first one.
    ///
    /// ```
    /// use device_flow_ureq::{BuildError, Endpoint, HttpClient};
    /// let endpoint = Endpoint::for_region("eu-west-1")?;
    /// let error = HttpClient::builder(endpoint).ca_bundle("no/such/bundle.pem").build().unwrap_err();
    /// assert!(matches!(error, BuildError::ReadCaBundle { .. }));
    /// # Ok::<(), device_flow_ureq::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// [`BuildError`], which names the file at fault.
    pub fn build(self) -> Result<HttpClient, BuildError> {
        if self.user_agent.as_ref().is_some_and(|text| http::HeaderValue::from_str(text).is_err()) {
            return Err(BuildError::UserAgent);
        }
        let (service, request_timeout) = (self.service.clone(), self.request_timeout);
        let (cancel, crypto) = (self.cancel.clone(), self.crypto.clone());
        let backend = match self.answered_by.clone() {
            Some(answered_by) => Backend::Closure(answered_by),
            None => Backend::Agent(self.backend()?),
        };
        Ok(HttpClient { service, backend, request_timeout, crypto, cancel })
    }

    fn backend(self) -> Result<AgentCarrier, BuildError> {
        let Some(agent) = self.agent else { return self.own_carrier() };
        let set = [("ca_bundle", self.ca_bundle.is_some()), (INVALID, self.accept_invalid_certificates)];
        if let Some((setting, _)) = set.into_iter().find(|(_, is_set)| *is_set) {
            return Err(BuildError::NotOurs { setting });
        }
        let rules = Rules {
            connect_timeout: self.connect_timeout,
            read_timeout: self.read_timeout,
            user_agent: self.user_agent,
        };
        Ok(AgentCarrier::foreign(agent, self.request_timeout, rules))
    }

    fn own_carrier(self) -> Result<AgentCarrier, BuildError> {
        let chosen = proxy::choose(&self.service, |name| std::env::var(name).ok())?;
        let speaks_tls = |chosen: &proxy::Chosen| chosen.proxy.protocol() == ProxyProtocol::Https;
        let needs_tls = self.service.uses_https() || chosen.as_ref().is_some_and(speaks_tls);
        let needs_crypto = needs_tls || self.service.offers_pkce();
        if needs_crypto && crypto::provider(self.crypto.as_ref()).is_none() {
            return Err(BuildError::NoCryptoProvider);
        }
        let roots = match self.ca_bundle {
            Some(path) => RootCerts::Specific(Arc::new(read_bundle(path)?)),
            None if cfg!(feature = "platform-verifier") => RootCerts::PlatformVerifier,
            None if cfg!(feature = "webpki-roots") => RootCerts::WebPki,
            None if needs_tls && !self.accept_invalid_certificates => return Err(BuildError::NoRoots),
            // Without explicit roots, ureq would panic, because its own are not compiled in.
            None => RootCerts::Specific(Arc::new(Vec::new())),
        };
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(roots)
            .disable_verification(self.accept_invalid_certificates);
        #[cfg(feature = "crypto-provider")]
        let tls = match self.crypto {
            Some(provider) => tls.unversioned_rustls_crypto_provider(provider),
            None => tls,
        };
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(MAX_HEADER_BYTES)
            .input_buffer_size(INPUT_BUFFER)
            .output_buffer_size(OUTPUT_BUFFER)
            .timeout_resolve(Some(self.connect_timeout))
            .timeout_connect(Some(self.connect_timeout))
            .timeout_global(Some(self.request_timeout))
            .timeout_per_read(self.read_timeout)
            .max_idle_age(IDLE)
            .proxy(chosen.as_ref().map(|chosen| chosen.proxy.clone()))
            .user_agent(self.user_agent.unwrap_or_else(|| USER_AGENT.to_owned()))
            .tls_config(tls.build())
            .build();
        Ok(AgentCarrier::ours(ureq::Agent::new_with_config(config), self.request_timeout, chosen))
    }
}

fn read_bundle(path: PathBuf) -> Result<Vec<Certificate<'static>>, BuildError> {
    let certificates = match path.is_dir() {
        true => {
            of_directory(&path).map_err(|source| BuildError::ReadCaBundle { path: path.clone(), source })?
        }
        false => of_file(&path)?,
    };
    let mut usable = rustls::RootCertStore::empty();
    usable.add_parsable_certificates(certificates.iter().map(|certificate| certificate.der().into()));
    if usable.is_empty() {
        return Err(BuildError::EmptyCaBundle { path });
    }
    Ok(certificates)
}

fn of_file(path: &Path) -> Result<Vec<Certificate<'static>>, BuildError> {
    let pem = fs::read(path).map_err(|source| BuildError::ReadCaBundle { path: path.to_owned(), source })?;
    let items = parse_pem(&pem).collect::<Result<Vec<_>, _>>();
    let items =
        items.map_err(|source| BuildError::ParseCaBundle { path: path.to_owned(), source: source.into() })?;
    let certificate = |item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    };
    Ok(items.into_iter().filter_map(certificate).collect())
}

/// Returns the certificates of all PEM files of a directory, without duplicates: OpenSSL's directories have links to
/// the files. Other files are ignored.
fn of_directory(path: &Path) -> io::Result<Vec<Certificate<'static>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        if file.is_file() {
            let certificates = of_file(&file).unwrap_or_default();
            found.extend(
                certificates.into_iter().map(|certificate| (certificate.der().to_vec(), certificate)),
            );
        }
    }
    Ok(found.into_values().collect())
}
