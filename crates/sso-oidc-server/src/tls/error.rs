//! Why there is no certificate to show.

use std::error::Error;

/// Why there is no certificate to show. No text quotes a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificates' PEM has none.
    #[error("there is no certificate in PEM (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// A certificate cannot be read.
    #[error("the certificate cannot be read")]
    Certificate {
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The key's PEM has none that can be read.
    #[error("there is no private key in PEM (-----BEGIN PRIVATE KEY-----); an encrypted one is not read")]
    NoKey,
    /// The key cannot be read, or is of a kind that is not supported.
    #[error("the private key cannot be read")]
    Key {
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The key is not the certificate's.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
    /// A certificate cannot be for this name.
    #[error("no certificate can be made for the name {name:?}")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The CA or its certificate cannot be made, for example without entropy.
    #[error("a certificate cannot be made")]
    Make {
        /// Why not.
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
