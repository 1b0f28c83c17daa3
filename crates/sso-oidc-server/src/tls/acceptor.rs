//! The TLS configuration of one server.

use core::borrow::Borrow;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::authority::{Authority, Life};
use super::handshake::{handshake, one_line};
use super::{Identity, TlsError, acceptor};
use crate::hosts::Hosts;
use crate::{Config, ServeError};

/// The certificates of one server, and the handshake with them.
pub(crate) struct Acceptor {
    tls: TlsAcceptor,
    ca_certificate: Option<String>,
    /// This server's base URL, for the error to clients that use plain HTTP.
    endpoint: String,
    /// The number of failed handshakes.
    pub(crate) failed: AtomicU64,
    /// The certificates for injected faults.
    #[cfg(feature = "faults")]
    pub(crate) wrong: crate::fault::certificates::Wrong,
}

impl Acceptor {
    /// Loads or creates the certificates of this configuration; `None` if it has no TLS.
    pub(crate) fn new(config: &Config, listening: IpAddr, hosts: &Hosts) -> Result<Option<Self>, ServeError> {
        let Some(tls) = &config.tls else { return Ok(None) };
        let made = match &tls.0 {
            Identity::NewCa => Self::from_new_ca(config, listening, hosts),
            Identity::Own(own) => acceptor(Arc::clone(own)).map(|tls| Self {
                tls,
                ca_certificate: None,
                endpoint: hosts.endpoint.clone(),
                failed: AtomicU64::new(0),
                #[cfg(feature = "faults")]
                wrong: crate::fault::certificates::Wrong::none(),
            }),
        };
        made.map(Some).map_err(|source| ServeError::Tls { source })
    }

    fn from_new_ca(config: &Config, listening: IpAddr, hosts: &Hosts) -> Result<Self, TlsError> {
        let names = names(config, listening, hosts.public_host());
        let ca = Authority::new("sso-oidc serve: a CA for as long as it runs")?;
        Ok(Self {
            tls: acceptor(Arc::new(ca.issue(&names, Life::Now)?))?,
            ca_certificate: Some(ca.pem().to_owned()),
            endpoint: hosts.endpoint.clone(),
            failed: AtomicU64::new(0),
            #[cfg(feature = "faults")]
            wrong: crate::fault::certificates::Wrong::new(&config.faults, ca, names)?,
        })
    }

    /// Returns the certificate of the CA made at start, in PEM.
    pub(crate) fn ca_certificate(&self) -> Option<&str> {
        self.ca_certificate.as_deref()
    }

    /// Performs the handshake. On failure it logs the reason and returns `None`; only that connection ends.
    /// `wrap` adds a stream between TLS and the socket. `limit` is the time for the handshake. `wrong` is the
    /// certificate of an injected fault, with the fault's name.
    pub(crate) async fn handshake<T, S>(
        &self,
        stream: T,
        wrap: impl FnOnce(T) -> S,
        limit: Duration,
        connection: u64,
        wrong: Option<(&TlsAcceptor, &str)>,
    ) -> Option<TlsStream<S>>
    where
        T: Borrow<TcpStream>,
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (tls, injected) = wrong.map_or((&self.tls, None), |(tls, fault)| (tls, Some(fault)));
        let shaken = handshake(tls, &self.endpoint, stream, wrap, limit, connection).await;
        let secure = shaken.unwrap_or_else(|error| {
            self.failed.fetch_add(1, Ordering::Relaxed);
            tracing::info!(connection, error = one_line(&error), injected, "TLS handshake failed");
            None
        });
        if secure.is_some() && injected.is_some() {
            tracing::info!(
                connection,
                injected,
                "TLS handshake completed with a wrong certificate; some clients check it only afterwards"
            );
        }
        secure
    }
}

/// Returns the names for the certificate: every name of this server.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_for_every_name_of_the_server_once() {
        let config = Config::default().with_allowed_host("Box.local").with_allowed_host("localhost");
        let listening = IpAddr::from([192, 0, 2, 7]);
        let all = names(&config, listening, Some("[2001:db8::1]"));
        assert_eq!(all, ["localhost", "127.0.0.1", "::1", "192.0.2.7", "box.local", "2001:db8::1"]);
        let everywhere = names(&Config::default(), IpAddr::V4(Ipv4Addr::UNSPECIFIED), None);
        assert_eq!(everywhere, ["localhost", "127.0.0.1", "::1"]);
    }
}
