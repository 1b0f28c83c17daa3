//! One request over ureq: what was received, and what a failure means.

use std::error::Error as StdError;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use device_flow::{Failure, Reply, Ticket};
use oidc_proto::{Answer, Call, Request};
use zeroize::Zeroizing;

use crate::{Error, HttpClient};

/// The longest body that is read. The largest real answer is a few kilobytes.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// A whole response. Its body may hold a token.
type Response = http::Response<Zeroizing<Vec<u8>>>;

/// A response, and whether its body came to an end.
pub(crate) struct Received {
    response: Response,
    /// Why the body broke off. What arrived may be complete all the same: a connection that dies after the last
    /// byte of a token is no reason to lose the token.
    broken: Option<ureq::Error>,
}

/// No response.
pub(crate) struct Unanswered {
    failure: Failure,
    source: ureq::Error,
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
        let received = self.send(request, self.request_timeout).map_err(transport)?;
        match (decode(&received.response), received.broken) {
            (Answer::NoVerdict(_), Some(source)) => Err(Error::transport(Failure::Unknown, source)),
            (answer, _) => Error::from_answer(answer),
        }
    }

    /// A document that anybody may have.
    pub(crate) fn fetch(&self, address: http::Uri) -> Result<Response, ureq::Error> {
        tracing::debug!(uri = %address, "fetching");
        let mut request = http::Request::new(&[][..]);
        *request.uri_mut() = address;
        request
            .headers_mut()
            .insert(http::header::ACCEPT, http::HeaderValue::from_static("application/json"));
        let received = self.carry(request, self.request_timeout).map_err(|unanswered| unanswered.source)?;
        received.broken.map_or(Ok(received.response), Err)
    }

    /// What became of a machine's request, and the transport error if there was one.
    pub(crate) fn reply(
        &self,
        request: &Request,
        ticket: &Ticket,
        timeout: Duration,
    ) -> (Reply, Option<ureq::Error>) {
        match self.send(request, timeout) {
            Ok(received) => match (Reply::decode(ticket, &received.response), received.broken) {
                (Reply::NoVerdict(_), Some(source)) => (Reply::Failed(Failure::Unknown), Some(source)),
                (reply, broken) => (reply, broken),
            },
            Err(Unanswered { failure, source }) => (Reply::Failed(failure), Some(source)),
        }
    }

    /// Sends a request once.
    fn send(&self, request: &Request, timeout: Duration) -> Result<Received, Unanswered> {
        let started = Instant::now();
        let operation = request.operation();
        tracing::debug!(%operation, uri = %request.uri(), "sending");
        let result = self.exchange(request, timeout);
        let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &result {
            Ok(Received { response, broken }) => {
                let id = response.headers().get("x-amzn-requestid").and_then(|id| id.to_str().ok());
                let (status, broken) = (response.status().as_u16(), broken.is_some());
                tracing::debug!(%operation, status, request_id = id, broken, millis, "received");
            }
            Err(Unanswered { failure, source }) => {
                tracing::debug!(%operation, ?failure, cause = %source, millis, "failed");
            }
        }
        result
    }

    fn exchange(&self, request: &Request, timeout: Duration) -> Result<Received, Unanswered> {
        let mut outgoing = http::Request::new(request.body().as_ref());
        *outgoing.method_mut() = request.method().clone();
        *outgoing.uri_mut() = request.uri().clone();
        *outgoing.headers_mut() = request.headers().clone();
        self.carry(outgoing, timeout)
    }

    fn carry(&self, outgoing: http::Request<&[u8]>, timeout: Duration) -> Result<Received, Unanswered> {
        let failed = |source: ureq::Error| Unanswered { failure: kind_of(&source), source };
        let outgoing = self.agent.configure_request(outgoing).timeout_global(Some(timeout)).build();
        let (parts, body) = self.agent.run(outgoing).map_err(failed)?.into_parts();

        let announced = body.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(4096);
        let mut bytes = Zeroizing::new(Vec::with_capacity(announced.min(MAX_BODY_BYTES)));
        let mut reader = body.into_with_config().limit(u64::MAX).reader();
        let broken = read_up_to(&mut reader, &mut bytes, MAX_BODY_BYTES).err().map(ureq::Error::from);
        Ok(Received { response: http::Response::from_parts(parts, bytes), broken })
    }
}

