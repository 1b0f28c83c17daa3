//! The wrong certificates of a server that speaks HTTPS.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_rustls::TlsAcceptor;

use super::{FaultRule, InjectedFault};
use crate::TlsError;
use crate::tls::acceptor;
use crate::tls::authority::{Authority, Life};

/// The name in the certificate that does not match the server.
const OTHER_NAME: &str = "other.example";

/// The wrong certificates, by fault.
pub(crate) struct Wrong {
    /// The CA of the server, and the server's names. A certificate of the user's own has no CA here.
    issuer: Option<(Authority, Vec<String>)>,
    issued: Mutex<Vec<(InjectedFault, TlsAcceptor)>>,
}

impl Wrong {
    pub(crate) const fn none() -> Self {
        Self { issuer: None, issued: Mutex::new(Vec::new()) }
    }

    /// Issues the certificates that these faults need, from this CA, for these names.
    pub(crate) fn new(rules: &[FaultRule], ca: Authority, names: Vec<String>) -> Result<Self, TlsError> {
        let wrong = Self { issuer: Some((ca, names)), issued: Mutex::default() };
        wrong.issue(rules)?;
        Ok(wrong)
    }

    /// Issues the certificates that these faults need and that are not there yet.
    pub(crate) fn issue(&self, rules: &[FaultRule]) -> Result<(), TlsError> {
        let Some((ca, names)) = &self.issuer else { return Ok(()) };
        for fault in rules.iter().map(FaultRule::fault).filter(|fault| fault.needs_tls()) {
            if self.certificate(fault).is_some() {
                continue;
            }
            let certificate = match fault {
                InjectedFault::TlsExpired => ca.issue(names, Life::Past)?,
                InjectedFault::TlsOtherName => ca.issue(&[OTHER_NAME.to_owned()], Life::Now)?,
                _ => Authority::new("sso-oidc serve: an unknown CA")?.issue(names, Life::Now)?,
            };
            let issued = (fault, acceptor(Arc::new(certificate))?);
            self.issued.lock().unwrap_or_else(PoisonError::into_inner).push(issued);
        }
        Ok(())
    }

    pub(crate) fn certificate(&self, fault: InjectedFault) -> Option<TlsAcceptor> {
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        issued.iter().find(|(of, _)| *of == fault).map(|(_, tls)| tls.clone())
    }
}
