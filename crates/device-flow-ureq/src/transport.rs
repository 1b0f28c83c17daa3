//! One request over ureq: what was received, and what a failure means.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use device_flow::{CallError, Failure, PendingRequest, PlainCall, ResponseBody, TransportError};
use http::{HeaderValue, header};
use oidc_proto::{Answer, Call, Operation, Request};
use ureq::ResponseExt as _;

use crate::{Cancel, HttpClient, phase};

/// What came of a request.
type Result<T = http::Response<ResponseBody>, E = TransportError> = core::result::Result<T, E>;

/// Where a thread leaves what came of a request. The waiting thread is woken when it ends, and finds something even if
/// the thread panicked.
struct Posted {
    result: Arc<Mutex<Option<Result>>>,
    waiting: Cancel,
}

impl Posted {
    fn lock(&self) -> MutexGuard<'_, Option<Result>> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Posted {
    fn drop(&mut self) {
        let error = ureq::Error::Other("the thread of the request ended without an answer".into());
        self.lock().get_or_insert_with(|| Err(TransportError::new(Failure::Unknown, error)));
        self.waiting.wake();
    }
}

impl HttpClient {
    /// One plain call.
    pub(crate) fn call<C: Call>(&self, call: &C) -> Result<<C as Call>::Answer, CallError> {
        let request = self.service.encode(call);
        self.answer(C::OPERATION, request, |response| self.service.decode::<C, _>(response))
    }

    /// The answer to one request, if the service takes it, as this reads it.
    pub(crate) fn answer<T>(
        &self,
        operation: Operation,
        request: Option<Request>,
        decode: impl FnOnce(&http::Response<ResponseBody>) -> Answer<T>,
    ) -> Result<T, CallError> {
        let call = PlainCall::new(request.ok_or(CallError::NotOffered(operation))?);
        let started = Instant::now();
        let result = self.send(call.request(), self.request_timeout);
        call.on_result(started.elapsed(), result, decode)
    }

    /// Asks for a document that anybody may have, unless that is cancelled.
    pub(crate) fn fetch_unless(&self, cancel: Option<&Cancel>, address: &http::Uri) -> Option<Result> {
        let (client, address) = (self.clone(), address.clone());
        run_unless(cancel, move || client.fetch_as(address.clone(), "application/json"))
    }

    /// A document that anybody may have, of this type.
    pub(crate) fn fetch_as(&self, address: http::Uri, accept: &'static str) -> Result {
        let mut request = http::Request::new(&[][..]);
        *request.uri_mut() = address;
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        // Without it a server may compress (RFC 9110 §12.5.3).
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        self.exchange(request, self.request_timeout)
    }

    /// Sends a flow's request once, unless that is cancelled.
    pub(crate) fn send_unless(&self, cancel: Option<&Cancel>, pending: &PendingRequest) -> Option<Result> {
        let timeout = pending.timeout(self.request_timeout);
        let (client, request) = (self.clone(), pending.request().clone());
        run_unless(cancel, move || client.send(&request, timeout))
    }

    /// Sends a request once.
    fn send(&self, request: &Request, timeout: Duration) -> Result {
        self.exchange(request.head().clone().map(|()| request.body().as_ref()), timeout)
    }

    fn exchange(&self, outgoing: http::Request<&[u8]>, timeout: Duration) -> Result {
        let asked = outgoing.uri().clone();
        let answered = self.carrier.run(outgoing, timeout).map_err(phase::transport_error)?;
        // No redirect is followed, but an agent from elsewhere may have a middleware that sends requests on.
        if *answered.get_uri() != asked {
            return Err(TransportError::redirected(answered.get_uri().host()));
        }
        let (mut parts, incoming) = answered.into_parts();
        let mut body = ResponseBody::expecting(incoming.content_length());
        if let Err(error) = read(incoming.into_with_config().limit(u64::MAX).reader(), &mut body) {
            body.break_off(ureq::Error::from(error));
        }
        oidc_proto::supply_date(&mut parts.headers, SystemTime::now());
        Ok(http::Response::from_parts(parts, body))
    }
}

/// Runs a request. If it can be cancelled, it runs in a thread that is left behind if it is: then there is nothing to tell.
fn run_unless(
    cancel: Option<&Cancel>,
    request: impl Fn() -> Result + Send + Sync + 'static,
) -> Option<Result> {
    let Some(cancel) = cancel else { return Some(request()) };
    let request = Arc::new(request);
    let result = Arc::new(Mutex::new(None));
    let posted = Posted { result: Arc::clone(&result), waiting: cancel.clone() };
    let sent = Arc::clone(&request);
    let thread = thread::Builder::new().name("device-flow request".to_owned()).spawn(move || {
        let result = sent();
        *posted.lock() = Some(result);
    });
    if thread.is_err() {
        // No thread is to be had; better to be cancelled late than not to sign in.
        return Some(request());
    }
    cancel.wait_for(|| result.lock().unwrap_or_else(PoisonError::into_inner).take())
}

/// Reads to the end, or as much as a body may have.
fn read(mut reader: impl Read, body: &mut ResponseBody) -> io::Result<()> {
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
        let mut body = ResponseBody::default();
        read(io::repeat(b'x'), &mut body).unwrap();
        assert_eq!(body.as_ref().len(), ResponseBody::MAX_BYTES);
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
            let mut body = ResponseBody::expecting(Some(announced));
            let error = read(b"abc".chain(Broken), &mut body).unwrap_err();
            assert_eq!((error.kind(), body.as_ref()), (io::ErrorKind::ConnectionReset, &b"abc"[..]));
        }
    }
}
