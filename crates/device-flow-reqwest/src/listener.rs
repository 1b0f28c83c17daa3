//! The listener for the browser's redirect (RFC 8252 §7.3).
//!
//! `device-flow-ureq` has its like on purpose: each adapter reads on its own.

use std::collections::VecDeque;
use std::fmt;
use std::future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::Poll;
use std::time::Duration;

use device_flow::{Callback, CodeFlow, Incoming, RedirectUri, RequestHead};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use crate::Clock;

/// The most connections without a complete request. Browsers open some that they never use. One more closes the
/// oldest.
const MOST_WAITING: usize = 128;
/// The most pasted addresses that wait for the flow.
const MOST_PASTED: usize = 8;
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
/// Only this machine reaches it. It reads each request in a task of its own, with limits on time, size and
/// number. So other callers cannot easily hold up the browser.
///
/// ```
/// use device_flow_reqwest::Listener;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let listener = Listener::bind().await?;
/// assert!(Listener::on_port(listener.redirect_uri().port()).await.is_err(), "the port is taken");
/// # Ok::<(), device_flow_reqwest::ListenError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Listener {
    redirect: RedirectUri,
    listener: TcpListener,
    readers: JoinSet<Option<Request>>,
    /// The readers without a complete request, the oldest first.
    waiting: VecDeque<AbortHandle>,
    pasted: mpsc::Receiver<Request>,
    paste: mpsc::Sender<Request>,
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
    Paste(oneshot::Sender<Callback>),
}

/// The way in for an address that a person pastes, because the browser runs on another machine.
///
/// ```
/// use device_flow_reqwest::{Callback, Listener};
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let listener = Listener::bind().await?;
/// let paste = listener.paste();
/// drop(listener);
/// assert_eq!(paste.address("http://127.0.0.1:8400/oauth/callback?code=c&state=s").await, Callback::Late);
/// # Ok::<(), device_flow_reqwest::ListenError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Paste(mpsc::Sender<Request>);

