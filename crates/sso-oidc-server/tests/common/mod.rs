//! A small HTTP/1.1 client over a socket. The tests see every byte, and share no code with the server.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

pub mod browser;
pub mod code;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use sso_oidc_server::TestServer;

pub const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
pub const START_URL: &str = "https://d-1234567890.awsapps.com/start";

/// A byte stream: a socket, or TLS.
pub trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

/// One connection.
pub struct Http {
    stream: BufReader<Box<dyn Stream>>,
    host: String,
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Returns the exception's name, and checks that the body's `error` matches it.
    #[track_caller]
    pub fn fault(&self) -> &str {
        assert!(self.json()["error"].is_string(), "{self:?}");
        assert!(self.json()["error_description"].is_string(), "{self:?}");
        self.header("x-amzn-ErrorType").unwrap_or_else(|| panic!("no error type: {self:?}"))
    }
}

impl Http {
    pub fn to(server: &TestServer) -> Self {
        Self::to_endpoint(server.endpoint())
    }

    pub fn to_endpoint(endpoint: &str) -> Self {
        let host = endpoint.strip_prefix("http://").unwrap();
        Self::over(connect(host), host)
    }

    /// Creates a client over this stream, with this `Host`.
    pub fn over(stream: impl Stream + 'static, host: &str) -> Self {
        Self { stream: BufReader::new(Box::new(stream)), host: host.to_owned() }
    }

    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.stream.get_mut().write_all(bytes).unwrap();
        self
    }

    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push_str(&format!("Host: {}\r\n", self.host));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if method == "POST" || !body.is_empty() {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        head.push_str(body);
        self.raw(head.as_bytes());
        self.read_to(method == "HEAD").unwrap()
    }

    pub fn get(&mut self, path: &str) -> Response {
        self.send("GET", path, &[], "")
    }

    pub fn post(&mut self, path: &str, body: &Value) -> Response {
        self.send("POST", path, &[("Content-Type", "application/json")], &body.to_string())
    }

    /// Sends a form, with further headers.
    pub fn form(&mut self, path: &str, headers: &[(&str, &str)], parameters: &[(&str, &str)]) -> Response {
        let mut headers = headers.to_vec();
        headers.push(("Content-Type", "application/x-www-form-urlencoded"));
        self.send("POST", path, &headers, &form(parameters))
    }

    pub fn read(&mut self) -> io::Result<Response> {
        self.read_to(false)
    }

    fn read_to(&mut self, head_only: bool) -> io::Result<Response> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let length = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, value)| value.parse().unwrap());
        let mut body = vec![0; if head_only || status == 100 || status == 204 { 0 } else { length }];
        self.stream.read_exact(&mut body)?;
        Ok(Response { status, headers, body: String::from_utf8(body).unwrap() })
    }

    /// Returns whether the server has closed the connection. It waits for the read timeout.
    pub fn is_closed(&mut self) -> bool {
        let mut rest = [0; 256];
        loop {
            match self.stream.read(&mut rest) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return true,
                Err(_) => return false,
            }
        }
    }
}

/// Connects to this address, with a read timeout.
pub fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A registered client.
#[derive(Clone)]
pub struct Client {
    pub id: String,
    pub secret: String,
}

/// A waiting device.
#[derive(Clone)]
pub struct Device {
    pub device_code: String,
    pub user_code: String,
}

impl Http {
    pub fn register(&mut self, body: &Value) -> Client {
        let response = self.post("/client/register", body);
        assert_eq!(response.status, 200, "{response:?}");
        let json = response.json();
        let text = |name: &str| json[name].as_str().unwrap().to_owned();
        Client { id: text("clientId"), secret: text("clientSecret") }
    }

    pub fn client(&mut self) -> Client {
        self.register(&json!({"clientName": "my tool", "clientType": "public"}))
    }

    pub fn start(&mut self, client: &Client) -> Device {
        let body = json!({"clientId": client.id, "clientSecret": client.secret, "startUrl": START_URL});
        let response = self.post("/device_authorization", &body);
        assert_eq!(response.status, 200, "{response:?}");
        let json = response.json();
        let text = |name: &str| json[name].as_str().unwrap().to_owned();
        Device { device_code: text("deviceCode"), user_code: text("userCode") }
    }

    pub fn poll(&mut self, client: &Client, device: &Device) -> Response {
        self.post("/token", &poll_body(client, device))
    }
}

pub fn poll_body(client: &Client, device: &Device) -> Value {
    json!({
        "clientId": client.id, "clientSecret": client.secret,
        "grantType": DEVICE_GRANT, "deviceCode": device.device_code,
    })
}

/// Encodes `application/x-www-form-urlencoded`. It escapes every character that might need it.
pub fn form(parameters: &[(&str, &str)]) -> String {
    let escape = |text: &str| {
        text.bytes()
            .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
            .collect::<String>()
    };
    let pairs: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    pairs.join("&")
}

/// Returns this member, which is a string.
pub fn text<'a>(json: &'a Value, name: &str) -> &'a str {
    json[name].as_str().unwrap_or_else(|| panic!("no {name} in {json}"))
}

/// Starts a device of this client in the OAuth dialect.
pub fn start(http: &mut Http, client: &str, scope: &str) -> Value {
    let response = http.form("/oauth/device_authorization", &[], &[("client_id", client), ("scope", scope)]);
    assert_eq!(response.status, 200, "{response:?}");
    response.json()
}

/// Polls with the code of this device in the OAuth dialect.
pub fn poll(http: &mut Http, client: &str, device: &Value) -> Response {
    let code = text(device, "device_code");
    let form = [("grant_type", DEVICE_GRANT), ("device_code", code), ("client_id", client)];
    http.form("/oauth/token", &[], &form)
}
