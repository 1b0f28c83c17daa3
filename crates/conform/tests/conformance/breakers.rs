//! For each check a server that breaks its rule alone: that check finds it, and no other does.

use std::collections::BTreeSet;

use device_conform::{CHECKS, Outcome, Step, Strength};
use serde_json::json;
use sso_oidc_server::{Rotation, SlowDown};

use crate::server::{Answer, Asked, Change, Kind, World, unchanged};

/// A server that breaks the rule of a check.
struct Breaker {
    id: &'static str,
    world: World,
    change: Change,
}

/// Breaks a rule by a change of the response to a step.
fn at(id: &'static str, step: Step, change: impl Fn(Answer) -> Answer + 'static) -> Breaker {
    with(id, Kind::Public, step, change)
}

/// Breaks a rule towards this kind of client, by a change of the response to a step.
fn with(id: &'static str, kind: Kind, step: Step, change: impl Fn(Answer) -> Answer + 'static) -> Breaker {
    instead(id, kind, step, move |asked| change(asked.pass_on()))
}

/// Breaks a rule by an error in place of the response to a step.
fn error(id: &'static str, step: Step, code: &'static str) -> Breaker {
    instead(id, Kind::Public, step, move |_| Answer::error(code))
}

/// Breaks a rule by another response to a step.
fn instead(
    id: &'static str,
    kind: Kind,
    step: Step,
    change: impl Fn(&Asked<'_>) -> Answer + 'static,
) -> Breaker {
    let change = move |asked: &Asked<'_>| if asked.step == step { change(asked) } else { asked.pass_on() };
    Breaker { id, world: World::new(kind), change: Box::new(change) }
}

/// Breaks a rule by the settings of the server.
fn set(id: &'static str, change: impl FnOnce(&mut World)) -> Breaker {
    let mut world = World::new(Kind::Public);
    change(&mut world);
    Breaker { id, world, change: unchanged() }
}

/// Returns codes in place of a refusal.
fn codes(id: &'static str, step: Step) -> Breaker {
    instead(id, Kind::Public, step, |asked| asked.codes())
}

/// Returns the token of an earlier step in place of a refusal.
fn token(id: &'static str, step: Step, from: Step) -> Breaker {
    instead(id, Kind::Public, step, move |asked| asked.earlier(from).remove("refresh_token"))
}

fn of_metadata() -> Vec<Breaker> {
    use Step::Metadata;
    vec![
        instead("8414-3.1-location", Kind::Public, Metadata, |asked| match asked.earlier.is_empty() {
            true => Answer::json(404, "{}"),
            false => asked.pass_on(),
        }),
        at("8414-3.2-json", Metadata, |answer| answer.header("content-type", "text/html")),
        at("8414-3.3-issuer", Metadata, |answer| answer.set("issuer", "https://evil.example")),
        at("8414-2-token-endpoint", Metadata, |answer| answer.remove("token_endpoint")),
        at("8414-2-response-types", Metadata, |answer| answer.remove("response_types_supported")),
        at("8414-2-https", Metadata, |answer| {
            answer.set("authorization_endpoint", "http://id.example/authorize")
        }),
        at("8414-2-lists", Metadata, |answer| answer.set("scopes_supported", "openid")),
        at("8414-2-client-authentication", Metadata, |answer| {
            answer.set("token_endpoint_auth_methods_supported", json!(["client_secret_basic"]))
        }),
        at("8628-4-endpoint", Metadata, |answer| answer.remove("device_authorization_endpoint")),
        at("8628-4-grant-type", Metadata, |answer| {
            answer.set("grant_types_supported", json!(["authorization_code"]))
        }),
        with("7591-3.2.1-created", Kind::Registered, Step::Registration, |answer| answer.status(200)),
        with("7591-3.2.1-client-id", Kind::Registered, Step::Registration, |answer| {
            answer.header("content-type", "text/html")
        }),
    ]
}

fn of_requests() -> Vec<Breaker> {
    vec![
        codes("8628-3.1-client-id", Step::NoClient),
        error("8628-3.1-unknown-client", Step::UnknownClient, "invalid_request"),
        codes("8628-3.1-post", Step::GetCodes),
        codes("8628-3.1-form", Step::JsonCodes),
        error("8628-3.1-unknown-parameter", Step::UnknownParameter, "invalid_request"),
        error("8628-3.1-empty-parameter", Step::EmptyParameter, "invalid_request"),
        codes("8628-3.1-repeated-parameter", Step::RepeatedParameter),
    ]
}

fn of_codes() -> Vec<Breaker> {
    use Step::Codes;
    vec![
        at("8628-3.2-status", Codes, |answer| answer.status(201)),
        at("8628-3.2-json", Codes, |answer| answer.header("content-type", "text/html")),
        at("8628-3.2-members", Codes, |answer| answer.remove("user_code")),
        at("8628-3.2-expires-in", Codes, |answer| answer.set("expires_in", "600")),
        at("8628-3.2-interval", Codes, |answer| answer.set("interval", "1")),
        at("8628-3.2-uri", Codes, |answer| answer.set("verification_uri", "/device")),
        instead("8628-3.2-unique", Kind::Public, Step::EmptyParameter, |asked| {
            asked.pass_on().set("device_code", asked.earlier(Codes).text("device_code").unwrap())
        }),
        at("8628-3.2-no-store", Codes, |answer| answer.without_header("cache-control")),
        at("8628-3.2-short-uri", Codes, |answer| {
            answer.set("verification_uri", format!("http://127.0.0.1/{}", "device/".repeat(8)))
        }),
        at("8628-3.3-https", Codes, |answer| answer.set("verification_uri", "http://id.example/device")),
        at("8628-3.3-uri-without-code", Codes, |answer| {
            let complete = answer.text("verification_uri_complete").unwrap();
            answer.set("verification_uri", complete)
        }),
        at("8628-3.3.1-complete", Codes, |answer| {
            answer.set("verification_uri_complete", "http://127.0.0.1/device?session=1")
        }),
        short_user_codes(),
        set("8628-5.1-guesses", |world| {
            world.guesses = 5;
            world.config.policy.guesses = world.config.policy.guesses.with_per_source(100);
        }),
        short_device_codes(),
        letters_of_both_cases(),
    ]
}

/// User codes of five letters. The person knows no such code, so the approvals are left out.
fn short_user_codes() -> Breaker {
    let change = |asked: &Asked<'_>| {
        let answer = asked.pass_on();
        match answer.text("user_code") {
            Some(code) => answer.set("user_code", code.replace('-', "")[..5].to_owned()),
            None => answer,
        }
    };
    Breaker { id: "8628-5.1-user-code", world: World::new(Kind::Public), change: Box::new(change) }
}

