//! One request over ureq: its response or its error.

use std::io::{self, Read};
use std::time::{Duration, Instant, SystemTime};

use device_flow::{CallError, PlainCall, ResponseBody, TransportError};
use http::{HeaderValue, header};
use oidc_proto::{Answer, Call, Operation, Request};
use ureq::ResponseExt as _;

use crate::HttpClient;
use crate::backend::{AgentCarrier, Backend};
use crate::worker::Worker;

/// The result of a request.
pub(crate) type Result<T = http::Response<ResponseBody>, E = TransportError> = core::result::Result<T, E>;

impl HttpClient {
    /// Sends one call.
    pub(crate) fn call<C: Call>(&self, call: &C) -> Result<<C as Call>::Answer, CallError> {
        let request = self.service.encode(call);
        self.answer(C::OPERATION, request, |response| self.service.decode::<C, _>(response))
    }

    /// Sends one request, if the service offers it, and decodes the response with this function.
    pub(crate) fn answer<T>(
        &self,
        operation: Operation,
        request: Option<Request>,
        decode: impl FnOnce(&http::Response<ResponseBody>) -> Answer<T>,
    ) -> Result<T, CallError> {
        let call = PlainCall::new(request.ok_or(CallError::UnsupportedOperation(operation))?);
        let started = Instant::now();
        let sent = self.send_unless(&mut Worker::default(), call.request(), self.request_timeout);
        let result = sent.ok_or(CallError::Cancelled)?;
        call.on_result(started.elapsed(), result, decode)
    }

    /// Fetches a public document of this type. Returns `None` if that is cancelled.
    pub(crate) fn fetch_unless(
        &self,
        worker: &mut Worker,
        address: &http::Uri,
        accept: &'static str,
    ) -> Option<Result> {
        self.run_unless(worker, address, move |client, address| client.fetch_as(address.clone(), accept))
    }

    /// Fetches a public document of this type.
    fn fetch_as(&self, address: http::Uri, accept: &'static str) -> Result {
        let mut request = http::Request::new(&[][..]);
        *request.uri_mut() = address;
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        // Without this header a server may compress (RFC 9110 §12.5.3).
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        self.exchange(request, self.request_timeout)
    }

    /// Sends a request once. Returns `None` if that is cancelled.
    pub(crate) fn send_unless(
        &self,
        worker: &mut Worker,
        request: &Request,
        timeout: Duration,
    ) -> Option<Result> {
        self.run_unless(worker, request, move |client, request| client.send(request, timeout))
    }

    /// Sends a request of the caller's own. Returns `None` if that is cancelled.
    pub(crate) fn send_own_unless(
        &self,
        worker: &mut Worker,
        request: &http::Request<Vec<u8>>,
    ) -> Option<Result> {
        self.run_unless(worker, request, |client, request| {
            let outgoing = request.clone().map(|_| request.body().as_slice());
            client.exchange(outgoing, client.request_timeout)
        })
    }

    /// Sends a request once, whatever cancels the client.
    pub(crate) fn send(&self, request: &Request, timeout: Duration) -> Result {
        self.exchange(request.head().clone().map(|()| request.body().as_ref()), timeout)
    }

    /// Sends a request, on the worker's thread if it can be cancelled. Only the thread needs copies.
    fn run_unless<R: Clone + Send + Sync + 'static>(
        &self,
        worker: &mut Worker,
        request: &R,
        send: impl Fn(&Self, &R) -> Result + Send + Sync + 'static,
    ) -> Option<Result> {
        match (&self.cancel, &self.backend) {
            (Some(cancel), Backend::Agent(_)) => {
                let (client, request) = (self.clone(), request.clone());
                worker.run(cancel, move || send(&client, &request))
            }
            // A closure runs on this thread, so that its panic fails the test.
            (Some(cancel), Backend::Closure(_)) if cancel.is_cancelled() => None,
            (Some(cancel), Backend::Closure(_)) => {
                let answer = send(self, request);
                // As with an agent, a response that has arrived counts, and an error after the cancellation does not.
                if answer.is_err() && cancel.is_cancelled() { None } else { Some(answer) }
            }
            (None, _) => Some(send(self, request)),
        }
    }

    fn exchange(&self, outgoing: http::Request<&[u8]>, timeout: Duration) -> Result {
        let mut response = match &self.backend {
            Backend::Agent(agent) => by_agent(agent, outgoing, timeout),
            Backend::Closure(closure) => closure.answer(&outgoing),
        }?;
        oidc_proto::supply_date(response.headers_mut(), SystemTime::now());
        Ok(response)
    }
}

fn by_agent(agent: &AgentCarrier, outgoing: http::Request<&[u8]>, timeout: Duration) -> Result {
    // Redirects are off, but the middleware of a caller's agent may send requests to another URL.
    let asked = agent.is_foreign().then(|| outgoing.uri().clone());
    let answered = agent.run(outgoing, timeout)?;
    // The response of a middleware itself has no URL, and `get_uri` would panic.
    if let Some(asked) = asked
        && !answered.extensions().is_empty()
        && *answered.get_uri() != asked
    {
        return Err(TransportError::redirected(answered.get_uri().host()));
    }
    let (parts, incoming) = answered.into_parts();
    let mut body = ResponseBody::expecting(incoming.content_length());
    if let Err(error) = read(incoming.into_with_config().limit(u64::MAX).reader(), &mut body) {
        body.break_off(ureq::Error::from(error));
    }
    Ok(http::Response::from_parts(parts, body))
}

/// Reads to the end, or to the size limit.
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
