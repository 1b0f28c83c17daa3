//! The authorization code grant in the authority's histories: codes, their exchange, and their misuse.

use device_authority::{AuthorizationError, CodeStatus, Moment, Selector, UserDecision};
use oidc_proto::{
    AuthorizationRequest, Client, FaultCode, Grant, RegisterClientRequest, Secret, grant_type, pkce,
};

use super::{Family, Run, is_full};
use crate::script::Bytes;

/// The redirect URI as it is registered, and as it is asked for.
const REGISTERED: &str = "http://127.0.0.1/oauth/callback";
const CALLBACK: &str = "http://127.0.0.1:49152/oauth/callback";
const ELSEWHERE: &str = "http://127.0.0.1:49153/oauth/callback";

/// The clients and codes of this grant.
#[derive(Default)]
pub(super) struct Codes {
    pub(super) clients: Vec<Client>,
    /// The expiry of each client's registration.
    expiries: Vec<Moment>,
    issued: Vec<Issued>,
}

/// The model of a code.
struct Issued {
    client: usize,
    code: Secret,
    verifier: Secret,
    ends: Moment,
    /// The place of its token family among the run's, once it is redeemed.
    family: Option<usize>,
    /// The access token of its exchange, until a replay.
    access: Option<Secret>,
}

impl Issued {
    fn grant(&self, redirect_uri: &str, verifier: Option<Secret>) -> Grant {
        let redirect_uri = Some(redirect_uri.to_owned());
        Grant::AuthorizationCode { code: self.code.clone(), redirect_uri, code_verifier: verifier }
    }
}

impl Run {
    pub(super) fn register_for_codes(&mut self) {
        let mut request = RegisterClientRequest::new("n").with_scopes(["sso:account:access"]);
        request.grant_types =
            [grant_type::AUTHORIZATION_CODE, grant_type::REFRESH_TOKEN].map(Into::into).into();
        request.redirect_uris = vec![REGISTERED.to_owned()];
        match self.store.register_client(&self.policy, &request, self.now, &mut self.drawn) {
            Ok(registration) => {
                let secret = registration.client.secret.clone().expect("AWS's clients have secrets");
                self.gives(&secret);
                self.codes.clients.push(registration.client);
                self.codes.expiries.push(self.now.after(self.policy.registration_ttl));
            }
            Err(fault) => assert!(is_full(&fault) && self.capacity.clients == 3, "{fault}"),
        }
    }

    /// Decides on a request of one of these clients. A denial gives no code.
    pub(super) fn authorize(&mut self, bytes: &mut Bytes<'_>, decision: UserDecision) {
        let at = usize::from(bytes.next().wrapping_sub(b'0'));
        let Some(client) = at.checked_rem(self.codes.clients.len()) else { return };
        let number = u8::try_from(self.codes.issued.len() % 256).unwrap_or_default();
        let verifier = pkce::verifier(&[number; 32]);
        let request = AuthorizationRequest::new(self.codes.clients[client].id.clone(), CALLBACK)
            .with_code_challenge(pkce::challenge(&verifier));
        let before = self.store.counts().codes;
        match self.store.authorize(&self.policy, &request, decision, self.now, &mut self.drawn) {
            Ok(response) => {
                assert_eq!(decision, UserDecision::APPROVE, "only an approval gives a code");
                let code = response.result.expect("a code");
                self.gives(&code);
                let ends = self.now.after(self.policy.code_ttl);
                self.codes.issued.push(Issued { client, code, verifier, ends, family: None, access: None });
            }
            Err(error) => {
                assert!(self.store.counts().codes <= before, "an error leaves no code");
                match error {
                    AuthorizationError::Redirect(fault) => {
                        let is_denied =
                            decision == UserDecision::Deny && fault.code == FaultCode::AccessDenied;
                        assert!(is_denied || self.capacity.codes == 2, "{fault}");
                    }
                    AuthorizationError::UnknownClient => {
                        assert!(self.client_may_be_gone(client), "the client is known");
                    }
                    other => panic!("{other}"),
                }
            }
        }
    }

