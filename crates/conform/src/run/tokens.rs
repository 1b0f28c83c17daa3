//! Refreshes (RFC 6749 §6) and revocations (RFC 7009).

use oidc_proto::oauth::RevocationRequest;
use oidc_proto::{Client, Operation, Secret};

use super::requests::{lacks, outgoing, random, refresh, unknown_scope};
use super::{Run, Target};
use crate::Step;
use crate::exchange::Exchange;
use crate::transcript::Obtained;

/// The number of revocations at the end. A server that keeps the rules needs two.
pub(crate) const LAST: usize = 6;

impl Run<'_> {
    /// Refreshes, then for a wider scope, as another client, and with the first token again.
    pub(super) fn refresh_in_every_way(&mut self, target: &Target, redemption: &Exchange) {
        let steps = [
            Step::Refresh,
            Step::WiderRefresh,
            Step::OtherClientsRefresh,
            Step::OldRefresh,
            Step::FamilyRefresh,
        ];
        let Some(first) = refresh_token(redemption) else {
            return self.leave_out(&steps, "the server gave no refresh token");
        };
        let Some(next) = self.refresh(target, Step::Refresh, &target.client, &first, &[]) else {
            return self.leave_out(&steps, "the refresh brought no token");
        };
        let mut latest = next.unwrap_or_else(|| first.clone());
        let granted = scope_of(redemption).unwrap_or_else(|| self.plan.scope.clone());
        let wider: Vec<String> = granted.into_iter().chain([unknown_scope()]).collect();
        if let Some(Some(next)) = self.refresh(target, Step::WiderRefresh, &target.client, &latest, &wider) {
            latest = next;
        }
        match target.other.clone() {
            Ok(other) => {
                if let Some(Some(next)) =
                    self.refresh(target, Step::OtherClientsRefresh, &other, &latest, &[])
                {
                    latest = next;
                }
            }
            Err(why) => self.leave_out(&[Step::OtherClientsRefresh], &why),
        }
        if latest == first {
            let steps = [Step::OldRefresh, Step::FamilyRefresh];
            return self.leave_out(&steps, "the server did not rotate the refresh token");
        }
        self.refresh(target, Step::OldRefresh, &target.client, &first, &[]);
        self.refresh(target, Step::FamilyRefresh, &target.client, &latest, &[]);
    }

    /// Refreshes once. Returns `None` if that brings no token, else the new refresh token, if there is one.
    fn refresh(
        &mut self,
        target: &Target,
        step: Step,
        client: &Client,
        token: &Secret,
        scope: &[String],
    ) -> Option<Option<Secret>> {
        let exchange = self.send(&refresh(&target.service, step, client, token, scope))?;
        let answer = exchange.answer.as_ref().ok()?;
        answer.has_token().then(|| refresh_token(&exchange))
    }

    pub(super) fn revoke_unknown(&mut self, target: &Target) {
        let call = RevocationRequest::access_token(target.client.clone(), Secret::new(random()));
        if let Some(request) = call.encode(&target.service) {
            self.send(&outgoing(Step::UnknownRevocation, &request));
        }
    }

    /// Revokes the tokens that are left, as far as the limit allows.
    pub(super) fn revoke_the_rest(&mut self, target: &Target) {
        let left = self.transcript.tokens_left();
        if left.is_empty() {
            return self.leave_out(&[Step::LastRevocation], "no token is left");
        }
        if let Some(why) = lacks(&target.service, Operation::RevokeToken) {
            return self.leave_out(&[Step::LastRevocation], &why);
        }
        for Obtained { token, is_refresh_token, step } in left.into_iter().take(LAST) {
            let client = match (step, &target.other) {
                (Step::OtherClientsRefresh, Ok(other)) => other.clone(),
                _ => target.client.clone(),
            };
            let call = match is_refresh_token {
                true => RevocationRequest::refresh_token(client, token),
                false => RevocationRequest::access_token(client, token),
            };
            if let Some(request) = call.encode(&target.service) {
                self.send(&outgoing(Step::LastRevocation, &request));
            }
        }
    }

    /// Revokes the refresh token of a redemption, and tries to refresh with it.
    pub(super) fn revoke(&mut self, target: &Target, redemption: &Exchange) {
        let Some(token) = refresh_token(redemption) else {
            let steps = [Step::Revocation, Step::RevokedRefresh];
            return self.leave_out(&steps, "the server gave no refresh token");
        };
        let call = RevocationRequest::refresh_token(target.client.clone(), token.clone());
        if let Some(request) = call.encode(&target.service) {
            self.send(&outgoing(Step::Revocation, &request));
            self.refresh(target, Step::RevokedRefresh, &target.client, &token, &[]);
        }
    }
}

fn refresh_token(exchange: &Exchange) -> Option<Secret> {
    Some(Secret::from(exchange.answer.as_ref().ok()?.text("refresh_token")?))
}

/// Returns the scope of a token response.
fn scope_of(exchange: &Exchange) -> Option<Vec<String>> {
    let scope = exchange.answer.as_ref().ok()?.text("scope")?;
    Some(scope.split(' ').map(str::to_owned).collect())
}
