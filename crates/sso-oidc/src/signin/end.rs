//! The failure of each outcome of a sign-in: exit code, message, details and hint.

use std::fmt::Display;

use device_flow::{Expiry, NotSignedIn, Outcome};
use oidc_proto::Operation;

use super::hint::{Whom, of_answer, of_error};

use crate::exit::{Exit, Failure, chain};
use crate::explain;

/// Returns the failure for this outcome. The exit codes are the AWS CLI's: 254 for an error from the service, 130 for
/// Ctrl-C, 255 for all others, an expired code included.
pub(crate) fn failure_of(end: &NotSignedIn, service: &dyn Display) -> Failure {
    let summary = capitalised(end.outcome.summary());
    let failure = match &end.outcome {
        Outcome::Denied(fault) => Failure::service(summary)
            .with_detail(format_args!("The service says: {fault}"))
            .with_hint("if that was a mistake, run the same command again and approve"),
        Outcome::Expired(expiry) => expired(summary, expiry, end.slow_downs),
        Outcome::Cancelled => {
            let failure = Failure::new(Exit::Interrupted, format_args!("{summary}; no token was stored"));
            match end.prompted {
                true => failure.with_hint(
                    "what the browser shows is void now; run the same command again for a new sign-in",
                ),
                false => failure,
            }
        }
        Outcome::GrantLost(expiry) => Failure::other(summary)
            .with_detail(
                "If you approved, the token was lost with that response; the service gives it only once.",
            )
            .with_detail(match expiry {
                Expiry::Service(fault) => format!("The service says now: {fault}"),
                Expiry::Clock(Some(error)) => format!("The code has since expired. Last error: {error}"),
                _ => "The code has since expired.".to_owned(),
            })
            .with_hint("run the same command again for a new code"),
        Outcome::Rejected { operation, fault, .. } => explain::login_failure(*operation, fault),
        Outcome::Refused { operation, answer, .. } => {
            Failure::other(format_args!("{service} refused {operation}: {answer}"))
                .with_hint(of_answer(answer, Whom::Portal))
        }
        Outcome::Unreachable { operation, error, .. } => {
            Failure::other(format_args!("{service} gave no usable response to {operation}: {error}"))
                .with_hint(of_error(end, error, Whom::Portal))
        }
        Outcome::InvalidResponse(invalid) if invalid.operation == Operation::CreateToken => {
            Failure::other(invalid)
                .with_detail("The code cannot be used again after this response.")
                .with_hint("run the same command again for a new code")
        }
        Outcome::AuthorizationFailed(fault) => Failure::service(summary)
            .with_detail(format_args!("The page says: {fault}"))
            .with_hint("run the same command again, or pass --flow device"),
        Outcome::NoRedirect => Failure::other(summary).with_hint(
            "run the same command again; if the page showed an error, or the browser is on another machine, pass \
             --flow device",
        ),
        Outcome::WrongIssuer(_) => Failure::other(summary)
            .with_detail(&end.outcome)
            .with_hint("check --issuer, and the page that you signed in on"),
        Outcome::NoAuthorizationEndpoint => Failure::other(summary).with_hint("pass --flow device"),
        Outcome::NoVerifier => Failure::other("PKCE needs random numbers, but the system provides none"),
        other => Failure::other(other),
    };
    match &end.transport {
        Some(cause) => failure.with_detail(format_args!("Cause: {}", chain(cause))),
        None => failure,
    }
}

/// Capitalises the first letter.
fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Returns the failure for an expired code. It is known that the user did not approve only if the last response was
/// `authorization_pending`.
fn expired(summary: String, expiry: &Expiry, slow_downs: u32) -> Failure {
    let failure = Failure::other(summary);
    let failure = match expiry {
        Expiry::Clock(Some(error)) => failure.with_detail(format_args!("Last error: {error}")),
        Expiry::Service(fault) => failure.with_detail(format_args!("The service says: {fault}")),
        _ => failure,
    };
    match slow_downs {
        0 => failure.with_hint("run the same command again for a new code"),
        1 => failure
            .with_detail("The service asked to slow down once.")
            .with_hint("run the same command again for a new code"),
        times => failure
            .with_detail(format_args!("The service asked to slow down {times} times."))
            .with_hint(
            "this machine's clock may run fast (as in WSL or a virtual machine), or another program may poll with the same \
             code; run the same command again for a new code",
            ),
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use std::io;

    use device_flow::{Action, DeviceFlow, Failure, Policy, Tick, TransientError, TransportError};
    use oidc_proto::{Endpoint, Fault, FaultCode};

    use super::*;

    /// Returns the failure of a sign-in whose requests all fail with this error.
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
        let failed = |text: &'static str| TransportError::new(Failure::NotSent, io::Error::other(text));
        let said = unreachable(failed("unknown issuer").with_untrusted_certificate());
        assert!(said.contains("AWS_CA_BUNDLE") && !said.contains("check the network"), "{said}");
        let said = unreachable(failed("refused"));
        assert!(said.contains("check the network") && !said.contains("AWS_CA_BUNDLE"), "{said}");
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let said = unreachable(TransportError::new(Failure::NotSent, refused));
        assert!(
            said.contains("no server listens at this address") && !said.contains("check the network"),
            "{said}"
        );
    }

    #[test]
    fn a_proxys_answer_has_a_hint_of_its_own() {
        let answered = |status: Option<u16>| {
            let error = TransportError::new(Failure::NotSent, io::Error::other("no tunnel"));
            let status = status.map(|status| http::StatusCode::from_u16(status).unwrap());
            unreachable(error.with_proxy_answer(status))
        };
        for (status, words) in [
            (Some(407), "check the user and password in its URL"),
            (Some(401), "check the user and password in its URL"),
            (Some(403), "does not allow this host"),
            (Some(302), "log in to the network first"),
            // A plain web server, or a name that the proxy does not find.
            (Some(400), "may not be a proxy"),
            (Some(404), "may not find the host; check the proxy's address and --region"),
            (Some(503), "could not reach the host; check --region"),
            (None, "that it runs"),
        ] {
            let said = answered(status);
            assert!(said.contains(words) && !said.contains("check the network"), "{status:?}: {said}");
        }
    }

    #[test]
    fn an_end_after_slow_down_does_not_say_that_nobody_approved() {
        let words = |expiry: Expiry, times| {
            let summary = Outcome::Expired(expiry.clone()).summary().to_owned();
            format!("{:?}", expired(summary, &expiry, times))
        };
        assert!(words(Expiry::Clock(None), 0).contains("no approval was received"));
        assert!(!words(Expiry::Clock(None), 1).contains("clock may run fast"));
        let slow = TransientError::Fault(Fault::new(FaultCode::SlowDown));
        for said in [
            words(Expiry::Clock(Some(slow)), 3),
            words(Expiry::Service(Fault::new(FaultCode::ExpiredToken)), 3),
        ] {
            assert!(
                said.contains("asked to slow down 3 times") && said.contains("clock may run fast"),
                "{said}"
            );
            assert!(!said.contains("before it was"), "{said}");
        }
    }
}
