//! The TLS configuration: cryptography and trusted certificates.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oidc_proto::Service;
use rustls::client::WantsClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme, WantsVerifier,
};

use crate::{BuildError, crypto};

/// Returns the TLS configuration for this service.
///
/// reqwest requires one even for plain HTTP. No redirect leads from there to HTTPS, so the system's certificates are
/// not loaded: that is most of a client's start-up cost.
pub(crate) fn config(
    service: &Service,
    provider: Option<&Arc<CryptoProvider>>,
    ca_bundle: Option<PathBuf>,
    accept_invalid: bool,
) -> Result<ClientConfig, BuildError> {
    let provider = crypto::provider(provider).ok_or(BuildError::NoCryptoProvider)?;
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| BuildError::Tls(error.into()))?;
    let builder = if accept_invalid {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAnything(provider)))
    } else if let Some(path) = ca_bundle {
        builder.with_root_certificates(read_bundle(path)?)
    } else if service.uses_https() {
        trusting(builder, provider)?
    } else {
        builder.with_root_certificates(RootCertStore::empty())
    };
    Ok(builder.with_no_client_auth())
}

type WithRoots = ConfigBuilder<ClientConfig, WantsClientCert>;

/// Trusts the system's certificates.
#[cfg(feature = "platform-verifier")]
fn trusting(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    provider: Arc<CryptoProvider>,
) -> Result<WithRoots, BuildError> {
    let system =
        rustls_platform_verifier::Verifier::new(provider).map_err(|error| BuildError::Tls(error.into()))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(system)))
}

/// Trusts the compiled-in certificates, if any.
#[cfg(not(feature = "platform-verifier"))]
fn trusting(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    _: Arc<CryptoProvider>,
) -> Result<WithRoots, BuildError> {
    #[cfg(feature = "webpki-roots")]
    let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    #[cfg(not(feature = "webpki-roots"))]
    let roots = RootCertStore::empty();
    if roots.is_empty() {
        return Err(BuildError::NoRoots);
    }
    Ok(builder.with_root_certificates(roots))
}

fn read_bundle(path: PathBuf) -> Result<RootCertStore, BuildError> {
    let certificates = match path.is_dir() {
        true => of_directory(&path)
            .map_err(|source| BuildError::ReadCaBundle { path: path.clone(), source })?
            .into_iter()
            .collect(),
        false => of_file(&path)?,
    };
    let mut roots = RootCertStore::empty();
    // Certificates that rustls cannot use are skipped.
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        return Err(BuildError::EmptyCaBundle { path });
    }
    Ok(roots)
}

fn of_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, BuildError> {
    let pem = fs::read(path).map_err(|source| BuildError::ReadCaBundle { path: path.to_owned(), source })?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>();
    certificates.map_err(|source| BuildError::ParseCaBundle { path: path.to_owned(), source: source.into() })
}

/// Returns the certificates of all PEM files of a directory, without duplicates: OpenSSL's directories have links to
/// the files. Other files are ignored.
fn of_directory(path: &Path) -> io::Result<HashSet<CertificateDer<'static>>> {
    let mut found = HashSet::new();
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        if file.is_file() {
            found.extend(of_file(&file).unwrap_or_default());
        }
    }
    Ok(found)
}

/// A verifier that accepts every certificate, but checks that the peer holds its key.
#[derive(Debug)]
struct AcceptAnything(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
