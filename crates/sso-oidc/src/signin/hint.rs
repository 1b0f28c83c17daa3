//! What to do when a sign-in got no word of the service's: a hint for each class of answer, and for none.

use std::io;

use device_flow::{NotSignedIn, TransportError, Trouble};
use oidc_proto::{NoVerdict, NoVerdictReason};

use crate::explain;

/// What is signed in to, which decides about the flags that name its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    /// A portal of AWS's.
    Portal,
    /// Another provider.
    Provider,
}

impl Whom {
    /// The flags that say where to ask.
    const fn address(self) -> &'static str {
        match self {
            Self::Portal => "--region and --endpoint-url",
            Self::Provider => "--issuer, or --device-authorization-endpoint and --token-endpoint",
        }
    }
}

/// What to do about this trouble, which was the last.
pub(crate) fn of_trouble(end: &NotSignedIn, trouble: &Trouble, whom: Whom) -> String {
    match trouble {
        Trouble::NoVerdict(answer) => of_answer(answer, whom),
        Trouble::Fault(_) => "the service is overloaded or has a fault; try again in a minute".to_owned(),
        _ => end.transport.as_ref().map_or_else(|| unreachable(whom), |cause| of_transport(cause, whom)),
    }
}

/// What to do about an answer that is not the service's word. One came, so the network is not to blame.
pub(crate) fn of_answer(answer: &NoVerdict, whom: Whom) -> String {
    let address = whom.address();
    // nginx and Go say so in words when they hear plain HTTP where TLS is due.
    if answer
        .said
        .as_deref()
        .is_some_and(|said| said.contains("to HTTPS") || said.contains("an HTTPS server"))
    {
        return format!("the address speaks TLS; write https, and check {address}");
    }
    match (answer.status, answer.reason) {
        (200..=299, NoVerdictReason::Html) => format!(
            "a page came in place of the service's answer; log in to the network first if it has a page for that, and check \
             {address}"
        ),
        (200..=299, NoVerdictReason::Encoded) => {
            "something in between compresses answers that must not be; ask the owner of the proxy".to_owned()
        }
        (300..=399, _) => format!(
            "the address leads elsewhere, and a redirect is not followed because the request carries secrets; check {address}"
        ),
        (401, _) => match whom {
            Whom::Portal => format!("something in front of the service wants a login of its own; check {address}"),
            Whom::Provider => "the provider does not know the client, or a proxy in front of it wants a login of its own; \
                               check --client-id, its secret and --client-auth"
                .to_owned(),
        },
        (403, _) => match whom {
            Whom::Portal => format!("a proxy or a firewall in between may forbid it; check {address}"),
            Whom::Provider => "this client may not use the device flow, or a proxy in between forbids it; enable the device \
                               code grant for the client at the provider"
                .to_owned(),
        },
        (404 | 405 | 410 | 501, _) => format!("there is no such endpoint; check {address}"),
        (407, _) => explain::PROXY_LOGIN.to_owned(),
        (429, _) => "too many requests; try again in a minute".to_owned(),
        (400..=499, _) => match whom {
            Whom::Portal => format!("check {address}"),
            Whom::Provider => {
                format!("enable the device code grant for this client at the provider, and check {address}")
            }
        },
        (500..=599, _) => {
            "the service, or a proxy in front of it, has a fault; try again later".to_owned()
        }
        _ => format!("something in between may change the answers; check {address}"),
    }
}

/// What to do where no answer came.
fn of_transport(cause: &TransportError, whom: Whom) -> String {
    let address = whom.address();
    if let Some(hint) = explain::transport_hint(cause, address) {
        return hint;
    }
    if cause.find_cause::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
        return format!("nothing listens there; check {address}, and a proxy in between");
    }
    let text = crate::exit::chain(cause);
    if text.contains("InvalidContentType") || text.contains("corrupt message") {
        return format!(
            "an answer without TLS came from an https address; write http if that is right, and check {address}"
        );
    }
    unreachable(whom)
}

fn unreachable(whom: Whom) -> String {
    format!("check the network, a proxy in between, and {}", whom.address())
}

#[cfg(test)]
mod tests {
    use oidc_proto::{Answer, Dialect, StartDeviceAuthorizationRequest};

    use super::*;

    fn answer(status: u16, body: &str) -> NoVerdict {
        let response = http::Response::builder().status(status).body(body).unwrap();
        match Dialect::OAuth.decode::<StartDeviceAuthorizationRequest, _>(&response) {
            Answer::NoVerdict(answer) => answer,
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
            assert!(hint.contains("write https"), "{hint}");
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
            (407, "", "the proxy wants a login"),
            (429, "", "too many requests"),
            (500, "", "has a fault"),
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
