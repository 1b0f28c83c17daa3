//! Token requests that a server must refuse (RFC 6749 §5.2).

use oidc_proto::{Client, Secret};

use super::codes::Codes;
use super::requests::{add, altered, by_get, poll, random, without};
use super::{Run, Target};
use crate::Step;

impl Run<'_> {
    pub(super) fn provoke_refusals(&mut self, target: &Target) {
        let Target { service, client, .. } = target;
        // Codes that no other check polls with, so that these polls disturb no pace.
        let spare = [Step::UnknownParameter, Step::EmptyParameter].into_iter().find_map(|step| {
            let exchange = self.transcript.all(step).last()?;
            Some(Codes::of(exchange)?.device_code)
        });
        let unknown = Secret::new(random());
        let code = spare.as_ref().unwrap_or(&unknown);
        let ask = |step| poll(service, step, client, code, None);

        self.send(&poll(service, Step::UnknownCode, client, &unknown, None));
        self.send(&altered(ask(Step::NoCode), |form| without(form, "device_code")));
        self.send(&altered(ask(Step::NoGrantType), |form| without(form, "grant_type")));
        self.send(&altered(ask(Step::UnknownGrantType), |form| {
            without(form, "grant_type");
            add(form, "grant_type", "urn:ietf:params:oauth:grant-type:conform-unknown");
        }));
        if spare.is_some() {
            self.send(&altered(ask(Step::RepeatedCode), |form| add(form, "device_code", code.expose())));
            self.send(&by_get(ask(Step::GetToken)));
        } else {
            self.leave_out(&[Step::RepeatedCode, Step::GetToken], "there is no device code to send");
        }
        let stranger = Client::new(random(), Secret::new(random())).with_basic_authentication();
        self.send(&poll(service, Step::UnknownBasicClient, &stranger, code, None));
        self.misuse_secret(target, code);
    }

    /// Polls with a wrong secret, without the secret, and with the secret in two places.
    fn misuse_secret(&mut self, target: &Target, code: &Secret) {
        let Target { service, client, .. } = target;
        let Some(secret) = &client.secret else {
            let steps = [Step::WrongSecret, Step::NoSecret, Step::TwoMethods];
            return self.leave_out(&steps, "the client has no secret");
        };
        let mut wrong = client.clone();
        wrong.secret = Some(Secret::new(random()));
        self.send(&poll(service, Step::WrongSecret, &wrong, code, None));
        self.send(&poll(service, Step::NoSecret, &Client::public(&client.id), code, None));
        let basic = client.clone().with_basic_authentication();
        let twice = altered(poll(service, Step::TwoMethods, &basic, code, None), |form| {
            add(form, "client_id", &client.id);
            add(form, "client_secret", secret.expose());
        });
        self.send(&twice);
    }
}
