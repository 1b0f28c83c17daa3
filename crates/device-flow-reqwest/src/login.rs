//! The driver: it does what the machine says, one action at a time.

use std::time::Duration;

use device_flow::{Action, DeviceFlow, NotSignedIn, Observer, Policy, SignedIn, Status, Tick, UserPrompt};
use oidc_proto::Registration;

use crate::{Clock, HttpClient, TokioClock, TransportError};

/// A sign-in to be run.
#[derive(Debug)]
#[must_use = "call `run` to sign in"]
pub struct Login<'a, C = TokioClock> {
    client: &'a HttpClient,
    policy: Policy,
    registration: Option<Registration>,
    clock: C,
}

impl<'a> Login<'a> {
    pub(crate) fn new(client: &'a HttpClient, policy: Policy) -> Self {
        Self { client, policy, registration: None, clock: TokioClock::default() }
    }
}

impl<'a, C> Login<'a, C> {
    /// Uses this registration instead of making a new one. If the service rejects it, a new one is made, once. Ask
    /// [`Registration::usable_at`] first.
    pub fn registered(mut self, registration: Option<Registration>) -> Self {
        self.registration = registration;
        self
    }

    /// Paces the sign-in by this clock, so that a test runs a ten-minute sign-in in a moment.
    pub fn clock<D: Clock>(self, clock: D) -> Login<'a, D> {
        let Self { client, policy, registration, clock: _ } = self;
        Login { client, policy, registration, clock }
    }
}

impl<C: Clock> Login<'_, C> {
    /// Signs in: registers, gives the prompt to the closure, polls until there is an outcome. Takes as long as
    /// the person takes, at most the life of the code.
    ///
    /// # Errors
    /// [`NotSignedIn`] with the outcome that it was: denied, expired, and so on.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the sign-in; a token that the service granted at that very moment is lost. To go on
    /// later, use [`HttpClient::drive`] with a flow of your own.
    pub async fn run(
        self,
        on_prompt: impl FnMut(&UserPrompt),
    ) -> Result<SignedIn, Box<NotSignedIn<TransportError<reqwest::Error>>>> {
        self.run_with(on_prompt).await
    }

    /// As [`Login::run`], with an observer that hears of requests and waits as well.
    ///
    /// # Errors
    /// As [`Login::run`].
    ///
    /// # Cancel safety
    /// As [`Login::run`].
    pub async fn run_with(
        self,
        mut observer: impl Observer,
    ) -> Result<SignedIn, Box<NotSignedIn<TransportError<reqwest::Error>>>> {
        let Self { client, policy, registration, clock } = self;
        let mut flow = DeviceFlow::new(policy, registration, clock.now());
        let transport = client.drive(&mut flow, &clock, &mut observer).await;
        flow.into_result(clock.now(), transport)
    }
}

impl HttpClient {
    /// Drives a flow to its end, and returns the latest transport error for [`DeviceFlow::into_result`]. The flow
    /// must have been made with this clock's time.
    ///
    /// # Cancel safety
    /// Safe at every await: the flow is never ahead of what happened. If the future is dropped while a request is
    /// under way, driving the flow again treats that request as one whose answer was lost.
    pub async fn drive(
        &self,
        flow: &mut DeviceFlow,
        clock: &impl Clock,
        observer: &mut impl Observer,
    ) -> Option<TransportError<reqwest::Error>> {
        let mut transport = None;
        loop {
            let now = clock.now();
            match flow.poll(now) {
                Action::Send(request, ticket) => {
                    observer.sending(request.operation());
                    let (reply, error) = self.reply(&request, &ticket, self.timeout_for(flow, now)).await;
                    // The latest error, not the latest reply's: the reply that proves a loss comes after it.
                    if error.is_some() {
                        transport = error;
                    }
                    if transport.as_ref().is_some_and(TransportError::is_final) {
                        flow.cancel();
                        return transport;
                    }
                    let taken = flow.on_reply(ticket, clock.now(), reply);
                    debug_assert_eq!(taken, Ok(()), "this driver answers each ticket once");
                }
                Action::Prompt(prompt) => observer.prompt(&prompt),
                Action::Wait(until) => {
                    observer.waiting(&Status::of(flow, now, until));
                    clock.wait(until.since(now)).await;
                }
                // An earlier call was dropped with its ticket.
                Action::AwaitReply => flow.abandon(now),
                Action::Done => return transport,
            }
        }
    }

    /// How long a request of this flow may take: no longer than its device code lives.
    fn timeout_for(&self, flow: &DeviceFlow, now: Tick) -> Duration {
        flow.deadline().map_or(self.request_timeout, |deadline| self.request_timeout.min(deadline.since(now)))
    }
}
