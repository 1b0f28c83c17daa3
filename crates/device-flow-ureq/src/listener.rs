//! The listener for the browser's redirect (RFC 8252 §7.3).
//!
//! `device-flow-reqwest` has its like on purpose: each adapter reads on its own.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use device_flow::{Callback, CodeFlow, Incoming, RedirectUri, RequestHead};

use crate::cancel::Bell;
use crate::{Cancel, Clock};

/// The most connections without a complete request. Browsers open some that they never use. One more closes the
/// oldest.
const MOST_WAITING: usize = 128;
/// The most complete requests that wait for the flow, for example during an exchange.
const MOST_QUEUED: usize = 32;
/// The time for a request to arrive.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// The time for a page to be taken.
const PAGE_TIME: Duration = Duration::from_secs(1);
/// The delay after an error of `accept`.
const AFTER_ERROR: Duration = Duration::from_millis(20);

/// The program could not listen for the redirect.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on 127.0.0.1:{port} for the browser's redirect")]
#[non_exhaustive]
pub struct ListenError {
    /// The wanted port; 0 for any.
    pub port: u16,
    /// The cause. A port in use is `AddrInUse`.
    pub source: io::Error,
}

/// A listener on `127.0.0.1`, for one code flow. It listens from its creation on, so the browser cannot be
/// faster. Dropping it closes the port.
///
/// Only this machine reaches it. It reads each request in a thread of its own, with limits on time, size and
/// number. So other callers cannot easily hold up the browser.
///
/// ```
/// use device_flow_ureq::Listener;
/// let listener = Listener::bind()?;
/// assert_ne!(listener.redirect_uri().port(), 0);
/// assert!(Listener::on_port(listener.redirect_uri().port()).is_err(), "the port is taken");
/// # Ok::<(), device_flow_ureq::ListenError>(())
/// ```
pub struct Listener {
    redirect: RedirectUri,
    requests: Receiver<Request>,
    sender: SyncSender<Request>,
    bell: Arc<Bell>,
    closing: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
    /// The browser's connection, which waits for the result.
    accepted: Option<TcpStream>,
}

/// A request at the redirect URI.
struct Request {
    target: String,
    answer: Answer,
}

/// The recipient of the response.
enum Answer {
    Browser(TcpStream),
    Paste(Sender<Callback>),
}

/// The way in for an address that a person pastes, because the browser runs on another machine. It may be used
/// from another thread.
///
/// ```
/// use device_flow_ureq::{Callback, Listener};
/// let listener = Listener::bind()?;
/// let paste = listener.paste();
/// drop(listener);
/// assert_eq!(paste.address("http://127.0.0.1:8400/oauth/callback?code=c&state=s"), Callback::Late);
/// # Ok::<(), device_flow_ureq::ListenError>(())
/// ```
#[derive(Clone)]
pub struct Paste {
    sender: SyncSender<Request>,
    bell: Arc<Bell>,
}

impl Paste {
    /// Passes the address that the browser was sent to, and waits for the flow's answer.
    #[must_use]
    pub fn address(&self, address: &str) -> Callback {
        let (sender, answer) = mpsc::channel();
        let request = Request { target: address.trim().to_owned(), answer: Answer::Paste(sender) };
        if self.sender.send(request).is_err() {
            return Callback::Late;
        }
        self.bell.ring();
        answer.recv().unwrap_or(Callback::Late)
    }
}

impl fmt::Debug for Paste {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Paste(..)")
    }
}

impl Listener {
    /// Listens on a free port.
    ///
    /// ```
    /// use device_flow_ureq::{Callback, Listener};
    /// let listener = Listener::bind()?;
    /// let paste = listener.paste();
    /// drop(listener);
    /// assert_eq!(paste.address("anything"), Callback::Late);
    /// # Ok::<(), device_flow_ureq::ListenError>(())
    /// ```
    ///
    /// # Errors
    /// [`ListenError`], for example without a loopback interface.
    pub fn bind() -> Result<Self, ListenError> {
        Self::on_port(0)
    }

    /// Listens on this port, for a browser behind a port forwarding; 0 means any.
    ///
    /// ```
    /// use device_flow_ureq::Listener;
    /// let first = Listener::bind()?;
    /// let port = first.redirect_uri().port();
    /// let error = Listener::on_port(port).err().ok_or("the port is taken")?;
    /// let expected = format!("cannot listen on 127.0.0.1:{port} for the browser's redirect");
    /// assert_eq!(error.to_string(), expected);
    /// # drop(first);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ListenError`]: the port is taken, say.
    pub fn on_port(port: u16) -> Result<Self, ListenError> {
        Self::at(RedirectUri::loopback(port))
    }

