//! Error messages for failed calls: the AWS CLI's sentence, then details and a hint.

use std::borrow::Cow;

use device_flow::{CallError as Error, Failure as Sent, TransportError};
use oidc_proto::{Fault, FaultCode, Operation, Service};

use crate::exit::{Failure, chain};

/// Returns a text as one word of a shell's command line, in quotes if it needs them.
pub(crate) fn shell_word(text: &str) -> Cow<'_, str> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"_./:=@%+-".contains(&b);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.into();
    }
    format!("'{}'", text.replace('\'', r"'\''")).into()
}

/// Returns the kind of error, for logs.
pub(crate) const fn kind(error: &Error) -> &'static str {
    match error {
        Error::Fault(_) => "fault",
        Error::Indeterminate(_) => "indeterminate",
        Error::InvalidResponse(_) => "invalid",
        Error::Transport(_) => "transport",
        _ => "other",
    }
}

/// Returns the hint for an untrusted certificate or a proxy error. `address` names the flags to check.
pub(crate) fn transport_hint(cause: &TransportError, address: &str) -> Option<String> {
    if cause.is_untrusted_certificate() {
        return Some(
            "this certificate is not trusted; if a proxy or a server of your own shows it, pass the file of its CA \
             with --ca-bundle or AWS_CA_BUNDLE"
                .to_owned(),
        );
    }
    if !cause.is_at_proxy() {
        return None;
    }
    let Some(status) = cause.proxy_status() else {
        return Some(
            "check the proxy's address and that it runs, or add the service's host to NO_PROXY".to_owned(),
        );
    };
    Some(match status.as_u16() {
        401 | 407 => PROXY_LOGIN.to_owned(),
        403 | 451 => {
            "the proxy does not allow this host; ask its administrator to allow it, or add the host to NO_PROXY"
                .to_owned()
        }
        300..=399 => "the network may have a login page; log in to the network first".to_owned(),
        400..=499 | 501 => format!(
            "this server may not be a proxy, or may not find the host; check the proxy's address and {address}"
        ),
        _ => format!("the proxy could not reach the host; check {address}, or try again in a minute"),
    })
}

/// The hint for a 407, in response to CONNECT or to the request itself.
pub(crate) const PROXY_LOGIN: &str = "the proxy requires a login; check the user and password in its URL";

/// Returns the failure for a failed call.
pub(crate) fn call_failure(operation: Operation, service: &Service, error: &Error) -> Failure {
    match error {
        Error::Fault(fault) => fault_failure(operation, fault),
        Error::Indeterminate(none) => {
            let failure =
                Failure::other(format_args!("The service gave no usable response to {operation}: {none}"));
            with_request_id(failure, none.request_id.as_deref())
        }
        Error::InvalidResponse(invalid) => Failure::other(invalid),
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
            "The connection to the endpoint URL was lost before the response: \"{service}{}\": {}",
            operation.aws_path().unwrap_or_default(),
            chain(source)
        )),
        other => Failure::other(chain(other)),
    }
}

/// Returns the failure for a sign-in that the service rejected.
pub(crate) fn login_failure(operation: Operation, fault: &Fault) -> Failure {
    match login_hint(operation, &fault.code) {
        Some(hint) if !fault.is_about_key() => without_hint(operation, fault).with_hint(hint),
        _ => fault_failure(operation, fault),
    }
}

/// Returns the failure for a fault.
pub(crate) fn fault_failure(operation: Operation, fault: &Fault) -> Failure {
    let failure = without_hint(operation, fault);
    match hint(operation, &fault.code) {
        _ if fault.is_about_key() => failure.with_hint(KEY),
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// The hint for a fault about the KMS key.
const KEY: &str = "the KMS key that encrypts the data of the Identity Center instance does not allow this call; ask an \
administrator to change the key's policy or state";

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
        failure = failure.with_detail(format_args!("Region to use: {region}"));
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

/// Returns the hint for a fault during a sign-in, if it differs from the hint for a single call.
const fn login_hint(operation: Operation, code: &FaultCode) -> Option<&'static str> {
    Some(match (code, operation) {
        (FaultCode::InvalidScope, _) => {
            "check `sso_registration_scopes` in the config file, or --scopes; separate scopes by commas, without quotes"
        }
        (FaultCode::UnauthorizedClient, _) => {
            "the service does not allow this client to sign in with a device code; check the scopes (`sso_registration_scopes` \
             or --scopes), and run the command again"
        }
        (FaultCode::SlowDown, _) => "the service received too many requests; try again in a minute",
        _ => return None,
    })
}

/// Returns the hint for a fault of a single call.
const fn hint(operation: Operation, code: &FaultCode) -> Option<&'static str> {
    Some(match (code, operation) {
        (FaultCode::AuthorizationPending, _) => {
            "the code is not approved yet; call again with the same device code after `interval` seconds or more"
        }
        (FaultCode::SlowDown, Operation::CreateToken) => {
            "the calls are too frequent; wait 5 seconds longer between calls from now on"
        }
        (FaultCode::SlowDown, _) => "the calls are too frequent; wait before the next one",
        (FaultCode::ExpiredToken, _) => {
            "the device code has expired; start again with start-device-authorization"
        }
        (FaultCode::AccessDenied, _) => {
            "the request was denied in the browser, or the account has no access; call start-device-authorization again"
        }
        (FaultCode::InvalidClient, _) => {
            "the registration may have expired (it lasts 90 days) or belong to another region; register the client \
             again"
        }
        (FaultCode::UnauthorizedClient, _) => {
            "the client was not registered for this grant; register it again with the right --grant-types"
        }
        (FaultCode::InvalidGrant, _) => {
            "the code or refresh token is unknown, used, expired or from another client; sign in again"
        }
        (FaultCode::InvalidRequest, Operation::StartDeviceAuthorization) => {
            "check --start-url, and that --region is the region of the Identity Center instance"
        }
        (FaultCode::InvalidScope, Operation::RegisterClient) => {
            "check --scopes; the service also returns this error for a client with both the device code and the \
             authorization code grant"
        }
        (FaultCode::InvalidRedirectUri, _) => {
            "use a loopback address without a port, such as http://127.0.0.1"
        }
        (FaultCode::InternalServer, _) => "the service failed; try again later",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::shell_word;

    #[test]
    fn a_word_of_a_command_line_is_quoted_if_the_shell_would_split_or_expand_it() {
        for (text, word) in [
            ("corp", "corp"),
            ("https://d-1.awsapps.com/start", "https://d-1.awsapps.com/start"),
            ("my company", "'my company'"),
            ("it's", r"'it'\''s'"),
            ("$(id)", "'$(id)'"),
            ("https://x.example/start#/", "'https://x.example/start#/'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(text), word);
        }
    }
}
