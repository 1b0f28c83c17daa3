//! `--tls`: the certificate that the server shows, and the file that tells its clients whom to trust.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use sso_oidc_server::{Config, Tls, TlsError};
use tempfile::TempPath;

use crate::exit::{Failure, chain};

/// How the file begins that is ours to replace. A reader of PEM passes over it.
const MARK: &str =
    "# The CA of `sso-oidc serve --tls`, for AWS_CA_BUNDLE; its key is in that server's memory alone.\n";

/// Whose certificate is shown.
#[derive(Args, Debug)]
pub(crate) struct TlsArgs {
    /// Speak HTTPS, with a CA that is made at start and whose key stays in memory
    #[arg(long)]
    tls: bool,

    /// Where to leave that CA's certificate for clients; a temporary file unless it is said
    #[arg(long, value_name = "FILE", requires = "tls", conflicts_with = "tls_certificate")]
    tls_ca_file: Option<PathBuf>,

    /// Speak HTTPS with this certificate instead: in PEM, followed by those that lead to its CA
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,

    /// The private key of that certificate: in PEM, not encrypted
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
}

impl TlsArgs {
    /// Whether a CA is made, which can sign wrong certificates too.
    pub(crate) const fn makes_ca(&self) -> bool {
        self.tls && self.tls_certificate.is_none()
    }

    /// The configuration with the certificate.
    pub(crate) fn apply(&self, config: Config) -> Result<Config, Failure> {
        Ok(match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => config.with_tls(own(certificate, key)?),
            _ if self.tls => config.with_tls(Tls::new_ca()),
            _ => config,
        })
    }

    /// Where to leave the CA's certificate, if somewhere in particular.
    pub(crate) fn ca_file(&self) -> Option<&Path> {
        self.tls_ca_file.as_deref()
    }
}

/// The certificate and the key in these files.
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
                failure.with_hint("`openssl pkey -in FILE -out key.pem` writes a key of any other form so")
            }
            _ => failure
                .with_hint("`openssl x509 -in FILE -inform DER -out certificate.pem` writes one in DER so"),
        }
    })
}

/// The file with the CA's certificate. A temporary one is gone when this is.
#[derive(Debug)]
pub(crate) struct CaFile {
    path: PathBuf,
    _temporary: Option<TempPath>,
}

impl CaFile {
    /// Leaves the certificate in this file, or in a temporary one.
    ///
    /// # Errors
    /// The file cannot be written, or has something in it that is not ours to replace.
    pub(crate) fn write(pem: &str, wanted: Option<&Path>) -> Result<Self, Failure> {
        let failed = |path: &Path, error: io::Error| {
            Failure::other(format_args!("cannot write the CA's certificate to {}: {error}", path.display()))
        };
        match wanted {
            Some(path) => {
                replace(path, pem).map_err(|error| failed(path, error))?;
                // The reader of the message may be in another directory.
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

/// A reader sees the old file or the new one. Another bundle, named by mistake, is left alone, and so is a device: what
/// takes a file's place would take `/dev/null`'s, too.
fn replace(path: &Path, pem: &str) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => {
            return Err(io::Error::other("it is no regular file, and is not replaced; name another file"));
        }
        Ok(_) if !is_ours(&std::fs::read(path)?) => {
            return Err(io::Error::other(
                "it has something else in it, which is not replaced; name another file",
            ));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    temporary(directory.unwrap_or_else(|| Path::new(".")), pem)?.persist(path).map_err(|error| error.error)
}

fn is_ours(bytes: &[u8]) -> bool {
    bytes.is_empty() || bytes.starts_with(MARK.as_bytes())
}

/// A new file, which every user may read: it is no secret.
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
        // As with `/dev/stdout`, which leads to whatever that is, and with `/dev/null`: to read a socket fails, and so does
        // the test if it is looked at only then.
        let (empty, link, socket) =
            ["empty", "link", "socket"].map(|name| directory.path().join(name)).into();
        std::fs::write(&empty, "").unwrap();
        std::os::unix::fs::symlink(&empty, &link).unwrap();
        let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [&link, &socket, &directory.path().to_owned()] {
            let failure = format!("{:?}", CaFile::write(PEM, Some(path)).unwrap_err());
            assert!(failure.contains("no regular file"), "{failure}");
        }
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 3, "nothing is left beside them");
    }
}
