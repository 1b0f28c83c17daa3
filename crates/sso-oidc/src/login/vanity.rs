//! Start URLs of a company's own (`https://aws.example.com`), which redirect to the portal at AWS.

use std::time::Duration;

use oidc_proto::{Endpoint, StartUrl};

use super::say;
use crate::exit::{Failure, chain};
use crate::settings::Settings;
use crate::signin::{Screen, StatusLine};
use crate::{explain, service};

/// The request timeout. The URL only has to redirect.
const LIMIT: Duration = Duration::from_secs(30);

/// Resolves the URL to its portal. It sends one request without any data, and accepts its redirect if the target is
/// an AWS portal.
///
/// # Errors
/// No response, no redirect, or a redirect to another site.
pub(super) fn resolve(own: &StartUrl, settings: &Settings) -> Result<StartUrl, Failure> {
    let address = own.without_fragment();
    let base = address.split('?').next().unwrap_or_default();
    let endpoint = Endpoint::custom(base).map_err(Failure::config)?;
    let builder = service::builder_of(settings, endpoint.clone()).request_timeout(LIMIT);
    service::warn_of_unverified_certificates(settings);
    let client = builder.build().map_err(|error| Failure::config(chain(&error)))?;

    let line = StatusLine::new(Screen::of(settings));
    line.contacting(&endpoint);
    let answer = client.look_at(address);
    drop(line);
    let failed = |why: &str| {
        Failure::config(format_args!(
            "the start URL {own} is not an AWS access portal, and does not redirect to one: {why}"
        ))
    };
    let answer = answer.map_err(|error| {
        let spelling = "its spelling; a portal's URL looks like https://d-1234567890.awsapps.com/start";
        let hint = explain::transport_hint(&error, "the spelling of the start URL");
        failed(&chain(&error)).with_hint(hint.unwrap_or_else(|| format!("check {spelling}")))
    })?;
    let Some(location) = answer.location else {
        return Err(failed(&format!("it responds with HTTP {} and no redirect", answer.status)));
    };
    let portal = own.redirected(&location).map_err(|error| failed(&format!("it redirects, but {error}")))?;
    say(format_args!("{own} redirects to {portal}."));
    Ok(portal)
}
