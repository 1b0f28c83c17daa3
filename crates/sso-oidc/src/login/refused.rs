//! Error messages of a sign-in to a provider, in the terms of RFC 6749 and RFC 8628.

use device_flow::{NotSignedIn, Outcome};
use oidc_proto::{Fault, FaultCode, Operation, Service};

use crate::exit::{Failure, chain};
use crate::signin::{Whom, failure_of, of_answer, of_error};

/// Returns the failure for a sign-in that ended without a token.
pub(super) fn unsigned(end: &NotSignedIn, service: &Service, provider: &str) -> Failure {
    let failure = match &end.outcome {
        Outcome::Rejected { operation, fault, .. } => {
            let failure = Failure::service(format_args!("{provider} refused {}: {fault}", what(*operation)));
            match hint(fault) {
                Some(hint) => failure.with_hint(hint),
                None => failure,
            }
        }
        Outcome::Unreachable { operation, error, .. } => Failure::other(format_args!(
            "{provider} gave no usable response when asked {}: {error}",
            what(*operation)
        ))
        .with_hint(of_error(end, error, Whom::Provider)),
        Outcome::Refused { operation, answer, .. } => {
            Failure::other(format_args!("{provider} refused {}: {answer}", what(*operation)))
                .with_hint(of_answer(answer, Whom::Provider))
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
        Operation::StartDeviceAuthorization => "to issue a code",
        _ => "to issue the token",
    }
}

fn hint(fault: &Fault) -> Option<&'static str> {
    let speaks_of = |word| fault.description.as_deref().is_some_and(|text| text.contains(word));
    Some(match &fault.code {
        // Some providers read the client's id and secret from the body only.
        FaultCode::InvalidRequest if speaks_of("client_id") || speaks_of("client_secret") => {
            "check --client-id; if the client has a secret, pass --client-auth post to send both in the body"
        }
        FaultCode::InvalidRequest if speaks_of("code_challenge") || speaks_of("code_verifier") => {
            "the provider requires PKCE; pass --pkce"
        }
        FaultCode::InvalidClient => {
            "check --client-id, the client's secret (--client-secret-file) and how it is sent \
             (--client-auth)"
        }
        FaultCode::InvalidScope => "check --scope; a client may request only its registered scopes",
        FaultCode::UnauthorizedClient => {
            "enable the device code grant for this client at the provider, and check --client-id, the secret and how it is \
             sent (--client-auth)"
        }
        FaultCode::UnsupportedGrantType => "enable the device code grant for this client at the provider",
        _ => return None,
    })
}
