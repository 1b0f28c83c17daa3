//! `serve --store postgresql://…`: three servers at one database are one service.

#![cfg(feature = "postgres")]

mod common;

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use common::{Program, Serving};
use serde_json::{Value, json};

/// The variable with the URL of a database. `cargo xtask test --only postgres` sets it.
const URL: &str = "SSO_OIDC_TEST_POSTGRES";
/// The servers.
const SERVERS: usize = 3;
/// The devices that sign in side by side.
const SIDE_BY_SIDE: usize = 8;
/// The variable with a script that kills the database and starts it again.
const CRASH: &str = "SSO_OIDC_TEST_POSTGRES_CRASH";
/// The longest time of one request, over all servers.
const LIMIT: Duration = Duration::from_secs(60);
/// The time between two kills.
const BETWEEN_KILLS: Duration = Duration::from_millis(1500);
/// Every so many kills, one ends the database.
const DATABASE_AT: usize = 5;

/// Crashes of the database are for one test alone.
static CRASHES: RwLock<()> = RwLock::new(());

/// Returns the URL of the database, and what keeps crashes away.
fn database() -> Option<(String, RwLockReadGuard<'static, ()>)> {
    Some((url()?, CRASHES.read().unwrap_or_else(PoisonError::into_inner)))
}

fn url() -> Option<String> {
    let url = std::env::var(URL).ok();
    if url.is_none() {
        println!("NOT CHECKED: {URL} names no database");
    }
    url
}

fn serve(url: &str, schema: &str) -> Serving {
    let separator = if url.contains('?') { '&' } else { '?' };
    let program = Program::new().var("SSO_OIDC_STORE", &format!("{url}{separator}schema={schema}"));
    Serving::start_as(&program, &["--slow-down", "off", "--device-grace", "30s"])
}

/// A response: its status, and the rest of it.
struct Response {
    status: u16,
    head: String,
    body: String,
}

impl Response {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends a request, and returns its response; `None` if the server is gone before it.
fn send(address: &str, request: &str) -> Option<Response> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Response { status, head: head.to_owned(), body: body.to_owned() })
}

/// The servers behind a front that sends each request to the next one.
struct Front {
    /// A place is empty while its server is gone.
    servers: Vec<RwLock<Option<Serving>>>,
    turn: AtomicUsize,
}

impl Front {
    /// Sends a request to the next server, and again to another one if that is gone, or has no database. Returns also
    /// whether an earlier attempt may have had its effect.
    fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> (Response, bool) {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\
             {headers}\r\n{body}"
        );
        let (began, mut attempts) = (Instant::now(), 0);
        while began.elapsed() < LIMIT {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            let server = self.servers[turn % SERVERS].read().unwrap();
            let address = server.as_ref().map(|server| server.address().to_owned());
            drop(server);
            match address.and_then(|address| send(&address, &request)) {
                // The API's and the page's word for a store that is away.
                Some(Response { status: 500 | 503, body, .. }) => {
                    assert!(body.contains("store"), "{body}");
                    std::thread::sleep(Duration::from_millis(20));
                }
                Some(response) => return (response, attempts > 0),
                None => std::thread::sleep(Duration::from_millis(1)),
            }
            attempts += 1;
        }
        panic!("{path} failed {attempts} times within {LIMIT:?}");
    }

    fn post(&self, path: &str, body: &Value) -> (Response, bool) {
        self.send("POST", path, "Content-Type: application/json\r\n", &body.to_string())
    }

    /// Approves on the page: one server makes the form, another one takes it.
    fn approve(&self, user_code: &str) {
        let (page, _) = self.send("GET", &format!("/device?user_code={user_code}"), "", "");
        assert_eq!(page.status, 200, "{}", page.body);
        let between = |text: &str, before: &str, after: &str| {
            let (_, rest) = text.split_once(before).unwrap();
            rest.split_once(after).unwrap().0.to_owned()
        };
        let cookie = between(&page.head.to_ascii_lowercase(), "set-cookie: device_csrf=", ";").len();
        let at = page.head.to_ascii_lowercase().find("device_csrf=").unwrap() + "device_csrf=".len();
        let cookie = &page.head[at..at + cookie];
        let token = between(&page.body, "name=\"csrf\" value=\"", "\"");
        let headers =
            format!("Content-Type: application/x-www-form-urlencoded\r\nCookie: device_csrf={cookie}\r\n");
        let form = format!("user_code={user_code}&csrf={token}&action=approve");
        let (decided, is_repeated) = self.send("POST", "/device", &headers, &form);
        // A repeated approval may find the first one.
        assert!(decided.status == 200 || is_repeated, "{} {}", decided.status, decided.body);
    }
}

