//! The requests that a fault applies to, and their notation.

use core::fmt;
use core::str::FromStr;

use oidc_proto::Operation;

use super::InjectedFault;

/// A fault, and the requests that it applies to. The default is every request of a sign-in's three
/// operations. A fault that is an answer of the protocol, such as [`InjectedFault::Expired`], applies only to
/// operations that have the answer.
///
/// The notation is `NAME[=BYTES][@OPERATION][:REQUESTS]`. The operation is `register`, `authorize` or `poll`
/// in either dialect. OAuth also has `revoke`, `introspect` and `discover`. The portal has `accounts`, `roles`,
/// `credentials` and `logout`. The browser's `/authorize` is `page`. The requests are `N`, `N-M` or `N-`, counted from
/// 1 for each operation:
///
/// ```
/// use sso_oidc_server::{InjectedFault, Operation, FaultRule};
///
/// let rule: FaultRule = "reset-answer=40@poll:2-3".parse()?;
/// let same = FaultRule::new(InjectedFault::ResetAnswer).after_bytes(40).at(Operation::CreateToken);
/// assert_eq!(rule, same.requests(2, Some(3)));
/// # Ok::<(), sso_oidc_server::FaultRuleError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultRule {
    fault: InjectedFault,
    /// The kind of request that it is limited to. Default: the operations of a sign-in.
    target: Option<Target>,
    from: u32,
    to: Option<u32>,
    bytes: Option<usize>,
}

impl FaultRule {
    /// Creates a rule for every request of the three operations.
    #[must_use]
    pub const fn new(fault: InjectedFault) -> Self {
        Self { fault, target: None, from: 1, to: None, bytes: None }
    }

    /// Limits the rule to requests of this operation. [`InjectedFault::Refuse`] then closes the port after
    /// the response to the operation before it. A certificate fault applies to connections, before any
    /// request. A connection counts for the operation that follows the latest success in a sign-in.
    #[must_use]
    pub const fn at(mut self, operation: Operation) -> Self {
        self.target = Some(Target::Operation(operation));
        self
    }

    /// Limits the rule to requests for the metadata of an OAuth provider (RFC 8414, OpenID Connect
    /// Discovery).
    /// [`InjectedFault::Refuse`] then closes the port from the start.
    ///
    /// ```
    /// use sso_oidc_server::{InjectedFault, FaultRule};
    /// assert_eq!(FaultRule::new(InjectedFault::Html502).at_discovery().to_string(), "html-502@discover");
    /// ```
    #[must_use]
    pub const fn at_discovery(mut self) -> Self {
        self.target = Some(Target::Discovery);
        self
    }

    /// Limits the rule to a browser's requests for `/authorize`: the look at the page, and the decision.
    /// [`InjectedFault::Refuse`] then closes the port after the registration.
    ///
    /// ```
    /// use sso_oidc_server::{InjectedFault, FaultRule};
    /// assert_eq!(FaultRule::new(InjectedFault::Stall).at_authorization_page().to_string(), "stall@page");
    /// ```
    #[must_use]
    pub const fn at_authorization_page(mut self) -> Self {
        self.target = Some(Target::AuthorizationPage);
        self
    }

    /// Limits the rule to these requests, counted from 1, both included. `None` means no end. The range has
    /// no effect on [`InjectedFault::Refuse`], because a refused connection cannot be counted; see
    /// [`crate::Handle::stop_faults`]. For a certificate fault it counts connections. Each has one request,
    /// because the response closes it.
    #[must_use]
    pub const fn requests(mut self, from: u32, to: Option<u32>) -> Self {
        self.from = from;
        self.to = to;
        self
    }

    /// Limits the rule to the first request.
    #[must_use]
    pub const fn once(self) -> Self {
        self.requests(1, Some(1))
    }

    /// Sets the number of bytes after which the fault acts. They count in the request, after at least the
    /// first line, or in the response, including its head. Only faults that [have a
    /// position](InjectedFault::has_position) use it. By default they act after the first line, or in the
    /// middle of the response body.
    #[must_use]
    pub const fn after_bytes(mut self, bytes: usize) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// Returns the fault.
    ///
    /// ```
    /// use sso_oidc_server::{InjectedFault, FaultRule};
    /// assert_eq!(FaultRule::new(InjectedFault::Stall).once().fault(), InjectedFault::Stall);
    /// ```
    #[must_use]
    pub const fn fault(&self) -> InjectedFault {
        self.fault
    }

    /// Returns the operation that the rule is limited to.
    ///
    /// ```
    /// use sso_oidc_server::{FaultRule, Operation};
    /// let rule: FaultRule = "slow-down@poll:1".parse()?;
    /// assert_eq!((rule.operation(), rule.is_once()), (Some(Operation::CreateToken), true));
    /// # Ok::<(), sso_oidc_server::FaultRuleError>(())
    /// ```
    #[must_use]
    pub const fn operation(&self) -> Option<Operation> {
        match self.target {
            Some(target) => target.operation(),
            None => None,
        }
    }

