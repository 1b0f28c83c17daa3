//! Injected faults: the ways in which the server can misbehave, each with a name.

mod canned;
#[cfg(feature = "tls")]
pub(crate) mod certificates;
pub(crate) mod check;
pub(crate) mod connection;
pub(crate) mod faults;
mod inject;
pub(crate) mod listener;
mod members;
mod message;
mod port;
mod prefixed;
mod redirect_target;
mod rule;
mod transport;
pub(crate) mod verdict;

use core::fmt;
use core::str::FromStr;

pub use rule::{FaultRule, FaultRuleError};

/// Declares the faults once: variant, name, description.
macro_rules! faults {
    ($($variant:ident $name:literal $about:literal)*) => {
        /// An injected fault. A [`FaultRule`] selects the requests.
        ///
        /// A fault changes the bytes of a connection, below HTTP if necessary. Some faults act after the
        /// server has executed the request ([`InjectedFault::commits`]) and damage only the response.
        ///
        /// ```
        /// use sso_oidc_server::InjectedFault;
        /// let fault: InjectedFault = "reset-answer".parse()?;
        /// assert_eq!((fault, fault.name()), (InjectedFault::ResetAnswer, "reset-answer"));
        /// assert_eq!(fault.about(), "the connection is reset in the middle of the response");
        /// assert!(fault.commits() && fault.has_position() && !fault.redirects());
        /// # Ok::<(), sso_oidc_server::FaultError>(())
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum InjectedFault {
            $(#[doc = concat!("`", $name, "`: ", $about, ".")] $variant,)*
        }

        impl InjectedFault {
            /// Every fault.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns its name, for example `cut-json`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Returns its description, as one line without a full stop.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => $about,)*
                }
            }
        }
    };
}

faults! {
    Refuse "refuse" "the port is closed, so connections are refused"
    DropRequest "drop-request" "the connection is closed without a response; the request is not processed"
    NeverAnswers "never-answers" "the connection is accepted and the request read, but no response is sent"
    ResetRequest "reset-request" "the connection is reset in the middle of the request"
    ResetAnswer "reset-answer" "the connection is reset in the middle of the response"
    DropAfterCommit "drop-after-commit" "the request is processed, but the response is dropped"
    Stall "stall" "the response stops in the middle, and the connection stays open"
    Drip "drip" "the response arrives at one byte per second"
    EndlessBody "endless-body" "the response body never ends"
    LengthTooLong "length-too-long" "Content-Length is larger than the body"
    LengthTooShort "length-too-short" "Content-Length is half the size of the body"
    TwoLengths "two-lengths" "two Content-Length headers contradict each other"
    NoLastChunk "no-last-chunk" "the chunked body is complete, but the last chunk is missing"
    CutJson "cut-json" "the body is half of the JSON, with a matching Content-Length"
    EmptyBody "empty-body" "the response has no body"
    NotHttp "not-http" "the server responds in another protocol"
    Html200 "html-200" "an HTML page with status 200, as from a captive portal; the request is not processed"
    Html502 "html-502" "a gateway's HTML page with status 502; the request is processed"
    TooManyRequests "too-many-requests" "429 with Retry-After in seconds; the request is not processed"
    TooManyRequestsDate "too-many-requests-date" "429 with Retry-After as a date; the request is not processed"
    Unavailable "unavailable" "503 with Retry-After in seconds; the request is not processed"
    UnavailableDate "unavailable-date" "503 with Retry-After as a date; the request is not processed"
    Gateway503 "gateway-503" "a gateway's HTML page with status 503; the request is not processed"
    SlowDown "slow-down" "the service responds with slow_down; the request is not processed"
    Expired "expired" "the service calls the device code expired, from then on; the request is not processed"
    AccessDenied "access-denied" "the service says that the person denied, from then on; the request is not processed"
    InvalidClient "invalid-client" "the service does not know the client this time; the request is not processed"
    InvalidGrant "invalid-grant" "the service rejects the code or token, from then on; the request is not processed"
    ServerError "server-error" "the service responds with 500 and an error in JSON; the request is not processed"
    NotFound "not-found" "404 with an HTML page, as at a wrong URL; the request is not processed"
    Forbidden "forbidden" "403 with an HTML page, as from an access proxy; the request is not processed"
    Redirect301 "redirect-301" "301 to another host; the request is not processed"
    Redirect302 "redirect-302" "302 to another host; the request is not processed"
    Redirect303 "redirect-303" "303 to another host; the request is not processed"
    Redirect307 "redirect-307" "307 to another host; the request is not processed"
    Redirect308 "redirect-308" "308 to another host; the request is not processed"
    DuplicateHeaders "duplicate-headers" "every header is sent twice"
    HugeHeaders "huge-headers" "the response has 1 MiB of headers"
    WrongContentType "wrong-content-type" "the Content-Type is text/html"
    Gzip "gzip" "the response is compressed, which the request does not accept"
    ByteOrderMark "byte-order-mark" "the body starts with a byte order mark"
    OddToken "odd-token" "the token type is a list, and the lifetime is not a number"
    CodeElsewhere "code-elsewhere" "the error code is only in `message`"
    CodeInCapitals "code-in-capitals" "the error code is in upper case"
    EarlyHints "early-hints" "an informational response (103) precedes the final one"
    Http10 "http-1.0" "the response is HTTP/1.0, and the connection is closed after it"
    UntilClose "until-close" "the body has no length and ends when the connection closes"
    Close "close" "the response has Connection: close, and the connection is closed"
    CloseUnannounced "close-unannounced" "the connection is closed after the response without Connection: close"
    WrongDate "wrong-date" "the response's Date header is wrong by decades"
    TlsExpired "tls-expired" "the TLS certificate has expired"
    TlsOtherName "tls-other-name" "the TLS certificate is for another name"
    TlsUnknownCa "tls-unknown-ca" "the TLS certificate is from an unknown CA"
}