impl Paste {
    /// Passes the address that the browser was sent to, and waits for the flow's answer.
    ///
    /// ```
    /// use device_flow_reqwest::{Callback, Listener};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let paste = Listener::bind().await?.paste();
    /// let answer = paste.address("http://127.0.0.1:8400/oauth/callback?code=c&state=s").await;
    /// assert_eq!(answer, Callback::Late); // no flow listens
    /// # Ok::<(), device_flow_reqwest::ListenError>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cancel safety
    /// If the future is dropped, the flow may have taken the address.
    pub async fn address(&self, address: &str) -> Callback {
        let (sender, answer) = oneshot::channel();
        let request = Request { target: address.trim().to_owned(), answer: Answer::Paste(sender) };
        if self.0.send(request).await.is_err() {
            return Callback::Late;
        }
        answer.await.unwrap_or(Callback::Late)
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
    /// use device_flow_reqwest::{Callback, Listener};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let listener = Listener::bind().await?;
    /// let paste = listener.paste();
    /// drop(listener);
    /// assert_eq!(paste.address("anything").await, Callback::Late);
    /// # Ok::<(), device_flow_reqwest::ListenError>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ListenError`], for example without a loopback interface.
    ///
    /// # Cancel safety
    /// Dropping the future closes the port.
    pub async fn bind() -> Result<Self, ListenError> {
        Self::on_port(0).await
    }

    /// Listens on this port, for a browser behind a port forwarding; 0 means any.
    ///
    /// ```
    /// use device_flow_reqwest::Listener;
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let first = Listener::bind().await?;
    /// let port = first.redirect_uri().port();
    /// let error = Listener::on_port(port).await.err().ok_or("the port is taken")?;
    /// let expected = format!("cannot listen on 127.0.0.1:{port} for the browser's redirect");
    /// assert_eq!(error.to_string(), expected);
    /// # drop(first);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ListenError`]: the port is taken, say.
    ///
    /// # Cancel safety
    /// Dropping the future closes the port.
    pub async fn on_port(port: u16) -> Result<Self, ListenError> {
        Self::at(RedirectUri::loopback(port)).await
    }

    /// Listens for a client that was registered with this redirect URI. Its port may be 0, for any.
    ///
    /// ```
    /// use device_flow_reqwest::{Listener, RedirectUri};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let listener = Listener::at(RedirectUri::parse("http://localhost/signed-in")?).await?;
    /// assert!(listener.redirect_uri().to_string().starts_with("http://localhost:"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ListenError`]: the port is taken, say.
    ///
    /// # Cancel safety
    /// Dropping the future closes the port.
    pub async fn at(redirect: RedirectUri) -> Result<Self, ListenError> {
        let port = redirect.port();
        let failed = |source| ListenError { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
        let redirect = redirect.with_port(listener.local_addr().map_err(failed)?.port());
        let (paste, pasted) = mpsc::channel(MOST_PASTED);
        let (readers, waiting) = (JoinSet::new(), VecDeque::new());
        Ok(Self { redirect, listener, readers, waiting, pasted, paste, accepted: None })
    }

    /// Returns the redirect URI.
    #[must_use]
    pub const fn redirect_uri(&self) -> &RedirectUri {
        &self.redirect
    }

    /// Returns the way in for a pasted address.
    #[must_use]
    pub fn paste(&self) -> Paste {
        Paste(self.paste.clone())
    }

    /// Waits for the next request and passes it to the flow, for at most this long. The time is tokio's. A clock
    /// with another time then passes the rest.
    ///
    /// Dropping the future loses no request: readers and queue stay.
    pub(crate) async fn wait(&mut self, flow: &mut CodeFlow, clock: &impl Clock, most: Duration) {
        // The flow listens once more, because the service rejected a cached registration.
        if let Some(earlier) = self.accepted.take() {
            write(earlier, flow.page(Callback::Unrelated)).await;
        }
        let next = next(&self.listener, &mut self.readers, &mut self.waiting, &mut self.pasted);
        let Ok(request) = timeout(most, next).await else {
            if let Some(deadline) = flow.deadline() {
                clock.wait(deadline.since(clock.now())).await;
            }
            return;
        };
        let callback = flow.on_callback(&request.target, clock.now());
        match request.answer {
            Answer::Paste(sender) => drop(sender.send(callback)),
            Answer::Browser(stream) if callback == Callback::Accepted => self.accepted = Some(stream),
            Answer::Browser(stream) => {
                let page = flow.page(callback);
                // A reader's task, so that a slow browser holds up no other.
                self.readers.spawn(async move {
                    write(stream, page).await;
                    None
                });
            }
        }
    }

    /// Tells the browser the result, and all others that there is nothing to do. Pages in writing are finished.
    pub(crate) async fn finish(mut self, flow: &mut CodeFlow, clock: &impl Clock) {
        if let Some(browser) = self.accepted.take() {
            write(browser, flow.page(Callback::Accepted)).await;
        }
        // The readers of incomplete requests end here.
        self.waiting.iter().for_each(AbortHandle::abort);
        let rest = async {
            while let Some(read) = self.readers.join_next().await {
                if let Ok(Some(Request { target, answer: Answer::Browser(stream) })) = read {
                    let callback = flow.on_callback(&target, clock.now());
                    write(stream, flow.page(callback)).await;
                }
            }
        };
        let _ = timeout(PAGE_TIME, rest).await;
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listener({})", self.redirect)
    }
}

/// A complete request, or a connection without one.
enum Event {
    Request(Request),
    Connection(io::Result<(TcpStream, SocketAddr)>),
}

/// Returns the next complete request. It needs no macro of tokio, so embedders need not build the macros.
async fn next(
    listener: &TcpListener,
    readers: &mut JoinSet<Option<Request>>,
    waiting: &mut VecDeque<AbortHandle>,
    pasted: &mut mpsc::Receiver<Request>,
) -> Request {
    loop {
        let event = future::poll_fn(|cx| {
            if let Poll::Ready(Some(request)) = pasted.poll_recv(cx) {
                return Poll::Ready(Event::Request(request));
            }
            while let Poll::Ready(Some(read)) = readers.poll_join_next(cx) {
                if let Ok(Some(request)) = read {
                    return Poll::Ready(Event::Request(request));
                }
            }
            listener.poll_accept(cx).map(Event::Connection)
        });
        match event.await {
            Event::Request(request) => return request,
            Event::Connection(Ok((stream, _))) => {
                waiting.retain(|reader| !reader.is_finished());
                if waiting.len() >= MOST_WAITING
                    && let Some(oldest) = waiting.pop_front()
                {
                    oldest.abort();
                }
                waiting.push_back(readers.spawn(read(stream)));
            }
            Event::Connection(Err(_)) => tokio::time::sleep(AFTER_ERROR).await,
        }
    }
}

/// Reads one request. Returns `None` for one that is no GET, which gets its page here.
async fn read(mut stream: TcpStream) -> Option<Request> {
    let mut head = RequestHead::new();
    let reading = async {
        let mut bytes = [0; 4096];
        loop {
            let count = stream.read(&mut bytes).await.ok().filter(|count| *count > 0)?;
            match head.push(bytes.get(..count)?) {
                Incoming::Incomplete => {}
                incoming => return Some(incoming),
            }
        }
    };
    match timeout(REQUEST_TIME, reading).await.ok().flatten()? {
        Incoming::Get(target) => Some(Request { target, answer: Answer::Browser(stream) }),
        other => {
            write(stream, other.page().unwrap_or_default()).await;
            None
        }
    }
}

/// Sends a page and closes the connection.
async fn write(mut stream: TcpStream, page: String) {
    let writing = async {
        stream.write_all(page.as_bytes()).await?;
        stream.shutdown().await
    };
    // A browser that has gone needs no page.
    let _ = timeout(PAGE_TIME, writing).await;
}
