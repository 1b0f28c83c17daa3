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
        /// assert_eq!(fault.about(), "the connection is reset in the middle of the answer");
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
    DropRequest "drop-request" "the connection is closed without an answer, and nothing was done"
    NeverAnswers "never-answers" "the connection is taken and the request read, and no answer ever comes"
    ResetRequest "reset-request" "the connection is reset in the middle of the request"
    ResetAnswer "reset-answer" "the connection is reset in the middle of the answer"
    DropAfterCommit "drop-after-commit" "what was asked for is done, and the answer dropped"
    Stall "stall" "the answer stops in the middle, and the connection stays"
    Drip "drip" "the answer comes at one byte a second"
    EndlessBody "endless-body" "the answer's body never ends"
    LengthTooLong "length-too-long" "Content-Length promises more than comes"
    LengthTooShort "length-too-short" "Content-Length promises half of what comes"
    TwoLengths "two-lengths" "two Content-Length headers contradict each other"
    NoLastChunk "no-last-chunk" "a chunked body comes whole, without the chunk that ends it"
    CutJson "cut-json" "the body is half of the JSON, with a Content-Length that says so"
    EmptyBody "empty-body" "the answer has no body"
    NotHttp "not-http" "another protocol answers"
    Html200 "html-200" "a page with status 200, as from a hotel's network; the service never saw the request"
    Html502 "html-502" "a gateway's page with status 502; the service has done what was asked"
    TooManyRequests "too-many-requests" "429, and Retry-After in seconds; nothing was done"
    TooManyRequestsDate "too-many-requests-date" "429, and Retry-After as a date; nothing was done"
    Unavailable "unavailable" "503, and Retry-After in seconds; nothing was done"
    UnavailableDate "unavailable-date" "503, and Retry-After as a date; nothing was done"
    NotFound "not-found" "404 with a page, as at a wrong address; nothing was done"
    Forbidden "forbidden" "403 with a page, as from an access proxy; nothing was done"
    Redirect301 "redirect-301" "301 to another host; nothing was done"
    Redirect302 "redirect-302" "302 to another host; nothing was done"
    Redirect303 "redirect-303" "303 to another host; nothing was done"
    Redirect307 "redirect-307" "307 to another host; nothing was done"
    Redirect308 "redirect-308" "308 to another host; nothing was done"
    DuplicateHeaders "duplicate-headers" "every header comes twice"
    HugeHeaders "huge-headers" "a mebibyte of headers"
    WrongContentType "wrong-content-type" "the answer calls itself text/html"
    Gzip "gzip" "the answer is compressed, which was not asked for"
    ByteOrderMark "byte-order-mark" "the body begins with a byte order mark"
    OddToken "odd-token" "the token's type is a list, and its life a word"
    CodeElsewhere "code-elsewhere" "a refusal's code stands in `message` and nowhere else"
    CodeInCapitals "code-in-capitals" "a refusal's code is written in capitals"
    EarlyHints "early-hints" "an informational answer (103) comes before the real one"
    Http10 "http-1.0" "the answer is HTTP/1.0, and the connection is closed after it"
    UntilClose "until-close" "the body has no length and ends with the connection"
    Close "close" "the answer says Connection: close, and means it"
    CloseUnannounced "close-unannounced" "the connection is closed after the answer, without a word"
    WrongDate "wrong-date" "the answer's Date is decades off"
    TlsExpired "tls-expired" "the certificate has expired"
    TlsOtherName "tls-other-name" "the certificate is for another name"
    TlsUnknownCa "tls-unknown-ca" "the certificate is from an unknown CA"
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
                | Self::NotFound
                | Self::Forbidden
        ) && !self.redirects()
            && !self.needs_tls()
    }

    /// Returns whether the fault prevents any response, so the log has no status.
    pub(crate) const fn says_nothing(self) -> bool {
        matches!(self, Self::DropRequest | Self::NeverAnswers | Self::NotHttp)
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
#[error("there is no such fault")]
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
