//! `serve --store`: a store in a file, restarts, crashes, and a second server.

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use common::{Serving, run};
use serde_json::{Value, json};

/// Sends a request, and returns its status and body; `None` if the server is gone before its response.
fn post(address: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    stream.write_all((head + &body).as_bytes()).ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    let (head, body) = response.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).ok()?))
}

/// The time in which a spent device code brings its tokens again.
const NO_GRACE: &str = "0";
const GRACE: &str = "10m";

fn serve(store: &Path, grace: &str) -> Serving {
    let store = store.to_str().unwrap();
    Serving::start(&["--store", store, "--approve", "auto", "--refresh", "strict", "--device-grace", grace])
}

/// The number of servers to kill: `STORE_KILLS`, or twenty.
fn kills() -> u64 {
    std::env::var("STORE_KILLS").map_or(20, |text| text.parse().expect("a whole number"))
}

/// A device, and what its polls brought: the number of different tokens.
#[derive(Default)]
struct Device {
    code: String,
    tokens: usize,
    /// Its access token.
    token: Option<String>,
    /// Whether a poll got no response, so that its token may be lost.
    is_cut: bool,
}

/// A client that signs devices in, one after the other, at servers that are killed.
struct Tool {
    client: Value,
    grace: &'static str,
    devices: Vec<Device>,
}

impl Tool {
    fn grant(&self, code: &str) -> Value {
        json!({
            "clientId": self.client["clientId"], "clientSecret": self.client["clientSecret"],
            "grantType": "urn:ietf:params:oauth:grant-type:device_code", "deviceCode": code,
        })
    }

    /// Polls for a device once. Returns `None` if the server is gone.
    fn poll(&self, address: &str, device: &mut Device) -> Option<()> {
        match post(address, "/token", &self.grant(&device.code)) {
            Some((200, token)) => {
                let token = token["accessToken"].as_str().map(str::to_owned);
                device.tokens += usize::from(device.token != token);
                device.token = token;
            }
            Some((_, fault)) => {
                assert_eq!(self.grace, NO_GRACE, "a token was lost: {fault}");
                assert_eq!(fault["error"], "invalid_grant", "an approval was lost: {fault}");
                assert!(device.is_cut || device.tokens == 1, "a code was spent without a token");
            }
            None => {
                device.is_cut = true;
                return None;
            }
        }
        Some(())
    }

    /// Signs devices in until the server is gone.
    fn work(&mut self, address: &str) {
        loop {
            let ask = json!({
                "clientId": self.client["clientId"], "clientSecret": self.client["clientSecret"],
                "startUrl": "https://d-1234567890.awsapps.com/start",
            });
            let Some((status, device)) = post(address, "/device_authorization", &ask) else { return };
            assert_eq!(status, 200, "a registration was lost: {device}");
            let code = device["deviceCode"].as_str().unwrap().to_owned();
            let mut device = Device { code, ..Device::default() };
            let done = self.poll(address, &mut device);
            self.devices.push(device);
            if done.is_none() {
                return;
            }
        }
    }
}

#[test]
fn a_server_that_is_killed_loses_no_approval_and_grants_no_code_twice() {
    devices_at_servers_that_are_killed(NO_GRACE);
}

#[test]
fn with_a_grace_no_device_loses_its_token_with_a_server_that_is_killed() {
    devices_at_servers_that_are_killed(GRACE);
}

fn devices_at_servers_that_are_killed(grace: &'static str) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let mut tool = Tool { client: Value::Null, grace, devices: Vec::new() };
    let mut cut = 0;
    for kill in 0..kills() {
        let mut serving = serve(&store, grace);
        let address = serving.address().to_owned();
        if tool.client.is_null() {
            let ask = json!({"clientName": "tool", "clientType": "public", "scopes": ["sso:account:access"]});
            tool.client = post(&address, "/client/register", &ask).unwrap().1;
        }
        // What the last server was doing. Its code is good if the token was not granted.
        if let Some(mut last) = tool.devices.pop() {
            cut += usize::from(last.is_cut);
            if last.is_cut {
                tool.poll(&address, &mut last).unwrap();
            }
            assert!(last.tokens <= 1);
            tool.devices.push(last);
        }
        // Any moment will do; a prime step does not follow the server's own times.
        let wait = Duration::from_millis(3 + kill * 37 % 60);
        std::thread::scope(|scope| {
            scope.spawn(|| tool.work(&address));
            std::thread::sleep(wait);
            serving.child.kill().unwrap();
            serving.child.wait().unwrap();
        });
    }
    let serving = serve(&store, grace);
    let address = serving.address();
    let granted = tool.devices.iter().filter(|device| device.tokens == 1).count();
    for device in tool.devices.iter().rev().take(50) {
        let (status, body) = post(address, "/token", &tool.grant(&device.code)).unwrap();
        match &device.token {
            None if grace == NO_GRACE => assert!(device.is_cut, "a device was left alone"),
            None => assert_eq!(status, 200, "a token was lost"),
            Some(_) if grace == NO_GRACE => {
                assert_eq!(body["error"], "invalid_grant", "granted twice: {status}")
            }
            Some(token) => {
                assert_eq!(body["accessToken"].as_str(), Some(&**token), "another grant: {status}")
            }
        }
    }
    println!("{} devices, {granted} granted, {cut} cut by {} kills", tool.devices.len(), kills());
    assert!(granted > 0);
}

#[test]
fn a_second_server_at_one_file_is_refused_and_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let path = store.to_str().unwrap();
    let serving = serve(&store, NO_GRACE);
    let said = run(&["serve", "--store", path]).fails(255);
    assert!(said.contains("is in use by another process") && said.contains(path), "{said}");
    drop(serving);
    // The end of the first one frees the file.
    drop(serve(&store, NO_GRACE));
}

#[cfg(unix)]
#[test]
fn a_file_that_other_users_can_read_is_named_with_what_to_do() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let path = store.to_str().unwrap();
    let log = folder.path().join("log");
    let warned = || {
        let log = log.to_str().unwrap();
        run(&["serve", "--listen", "0", "--store", path, "--log-file", log, "--", "true"]).ok();
        let said = std::fs::read_to_string(log).unwrap();
        std::fs::remove_file(log).unwrap();
        said.contains(&format!("run `chmod 600 {path}`"))
    };
    assert!(!warned(), "it is made for its owner only");
    for (mode, is_shared) in [(0o640, true), (0o604, true), (0o620, true), (0o600, false), (0o700, false)] {
        std::fs::set_permissions(&store, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(warned(), is_shared, "{mode:o}");
    }
}
