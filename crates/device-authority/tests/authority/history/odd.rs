//! Requests that are invalid in themselves.

use device_authority::NoEntropy;
use oidc_proto::{Fault, FaultCode, Grant, RegisterClientRequest, Secret, grant_type};

use super::World;
use super::op::{Answer, Odd};
use crate::common::Bench;

impl World {
    /// Plays a request whose response does not depend on the state, except that every client expires.
    pub(super) fn odd(&mut self, odd: Odd) -> Option<(Answer, Answer)> {
        let metadata = |bench: &mut Bench, change: fn(&mut RegisterClientRequest)| {
            let mut ask = RegisterClientRequest::new("tool");
            change(&mut ask);
            bench.register(&ask).map(|_| ())
        };
        let client = self.clients[self.reference.client_of(0)].clone();
        let (seen, told): (Result<(), Fault>, FaultCode) = match odd {
            Odd::StartUrl => {
                let seen = self.bench.start_at(&client, "ftp://x").map(|_| ());
                // A start that is rolled back.
                let told = if self.told().start(0) == Answer::Started {
                    self.reference.slots[0].pop();
                    self.reference.codes.pop();
                    FaultCode::InvalidRequest
                } else {
                    FaultCode::InvalidClient
                };
                (seen, told)
            }
            Odd::ClientType => (
                metadata(&mut self.bench, |ask| "confidential".clone_into(&mut ask.client_type)),
                FaultCode::InvalidClientMetadata,
            ),
            Odd::GrantTypes => (
                metadata(&mut self.bench, |ask| ask.grant_types = vec!["password".to_owned()]),
                FaultCode::UnsupportedGrantType,
            ),
            Odd::RedirectUri => (
                metadata(&mut self.bench, |ask| ask.redirect_uris = vec!["https://x.example".to_owned()]),
                FaultCode::InvalidRedirectUri,
            ),
            Odd::Scope => {
                (metadata(&mut self.bench, |ask| ask.scopes = vec![String::new()]), FaultCode::InvalidScope)
            }
            Odd::GrantNotRegistered => {
                let code = Grant::AuthorizationCode {
                    code: Secret::from("c"),
                    redirect_uri: None,
                    code_verifier: None,
                };
                let seen = self.bench.token(&client, code).map(|_| ());
                let told = self.told();
                let told = told.refuse(told.client_of(0), FaultCode::UnauthorizedClient);
                (seen, told)
            }
            Odd::NoEntropy => {
                let mut none = |_: &mut [u8]| Err(NoEntropy::new());
                let (bench, mut ask) = (&mut self.bench, RegisterClientRequest::new("tool"));
                ask.grant_types = vec![grant_type::DEVICE_CODE.to_owned()];
                let seen = bench.store.register_client(&bench.policy, &ask, bench.now, &mut none);
                (seen.map(|_| ()), FaultCode::InternalServer)
            }
        };
        self.told();
        let seen = seen.map_or_else(|fault| Answer::fault(&fault.code), |()| Answer::Registered);
        Some((seen, Answer::fault(&told)))
    }
}
