//! TLS: the trusted certificates, and failed handshakes, which are known not to have carried the request.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use adapter_tests::stub::{Step, Stub};
use adapter_tests::{Adapter, for_both_adapters};
use device_flow::{CallError, Failure, SearchError};
use oidc_proto::RegisterClientRequest;
use oidc_proto::oauth::MetadataError;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sso_oidc_server::{Config, TestServer, Tls};

/// A CA, and a server with a certificate from it.
struct Secure {
    endpoint: String,
    authority: String,
}

/// Returns a server whose certificate is for this name, and valid or expired.
fn secure(name: &str, expired: bool) -> Secure {
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, authority_key);

    let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    if expired {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    }
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(certificate.der().to_vec())],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    let endpoint = listen(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut tls = StreamOwned::new(connection, stream);
        // A client that rejects the certificate ends the handshake here.
        if matches!(tls.read(&mut [0; 4096]), Ok(1..)) {
            let body = r#"{"clientId":"over-tls","clientSecret":"s","clientSecretExpiresAt":0}"#;
            let answer = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = tls.write_all(answer.as_bytes());
            tls.conn.send_close_notify();
            let _ = tls.flush();
            // The system resets a connection that is closed before all of the request is read.
            let _ = tls.sock.shutdown(Shutdown::Write);
            let _ = tls.sock.set_read_timeout(Some(Duration::from_secs(5)));
            let _ = std::io::copy(&mut tls.sock, &mut std::io::sink());
        }
    });
    Secure { endpoint, authority: authority_pem }
}

/// Returns an https endpoint that passes its connections to this handler.
fn listen(handle: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    thread::spawn(move || {
        for stream in listener.incoming().take(16) {
            handle(stream.unwrap());
        }
    });
    endpoint
}

fn bundle(directory: &Path, pem: &str) -> std::path::PathBuf {
    let path = directory.join("bundle.pem");
    std::fs::write(&path, pem).unwrap();
    path
}

fn register<A: Adapter>(
    endpoint: &str,
    bundle: Option<&Path>,
    accept_invalid: bool,
) -> Result<String, CallError> {
    let request = RegisterClientRequest::new("tls");
    A::register_over_tls(endpoint, bundle, accept_invalid, &request)
        .map(|registration| registration.client.id)
}

/// Asserts that the call failed before the request was sent, for another reason than a certificate.
fn assert_not_sent(result: Result<String, CallError>, what: &str) {
    assert_eq!(transport(result), (Failure::NotSent, false), "{what}");
}

/// Asserts that the call failed before the request was sent, because the certificate is not trusted.
fn assert_distrusted(result: Result<String, CallError>, what: &str) {
    assert_eq!(transport(result), (Failure::NotSent, true), "{what}");
}

fn transport(result: Result<String, CallError>) -> (Failure, bool) {
    match result {
        Err(CallError::Transport(error)) => (error.failure(), error.is_untrusted_certificate()),
        other => panic!("{other:?}"),
    }
}

fn a_bundle_is_trusted_in_place_of_the_systems_authorities<A: Adapter>() {
    let server = secure("localhost", false);
    let directory = tempfile::tempdir().unwrap();
    let right = bundle(directory.path(), &server.authority);
    assert_eq!(register::<A>(&server.endpoint, Some(&right), false).unwrap(), "over-tls");
    assert_distrusted(
        register::<A>(&server.endpoint, None, false),
        "the system does not know this authority",
    );
    let other = tempfile::tempdir().unwrap();
    let wrong = bundle(other.path(), &secure("localhost", false).authority);
    assert_distrusted(register::<A>(&server.endpoint, Some(&wrong), false), "another authority");
}

fn a_bundle_may_be_a_directory_in_which_files_without_certificates_are_passed_by<A: Adapter>() {
    let server = secure("localhost", false);
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("private")).unwrap();
    std::fs::write(directory.path().join("README"), "-----BEGIN CERTIFICATE-----\nnone\n").unwrap();
    let error = A::build_with_bundle(directory.path()).unwrap_err();
    assert!(error.contains("no usable certificate"), "{error}");
    for name in ["own.pem", "1a2b3c4d.0"] {
        std::fs::write(directory.path().join(name), &server.authority).unwrap();
    }
    assert_eq!(register::<A>(&server.endpoint, Some(directory.path()), false).unwrap(), "over-tls");
}

