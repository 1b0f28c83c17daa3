//! One request over reqwest: what was received, and what a failure means.

use std::time::Duration;

use bytes::Bytes;
use device_flow::Failure;
use device_flow::driver::{Body, Calling, Received, Sent, Unanswered};
use oidc_proto::{Answer, Call, Request};
use tokio::time::Instant;

use crate::carrier::Carrier;
use crate::{Error, HttpClient};

impl HttpClient {
    /// One plain call.
    pub(crate) async fn call<C: Call>(&self, call: &C) -> Result<<C as Call>::Answer, Error> {
        let request = self.service.encode(call).ok_or(Error::NotOffered(C::OPERATION))?;
        self.answer(&request, |response| self.service.decode::<C, _>(response)).await
    }

    /// The answer to one request, as this reads it.
    pub(crate) async fn answer<T>(
        &self,
        request: &Request,
        decode: impl FnOnce(&http::Response<Body>) -> Answer<T>,
    ) -> Result<T, Error> {
        let _turn = self.carrier.turn().await;
        let calling = Calling::with(request);
        calling.answer(self.send(request, self.request_timeout).await, decode)
    }

    /// A document that anybody may have.
    pub(crate) async fn fetch(&self, address: http::Uri) -> Sent<reqwest::Error> {
        let mut request = http::Request::new(Bytes::new());
        *request.uri_mut() = address;
        request
            .headers_mut()
            .insert(http::header::ACCEPT, http::HeaderValue::from_static("application/json"));
        let _turn = self.carrier.turn().await;
        self.carry(request, self.request_timeout).await
    }

    /// Sends a request once.
    pub(crate) async fn send(&self, request: &Request, timeout: Duration) -> Sent<reqwest::Error> {
        self.carry(request.head().clone().map(|()| request.body().bytes()), timeout).await
    }

    async fn carry(&self, outgoing: http::Request<Bytes>, timeout: Duration) -> Sent<reqwest::Error> {
        let started = Instant::now();
        let result = self.exchange(outgoing, timeout).await;
        Sent::new(result, started.elapsed())
    }

    async fn exchange(
        &self,
        outgoing: http::Request<Bytes>,
        timeout: Duration,
    ) -> Result<Received<reqwest::Error>, Unanswered<reqwest::Error>> {
        let Carrier { client, keeps_rules, user_agent, .. } = &self.carrier;
        let failed = |source: reqwest::Error| Unanswered::new(kind_of(&source, *keeps_rules), source);
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
            return Err(Unanswered::redirected(answering.host_str()));
        }
        let mut incoming = answered.map_err(failed)?;

        let mut response = http::Response::new(Body::expecting(incoming.content_length()));
        *response.status_mut() = incoming.status();
        *response.headers_mut() = std::mem::take(incoming.headers_mut());
        Ok(match read(&mut incoming, response.body_mut()).await {
            Ok(()) => Received::whole(response),
            Err(error) => Received::cut(response, error),
        })
    }
}

/// Reads to the end, or as much as a body may have. (reqwest's own buffers, in which a token may be left, are out of our
/// hands.)
async fn read(incoming: &mut reqwest::Response, body: &mut Body) -> Result<(), reqwest::Error> {
    while let Some(chunk) = incoming.chunk().await? {
        if !body.push(&chunk) {
            break;
        }
    }
    Ok(())
}

/// Whether the request may have been seen. What is not known to have failed before the first byte counts as seen: a client
/// that does not keep the rules may have been connecting to a redirect's target.
fn kind_of(error: &reqwest::Error, keeps_rules: bool) -> Failure {
    let not_sent = error.is_builder() || (keeps_rules && error.is_connect());
    if not_sent { Failure::NotSent } else { Failure::Unknown }
}
