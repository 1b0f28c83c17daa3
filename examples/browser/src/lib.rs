//! A sign-in for a web page. The page has `fetch` and a clock, and `device-flow` decides what to do with them.
//!
//! [`SignIn`] is all that JavaScript sees. Its steps are JSON, so no value needs code of its own to cross the boundary.
//! `page/sign-in.js` has the loop around it.

mod step;

use core::time::Duration;

use device_flow::{Action, DeviceFlow, Failure, PendingRequest, Policy, ResponseBody, Tick, TransportError};
use http::header::CONTENT_ENCODING;
use http::{HeaderName, Response, StatusCode};
use oidc_proto::Endpoint;
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

use step::Step;

/// One sign-in. Times are `performance.now()`: milliseconds since the page was opened, by a clock that no person sets.
#[wasm_bindgen]
pub struct SignIn {
    flow: DeviceFlow,
    /// The request that the page is sending.
    pending: Option<PendingRequest>,
    /// The response, as far as it has arrived.
    response: Option<Response<ResponseBody>>,
}

#[wasm_bindgen]
impl SignIn {
    /// Starts a sign-in. `seed` is any number that differs between pages; it spreads their waits after an outage.
    ///
    /// # Errors
    /// The address is not one of a service.
    #[wasm_bindgen(constructor)]
    pub fn new(endpoint: &str, start_url: &str, seed: u64, now: f64) -> Result<Self, JsError> {
        let service = Endpoint::custom(endpoint)?;
        let policy = Policy::aws(start_url).with_client_name("example-browser");
        let flow = DeviceFlow::new(service, policy, None, tick(now)).with_jitter(seed);
        Ok(Self { flow, pending: None, response: None })
    }

    /// Returns the next step, as JSON. Asking early is harmless.
    pub fn poll(&mut self, now: f64) -> String {
        self.next(tick(now)).to_json()
    }

    /// Takes the beginning of a response. `headers` are names and values in turn.
    pub fn head(&mut self, status: u16, headers: Vec<String>) {
        let mut response = Response::new(ResponseBody::expecting(None));
        // A browser hides where a redirect leads, and even its status.
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::FOUND);
        for pair in headers.chunks_exact(2) {
            if let [name, value] = pair
                && let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse())
                // The browser has undone the coding of the body.
                && name != CONTENT_ENCODING
            {
                response.headers_mut().append(name, value);
            }
        }
        self.response = Some(response);
    }

    /// Takes a part of the body, and returns whether more may come.
    pub fn chunk(&mut self, bytes: &[u8]) -> bool {
        self.response.as_mut().is_some_and(|response| response.body_mut().push(bytes))
    }

    /// Ends a response that arrived whole.
    pub fn end(&mut self, now: f64) {
        if let Some(response) = self.response.take() {
            self.answer(now, Ok(response));
        }
    }

    /// Ends a request that failed. What had arrived of a response counts.
    pub fn failed(&mut self, now: f64, reason: String) {
        let result = match self.response.take() {
            Some(mut response) => {
                response.body_mut().break_off(reason);
                Ok(response)
            }
            // A browser never says whether the request was sent.
            None => Err(TransportError::new(Failure::Unknown, reason)),
        };
        self.answer(now, result);
    }

    /// Ends the sign-in. The next step is the last one.
    pub fn cancel(&mut self) {
        self.flow.cancel();
    }
}

impl SignIn {
    fn next(&mut self, now: Tick) -> Step {
        loop {
            match self.flow.poll(now) {
                Action::Send(pending) => {
                    let step = Step::send(&pending);
                    self.pending = Some(pending);
                    return step;
                }
                Action::Prompt(prompt) => return Step::prompt(&prompt),
                Action::Wait(until) => return Step::wait(until.since(now)),
                // The page asks for a step in place of an answer, so the answer is lost.
                Action::AwaitReply => {
                    (self.pending, self.response) = (None, None);
                    self.flow.abandon(now);
                }
                Action::Done => return Step::done(&self.flow),
            }
        }
    }

    fn answer(&mut self, now: f64, result: Result<Response<ResponseBody>, TransportError>) {
        if let Some(pending) = self.pending.take() {
            // A stale answer is that of a cancelled sign-in, which has an outcome.
            _ = self.flow.on_result(pending, tick(now), result);
        }
    }
}

fn tick(millis: f64) -> Tick {
    Tick::since_origin(Duration::try_from_secs_f64(millis / 1000.0).unwrap_or_default())
}

#[cfg(test)]
mod tests;
