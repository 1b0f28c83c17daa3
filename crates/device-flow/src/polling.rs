//! The state from the codes on: the codes, the CreateToken request, and the results of the polls.

use core::fmt;
use core::time::Duration;

use oidc_proto::{CreateTokenRequest, DeviceAuthorization, Fault, Grant, Indeterminate, Service};

#[cfg(feature = "serde")]
use crate::client::Kept;
use crate::client::{BoundClient, KnownClient};
use crate::machine::Context;
use crate::pace::Pace;
use crate::policy::FirstPoll;
use crate::proof::Proof;
use crate::setup::Setup;
use crate::{Policy, Tick, TransientError, UserPrompt};

/// The number of polls in a row without an endpoint that end a flow.
const ENOUGH_MISSING: u8 = 3;

/// Returns whether the URL has no token endpoint, by this response.
pub(crate) const fn is_missing_endpoint(answer: &Indeterminate) -> bool {
    matches!(answer.status, 404 | 405 | 410 | 501) && answer.is_plain_refusal()
}

/// A device code in use.
///
/// A million flows wait in one process, so it keeps nothing twice and nothing that is not needed. Client
/// secret and device code are in the encoded request.
pub(crate) struct Polling {
    /// Holds the request that is lent for every poll.
    pub(crate) client: BoundClient,
    #[cfg(feature = "serde")]
    device_code: Kept,
    user_code: Box<str>,
    verification_uri: Box<str>,
    verification_uri_complete: Option<Box<str>>,
    expires_in: Duration,
    pub(crate) pace: Pace,
    /// Counts from the device authorization's arrival.
    pub(crate) deadline: Tick,
    /// The response to a CreateToken request was lost, and may have spent the code. No later response has
    /// shown otherwise.
    pub(crate) code_may_be_spent: bool,
    /// Whether any poll got a verdict.
    pub(crate) heard: bool,
    /// The number of polls in a row without an endpoint.
    pub(crate) missing: u8,
    /// The latest poll's error, if its response was indeterminate.
    pub(crate) error: Option<Box<TransientError>>,
}

impl Polling {
    pub(crate) fn new(
        service: &Service,
        policy: &Policy,
        proof: Option<&Proof>,
        client: KnownClient,
        authorization: DeviceAuthorization,
        now: Tick,
    ) -> Self {
        let DeviceAuthorization { expires_in, interval, .. } = authorization;
        let mut grant = Grant::device_code(authorization.device_code.clone());
        if let Some(proof) = proof {
            grant = grant.with_code_verifier(proof.verifier.clone());
        }
        let call = CreateTokenRequest::new(client.registration.client.clone(), grant)
            .with_parameters(policy.parameters.iter().cloned());
        let client = BoundClient::new(client, Some(service.encode_create_token(&call)));
        let at_once = policy.first_poll == FirstPoll::Immediately;
        Self {
            #[cfg(feature = "serde")]
            device_code: Kept::new(authorization.device_code, client.request()),
            client,
            user_code: authorization.user_code.into(),
            verification_uri: service.page_address(&authorization.verification_uri).into(),
            verification_uri_complete: authorization
                .verification_uri_complete
                .map(|address| service.page_address(&address).into()),
            expires_in,
            pace: Pace::polling(interval, at_once, now),
            deadline: now + expires_in,
            code_may_be_spent: false,
            heard: false,
            missing: 0,
            error: None,
        }
    }

    /// Starts polling. Nothing is due before `not_before`, and at least one poll is made.
    pub(crate) fn begin(mut self, not_before: Tick, now: Tick) -> Box<Self> {
        self.pace.not_before(not_before);
        self.pace.keep_last(now, self.deadline, self.expires_in, true);
        Box::new(self)
    }

    pub(crate) fn prompt(&self, replaces_earlier: bool) -> UserPrompt {
        UserPrompt {
            user_code: (*self.user_code).to_owned(),
            verification_uri: (*self.verification_uri).to_owned(),
            verification_uri_complete: self.verification_uri_complete.as_deref().map(str::to_owned),
            expires_in: self.expires_in,
            deadline: self.deadline,
            replaces_earlier,
        }
    }

    /// Returns the codes, to save them. The interval is the service's own.
    #[cfg(feature = "serde")]
    pub(crate) fn authorization(&self) -> DeviceAuthorization {
        let device_code = self.device_code.get(self.client.request());
        let mut authorization =
            DeviceAuthorization::new(device_code, &*self.user_code, &*self.verification_uri, self.expires_in);
        authorization.verification_uri_complete =
            self.verification_uri_complete.as_deref().map(str::to_owned);
        authorization.interval = Some(self.pace.interval());
        authorization
    }