/// Device codes of ten characters, which stand for the real ones.
fn short_device_codes() -> Breaker {
    let mut real: Vec<String> = Vec::new();
    let change = move |asked: &Asked<'_>| {
        let answer = asked.pass_on_instead(&match asked.request.body().is_empty() {
            true => asked.request.clone(),
            false => asked.with_form(|form| {
                for (_, value) in
                    form.iter_mut().filter(|(name, value)| name == "device_code" && value.len() == 10)
                {
                    let code = real.iter().find(|code| code.starts_with(value.as_str()));
                    value.clone_from(code.unwrap());
                }
            }),
        });
        match answer.text("device_code") {
            Some(code) => {
                let short = code[..10].to_owned();
                real.push(code);
                answer.set("device_code", short)
            }
            None => answer,
        }
    };
    Breaker { id: "8628-5.2-device-code", world: World::new(Kind::Public), change: Box::new(change) }
}

/// User codes with one letter in lower case. The page reads them all the same.
fn letters_of_both_cases() -> Breaker {
    let change = |asked: &Asked<'_>| {
        let mut answer = asked.pass_on();
        if let Some(code) = answer.text("user_code") {
            let mixed = code[..1].to_lowercase() + &code[1..];
            answer.body = answer.body.replace(&code, &mixed);
        }
        answer
    };
    Breaker { id: "8628-6.1-letters", world: World::new(Kind::Public), change: Box::new(change) }
}

fn of_polls() -> Vec<Breaker> {
    vec![
        error("8628-3.5-pending", Step::FirstPoll, "invalid_grant"),
        at("8628-3.5-status", Step::FirstPoll, |answer| answer.status(200)),
        error("8628-3.5-patient", Step::OwnersPoll, "slow_down"),
        set("8628-3.5-slow-down", |world| world.config.policy.slow_down = SlowDown::Off),
        error("8628-3.5-slower", Step::OldPacePoll, "authorization_pending"),
        error("8628-3.5-denied", Step::DeniedPoll, "invalid_grant"),
        error("8628-3.5-expired", Step::ExpiredPoll, "invalid_grant"),
        error("8628-3.4-device-code", Step::NoCode, "invalid_grant"),
        error("6749-5.2-unknown-code", Step::UnknownCode, "invalid_request"),
        error("6749-5.2-other-client", Step::OtherClientsPoll, "authorization_pending"),
        error("6749-5.2-owner", Step::OwnersPoll, "invalid_grant"),
        error("6749-5.2-no-grant-type", Step::NoGrantType, "unsupported_grant_type"),
        error("6749-5.2-unknown-grant-type", Step::UnknownGrantType, "invalid_request"),
        error("6749-3.2-repeated-parameter", Step::RepeatedCode, "authorization_pending"),
        error("6749-3.2-post", Step::GetToken, "authorization_pending"),
    ]
}

