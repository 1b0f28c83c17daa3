//! Trusted certificates, and the two flags that change them.

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use common::{Program, success};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const REGISTER: [&str; 5] = ["register-client", "--client-name", "n", "--client-type", "public"];

/// Starts a server with a self-signed certificate, and returns that certificate as PEM.
fn self_signed_server() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = CertificateDer::from(made.cert.der().to_vec());
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().take(16) {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = StreamOwned::new(connection, stream.unwrap());
            // A client that rejects the certificate ends the handshake here.
            if matches!(tls.read(&mut [0; 4096]), Ok(1..)) {
                let body = r#"{"clientId":"cid","clientSecret":"csec","clientSecretExpiresAt":1}"#;
                let _ = tls.write_all(success(body).as_bytes());
                tls.conn.send_close_notify();
                let _ = tls.flush();
            }
        }
    });
    (endpoint, made.cert.pem())
}

#[test]
fn a_certificate_is_trusted_only_if_its_authority_is() {
    let (endpoint, pem) = self_signed_server();
    let program = Program::new().var("AWS_MAX_ATTEMPTS", "1");
    let bundle = program.file("bundle.pem", &pem);
    let with = |flags: &[&str]| program.run(&[&REGISTER[..], &["--endpoint-url", &endpoint], flags].concat());

    let said = with(&[]).fails(255);
    assert!(said.contains("Could not connect to the endpoint URL"), "{said}");
    assert_eq!(with(&["--ca-bundle", &bundle]).json()["clientId"], "cid");

    let unverified = with(&["--no-verify-ssl"]);
    assert!(unverified.stderr.starts_with("sso-oidc: [WARNING]: certificates are not verified"));
    assert_eq!(unverified.json()["clientId"], "cid");

    let program = Program::new().var("AWS_CA_BUNDLE", &bundle);
    program.run(&[&REGISTER[..], &["--endpoint-url", &endpoint]].concat()).ok();

    // REQUESTS_CA_BUNDLE counts too, after AWS_CA_BUNDLE.
    let program = Program::new().var("REQUESTS_CA_BUNDLE", &bundle);
    program.run(&[&REGISTER[..], &["--endpoint-url", &endpoint]].concat()).ok();
    let program = program.var("AWS_CA_BUNDLE", "/nope.pem");
    let said = program.run(&[&REGISTER[..], &["--endpoint-url", &endpoint]].concat()).fails(253);
    assert!(said.contains("/nope.pem"), "{said}");
}

#[test]
fn a_bundle_may_be_a_directory_of_certificates() {
    let (endpoint, pem) = self_signed_server();
    let program = Program::new();
    let directory = program.home.path().join("certs");
    std::fs::create_dir_all(directory.join("empty/sub")).unwrap();
    program.file("certs/README", "-----BEGIN CERTIFICATE-----\nno certificate\n");
    let directory = directory.to_str().unwrap();
    let with = |directory: &str| {
        program.run(&[&REGISTER[..], &["--endpoint-url", &endpoint, "--ca-bundle", directory]].concat())
    };
    let said = with(&format!("{directory}/empty")).fails(253);
    assert!(said.contains("contains no usable certificate"), "{said}");
    program.file("certs/own.pem", &pem);
    program.file("certs/1a2b3c4d.0", &pem);
    assert_eq!(with(directory).json()["clientId"], "cid");
}
