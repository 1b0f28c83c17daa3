//! What follows a person's decision: the token once, or the denial (RFC 8628 §3.5).

use oidc_proto::{Operation, Secret};

use super::codes::Codes;
use super::requests::{codes, lacks, poll, verifier};
use super::{Run, Target};
use crate::{Decision, Step};

/// The number of polls at once.
pub(crate) const CROWD: usize = 12;
/// The number of later polls, if none of the crowd got the token.
const LATER: usize = 3;

impl Run<'_> {
    /// Asks a person for a decision on new codes; `None` if there is none.
    fn decided(
        &mut self,
        target: &Target,
        step: Step,
        proof: Option<Secret>,
        decision: Decision,
    ) -> Option<Codes> {
        let scope = self.plan.scope.clone();
        let request = codes(&target.service, step, &target.client, &scope, proof.as_ref())?;
        let exchange = self.send(&request)?;
        let mut codes = Codes::of(&exchange)?;
        codes.verifier = proof;
        if let Some(why) = codes.too_slow() {
            self.stopped.get_or_insert(why);
            return None;
        }
        self.decide(&codes, decision).then_some(codes)
    }

    fn decide(&mut self, codes: &Codes, decision: Decision) -> bool {
        let asked = self.clock.now();
        let decided = self.person.decide(&codes.prompt(), decision);
        // A person may take a while.
        self.deadline = self.deadline.saturating_add(self.clock.now().saturating_sub(asked));
        match decided {
            Ok(()) => true,
            Err(why) => {
                let why = why.to_string();
                match decision {
                    Decision::Approve => self.leave_out(&AFTER_APPROVAL, &why),
                    Decision::Deny => self.leave_out(&[Step::DeniedPoll], &why),
                }
                false
            }
        }
    }

    /// Redeems the first approval, and refreshes the token in every way.
    pub(super) fn approve_and_refresh(&mut self, target: &Target) {
        let Some(mut codes) = self.decided(target, Step::ApprovedCodes, None, Decision::Approve) else {
            return;
        };
        if let Some(exchange) = self.poll_for_decision(target, Step::Redemption, &mut codes) {
            self.refresh_in_every_way(target, &exchange);
        }
    }

    /// Sends twelve polls at once after the second approval, and one more later.
    pub(super) fn approve_for_a_crowd(&mut self, target: &Target) {
        // The codes for an unknown scope tell more, if the server gave any.
        let wider = self.transcript.all(Step::UnknownScope).last().and_then(|exchange| Codes::of(exchange));
        let now = self.clock.now();
        if let Some(codes) = wider.filter(|codes| codes.is_fresh_at(now)) {
            if !self.decide(&codes, Decision::Approve) {
                return;
            }
            if !self.redeem_in_a_crowd(target, codes) {
                return self.leave_out(&[Step::CrowdCodes], "the codes for an unknown scope were used");
            }
            // The server has only now refused the scope. So its codes tell nothing about twelve polls.
        }
        if let Some(codes) = self.decided(target, Step::CrowdCodes, None, Decision::Approve)
            && self.redeem_in_a_crowd(target, codes)
        {
            self.leave_out(&[Step::LaterPoll, Step::Replay], "the server refused the scope");
        }
    }

    /// Sends twelve polls at once, and one more later. Returns whether the server refused the scope of the codes.
    fn redeem_in_a_crowd(&mut self, target: &Target, mut codes: Codes) -> bool {
        self.wait_for_interval(&codes);
        let one = poll(&target.service, Step::CrowdPoll, &target.client, &codes.device_code, None);
        let Some(exchanges) = self.send_together(&vec![one; CROWD]) else { return false };
        codes.heard = self.clock.now();
        // Each of them makes the interval longer, by the letter of RFC 8628 §3.5.
        exchanges.iter().for_each(|exchange| self.note_pace(&mut codes, exchange));
        let mut has_token = exchanges.iter().any(|exchange| has_token(exchange));
        if !has_token && exchanges.iter().any(|exchange| refuses_scope(exchange)) {
            return true;
        }
        for _ in 0..LATER {
            if has_token {
                break;
            }
            let Some(exchange) = self.poll_politely(target, Step::LaterPoll, &mut codes) else {
                return false;
            };
            has_token = self::has_token(&exchange);
        }
        if has_token {
            self.leave_out(&[Step::LaterPoll], "one of the twelve polls got the token");
            self.poll_politely(target, Step::Replay, &mut codes);
        } else {
            self.leave_out(&[Step::Replay], "no poll got a token");
        }
        false
    }

    /// Tries PKCE with the third approval, and revokes its token.
    pub(super) fn approve_and_revoke(&mut self, target: &Target) {
        let no_revocation = lacks(&target.service, Operation::RevokeToken);
        if let Some(why) = &no_revocation {
            self.leave_out(&[Step::UnknownRevocation, Step::Revocation, Step::RevokedRefresh], why);
        } else {
            self.revoke_unknown(target);
        }
        if !target.pkce {
            let steps = [Step::WrongVerifier, Step::NoVerifier];
            self.leave_out(&steps, "the metadata does not list PKCE with S256");
        }
        if !target.pkce && no_revocation.is_some() {
            return self
                .leave_out(&[Step::ProofCodes, Step::RightVerifier], "there is nothing to check with it");
        }
        let proof = target.pkce.then(verifier);
        let Some(mut codes) = self.decided(target, Step::ProofCodes, proof, Decision::Approve) else {
            return;
        };
        let redeemed = match self.try_wrong_proofs(target, &mut codes) {
            Some(exchange) => Some(exchange),
            None => self.poll_for_decision(target, Step::RightVerifier, &mut codes),
        };
        if let Some(exchange) = redeemed
            && no_revocation.is_none()
        {
            self.revoke(target, &exchange);
        }
    }

    /// Polls with a wrong verifier, and without one. Returns the exchange that brought a token all the same.
    fn try_wrong_proofs(
        &mut self,
        target: &Target,
        codes: &mut Codes,
    ) -> Option<std::rc::Rc<crate::exchange::Exchange>> {
        let right = codes.verifier.clone()?;
        for (step, shown) in [(Step::WrongVerifier, Some(verifier())), (Step::NoVerifier, None)] {
            codes.verifier = shown;
            let exchange = self.poll_for_decision(target, step, codes)?;
            if has_token(&exchange) {
                self.leave_out(&[Step::NoVerifier, Step::RightVerifier], "the server had given the token");
                return Some(exchange);
            }
        }
        codes.verifier = Some(right);
        None
    }

    /// Polls after a denial.
    pub(super) fn deny(&mut self, target: &Target) {
        if let Some(mut codes) = self.decided(target, Step::DeniedCodes, None, Decision::Deny) {
            self.poll_for_decision(target, Step::DeniedPoll, &mut codes);
        }
    }
}

/// The steps that need an approval.
const AFTER_APPROVAL: [Step; 14] = [
    Step::Redemption,
    Step::Refresh,
    Step::WiderRefresh,
    Step::OtherClientsRefresh,
    Step::OldRefresh,
    Step::FamilyRefresh,
    Step::CrowdPoll,
    Step::LaterPoll,
    Step::Replay,
    Step::WrongVerifier,
    Step::NoVerifier,
    Step::RightVerifier,
    Step::Revocation,
    Step::RevokedRefresh,
];

fn has_token(exchange: &crate::exchange::Exchange) -> bool {
    exchange.answer.as_ref().is_ok_and(crate::exchange::Answer::has_token)
}

fn refuses_scope(exchange: &crate::exchange::Exchange) -> bool {
    exchange.answer.as_ref().is_ok_and(|answer| answer.error() == Some("invalid_scope"))
}