    fn client_may_be_gone(&self, client: usize) -> bool {
        let is_over = |issued: &Issued| issued.family.is_some() || self.latest >= issued.ends;
        let has_no_live_code = self.codes.issued.iter().filter(|it| it.client == client).all(is_over);
        self.latest >= self.codes.expiries[client] || (self.is_crowded() && has_no_live_code)
    }

    fn issued(&self, bytes: &mut Bytes<'_>) -> Option<usize> {
        let at = usize::from(bytes.next().wrapping_sub(b'0'));
        at.checked_rem(self.codes.issued.len())
    }

    /// Exchanges a code as its client does. A second exchange is a replay, and ends the first one's tokens.
    pub(super) fn redeem(&mut self, bytes: &mut Bytes<'_>) {
        let Some(at) = self.issued(bytes) else { return };
        let issued = &self.codes.issued[at];
        let owner = self.codes.clients[issued.client].clone();
        let grant = issued.grant(CALLBACK, Some(issued.verifier.clone()));
        let selector = Selector::of(&issued.code).expect("an issued code has a selector");
        let is_remembered =
            self.store.code(selector).is_some_and(|record| matches!(record.status, CodeStatus::Redeemed(_)));
        let answer = self.ask(&owner, grant);
        let issued = &mut self.codes.issued[at];
        match answer {
            Ok(token) => {
                assert!(
                    issued.family.is_none() && self.now < issued.ends,
                    "a code is good once, and in time"
                );
                issued.family = Some(self.families.len());
                issued.access = Some(token.access_token);
                let current = token.refresh_token;
                assert!(current.is_some(), "these clients get refresh tokens");
                self.families.push(Family { client: owner, current, spent: Vec::new() });
            }
            Err(fault) if fault.code == FaultCode::InvalidGrant => {
                let Some(family) = issued.family else {
                    assert!(self.latest >= issued.ends, "{fault}");
                    return;
                };
                if let Some(access) = issued.access.take_if(|_| is_remembered) {
                    let seen = self.store.recognize_token(&access, self.now);
                    assert!(seen.is_err(), "a replay ends the access token");
                }
                if is_remembered && let Some(current) = self.families[family].current.take() {
                    let again = self.ask(&owner, Grant::RefreshToken { refresh_token: current });
                    assert!(again.is_err(), "a replay ends the sign-in");
                }
            }
            Err(fault) => {
                let client = issued.client;
                assert!(fault.code == FaultCode::InvalidClient && self.client_may_be_gone(client), "{fault}");
            }
        }
    }

    /// Exchanges a code with one thing wrong. That gives nothing, and ends nothing.
    pub(super) fn misuse(&mut self, bytes: &mut Bytes<'_>) {
        let Some(at) = self.issued(bytes) else { return };
        let kind = bytes.next();
        let issued = &self.codes.issued[at];
        let owner = self.codes.clients[issued.client].clone();
        let right = Some(issued.verifier.clone());
        let (client, grant) = match kind % 4 {
            0 => (owner, issued.grant(CALLBACK, None)),
            1 => (owner, issued.grant(CALLBACK, Some(Secret::new(pkce::challenge(&issued.verifier))))),
            2 => (owner, issued.grant(ELSEWHERE, right)),
            _ => {
                let another = self.codes.clients.iter().find(|client| client.id != owner.id);
                let Some(another) = another.cloned() else { return };
                (another, issued.grant(CALLBACK, right))
            }
        };
        let before = self.store.counts().families;
        let fault = self.ask(&client, grant).expect_err("a code with a wrong companion");
        assert!(matches!(fault.code, FaultCode::InvalidGrant | FaultCode::InvalidClient), "{fault}");
        assert_eq!(self.store.counts().families, before, "a failed exchange ends no sign-in");
    }
}
