//! What a person can do after a failed call of the portal.

use device_flow::{CallError, Failure as Sent};
use oidc_proto::Operation;
use oidc_proto::portal::PortalFault;

use crate::exit::Failure;
use crate::explain::transport_hint;

/// Where the access token of a call came from.
#[derive(Clone, Copy)]
pub(super) enum Origin<'a> {
    /// The cache. The command line is that of a sign-in.
    Stored { sign_in_command: &'a str },
    /// A flag or a variable.
    Given,
}

/// Returns what the portal's fault means; [`PortalFault::Other`] for any other error.
pub(super) fn kind(error: &CallError) -> PortalFault {
    match error {
        CallError::Fault(fault) => PortalFault::of(fault),
        _ => PortalFault::Other,
    }
}

/// Adds what the user can do about an error.
pub(super) fn with_advice(failure: Failure, error: &CallError, origin: Origin<'_>) -> Failure {
    match (kind(error), error, origin) {
        (PortalFault::Unauthorized, _, Origin::Stored { sign_in_command }) => failure.with_hint(format_args!(
            "the sign-in has ended, or its scopes lack sso:account:access; sign in with `{sign_in_command}`"
        )),
        (PortalFault::Unauthorized, _, Origin::Given) => failure.with_hint(
            "the token of --access-token or SSO_OIDC_ACCESS_TOKEN has ended, is of another region, or lacks the scope \
             sso:account:access; `sso-oidc token` prints the stored one",
        ),
        (PortalFault::TooManyRequests, ..) => {
            failure.with_hint("the calls are too frequent; try again in a minute")
        }
        (_, CallError::Indeterminate(none), _) if matches!(none.status, 408 | 425 | 429 | 500..) => {
            failure.with_hint("the portal, or a gateway before it, is busy or down; try again in a minute")
        }
        (_, CallError::Indeterminate(_), _) => failure.with_hint(
            "another server may have answered in place of the portal, such as a proxy or a login page of the network; \
             check the region and the endpoint with `sso-oidc doctor`",
        ),
        // The failure has the hint for a proxy or a certificate already.
        (_, CallError::Transport(source), _)
            if source.failure() == Sent::Unknown || transport_hint(source, "").is_none() =>
        {
            failure.with_hint("check the network; `sso-oidc doctor` looks at endpoint, proxy and certificates")
        }
        _ => failure,
    }
}

/// Adds what a refusal of one role means. The service says "No access" only.
pub(super) fn with_lacking_role(failure: Failure, operation: Operation) -> Failure {
    let lacking = match operation {
        Operation::GetRoleCredentials => {
            "You do not have this role in this account, or there is no such role."
        }
        Operation::ListAccountRoles => "You have no role in this account, or there is no such account.",
        _ => return failure,
    };
    failure
        .with_detail(lacking)
        .with_hint("`sso-oidc roles` lists your roles; an administrator assigns others")
}
