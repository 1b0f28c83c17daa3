//! Measures how long a cancelled blocking sign-in takes to return: in a wait, in a request that hangs, and in a TLS
//! handshake that hangs. Another thread cancels it, or the flag that a signal handler sets. Other calls are
//! measured too. `cargo xtask bench --cancel` runs it.
//!
//! It fails if any of them takes longer than 50 ms.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use device_flow_ureq::{
    CallError, Cancel, Client, CreateTokenRequest, DiscoveryError, Endpoint, FirstPoll, Grant, HttpClient,
    HttpClientBuilder, Observer, Operation, Outcome, Policy, Provider, RegisterClientRequest,
    RevocationRequest, Secret, StartDeviceAuthorizationRequest, Status, Stop, UserPrompt,
};

/// How often each case is measured.
const TIMES: u32 = 100;
/// What a cancelled sign-in may take at the most.
const LIMIT: Duration = Duration::from_millis(50);

/// Where the sign-in is when it is cancelled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum While {
    Waiting,
    AnAnswerIsDue,
    ATlsHandshakeHangs,
}

/// Who cancels.
#[derive(Clone, Copy)]
enum By {
    AThread,
    AFlag,
}

fn main() -> Result<(), Box<dyn Error>> {
    let (plain, silent) = (serve(|stream| drop(answer(stream)))?, serve(hold)?);
    println!("{TIMES} of each; from the cancellation to the return, in milliseconds\n");
    println!("{:<34}{:>10}{:>10}{:>10}", "", "median", "99 %", "longest");
    let mut longest = Duration::ZERO;
    for (at, place) in [
        (While::Waiting, "waiting"),
        (While::AnAnswerIsDue, "an answer is due"),
        (While::ATlsHandshakeHangs, "a TLS handshake hangs"),
    ] {
        for (by, who) in [(By::AThread, "thread"), (By::AFlag, "flag")] {
            let took = (0..TIMES)
                .map(|n| measure(if at == While::ATlsHandshakeHangs { &silent } else { &plain }, at, by, n))
                .collect::<Result<Vec<_>, _>>()?;
            longest = longest.max(row(&format!("{place}, by a {who}"), took));
        }
    }
    for (name, call) in CALLS {
        let took = (0..TIMES).map(|n| measure_call(&silent, call, n)).collect::<Result<Vec<_>, _>>()?;
        longest = longest.max(row(&format!("{name}, by a thread"), took));
    }
    if longest > LIMIT { Err(format!("{longest:?} is longer than {LIMIT:?}").into()) } else { Ok(()) }
}

/// Prints a row, and returns the longest.
fn row(name: &str, mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    let at = |share: usize| took[(took.len() - 1) * share / 100];
    let shown = |share| at(share).as_secs_f64() * 1e3;
    println!("{name:<34}{:>10.2}{:>10.2}{:>10.2}", shown(50), shown(99), shown(100));
    at(100)
}

/// A call that is not a sign-in, and whether it was cancelled.
type Call = fn(&HttpClientBuilder, &HttpClient) -> bool;

const CALLS: [(&str, Call); 6] = [
    ("register", |_, client| is_cancelled(client.register_client(&RegisterClientRequest::new("n")))),
    ("start", |_, client| {
        is_cancelled(client.start_device_authorization(&StartDeviceAuthorizationRequest::new(who(), "s")))
    }),
    ("create token", |_, client| {
        let grant = Grant::device_code(Secret::from("d"));
        is_cancelled(client.create_token(&CreateTokenRequest::new(who(), grant)))
    }),
    ("refresh", |_, client| is_cancelled(client.refresh(&who(), &Secret::from("r")))),
    ("revoke", |_, client| {
        is_cancelled(client.revoke(&RevocationRequest::refresh_token(who(), Secret::from("r"))))
    }),
    ("discover", |builder, _| matches!(builder.clone().discover(), Err(DiscoveryError::Cancelled))),
];

fn who() -> Client {
    Client::public("c")
}

fn is_cancelled<T>(result: Result<T, CallError>) -> bool {
    matches!(result, Err(CallError::Cancelled))
}

