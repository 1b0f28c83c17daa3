//! The CA of a server that speaks HTTPS, in a file for clients.

use std::io::Write as _;
use std::path::PathBuf;

use sso_oidc_server::TestServer;
use tempfile::NamedTempFile;

/// A temporary file; dropping it deletes it.
pub(crate) struct Bundle(NamedTempFile);

impl Bundle {
    /// Writes the CA of this server; `None` if it speaks plain HTTP.
    pub(crate) fn of(server: &TestServer) -> Option<Self> {
        let certificate = server.ca_certificate()?;
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(certificate.as_bytes()).unwrap();
        Some(Self(file))
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}
