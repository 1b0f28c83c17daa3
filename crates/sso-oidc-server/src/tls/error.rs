//! The reasons why a certificate is not usable.

use std::error::Error;

/// The reason why a certificate is not usable. No text quotes a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The PEM contains no certificate.
    #[error("no PEM certificate found (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// A certificate cannot be read.
    #[error("failed to parse the certificate")]
    Certificate {
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The PEM contains no readable key.
    #[error("no PEM private key found (-----BEGIN PRIVATE KEY-----); encrypted keys are not supported")]
    NoKey,
    /// The key is not readable or not supported.
    #[error("invalid or unsupported private key")]
    Key {
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The key does not belong to the certificate.
    #[error("the private key does not match the certificate")]
    Mismatch,
    /// No certificate can have this name.
    #[error("failed to create a certificate for the name {name:?}")]
    Name {
        /// The name.
        name: String,
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The CA or its certificate cannot be made, for example without entropy.
    #[error("failed to create a certificate")]
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
