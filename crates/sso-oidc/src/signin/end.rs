//! How a sign-in that brought no token ends the program: the exit code, what happened, what to do.

use std::fmt::Display;

use device_flow::{Expiry, NotSignedIn, Outcome};

use crate::exit::{Exit, Failure, chain};
use crate::explain;

/// The failure for this end. The exit codes are the AWS CLI's: 254 for the service's no, 130 for Ctrl-C, 255 for the
/// rest, an expired code included.
pub(crate) fn failure_of(end: &NotSignedIn, service: &dyn Display) -> Failure {
    let failure = match &end.outcome {
        Outcome::Denied(fault) => Failure::service("The sign-in was denied on the approval page")
            .with_detail(format_args!("The service says: {fault}"))
            .with_hint("if that was a mistake, run the same command again and approve"),
        Outcome::Expired(expiry) => {
            let failure = Failure::other("The code expired before anybody approved it");
            match expiry {
                Expiry::Clock(Some(trouble)) => failure.with_detail(format_args!("Meanwhile: {trouble}")),
                Expiry::Service(fault) => failure.with_detail(format_args!("The service says: {fault}")),
                _ => failure,
            }
            .with_hint("run the same command again for a new code")
        }
        Outcome::Cancelled => {
            let failure = Failure::new(Exit::Interrupted, "The sign-in was cancelled; no token was stored");
            match end.prompted {
                true => failure.with_hint(
                    "the code on the page is of no use any more; run the same command again for a new one",
                ),
                false => failure,
            }
        }
        Outcome::GrantLost(expiry) => Failure::other("The answer to a poll was lost on the way")
            .with_detail(
                "If you approved, the token was lost with that answer; it cannot be asked for twice.",
            )
            .with_detail(match expiry {
                Expiry::Service(fault) => format!("The service says now: {fault}"),
                Expiry::Clock(Some(trouble)) => format!("The code has expired since. Meanwhile: {trouble}"),
                _ => "The code has expired since.".to_owned(),
            })
            .with_hint("run the same command again for a new code"),
        Outcome::Rejected { operation, fault, .. } => explain::fault_failure(*operation, fault),
        Outcome::Unreachable { operation, trouble, .. } => {
            Failure::other(format_args!("No verdict from {service} on {operation}: {trouble}"))
                .with_hint(reach(end, "check the network, a proxy in between, --region and --endpoint-url"))
        }
        other => Failure::other(other),
    };
    match &end.transport {
        Some(cause) => failure.with_detail(format_args!("Cause: {}", chain(cause))),
        None => failure,
    }
}

/// What to do about a service that could not be reached: this, unless its certificate is why.
pub(crate) fn reach(end: &NotSignedIn, otherwise: &'static str) -> &'static str {
    end.transport.as_ref().and_then(explain::distrust).unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use device_flow::{Action, DeviceFlow, Failure, Policy, Tick, TransportError};
    use oidc_proto::Endpoint;

    use super::*;

    /// How a sign-in ends whose requests all fail with this.
    fn unreachable(error: TransportError) -> String {
        let endpoint = Endpoint::for_region("eu-west-1").unwrap();
        let (late, start_url) = (Duration::from_secs(60), "https://d-1234567890.awsapps.com/start");
        let mut flow = DeviceFlow::new(endpoint.clone(), Policy::aws(start_url), None, Tick::ZERO);
        let Action::Send(pending) = flow.poll(Tick::ZERO) else { panic!("it registers") };
        flow.on_result(pending, Tick::ZERO + late, Err(error)).unwrap();
        let end = flow.into_result(Tick::ZERO + late).unwrap_err();
        format!("{:?}", failure_of(&end, &endpoint))
    }

    #[test]
    fn who_cannot_trust_a_certificate_hears_how_to_and_not_to_check_the_network() {
        let failed = |text: &'static str| TransportError::new(Failure::NotSent, std::io::Error::other(text));
        let said = unreachable(failed("unknown issuer").with_untrusted_certificate());
        assert!(said.contains("AWS_CA_BUNDLE") && !said.contains("check the network"), "{said}");
        let said = unreachable(failed("refused"));
        assert!(said.contains("check the network") && !said.contains("AWS_CA_BUNDLE"), "{said}");
    }
}
