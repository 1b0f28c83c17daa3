//! What came of a call, in words: the AWS CLI's sentence, then what is known about it and what can be done.

use device_flow::{CallError as Error, Failure as Sent, TransportError};
use oidc_proto::{Fault, FaultCode, Operation, Service};

use crate::exit::{Failure, chain};

/// The kind of error, for logs.
pub(crate) const fn kind(error: &Error) -> &'static str {
    match error {
        Error::Fault(_) => "fault",
        Error::NoVerdict(_) => "no verdict",
        Error::Violation(_) => "violation",
        Error::Transport(_) => "transport",
        _ => "other",
    }
}

/// What to do where it is known what stands in the way: a certificate that is not to be trusted, or a proxy. `address` is what
/// else may be wrong, as a thing to check.
pub(crate) fn transport_hint(cause: &TransportError, address: &str) -> Option<String> {
    if cause.is_untrusted_certificate() {
        return Some(
            "this is not a certificate to trust; if a proxy or a server of your own shows it, --ca-bundle or AWS_CA_BUNDLE \
             names the file of its CA"
                .to_owned(),
        );
    }
    if !cause.is_at_proxy() {
        return None;
    }
    let Some(status) = cause.proxy_status() else {
        return Some(
            "check the proxy's address and that it runs, or name the service's host in NO_PROXY".to_owned(),
        );
    };
    Some(match status.as_u16() {
        401 | 407 => PROXY_LOGIN.to_owned(),
        403 | 451 => {
            "the proxy does not let this host through; ask its administrator to allow it, or name the host in NO_PROXY"
                .to_owned()
        }
        300..=399 => "log in to the network first if it has a page for that".to_owned(),
        400..=499 | 501 => format!(
            "this may be no proxy, or one that does not find the host; check its address and {address}"
        ),
        _ => format!("the proxy did not reach the host; check {address}, or try again in a minute"),
    })
}

/// What to do about a 407, whether it came for CONNECT or for the request itself.
pub(crate) const PROXY_LOGIN: &str = "the proxy wants a login; check the user and password in its URL";

/// What a failed call ends the program with.
pub(crate) fn call_failure(operation: Operation, service: &Service, error: &Error) -> Failure {
    match error {
        Error::Fault(fault) => fault_failure(operation, fault),
        Error::NoVerdict(none) => {
            let failure = Failure::other(format_args!("The service gave no answer to {operation}: {none}"));
            with_request_id(failure, none.request_id.as_deref())
        }
        Error::Violation(violation) => Failure::other(violation),
        Error::Transport(source) if source.failure() != Sent::Unknown => {
            let failure = Failure::other(format_args!(
                "Could not connect to the endpoint URL: \"{service}{}\": {}",
                operation.aws_path().unwrap_or_default(),
                chain(source)
            ));
            match transport_hint(source, "--region and --endpoint-url") {
                Some(hint) => failure.with_hint(hint),
                None => failure,
            }
        }
        Error::Transport(source) => Failure::other(format_args!(
            "The connection to the endpoint URL was lost before an answer came: \"{service}{}\": {}",
            operation.aws_path().unwrap_or_default(),
            chain(source)
        )),
        other => Failure::other(chain(other)),
    }
}

/// What the service's own no ends a sign-in with.
pub(crate) fn login_failure(operation: Operation, fault: &Fault) -> Failure {
    match login_hint(operation, &fault.code) {
        Some(hint) if !fault.is_about_key() => without_hint(operation, fault).with_hint(hint),
        _ => fault_failure(operation, fault),
    }
}

/// What the service's own no ends the program with.
pub(crate) fn fault_failure(operation: Operation, fault: &Fault) -> Failure {
    let failure = without_hint(operation, fault);
    match hint(operation, &fault.code) {
        _ if fault.is_about_key() => failure.with_hint(KEY),
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// What to do where the key is the reason.
const KEY: &str = "no person denied this: the KMS key that encrypts the data of the Identity Center instance does not allow \
                   it; an administrator can change the key's policy or state";

fn without_hint(operation: Operation, fault: &Fault) -> Failure {
    let description = fault.description.as_deref().unwrap_or("the service gave no reason");
    let mut failure = Failure::service(format_args!(
        "An error occurred ({}) when calling the {operation} operation: {description}",
        fault.code.exception()
    ));
    if let Some(reason) = &fault.reason {
        failure = failure.with_detail(format_args!("Reason: {reason}"));
    }
    if let Some(region) = &fault.region {
        failure = failure.with_detail(format_args!("Region to ask in: {region}"));
    }
    if let Some(uri) = &fault.uri {
        failure = failure.with_detail(format_args!("See: {uri}"));
    }
    with_request_id(failure, fault.request_id.as_deref())
}

fn with_request_id(failure: Failure, id: Option<&str>) -> Failure {
    match id {
        Some(id) => failure.with_detail(format_args!("Request id: {id}")),
        None => failure,
    }
}

/// What a person can do about a fault during a sign-in, where that differs from a single call's.
const fn login_hint(operation: Operation, code: &FaultCode) -> Option<&'static str> {
    Some(match (code, operation) {
        (FaultCode::InvalidScope, _) => {
            "check `sso_registration_scopes` in the config file, or --scopes: one scope between commas, without quotes"
        }
        (FaultCode::UnauthorizedClient, _) => {
            "the service does not let this client sign in with a device code; check the scopes (`sso_registration_scopes` or \
             --scopes), and run the command again"
        }
        (FaultCode::SlowDown, _) => "too many sign-ins are asked for; try again in a minute",
        _ => return None,
    })
}

/// What a person can do about a fault, where that is known.
const fn hint(operation: Operation, code: &FaultCode) -> Option<&'static str> {
    Some(match (code, operation) {
        (FaultCode::AuthorizationPending, _) => {
            "it is not approved yet; call again with the same device code, no sooner than `interval` seconds later"
        }
        (FaultCode::SlowDown, Operation::CreateToken) => {
            "the calls come too fast; wait 5 seconds longer between calls from now on"
        }
        (FaultCode::SlowDown, _) => "the calls come too fast; wait before the next one",
        (FaultCode::ExpiredToken, _) => {
            "the device code has expired; start again with start-device-authorization"
        }
        (FaultCode::AccessDenied, _) => {
            "the request was denied in the browser, or the account may not use it"
        }
        (FaultCode::InvalidClient, _) => {
            "the registration may have expired (it lasts 90 days) or belong to another region; register the client \
             again"
        }
        (FaultCode::UnauthorizedClient, _) => {
            "the client was not registered for this grant; register it again with the right --grant-types"
        }
        (FaultCode::InvalidGrant, _) => {
            "the code or refresh token is unknown, used up, expired or another client's; sign in again"
        }
        (FaultCode::InvalidRequest, Operation::StartDeviceAuthorization) => {
            "check --start-url, and that --region is the region of the Identity Center instance"
        }
        (FaultCode::InvalidScope, Operation::RegisterClient) => {
            "the service also says this when the device code and the authorization code grant are registered together"
        }
        (FaultCode::InvalidRedirectUri, _) => {
            "use a loopback address without a port, such as http://127.0.0.1"
        }
        (FaultCode::InternalServer, _) => "the service failed; try again later",
        _ => return None,
    })
}