    /// Listens for a client that was registered with this redirect URI. Its port may be 0, for any.
    ///
    /// ```
    /// use device_flow_ureq::{Listener, RedirectUri};
    /// let listener = Listener::at(RedirectUri::parse("http://localhost/signed-in")?)?;
    /// assert!(listener.redirect_uri().to_string().starts_with("http://localhost:"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ListenError`]: the port is taken, say.
    pub fn at(redirect: RedirectUri) -> Result<Self, ListenError> {
        let port = redirect.port();
        let failed = |source| ListenError { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (sender, requests) = mpsc::sync_channel(MOST_QUEUED);
        let (bell, closing) = (Arc::new(Bell::default()), Arc::new(AtomicBool::new(false)));
        let acceptor = Acceptor {
            listener,
            sender: sender.clone(),
            bell: Arc::clone(&bell),
            closing: Arc::clone(&closing),
            waiting: Arc::default(),
        };
        let acceptor = thread::Builder::new().name("redirect".to_owned()).spawn(move || acceptor.run());
        let acceptor = Some(acceptor.map_err(failed)?);
        let redirect = redirect.with_port(address.port());
        Ok(Self { redirect, requests, sender, bell, closing, acceptor, accepted: None })
    }

    /// Returns the redirect URI.
    #[must_use]
    pub const fn redirect_uri(&self) -> &RedirectUri {
        &self.redirect
    }

    /// Returns the way in for a pasted address.
    #[must_use]
    pub fn paste(&self) -> Paste {
        Paste { sender: self.sender.clone(), bell: Arc::clone(&self.bell) }
    }

    /// Waits for the next request and passes it to the flow, for at most this long or until the cancellation. The
    /// time is real. A clock with another time then passes the rest.
    pub(crate) fn wait(&mut self, flow: &mut CodeFlow, clock: &impl Clock, most: Duration, cancel: &Cancel) {
        // The flow listens once more, because the service rejected a cached registration.
        if let Some(earlier) = self.accepted.take() {
            write(earlier, &flow.page(Callback::Unrelated));
        }
        let next = || self.requests.try_recv().ok();
        if let Some(request) = cancel.wait_for(&self.bell, most, next) {
            self.answer(flow, clock, request);
        } else if let Some(deadline) = flow.deadline() {
            clock.wait(deadline.since(clock.now()), cancel);
        }
    }

    fn answer(&mut self, flow: &mut CodeFlow, clock: &impl Clock, request: Request) {
        let callback = flow.on_callback(&request.target, clock.now());
        match request.answer {
            Answer::Paste(sender) => drop(sender.send(callback)),
            Answer::Browser(stream) if callback == Callback::Accepted => self.accepted = Some(stream),
            Answer::Browser(stream) => write(stream, &flow.page(callback)),
        }
    }

    /// Tells the browser the result, and all others that the sign-in is over.
    pub(crate) fn finish(mut self, flow: &mut CodeFlow, clock: &impl Clock) {
        if let Some(browser) = self.accepted.take() {
            write(browser, &flow.page(Callback::Accepted));
        }
        while let Ok(request) = self.requests.try_recv() {
            self.answer(flow, clock, request);
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listener({})", self.redirect)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::SeqCst);
        // The acceptor notices it with the next connection.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.redirect.port()));
        let connected = TcpStream::connect_timeout(&address, PAGE_TIME);
        if connected.is_ok()
            && let Some(acceptor) = self.acceptor.take()
        {
            // The port is closed when the thread has ended.
            drop(acceptor.join());
        }
    }
}

/// The thread that accepts connections.
struct Acceptor {
    listener: TcpListener,
    sender: SyncSender<Request>,
    bell: Arc<Bell>,
    closing: Arc<AtomicBool>,
    /// The connections without a complete request, the oldest first.
    waiting: Arc<Mutex<VecDeque<(u64, TcpStream)>>>,
}

impl Acceptor {
    fn run(self) {
        let mut number = 0;
        loop {
            let accepted = self.listener.accept();
            if self.closing.load(Ordering::SeqCst) {
                return;
            }
            match accepted {
                Ok((stream, _)) => {
                    number += 1;
                    let _ = self.read(stream, number);
                }
                Err(_) => thread::sleep(AFTER_ERROR),
            }
        }
    }

    /// Reads a request in a thread of its own.
    fn read(&self, stream: TcpStream, number: u64) -> io::Result<()> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST_WAITING
            && let Some((_, oldest)) = waiting.pop_front()
        {
            let _ = oldest.shutdown(Shutdown::Both);
        }
        waiting.push_back((number, stream.try_clone()?));
        drop(waiting);
        let (sender, bell, waiting) =
            (self.sender.clone(), Arc::clone(&self.bell), Arc::clone(&self.waiting));
        let reader = move || {
            let request = read(stream);
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.retain(|(other, _)| *other != number);
            drop(waiting);
            if let Some(request) = request
                // A full queue closes the connection.
                && sender.try_send(request).is_ok()
            {
                bell.ring();
            }
        };
        let started = thread::Builder::new().name("redirect".to_owned()).spawn(reader);
        if started.is_err() {
            // The connection closes with its last copy.
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).retain(|(other, _)| *other != number);
        }
        started.map(drop)
    }
}

/// Reads one request. Returns `None` for one that is no GET, which gets its page here.
fn read(mut stream: TcpStream) -> Option<Request> {
    let mut head = RequestHead::new();
    let mut bytes = [0; 4096];
    let deadline = std::time::Instant::now() + REQUEST_TIME;
    loop {
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        // A time-out of zero is an error, which ends the reading too.
        stream.set_read_timeout(Some(left)).ok()?;
        let count = stream.read(&mut bytes).ok().filter(|count| *count > 0)?;
        let incoming = head.push(bytes.get(..count)?);
        match incoming {
            Incoming::Get(target) => return Some(Request { target, answer: Answer::Browser(stream) }),
            Incoming::Incomplete => {}
            other => {
                write(stream, &other.page().unwrap_or_default());
                return None;
            }
        }
    }
}

/// Sends a page and closes the connection.
fn write(mut stream: TcpStream, page: &str) {
    let _ = stream.set_write_timeout(Some(PAGE_TIME));
    // A browser that has gone needs no page.
    let _ = stream.write_all(page.as_bytes());
    let _ = stream.shutdown(Shutdown::Write);
}
