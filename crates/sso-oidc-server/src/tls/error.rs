//! The reasons why a certificate is not usable.

use std::error::Error;

/// The reason why a certificate is not usable. No text quotes a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The PEM contains no certificate.
    #[error("there is no certificate in PEM (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// A certificate cannot be read.
    #[error("the certificate cannot be read")]
    Certificate {
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The PEM contains no readable key.
    #[error("there is no private key in PEM (-----BEGIN PRIVATE KEY-----); an encrypted one is not read")]
    NoKey,
    /// The key is not readable or not supported.
    #[error("the private key cannot be read")]
    Key {
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The key does not belong to the certificate.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
    /// No certificate can have this name.
    #[error("no certificate can be made for the name {name:?}")]
    Name {
        /// The name.
        name: String,
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The CA or its certificate cannot be made, for example without entropy.
    #[error("a certificate cannot be made")]
    Make {
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl TlsError {
    pub(super) fn certificate(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Certificate { source: Box::new(error) }
    }

    pub(super) fn key(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Key { source: Box::new(error) }
    }

    pub(super) fn make(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Make { source: Box::new(error) }
    }
}