    /// Returns whether the rule applies to one request of each kind.
    #[must_use]
    pub const fn is_once(&self) -> bool {
        matches!(self.to, Some(to) if to == self.from)
    }

    pub(crate) const fn bytes(&self) -> Option<usize> {
        self.bytes
    }

    /// Returns the kind of request that it is limited to.
    pub(crate) const fn target(&self) -> Option<Target> {
        self.target
    }

    /// Returns whether it applies to this kind of request.
    pub(crate) fn concerns(&self, asked: Target) -> bool {
        match (self.target, asked) {
            _ if !self.fault.occurs_at_target(asked) => false,
            (Some(only), _) => only == asked,
            (None, Target::Operation(operation)) => Operation::SIGN_IN.contains(&operation),
            (None, Target::Discovery | Target::AuthorizationPage) => false,
        }
    }

    /// Returns whether it applies to the request of this number.
    pub(crate) fn includes(&self, number: u32) -> bool {
        number >= self.from && self.to.is_none_or(|to| number <= to)
    }
}

/// The kind of a request, for fault rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Operation(Operation),
    /// The metadata of an OAuth provider.
    Discovery,
    /// The page of `/authorize`, in a browser.
    AuthorizationPage,
}

impl Target {
    /// Returns the operation, if it is one.
    pub(crate) const fn operation(self) -> Option<Operation> {
        match self {
            Self::Operation(operation) => Some(operation),
            Self::Discovery | Self::AuthorizationPage => None,
        }
    }
}

impl From<InjectedFault> for FaultRule {
    fn from(fault: InjectedFault) -> Self {
        Self::new(fault)
    }
}

/// The names of the targets.
const TARGETS: [(&str, Target); 11] = [
    ("register", Target::Operation(Operation::RegisterClient)),
    ("authorize", Target::Operation(Operation::StartDeviceAuthorization)),
    ("poll", Target::Operation(Operation::CreateToken)),
    ("revoke", Target::Operation(Operation::RevokeToken)),
    ("introspect", Target::Operation(Operation::IntrospectToken)),
    ("discover", Target::Discovery),
    ("accounts", Target::Operation(Operation::ListAccounts)),
    ("roles", Target::Operation(Operation::ListAccountRoles)),
    ("credentials", Target::Operation(Operation::GetRoleCredentials)),
    ("logout", Target::Operation(Operation::Logout)),
    ("page", Target::AuthorizationPage),
];

impl fmt::Display for FaultRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)?;
        if let Some(bytes) = self.bytes {
            write!(f, "={bytes}")?;
        }
        if let Some((name, _)) = TARGETS.iter().find(|(_, target)| self.target == Some(*target)) {
            write!(f, "@{name}")?;
        }
        match (self.from, self.to) {
            (0 | 1, None) => Ok(()),
            (from, None) => write!(f, ":{from}-"),
            (from, Some(to)) if from == to => write!(f, ":{from}"),
            (from, Some(to)) => write!(f, ":{from}-{to}"),
        }
    }
}

/// The error of a text that is no [`FaultRule`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultRuleError {
    /// No fault has this name.
    #[error("unknown fault name")]
    InjectedFault,
    /// The text after the `@` is no operation.
    #[error(
        "expected register, authorize, poll, revoke, introspect, discover, accounts, roles, credentials, logout or page after `@`"
    )]
    Operation,
    /// The text after the `:` names no requests.
    #[error("expected N, N-M or N- after `:`, counted from 1")]
    Requests,
    /// The text after the `=` is no number of bytes.
    #[error("expected a whole number of bytes after `=`")]
    Bytes,
    /// The fault does not depend on a number of bytes.
    #[error("this fault does not accept a number of bytes")]
    Position,
    /// Only the operations of a sign-in can have a certificate fault.
    #[error("a certificate fault applies only to register, authorize or poll")]
    NoCertificate,
    /// The operation has no such answer.
    #[error("this fault is an answer of the protocol that this operation does not have")]
    Elsewhere,
    /// A refused connection cannot be counted.
    #[error("`refuse` does not accept `:`, because refused connections cannot be counted")]
    Uncountable,
}

