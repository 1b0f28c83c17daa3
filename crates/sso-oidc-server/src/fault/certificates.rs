//! The wrong certificates of a server that speaks HTTPS.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;

use super::InjectedFault;
use crate::tls::acceptor;
use crate::tls::authority::{Authority, Life};
use crate::{Config, TlsError};

/// The name in the certificate that does not match the server.
const OTHER_NAME: &str = "other.example";

/// The wrong certificates, by fault.
pub(crate) struct Wrong(Vec<(InjectedFault, TlsAcceptor)>);

impl Wrong {
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    /// Issues the certificates that the faults of this configuration need, from this CA, for these names.
    pub(crate) fn new(config: &Config, ca: &Authority, names: &[String]) -> Result<Self, TlsError> {
        let faults = config.faults.iter().map(crate::FaultRule::fault).filter(|fault| fault.needs_tls());
        let wrong = faults.map(|fault| {
            let certificate = match fault {
                InjectedFault::TlsExpired => ca.issue(names, Life::Past)?,
                InjectedFault::TlsOtherName => ca.issue(&[OTHER_NAME.to_owned()], Life::Now)?,
                _ => Authority::new("sso-oidc serve: an unknown CA")?.issue(names, Life::Now)?,
            };
            Ok((fault, acceptor(Arc::new(certificate))?))
        });
        wrong.collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn certificate(&self, fault: InjectedFault) -> Option<&TlsAcceptor> {
        self.0.iter().find(|(of, _)| *of == fault).map(|(_, tls)| tls)
    }
}
