//! The states before there is a device code: a request is retried without a verdict, within the policy's
//! retry window.

use core::time::Duration;

use oidc_proto::{DeviceAuthorization, Dialect, Registration, Service, StartDeviceAuthorizationRequest};

use crate::client::{BoundClient, KnownClient, Origin};
use crate::jitter::Jitter;
use crate::machine::Context;
use crate::pace::Pace;
use crate::polling::Polling;
use crate::proof::Proof;
use crate::{Policy, Tick, TransientError};

/// The state of RegisterClient, until it succeeds.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) pace: Pace,
    pub(crate) give_up_at: Tick,
    /// The time before which no CreateToken may be sent, from an earlier device code of this flow.
    pub(crate) not_before: Tick,
    pub(crate) error: Option<Box<TransientError>>,
    /// The number of requests of the operation sent.
    pub(crate) attempts: u32,
}

/// The state of StartDeviceAuthorization as this client, until it succeeds.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) setup: Setup,
    pub(crate) client: BoundClient,
}

impl Setup {
    pub(crate) fn new(now: Tick, not_before: Tick, policy: &Policy) -> Self {
        let give_up_at = now + policy.setup_retry_window;
        Self { pace: Pace::setup(now), give_up_at, not_before, error: None, attempts: 0 }
    }

    /// Requests codes for a new registration, with a fresh retry window.
    pub(crate) fn registered(&self, registration: Registration, cx: &Context<'_>) -> Box<Asking> {
        let client = KnownClient { registration, origin: Origin::Flow };
        let setup = Self::new(cx.now, self.not_before, cx.policy);
        Box::new(Asking::new(cx.service, cx.policy, cx.proof, client, setup))
    }

    /// Returns whether the next attempt after this error would exceed the retry window.
    pub(crate) fn retry_window_is_over(&self, error: &TransientError, now: Tick, policy: &Policy) -> bool {
        now + self.wait_after(error, policy) > self.give_up_at
    }

    /// Retries later, because the response was indeterminate.
    pub(crate) fn again(
        mut self: Box<Self>,
        error: TransientError,
        now: Tick,
        policy: &Policy,
        jitter: &mut Jitter,
    ) -> Box<Self> {
        self.schedule_retry(error, now, policy, jitter);
        self
    }

    pub(crate) fn schedule_retry(
        &mut self,
        error: TransientError,
        now: Tick,
        policy: &Policy,
        jitter: &mut Jitter,
    ) {
        let least = now + self.wait_after(&error, policy);
        if error.is_slow_down() {
            self.pace.slow_down(now, error.retry_after(), error.interval());
        } else {
            let (cap, draw) = (policy.max_backoff, jitter.draw());
            self.pace.back_off(now, error.retry_after(), cap, draw);
        }
        // The retry window grows by the draw, so that jitter costs no attempt.
        self.give_up_at = self.give_up_at + self.pace.due().since(least);
        self.error = Some(Box::new(error));
    }

    /// Returns the wait after this error, without jitter.
    fn wait_after(&self, error: &TransientError, policy: &Policy) -> Duration {
        if error.is_slow_down() {
            self.pace.wait_after_slow_down(error.retry_after(), error.interval())
        } else {
            self.pace.backoff(error.retry_after(), policy.max_backoff)
        }
    }
}

impl Asking {
    pub(crate) fn new(
        service: &Service,
        policy: &Policy,
        proof: Option<&Proof>,
        client: KnownClient,
        setup: Setup,
    ) -> Self {
        let named = client.registration.client.clone();
        let mut call = match service.dialect() {
            Dialect::Aws => StartDeviceAuthorizationRequest::new(named, &policy.start_url),
            Dialect::OAuth => StartDeviceAuthorizationRequest::for_scope(named, &policy.scopes)
                .with_parameters(policy.parameters.iter().cloned()),
        };
        call.code_challenge = proof.map(|proof| (*proof.challenge).to_owned());
        let request = service.encode(&call);
        Self { client: BoundClient::new(client, request), setup }
    }

    /// Starts polling with these codes.
    pub(crate) fn authorized(&self, authorization: DeviceAuthorization, cx: &Context<'_>) -> Box<Polling> {
        let session =
            Polling::new(cx.service, cx.policy, cx.proof, self.client.known(), authorization, cx.now);
        session.begin(self.setup.not_before, cx.now)
    }

    pub(crate) fn retry_window_is_over(&self, error: &TransientError, cx: &Context<'_>) -> bool {
        self.setup.retry_window_is_over(error, cx.now, cx.policy)
    }

    pub(crate) fn again(mut self: Box<Self>, error: TransientError, cx: &mut Context<'_>) -> Box<Self> {
        self.setup.schedule_retry(error, cx.now, cx.policy, cx.jitter);
        self
    }

    pub(crate) fn client_is_replaceable(&self, cx: &Context<'_>) -> bool {
        self.client.origin.is_replaceable(cx.service)
    }

    /// Registers again, because the service does not know the client.
    pub(crate) fn start_over(&self, cx: &Context<'_>) -> Box<Setup> {
        Box::new(Setup::new(cx.now, self.setup.not_before, cx.policy))
    }
}