impl InjectedFault {
    /// Returns whether the server executes the request before the fault acts. Then it keeps the registration,
    /// issues the code or spends the grant.
    #[must_use]
    pub const fn commits(self) -> bool {
        !matches!(
            self,
            Self::Refuse
                | Self::DropRequest
                | Self::NeverAnswers
                | Self::ResetRequest
                | Self::NotHttp
                | Self::Html200
                | Self::TooManyRequests
                | Self::TooManyRequestsDate
                | Self::Unavailable
                | Self::UnavailableDate
                | Self::Gateway503
                | Self::SlowDown
                | Self::Expired
                | Self::AccessDenied
                | Self::InvalidClient
                | Self::InvalidGrant
                | Self::ServerError
                | Self::NotFound
                | Self::Forbidden
        ) && !self.redirects()
            && !self.needs_tls()
    }

    /// Returns whether the client gets a response that it can use: the service's own, however unusual, or an error or
    /// redirect in its place.
    ///
    /// ```
    /// use sso_oidc_server::InjectedFault;
    /// assert!(InjectedFault::Http10.delivers() && InjectedFault::Gateway503.delivers());
    /// assert!(!InjectedFault::DropAfterCommit.delivers());
    /// ```
    #[must_use]
    pub const fn delivers(self) -> bool {
        match self {
            Self::LengthTooLong
            | Self::NoLastChunk
            | Self::DuplicateHeaders
            | Self::WrongContentType
            | Self::ByteOrderMark
            | Self::OddToken
            | Self::CodeElsewhere
            | Self::CodeInCapitals
            | Self::EarlyHints
            | Self::Http10
            | Self::UntilClose
            | Self::Close
            | Self::CloseUnannounced
            | Self::WrongDate
            | Self::SlowDown
            | Self::Expired
            | Self::AccessDenied
            | Self::InvalidClient
            | Self::InvalidGrant
            | Self::ServerError
            | Self::TooManyRequests
            | Self::TooManyRequestsDate
            | Self::Unavailable
            | Self::UnavailableDate
            | Self::Gateway503
            | Self::NotFound
            | Self::Forbidden => true,
            fault => fault.redirects(),
        }
    }

    /// Returns whether the fault prevents any response, so the log has no status.
    pub(crate) const fn says_nothing(self) -> bool {
        matches!(self, Self::DropRequest | Self::DropAfterCommit | Self::NeverAnswers | Self::NotHttp)
    }

    /// Returns whether it acts after a number of bytes, which a [`FaultRule`] can set.
    #[must_use]
    pub const fn has_position(self) -> bool {
        matches!(self, Self::ResetRequest | Self::ResetAnswer | Self::Stall)
    }

    /// Returns whether it is a certificate fault. It needs a server that speaks HTTPS with a CA made at
    /// start.
    ///
    /// ```
    /// use sso_oidc_server::InjectedFault;
    /// assert!(InjectedFault::TlsExpired.needs_tls());
    /// assert!(!InjectedFault::Drip.needs_tls());
    /// ```
    #[must_use]
    pub const fn needs_tls(self) -> bool {
        matches!(self, Self::TlsExpired | Self::TlsOtherName | Self::TlsUnknownCa)
    }

    /// Returns whether it redirects the client.
    #[must_use]
    pub const fn redirects(self) -> bool {
        matches!(
            self,
            Self::Redirect301 | Self::Redirect302 | Self::Redirect303 | Self::Redirect307 | Self::Redirect308
        )
    }
}

impl fmt::Display for InjectedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The error of a text that is no [`InjectedFault`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown fault")]
#[non_exhaustive]
pub struct FaultError;

impl FromStr for InjectedFault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|fault| fault.name() == text).ok_or(FaultError)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own_that_is_read_as_it_is_written() {
        let names: HashSet<_> = InjectedFault::ALL.iter().map(|fault| fault.name()).collect();
        assert_eq!(names.len(), InjectedFault::ALL.len());
        for fault in InjectedFault::ALL {
            assert_eq!(fault.to_string().parse(), Ok(*fault));
            assert!(
                fault
                    .name()
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
            );
            assert!(!fault.about().is_empty() && !fault.about().ends_with('.'));
        }
        assert_eq!("Refuse".parse::<InjectedFault>(), Err(FaultError));
    }
}