    /// Handles `authorization_pending`: keeps the service's interval. A code that waits for its person has
    /// not been spent.
    pub(crate) fn pending(mut self: Box<Self>, fault: &Fault, cx: &Context<'_>) -> Box<Self> {
        self.pace.pending(cx.now, fault.retry_after, fault.interval);
        self.code_may_be_spent = false;
        self.hear(cx);
        self.error = None;
        self
    }

    /// Handles `slow_down`: keeps polling, more slowly. It stays the latest error, because a service that
    /// checks the pace first has not checked the approval.
    pub(crate) fn slow_down(mut self: Box<Self>, answer: TransientError, cx: &Context<'_>) -> Box<Self> {
        self.pace.slow_down(cx.now, answer.retry_after(), answer.interval());
        self.hear(cx);
        self.error = Some(Box::new(answer));
        self
    }

    /// Records a verdict, which ends the transport's error.
    #[inline]
    fn hear(&mut self, cx: &Context<'_>) {
        self.heard = true;
        self.missing = 0;
        self.keep_last_poll(cx.now);
    }

    /// Handles a result without a verdict: backs off.
    pub(crate) fn back_off(mut self: Box<Self>, error: TransientError, cx: &mut Context<'_>) -> Box<Self> {
        let (cap, draw) = (cx.jitter.room_within(cx.policy.max_backoff), cx.jitter.draw());
        self.pace.back_off(cx.now, error.retry_after(), cap, draw);
        self.code_may_be_spent |= error.may_have_acted();
        self.missing = if error.is_missing_endpoint() { self.missing.saturating_add(1) } else { 0 };
        self.error = Some(Box::new(error));
        self.keep_last_poll(cx.now);
        self
    }

    #[inline]
    fn keep_last_poll(&mut self, now: Tick) {
        self.pace.keep_last(now, self.deadline, self.expires_in, false);
    }

    /// Returns whether this response is the last that proves a missing endpoint. If an earlier response may
    /// have been the token, polling continues, so the flow reports a lost token.
    pub(crate) const fn endpoint_is_missing(&self, answer: &Indeterminate) -> bool {
        is_missing_endpoint(answer)
            && self.missing.saturating_add(1) >= ENOUGH_MISSING
            && !self.code_may_be_spent
    }

    /// Returns the range over which an overdue poll is delayed, unless the code would expire meanwhile.
    fn overdue_by(&self, now: Tick, policy: &Policy) -> Option<Duration> {
        self.pace.overdue_by(now, policy.max_backoff).filter(|time| now + *time < self.deadline)
    }

    pub(crate) fn is_overdue(&self, now: Tick, policy: &Policy) -> bool {
        self.overdue_by(now, policy).is_some()
    }

    /// Delays an overdue poll by a random part of the range.
    pub(crate) fn delay_poll(mut self: Box<Self>, cx: &mut Context<'_>) -> Box<Self> {
        let time = self.overdue_by(cx.now, cx.policy).unwrap_or_default();
        self.pace.delay_poll(cx.now, time, cx.jitter.draw());
        self
    }

    /// Returns whether every poll had an error.
    pub(crate) const fn no_poll_got_a_verdict(&self) -> bool {
        self.error.is_some() && !self.heard
    }

    pub(crate) fn client_is_replaceable(&self, cx: &Context<'_>) -> bool {
        self.client.origin.is_replaceable(cx.service)
    }

    /// Registers again, because the service does not know the client. The codes are void; their floor still
    /// applies.
    pub(crate) fn start_over(mut self: Box<Self>, fault: &Fault, cx: &Context<'_>) -> Box<Setup> {
        self.pace.after_verdict(cx.now, fault.retry_after);
        Box::new(Setup::new(cx.now, self.pace.due(), cx.policy))
    }
}

/// For logs, so without the user code (RFC 8628 §5.5).
impl fmt::Debug for Polling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polling")
            .field("client", &self.client)
            .field("verification_uri", &self.verification_uri)
            .field("pace", &self.pace)
            .field("deadline", &self.deadline)
            .field("code_may_be_spent", &self.code_may_be_spent)
            .field("heard", &self.heard)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeviceFlow;

    /// A million flows wait in one process. The texts are extra, as is the policy, which flows share.
    #[test]
    fn a_pending_flow_takes_at_most_512_bytes() {
        let identity = size_of::<[usize; 2]>();
        let size = size_of::<DeviceFlow>() + size_of::<Polling>() + identity;
        assert!(size <= 512, "{size} = {} + {} + {identity}", size_of::<DeviceFlow>(), size_of::<Polling>());
    }
}