/// One call of a service that says nothing, and how long it took to return.
fn measure_call(silent: &str, call: Call, n: u32) -> Result<Duration, Box<dyn Error>> {
    let base = format!("http://{silent}");
    let cancel = Cancel::new();
    let builder = HttpClient::builder(Endpoint::custom(&base)?).cancelled_by(&cancel);
    let provider = Provider::new(&base, &base)?.with_registration(&base)?.with_revocation(&base)?;
    let client = HttpClient::new(provider)?.cancelled_by(&cancel);
    let delay = Duration::from_millis(20) + Duration::from_micros(731) * (n % 30);
    let canceller = thread::spawn(move || {
        thread::sleep(delay);
        let now = Instant::now();
        cancel.cancel();
        now
    });
    if !call(&builder, &client) {
        return Err("the call ended otherwise".into());
    }
    let returned = Instant::now();
    let cancelled = canceller.join().map_err(|_| "the canceller panicked")?;
    Ok(returned.saturating_duration_since(cancelled))
}

/// One sign-in, and how long it took to return.
fn measure(address: &str, at: While, by: By, n: u32) -> Result<Duration, Box<dyn Error>> {
    let scheme = if at == While::ATlsHandshakeHangs { "https" } else { "http" };
    let client = HttpClient::builder(Endpoint::custom(&format!("{scheme}://{address}"))?)
        .request_timeout(Duration::from_secs(5))
        .build()?;
    let cancel = Cancel::new();
    let flag = matches!(by, By::AFlag).then(|| cancel.flag());
    // Not always at the same point of a look at the flag.
    let delay = Duration::from_millis(5) + Duration::from_micros(731) * (n % 30);
    let mut canceller = Canceller { at, delay, cancel: cancel.clone(), flag, thread: None };
    let first_poll = if at == While::Waiting { FirstPoll::AfterInterval } else { FirstPoll::Immediately };
    let end = client
        .login(Policy::aws("https://d-1234567890.awsapps.com/start").with_first_poll(first_poll))
        .cancelled_by(&cancel)
        .run_with(&mut canceller)
        .err()
        .ok_or("nobody approves here")?;
    let returned = Instant::now();
    if end.outcome != Outcome::Cancelled {
        return Err(end.into());
    }
    let thread = canceller.thread.ok_or("nobody cancelled")?;
    let cancelled = thread.join().map_err(|_| "the canceller panicked")?;
    Ok(returned.saturating_duration_since(cancelled))
}

/// Cancels a moment after the sign-in has come to its place.
struct Canceller {
    at: While,
    delay: Duration,
    cancel: Cancel,
    flag: Option<Arc<AtomicBool>>,
    thread: Option<thread::JoinHandle<Instant>>,
}

impl Canceller {
    fn reached(&mut self, place: While) {
        if self.at != place || self.thread.is_some() {
            return;
        }
        let (delay, cancel, flag) = (self.delay, self.cancel.clone(), self.flag.clone());
        self.thread = Some(thread::spawn(move || {
            thread::sleep(delay);
            let now = Instant::now();
            match flag {
                Some(flag) => flag.store(true, Ordering::SeqCst),
                None => cancel.cancel(),
            }
            now
        }));
    }
}

impl Observer for Canceller {
    fn prompt(&mut self, _: &UserPrompt) -> Result<(), Stop> {
        Ok(())
    }

    fn sending(&mut self, operation: Operation) {
        self.reached(While::ATlsHandshakeHangs);
        if operation == Operation::CreateToken {
            self.reached(While::AnAnswerIsDue);
        }
    }

    fn waiting(&mut self, _: &Status<'_>) {
        self.reached(While::Waiting);
    }
}

/// A server that does this with each connection, in a thread of its own.
fn serve(with_each: fn(TcpStream)) -> Result<String, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || with_each(stream));
        }
    });
    Ok(address)
}

/// Never says a word.
fn hold(mut stream: TcpStream) {
    while matches!(stream.read(&mut [0; 1024]), Ok(1..)) {}
}

/// Sets sign-ins up, and never answers a poll.
fn answer(stream: TcpStream) -> std::io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(stream.try_clone()?), stream);
    loop {
        let (mut path, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if path.is_empty() {
                path = line;
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let json = if path.starts_with("post /client/register ") {
            r#"{"clientId":"c","clientSecret":"s","clientSecretExpiresAt":4000000000}"#
        } else if path.starts_with("post /device_authorization ") {
            r#"{"deviceCode":"d","userCode":"WDJB-MJHT","verificationUri":"https://device.example/","expiresIn":900}"#
        } else {
            // A poll: the client will hang up.
            reader.read_exact(&mut [0])?;
            return Ok(());
        };
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
        writer.write_all(format!("{head}: {}\r\n\r\n{json}", json.len()).as_bytes())?;
    }
}