/// Signs one device in. Returns its token, and whether a server was gone before it could send the token. The next poll
/// brings it then, from another server.
fn sign_in(front: &Front, client: &Value) -> (String, bool) {
    let mut ask = json!({
        "clientId": client["clientId"], "clientSecret": client["clientSecret"],
        "startUrl": "https://d-1234567890.awsapps.com/start",
    });
    let (device, _) = front.post("/device_authorization", &ask);
    assert_eq!(device.status, 200, "{}", device.body);
    let device = device.json();
    ask["grantType"] = json!("urn:ietf:params:oauth:grant-type:device_code");
    ask["deviceCode"] = device["deviceCode"].clone();
    let (pending, _) = front.post("/token", &ask);
    assert_eq!(pending.json()["error"], "authorization_pending");
    front.approve(device["userCode"].as_str().unwrap());
    let (token, is_repeated) = front.post("/token", &ask);
    assert_eq!(token.status, 200, "an approval is lost: {}", token.body);
    let token = token.json();
    // Each server brings the tokens of the first use, and no others.
    let (again, _) = front.post("/token", &ask);
    let again = again.json();
    for name in ["accessToken", "refreshToken"] {
        assert!(token[name].is_string() && again[name] == token[name], "granted twice");
    }
    (token["accessToken"].as_str().unwrap().to_owned(), is_repeated)
}

#[test]
fn a_device_behind_servers_that_are_killed_gets_its_one_token_and_sees_only_delays() {
    let Some(url) = url() else { return };
    let _guard = CRASHES.write().unwrap_or_else(PoisonError::into_inner);
    let devices: usize = std::env::var("DEVICES").map_or(300, |text| text.parse().expect("a whole number"));
    let crash = std::env::var(CRASH).ok();
    if crash.is_none() {
        println!("NOT CHECKED: crashes of the database, because {CRASH} names no script");
    }
    let schema = format!("serve_{}", std::process::id());
    let start = || serve(&url, &schema);
    let servers = (0..SERVERS).map(|_| RwLock::new(Some(start()))).collect();
    let front = Front { servers, turn: AtomicUsize::new(0) };
    let register = json!({"clientName": "tool", "clientType": "public", "scopes": ["sso:account:access"]});
    let client = front.post("/client/register", &register).0.json();
    let (tokens, next, is_over) = (Mutex::new(Vec::new()), AtomicUsize::new(0), AtomicBool::new(false));
    let began = Instant::now();
    let (mut kills, mut crashes) = (0, 0);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..SIDE_BY_SIDE)
            .map(|_| {
                scope.spawn(|| {
                    while next.fetch_add(1, Ordering::Relaxed) < devices {
                        let token = sign_in(&front, &client);
                        tokens.lock().unwrap().push(token);
                    }
                })
            })
            .collect();
        let killer = scope.spawn(|| {
            let (mut kills, mut crashes) = (0, 0);
            while !is_over.load(Ordering::Relaxed) {
                std::thread::sleep(BETWEEN_KILLS);
                if let Some(script) = crash.as_ref().filter(|_| kills % DATABASE_AT == 0) {
                    let crashed = Command::new("sh").arg(script).status().unwrap();
                    assert!(crashed.success(), "the database did not start again");
                    crashes += 1;
                }
                let place = &front.servers[kills % SERVERS];
                // Its connections end while requests are in progress.
                place.write().unwrap().as_mut().unwrap().child.kill().unwrap();
                drop(place.write().unwrap().take());
                *place.write().unwrap() = Some(start());
                kills += 1;
            }
            (kills, crashes)
        });
        let failed: Vec<_> = workers.into_iter().filter_map(|worker| worker.join().err()).collect();
        is_over.store(true, Ordering::Relaxed);
        (kills, crashes) = killer.join().unwrap();
        assert!(failed.is_empty(), "a device failed");
    });
    let tokens = tokens.into_inner().unwrap();
    let seconds = began.elapsed().as_secs_f64();
    let delayed = tokens.iter().filter(|(_, is_repeated)| *is_repeated).count();
    println!(
        "{devices} devices at {SERVERS} servers in {seconds:.1} s: {} signed in, {delayed} of them polled again because \
         of {kills} killed servers and {crashes} crashes of the database",
        tokens.len()
    );
    let different: HashSet<_> = tokens.iter().map(|(token, _)| token).collect();
    assert_eq!((tokens.len(), different.len()), (devices, devices));
    assert!(kills > 0 && crash.is_none_or(|_| crashes > 0));
}

