//! The requests at the device authorization endpoint (RFC 8628 §3.1), and wrong codes at the page.

use core::time::Duration;

use http::Uri;
use oidc_proto::{Client, Secret};
use serde_json::Value;

use super::requests::{
    UNKNOWN_PARAMETER, add, altered, by_get, codes, get, in_json, random, unknown_scope, without,
    without_client,
};
use super::{Run, Target};
use crate::exchange::Exchange;
use crate::{Prompt, Step};

/// The interval if the server names none (RFC 8628 §3.2).
const USUAL_INTERVAL: Duration = Duration::from_secs(5);
/// The growth of the interval by each `slow_down` (RFC 8628 §3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// The longest interval that a run keeps.
pub(super) const LONGEST_INTERVAL: Duration = Duration::from_secs(300);

/// The codes of one sign-in, and its pace.
pub(crate) struct Codes {
    pub(super) device_code: Secret,
    user_code: String,
    verification_uri: String,
    complete: Option<String>,
    pub(crate) interval: Duration,
    /// When the codes arrived.
    pub(super) issued: Duration,
    pub(super) expires_in: Duration,
    /// When the latest response to a poll arrived, or the codes.
    pub(super) heard: Duration,
    /// The code verifier, if the request had a challenge.
    pub(super) verifier: Option<Secret>,
}

impl Codes {
    /// Reads the codes of a response; `None` if it has no device code.
    pub(crate) fn of(exchange: &Exchange) -> Option<Self> {
        let answer = exchange.answer.as_ref().ok().filter(|answer| !answer.is_refusal())?;
        let time = |name: &str| answer.member(name).and_then(seconds);
        let text = |name: &str| answer.text(name).map(str::to_owned);
        Some(Self {
            device_code: Secret::new(text("device_code")?),
            user_code: text("user_code").unwrap_or_default(),
            verification_uri: text("verification_uri").unwrap_or_default(),
            complete: text("verification_uri_complete"),
            interval: time("interval").unwrap_or(USUAL_INTERVAL),
            issued: exchange.received,
            expires_in: time("expires_in").unwrap_or(Duration::MAX),
            heard: exchange.received,
            verifier: None,
        })
    }

    pub(super) fn prompt(&self) -> Prompt<'_> {
        Prompt::new(&self.user_code, &self.verification_uri, self.complete.as_deref())
    }

    /// Returns why the device cannot be polled; `None` if it can.
    pub(super) fn too_slow(&self) -> Option<String> {
        let (interval, most) = (self.interval.as_secs_f64(), LONGEST_INTERVAL.as_secs());
        let is_long = self.interval > LONGEST_INTERVAL;
        is_long.then(|| format!("the interval is {interval} s, and a run keeps at most {most} s"))
    }

    pub(super) fn is_expired_at(&self, now: Duration) -> bool {
        self.expiry() <= now
    }

    /// Returns the time at which the codes expire.
    pub(super) const fn expiry(&self) -> Duration {
        self.issued.saturating_add(self.expires_in)
    }

    /// Makes the interval longer after a `slow_down`, or as long as the server says.
    pub(super) fn slow_down(&mut self, exchange: &Exchange) {
        let answer = exchange.answer.as_ref().ok();
        let named = answer.and_then(|answer| seconds(answer.member("interval")?));
        self.interval = self.interval.saturating_add(SLOWER).max(named.unwrap_or_default());
    }

    /// Whether the codes still live for a while at this time.
    pub(super) fn is_fresh_at(&self, now: Duration) -> bool {
        self.expiry() > now.saturating_add(Duration::from_secs(60))
    }
}

/// Reads a number of seconds, with a fraction or as a text, too.
pub(super) fn seconds(value: &Value) -> Option<Duration> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|n| !n.is_nan())?;
    Duration::try_from_secs_f64(number.min(f64::from(u32::MAX))).ok()
}

