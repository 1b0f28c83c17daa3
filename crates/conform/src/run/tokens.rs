//! Refreshes (RFC 6749 §6) and revocations (RFC 7009).

use oidc_proto::oauth::RevocationRequest;
use oidc_proto::{Client, Secret};

use super::requests::{outgoing, random, refresh, unknown_scope};
use super::{Run, Target};
use crate::Step;
use crate::exchange::Exchange;

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
