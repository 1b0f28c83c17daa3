//! A sign-in on a runtime without an adapter: smol, with hyper over its sockets.
//!
//! [`sign_in`] is the whole driver. The HTTP client and the clock are behind traits, so a test replaces both.

mod client;

use std::time::{Duration, Instant};

use device_flow::{
    Action, DeviceFlow, ResponseBody, SignInError, SignedIn, Tick, TransportError, UserPrompt,
};
use http::Response;
use oidc_proto::Request;
use smol::Timer;

pub use client::Client;

/// The timeout of one request. AWS's service has taken up to 9 s.
const REQUEST: Duration = Duration::from_secs(40);

pub type HttpResult = Result<Response<ResponseBody>, TransportError>;

pub trait Http {
    /// Sends the request once, without following redirects, within `limit`.
    fn send(&self, request: &Request, limit: Duration) -> impl Future<Output = HttpResult> + Send;
}

pub trait Clock {
    fn now(&self) -> Tick;
    fn sleep_until(&self, time: Tick) -> impl Future<Output = ()> + Send;
}

/// The runtime's time since this instant.
impl Clock for Instant {
    fn now(&self) -> Tick {
        Tick::since_origin(self.elapsed())
    }

    async fn sleep_until(&self, time: Tick) {
        Timer::after(time.since(self.now())).await;
    }
}

/// Drives the flow to its end. Dropping the future ends the sign-in, and nothing more is sent.
pub async fn sign_in(
    http: &impl Http,
    clock: &impl Clock,
    mut flow: DeviceFlow,
    mut on_prompt: impl FnMut(&UserPrompt),
) -> Result<SignedIn, SignInError> {
    loop {
        match flow.poll(clock.now()) {
            Action::Send(pending) => {
                let result = http.send(pending.request(), pending.timeout(REQUEST)).await;
                let taken = flow.on_result(pending, clock.now(), result);
                taken.expect("this loop answers each request once");
            }
            Action::Prompt(prompt) => on_prompt(&prompt),
            Action::Wait(until) => clock.sleep_until(until).await,
            // The flow has a pending request whose response is lost.
            Action::AwaitReply => flow.abandon(clock.now()),
            Action::Done => return flow.into_result(clock.now()),
        }
    }
}
