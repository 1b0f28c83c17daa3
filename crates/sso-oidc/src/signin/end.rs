//! How a sign-in that brought no token ends the program: the exit code, what happened, what to do.

use std::fmt::Display;

use device_flow::{Expiry, NotSignedIn, Outcome};
use oidc_proto::Operation;

use super::hint::{Whom, of_answer, of_trouble};

use crate::exit::{Exit, Failure, chain};
use crate::explain;

/// The failure for this end. The exit codes are the AWS CLI's: 254 for the service's no, 130 for Ctrl-C, 255 for the
/// rest, an expired code included.
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
                    "the code on the page is of no use any more; run the same command again for a new one",
                ),
                false => failure,
            }
        }
        Outcome::GrantLost(expiry) => Failure::other(summary)
            .with_detail(
                "If you approved, the token was lost with that answer; it cannot be asked for twice.",
            )
            .with_detail(match expiry {
                Expiry::Service(fault) => format!("The service says now: {fault}"),
                Expiry::Clock(Some(trouble)) => format!("The code has expired since. Meanwhile: {trouble}"),
                _ => "The code has expired since.".to_owned(),
            })
            .with_hint("run the same command again for a new code"),
        Outcome::Rejected { operation, fault, .. } => explain::login_failure(*operation, fault),
        Outcome::Refused { operation, answer, .. } => {
            Failure::other(format_args!("{service} refused {operation}: {answer}"))
                .with_hint(of_answer(answer, Whom::Portal))
        }
        Outcome::Unreachable { operation, trouble, .. } => {
            Failure::other(format_args!("{service} gave no verdict on {operation}: {trouble}"))
                .with_hint(of_trouble(end, trouble, Whom::Portal))
        }
        Outcome::ProtocolViolation(violation) if violation.operation == Operation::CreateToken => {
            Failure::other(violation)
                .with_detail("The code is spent with this answer.")
                .with_hint("run the same command again for a new code")
        }
        Outcome::NoVerifier => Failure::other("PKCE needs random numbers, and the system gave none"),
        other => Failure::other(other),
    };
    match &end.transport {
        Some(cause) => failure.with_detail(format_args!("Cause: {}", chain(cause))),
        None => failure,
    }
}

/// The text as a sentence of its own begins.
fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The code died. Whether the person approved is known only if the service last said that it waits.
fn expired(summary: String, expiry: &Expiry, slow_downs: u32) -> Failure {
    let failure = Failure::other(summary);
    let failure = match expiry {
        Expiry::Clock(Some(trouble)) => failure.with_detail(format_args!("Meanwhile: {trouble}")),
        Expiry::Service(fault) => failure.with_detail(format_args!("The service says: {fault}")),
        _ => failure,
    };
    match slow_downs {
        0 => failure.with_hint("run the same command again for a new code"),
        1 => failure
            .with_detail("The service asked once to slow down.")
            .with_hint("run the same command again for a new code"),
        times => failure
            .with_detail(format_args!("The service asked {times} times to slow down."))
            .with_hint(
                "is this machine's clock fast, as in WSL or a virtual machine, or does another program poll with the same \
                 code? Run the same command again for a new code",
            ),
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use std::io;

    use device_flow::{Action, DeviceFlow, Failure, Policy, Tick, TransportError, Trouble};
    use oidc_proto::{Endpoint, Fault, FaultCode};

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
        let failed = |text: &'static str| TransportError::new(Failure::NotSent, io::Error::other(text));
        let said = unreachable(failed("unknown issuer").with_untrusted_certificate());
        assert!(said.contains("AWS_CA_BUNDLE") && !said.contains("check the network"), "{said}");
        let said = unreachable(failed("refused"));
        assert!(said.contains("check the network") && !said.contains("AWS_CA_BUNDLE"), "{said}");
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let said = unreachable(TransportError::new(Failure::NotSent, refused));
        assert!(said.contains("nothing listens there") && !said.contains("check the network"), "{said}");
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
            (Some(403), "does not let this host through"),
            (Some(302), "log in to the network first"),
            // A plain web server, or a name that the proxy does not find.
            (Some(400), "may be no proxy"),
            (Some(404), "does not find the host; check its address and --region"),
            (Some(503), "did not reach the host; check --region"),
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
        assert!(words(Expiry::Clock(None), 0).contains("no approval was seen"));
        assert!(!words(Expiry::Clock(None), 1).contains("clock fast"));
        let slow = Trouble::Fault(Fault::new(FaultCode::SlowDown));
        for said in [
            words(Expiry::Clock(Some(slow)), 3),
            words(Expiry::Service(Fault::new(FaultCode::ExpiredToken)), 3),
        ] {
            assert!(said.contains("asked 3 times to slow down") && said.contains("clock fast"), "{said}");
            assert!(!said.contains("before it was"), "{said}");
        }
    }
}
