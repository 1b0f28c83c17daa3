//! The life of a device code: the codes, the request that is polled with, and what the polls have met.

use core::time::Duration;

use oidc_proto::{CreateTokenRequest, DeviceAuthorization, Fault, Grant, Request, Service};

use crate::machine::{Context, KnownClient};
use crate::pace::Pace;
use crate::policy::FirstPoll;
use crate::setup::Setup;
use crate::{Policy, Tick, Trouble};

/// A device code's life.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: KnownClient,
    pub(crate) authorization: DeviceAuthorization,
    /// Encoded once, lent for every poll.
    pub(crate) request: Request,
    pub(crate) pace: Pace,
    /// Anchored where the device authorization arrived.
    pub(crate) deadline: Tick,
    /// A CreateToken request whose answer was lost may have spent the code, and no later answer has shown otherwise.
    pub(crate) code_may_be_spent: bool,
    /// Whether any poll got a verdict.
    pub(crate) heard: bool,
    /// What the latest poll met, if it got no verdict.
    pub(crate) trouble: Option<Box<Trouble>>,
}

impl Session {
    pub(crate) fn new(
        service: &Service,
        policy: &Policy,
        client: KnownClient,
        authorization: DeviceAuthorization,
        now: Tick,
        not_before: Tick,
    ) -> Self {
        let grant = Grant::DeviceCode { device_code: authorization.device_code.clone() };
        let call = CreateTokenRequest::new(client.registration.client.clone(), grant);
        let at_once = policy.first_poll == FirstPoll::Immediately;
        Self {
            client,
            request: service.encode_create_token(&call),
            pace: Pace::polling(authorization.interval, at_once, now).not_before(not_before),
            deadline: now + authorization.expires_in,
            authorization,
            code_may_be_spent: false,
            heard: false,
            trouble: None,
        }
    }

    /// `authorization_pending`: poll on, in the service's interval. A code that still waits for its person has not been
    /// spent.
    pub(crate) fn pending(mut self: Box<Self>, fault: &Fault, cx: &Context<'_>) -> Box<Self> {
        self.pace.after_verdict(cx.now, fault.retry_after);
        self.code_may_be_spent = false;
        self.hear();
        self
    }

    /// `slow_down`: poll on, and slower from now on.
    pub(crate) fn slow_down(mut self: Box<Self>, answer: &Trouble, cx: &Context<'_>) -> Box<Self> {
        self.pace.slow_down(cx.now, answer.retry_after());
        self.hear();
        self
    }

    /// A verdict came: whatever went wrong before is over.
    fn hear(&mut self) {
        self.heard = true;
        self.trouble = None;
    }

    /// No verdict: back off, and poll again.
    pub(crate) fn back_off(mut self: Box<Self>, trouble: Trouble, cx: &mut Context<'_>) -> Box<Self> {
        let (cap, draw) = (cx.policy.max_backoff, cx.jitter.draw());
        self.pace.back_off(cx.now, trouble.retry_after(), cap, draw);
        self.code_may_be_spent |= trouble.may_have_acted();
        self.trouble = Some(Box::new(trouble));
        self
    }

    /// The time over which a poll is to be spread that is late by more than an interval, but not if the code would die
    /// meanwhile.
    fn overdue_by(&self, now: Tick, policy: &Policy) -> Option<Duration> {
        self.pace.missed_by(now, policy.max_backoff).filter(|time| now + *time < self.deadline)
    }

    pub(crate) fn is_overdue(&self, now: Tick, policy: &Policy) -> bool {
        self.overdue_by(now, policy).is_some()
    }

    /// Late: something held the driver up, so the poll is put off by a random part of that time.
    pub(crate) fn put_off(mut self: Box<Self>, cx: &mut Context<'_>) -> Box<Self> {
        let time = self.overdue_by(cx.now, cx.policy).unwrap_or_default();
        self.pace.put_off(cx.now, time, cx.jitter.draw());
        self
    }

    /// Whether there was trouble from the first poll on.
    pub(crate) const fn no_poll_got_a_verdict(&self) -> bool {
        self.trouble.is_some() && !self.heard
    }

    pub(crate) fn client_is_replaceable(&self, cx: &Context<'_>) -> bool {
        self.client.is_replaceable(cx)
    }

    /// The client is not known to the service: registration begins anew, the codes are void, and their floor outlives them.
    pub(crate) fn start_over(mut self: Box<Self>, fault: &Fault, cx: &Context<'_>) -> Box<Setup> {
        self.pace.after_verdict(cx.now, fault.retry_after);
        Box::new(Setup::new(cx.now, self.pace.due(), cx.policy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeviceFlow;

    /// A million flows wait in one process. The texts come on top, and the policy, which flows share.
    #[test]
    fn a_pending_flow_takes_at_most_512_bytes() {
        let identity = size_of::<[usize; 2]>();
        let size = size_of::<DeviceFlow>() + size_of::<Session>() + identity;
        assert!(size <= 512, "{size} = {} + {} + {identity}", size_of::<DeviceFlow>(), size_of::<Session>());
    }
}
