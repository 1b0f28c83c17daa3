//! `--tls`: the server's certificate, and the file with its CA's certificate for clients.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use sso_oidc_server::{Config, Tls, TlsError};
use tempfile::TempPath;

use crate::exit::{Failure, chain};
use crate::persist::persist;

/// The first line of the CA file. It marks a file that we may replace, and PEM parsers skip it.
const MARK: &str =
    "# The CA of `sso-oidc serve --tls`, for AWS_CA_BUNDLE; its key is in that server's memory alone.\n";

/// The TLS flags.
#[derive(Args, Debug)]
pub(crate) struct TlsArgs {
    /// Use HTTPS, with a CA that is generated at start and whose key stays in memory
    #[arg(long)]
    tls: bool,

    /// Write that CA's certificate to this file, for clients [default: a temporary file]
    #[arg(long, value_name = "FILE", requires = "tls", conflicts_with = "tls_certificate")]
    tls_ca_file: Option<PathBuf>,

    /// Use HTTPS with this certificate instead: a PEM file, with the intermediate certificates after it
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,

    /// The private key of that certificate: a PEM file, not encrypted
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
}

impl TlsArgs {
    /// Returns whether the server generates a CA. Only such a CA can sign invalid certificates for tests.
    pub(crate) const fn makes_ca(&self) -> bool {
        self.tls && self.tls_certificate.is_none()
    }

    /// Adds the certificate to the configuration.
    pub(crate) fn apply(&self, config: Config) -> Result<Config, Failure> {
        Ok(match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => config.with_tls(own(certificate, key)?),
            _ if self.tls => config.with_tls(Tls::new_ca()),
            _ => config,
        })
    }

    /// Returns the path for the CA's certificate, if one is given.
    pub(crate) fn ca_file(&self) -> Option<&Path> {
        self.tls_ca_file.as_deref()
    }
}

/// Reads the certificate and the key from these files.
fn own(certificate: &Path, key: &Path) -> Result<Tls, Failure> {
    let read = |path: &Path, what| {
        std::fs::read(path).map_err(|error| {
            Failure::other(format_args!("cannot read the {what} {}: {error}", path.display()))
        })
    };
    let (certificates, key_pem) = (read(certificate, "certificate")?, read(key, "private key")?);
    Tls::from_pem(&certificates, &key_pem).map_err(|error| {
        let file = match error {
            TlsError::NoKey | TlsError::Key { .. } | TlsError::Mismatch => key,
            _ => certificate,
        };
        let failure = Failure::other(format_args!("{}: {}", file.display(), chain(&error)));
        match error {
            TlsError::Mismatch => failure.with_hint(format_args!(
                "the first certificate in {} must be the server's own",
                certificate.display()
            )),
            TlsError::NoKey | TlsError::Key { .. } => {
                failure.with_hint("convert the key to PEM with `openssl pkey -in FILE -out key.pem`")
            }
            _ => failure.with_hint(
                "convert a DER certificate with `openssl x509 -in FILE -inform DER -out certificate.pem`",
            ),
        }
    })
}

/// The file with the CA's certificate. A temporary file is deleted on drop.
#[derive(Debug)]
pub(crate) struct CaFile {
    path: PathBuf,
    _temporary: Option<TempPath>,
}

impl CaFile {
    /// Writes the certificate to this file, or to a temporary one.
    ///
    /// # Errors
    /// The file cannot be written, or has contents that are not ours.
    pub(crate) fn write(pem: &str, wanted: Option<&Path>) -> Result<Self, Failure> {
        let failed = |path: &Path, error: io::Error| {
            Failure::other(format_args!("cannot write the CA's certificate to {}: {error}", path.display()))
        };
        match wanted {
            Some(path) => {
                replace(path, pem).map_err(|error| failed(path, error))?;
                // Clients may run in another directory.
                let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
                Ok(Self { path, _temporary: None })
            }
            None => {
                let temporary = temporary(&std::env::temp_dir(), pem);
                let temporary = temporary.map_err(|error| failed(&std::env::temp_dir(), error))?;
                Ok(Self { path: temporary.to_path_buf(), _temporary: Some(temporary) })
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Replaces the file atomically. A file that is not ours, and a device such as `/dev/null`, stay as they are.
fn replace(path: &Path, pem: &str) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => {
            return Err(io::Error::other("it is not a regular file; name another file"));
        }
        Ok(_) if !is_ours(&std::fs::read(path)?) => {
            return Err(io::Error::other("it exists with other contents; name another file"));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let file = temporary(directory.unwrap_or_else(|| Path::new(".")), pem)?;
    persist(file, path)
}

fn is_ours(bytes: &[u8]) -> bool {
    bytes.is_empty() || bytes.starts_with(MARK.as_bytes())
}

/// Creates a temporary file that every user may read: a certificate is public.
fn temporary(directory: &Path, pem: &str) -> io::Result<TempPath> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("sso-oidc-ca-").suffix(".pem");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(directory)?;
    file.write_all(MARK.as_bytes())?;
    file.write_all(pem.as_bytes())?;
    Ok(file.into_temp_path())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    #[test]
    fn a_temporary_file_is_there_as_long_as_the_server() {
        let file = CaFile::write(PEM, None).unwrap();
        let path = file.path().to_owned();
        assert!(std::fs::read_to_string(&path).unwrap().ends_with(PEM));
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn only_what_we_have_written_ourselves_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        CaFile::write(PEM, Some(&path)).unwrap();
        CaFile::write("another", Some(&path)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{MARK}another"));
        std::fs::write(&path, PEM).unwrap();
        let failure = format!("{:?}", CaFile::write("another", Some(&path)).unwrap_err());
        assert!(failure.contains("ca.pem") && failure.contains("name another file"), "{failure}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), PEM);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_stays_what_it_is() {
        let directory = tempfile::tempdir().unwrap();
        // A symbolic link stands for `/dev/stdout`, a socket for a device. Reading a socket fails with another error,
        // so the type must be checked first.
        let (empty, link, socket) =
            ["empty", "link", "socket"].map(|name| directory.path().join(name)).into();
        std::fs::write(&empty, "").unwrap();
        std::os::unix::fs::symlink(&empty, &link).unwrap();
        let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [&link, &socket, &directory.path().to_owned()] {
            let failure = format!("{:?}", CaFile::write(PEM, Some(path)).unwrap_err());
            assert!(failure.contains("not a regular file"), "{failure}");
        }
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 3, "nothing is left beside them");
    }
}
