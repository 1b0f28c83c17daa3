//! The faults that are answers of the protocol: errors of the service in the request's dialect. They are answered
//! before anything is done.

use oidc_proto::{Fault, FaultCode, Operation};

use super::InjectedFault;
use super::rule::Target;
use crate::authority;
use crate::grant_id::GrantId;
use crate::latest::Latest;
use crate::reply::{Reply, Spelling};
use crate::router::{Handler, Route};
use crate::state::Context;

impl InjectedFault {
    /// Returns the error code, if the fault is an answer of the protocol.
    const fn code(self) -> Option<FaultCode> {
        Some(match self {
            Self::SlowDown => FaultCode::SlowDown,
            Self::Expired => FaultCode::ExpiredToken,
            Self::AccessDenied => FaultCode::AccessDenied,
            Self::InvalidClient => FaultCode::InvalidClient,
            Self::InvalidGrant => FaultCode::InvalidGrant,
            Self::ServerError => FaultCode::InternalServer,
            _ => return None,
        })
    }

    /// Returns whether the service would give this answer to a later request with the same code or token, too.
    const fn lasts(self) -> bool {
        matches!(self, Self::Expired | Self::AccessDenied | Self::InvalidGrant)
    }

    /// Returns whether the fault can occur at this target.
    pub(crate) fn occurs_at_target(self, target: Target) -> bool {
        match target.operation() {
            Some(operation) => self.occurs_at(operation),
            None => self.code().is_none(),
        }
    }

    /// Returns whether the fault can occur at this operation. An answer of the protocol belongs to the operations that
    /// have it (RFC 6749 §5.2, RFC 8628 §3.5, the API model). All other faults occur anywhere.
    ///
    /// ```
    /// use sso_oidc_server::{InjectedFault, Operation};
    /// assert!(InjectedFault::Expired.occurs_at(Operation::CreateToken));
    /// assert!(!InjectedFault::Expired.occurs_at(Operation::RegisterClient));
    /// assert!(InjectedFault::Html502.occurs_at(Operation::RegisterClient));
    /// ```
    #[must_use]
    pub fn occurs_at(self, operation: Operation) -> bool {
        match self {
            _ if self.code().is_none() => true,
            Self::ServerError => true,
            Self::SlowDown => matches!(
                operation,
                Operation::RegisterClient | Operation::StartDeviceAuthorization | Operation::CreateToken
            ),
            Self::InvalidClient => matches!(
                operation,
                Operation::StartDeviceAuthorization
                    | Operation::CreateToken
                    | Operation::RevokeToken
                    | Operation::IntrospectToken
            ),
            _ => matches!(operation, Operation::CreateToken),
        }
    }
}

/// The codes and tokens that a fault has ended.
pub(crate) type Ended = Latest<GrantId, InjectedFault>;

/// Returns the reply of this fault, if it is an answer of the protocol. Otherwise that of an earlier one, if the
/// request presents a code or token that has ended with it.
pub(super) fn reply(fault: Option<InjectedFault>, context: &Context<'_>, route: &Route) -> Option<Reply> {
    let (spelling, operation) = (route.spelling()?, route.operation()?);
    let grant = || match spelling {
        Spelling::Dialect(dialect) if operation == Operation::CreateToken => {
            GrantId::of_request(dialect, &context.head.headers, context.body).map(|(_, grant)| grant)
        }
        _ => None,
    };
    let mut ended = context.state.faults.ended();
    let fault = match fault.filter(|fault| fault.code().is_some()) {
        Some(fault) => {
            if let Some(grant) = Some(grant).filter(|_| fault.lasts()).and_then(|grant| grant()) {
                *ended.entry(grant, || fault) = fault;
            }
            fault
        }
        None if ended.is_empty() => return None,
        None => *ended.get(&grant()?)?,
    };
    drop(ended);
    let said = Fault::new(fault.code()?).with_description("a fault that this server was told to inject");
    Some(match (spelling, route.handler) {
        (Spelling::Dialect(dialect), Handler::Operation(..)) => {
            authority::refuse(context, dialect, operation, said)
        }
        _ => Reply::fault(spelling, said),
    })
}
