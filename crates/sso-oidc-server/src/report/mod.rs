//! The report: how the clients of a server behaved.

mod collector;
pub(crate) mod query;

pub(crate) use collector::{Answer, Collector, Event};

/// Declares the findings once: variant, field, name, description.
macro_rules! findings {
    ($($variant:ident $field:ident $name:literal $about:literal)*) => {
        /// A kind of behaviour that a correct client does not show.
        ///
        /// ```
        /// use sso_oidc_server::Finding;
        /// assert_eq!(Finding::EarlyPolls.name(), "earlyPolls");
        /// assert_eq!(Finding::EarlyPolls.about(), "Polls earlier than the interval");
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Finding {
            $(#[doc = concat!($about, ".")] $variant,)*
        }

        impl Finding {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns its name, for a document, such as `earlyPolls`.
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

        /// How the clients of a server behaved, in numbers of requests.
        ///
        /// ```
        /// use sso_oidc_server::{Finding, TestServer};
        ///
        /// let server = TestServer::start(); // which reports
        /// # use std::io::{Read as _, Write as _};
        /// # let host = server.endpoint().trim_start_matches("http://");
        /// # let mut stream = std::net::TcpStream::connect(host)?;
        /// # write!(stream, "POST /token?device_code=x HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
        /// # stream.read_to_string(&mut String::new())?;
        /// // A client sends POST /token?device_code=…
        /// let report = server.report();
        /// assert_eq!((report.polls, report.secrets_in_query), (0, 1));
        /// assert_eq!(report.count(Finding::SecretsInQuery), 1);
        /// assert_eq!(report.findings(), [(Finding::SecretsInQuery, 1)]);
        /// # Ok::<(), std::io::Error>(())
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
        #[non_exhaustive]
        pub struct Report {
            /// CreateToken requests with a device code.
            pub polls: u64,
            /// Tokens for a device code or an authorization code that reached the client, as far as the server can
            /// tell: no injected fault damaged the response.
            pub sign_ins: u64,
            /// Requests that came again after an injected fault had lost the response. A correct client does so.
            pub repeats_after_loss: u64,
            $(#[doc = concat!($about, ".")] pub $field: u64,)*
        }

        impl Report {
            /// Returns the number of requests with this finding.
            #[must_use]
            pub const fn count(&self, finding: Finding) -> u64 {
                match finding {
                    $(Finding::$variant => self.$field,)*
                }
            }
        }
    };
}

findings! {
    EarlyPolls early_polls "earlyPolls" "Polls earlier than the interval"
    SlowDownsIgnored slow_downs_ignored "slowDownsIgnored"
        "Polls that ignored a slow_down, whose five seconds last (RFC 8628 §3.5)"
    PollsAfterEnd polls_after_end "pollsAfterEnd" "Polls after the token, a denial, the expiry or a rejection of the code"
    SpentSecrets spent_secrets "spentSecrets"
        "Spent secrets sent again: a device code or authorization code after its token, an old refresh token"
    RedirectsFollowed redirects_followed "redirectsFollowed" "Redirects to another host followed"
    SecretsInQuery secrets_in_query "secretsInQuery" "Requests with a secret in the query"
}

impl Report {
    /// Returns the findings that occurred, with their numbers.
    #[must_use]
    pub fn findings(&self) -> Vec<(Finding, u64)> {
        let all = Finding::ALL.iter().map(|finding| (*finding, self.count(*finding)));
        all.filter(|(_, count)| *count > 0).collect()
    }
}
