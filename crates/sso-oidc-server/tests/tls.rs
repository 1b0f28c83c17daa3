//! HTTPS: the same server with a certificate, and the injected certificate faults.

mod common;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use common::{Http, connect, poll_body};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;
use sso_oidc_server::{Config, FaultRule, InjectedFault, Limits, Operation, ServeError, TestServer, Tls};

fn secure(config: Config) -> TestServer {
    TestServer::with(config.with_tls(Tls::new_ca())).unwrap()
}

fn address(server: &TestServer) -> &str {
    server.endpoint().strip_prefix("https://").unwrap()
}

/// Performs a handshake with the server under this name. The client trusts the certificates of the PEM.
fn shake_hands(
    server: &TestServer,
    name: &str,
    trusted: &str,
) -> Result<StreamOwned<ClientConnection, TcpStream>, std::io::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = connect(address(server));
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(connection, stream))
}

fn trusting(server: &TestServer) -> Result<Http, std::io::Error> {
    let stream = shake_hands(server, "127.0.0.1", server.ca_certificate().unwrap())?;
    Ok(Http::over(stream, address(server)))
}

/// Returns the error of a client that trusts the server's CA and rejects its certificate.
fn refusal(server: &TestServer) -> CertificateError {
    let Err(error) = trusting(server) else { panic!("the certificate was taken") };
    match error.get_ref().and_then(|error| error.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(why)) => why.clone(),
        _ => panic!("{error}"),
    }
}

#[test]
fn a_person_approves_over_https_as_over_http() {
    let server = secure(Config::default());
    let mut http = trusting(&server).unwrap();
    let client = http.client();
    let device = http.start(&client);
    let page = http.get(&format!("/device?user_code={}", device.user_code));
    let cookie = page.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let csrf = page.body.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let fields = [("user_code", device.user_code.as_str()), ("csrf", csrf), ("action", "approve")];
    for (origin, status) in [("http", 403), ("https", 200)] {
        let origin = format!("{origin}://{}", address(&server));
        let headers = [("Cookie", cookie), ("Origin", origin.as_str())];
        assert_eq!(http.form("/device", &headers, &fields).status, status, "{origin}");
    }
    assert_eq!(http.poll(&client, &device).status, 200);
    assert_eq!(server.connections(), 1);
}

#[test]
fn every_address_that_the_server_tells_begins_with_https() {
    let server = secure(Config::default());
    let mut http = trusting(&server).unwrap();
    let metadata = http.get("/.well-known/openid-configuration").json();
    assert_eq!(metadata["issuer"], server.endpoint());
    let client = http.client();
    let body = json!({"clientId": client.id, "clientSecret": client.secret, "startUrl": common::START_URL});
    let codes = http.post("/device_authorization", &body).json();
    for address in [&metadata["token_endpoint"], &codes["verificationUri"], &codes["verificationUriComplete"]]
    {
        assert!(address.as_str().unwrap().starts_with(server.endpoint()), "{address}");
    }
}

#[test]
fn the_certificate_is_for_every_name_of_the_server_and_no_other() {
    let config = Config::default().with_allowed_host("box.local").with_public_url("https://sso.example:8443");
    let server = secure(config);
    let ca = server.ca_certificate().unwrap();
    for name in ["127.0.0.1", "::1", "localhost", "box.local", "sso.example"] {
        assert!(shake_hands(&server, name, ca).is_ok(), "{name}");
    }
    assert!(shake_hands(&server, "other.example", ca).is_err());
}

#[test]
fn a_certificate_of_ones_own_is_shown_and_no_ca_is_made() {
    let pair = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let own = Tls::from_pem(pair.cert.pem().as_bytes(), pair.signing_key.serialize_pem().as_bytes());
    let server = TestServer::with(Config::default().with_tls(own.unwrap())).unwrap();
    assert_eq!(server.ca_certificate(), None);
    let stream = shake_hands(&server, "127.0.0.1", &pair.cert.pem()).unwrap();
    assert_eq!(Http::over(stream, address(&server)).get("/health").body, "ok\n");
}

#[test]
fn plain_http_hears_where_the_server_is_with_faults_and_without() {
    for config in [Config::default(), Config::default().with_fault(InjectedFault::Drip)] {
        let server = secure(config);
        let answer = Http::over(connect(address(&server)), "localhost").get("/health");
        assert_eq!((answer.status, answer.fault()), (400, "InvalidRequestException"));
        let why = answer.json()["error_description"].as_str().unwrap().to_owned();
        assert!(why.contains(server.endpoint()), "{why}");
        assert_eq!(server.requests(), []);
    }
}

