//! The reqwest client that sends the requests: our own, or the caller's.

use std::sync::Arc;

use device_flow::AnsweredBy;
use http::HeaderValue;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The default limit of concurrent requests of one client.
pub(crate) const MAX_CONCURRENT_REQUESTS: usize = 100;

/// A transport with its limits.
#[derive(Clone, Debug)]
pub(crate) struct Backend {
    pub(crate) sender: Sender,
    /// The `User-Agent` of each request, instead of the client's.
    pub(crate) user_agent: Option<HeaderValue>,
    /// The permits for concurrent requests; other requests queue.
    pub(crate) turns: Arc<Semaphore>,
}

/// The sender of the requests.
#[derive(Clone, Debug)]
pub(crate) enum Sender {
    Client {
        client: reqwest::Client,
        /// Whether the client is known to follow the [`rules`].
        keeps_rules: bool,
    },
    /// A closure of a test.
    Closure(AnsweredBy),
}

impl Backend {
    pub(crate) fn new(client: reqwest::Client, keeps_rules: bool) -> Self {
        Self::of(Sender::Client { client, keeps_rules })
    }

    pub(crate) fn of(sender: Sender) -> Self {
        Self { sender, user_agent: None, turns: Arc::new(Semaphore::new(MAX_CONCURRENT_REQUESTS)) }
    }

    /// Waits for a permit to send, in order. The caller holds it until the response has been read.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // `acquire` fails only if the semaphore is closed, which never happens.
        self.turns.acquire().await.ok()
    }
}

/// A reqwest client with [`hardened`] settings.
#[derive(Clone, Debug)]
pub struct HardenedClient(reqwest::Client);

impl HardenedClient {
    /// Returns the client itself, for the program's other requests, which share the connections.
    ///
    /// ```
    /// # let ring = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    /// # let tls = rustls::ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions()?;
    /// # let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    /// # let settings = device_flow_reqwest::reqwest::Client::builder().tls_backend_preconfigured(tls);
    /// let hardened = device_flow_reqwest::hardened(settings)?;
    /// let request = hardened.as_reqwest().get("http://127.0.0.1:8080/").build()?;
    /// assert_eq!(request.url().port(), Some(8080));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn as_reqwest(&self) -> &reqwest::Client {
        &self.0
    }
}

/// Builds a client with these settings and the fixed rules: no redirects, no retries, no `Referer`. Pass it to
/// [`hardened_client`](crate::HttpClientBuilder::hardened_client).
///
/// ```
/// use device_flow_reqwest::{hardened, reqwest, rustls};
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let server = sso_oidc_server::TestServer::start();
/// // This crate switches no cryptography of reqwest's on, so the program brings some, once.
/// rustls::crypto::ring::default_provider().install_default().ok();
/// // Whatever it says of redirects, none is followed.
/// let settings = reqwest::Client::builder().redirect(reqwest::redirect::Policy::limited(5));
/// let client = hardened(settings)?;
/// let response = client.as_reqwest().get(server.endpoint()).send().await?;
/// assert_eq!(response.status(), 303);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The errors of reqwest about the other settings.
///
/// # Panics
/// reqwest panics without cryptography: none of its features provides it, the program has installed no
/// `rustls::crypto::CryptoProvider`, and the settings have no TLS configuration.
pub fn hardened(settings: reqwest::ClientBuilder) -> Result<HardenedClient, reqwest::Error> {
    rules(settings).build().map(HardenedClient)
}

pub(crate) fn rules(settings: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    settings.redirect(reqwest::redirect::Policy::none()).referer(false).retry(reqwest::retry::never())
}