impl FromStr for FaultRule {
    type Err = FaultRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (text, requests) = split(text, ':');
        let (text, operation) = split(text, '@');
        let (name, bytes) = split(text, '=');
        let fault = name.parse().map_err(|_| FaultRuleError::InjectedFault)?;
        let mut rule = Self::new(fault);
        if let Some(bytes) = bytes {
            if !fault.has_position() {
                return Err(FaultRuleError::Position);
            }
            rule = rule.after_bytes(bytes.parse().map_err(|_| FaultRuleError::Bytes)?);
        }
        if let Some(name) = operation {
            let known = TARGETS.iter().find(|(known, _)| *known == name);
            let target = known.ok_or(FaultRuleError::Operation)?.1;
            // The server would accept such a rule and never apply it.
            if fault.needs_tls() && !Self::new(fault).concerns(target) {
                return Err(FaultRuleError::NoCertificate);
            }
            if !fault.occurs_at_target(target) {
                return Err(FaultRuleError::Elsewhere);
            }
            rule.target = Some(target);
        }
        let Some(requests) = requests else { return Ok(rule) };
        if fault == InjectedFault::Refuse {
            return Err(FaultRuleError::Uncountable);
        }
        let number = |text: &str| match text.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(FaultRuleError::Requests),
        };
        let (from, to) = match requests.split_once('-') {
            None => (number(requests)?, Some(number(requests)?)),
            Some((from, "")) => (number(from)?, None),
            Some((from, to)) => (number(from)?, Some(number(to)?)),
        };
        if to.is_some_and(|to| to < from) {
            return Err(FaultRuleError::Requests);
        }
        Ok(rule.requests(from, to))
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_read_as_it_is_written() {
        for text in [
            "refuse",
            "refuse@poll",
            "drip@register",
            "cut-json:1",
            "html-502@authorize:2-3",
            "http-1.0@poll:4-",
            "stall=0",
            "reset-answer=100@poll:1",
            "html-200@revoke",
            "redirect-307@discover:1",
            "tls-expired@poll:2",
            "html-502@accounts",
            "stall@roles:2",
            "drip@credentials",
            "cut-json@logout:4-",
            "stall=10@page:2",
            "slow-down@authorize",
            "invalid-client@revoke",
            "server-error@roles:1",
        ] {
            assert_eq!(text.parse::<FaultRule>().unwrap().to_string(), text);
        }
        assert_eq!("drip:1-".parse::<FaultRule>().unwrap().to_string(), "drip");
    }

    #[test]
    fn a_text_that_is_no_rule_is_refused_with_what_is_wrong() {
        for (text, error) in [
            ("", FaultRuleError::InjectedFault),
            ("drop", FaultRuleError::InjectedFault),
            ("drip@token", FaultRuleError::Operation),
            ("drip@", FaultRuleError::Operation),
            ("drip:0", FaultRuleError::Requests),
            ("drip:", FaultRuleError::Requests),
            ("drip:-2", FaultRuleError::Requests),
            ("drip:3-2", FaultRuleError::Requests),
            ("drip:+1-x", FaultRuleError::Requests),
            ("drip=3", FaultRuleError::Position),
            ("stall=", FaultRuleError::Bytes),
            ("stall=-1", FaultRuleError::Bytes),
            ("refuse:1", FaultRuleError::Uncountable),
            ("expired@register", FaultRuleError::Elsewhere),
            ("slow-down@revoke", FaultRuleError::Elsewhere),
            ("invalid-client@register", FaultRuleError::Elsewhere),
            ("server-error@discover", FaultRuleError::Elsewhere),
            ("invalid-grant@accounts", FaultRuleError::Elsewhere),
            ("tls-expired@revoke", FaultRuleError::NoCertificate),
            ("tls-expired@page", FaultRuleError::NoCertificate),
            ("tls-other-name@discover:1", FaultRuleError::NoCertificate),
        ] {
            assert_eq!(text.parse::<FaultRule>(), Err(error), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_said_with_what_would_be_right() {
        for (text, said) in [
            ("smoke", "unknown fault name"),
            (
                "stall@login",
                "expected register, authorize, poll, revoke, introspect, discover, accounts, roles, credentials, logout or page after `@`",
            ),
            ("stall:0", "expected N, N-M or N- after `:`, counted from 1"),
            ("stall=few", "expected a whole number of bytes after `=`"),
            ("gzip=7", "this fault does not accept a number of bytes"),
            ("expired@register", "this fault is an answer of the protocol that this operation does not have"),
            ("refuse:1", "`refuse` does not accept `:`, because refused connections cannot be counted"),
            ("tls-unknown-ca@revoke", "a certificate fault applies only to register, authorize or poll"),
        ] {
            assert_eq!(text.parse::<FaultRule>().unwrap_err().to_string(), said, "{text}");
        }
        assert_eq!("smoke".parse::<InjectedFault>().unwrap_err().to_string(), "unknown fault");
    }

    #[test]
    fn a_rule_is_limited_to_its_operation_and_its_requests() {
        let all = FaultRule::new(InjectedFault::Drip);
        let (poll, revoke) = (Operation::CreateToken, Operation::RevokeToken);
        assert!(Operation::SIGN_IN.iter().all(|operation| all.concerns(Target::Operation(*operation))));
        assert!(!all.concerns(Target::Operation(revoke)) && !all.concerns(Target::Discovery));
        assert!(!all.concerns(Target::AuthorizationPage));
        assert!(all.at_authorization_page().concerns(Target::AuthorizationPage));
        assert!(all.at_discovery().concerns(Target::Discovery));
        assert!(!all.at_discovery().concerns(Target::Operation(poll)));
        let some = all.at(poll).requests(2, Some(3));
        assert!(some.concerns(Target::Operation(poll)) && !some.concerns(Target::Operation(revoke)));
        assert_eq!((1..=4).filter(|number| some.includes(*number)).collect::<Vec<_>>(), [2, 3]);
    }
}
