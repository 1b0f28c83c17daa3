//! A crowd of clients with incomplete requests, and an honest sign-in among them.
//!
//! `CROWD=12000 cargo test --release -p sso-oidc-server --all-features --test crowd -- --nocapture` prints
//! the longest wait in a larger crowd.
#![cfg(unix)]

mod common;

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use common::Http;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use sso_oidc_server::{Config, TestServer};

/// The longest wait for a request of an honest client, in a measurement on a quiet machine.
const LONGEST: Duration = Duration::from_millis(250);
/// The same on any machine. A request that waits for the crowd waits for a time limit of it, ten seconds or more.
const LONGEST_ANYWHERE: Duration = Duration::from_secs(8);
/// The crowd shares one address, so it exceeds the limit of one address.
const CROWD: usize = 1100;

/// Crowds run one at a time, so that one does not change another's result.
static TURN: Mutex<()> = Mutex::new(());

/// Returns the size of a crowd that is measured.
fn measured() -> Option<usize> {
    std::env::var("CROWD").ok().and_then(|count| count.parse().ok())
}

/// Returns the crowd size that the system's limit on open files permits. Both ends are in this process.
fn crowd() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let most = getrlimit(Resource::Nofile).current.map_or(usize::MAX, |most| usize::try_from(most).unwrap());
    let wanted = measured().unwrap_or(CROWD);
    // The server keeps at most 1,024 connections.
    wanted.min(most.saturating_sub(1400))
}

/// Performs one sign-in, with a new connection for every request. Returns the longest wait.
fn sign_in(server: &TestServer, connect: &dyn Fn() -> Http) -> Duration {
    let mut longest = Duration::ZERO;
    let mut timed = |what: &mut dyn FnMut(&mut Http)| {
        let began = Instant::now();
        what(&mut connect());
        longest = longest.max(began.elapsed());
    };
    let (mut client, mut device) = (None, None);
    timed(&mut |http| client = Some(http.client()));
    let client = client.unwrap();
    timed(&mut |http| device = Some(http.start(&client)));
    let device = device.unwrap();
    timed(&mut |http| assert_eq!(http.poll(&client, &device).fault(), "AuthorizationPendingException"));
    timed(&mut |http| assert!(http.get(&format!("/device?user_code={}", device.user_code)).status == 200));
    server.approve(&device.user_code).unwrap();
    timed(&mut |http| assert_eq!(http.poll(&client, &device).status, 200));
    longest
}

/// Lets the crowd come, and signs in meanwhile and afterwards.
fn sign_in_among(
    what: &str,
    server: &TestServer,
    connect: &(dyn Fn() -> Http + Sync),
    join: &(dyn Fn() -> Option<Box<dyn Send>> + Sync),
) {
    let longest = longest_wait_among(what, server, connect, join);
    let most = if measured().is_some() { LONGEST } else { LONGEST_ANYWHERE };
    assert!(longest <= most, "{what}: {longest:?}");
}

/// The longest wait of a request of an honest client while the crowd comes, and afterwards.
fn longest_wait_among(
    what: &str,
    server: &TestServer,
    connect: &(dyn Fn() -> Http + Sync),
    join: &(dyn Fn() -> Option<Box<dyn Send>> + Sync),
) -> Duration {
    let (count, done) = (crowd(), AtomicBool::new(false));
    let (mut longest, mut sign_ins) = (Duration::ZERO, 0);
    let members = std::thread::scope(|scope| {
        let coming = scope.spawn(|| {
            // The next member replaces one that the server disconnected at once.
            let members: Vec<_> = (0..count).filter_map(|_| join()).collect();
            done.store(true, Ordering::Relaxed);
            members
        });
        while !done.load(Ordering::Relaxed) {
            longest = longest.max(sign_in(server, connect));
            sign_ins += 1;
        }
        coming.join().unwrap()
    });
    for _ in 0..10 {
        longest = longest.max(sign_in(server, connect));
        sign_ins += 1;
    }
    println!("{} {what}: {sign_ins} sign-ins, the longest wait {longest:?}", members.len());
    assert!(members.len() * 10 >= count * 9, "{} of {count} came", members.len());
    longest
}

fn address(server: &TestServer) -> &str {
    server.endpoint().split_once("://").unwrap().1
}

/// The starts of requests that never end.
const BEGINNINGS: [(&str, &str); 4] = [
    ("silent connections", ""),
    ("partial heads", "GET /device HTTP/1.1\r\nHo"),
    ("stalled bodies", "POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"),
    ("stalled chunks", "POST /token HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"),
];

/// Returns the requests of a client that sends many at once and reads nothing.
fn unread() -> String {
    "GET /style.css HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(300)
}

#[test]
fn an_honest_sign_in_waits_for_no_crowd_over_plain_http() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let server = TestServer::with(Config::default()).unwrap();
    let connect = || Http::to(&server);
    let unread = unread();
    let beginnings = BEGINNINGS.iter().copied().chain([("readers that do not read", unread.as_str())]);
    for (what, beginning) in beginnings {
        sign_in_among(what, &server, &connect, &|| {
            let mut stream = TcpStream::connect(address(&server)).ok()?;
            // An idle reader fills both buffers.
            stream.set_nonblocking(true).ok()?;
            let _ = stream.write(beginning.as_bytes());
            Some(Box::new(stream))
        });
    }
}

#[cfg(feature = "tls")]
#[test]
fn an_honest_sign_in_waits_for_no_crowd_over_tls() {
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let server = TestServer::with(Config::default().with_tls(sso_oidc_server::Tls::new_ca())).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server.ca_certificate().unwrap().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let shake_hands = || {
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connection = ClientConnection::new(Arc::clone(&config), name).ok()?;
        let mut stream = StreamOwned::new(connection, common::connect(address(&server)));
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).ok()?;
        }
        Some(stream)
    };
    let connect = || Http::over(shake_hands().unwrap(), address(&server));

    sign_in_among("half handshakes", &server, &connect, &|| {
        let mut stream = TcpStream::connect(address(&server)).ok()?;
        stream.write_all(&[22, 3, 1, 2, 0, 1]).ok()?;
        Some(Box::new(stream))
    });
    let unread = unread();
    let beginnings = BEGINNINGS.iter().copied().chain([("readers that do not read", unread.as_str())]);
    for (what, beginning) in beginnings.skip(1) {
        sign_in_among(what, &server, &connect, &|| {
            let mut stream = shake_hands()?;
            stream.sock.set_nonblocking(true).ok()?;
            let _ = stream.write(beginning.as_bytes());
            let _ = stream.flush();
            Some(Box::new(stream))
        });
    }
}

#[test]
fn every_connection_of_a_client_that_uses_it_is_kept_in_a_crowd() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let server = TestServer::with(Config::default()).unwrap();
    let mut honest = Http::to(&server);
    assert_eq!(honest.get("/health").status, 200);
    let mut members = Vec::new();
    for round in 0..10 {
        for _ in 0..crowd() / 10 {
            let mut stream = TcpStream::connect(address(&server)).unwrap();
            let _ = stream.write(b"POST /token HT");
            members.push(stream);
        }
        let body = json!({"clientName": "t", "clientType": "public"});
        assert_eq!(honest.post("/client/register", &body).status, 200, "round {round}");
    }
}
