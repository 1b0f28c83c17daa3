//! Provider discovery: endpoints from flags or from metadata (RFC 8414), and the errors of both.

use std::borrow::Cow;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use device_flow::{MetadataSearch, NotFollowed, SearchError};
use device_flow_ureq::{Clock as _, SystemClock};
use oidc_proto::oauth::{Metadata, MetadataError, Provider};
use oidc_proto::{Endpoint, EndpointError, IndeterminateReason, Service};

use super::flow::{Flow, FlowArgs};
use crate::exit::{Failure, chain};
use crate::explain;
use crate::idn::in_ascii;
use crate::service;
use crate::settings::Settings;

/// The hint for a provider without usable metadata.
const BY_HAND: &str = "for a provider without metadata, pass --token-endpoint, and --device-authorization-endpoint or \
     --authorization-endpoint";

/// The flags that locate the provider.
#[derive(Clone, Copy)]
pub(super) struct Whereabouts<'a> {
    pub(super) issuer: Option<&'a str>,
    pub(super) device_authorization_endpoint: Option<&'a str>,
    pub(super) authorization_endpoint: Option<&'a str>,
    pub(super) token_endpoint: Option<&'a str>,
}

/// A provider, and the flow that it is used with.
pub(super) struct Found {
    pub(super) service: Service,
    /// Empty if it was not fetched.
    pub(super) metadata: Metadata,
    pub(super) flow: Flow,
}

impl Whereabouts<'_> {
    /// Returns the provider's endpoints, and its metadata if it was fetched.
    ///
    /// # Errors
    /// The command line is wrong (nothing is sent then), or the metadata cannot be used.
    pub(super) fn find(self, flow: &FlowArgs, settings: &Settings) -> Result<Found, Failure> {
        let by_hand = ByHand::of(self)?;
        if let Some((provider, flow)) = by_hand.provider(flow)? {
            // Without metadata, an issuer serves to reject the response of another one (RFC 9207).
            let provider = match self.issuer {
                Some(issuer) => provider.with_issuer(Metadata::issuer_of(&in_ascii(issuer)), false),
                None => provider,
            };
            return Ok(Found { service: provider.into(), metadata: Metadata::default(), flow });
        }
        let Some(issuer) = self.issuer else {
            return Err(Failure::usage("these endpoints are not enough for the flow without --issuer")
                .with_hint(
                    "pass --issuer, or --token-endpoint, and --device-authorization-endpoint for the device flow \
                     or --authorization-endpoint for the code flow",
                ));
        };
        let ByHand { device, authorization, token } = by_hand;
        let clock = SystemClock;
        let url = in_ascii(issuer);
        let mut search = MetadataSearch::of(&url, clock.now())
            .map_err(|error| not_an_issuer(&error))?
            .with_jitter(RandomState::new().hash_one(()));
        if let Some(device) = device {
            search = search.with_device_authorization_endpoint(device);
        }
        if let Some(authorization) = authorization {
            search = search.with_authorization_endpoint(authorization);
        }
        if let Some(token) = token {
            search = search.with_token_endpoint(token);
        }
        let base = Endpoint::custom(&url).map_err(Failure::config)?;
        service::builder_of(settings, base)
            .search(&mut search, &clock)
            .map_err(|error| Failure::config(chain(&error)))?;
        let metadata = search.finish().map_err(|error| undiscovered(issuer, &error))?;
        let flow = flow.choose_at_provider(
            metadata.device_authorization_endpoint.is_some() || metadata.authorization_endpoint.is_none(),
        );
        let provider = match flow {
            Flow::Device(_) => metadata.provider(),
            Flow::Code => metadata.code_provider(),
        };
        let service = provider.map_err(|error| incomplete(&metadata, flow, &error))?.into();
        Ok(Found { service, metadata, flow })
    }
}

/// The endpoints from flags.
struct ByHand<'a> {
    device: Option<Cow<'a, str>>,
    authorization: Option<Cow<'a, str>>,
    token: Option<Cow<'a, str>>,
}

impl<'a> ByHand<'a> {
    /// # Errors
    /// A flag is not a usable URL.
    fn of(whereabouts: Whereabouts<'a>) -> Result<Self, Failure> {
        let Whereabouts { device_authorization_endpoint, authorization_endpoint, token_endpoint, .. } =
            whereabouts;
        let [device, authorization, token] =
            [device_authorization_endpoint, authorization_endpoint, token_endpoint]
                .map(|url| url.map(in_ascii));
        for url in [&device, &authorization, &token].into_iter().flatten() {
            Provider::new(url, url).map_err(Failure::config)?;
        }
        Ok(Self { device, authorization, token })
    }

    /// Returns the provider and its flow, if the endpoints are enough for the flow.
    fn provider(&self, flow: &FlowArgs) -> Result<Option<(Provider, Flow)>, Failure> {
        let Self { device, authorization, token } = self;
        let Some(token) = token else { return Ok(None) };
        let flow = flow.choose_at_provider(device.is_some() || authorization.is_none());
        let provider = match (flow, device, authorization) {
            (Flow::Device(_), Some(device), _) => Provider::new(device, token),
            (Flow::Code, _, Some(authorization)) => Provider::for_code(authorization, token),
            (Flow::Device(_), None, _) | (Flow::Code, _, None) => return Ok(None),
        };
        Ok(Some((provider.map_err(Failure::config)?, flow)))
    }
}

