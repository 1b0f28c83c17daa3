//! The log: one line for each request, without secrets.

mod common;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use common::{Http, poll_body};
use serde_json::json;
use sso_oidc_server::{Config, InjectedFault, Server, TestServer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[test]
fn a_whole_sign_in_at_trace_level_leaves_no_secret_and_no_code_in_the_log() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .init();
    let server = TestServer::start();
    let mut http = Http::to(&server);
    let client = http.register(&json!({"clientName": "t", "clientType": "public", "scopes": ["s"]}));
    let device = http.start(&client);
    let pending = http.poll(&client, &device);
    let page = http.get(&format!("/device?user_code={}", device.user_code));
    let cookie = page.header("Set-Cookie").unwrap().to_owned();
    let after = |text: &str, mark: &str| text.split_once(mark).unwrap().1[..64].to_owned();
    let csrf = after(&page.body, "name=\"csrf\" value=\"");
    const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
    let form = format!("user_code={}&csrf={csrf}&action=approve", device.user_code);
    assert_eq!(http.send("POST", "/device", &[("Cookie", &cookie), FORM], &form).status, 200);
    let token = http.post("/token", &poll_body(&client, &device)).json();
    let refresh = json!({
        "clientId": client.id, "clientSecret": client.secret,
        "grantType": "refresh_token", "refreshToken": token["refreshToken"],
    });
    let fresh = http.post("/token", &refresh).json();
    let replay = http.post("/token", &poll_body(&client, &device));
    assert_eq!((replay.status, replay.fault()), (400, "InvalidGrantException"));
    assert_eq!(http.get("/authorize?state=sentinel&redirect_uri=http://127.0.0.1:1/sentinel").status, 302);
    assert_eq!(http.get("/sentinel-path?sentinel-query").status, 404);
    let handle = format!("{:?}", server.handle());
    drop(server);

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let text = |json: &serde_json::Value, name: &str| json[name].as_str().unwrap().to_owned();
    let secrets = [
        client.secret,
        device.device_code,
        device.user_code.clone(),
        device.user_code.replace('-', ""),
        csrf,
        after(&cookie, "device_csrf="),
        text(&token, "accessToken"),
        text(&token, "refreshToken"),
        text(&fresh, "accessToken"),
        text(&fresh, "refreshToken"),
        "sentinel".to_owned(),
    ];
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} in the log:\n{log}");
        assert!(!handle.contains(&secret), "{secret} in the handle's Debug output");
    }
    let id = pending.header("x-amzn-RequestId").unwrap();
    let line = log.lines().find(|line| line.contains(id)).unwrap_or_else(|| panic!("{log}"));
    for part in ["CreateToken", "sent=400", "AuthorizationPendingException"] {
        assert!(line.contains(part), "{line}");
    }
    let replayed = log.lines().filter(|line| line.contains("device code reused"));
    let replayed: Vec<_> = replayed.collect();
    assert!(matches!(replayed[..], [line] if line.contains("refresh_tokens_end=true")), "{log}");
    assert_eq!(log.lines().filter(|line| line.contains("--use-device-code")).count(), 1);
    assert_eq!(
        log.lines().filter(|line| line.contains("answered")).count(),
        10,
        "one line a request:\n{log}"
    );
}

#[tokio::test]
async fn a_request_that_is_reset_before_it_is_read_leaves_its_line_all_the_same() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone()).finish();
    // The subscriber applies to this thread, which also runs the server.
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = Server::bind(Config::default().with_fault(InjectedFault::ResetRequest)).await.unwrap();
    let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
    let serving = tokio::spawn(server.serve(core::future::pending()));
    client.write_all(b"POST /token?sentinel HTTP/1.1\r\nHost: localhost\r\n").await.unwrap();
    assert_eq!(client.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    serving.abort();

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("answered")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    for part in ["CreateToken", "/token", "sent=0", "reset-request", "connection=1"] {
        assert!(lines[0].contains(part), "{log}");
    }
    assert!(!log.contains("sentinel"), "{log}");
}
