//! The faults that a configuration makes impossible.

use crate::{Config, FaultRule, ServeError};

/// Rejects faults that this configuration makes impossible. A client can reject a wrong certificate only if
/// it knows the CA. The server cannot sign with the CA of the user's own certificate.
pub(crate) fn check(config: &Config) -> Result<(), ServeError> {
    #[cfg(feature = "tls")]
    let is_own = config.tls.as_ref().map(crate::Tls::is_own);
    #[cfg(not(feature = "tls"))]
    let is_own = None;
    check_rules(&config.faults, is_own)
}

/// Rejects rules that are impossible at a server with a certificate that is the user's own, or not. `None` is a server
/// without TLS.
pub(crate) fn check_rules(rules: &[FaultRule], has_own_certificate: Option<bool>) -> Result<(), ServeError> {
    let mut faults = rules.iter().map(FaultRule::fault);
    match (faults.find(|fault| fault.needs_tls()), has_own_certificate) {
        (None, _) | (Some(_), Some(false)) => Ok(()),
        (Some(fault), None) => Err(ServeError::FaultNeedsTls { fault }),
        (Some(fault), Some(true)) => Err(ServeError::FaultNeedsNewCa { fault }),
    }
}

#[cfg(all(test, feature = "tls"))]
mod tests {
    use super::*;
    use crate::InjectedFault;

    #[test]
    fn a_fault_of_the_certificate_needs_tls_and_a_ca_that_signs_it() {
        check(&Config::default().with_fault(InjectedFault::Drip)).unwrap();
        for fault in [InjectedFault::TlsExpired, InjectedFault::TlsOtherName, InjectedFault::TlsUnknownCa] {
            let plain = Config::default().with_fault(InjectedFault::Drip).with_fault(fault);
            let refused = check(&plain);
            assert!(
                matches!(refused, Err(ServeError::FaultNeedsTls { fault: it }) if it == fault),
                "{refused:?}"
            );
            let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
            let own =
                crate::Tls::from_pem(pair.cert.pem().as_bytes(), pair.signing_key.serialize_pem().as_bytes());
            let refused = check(&plain.clone().with_tls(own.unwrap()));
            assert!(
                matches!(refused, Err(ServeError::FaultNeedsNewCa { fault: it }) if it == fault),
                "{refused:?}"
            );
            check(&plain.with_tls(crate::Tls::new_ca())).unwrap();
        }
    }
}
