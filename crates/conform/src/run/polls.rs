//! Polls at every pace (RFC 8628 §3.5), and the wait for the expiry.

use core::time::Duration;
use std::rc::Rc;

use oidc_proto::{Client, Secret};

use super::codes::Codes;
use super::{Run, Target, requests};
use crate::Step;
use crate::exchange::Exchange;

/// The number of early polls in a row. Some servers forgive one.
const EARLY: usize = 3;
/// The wait after the expiry, for a server that rounds.
const MARGIN: Duration = Duration::from_secs(1);
/// The number of polls after a decision, for a server whose decision takes time.
const TRIES: usize = 5;

impl Run<'_> {
    /// Polls once, at once.
    pub(super) fn poll(
        &mut self,
        target: &Target,
        step: Step,
        codes: &mut Codes,
        client: &Client,
        verifier: Option<&Secret>,
    ) -> Option<Rc<Exchange>> {
        // A response to an expired code would say nothing about the step.
        if step != Step::ExpiredPoll && codes.is_expired_at(self.clock.now()) {
            self.leave_out(&[step], "the codes had expired before");
            return None;
        }
        let request = requests::poll(&target.service, step, client, &codes.device_code, verifier);
        let exchange = self.send(&request)?;
        codes.heard = exchange.received;
        self.note_pace(codes, &exchange);
        Some(exchange)
    }

    /// Makes the interval longer if the server says `slow_down`. One that is too long ends the run.
    pub(super) fn note_pace(&mut self, codes: &mut Codes, exchange: &Exchange) {
        if is_slow_down(exchange) {
            codes.slow_down(exchange);
            self.stopped = self.stopped.take().or_else(|| codes.too_slow());
        }
    }

    /// Polls as the client of the codes, after its interval.
    pub(super) fn poll_politely(
        &mut self,
        target: &Target,
        step: Step,
        codes: &mut Codes,
    ) -> Option<Rc<Exchange>> {
        self.wait_for_interval(codes);
        let verifier = codes.verifier.clone();
        self.poll(target, step, codes, &target.client, verifier.as_ref())
    }

    /// Waits until the client may poll, or until the codes expire.
    pub(super) fn wait_for_interval(&mut self, codes: &Codes) {
        self.wait_until(codes.heard.saturating_add(codes.interval).min(codes.expiry()));
    }

    /// Polls until there is another answer than that the person has not decided.
    pub(super) fn poll_for_decision(
        &mut self,
        target: &Target,
        step: Step,
        codes: &mut Codes,
    ) -> Option<Rc<Exchange>> {
        let mut latest = None;
        for _ in 0..TRIES {
            let exchange = self.poll_politely(target, step, codes)?;
            let waits = is_waiting(&exchange);
            latest = Some(exchange);
            if !waits {
                break;
            }
        }
        latest
    }

    /// Polls for a decision that no one makes: in time, too early, and as another client.
    pub(super) fn poll_at_every_pace(&mut self, target: &Target, codes: &mut Codes) {
        let usual = codes.interval;
        self.poll_politely(target, Step::FirstPoll, codes);
        if usual.is_zero() {
            let steps = [Step::EarlyPoll, Step::SlowerPoll, Step::OldPacePoll, Step::SlowestPoll];
            self.leave_out(&steps, "no poll is early, because the interval is 0");
        } else {
            self.poll_early(target, codes, usual);
        }
        match target.other.clone() {
            Ok(other) => {
                // A server may look at the pace first, and `slow_down` would hide its verdict.
                self.wait_for_interval(codes);
                self.poll(target, Step::OtherClientsPoll, codes, &other, None);
                self.poll_politely(target, Step::OwnersPoll, codes);
            }
            Err(why) => self.leave_out(&[Step::OtherClientsPoll, Step::OwnersPoll], &why),
        }
    }

    /// Polls at once, until the server says `slow_down`, and then at the longer intervals.
    fn poll_early(&mut self, target: &Target, codes: &mut Codes, usual: Duration) {
        let slowed = (0..EARLY).any(|_| {
            let exchange = self.poll(target, Step::EarlyPoll, codes, &target.client, None);
            exchange.is_some_and(|exchange| is_slow_down(&exchange))
        });
        if slowed {
            self.poll_politely(target, Step::SlowerPoll, codes);
            self.wait_until(codes.heard.saturating_add(usual));
            self.poll(target, Step::OldPacePoll, codes, &target.client, None);
            self.poll_politely(target, Step::SlowestPoll, codes);
        } else {
            let steps = [Step::SlowerPoll, Step::OldPacePoll, Step::SlowestPoll];
            self.leave_out(&steps, "the server sent no slow_down");
        }
    }

    /// Waits for the expiry of the codes, if that is allowed, and polls once more.
    pub(super) fn outlive(&mut self, target: &Target, codes: &mut Codes) {
        if codes.expires_in > self.plan.expiry_wait {
            let why = format!(
                "the codes live for {} s, and the wait for their expiry may take {} s",
                codes.expires_in.as_secs(),
                self.plan.expiry_wait.as_secs()
            );
            return self.leave_out(&[Step::ExpiredPoll], &why);
        }
        let due = codes.heard.saturating_add(codes.interval);
        let expired = codes.expiry().saturating_add(MARGIN).max(due);
        // The caller has allowed this wait, beside the limit of time.
        self.deadline = self.deadline.saturating_add(expired.saturating_sub(self.clock.now()));
        self.wait_until(expired);
        self.poll(target, Step::ExpiredPoll, codes, &target.client, None);
    }
}

pub(super) fn is_slow_down(exchange: &Exchange) -> bool {
    exchange.answer.as_ref().is_ok_and(|answer| answer.error() == Some("slow_down"))
}

/// Whether the server waits for the person, or for the client.
pub(super) fn is_waiting(exchange: &Exchange) -> bool {
    let error = exchange.answer.as_ref().ok().and_then(|answer| answer.error());
    matches!(error, Some("authorization_pending" | "slow_down"))
}
