//! HTTPS: the source of the certificate, and the handshake.

pub(crate) mod acceptor;
pub(crate) mod authority;
mod error;
mod handshake;

use core::fmt;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys, ServerConfig};
use tokio_rustls::TlsAcceptor;

pub use error::TlsError;

/// The source of the server's certificate. With [`crate::Config::with_tls`] the server accepts only HTTPS.
///
/// ```
/// use sso_oidc_server::{Config, TestServer, Tls};
///
/// let server = TestServer::with(Config::default().with_tls(Tls::new_ca()))?;
/// assert!(server.endpoint().starts_with("https://127.0.0.1:"));
/// // A client that trusts this certificate, for example a tool with AWS_CA_BUNDLE, can talk to the server.
/// let ca = server.ca_certificate().unwrap_or_default();
/// assert!(ca.starts_with("-----BEGIN CERTIFICATE-----"));
/// # Ok::<(), sso_oidc_server::ServeError>(())
/// ```
#[derive(Clone)]
pub struct Tls(Identity);

#[derive(Clone)]
enum Identity {
    NewCa,
    Own(Arc<CertifiedKey>),
}

impl Tls {
    /// Returns a certificate from a CA that the server makes at start. The CA's key never leaves memory. The
    /// certificate is for 127.0.0.1, ::1, `localhost`, the listening address, the host of the public URL, and
    /// [`crate::Config::allowed_hosts`]. It is valid for 397 days.
    ///
    /// ```
    /// use sso_oidc_server::{Config, InjectedFault, TestServer, Tls};
    ///
    /// // Whatever a client trusts, it must refuse this one.
    /// let config = Config::default().with_tls(Tls::new_ca()).with_fault(InjectedFault::TlsExpired);
    /// let server = TestServer::with(config)?;
    /// # assert_eq!(server.connections(), 0);
    /// # Ok::<(), sso_oidc_server::ServeError>(())
    /// ```
    #[must_use]
    pub const fn new_ca() -> Self {
        Self(Identity::NewCa)
    }

    /// Reads this certificate, followed by its intermediate certificates, and its key, all in PEM. The key is
    /// in PKCS #8, SEC 1 or PKCS #1, unencrypted. The names and the validity of the certificate are not
    /// checked.
    ///
    /// ```
    /// use sso_oidc_server::{Tls, TlsError};
    ///
    /// let none = Tls::from_pem(b"no PEM", b"no PEM");
    /// assert!(matches!(none, Err(TlsError::NoCertificate)));
    /// ```
    ///
    /// # Errors
    /// [`TlsError`] if the certificate or the key is missing or not readable, or if they do not belong
    /// together.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<Vec<_>, _>>()
            .map_err(TlsError::certificate)?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            PemError::NoItemsFound => TlsError::NoKey,
            error => TlsError::key(error),
        })?;
        let key = provider().key_provider.load_private_key(key).map_err(TlsError::key)?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
                Ok(Self(Identity::Own(Arc::new(certified))))
            }
            Err(Error::InconsistentKeys(_)) => Err(TlsError::Mismatch),
            Err(error) => Err(TlsError::certificate(error)),
        }
    }
}

impl Tls {
    /// Returns whether the certificate is the user's own, and not from a new CA.
    #[cfg(feature = "faults")]
    pub(crate) const fn is_own(&self) -> bool {
        matches!(self.0, Identity::Own(_))
    }
}

/// Shows the kind, and no key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Identity::NewCa => "Tls(a new CA)",
            Identity::Own(_) => "Tls(own certificate)",
        })
    }
}

/// Compares the certificates only, because a certificate has one key.
impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Identity::NewCa, Identity::NewCa) => true,
            (Identity::Own(one), Identity::Own(other)) => one.cert == other.cert,
            _ => false,
        }
    }
}

impl Eq for Tls {}

/// Returns this project's only provider. It neither reads nor sets the default of the process, which belongs
/// to the embedding program.
fn provider() -> CryptoProvider {
    ring::default_provider()
}

/// Creates a TLS acceptor for this certificate. Each has its own session cache. So no client resumes a
/// session of a good certificate behind a wrong one.
pub(crate) fn acceptor(certificate: Arc<CertifiedKey>) -> Result<TlsAcceptor, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::make)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certificate)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config).into())
}

#[cfg(test)]
mod tests {
    use super::authority::Authority;
    use super::*;

    /// Returns a certificate and its key, in PEM.
    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn error(certificates: &str, key: &str) -> TlsError {
        Tls::from_pem(certificates.as_bytes(), key.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_certificate_is_taken_with_its_key_and_no_other() {
        let ((certificate, key), (other, _)) = (pair(), pair());
        let ours = Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        assert_eq!(ours, ours.clone());
        assert_ne!(ours, Tls::new_ca());
        let got = error(&other, &key);
        assert!(matches!(got, TlsError::Mismatch), "{got:?}");
        // The first certificate is the server's; the rest lead to its CA.
        let chain = certificate + &other;
        assert_ne!(Tls::from_pem(chain.as_bytes(), key.as_bytes()).unwrap(), ours);
    }

    #[test]
    fn what_is_wrong_with_a_certificate_or_a_key_is_told_apart() {
        let (certificate, key) = pair();
        let garbage = |kind| format!("-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n");
        let unended = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        let got = error("", &key);
        assert!(matches!(got, TlsError::NoCertificate), "{got:?}");
        let got = error(&key, &key);
        assert!(matches!(got, TlsError::NoCertificate), "{got:?}");
        let got = error(unended, &key);
        assert!(matches!(got, TlsError::Certificate { .. }), "{got:?}");
        let got = error(&garbage("CERTIFICATE"), &key);
        assert!(matches!(got, TlsError::Certificate { .. }), "{got:?}");
        let got = error(&certificate, "");
        assert!(matches!(got, TlsError::NoKey), "{got:?}");
        let got = error(&certificate, &certificate);
        assert!(matches!(got, TlsError::NoKey), "{got:?}");
        let got = error(&certificate, &garbage("ENCRYPTED PRIVATE KEY"));
        assert!(matches!(got, TlsError::NoKey), "{got:?}");
        let got = error(&certificate, &garbage("PRIVATE KEY"));
        assert!(matches!(got, TlsError::Key { .. }), "{got:?}");
    }

    #[test]
    fn a_name_that_no_certificate_can_have_is_named() {
        let authority = Authority::new("test").unwrap();
        let names = ["localhost".to_owned(), "b\u{fc}ro.example".to_owned()];
        let error = authority.issue(&names, authority::Life::Now).unwrap_err();
        assert!(matches!(error, TlsError::Name { ref name, .. } if *name == names[1]), "{error:?}");
    }

    #[test]
    fn a_key_is_in_no_debug_output() {
        let (certificate, key) = pair();
        let ours = Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        assert_eq!(format!("{ours:?} {:?}", Tls::new_ca()), "Tls(own certificate) Tls(a new CA)");
    }
}
