//! The reasons why a store cannot be opened.

use std::path::PathBuf;

/// The reason why a store cannot be opened. No message has the password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL cannot be used. It is not in the message, because it may have a password.
    #[error("the URL of the database {0}")]
    Url(&'static str),
    /// The file with the password cannot be used.
    #[error("the password file {} cannot be used", path.display())]
    PasswordFile {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The certificates for TLS cannot be used.
    #[error("TLS to the database cannot be prepared")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The schema is of a newer version of this program.
    #[error(
        "the schema {schema} has version {found}, and this program knows {known}: use a newer version of the program"
    )]
    Newer {
        /// The name of the schema.
        schema: String,
        /// Its version.
        found: i32,
        /// The newest version that this program knows.
        known: i32,
    },
    /// The database cannot be reached, or refuses a statement.
    #[error("the database cannot be used")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ConnectError {
    pub(crate) fn database(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Database(source.into())
    }
}

impl From<crate::pool::Failed> for ConnectError {
    fn from(failed: crate::pool::Failed) -> Self {
        Self::database(device_authority::StoreError::from(failed))
    }
}