fn of_errors() -> Vec<Breaker> {
    use Step::UnknownCode;
    vec![
        at("6749-5.2-basic", Step::UnknownBasicClient, |answer| answer.without_header("www-authenticate")),
        with("6749-5.2-wrong-secret", Kind::Basic, Step::WrongSecret, |_| Answer::error("invalid_request")),
        with("6749-3.2.1-no-secret", Kind::Basic, Step::NoSecret, |_| Answer::error("authorization_pending")),
        with("6749-2.3-two-methods", Kind::Confidential, Step::TwoMethods, |_| {
            Answer::error("authorization_pending")
        }),
        at("6749-5.2-json", UnknownCode, |answer| answer.header("content-type", "text/plain")),
        at("6749-5.2-status", UnknownCode, |answer| answer.status(422)),
        at("6749-5.2-characters", UnknownCode, |answer| answer.set("error_description", "it is \"used\"")),
        at("6749-5.2-no-store", UnknownCode, |answer| answer.without_header("cache-control")),
    ]
}

fn of_tokens() -> Vec<Breaker> {
    use Step::Redemption;
    vec![
        at("6749-5.1-approved", Redemption, |answer| answer.status(201)),
        at("6749-5.1-json", Redemption, |answer| answer.header("content-type", "text/html")),
        at("6749-5.1-token-type", Redemption, |answer| answer.remove("token_type")),
        at("6749-5.1-expires-in", Redemption, |answer| answer.remove("expires_in")),
        at("6749-5.1-no-store", Redemption, |answer| answer.without_header("cache-control")),
        at("6749-5.1-pragma", Redemption, |answer| answer.without_header("pragma")),
        at("6749-3.3-scope", Step::CrowdPoll, |answer| match answer.has_token() {
            true => answer.remove("scope"),
            false => answer,
        }),
        token("6749-10.5-single-use", Step::Replay, Step::CrowdPoll),
        instead("6749-10.5-at-once", Kind::Public, Step::CrowdPoll, |asked| {
            let answer = asked.pass_on();
            if answer.has_token() { answer } else { asked.earlier(Step::CrowdPoll) }
        }),
        without_proof(),
        error("6749-6-refresh", Step::Refresh, "invalid_grant"),
        at("6749-6-scope", Step::Refresh, |answer| answer.set("scope", "openid email")),
        instead("6749-6-wider-scope", Kind::Public, Step::WiderRefresh, |asked| {
            let mut scope = None;
            let narrow = asked.with_form(|form| {
                scope = form.iter().find(|(name, _)| name == "scope").map(|(_, value)| value.clone());
                form.retain(|(name, _)| name != "scope");
            });
            asked.pass_on_instead(&narrow).set("scope", scope.unwrap())
        }),
        token("6749-10.4-client", Step::OtherClientsRefresh, Step::Refresh),
        set("9700-4.14.2-rotation", |world| world.config.rotation = Some(Rotation::Reuse)),
        token("9700-4.14.2-old-token", Step::OldRefresh, Step::Refresh),
        token("9700-4.14.2-family", Step::FamilyRefresh, Step::Refresh),
        at("7009-2.2-revoked", Step::Revocation, |answer| answer.status(204)),
        error("7009-2.2-unknown", Step::UnknownRevocation, "invalid_request"),
        token("7009-2.1-effect", Step::RevokedRefresh, Step::RightVerifier),
    ]
}

/// A server that knows no PKCE.
fn without_proof() -> Breaker {
    let change = |asked: &Asked<'_>| {
        let is_form = matches!(asked.step, Step::ProofCodes | Step::WrongVerifier);
        if !is_form {
            return asked.pass_on();
        }
        asked.pass_on_instead(&asked.with_form(|form| form.retain(|(name, _)| !name.starts_with("code_"))))
    };
    Breaker { id: "7636-4.6-verifier", world: World::new(Kind::Public), change: Box::new(change) }
}

fn all() -> Vec<Breaker> {
    [of_metadata(), of_requests(), of_codes(), of_polls(), of_errors(), of_tokens()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn each_check_has_a_server_that_breaks_its_rule() {
    let breakers = all();
    let ids: BTreeSet<&str> = breakers.iter().map(|breaker| breaker.id).collect();
    assert_eq!(ids, CHECKS.iter().map(|check| check.id).collect());
    assert_eq!(ids.len(), breakers.len());
}

#[test]
fn each_check_finds_the_server_that_breaks_its_rule_and_no_other_check_does() {
    let mut wrong = Vec::new();
    for Breaker { id, world, change } in all() {
        let (report, _) = world.check(change);
        let found = report
            .checks
            .iter()
            .filter(|checked| matches!(checked.outcome, Outcome::Fail(_) | Outcome::Warn(_)));
        let found: Vec<_> = found.map(|checked| (checked.check.id, checked.outcome.word())).collect();
        let check = CHECKS.iter().find(|check| check.id == id).unwrap();
        let word = if check.strength == Strength::Must { "fail" } else { "warn" };
        if found != [(id, word)] {
            wrong.push(format!("a server that breaks {id}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