/// Returns the failure for an issuer that is not a usable URL.
fn not_an_issuer(error: &EndpointError) -> Failure {
    let failure = Failure::config(error);
    match error {
        EndpointError::Placeholder { .. } => {
            failure.with_hint(format_args!("put your tenant's id or domain in its place; {BY_HAND}"))
        }
        _ => failure,
    }
}

/// Returns the failure for metadata that lacks an endpoint or has an invalid one.
fn incomplete(metadata: &Metadata, flow: Flow, error: &MetadataError) -> Failure {
    let failure = Failure::config(chain(error));
    let (page, flag, instead) = match flow {
        Flow::Device(_) => (&metadata.device_authorization_endpoint, "--device-authorization-endpoint", ""),
        Flow::Code if metadata.device_authorization_endpoint.is_some() => {
            (&metadata.authorization_endpoint, "--authorization-endpoint", ", or pass --flow device")
        }
        Flow::Code => (&metadata.authorization_endpoint, "--authorization-endpoint", ""),
    };
    match (error, page, &metadata.token_endpoint) {
        (MetadataError::Missing(_), None, Some(_)) => {
            failure.with_hint(format_args!("pass it with {flag}{instead}"))
        }
        (MetadataError::Missing(_), Some(_), None) => failure.with_hint("pass it with --token-endpoint"),
        (MetadataError::Missing(_), ..) => {
            failure.with_hint(format_args!("pass both with {flag} and --token-endpoint"))
        }
        _ => failure.with_hint(format_args!("pass the endpoints with {flag} and --token-endpoint")),
    }
}

/// Returns the failure of a search for metadata.
fn undiscovered(issuer: &str, error: &SearchError) -> Failure {
    let untold = || Failure::other(format_args!("No metadata from {issuer}: {}", chain(error)));
    match error {
        SearchError::Metadata { source, .. } => match source {
            MetadataError::Status(status @ (401 | 403 | 407)) => {
                Failure::other(format_args!("{issuer} does not allow access to its metadata (HTTP {status})"))
                    .with_hint(format_args!(
                        "a proxy or a login page may be in front of it; check the URL; {BY_HAND}"
                    ))
            }
            MetadataError::Status(status) => {
                Failure::other(format_args!("{issuer} has no metadata (HTTP {status})"))
                    .with_hint(format_args!("check the URL; {BY_HAND}"))
            }
            MetadataError::Unavailable { status, retry_after, .. } => {
                unavailable(issuer, *status, *retry_after)
            }
            MetadataError::Issuer { found, .. } => another(issuer, found),
            MetadataError::NotJson(IndeterminateReason::Html) => untold().with_hint(format_args!(
                "the page may be from a login, a proxy or a web application; check the URL; {BY_HAND}"
            )),
            MetadataError::Encoded(_) => untold().with_hint(format_args!(
                "a proxy may have compressed the response without being asked to; {BY_HAND}"
            )),
            _ => untold().with_hint(format_args!("check the URL; {BY_HAND}")),
        },
        SearchError::Transport { source, .. } => match explain::transport_hint(source, "the URL") {
            Some(hint) => untold().with_hint(hint),
            None => untold(),
        },
        SearchError::Redirect { reason, .. } => match reason {
            NotFollowed::PlainHttp | NotFollowed::UserInfo | NotFollowed::ThisMachine => untold().with_hint(
                format_args!("if that is the provider, pass its https URL with --issuer; {BY_HAND}"),
            ),
            _ => untold().with_hint(format_args!("check the URL; {BY_HAND}")),
        },
        _ => untold(),
    }
}

/// Returns the failure for a provider that is temporarily unavailable.
fn unavailable(issuer: &str, status: u16, retry_after: Option<Duration>) -> Failure {
    let failure = Failure::other(format_args!("{issuer} did not give its metadata (HTTP {status})"));
    let why = match status {
        429 => "the provider received too many requests",
        _ => "the provider, or a gateway in front of it, failed",
    };
    match retry_after {
        Some(wait) => {
            failure.with_hint(format_args!("{why}; it asks to wait {} s, so try again then", wait.as_secs()))
        }
        None => failure.with_hint(format_args!("{why}; try again in a minute")),
    }
}

/// Returns the failure for metadata of another issuer, which must not be used (RFC 8414 §3.3).
fn another(issuer: &str, found: &str) -> Failure {
    let failure = Failure::other(format_args!("the metadata of {issuer} is for another issuer, {found}"));
    if let Some(placeholder) = Metadata::placeholder(found) {
        return failure.with_hint(format_args!(
            "pass --issuer {found} with your tenant's id in place of {placeholder}; {BY_HAND}"
        ));
    }
    if Endpoint::custom(found).is_ok() {
        return failure.with_hint(format_args!("if that is the provider you mean, pass --issuer {found}"));
    }
    failure.with_hint(format_args!("that issuer is not a usable URL; {BY_HAND}"))
}
