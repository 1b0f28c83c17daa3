//! Hints for a sign-in without a verdict: one for each class of response, and for a failed transport.

use std::io;

use device_flow::{NotSignedIn, TransientError, TransportError};
use oidc_proto::{Indeterminate, IndeterminateReason};

use crate::explain;

/// The kind of service, which determines the flags for its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    /// An AWS access portal.
    Portal,
    /// Another provider.
    Provider,
}

impl Whom {
    /// Returns the flags for the address.
    const fn address(self) -> &'static str {
        match self {
            Self::Portal => "--region and --endpoint-url",
            Self::Provider => "--issuer, or the flags of the endpoints",
        }
    }
}

/// Returns the hint for the last error of a sign-in.
pub(crate) fn of_error(end: &NotSignedIn, error: &TransientError, whom: Whom) -> String {
    match error {
        TransientError::Indeterminate(answer) => of_answer(answer, whom),
        TransientError::Fault(_) => "the service is overloaded or failed; try again in a minute".to_owned(),
        _ => end.transport.as_ref().map_or_else(|| unreachable(whom), |cause| of_transport(cause, whom)),
    }
}

/// Returns the hint for a response without a verdict. A response came, so the network works.
pub(crate) fn of_answer(answer: &Indeterminate, whom: Whom) -> String {
    let address = whom.address();
    // The messages of nginx and Go for plain HTTP at a TLS port.
    if answer
        .said
        .as_deref()
        .is_some_and(|said| said.contains("to HTTPS") || said.contains("an HTTPS server"))
    {
        return format!("the server expects TLS; use an https URL, and check {address}");
    }
    match (answer.status, answer.reason) {
        (200..=299, IndeterminateReason::Html) => format!(
            "the response is a web page; log in to the network first if it has a login page, and check \
             {address}"
        ),
        (200..=299, IndeterminateReason::Encoded) => {
            "a proxy compresses responses without being asked to; ask its administrator".to_owned()
        }
        (300..=399, _) => format!(
            "the server redirects, which is not followed because the request carries secrets; check {address}"
        ),
        (401, _) => match whom {
            Whom::Portal => format!("a proxy in front of the service may require a login; check {address}"),
            Whom::Provider => {
                "the provider does not know the client, or a proxy in front of it requires a login; \
            check --client-id, its secret and --client-auth"
                    .to_owned()
            }
        },
        (403, _) => match whom {
            Whom::Portal => format!("a proxy or a firewall may block the request; check {address}"),
            Whom::Provider => {
                "the client may not use the device flow, or a proxy blocks the request; enable the device \
            code grant for the client at the provider"
                    .to_owned()
            }
        },
        (404 | 405 | 410 | 501, _) => format!("the server has no such endpoint; check {address}"),
        (407, _) => explain::PROXY_LOGIN.to_owned(),
        (429, _) => "the service received too many requests; try again in a minute".to_owned(),
        (400..=499, _) => match whom {
            Whom::Portal => format!("check {address}"),
            Whom::Provider => {
                format!("enable the device code grant for this client at the provider, and check {address}")
            }
        },
        (500..=599, _) => "the service, or a proxy in front of it, failed; try again later".to_owned(),
        _ => format!("a proxy may change the responses; check {address}"),
    }
}

/// Returns the hint for a transport error.
fn of_transport(cause: &TransportError, whom: Whom) -> String {
    let address = whom.address();
    if let Some(hint) = explain::transport_hint(cause, address) {
        return hint;
    }
    if cause.find_cause::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
        return format!("no server listens at this address; check {address}, and the proxy if you use one");
    }
    let text = crate::exit::chain(cause);
    if text.contains("InvalidContentType") || text.contains("corrupt message") {
        return format!(
            "the server does not use TLS, but the URL is https; use an http URL if that is intended, and check {address}"
        );
    }
    unreachable(whom)
}

fn unreachable(whom: Whom) -> String {
    format!("check the network, the proxy if you use one, and {}", whom.address())
}

#[cfg(test)]
mod tests {
    use oidc_proto::{Answer, Dialect, StartDeviceAuthorizationRequest};

    use super::*;

    fn answer(status: u16, body: &str) -> Indeterminate {
        let response = http::Response::builder().status(status).body(body).unwrap();
        match Dialect::OAuth.decode::<StartDeviceAuthorizationRequest, _>(&response) {
            Answer::Indeterminate(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn plain_http_at_a_tls_port_is_told_to_write_https() {
        for said in [
            "<title>400 The plain HTTP request was sent to HTTPS port</title>",
            "Client sent an HTTP request to an HTTPS server.",
        ] {
            let hint = of_answer(&answer(400, said), Whom::Provider);
            assert!(hint.contains("use an https URL"), "{hint}");
        }
    }

    #[test]
    fn each_class_of_answer_has_its_own_hint_and_none_blames_the_network() {
        let cases = [
            (200, "<p>", "log in to the network first"),
            (302, "", "redirect"),
            (400, "<p>", "device code grant"),
            (401, "", "--client-auth"),
            (403, "", "may not use the device flow"),
            (404, "", "no such endpoint"),
            (407, "", "the proxy requires a login"),
            (429, "", "too many requests"),
            (500, "", "failed"),
        ];
        for (status, body, words) in cases {
            let hint = of_answer(&answer(status, body), Whom::Provider);
            assert!(hint.contains(words), "{status}: {hint}");
            assert!(!hint.contains("check the network"), "{status}: {hint}");
            let hint = of_answer(&answer(status, body), Whom::Portal);
            assert!(!hint.contains("--issuer") && !hint.contains("--client"), "{status}: {hint}");
        }
    }
}
