//! The certificates of one server, ready to be shown.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::authority::{Authority, Life};
use super::{Identity, TlsError, provider};
use crate::{Config, InjectedFault, ServeError};

/// What the certificate of a server says that is for another name.
const OTHER_NAME: &str = "other.example";

/// The certificates of one server, ready to be shown.
pub(crate) struct Acceptor {
    right: TlsAcceptor,
    /// What connections get to see that a fault applies to.
    wrong: Vec<(InjectedFault, TlsAcceptor)>,
    ca_certificate: Option<String>,
}

impl Acceptor {
    /// The certificates that this configuration asks for; `None` if it does not ask for TLS. `public_host` is the public
    /// URL's.
    pub(crate) fn of(
        config: &Config,
        listening: IpAddr,
        public_host: Option<&str>,
    ) -> Result<Option<Self>, ServeError> {
        let mut faults: Vec<_> = config.faults.iter().map(crate::FaultRule::fault).collect();
        faults.retain(|fault| fault.needs_tls());
        let Some(tls) = &config.tls else {
            return faults.first().map_or(Ok(None), |fault| Err(ServeError::FaultNeedsTls { fault: *fault }));
        };
        let made = match &tls.0 {
            Identity::NewCa => Self::from_new_ca(&names(config, listening, public_host), &faults),
            Identity::Own(own) => match faults.first() {
                // What is wrong with a certificate can be seen only if its CA is known, and it is not ours to sign with.
                Some(fault) => return Err(ServeError::FaultNeedsNewCa { fault: *fault }),
                None => showing(Arc::clone(own)).map(|right| Self {
                    right,
                    wrong: Vec::new(),
                    ca_certificate: None,
                }),
            },
        };
        made.map(Some).map_err(|source| ServeError::Tls { source })
    }

    fn from_new_ca(names: &[String], faults: &[InjectedFault]) -> Result<Self, TlsError> {
        let ca = Authority::new("sso-oidc serve: a CA for as long as it runs")?;
        let right = showing(Arc::new(ca.issue(names, Life::Now)?))?;
        let mut wrong = Vec::new();
        for fault in faults {
            let certificate = match fault {
                InjectedFault::TlsExpired => ca.issue(names, Life::Past)?,
                InjectedFault::TlsOtherName => ca.issue(&[OTHER_NAME.to_owned()], Life::Now)?,
                _ => Authority::new("sso-oidc serve: an unknown CA")?.issue(names, Life::Now)?,
            };
            wrong.push((*fault, showing(Arc::new(certificate))?));
        }
        Ok(Self { right, wrong, ca_certificate: Some(ca.pem().to_owned()) })
    }

    /// The certificate of the CA that was made, in PEM.
    pub(crate) fn ca_certificate(&self) -> Option<&str> {
        self.ca_certificate.as_deref()
    }

    /// The server's part of a handshake, with the certificate that this fault shows.
    pub(super) async fn accept<S>(
        &self,
        stream: S,
        injected: Option<InjectedFault>,
    ) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let wrong = self.wrong.iter().find(|(fault, _)| injected == Some(*fault));
        wrong.map_or(&self.right, |(_, wrong)| wrong).accept(stream).await
    }
}

/// For whom a certificate is: whatever this server may be called by.
fn names(config: &Config, listening: IpAddr, public_host: Option<&str>) -> Vec<String> {
    let mut names: Vec<String> = vec!["localhost".to_owned()];
    names.extend([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].map(|ip| ip.to_string()));
    if !listening.is_unspecified() {
        names.push(listening.to_string());
    }
    let configured = config.allowed_hosts.iter().map(String::as_str).chain(public_host);
    names.extend(configured.map(|host| host.trim_matches(['[', ']']).to_ascii_lowercase()));
    let mut once = Vec::new();
    for name in names {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    once
}

/// Each has its own memory of sessions, so that none that began with a good certificate is resumed behind a bad one.
fn showing(certificate: Arc<CertifiedKey>) -> Result<TlsAcceptor, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::make)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certificate)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tls;

    #[test]
    fn a_certificate_is_for_every_name_of_the_server_once() {
        let config = Config::default().with_allowed_host("Box.local").with_allowed_host("localhost");
        let listening = IpAddr::from([192, 0, 2, 7]);
        let all = names(&config, listening, Some("[2001:db8::1]"));
        assert_eq!(all, ["localhost", "127.0.0.1", "::1", "192.0.2.7", "box.local", "2001:db8::1"]);
        let everywhere = names(&Config::default(), IpAddr::V4(Ipv4Addr::UNSPECIFIED), None);
        assert_eq!(everywhere, ["localhost", "127.0.0.1", "::1"]);
    }

    #[test]
    fn a_fault_of_the_certificate_needs_tls_and_a_ca_that_signs_it() {
        let made = |config: &Config| Acceptor::of(config, Ipv4Addr::LOCALHOST.into(), None);
        assert!(
            made(&Config::default().with_fault(InjectedFault::Drip)).is_ok_and(|acceptor| acceptor.is_none())
        );
        for fault in [InjectedFault::TlsExpired, InjectedFault::TlsOtherName, InjectedFault::TlsUnknownCa] {
            let plain = Config::default().with_fault(InjectedFault::Drip).with_fault(fault);
            assert!(matches!(made(&plain), Err(ServeError::FaultNeedsTls { fault: it }) if it == fault));
            let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
            let own = Tls::from_pem(pair.cert.pem().as_bytes(), pair.signing_key.serialize_pem().as_bytes());
            let own = plain.clone().with_tls(own.unwrap());
            assert!(matches!(made(&own), Err(ServeError::FaultNeedsNewCa { fault: it }) if it == fault));
            assert!(made(&plain.with_tls(Tls::new_ca())).is_ok_and(|acceptor| acceptor.is_some()));
        }
    }
}