/// Reads to the end or to the limit. A longer body is cut there and will not be JSON. The buffer grows by doubling
/// through a fresh one, so that no unzeroized copy of a token is left behind.
fn read_up_to(reader: &mut impl Read, bytes: &mut Zeroizing<Vec<u8>>, limit: usize) -> io::Result<()> {
    let mut chunk = Zeroizing::new([0_u8; 4096]);
    while bytes.len() < limit {
        let wanted = chunk.len().min(limit - bytes.len());
        let count = match reader.read(&mut chunk[..wanted]) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if bytes.len() + count > bytes.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity((bytes.len() + count) * 2));
            larger.extend_from_slice(bytes);
            *bytes = larger;
        }
        bytes.extend_from_slice(&chunk[..count]);
    }
    Ok(())
}

/// Whether the request may have been seen. What is not known to have failed before the first byte counts as seen.
fn kind_of(error: &ureq::Error) -> Failure {
    use ureq::Error as E;
    use ureq::Timeout as T;
    match error {
        E::BadUri(_)
        | E::HostNotFound
        | E::InvalidProxyUrl
        | E::ConnectionFailed
        | E::ConnectProxyFailed(_)
        | E::Tls(_)
        | E::Rustls(_)
        | E::Pem(_)
        | E::Timeout(T::Resolve | T::Connect) => Failure::NotSent,
        E::Io(error) if failed_before_sending(error) => Failure::NotSent,
        _ => Failure::Unknown,
    }
}

fn failed_before_sending(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    let refused = matches!(
        error.kind(),
        K::ConnectionRefused
            | K::HostUnreachable
            | K::NetworkUnreachable
            | K::NetworkDown
            | K::AddrNotAvailable
    );
    // A handshake that fails on the certificate comes as an I/O error around rustls's own.
    let certificate = error
        .get_ref()
        .and_then(|inner| (inner as &(dyn StdError + 'static)).downcast_ref::<rustls::Error>())
        .is_some_and(|inner| matches!(inner, rustls::Error::InvalidCertificate(_)));
    refused || certificate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_connection_is_known_not_to_have_carried_the_request() {
        let refused = ureq::Error::Io(io::ErrorKind::ConnectionRefused.into());
        assert_eq!(kind_of(&refused), Failure::NotSent);
        assert_eq!(kind_of(&ureq::Error::HostNotFound), Failure::NotSent);
        assert_eq!(kind_of(&ureq::Error::Timeout(ureq::Timeout::Connect)), Failure::NotSent);
        let bad = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        assert_eq!(
            kind_of(&ureq::Error::Io(io::Error::new(io::ErrorKind::InvalidData, bad))),
            Failure::NotSent
        );
    }

    #[test]
    fn a_reset_or_a_time_out_may_have_carried_the_request() {
        let reset = ureq::Error::Io(io::ErrorKind::ConnectionReset.into());
        assert_eq!(kind_of(&reset), Failure::Unknown);
        for timeout in [ureq::Timeout::Global, ureq::Timeout::RecvResponse, ureq::Timeout::SendBody] {
            assert_eq!(kind_of(&ureq::Error::Timeout(timeout)), Failure::Unknown);
        }
    }

    #[test]
    fn a_body_is_read_up_to_its_limit_and_no_further() {
        let mut bytes = Zeroizing::new(Vec::new());
        read_up_to(&mut io::repeat(b'x'), &mut bytes, 10_000).unwrap();
        assert_eq!(bytes.len(), 10_000);
    }
}