#[test]
fn a_password_on_the_command_line_is_refused_and_not_repeated() {
    let said = common::run(&["serve", "--store", "postgres://sso:hunter2@127.0.0.1:1/sso"]).fails(252);
    assert!(said.contains("--store-url-file") && said.contains("PGPASSWORD"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_password_in_a_file_or_a_variable_is_used_and_not_repeated() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("serve.toml");
    let url = "postgres://sso:hunter2@127.0.0.1:1/sso";
    std::fs::write(&file, format!("store = \"{url}\"\n")).unwrap();
    let file = file.to_str().unwrap();
    for (program, arguments) in [
        (Program::new(), &["serve", "--config", file][..]),
        (Program::new().var("SSO_OIDC_SERVE_CONFIG", file), &["serve"]),
        (Program::new().var("SSO_OIDC_SERVE_STORE", url), &["serve"]),
        (Program::new().var("SSO_OIDC_STORE", url), &["serve"]),
    ] {
        // Only the database is missing.
        let said = program.run(arguments).fails(255);
        assert!(said.contains("database") && !said.contains("hunter2"), "{arguments:?}: {said}");
    }
    // The command line comes first, and every user can read it.
    let said = Program::new().run(&["serve", "--config", file, "--store", url]).fails(252);
    assert!(said.contains("has a password, which every user of this machine can read"), "{said}");
}

#[test]
fn a_url_of_a_file_and_a_password_of_a_variable_are_used_and_not_shown() {
    let Some((url, _guard)) = database() else { return };
    let (account, place) = url.split_once('@').unwrap();
    let (user, password) = account.rsplit_once(':').unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    std::fs::write(&file, format!("{user}@{place}?schema=serve_file\n")).unwrap();
    let program = Program::new().var("PGPASSWORD", password);
    let serving = Serving::start_as(&program, &["--store-url-file", file.to_str().unwrap()]);
    drop(TcpStream::connect(serving.address()).unwrap());
    let wrong = Program::new().var("PGPASSWORD", "hunter2");
    let said = wrong.run(&["serve", "--store-url-file", file.to_str().unwrap()]).fails(255);
    assert!(said.contains("password authentication failed") && !said.contains("hunter2"), "{said}");
}

#[test]
fn a_password_of_libpqs_password_file_is_used_and_not_shown() {
    let Some((url, _guard)) = database() else { return };
    let (account, place) = url.split_once('@').unwrap();
    let (user, password) = account.rsplit_once(':').unwrap();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".pgpass");
    let write = |password: &str, mode| {
        std::fs::write(&file, format!("127.0.0.1:*:*:*:{password}\n")).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    let with_password = format!("{url}?schema=serve_pgpass");
    let url = format!("{user}@{place}?schema=serve_pgpass");
    let arguments = ["serve", "--store", &*url];
    let named = Program::new().var("PGPASSFILE", file.to_str().unwrap());
    for program in [Program::new().var("HOME", home.path().to_str().unwrap()), named] {
        write(password, 0o600);
        drop(Serving::start_as(&program, &arguments[1..]));
        write("hunter2", 0o600);
        let said = program.run(&arguments).fails(255);
        assert!(said.contains("password authentication failed") && !said.contains("hunter2"), "{said}");
        write("hunter2", 0o644);
        let said = program.run(&arguments).fails(255);
        assert!(said.contains("run `chmod 600 ") && !said.contains("hunter2"), "{said}");
    }
    // A database that needs no password is used in spite of such a file. This one needs it, and gets it elsewhere.
    let home =
        Program::new().var("HOME", home.path().to_str().unwrap()).var("SSO_OIDC_STORE", &with_password);
    drop(Serving::start_as(&home, &[]));
    write(password, 0o600);
    // A variable comes before the file.
    let both = Program::new().var("PGPASSFILE", file.to_str().unwrap()).var("PGPASSWORD", password);
    drop(Serving::start_as(&both, &arguments[1..]));
}

#[test]
fn a_server_at_a_database_keeps_every_rule_that_conform_checks() {
    let Some((url, _guard)) = database() else { return };
    let separator = if url.contains('?') { '&' } else { '?' };
    let store = format!("{url}{separator}schema=conform_{}", std::process::id());
    let program = Program::new().var("PATH", "/usr/bin:/bin").var("SSO_OIDC_STORE", &store);
    // The program plays the device, and the person as well.
    let check = "\"$0\" conform --issuer \"$AWS_ENDPOINT_URL_SSO_OIDC\" --scope openid --output json \
                 --approve-with \"'$0' approve {code}\" --deny-with \"'$0' deny {code}\"";
    let serve = ["serve", "--control", "0", "--", "sh", "-c", check, env!("CARGO_BIN_EXE_sso-oidc")];
    let report = program.run(&serve).json();
    let outcomes = |word: &str| {
        let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["outcome"] == word);
        checks.map(|check| check["id"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((outcomes("fail"), outcomes("warn")), (vec![], vec![]), "{report}");
    // The client has no secret, no code is guessed, and nothing waits for the expiry.
    assert_eq!((&report["passed"], &report["notMade"]), (&json!(73), &json!(5)), "{report}");
    assert_eq!(report["tokensLeft"], 0);
}
