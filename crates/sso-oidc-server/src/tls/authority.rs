//! A CA made at start, and its certificates.

use core::time::Duration;
use std::time::SystemTime;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;

use super::{TlsError, provider};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The lifetime of a certificate, the longest that browsers accept.
const LIFE: Duration = Duration::from_secs(397 * 24 * 60 * 60);

/// A CA. Its key exists only here.
pub(crate) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// The validity period of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// From yesterday, for slow clocks, to more than a year from now.
    Now,
    /// Up to yesterday.
    #[cfg(feature = "faults")]
    Past,
}

impl Authority {
    /// Creates a CA of this name. Each needs a name of its own, because clients look up CAs by name.
    pub(crate) fn new(name: &str) -> Result<Self, TlsError> {
        let key = KeyPair::generate().map_err(TlsError::make)?;
        let mut params = params(&[], name, Life::Now)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key).map_err(TlsError::make)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params, key) })
    }

    /// Returns the CA's certificate.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// Issues a server certificate for these names and addresses, with a new key.
    pub(crate) fn issue(&self, names: &[String], life: Life) -> Result<CertifiedKey, TlsError> {
        let key = KeyPair::generate().map_err(TlsError::make)?;
        let mut params = params(names, "sso-oidc serve", life)?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer).map_err(TlsError::make)?;
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let chain = vec![certificate.der().clone()];
        CertifiedKey::from_der(chain, key, &provider()).map_err(TlsError::make)
    }
}

/// Returns the parameters that all certificates share.
fn params(names: &[String], common_name: &str, life: Life) -> Result<CertificateParams, TlsError> {
    let mut params = CertificateParams::default();
    for name in names {
        let made = CertificateParams::new([name.clone()]);
        let made = made.map_err(|error| TlsError::Name { name: name.clone(), source: Box::new(error) })?;
        params.subject_alt_names.extend(made.subject_alt_names);
    }
    params.distinguished_name.push(DnType::CommonName, common_name);
    // A clock before 1970 counts as 1970.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (from, to) = match life {
        Life::Now => (now.saturating_sub(DAY), now + LIFE),
        #[cfg(feature = "faults")]
        Life::Past => (now.saturating_sub(30 * DAY), now.saturating_sub(DAY)),
    };
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    (params.not_before, params.not_after) = (epoch + from, epoch + to);
    Ok(params)
}
