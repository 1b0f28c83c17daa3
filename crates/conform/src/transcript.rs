//! The exchanges of a run, and what was left out.

use std::collections::BTreeMap;
use std::rc::Rc;

use oidc_proto::{Client, ClientAuthentication, Secret};
use serde_json::{Map, Value};

use crate::Step;
use crate::check::Finding;
use crate::exchange::{Answer, Exchange};

/// Everything that the checks look at.
#[derive(Default)]
pub(crate) struct Transcript {
    /// The issuer that the caller asked for.
    pub(crate) issuer: String,
    /// Whether the caller wrote the address of the metadata instead, which tells no slash at the issuer's end.
    pub(crate) names_metadata: bool,
    /// The client, once it is known.
    pub(crate) client: Option<Client>,
    /// The scope that the caller asked for.
    pub(crate) scope: Vec<String>,
    pub(crate) exchanges: Vec<Rc<Exchange>>,
    /// The reason why the run ended early.
    pub(crate) stopped: Option<String>,
    /// The reasons why steps were left out.
    pub(crate) left_out: BTreeMap<Step, String>,
}

/// A token that the server has issued to the run.
pub(crate) struct Obtained {
    pub(crate) token: Secret,
    pub(crate) is_refresh_token: bool,
    /// The step that brought it.
    pub(crate) step: Step,
}

impl Transcript {
    /// Returns the exchanges of a step.
    pub(crate) fn all(&self, step: Step) -> impl Iterator<Item = &Rc<Exchange>> {
        self.exchanges.iter().filter(move |exchange| exchange.step == step)
    }

    /// Returns the last exchange of a step with its response.
    ///
    /// # Errors
    /// The step was left out, got no response, or found the server busy.
    pub(crate) fn last(&self, step: Step) -> Result<(&Rc<Exchange>, &Answer), Finding> {
        let Some(exchange) = self.all(step).last() else { return Err(Finding::NotMade(self.reason(step))) };
        match &exchange.answer {
            // A busy server has not looked at the request.
            Ok(answer) if matches!(answer.status(), 429 | 503) => {
                Err(Finding::NotMade(format!("{step} got status {}", answer.status())))
            }
            Ok(answer) => Ok((exchange, answer)),
            Err(why) => Err(Finding::NotMade(format!("{step} got no response: {why}"))),
        }
    }

    /// Returns all exchanges with a response.
    pub(crate) fn answered(&self) -> impl Iterator<Item = (&Rc<Exchange>, &Answer)> {
        self.exchanges.iter().filter_map(|exchange| Some((exchange, exchange.answer.as_ref().ok()?)))
    }

    /// Returns the successful responses of the device authorization endpoint.
    pub(crate) fn codes(&self) -> impl Iterator<Item = (&Rc<Exchange>, &Answer)> {
        let forms = self.answered().filter(|(exchange, _)| exchange.step.is_code_request());
        forms.filter(|(_, answer)| !answer.is_refusal() && answer.json().is_some())
    }

    /// Returns the reason why a step was left out.
    pub(crate) fn reason(&self, step: Step) -> String {
        self.left_out.get(&step).cloned().unwrap_or_else(|| format!("{step} was not sent"))
    }

    /// Returns the metadata and its exchange.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn metadata(&self) -> Result<(&Rc<Exchange>, &Map<String, Value>), Finding> {
        let found = self.all(Step::Metadata).find_map(|exchange| {
            let answer = exchange.answer.as_ref().ok()?;
            Some((exchange, answer.json().filter(|_| is_metadata(answer))?))
        });
        found.ok_or_else(|| match self.left_out.get(&Step::Metadata) {
            Some(why) => Finding::NotMade(why.clone()),
            None => Finding::NotMade("there is no metadata".to_owned()),
        })
    }

    /// Returns the tokens that neither a refresh has replaced nor a revocation has ended. A grant with a refresh token
    /// counts once, because its revocation ends the access tokens, too (RFC 7009 §2.1).
    pub(crate) fn tokens_left(&self) -> Vec<Obtained> {
        let mut left: Vec<Obtained> = Vec::new();
        let end = |left: &mut Vec<Obtained>, token: Option<String>| {
            left.retain(|held| Some(held.token.expose()) != token.as_deref());
        };
        for (exchange, answer) in self.answered() {
            let step = exchange.step;
            if is_revoked(exchange, answer) {
                end(&mut left, exchange.parameter("token"));
            } else if step.is_token_request() && answer.has_token() {
                let used = exchange.parameter("refresh_token");
                end(&mut left, used.clone());
                let refresh_token = answer.text("refresh_token").map(str::to_owned).or(used);
                let is_refresh_token = refresh_token.is_some();
                let token = refresh_token.or_else(|| answer.text("access_token").map(str::to_owned));
                let token = Secret::new(token.unwrap_or_default());
                left.push(Obtained { token, is_refresh_token, step });
            }
        }
        left
    }

    /// Returns the number of tokens that were revoked.
    pub(crate) fn tokens_revoked(&self) -> usize {
        self.answered().filter(|(exchange, answer)| is_revoked(exchange, answer)).count()
    }

    pub(crate) fn is_public(&self) -> bool {
        self.client.as_ref().is_none_or(|client| client.secret.is_none())
    }

    /// Returns the name of the client's authentication method in metadata.
    pub(crate) fn method(&self) -> &'static str {
        match self.client.as_ref().map(|client| (client.secret.is_some(), client.authentication)) {
            Some((true, ClientAuthentication::Basic)) => "client_secret_basic",
            Some((true, _)) => "client_secret_post",
            _ => "none",
        }
    }
}

/// Whether an exchange has revoked a token.
fn is_revoked(exchange: &Exchange, answer: &Answer) -> bool {
    matches!(exchange.step, Step::Revocation | Step::LastRevocation) && answer.status() == 200
}

/// Whether a response is a metadata document.
pub(crate) fn is_metadata(answer: &Answer) -> bool {
    answer.status() == 200 && answer.member("issuer").is_some()
}
