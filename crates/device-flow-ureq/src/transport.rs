//! One request over ureq: what was received, and what a failure means.

use std::error::Error as StdError;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use device_flow::{Exchange, Failure, Observer, Phase, Reply, Ticket, events};
use oidc_proto::{Answer, Call, Request};
use ureq::ResponseExt as _;
use zeroize::Zeroizing;

use crate::{Cancel, Error, HttpClient, TransportError, phase};

/// The longest body that is read. The largest real answer is a few kilobytes.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// A whole response. Its body may hold a token.
type Response = http::Response<Zeroizing<Vec<u8>>>;

/// A response, and whether its body came to an end.
pub(crate) struct Received {
    response: Response,
    /// Why the body broke off. What arrived may be complete all the same: a connection that dies after the last
    /// byte of a token is no reason to lose the token.
    broken: Option<TransportError<ureq::Error>>,
}

/// No response.
pub(crate) struct Unanswered {
    failure: Failure,
    source: TransportError<ureq::Error>,
}

/// A request that was sent, and what came of it.
pub(crate) struct Sent {
    result: Result<Received, Unanswered>,
    took: Duration,
}

impl Sent {
    fn exchange(&self, request: &Request, attempt: u32) -> Exchange<'_> {
        match &self.result {
            Ok(Received { response, broken }) => {
                Exchange::answered(request.operation(), attempt, self.took, response, broken.is_some())
            }
            Err(Unanswered { failure, .. }) => {
                Exchange::failed(request.operation(), attempt, self.took, *failure)
            }
        }
    }
}

/// Which request of a flow it is, for those who watch; `phase` is none for a plain call.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) phase: Option<Phase>,
    pub(crate) attempt: u32,
}

/// A plain call, which is no part of a flow.
const PLAIN: Place = Place { phase: None, attempt: 1 };

/// Where a thread leaves the answer to a request. Whoever waits is woken when the thread ends, and finds an answer
/// even if the thread panicked.
struct Posted {
    answer: Arc<Mutex<Option<Sent>>>,
    started: Instant,
    waiting: Cancel,
}

impl Posted {
    fn lock(&self) -> MutexGuard<'_, Option<Sent>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Posted {
    fn drop(&mut self) {
        let source = ureq::Error::Other("the thread of the request ended without an answer".into()).into();
        let result = Err(Unanswered { failure: Failure::Unknown, source });
        self.lock().get_or_insert(Sent { result, took: self.started.elapsed() });
        self.waiting.wake();
    }
}

impl HttpClient {
    /// One plain call.
    pub(crate) fn call<C: Call>(&self, call: &C) -> Result<<C as Call>::Answer, Error> {
        if !self.endpoint.has(self.dialect, C::OPERATION) {
            return Err(Error::NotOffered(C::OPERATION));
        }
        let request = self.dialect.encode(&self.endpoint, call);
        self.answer(&request, |response| self.dialect.decode::<C, _>(response))
    }

    /// The answer to one request, as this reads it.
    pub(crate) fn answer<T>(
        &self,
        request: &Request,
        decode: impl FnOnce(&Response) -> Answer<T>,
    ) -> Result<T, Error> {
        let transport = |unanswered: Unanswered| Error::transport(unanswered.failure, unanswered.source);
        let received = self.send(request, PLAIN, self.request_timeout).result.map_err(transport)?;
        // A body that broke off is judged by what arrived: it may be whole, and if not, its status still speaks.
        Error::from_answer(decode(&received.response))
    }

    /// A document that anybody may have.
    pub(crate) fn fetch(&self, address: http::Uri) -> Result<Response, TransportError<ureq::Error>> {
        events::fetching(&address);
        let mut request = http::Request::new(&[][..]);
        *request.uri_mut() = address;
        request
            .headers_mut()
            .insert(http::header::ACCEPT, http::HeaderValue::from_static("application/json"));
        let received = self.carry(request, self.request_timeout).map_err(|unanswered| unanswered.source)?;
        received.broken.map_or(Ok(received.response), Err)
    }

    /// What became of a machine's request, and the transport error if there was one; `None` if it was cancelled.
    pub(crate) fn reply(
        &self,
        request: &Request,
        ticket: &Ticket,
        place: Place,
        timeout: Duration,
        cancel: Option<&Cancel>,
        observer: &mut impl Observer,
    ) -> Option<(Reply, Option<TransportError<ureq::Error>>)> {
        let sent = match cancel {
            Some(cancel) => self.send_unless(cancel, request, place, timeout)?,
            None => self.send(request, place, timeout),
        };
        observer.exchanged(&sent.exchange(request, place.attempt));
        Some(match sent.result {
            Ok(received) => (Reply::decode(ticket, &received.response), received.broken),
            Err(Unanswered { failure, source }) => (Reply::Failed(failure), Some(source)),
        })
    }

