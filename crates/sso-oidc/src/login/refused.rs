//! How a sign-in to a provider fails: the same ends as at a portal, in the words of the provider's own standard.

use device_flow::{NotSignedIn, Outcome};
use device_flow_ureq::{BuildError, DiscoveryError};
use oidc_proto::oauth::MetadataError;
use oidc_proto::{FaultCode, Operation, Service};

use crate::exit::{Failure, chain};
use crate::explain;
use crate::signin::{failure_of, reach};

/// The provider could not be asked what it offers.
pub(super) fn undiscovered(issuer: &str, error: &DiscoveryError<BuildError>) -> Failure {
    match error {
        DiscoveryError::Build(_) | DiscoveryError::Issuer(_) => Failure::config(chain(error)),
        DiscoveryError::Metadata(MetadataError::Status(status)) => Failure::other(format_args!(
            "{issuer} has no metadata (HTTP {status})"
        ))
        .with_hint(
            "check the URL; a provider without any is signed in to with --device-authorization-endpoint and \
                 --token-endpoint",
        ),
        DiscoveryError::Metadata(MetadataError::Issuer { found, .. }) => {
            // Not followed: whoever answers for another's name may be anybody (RFC 8414 §3.3).
            Failure::other(format_args!("{issuer} says that it is {found}"))
                .with_hint(format_args!("if that is the provider you mean, pass --issuer {found}"))
        }
        _ => {
            let failure = Failure::other(format_args!("No metadata of {issuer}: {}", chain(error)));
            let distrust = match error {
                DiscoveryError::Transport(cause) => explain::distrust(cause),
                _ => None,
            };
            match distrust {
                Some(hint) => failure.with_hint(hint),
                None => failure,
            }
        }
    }
}

/// The sign-in ended without a token.
pub(super) fn unsigned(end: &NotSignedIn, service: &Service, provider: &str) -> Failure {
    let failure = match &end.outcome {
        Outcome::Rejected { operation, fault, .. } => {
            let failure = Failure::service(format_args!("{provider} refused {}: {fault}", what(*operation)));
            match hint(&fault.code) {
                Some(hint) => failure.with_hint(hint),
                None => failure,
            }
        }
        Outcome::Unreachable { operation, trouble, .. } => {
            Failure::other(format_args!("No verdict from {provider} on {}: {trouble}", what(*operation)))
                .with_hint(reach(end, "check the network, and a proxy in between"))
        }
        _ => return failure_of(end, service),
    };
    match &end.transport {
        Some(cause) => failure.with_detail(format_args!("Cause: {}", chain(cause))),
        None => failure,
    }
}

const fn what(operation: Operation) -> &'static str {
    match operation {
        Operation::RegisterClient => "to register a client",
        Operation::StartDeviceAuthorization => "the device authorization",
        _ => "the token",
    }
}

const fn hint(code: &FaultCode) -> Option<&'static str> {
    Some(match code {
        FaultCode::InvalidClient => {
            "check --client-id, and whether the client has a secret (--client-secret-file) and where it goes \
             (--client-auth)"
        }
        FaultCode::InvalidScope => "check --scope; a client may ask for what it was registered for",
        FaultCode::UnauthorizedClient | FaultCode::UnsupportedGrantType => {
            "allow the device code grant for this client at the provider"
        }
        _ => return None,
    })
}
