//! Building the client: certificates, time-outs, proxies, and the rules that are not up for choice.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use device_flow::DiscoveryError;
use oidc_proto::oauth::{Metadata, MetadataError};
use oidc_proto::{Dialect, Endpoint};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use crate::{HttpClient, phase, proxy};

/// The longest response header block that is read.
const MAX_HEADER_BYTES: usize = 256 * 1024;

/// How long an idle connection is kept: longer than any usual gap between two polls.
const IDLE: Duration = Duration::from_secs(90);

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
    /// A proxy variable of the environment is no proxy URL.
    #[error("the proxy that the environment names cannot be used")]
    Proxy(#[source] ureq::Error),
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
        source: ureq::Error,
    },
    /// The CA bundle is PEM but holds no certificate that can be used.
    #[error("the CA bundle {} holds no usable certificate", path.display())]
    #[non_exhaustive]
    EmptyCaBundle {
        /// The file.
        path: PathBuf,
    },
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
            user_agent: concat!("device-flow-ureq/", env!("CARGO_PKG_VERSION")).to_owned(),
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
    pub fn discover(self) -> Result<(HttpClient, Metadata), DiscoveryError<BuildError, ureq::Error>> {
        let metadata = self.clone().fetch_metadata()?;
        let endpoint = metadata.endpoint().map_err(DiscoveryError::Metadata)?;
        let client =
            Self { endpoint, dialect: Dialect::OAuth, ..self }.build().map_err(DiscoveryError::Build)?;
        Ok((client, metadata))
    }

    /// Takes the endpoint for the issuer of a provider and fetches its metadata.
    ///
    /// # Errors
    /// [`DiscoveryError`], as far as it is about the document itself.
    pub fn fetch_metadata(self) -> Result<Metadata, DiscoveryError<BuildError, ureq::Error>> {
        let issuer = self.endpoint.to_string();
        let addresses = Metadata::well_known(&issuer).map_err(DiscoveryError::Issuer)?;
        let client = self.build().map_err(DiscoveryError::Build)?;
        let mut result = Err(DiscoveryError::Metadata(MetadataError::Status(404)));
        for address in addresses {
            let response = client.fetch(address).map_err(DiscoveryError::Transport)?;
            result = Metadata::decode(&issuer, &response).map_err(DiscoveryError::Metadata);
            // Only an address that has nothing sends us on to the next one.
            if !matches!(result, Err(DiscoveryError::Metadata(MetadataError::Status(_)))) {
                break;
            }
        }
        result
    }

    /// The client. No connection is made, and the system's certificates are not loaded before one is.
    ///
    /// # Errors
    /// [`BuildError`], which names the file that is to blame.
    pub fn build(self) -> Result<HttpClient, BuildError> {
        if http::HeaderValue::from_str(&self.user_agent).is_err() {
            return Err(BuildError::UserAgent);
        }
        let roots = match self.ca_bundle {
            Some(path) => RootCerts::Specific(Arc::new(read_bundle(path)?)),
            None => RootCerts::PlatformVerifier,
        };
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(roots)
            .disable_verification(self.accept_invalid_certificates)
            .build();
        let proxy =
            proxy::choose(&self.endpoint, |name| std::env::var(name).ok()).map_err(BuildError::Proxy)?;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(MAX_HEADER_BYTES)
            .timeout_resolve(Some(self.connect_timeout))
            .timeout_connect(Some(self.connect_timeout))
            .timeout_global(Some(self.request_timeout))
            .max_idle_age(IDLE)
            .proxy(proxy)
            .user_agent(self.user_agent)
            .tls_config(tls)
            .build();
        Ok(HttpClient::from_parts(self.endpoint, self.dialect, phase::agent(config), self.request_timeout))
    }
}

fn read_bundle(path: PathBuf) -> Result<Vec<Certificate<'static>>, BuildError> {
    let pem = match fs::read(&path) {
        Ok(pem) => pem,
        Err(source) => return Err(BuildError::ReadCaBundle { path, source }),
    };
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(source) => return Err(BuildError::ParseCaBundle { path, source }),
        }
    }
    let mut usable = rustls::RootCertStore::empty();
    usable.add_parsable_certificates(certificates.iter().map(|certificate| certificate.der().into()));
    if usable.is_empty() {
        return Err(BuildError::EmptyCaBundle { path });
    }
    Ok(certificates)
}
