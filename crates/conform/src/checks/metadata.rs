//! The metadata (RFC 8414, RFC 8628 §4).

use http::Uri;
use oidc_proto::{grant_type, is_loopback_host};
use serde_json::Value;

use super::{broken, keeps, pass};
use crate::Step;
use crate::check::{Check, Finding, Judged};
use crate::transcript::{Transcript, is_metadata};

pub(super) const CHECKS: &[Check] = &[
    Check::should(
        "8414-3.1-location",
        "The metadata is at /.well-known/oauth-authorization-server, before the issuer's path.",
        location,
    ),
    Check::must("8414-3.2-json", "The metadata comes with the media type application/json.", json),
    Check::must("8414-3.3-issuer", "The issuer in the metadata is the issuer that was asked for.", issuer),
    Check::must("8414-2-token-endpoint", "The metadata has a token endpoint.", token_endpoint),
    Check::must("8414-2-response-types", "The metadata lists the supported response types.", response_types),
    Check::must("8414-2-https", "Each URL in the metadata is https, or on this machine.", https),
    Check::must("8414-2-lists", "Each member that lists values is an array of texts.", lists),
    Check::should(
        "8414-2-client-authentication",
        "The metadata lists the authentication method of the client. Without a list it is client_secret_basic.",
        client_authentication,
    ),
    Check::should("8628-4-endpoint", "The metadata has a device authorization endpoint.", endpoint),
    Check::should("8628-4-grant-type", "The metadata lists the device grant among the grant types.", grant),
];

const LISTS: [&str; 10] = [
    "scopes_supported",
    "response_types_supported",
    "response_modes_supported",
    "grant_types_supported",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "ui_locales_supported",
    "revocation_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_methods_supported",
    "code_challenge_methods_supported",
];

fn location(transcript: &Transcript) -> Judged {
    let (exchange, _) = transcript.metadata()?;
    let Some(first) = transcript.all(Step::Metadata).next() else { return pass(exchange) };
    let is_there = first.answer.as_ref().is_ok_and(is_metadata);
    let found = exchange.request.uri();
    if is_there { pass(first) } else { broken(first, format!("the metadata is only at {found}")) }
}

fn json(transcript: &Transcript) -> Judged {
    let (exchange, _) = transcript.metadata()?;
    match &exchange.answer {
        Ok(answer) if !answer.says_json() => broken(exchange, answer.says_else()),
        _ => pass(exchange),
    }
}

fn issuer(transcript: &Transcript) -> Judged {
    let (exchange, metadata) = transcript.metadata()?;
    let (found, asked) =
        (metadata.get("issuer").and_then(Value::as_str).unwrap_or_default(), &transcript.issuer);
    let is_asked = |found: &str| found == asked;
    let is_kept = is_asked(found)
        // The slash goes before the address is made (§3.1), so the address does not tell whether there is one.
        || (transcript.names_metadata && found.strip_suffix('/').is_some_and(is_asked));
    keeps(exchange, is_kept, || format!("the issuer is {found:?}, but {asked:?} was asked for"))
}

fn token_endpoint(transcript: &Transcript) -> Judged {
    has(transcript, "token_endpoint")
}

fn endpoint(transcript: &Transcript) -> Judged {
    has(transcript, "device_authorization_endpoint")
}

fn has(transcript: &Transcript, name: &str) -> Judged {
    let (exchange, metadata) = transcript.metadata()?;
    let is_url = metadata.get(name).and_then(Value::as_str).is_some_and(|url| url.parse::<Uri>().is_ok());
    keeps(exchange, is_url, || format!("the metadata has no {name}"))
}

fn response_types(transcript: &Transcript) -> Judged {
    let (exchange, metadata) = transcript.metadata()?;
    let is_there = metadata.contains_key("response_types_supported");
    keeps(exchange, is_there, || "response_types_supported is missing".to_owned())
}

fn https(transcript: &Transcript) -> Judged {
    let (exchange, metadata) = transcript.metadata()?;
    let urls = metadata.iter().filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri");
    for (name, value) in urls {
        if !value.as_str().is_some_and(is_secure) {
            return broken(exchange, format!("{name} is {value}"));
        }
    }
    pass(exchange)
}

/// Whether a URL is https, or stays on this machine.
pub(super) fn is_secure(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let is_local = uri.host().is_some_and(is_loopback_host);
    uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && is_local)
}

fn lists(transcript: &Transcript) -> Judged {
    let (exchange, metadata) = transcript.metadata()?;
    let is_list = |value: &Value| {
        value.as_array().is_some_and(|values| !values.is_empty() && values.iter().all(Value::is_string))
    };
    match LISTS.iter().find(|name| metadata.get(**name).is_some_and(|value| !is_list(value))) {
        // A list without values must be left out (§3.2).
        Some(name) => broken(exchange, format!("{name} is no array of texts, or is empty")),
        None => pass(exchange),
    }
}

fn client_authentication(transcript: &Transcript) -> Judged {
    let (exchange, metadata) = transcript.metadata()?;
    if transcript.client.is_none() {
        return Err(Finding::NotMade("there is no client".to_owned()));
    }
    let method = transcript.method();
    let is_listed = match metadata.get("token_endpoint_auth_methods_supported") {
        Some(listed) => listed.as_array().is_some_and(|listed| listed.iter().any(|name| name == method)),
        None => method == "client_secret_basic",
    };
    keeps(exchange, is_listed, || format!("the client uses {method}, which is not listed"))
}

fn grant(transcript: &Transcript) -> Judged {
    let (exchange, metadata) = transcript.metadata()?;
    let listed = metadata.get("grant_types_supported").and_then(Value::as_array);
    let is_listed = listed.is_some_and(|listed| listed.iter().any(|name| name == grant_type::DEVICE_CODE));
    keeps(exchange, is_listed, || format!("grant_types_supported lacks {}", grant_type::DEVICE_CODE))
}
