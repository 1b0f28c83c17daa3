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

/// RFC 7636, Appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// Signs in with an authorization code, asks about the token, repeats the code, and returns the secrets.
fn sign_in_with_a_code(http: &mut Http) -> Vec<String> {
    const CALLBACK: &str = "http://127.0.0.1:1/sentinel";
    let client = http.register(&json!({
        "clientName": "t", "clientType": "public", "scopes": ["s", "openid"],
        "grantTypes": ["authorization_code", "refresh_token"], "redirectUris": [CALLBACK],
    }));
    let path = format!(
        "/authorize?response_type=code&client_id={}&redirect_uri={CALLBACK}&state=sentinel\
         &nonce=sentinel&code_challenge={CHALLENGE}&code_challenge_method=S256",
        client.id
    );
    let page = http.get(&path);
    let cookie = page.header("Set-Cookie").unwrap().to_owned();
    let csrf = page.body.split_once("name=\"csrf\" value=\"").unwrap().1;
    let (number, csrf) = csrf.split_once('.').unwrap();
    let csrf = csrf[..64].to_owned();
    let form = format!("csrf={number}.{csrf}&action=approve");
    let done = http.send("POST", &path, &[("Cookie", &cookie), FORM], &form);
    let code = done.body.split_once("?code=").unwrap().1.split('&').next().unwrap().to_owned();
    let grant = json!({
        "clientId": client.id, "clientSecret": client.secret, "grantType": "authorization_code",
        "code": code, "redirectUri": CALLBACK, "codeVerifier": VERIFIER,
    });
    let token = http.post("/token", &grant).json();
    let text = |name: &str| token[name].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {}", text("accessToken"));
    assert_eq!(http.send("GET", "/oauth/userinfo", &[("Authorization", &bearer)], "").status, 200);
    let about = [
        ("client_id", client.id.as_str()),
        ("client_secret", &client.secret),
        ("token", &text("refreshToken")),
    ];
    assert_eq!(http.form("/oauth/introspect", &[], &about).status, 200);
    assert_eq!(http.post("/token", &grant).status, 400);
    vec![client.secret, code, csrf, text("accessToken"), text("refreshToken"), text("idToken")]
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
    let code = sign_in_with_a_code(&mut http);
    assert_eq!(http.get("/authorize?state=sentinel&redirect_uri=http://127.0.0.1:1/sentinel").status, 400);
    assert_eq!(http.get("/sentinel-path?sentinel-query").status, 404);
    assert_eq!(http.send("SENTINEL", "/token", &[], "").status, 405);
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
        "SENTINEL".to_owned(),
        CHALLENGE.to_owned(),
        VERIFIER.to_owned(),
    ];
    let secrets = secrets.into_iter().chain(code);
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} in the log:\n{log}");
        assert!(!handle.contains(&secret), "{secret} in the handle's Debug output");
    }
    let id = pending.header("x-amzn-RequestId").unwrap();
    let line = log.lines().find(|line| line.contains(id)).unwrap_or_else(|| panic!("{log}"));
    for part in [
        "method=\"POST\"",
        "CreateToken",
        "sent=400",
        "AuthorizationPendingException",
        "duration=",
        "client=127.0.0.1:",
    ] {
        assert!(line.contains(part), "{line}");
    }
    let replayed = log.lines().filter(|line| line.contains("device code reused"));
    let replayed: Vec<_> = replayed.collect();
    assert!(matches!(replayed[..], [line] if line.contains("its tokens end")), "{log}");
    assert_eq!(log.lines().filter(|line| line.contains("authorization code reused")).count(), 1, "{log}");
    let authorized = log.lines().filter(|line| line.contains("route=\"/authorize\""));
    let [page, done, refused] = authorized.collect::<Vec<_>>()[..] else { panic!("{log}") };
    assert!(page.contains("sent=200") && done.contains("sent=200"), "{log}");
    assert!(refused.contains("sent=400") && refused.contains("error=\"invalid_request\""), "{log}");
    assert_eq!(
        log.lines().filter(|line| line.contains("answered")).count(),
        18,
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
