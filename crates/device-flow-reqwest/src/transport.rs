//! One request over reqwest: what was received, and what a failure means.

use std::error::Error as StdError;
use std::time::Duration;

use bytes::Bytes;
use device_flow::{Exchange, Failure, Observer, Phase, Reply, Ticket, events};
use oidc_proto::{Answer, Call, Request};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::carrier::Carrier;
use crate::{Error, HttpClient, TransportError};

/// The longest body that is read. The largest real answer is a few kilobytes.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// A whole response. Its body may hold a token.
type Response = http::Response<Zeroizing<Vec<u8>>>;

/// A response, and whether its body came to an end.
struct Received {
    response: Response,
    /// Why the body broke off. What arrived may be complete all the same: a connection that dies after the last
    /// byte of a token is no reason to lose the token.
    broken: Option<TransportError<reqwest::Error>>,
}

/// No response.
struct Unanswered {
    failure: Failure,
    source: TransportError<reqwest::Error>,
}

/// A request that was sent, and what came of it.
struct Sent {
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

impl HttpClient {
    /// One plain call.
    pub(crate) async fn call<C: Call>(&self, call: &C) -> Result<<C as Call>::Answer, Error> {
        if !self.endpoint.has(self.dialect, C::OPERATION) {
            return Err(Error::NotOffered(C::OPERATION));
        }
        let request = self.dialect.encode(&self.endpoint, call);
        self.answer(&request, |response| self.dialect.decode::<C, _>(response)).await
    }

    /// The answer to one request, as this reads it.
    pub(crate) async fn answer<T>(
        &self,
        request: &Request,
        decode: impl FnOnce(&Response) -> Answer<T>,
    ) -> Result<T, Error> {
        let transport = |unanswered: Unanswered| Error::transport(unanswered.failure, unanswered.source);
        let _turn = self.carrier.turn().await;
        let received = self.send(request, PLAIN, self.request_timeout).await.result.map_err(transport)?;
        // A body that broke off is judged by what arrived: it may be whole, and if not, its status still speaks.
        Error::from_answer(decode(&received.response))
    }

    /// A document that anybody may have.
    pub(crate) async fn fetch(&self, address: http::Uri) -> Result<Response, TransportError<reqwest::Error>> {
        events::fetching(&address);
        let mut request = http::Request::new(Bytes::new());
        *request.uri_mut() = address;
        request
            .headers_mut()
            .insert(http::header::ACCEPT, http::HeaderValue::from_static("application/json"));
        let _turn = self.carrier.turn().await;
        let received =
            self.carry(request, self.request_timeout).await.map_err(|unanswered| unanswered.source)?;
        received.broken.map_or(Ok(received.response), Err)
    }

    /// What became of a machine's request, and the transport error if there was one.
    pub(crate) async fn reply(
        &self,
        request: &Request,
        ticket: &Ticket,
        place: Place,
        timeout: Duration,
        observer: &mut impl Observer,
    ) -> (Reply, Option<TransportError<reqwest::Error>>) {
        let sent = self.send(request, place, timeout).await;
        observer.exchanged(&sent.exchange(request, place.attempt));
        match sent.result {
            Ok(received) => (Reply::decode(ticket, &received.response), received.broken),
            Err(Unanswered { failure, source }) => (Reply::Failed(failure), Some(source)),
        }
    }

    /// Sends a request once.
    async fn send(&self, request: &Request, place: Place, timeout: Duration) -> Sent {
        let started = Instant::now();
        events::sending(request, place.phase, place.attempt);
        let result = self.exchange(request, timeout).await;
        let sent = Sent { result, took: started.elapsed() };
        let cause =
            sent.result.as_ref().err().map(|unanswered| &unanswered.source as &(dyn StdError + 'static));
        events::exchanged(&sent.exchange(request, place.attempt), place.phase, cause);
        sent
    }

    async fn exchange(&self, request: &Request, timeout: Duration) -> Result<Received, Unanswered> {
        let mut outgoing = http::Request::new(request.body().bytes());
        *outgoing.method_mut() = request.method().clone();
        *outgoing.uri_mut() = request.uri().clone();
        *outgoing.headers_mut() = request.headers().clone();
        self.carry(outgoing, timeout).await
    }

    async fn carry(&self, outgoing: http::Request<Bytes>, timeout: Duration) -> Result<Received, Unanswered> {
        let Carrier { client, keeps_rules, user_agent, .. } = &self.carrier;
        let failed = |source: reqwest::Error| Unanswered {
            failure: kind_of(&source, *keeps_rules),
            source: source.into(),
        };
        let mut outgoing = reqwest::Request::try_from(outgoing).map_err(failed)?;
        *outgoing.timeout_mut() = Some(timeout);
        if let Some(user_agent) = user_agent {
            outgoing.headers_mut().insert(http::header::USER_AGENT, user_agent.clone());
        }
        // A client of ours follows no redirect. Of another it cannot be known beforehand, only seen.
        let asked = (!keeps_rules).then(|| outgoing.url().clone());
        let answered = client.execute(outgoing).await;
        let answering = match &answered {
            Ok(incoming) => Some(incoming.url()),
            Err(error) => error.url(),
        };
        if let Some((asked, answering)) = asked.zip(answering)
            && asked != *answering
        {
            let source = TransportError::redirected(answering.host_str());
            return Err(Unanswered { failure: Failure::Unknown, source });
        }
        let mut incoming = answered.map_err(failed)?;

        let mut response = http::Response::new(Zeroizing::new(Vec::new()));
        *response.status_mut() = incoming.status();
        *response.headers_mut() = std::mem::take(incoming.headers_mut());
        let announced =
            incoming.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(4096);
        *response.body_mut() = Zeroizing::new(Vec::with_capacity(announced.min(MAX_BODY_BYTES)));
        let broken =
            read_up_to(&mut incoming, response.body_mut(), MAX_BODY_BYTES).await.err().map(Into::into);
        Ok(Received { response, broken })
    }
}

/// Reads to the end or to the limit. A longer body is cut there and will not be JSON. The buffer grows through a
/// fresh one, so that it leaves no unzeroized copy of a token behind (reqwest's own buffers are out of our hands).
async fn read_up_to(
    incoming: &mut reqwest::Response,
    bytes: &mut Zeroizing<Vec<u8>>,
    limit: usize,
) -> Result<(), reqwest::Error> {
    while bytes.len() < limit {
        let Some(chunk) = incoming.chunk().await? else { break };
        let chunk = &chunk[..chunk.len().min(limit - bytes.len())];
        if bytes.len() + chunk.len() > bytes.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity((bytes.len() + chunk.len()) * 2));
            larger.extend_from_slice(bytes);
            *bytes = larger;
        }
        bytes.extend_from_slice(chunk);
    }
    Ok(())
}

/// Whether the request may have been seen. What is not known to have failed before the first byte counts as seen: a client
/// that does not keep the rules may have been connecting to a redirect's target.
fn kind_of(error: &reqwest::Error, keeps_rules: bool) -> Failure {
    let not_sent = error.is_builder() || (keeps_rules && error.is_connect());
    if not_sent { Failure::NotSent } else { Failure::Unknown }
}