fn a_certificate_for_another_name_or_past_its_life_is_refused_unless_all_are_accepted<A: Adapter>() {
    for (server, what) in [(secure("other.example", false), "name"), (secure("localhost", true), "life")] {
        let directory = tempfile::tempdir().unwrap();
        let bundle = bundle(directory.path(), &server.authority);
        assert_distrusted(register::<A>(&server.endpoint, Some(&bundle), false), what);
        assert_eq!(register::<A>(&server.endpoint, None, true).unwrap(), "over-tls", "{what}");
    }
}

fn a_handshake_that_breaks_off_or_is_none_has_not_carried_the_request<A: Adapter>() {
    assert_not_sent(register::<A>(&listen(drop), None, false), "closed at once");
    let alert = listen(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        // The bytes are a fatal handshake_failure (RFC 8446 §6).
        let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, 40]);
    });
    assert_not_sent(register::<A>(&alert, None, false), "alert");
    let plain = listen(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    assert_not_sent(register::<A>(&plain, None, false), "plain HTTP");
}

fn a_name_that_does_not_resolve_has_not_carried_the_request<A: Adapter>() {
    assert_not_sent(register::<A>("https://nowhere.invalid", None, false), "no such name");
}

fn a_redirect_of_the_metadata_to_https_is_followed_and_the_certificate_there_must_be_trusted<A: Adapter>() {
    let server = TestServer::with(Config::default().with_tls(Tls::new_ca())).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let right = bundle(directory.path(), server.ca_certificate().unwrap());
    let location = format!("location: {}/.well-known/openid-configuration\r\n", server.endpoint());
    let location: &'static str = Box::leak(location.into_boxed_str());
    let stub = || Stub::start((0..4).map(|_| Step::Answer(302, location, String::new())));
    let plain = stub();
    // The document comes over TLS, but names another issuer.
    let (found, took) = A::searched_over_tls(&plain.endpoint(), Some(&right));
    let error = found.unwrap_err();
    assert!(
        matches!(&error, SearchError::Metadata { source: MetadataError::Issuer { found, .. }, .. } if found == server.endpoint()),
        "{error:?}"
    );
    assert_eq!(took, Duration::ZERO);
    // This holds behind a redirect and without one: waiting does not fix a certificate.
    let plain = stub();
    for issuer in [&plain.endpoint(), server.endpoint()] {
        let (found, took) = A::searched_over_tls(issuer, None);
        let error = found.unwrap_err();
        assert!(
            matches!(&error, SearchError::Transport { source, .. } if source.is_untrusted_certificate()),
            "{error:?}"
        );
        assert_eq!(took, Duration::ZERO, "{issuer}");
    }
    assert!(A::searched_over_tls(server.endpoint(), Some(&right)).0.is_ok());
}

fn a_bundle_that_is_none_is_named_before_anything_is_sent<A: Adapter>() {
    let directory = tempfile::tempdir().unwrap();
    for (pem, what) in [
        ("", "no certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no certificate that can be used"),
    ] {
        let path = bundle(directory.path(), pem);
        let error = A::build_with_bundle(&path).unwrap_err();
        assert!(error.contains("bundle.pem") && error.contains("no usable certificate"), "{what}: {error}");
    }
    let error = A::build_with_bundle(&directory.path().join("nowhere.pem")).unwrap_err();
    assert!(error.contains("nowhere.pem") && error.contains("failed to read"), "{error}");
}

for_both_adapters! {
    a_bundle_is_trusted_in_place_of_the_systems_authorities,
    a_bundle_may_be_a_directory_in_which_files_without_certificates_are_passed_by,
    a_certificate_for_another_name_or_past_its_life_is_refused_unless_all_are_accepted,
    a_handshake_that_breaks_off_or_is_none_has_not_carried_the_request,
    a_name_that_does_not_resolve_has_not_carried_the_request,
    a_redirect_of_the_metadata_to_https_is_followed_and_the_certificate_there_must_be_trusted,
    a_bundle_that_is_none_is_named_before_anything_is_sent,
}
