//! The outcomes of requests, as metrics name them.

use oidc_proto::FaultCode;
use oidc_proto::portal::PortalFault;

/// The portal's faults, of which some have names of their own.
const OF_PORTAL: [PortalFault; 5] = [
    PortalFault::InvalidRequest,
    PortalFault::Unauthorized,
    PortalFault::Forbidden,
    PortalFault::NotFound,
    PortalFault::TooManyRequests,
];

/// The codes of this server that are among neither.
const FURTHER_CODES: [&str; 5] = [
    "temporarily_unavailable",
    "UnknownOperationException",
    "MethodNotAllowedException",
    "invalid_token",
    "insufficient_scope",
];

/// The outcomes without an error code.
const WITHOUT_CODE: [&str; 5] = ["success", "no_response", "client_error", "server_error", "other"];

/// The names of all outcomes. An error code that a client or a script invents is `other`, so their number is bounded.
#[derive(Debug)]
pub(super) struct Outcomes(Vec<String>);

impl Outcomes {
    pub(super) fn new() -> Self {
        let of_portal = OF_PORTAL.into_iter().map(|fault| fault.fault("").code);
        let codes = FaultCode::known().cloned().chain(of_portal).map(|code| code.error().to_owned());
        let mut all: Vec<String> = WITHOUT_CODE.map(str::to_owned).into();
        for code in codes.chain(FURTHER_CODES.map(str::to_owned)) {
            if !all.contains(&code) {
                all.push(code);
            }
        }
        Self(all)
    }

    pub(super) fn names(&self) -> &[String] {
        let Self(names) = self;
        names
    }

    /// Returns the place of the outcome of a response with this status and this error code.
    pub(super) fn place(&self, status: u16, code: Option<&FaultCode>) -> usize {
        let name = match (status, code) {
            (0, _) => "no_response",
            (_, Some(code)) => code.error(),
            (400..=499, None) => "client_error",
            (500.., None) => "server_error",
            (_, None) => "success",
        };
        let place = |wanted: &str| self.names().iter().position(|known| known == wanted);
        place(name).or_else(|| place("other")).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_an_error_code_or_else_a_kind_of_status() {
        let outcomes = Outcomes::new();
        for (status, code, name) in [
            (200, None, "success"),
            (302, None, "success"),
            (404, None, "client_error"),
            (503, None, "server_error"),
            (0, Some(FaultCode::SlowDown), "no_response"),
            (400, Some(FaultCode::SlowDown), "slow_down"),
            (400, Some(FaultCode::InvalidRequestRegion), "invalid_request"),
            (401, Some(PortalFault::Unauthorized.fault("").code), "UnauthorizedException"),
            (503, Some(FaultCode::Other("temporarily_unavailable".to_owned())), "temporarily_unavailable"),
            (400, Some(FaultCode::Other("invented".to_owned())), "other"),
        ] {
            assert_eq!(outcomes.names()[outcomes.place(status, code.as_ref())], name, "{status} {code:?}");
        }
    }

    #[test]
    fn each_outcome_is_there_once_and_needs_no_escapes() {
        let outcomes = Outcomes::new();
        let once: std::collections::BTreeSet<_> = outcomes.names().iter().collect();
        assert_eq!(once.len(), outcomes.names().len());
        let is_plain = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        assert!(outcomes.names().iter().all(is_plain), "{outcomes:?}");
    }
}