impl Run<'_> {
    /// Requests codes as a client should, and then in every wrong way. Returns the first codes.
    pub(super) fn request_codes(&mut self, target: &Target) -> Option<Codes> {
        let Target { service, client, .. } = target;
        let scope = &self.plan.scope.clone();
        let ask = |step| codes(service, step, client, scope, None);
        let first = self.send(&ask(Step::Codes)?).and_then(|exchange| Codes::of(&exchange));

        self.send(&altered(ask(Step::UnknownParameter)?, |form| add(form, UNKNOWN_PARAMETER, "1")));
        if scope.is_empty() {
            self.leave_out(&[Step::NoScope], "the usual request has no scope");
        } else {
            self.send(&altered(ask(Step::NoScope)?, |form| without(form, "scope")));
        }
        self.send(&altered(ask(Step::EmptyParameter)?, |form| {
            without(form, "scope");
            add(form, "scope", "");
        }));
        self.send(&altered(ask(Step::RepeatedParameter)?, |form| {
            add(form, "client_id", &client.id);
            if form.iter().filter(|(name, _)| name == "client_id").count() < 2 {
                add(form, "client_id", &client.id);
            }
        }));
        self.send(&without_client(ask(Step::NoClient)?));
        let unknown = Client::public(random());
        self.send(&codes(service, Step::UnknownClient, &unknown, scope, None)?);
        self.send(&by_get(ask(Step::GetCodes)?));
        self.send(&in_json(ask(Step::JsonCodes)?));
        let wider: Vec<String> = scope.iter().cloned().chain([unknown_scope()]).collect();
        self.send(&codes(service, Step::UnknownScope, client, &wider, None)?);
        first
    }

    /// Opens the page with wrong codes (RFC 8628 §5.1).
    pub(super) fn guess(&mut self, codes: Option<&Codes>) {
        if self.plan.guesses == 0 {
            return self.leave_out(&[Step::Guess], "no guesses were allowed");
        }
        let complete = codes.and_then(|codes| Some((codes.complete.as_deref()?, codes.user_code.as_str())));
        let Some((complete, user_code)) =
            complete.filter(|(uri, code)| !code.is_empty() && uri.contains(code))
        else {
            return self.leave_out(&[Step::Guess], "the server has no address with the code in it");
        };
        for number in 0..self.plan.guesses {
            let address = complete.replace(user_code, &wrong_code(user_code, number));
            let Ok(address) = address.parse::<Uri>() else { return };
            let limited = self
                .send(&get(Step::Guess, address))
                .is_none_or(|exchange| exchange.answer.as_ref().is_ok_and(|answer| answer.status() == 429));
            if limited {
                return;
            }
        }
    }
}

/// Returns a code of the same form. Each letter and digit is another one than in the real code.
fn wrong_code(code: &str, number: u32) -> String {
    let letters = ['B', 'C', 'D', 'F', 'G', 'H', 'J', 'K', 'L', 'M'];
    let mut turn = number as usize;
    let other = |choices: &[char], taken: char, turn: usize| {
        let mut left = choices.iter().filter(|choice| **choice != taken.to_ascii_uppercase());
        left.nth(turn % 8).copied().unwrap_or('B')
    };
    let digits = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
    code.chars()
        .map(|c| {
            turn += 1;
            match c {
                c if c.is_ascii_digit() => other(&digits, c, turn),
                c if c.is_ascii_alphabetic() => other(&letters, c, turn),
                c => c,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_code_has_the_form_of_the_real_one_and_differs_in_each_place() {
        for number in 0..20 {
            let wrong = wrong_code("WDJB-12BC", number);
            assert!(wrong.chars().zip("WDJB-12BC".chars()).all(|(a, b)| (a == b) == (b == '-')), "{wrong}");
            assert!(wrong.chars().skip(5).take(2).all(|c| c.is_ascii_digit()), "{wrong}");
        }
        assert_ne!(wrong_code("WDJB", 0), wrong_code("WDJB", 1));
    }
}