#[test]
fn a_connection_that_comes_to_nothing_ends_alone() {
    let server = secure(Config::default());
    let other = secure(Config::default());
    let mut before = trusting(&server).unwrap();
    assert!(shake_hands(&server, "127.0.0.1", other.ca_certificate().unwrap()).is_err());
    drop(connect(address(&server)));
    let mut garbage = connect(address(&server));
    garbage.write_all(&[0xff; 64]).unwrap();
    let mut rest = Vec::new();
    // The server sends an alert and closes the connection.
    assert!(garbage.read_to_end(&mut rest).is_ok() || rest.len() < 16);
    assert_eq!(before.get("/health").body, "ok\n");
    assert_eq!(trusting(&server).unwrap().get("/health").body, "ok\n");
}

#[test]
fn a_handshake_that_stalls_is_given_up() {
    for hello in [&b""[..], &[22, 3, 1, 2, 0, 1]] {
        let limits = Limits::default().with_idle_timeout(Duration::from_millis(100));
        let server = secure(Config::default().with_limits(limits));
        let mut stream = connect(address(&server));
        stream.write_all(hello).unwrap();
        // The server closes within the client's timeout of ten seconds.
        let ended = stream.read_to_end(&mut Vec::new());
        assert!(ended.is_ok() || ended.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    }
}

#[test]
fn a_connection_that_shakes_hands_gives_way_to_another() {
    let server = secure(Config::default().with_limits(Limits::default().with_connections(1)));
    let _silent = connect(address(&server));
    assert_eq!(trusting(&server).unwrap().get("/health").body, "ok\n");
}

#[test]
fn each_fault_of_the_certificate_is_refused_for_its_own_reason() {
    for fault in [InjectedFault::TlsExpired, InjectedFault::TlsOtherName, InjectedFault::TlsUnknownCa] {
        let server = secure(Config::default().with_fault(fault));
        let why = refusal(&server);
        let expected = match fault {
            InjectedFault::TlsExpired => matches!(why, CertificateError::ExpiredContext { .. }),
            InjectedFault::TlsOtherName => matches!(why, CertificateError::NotValidForNameContext { .. }),
            _ => why == CertificateError::UnknownIssuer,
        };
        assert!(expected, "{fault}: {why:?}");
        server.stop_faults();
        assert_eq!(trusting(&server).unwrap().get("/health").body, "ok\n", "{fault}");
    }
}

#[test]
fn a_fault_of_the_certificate_applies_to_the_connections_of_its_operation() {
    let rule = FaultRule::new(InjectedFault::TlsExpired);
    let config = Config::default().with_approval(sso_oidc_server::Approval::Auto);
    let server = secure(
        config
            .with_fault(rule.at(Operation::StartDeviceAuthorization).once())
            .with_fault(rule.at(Operation::CreateToken).requests(2, Some(2))),
    );
    let client = trusting(&server).unwrap().client();
    refusal(&server);
    let device = trusting(&server).unwrap().start(&client);
    let body = poll_body(&client, &device);
    // Each connection has one request, because the response closes it.
    let mut http = trusting(&server).unwrap();
    assert_eq!(http.post("/token", &json!({})).status, 400);
    assert!(http.is_closed());
    refusal(&server);
    assert_eq!(trusting(&server).unwrap().post("/token", &body).status, 200);
}

#[test]
fn a_fault_of_the_certificate_is_refused_without_tls() {
    let error = TestServer::with(Config::default().with_fault(InjectedFault::TlsExpired)).unwrap_err();
    assert!(matches!(error, ServeError::FaultNeedsTls { fault: InjectedFault::TlsExpired }), "{error}");
}

#[test]
fn the_other_faults_come_over_tls_as_they_are() {
    let register = |fault: FaultRule| {
        let server = secure(Config::default().with_fault(fault));
        let mut stream = shake_hands(&server, "127.0.0.1", server.ca_certificate().unwrap()).unwrap();
        let body = r#"{"clientName":"my tool","clientType":"public"}"#;
        let head =
            format!("POST /client/register HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}", body.len());
        stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
        let mut bytes = Vec::new();
        let ended = stream.read_to_end(&mut bytes).map_err(|error| error.kind());
        (String::from_utf8(bytes).unwrap(), ended.map(drop))
    };
    let (answer, ended) = register(InjectedFault::UntilClose.into());
    assert!(answer.ends_with('}') && !answer.contains("content-length"), "{answer}");
    assert_eq!(ended, Ok(()), "TLS takes its leave, or the end would be none");
    let (answer, ended) = register(FaultRule::new(InjectedFault::ResetAnswer).after_bytes(20));
    assert_eq!((answer.len(), ended), (20, Err(ErrorKind::ConnectionReset)));
    let (answer, ended) = register(InjectedFault::NotHttp.into());
    assert_eq!((answer.as_str(), ended), ("220 mail.example ESMTP\r\n", Ok(())));
}
