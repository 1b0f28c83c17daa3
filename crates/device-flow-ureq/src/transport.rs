//! One request over ureq: what was received, and what a failure means.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use device_flow::Failure;
use device_flow::driver::{Body, Calling, Received, Sent, Unanswered};
use oidc_proto::{Answer, Call, Request};
use ureq::ResponseExt as _;

use crate::{Cancel, Error, HttpClient, phase};

/// Where a thread leaves the answer to a request. Whoever waits is woken when the thread ends, and finds an answer
/// even if the thread panicked.
struct Posted {
    answer: Arc<Mutex<Option<Sent<ureq::Error>>>>,
    started: Instant,
    waiting: Cancel,
}

impl Posted {
    fn lock(&self) -> MutexGuard<'_, Option<Sent<ureq::Error>>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Posted {
    fn drop(&mut self) {
        let source = ureq::Error::Other("the thread of the request ended without an answer".into());
        let result = Err(Unanswered::new(Failure::Unknown, source));
        self.lock().get_or_insert(Sent::new(result, self.started.elapsed()));
        self.waiting.wake();
    }
}

impl HttpClient {
    /// One plain call.
    pub(crate) fn call<C: Call>(&self, call: &C) -> Result<<C as Call>::Answer, Error> {
        let request = self.service.encode(call).ok_or(Error::NotOffered(C::OPERATION))?;
        self.answer(&request, |response| self.service.decode::<C, _>(response))
    }

    /// The answer to one request, as this reads it.
    pub(crate) fn answer<T>(
        &self,
        request: &Request,
        decode: impl FnOnce(&http::Response<Body>) -> Answer<T>,
    ) -> Result<T, Error> {
        let calling = Calling::with(request);
        calling.answer(self.send(request, self.request_timeout), decode)
    }

    /// A document that anybody may have.
    pub(crate) fn fetch(&self, address: http::Uri) -> Sent<ureq::Error> {
        let mut request = http::Request::new(&[][..]);
        *request.uri_mut() = address;
        request
            .headers_mut()
            .insert(http::header::ACCEPT, http::HeaderValue::from_static("application/json"));
        self.carry(request, self.request_timeout)
    }

    /// Sends a request once, from a thread that is left behind if the sign-in is cancelled meanwhile: then there is
    /// nothing to tell.
    pub(crate) fn send_unless(
        &self,
        cancel: &Cancel,
        request: &Request,
        timeout: Duration,
    ) -> Option<Sent<ureq::Error>> {
        let answer = Arc::new(Mutex::new(None));
        let posted = Posted { answer: Arc::clone(&answer), started: Instant::now(), waiting: cancel.clone() };
        let (client, lent) = (self.clone(), request.clone());
        let thread = thread::Builder::new().name("device-flow request".to_owned()).spawn(move || {
            let sent = client.send(&lent, timeout);
            *posted.lock() = Some(sent);
        });
        if thread.is_err() {
            // No thread is to be had; better to be cancelled late than not to sign in.
            return Some(self.send(request, timeout));
        }
        cancel.wait_for(|| answer.lock().unwrap_or_else(PoisonError::into_inner).take())
    }

    /// Sends a request once.
    pub(crate) fn send(&self, request: &Request, timeout: Duration) -> Sent<ureq::Error> {
        self.carry(request.head().clone().map(|()| request.body().as_ref()), timeout)
    }

    fn carry(&self, outgoing: http::Request<&[u8]>, timeout: Duration) -> Sent<ureq::Error> {
        let started = Instant::now();
        let result = self.exchange(outgoing, timeout);
        Sent::new(result, started.elapsed())
    }

    fn exchange(
        &self,
        outgoing: http::Request<&[u8]>,
        timeout: Duration,
    ) -> Result<Received<ureq::Error>, Unanswered<ureq::Error>> {
        let failed = |error: ureq::Error| {
            let (failure, source) = phase::of(error);
            Unanswered::new(failure, source)
        };
        let asked = outgoing.uri().clone();
        let answered = self.carrier.run(outgoing, timeout).map_err(failed)?;
        // No redirect is followed, but an agent from elsewhere may have a middleware that sends requests on.
        if *answered.get_uri() != asked {
            return Err(Unanswered::redirected(answered.get_uri().host()));
        }
        let (parts, incoming) = answered.into_parts();
        let mut body = Body::expecting(incoming.content_length());
        let broken = read(incoming.into_with_config().limit(u64::MAX).reader(), &mut body);
        let response = http::Response::from_parts(parts, body);
        Ok(match broken {
            Ok(()) => Received::whole(response),
            Err(error) => Received::cut(response, error.into()),
        })
    }
}

/// Reads to the end, or as much as a body may have.
fn read(mut reader: impl Read, body: &mut Body) -> io::Result<()> {
    loop {
        let room = body.room();
        if room.is_empty() {
            return Ok(());
        }
        match reader.read(room) {
            Ok(0) => return Ok(()),
            Ok(count) => body.filled(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_up_to_its_limit_and_no_further() {
        let mut body = Body::default();
        read(io::repeat(b'x'), &mut body).unwrap();
        assert_eq!(body.as_ref().len(), Body::MAX_BYTES);
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
            let mut body = Body::expecting(Some(announced));
            let error = read(b"abc".chain(Broken), &mut body).unwrap_err();
            assert_eq!((error.kind(), body.as_ref()), (io::ErrorKind::ConnectionReset, &b"abc"[..]));
        }
    }
}
