//! A TLS front before a plain server, with a good certificate or a bad one. (The server itself speaks plain HTTP.)

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

/// What a front shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certificate {
    Good,
    Expired,
    OtherName,
    UnknownAuthority,
}

impl Certificate {
    /// Those that a client must refuse.
    pub(crate) const WRONG: [Self; 3] = [Self::Expired, Self::OtherName, Self::UnknownAuthority];
}

/// The front, and the bundle that a client should trust.
pub(crate) struct Front {
    endpoint: String,
    directory: TempDir,
}

impl Front {
    /// A front of this server. One connection carries one request; those in `bad`, counted from 0, show this certificate.
    pub(crate) fn start(backend: &str, certificate: Certificate, bad: Range<usize>) -> Self {
        let (ours, theirs) = (Authority::new(), Authority::new());
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("bundle.pem"), &ours.pem).unwrap();
        let issuer = if certificate == Certificate::UnknownAuthority { &theirs } else { &ours };
        let (good, wrong) = (ours.config(Certificate::Good), issuer.config(certificate));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let backend = backend.strip_prefix("http://").unwrap().to_owned();
        thread::spawn(move || {
            // More than any case sends; the thread of a case that is over waits for nothing.
            for (number, stream) in listener.incoming().take(64).enumerate() {
                let config = if bad.contains(&number) { &wrong } else { &good };
                // A client that refuses the certificate ends the handshake here.
                let _ = stream.and_then(|stream| carry(stream, config, &backend));
            }
        });
        Self { endpoint, directory }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) fn ca_bundle(&self) -> PathBuf {
        self.directory.path().join("bundle.pem")
    }
}

/// Carries one request to the server and its answer back.
fn carry(stream: TcpStream, config: &Arc<ServerConfig>, backend: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let mut client = StreamOwned::new(connection, stream);
    let request = message(&mut client)?;
    let mut server = TcpStream::connect(backend)?;
    server.write_all(&request)?;
    let answer = message(&mut server)?;
    let status_line = answer.iter().position(|byte| *byte == b'\n').unwrap_or_default() + 1;
    client.write_all(&answer[..status_line])?;
    client.write_all(b"connection: close\r\n")?;
    client.write_all(&answer[status_line..])?;
    client.conn.send_close_notify();
    client.flush()
}

/// A request or an answer, whole.
fn message(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    stream.read_exact(&mut body)?;
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// An authority that signs what it is told to.
struct Authority {
    pem: String,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: rcgen::Issuer::new(params, key) }
    }

    fn config(&self, certificate: Certificate) -> Arc<ServerConfig> {
        let name = if certificate == Certificate::OtherName { "other.example" } else { "localhost" };
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        if certificate == Certificate::Expired {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        }
        let key = rcgen::KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(signed.der().to_vec())],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        Arc::new(config)
    }
}
