//! Building the client: certificates, time-outs, proxies, and the rules that are not up for choice.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use device_flow::DiscoveryError;
use oidc_proto::oauth::{Metadata, MetadataError};
use oidc_proto::{Dialect, Endpoint};

use crate::{HttpClient, tls};

/// "For ever", in a form that can be added to a clock.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Settings of an [`HttpClient`].
#[derive(Clone, Debug)]
#[must_use = "call `build` to get the client"]
pub struct HttpClientBuilder {
    endpoint: Endpoint,
    dialect: Dialect,
    ca_bundle: Option<PathBuf>,
    accept_invalid_certificates: bool,
    connect_timeout: Duration,
    request_timeout: Duration,
    user_agent: String,
}

/// Why a client could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
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
        source: rustls::pki_types::pem::Error,
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
    Tls(#[source] rustls::Error),
    /// reqwest could not be set up.
    #[error("the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
}

impl HttpClientBuilder {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            dialect: Dialect::default(),
            ca_bundle: None,
            accept_invalid_certificates: false,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(40),
            user_agent: concat!("device-flow-reqwest/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// How the service's messages look; AWS's way if not set.
    pub const fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Trusts exactly the certificates of this PEM file, in place of the system's, as `AWS_CA_BUNDLE` does.
    pub fn ca_bundle(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_bundle = Some(path.into());
        self
    }

    /// Accepts any certificate. Whoever sits on the line can then read every secret: for tests only.
    pub const fn accept_invalid_certificates(mut self, yes: bool) -> Self {
        self.accept_invalid_certificates = yes;
        self
    }

    /// How long setting up a connection may take: address look-up, TCP, proxy, TLS. 10 s if not set.
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

    /// The `User-Agent`.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// Takes the endpoint for the issuer of a provider (RFC 8414, OpenID Connect Discovery), fetches its metadata, and
    /// builds a client of the OAuth dialect for the endpoints that it names, with these settings.
    ///
    /// # Errors
    /// [`DiscoveryError`]: no metadata at either well-known address, another issuer's, or none that has what signing in
    /// needs. For a provider that does not say its device authorization endpoint, see
    /// [`Metadata::endpoint_with_device_authorization`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing that cannot be asked for again.
    pub async fn discover(
        self,
    ) -> Result<(HttpClient, Metadata), DiscoveryError<BuildError, reqwest::Error>> {
        let metadata = self.clone().fetch_metadata().await?;
        let endpoint = metadata.endpoint().map_err(DiscoveryError::Metadata)?;
        let client =
            Self { endpoint, dialect: Dialect::OAuth, ..self }.build().map_err(DiscoveryError::Build)?;
        Ok((client, metadata))
    }

    /// Takes the endpoint for the issuer of a provider and fetches its metadata.
    ///
    /// # Errors
    /// [`DiscoveryError`], as far as it is about the document itself.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing that cannot be asked for again.
    pub async fn fetch_metadata(self) -> Result<Metadata, DiscoveryError<BuildError, reqwest::Error>> {
        let issuer = self.endpoint.to_string();
        let addresses = Metadata::well_known(&issuer).map_err(DiscoveryError::Issuer)?;
        let client = self.build().map_err(DiscoveryError::Build)?;
        let mut result = Err(DiscoveryError::Metadata(MetadataError::Status(404)));
        for address in addresses {
            let response = client.fetch(address).await.map_err(DiscoveryError::Transport)?;
            result = Metadata::decode(&issuer, &response).map_err(DiscoveryError::Metadata);
            // Only an address that has nothing sends us on to the next one.
            if !matches!(result, Err(DiscoveryError::Metadata(MetadataError::Status(_)))) {
                break;
            }
        }
        result
    }

    /// The client. No connection is made. For an HTTPS endpoint the system's certificates are loaded here.
    ///
    /// # Errors
    /// [`BuildError`], which names the file or the part that is to blame.
    pub fn build(self) -> Result<HttpClient, BuildError> {
        if http::HeaderValue::from_str(&self.user_agent).is_err() {
            return Err(BuildError::UserAgent);
        }
        let tls = tls::config(&self.endpoint, self.ca_bundle, self.accept_invalid_certificates)?;
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .connect_timeout(self.connect_timeout)
            // Gateways add headers, and hyper's own limit is a hundred. ureq's is this, and cannot be changed.
            .http1_max_headers(128)
            .user_agent(self.user_agent)
            .tls_backend_preconfigured(tls);
        if self.endpoint.is_loopback() {
            // A proxy could not reach this machine's loopback, and would see the secrets of a plain HTTP request.
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(BuildError::Client)?;
        Ok(HttpClient::from_parts(self.endpoint, self.dialect, client, self.request_timeout))
    }
}
