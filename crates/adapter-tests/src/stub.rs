//! A server with scripted responses and faults.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// The server's action on one request.
#[derive(Clone, Debug)]
pub enum Step {
    /// Answers with this status, these extra header lines and this JSON body.
    Answer(u16, &'static str, String),
    /// Writes these bytes and closes the connection.
    Raw(Vec<u8>),
    /// Closes the connection without a byte.
    Close,
    /// Grants the token after this long.
    LateToken(Duration),
    /// Stays silent for this long, then closes the connection.
    Hang(Duration),
    /// Sends a body without an end, until the client hangs up.
    Endless,
}

impl Step {
    /// Returns status 200 with this body.
    #[must_use]
    pub fn ok(body: &str) -> Self {
        Self::Answer(200, "", body.to_owned())
    }

    /// Returns status 400 with this error.
    #[must_use]
    pub fn fault(code: &str) -> Self {
        Self::Answer(400, "", format!(r#"{{"error":"{code}"}}"#))
    }

    /// Returns a registration.
    #[must_use]
    pub fn registration() -> Self {
        Self::ok(
            r#"{"clientId":"stub-client","clientSecret":"stub-client-secret","clientSecretExpiresAt":4000000000}"#,
        )
    }

    /// Returns the codes of a sign-in.
    #[must_use]
    pub fn authorization() -> Self {
        Self::ok(
            r#"{"deviceCode":"stub-device-code","userCode":"WDJB-MJHT","verificationUri":"https://device.example/","expiresIn":600,"interval":5}"#,
        )
    }

    /// The response that grants a token.
    pub const TOKEN: &'static str = r#"{"accessToken":"stub-access-token","expiresIn":28800,"refreshToken":"stub-refresh-token","tokenType":"Bearer"}"#;

    /// Returns a token.
    #[must_use]
    pub fn token() -> Self {
        Self::ok(Self::TOKEN)
    }
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The request line and the header.
    pub head: String,
    /// The body, which is text.
    pub body: String,
}

/// A port that refuses connections during its lifetime. After a mere bind and drop, another test could get
/// the port.
#[derive(Debug)]
pub struct ClosedPort {
    /// A socket that has the port and does not listen there.
    socket: Socket,
}

impl ClosedPort {
    /// Creates a refusing port.
    ///
    /// # Panics
    ///
    /// If the system has no free port.
    #[must_use]
    pub fn bind() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        let port = Self { socket };
        assert!(TcpListener::bind(port.address()).is_err(), "another socket can listen there");
        port
    }

    /// Returns its URL.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap().as_socket().unwrap()
    }
}

/// The server; dropping it stops it.
#[derive(Debug)]
pub struct Stub {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
    accepting: Option<JoinHandle<()>>,
}

impl Stub {
    /// Starts a server with this script, one step for each request. After the script, every request gets 500.
    ///
    /// # Panics
    ///
    /// If the system has no free port.
    pub fn start(script: impl IntoIterator<Item = Step>) -> Self {
        Self::start_with(|_| script.into_iter().collect())
    }

    /// Starts a server with a script that names the server's own endpoint.
    ///
    /// # Panics
    ///
    /// If the system has no free port.
    pub fn start_with(script: impl FnOnce(&str) -> Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let mut steps = script(&format!("http://{address}"));
        steps.reverse();
        let steps = Arc::new(Mutex::new(steps));
        let accepting = thread::spawn({
            let (stop, seen, connections) = (stop.clone(), seen.clone(), connections.clone());
            move || {
                for stream in listener.incoming() {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    let Ok(stream) = stream else { continue };
                    connections.fetch_add(1, Ordering::SeqCst);
                    let (steps, seen) = (steps.clone(), seen.clone());
                    thread::spawn(move || serve(stream, &steps, &seen));
                }
            }
        });
        Self { address, stop, seen, connections, accepting: Some(accepting) }
    }

    /// Starts a server for one sign-in, whose polls get these steps.
    ///
    /// # Panics
    ///
    /// If the system has no free port.
    pub fn polls(polls: impl IntoIterator<Item = Step>) -> Self {
        Self::start([Step::registration(), Step::authorization()].into_iter().chain(polls))
    }

    /// Returns its URL.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the requests so far.
    ///
    /// # Panics
    ///
    /// If the server has panicked.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Returns the number of connections so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes `accept`, so that the thread sees the flag.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            accepting.join().unwrap();
        }
    }
}

fn serve(mut stream: TcpStream, steps: &Mutex<Vec<Step>>, seen: &Mutex<Vec<Seen>>) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.set_nodelay(true).unwrap();
    while let Some(request) = read_request(&mut stream) {
        seen.lock().unwrap().push(request);
        let step = steps
            .lock()
            .unwrap()
            .pop()
            .unwrap_or_else(|| Step::Answer(500, "", "the script is over".to_owned()));
        let step = match step {
            Step::LateToken(after) => {
                thread::sleep(after);
                Step::token()
            }
            step => step,
        };
        match step {
            Step::LateToken(_) => unreachable!("it is a token by now"),
            Step::Answer(status, headers, body) => {
                let head = format!(
                    "HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n",
                    body.len()
                );
                if stream.write_all((head + &body).as_bytes()).is_err() {
                    return;
                }
            }
            Step::Raw(bytes) => {
                drop(stream.write_all(&bytes));
                return;
            }
            Step::Close => return,
            Step::Hang(duration) => {
                thread::sleep(duration);
                return;
            }
            Step::Endless => {
                let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"accessToken\":\"";
                let mut more = stream.write_all(head).is_ok();
                while more {
                    more = stream.write_all(&[b'a'; 4096]).is_ok();
                }
                return;
            }
        }
    }
}

fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let mut byte = [0; 1];
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).ok()?;
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Seen { head, body: String::from_utf8(body).ok()? })
}
