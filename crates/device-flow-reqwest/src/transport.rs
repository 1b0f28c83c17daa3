//! One request over reqwest: its response or its error.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use device_flow::{CallError, Failure, PlainCall, ResponseBody, TransportError};
use http::{HeaderValue, header};
use oidc_proto::{Answer, Call, Operation, Request};
use tokio::time::Instant;

use crate::backend::{Backend, Sender};
use crate::{HttpClient, proxy};

/// The result of a request.
type Result<T = http::Response<ResponseBody>, E = TransportError> = core::result::Result<T, E>;

impl HttpClient {
    /// Sends one call.
    pub(crate) async fn call<C: Call>(&self, call: &C) -> Result<<C as Call>::Answer, CallError> {
        let request = self.service.encode(call);
        self.answer(C::OPERATION, request, |response| self.service.decode::<C, _>(response)).await
    }

    /// Sends one request, if the service offers it, and decodes the response with this function.
    pub(crate) async fn answer<T>(
        &self,
        operation: Operation,
        request: Option<Request>,
        decode: impl FnOnce(&http::Response<ResponseBody>) -> Answer<T>,
    ) -> Result<T, CallError> {
        let request = request.ok_or(CallError::UnsupportedOperation(operation))?;
        let _permit = self.backend.turn().await;
        let call = PlainCall::new(request);
        let started = Instant::now();
        let result = self.send(call.request(), self.request_timeout).await;
        call.on_result(started.elapsed(), result, decode)
    }

    /// Fetches a public document.
    pub(crate) async fn fetch(&self, address: http::Uri) -> Result {
        let mut request = http::Request::new(Bytes::new());
        *request.uri_mut() = address;
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        // Without this header a server may compress (RFC 9110 §12.5.3).
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let _permit = self.backend.turn().await;
        self.exchange(request, self.request_timeout).await
    }

    /// Sends a request once.
    pub(crate) async fn send(&self, request: &Request, timeout: Duration) -> Result {
        self.exchange(request.head().clone().map(|()| request.body().bytes()), timeout).await
    }

    async fn exchange(&self, mut outgoing: http::Request<Bytes>, timeout: Duration) -> Result {
        let Backend { sender, user_agent, .. } = &self.backend;
        if let Some(user_agent) = user_agent {
            outgoing.headers_mut().insert(header::USER_AGENT, user_agent.clone());
        }
        let mut response = match sender {
            Sender::Client { client, keeps_rules } => {
                by_client(client, *keeps_rules, outgoing, timeout).await?
            }
            Sender::Closure(closure) => {
                let (head, body) = outgoing.into_parts();
                closure.answer(&http::Request::from_parts(head, &body[..]))?
            }
        };
        oidc_proto::supply_date(response.headers_mut(), SystemTime::now());
        Ok(response)
    }
}

async fn by_client(
    client: &reqwest::Client,
    keeps_rules: bool,
    outgoing: http::Request<Bytes>,
    timeout: Duration,
) -> Result {
    let failed = |error| transport_error(error, keeps_rules);
    let mut outgoing = reqwest::Request::try_from(outgoing).map_err(failed)?;
    *outgoing.timeout_mut() = Some(timeout);
    // Our own client follows no redirect. A caller's client may, which only the final URL shows.
    let asked = (!keeps_rules).then(|| outgoing.url().clone());
    let answered = client.execute(outgoing).await;
    let answering = match &answered {
        Ok(incoming) => Some(incoming.url()),
        Err(error) => error.url(),
    };
    if let Some((asked, answering)) = asked.zip(answering)
        && asked != *answering
    {
        return Err(TransportError::redirected(answering.host_str()));
    }
    let mut incoming = answered.map_err(failed)?;

    let mut response = http::Response::new(ResponseBody::expecting(incoming.content_length()));
    *response.status_mut() = incoming.status();
    *response.headers_mut() = std::mem::take(incoming.headers_mut());
    if let Err(error) = read(&mut incoming, response.body_mut()).await {
        response.body_mut().break_off(error);
    }
    Ok(response)
}

/// Reads to the end, or to the size limit. (reqwest's own buffers may keep a token, and we cannot wipe them.)
async fn read(incoming: &mut reqwest::Response, body: &mut ResponseBody) -> Result<(), reqwest::Error> {
    while let Some(chunk) = incoming.chunk().await? {
        if !body.push(&chunk) {
            break;
        }
    }
    Ok(())
}

/// Classifies the error of a request without a response. The request counts as seen, unless the error is known to be
/// from before the first byte. With a caller's client, a failed connection may have been to a redirect's target.
fn transport_error(error: reqwest::Error, keeps_rules: bool) -> TransportError {
    let not_sent = error.is_builder() || (keeps_rules && error.is_connect());
    let error = TransportError::new(if not_sent { Failure::NotSent } else { Failure::Unknown }, error);
    if matches!(error.find_cause(), Some(rustls::Error::InvalidCertificate(_))) {
        return error.with_untrusted_certificate();
    }
    match proxy::answer(&error) {
        Some(status) => error.with_proxy_answer(status),
        None => error,
    }
}