    /// Sends a request once, from a thread that is left behind if the sign-in is cancelled meanwhile.
    fn send_unless(
        &self,
        cancel: &Cancel,
        request: &Request,
        place: Place,
        timeout: Duration,
    ) -> Option<Sent> {
        let answer = Arc::new(Mutex::new(None));
        let posted = Posted { answer: Arc::clone(&answer), started: Instant::now(), waiting: cancel.clone() };
        let (client, lent) = (self.clone(), request.clone());
        let thread = thread::Builder::new().name("device-flow request".to_owned()).spawn(move || {
            let sent = client.send(&lent, place, timeout);
            *posted.lock() = Some(sent);
        });
        if thread.is_err() {
            // No thread is to be had; better to be cancelled late than not to sign in.
            return Some(self.send(request, place, timeout));
        }
        cancel.wait_for(|| answer.lock().unwrap_or_else(PoisonError::into_inner).take())
    }

    /// Sends a request once.
    fn send(&self, request: &Request, place: Place, timeout: Duration) -> Sent {
        let started = Instant::now();
        events::sending(request, place.phase, place.attempt);
        let result = self.exchange(request, timeout);
        let sent = Sent { result, took: started.elapsed() };
        let cause =
            sent.result.as_ref().err().map(|unanswered| &unanswered.source as &(dyn StdError + 'static));
        events::exchanged(&sent.exchange(request, place.attempt), place.phase, cause);
        sent
    }

    fn exchange(&self, request: &Request, timeout: Duration) -> Result<Received, Unanswered> {
        let mut outgoing = http::Request::new(request.body().as_ref());
        *outgoing.method_mut() = request.method().clone();
        *outgoing.uri_mut() = request.uri().clone();
        *outgoing.headers_mut() = request.headers().clone();
        self.carry(outgoing, timeout)
    }

    fn carry(&self, outgoing: http::Request<&[u8]>, timeout: Duration) -> Result<Received, Unanswered> {
        let failed = |error: ureq::Error| {
            let (failure, source) = phase::of(error);
            Unanswered { failure, source: source.into() }
        };
        let asked = outgoing.uri().clone();
        let answered = self.carrier.run(outgoing, timeout).map_err(failed)?;
        // No redirect is followed, but an agent from elsewhere may have a middleware that sends requests on.
        if *answered.get_uri() != asked {
            let source = TransportError::redirected(answered.get_uri().host());
            return Err(Unanswered { failure: Failure::Unknown, source });
        }
        let (parts, body) = answered.into_parts();

        let announced = body.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(4096);
        // One byte more, so that the end is seen without growing.
        let mut bytes = Zeroizing::new(Vec::with_capacity(announced.min(MAX_BODY_BYTES) + 1));
        let mut reader = body.into_with_config().limit(u64::MAX).reader();
        let broken = read_up_to(&mut reader, &mut bytes, MAX_BODY_BYTES)
            .err()
            .map(|error| ureq::Error::from(error).into());
        Ok(Received { response: http::Response::from_parts(parts, bytes), broken })
    }
}

/// Reads to the end or to the limit. A longer body is cut there and will not be JSON. It is read into its own buffer, which
/// grows through a fresh one, so that no unzeroized copy of a token is left behind.
fn read_up_to(reader: &mut impl Read, bytes: &mut Zeroizing<Vec<u8>>, limit: usize) -> io::Result<()> {
    let mut length = bytes.len();
    let mut result = Ok(());
    while length < limit {
        if length == bytes.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity((length * 2).max(512)));
            larger.extend_from_slice(bytes);
            *bytes = larger;
        }
        let room = bytes.capacity().min(limit);
        bytes.resize(room, 0);
        match reader.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                result = Err(error);
                break;
            }
        }
    }
    bytes.truncate(length);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_up_to_its_limit_and_no_further() {
        let mut bytes = Zeroizing::new(Vec::new());
        read_up_to(&mut io::repeat(b'x'), &mut bytes, 10_000).unwrap();
        assert_eq!(bytes.len(), 10_000);
    }

    #[test]
    fn what_arrived_before_a_body_broke_off_is_kept_whatever_was_announced() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
        for announced in [0, 1, 3, 4, 4096] {
            let mut bytes = Zeroizing::new(Vec::with_capacity(announced));
            let error = read_up_to(&mut b"abc".chain(Broken), &mut bytes, 10_000).unwrap_err();
            assert_eq!((error.kind(), bytes.as_slice()), (io::ErrorKind::ConnectionReset, &b"abc"[..]));
        }
    }
}
