//! The table of all faults and the endings of sign-ins. It is the source of the tests and of the page
//! `FAULTS.md`. Both adapters must match it, so their outcomes are the same.

use oidc_proto::Dialect;
use sso_oidc_server::{Config, FaultRule, InjectedFault, Tls};

/// The ending of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With a token, as without the fault.
    Unharmed,
    /// With a token, after a repeated request.
    Retried,
    /// With a token. A race between two machines decides whether a later request repeats.
    SignedIn,
    /// Without a token: the response with the grant was lost.
    GrantLost,
    /// Without a token, after an error that the client believes.
    Refused,
    /// Without a token, because the service says that the person denied.
    Denied,
    /// Without a token, because the service says that the code has expired, or because its life is over.
    Expired,
    /// Without a token, after an error of the service that ends a sign-in.
    Rejected,
    /// Without a verdict, at the end of the retry window or of the code's lifetime.
    Unreachable,
    /// Stopped by the driver, because the HTTP client followed a redirect.
    GivenUp,
}

/// The kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// A fault of the server's responses.
    Server(FaultRule),
    /// A fault of the server's certificate, or of its responses over TLS. A redirect leads to plain HTTP.
    OverTls(FaultRule),
}

/// The endings of sign-ins with a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endings {
    /// The endings if the fault applies once: to RegisterClient, StartDeviceAuthorization, a pending poll, or
    /// the granted poll.
    pub(crate) once: [Ending; 4],
    /// The endings if it always applies: to RegisterClient, StartDeviceAuthorization or CreateToken.
    pub(crate) always: [Ending; 3],
    /// The endings if it applies to the exchange of an authorization code: once, and always. RegisterClient ends
    /// alike in both flows.
    pub(crate) exchange: [Ending; 2],
}

/// The endings in each dialect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Both {
    pub(crate) aws: Endings,
    pub(crate) oauth: Endings,
}

/// The result of a call outside a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallResult {
    /// The call succeeded.
    Done,
    /// The service refuses the call.
    Fault,
    /// The response is indeterminate, so the token may still be valid.
    Indeterminate,
    /// The request was not sent.
    NotSent,
    /// No response came, and the service may have seen the request.
    Lost,
    /// The document is not valid metadata.
    NoMetadata,
    /// The provider had no response until the retry window was over.
    NotForNow,
    /// The metadata URLs lead to another host, and the search does not follow.
    NotFollowed,
    /// The HTTP client followed a redirect by itself.
    FollowedRedirect,
}

/// The results of calls outside a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Calls {
    /// A revocation (RFC 7009), or Logout of the portal, each of which is sent once. Their success has no body.
    pub(crate) ending: CallResult,
    /// ListAccounts, ListAccountRoles or GetRoleCredentials of the portal, each of which is sent once.
    pub(crate) portal: CallResult,
    /// The results of two searches for metadata (RFC 8414): with the first request affected, and with every
    /// request affected.
    pub(crate) discovery: [CallResult; 2],
}

/// An HTTP client for the requests.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) name: &'static str,
    /// Whether it follows redirects, and cannot be configured otherwise.
    pub(crate) follows_redirects: bool,
}

/// A fault, and its results.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) wrong: Wrong,
    pub(crate) endings: Both,
    /// `None` where the server's own metadata would not name the requested URL.
    pub(crate) calls: Option<Calls>,
}

impl Wrong {
    pub(crate) const fn rule(self) -> FaultRule {
        match self {
            Self::Server(rule) | Self::OverTls(rule) => rule,
        }
    }

    pub(crate) const fn fault(self) -> InjectedFault {
        self.rule().fault()
    }

    /// Returns the configuration of a server with this fault.
    pub(crate) fn with(self, rule: FaultRule, config: Config) -> Config {
        let config = config.with_fault(rule);
        match self {
            Self::Server(_) => config,
            Self::OverTls(_) => config.with_tls(Tls::new_ca()),
        }
    }

    /// Returns whether it redirects the client.
    pub(crate) const fn redirects(self) -> bool {
        self.fault().redirects()
    }

    /// Returns whether the response takes a long time to end.
    pub(crate) const fn hangs(self) -> bool {
        matches!(self.fault(), InjectedFault::NeverAnswers | InjectedFault::Stall | InjectedFault::Drip)
    }
}

impl Row {
    /// Returns the results of calls outside a sign-in, through this client.
    pub(crate) fn calls(&self, client: &Client) -> Option<Calls> {
        let calls = self.calls?;
        Some(match calls.ending {
            _ if client.follows_redirects && self.wrong.redirects() => CALLS_LED_ASTRAY,
            // The refused connection may have been the redirect's target.
            CallResult::NotSent if client.follows_redirects => {
                Calls { ending: CallResult::Lost, portal: CallResult::Lost, ..calls }
            }
            _ => calls,
        })
    }

    /// Returns the endings of sign-ins in this dialect through this client.
    pub(crate) fn endings(&self, dialect: Dialect, client: &Client) -> Endings {
        if client.follows_redirects && self.wrong.redirects() {
            return WITH_FOLLOWED_REDIRECT;
        }
        match dialect {
            Dialect::OAuth => self.endings.oauth,
            _ => self.endings.aws,
        }
    }
}

use Ending::{
    Denied, Expired, GivenUp, GrantLost, Refused, Rejected, Retried, SignedIn, Unharmed, Unreachable,
};

/// Returns the same endings for both dialects.
const fn alike(once: [Ending; 4], always: [Ending; 3], exchange: [Ending; 2]) -> Both {
    let endings = Endings { once, always, exchange };
    Both { aws: endings, oauth: endings }
}

/// A fault without harm, however often.
const HARMLESS: Both = alike([Unharmed; 4], [Unharmed; 3], [Unharmed; 2]);
/// The service does not see the request, so only time is lost.
const UNSEEN: Both = alike([Retried; 4], [Unreachable; 3], [Retried, Unreachable]);
/// The service sends an error, which ends a sign-in before the code, and the exchange of an authorization code. The
/// client repeats a poll, because the person may have approved.
const REFUSED: Both =
    alike([Refused, Refused, Retried, Retried], [Refused, Refused, Unreachable], [Refused; 2]);
/// The same, except that three such errors in a row mean a missing endpoint.
const MISSING: Both = alike([Refused, Refused, Retried, Retried], [Refused; 3], [Refused; 2]);
/// The service executes the request, but the response does not arrive. A code brings only one grant.
const UNHEARD: Both =
    alike([Retried, Retried, Retried, GrantLost], [Unreachable; 3], [GrantLost, Unreachable]);
/// The same, but the head of the response arrives. In the AWS dialect it names the error, which is enough. A
/// token, and every error in the OAuth dialect, is only in the body.
const HALF_HEARD: Both = Both {
    aws: Endings {
        once: [Retried, Retried, Unharmed, GrantLost],
        always: [Unreachable, Unreachable, GrantLost],
        exchange: [GrantLost; 2],
    },
    oauth: UNHEARD.oauth,
};
/// A poll is too early, and the next one comes later.
const SLOWED: Both =
    alike([Retried, Retried, Retried, Retried], [Unreachable, Unreachable, Expired], [Retried, Unreachable]);
/// The code has expired, says the service. No other operation has this answer.
const EXPIRED: Both =
    alike([Unharmed, Unharmed, Expired, Expired], [Unharmed, Unharmed, Expired], [Expired; 2]);
/// The person denied, says the service.
const DENIED: Both = alike([Unharmed, Unharmed, Denied, Denied], [Unharmed, Unharmed, Denied], [Denied; 2]);
/// The service does not know the client. A sign-in that has just registered does not do so again.
const UNKNOWN_CLIENT: Both =
    alike([Unharmed, Rejected, Rejected, Rejected], [Unharmed, Rejected, Rejected], [Rejected; 2]);
/// The service rejects the code.
const UNKNOWN_GRANT: Both =
    alike([Unharmed, Unharmed, Rejected, Rejected], [Unharmed, Unharmed, Rejected], [Rejected; 2]);
/// The next request may use a closed connection.
const RACE: Both = alike([SignedIn; 4], [SignedIn; 3], [SignedIn; 2]);
/// The client follows the redirect. The driver detects that afterwards and sends nothing more.
pub(crate) const WITH_FOLLOWED_REDIRECT: Endings =
    Endings { once: [GivenUp; 4], always: [GivenUp; 3], exchange: [GivenUp; 2] };

/// Returns the results where the status and the body of a response say the same.
const fn calls(sent_once: CallResult, once: CallResult, always: CallResult) -> Option<Calls> {
    Some(Calls { ending: sent_once, portal: sent_once, discovery: [once, always] })
}

/// Returns the results where the status reports success, and the body cannot be read. The status is enough for a
/// revocation (RFC 7009 §2.2) and for Logout.
const fn without_body(once: CallResult, always: CallResult) -> Option<Calls> {
    let (ending, portal) = (CallResult::Done, CallResult::Indeterminate);
    Some(Calls { ending, portal, discovery: [once, always] })
}

/// The same results as without a fault.
const DONE: Option<Calls> = calls(CallResult::Done, CallResult::Done, CallResult::Done);
/// The connection is refused, also later. A search reports no more, because it may repeat its requests in any
/// case.
const NOT_SENT: Option<Calls> = calls(CallResult::NotSent, CallResult::Lost, CallResult::Lost);
/// The service may have seen the request. A search repeats its request.
const LOST: Option<Calls> = calls(CallResult::Lost, CallResult::Done, CallResult::Lost);
/// The status reports a temporary error. A search repeats its request, or uses the other URL.
const STATUS: Option<Calls> = calls(CallResult::Indeterminate, CallResult::Done, CallResult::NotForNow);
/// The response is a permanent error.
const NO_METADATA: Option<Calls> = calls(CallResult::Indeterminate, CallResult::Done, CallResult::NoMetadata);
/// The redirect leads to plain HTTP on another host. If one URL has no metadata, the search uses the other
/// one, which has them.
const REDIRECT: Option<Calls> = calls(CallResult::Indeterminate, CallResult::Done, CallResult::NotFollowed);
/// The body is wrong.
const NO_BODY: Option<Calls> = without_body(CallResult::Done, CallResult::NoMetadata);
/// The body is visibly incomplete, so the search repeats the request.
const CUT_BODY: Option<Calls> = without_body(CallResult::Done, CallResult::Lost);
/// The client follows the redirect.
pub(crate) const CALLS_LED_ASTRAY: Calls = Calls {
    ending: CallResult::FollowedRedirect,
    portal: CallResult::FollowedRedirect,
    discovery: [CallResult::FollowedRedirect; 2],
};
/// The service refuses a revocation and the calls of the portal, and metadata have no such error.
const FAULT: Option<Calls> =
    Some(Calls { ending: CallResult::Fault, portal: CallResult::Fault, discovery: [CallResult::Done; 2] });
/// Not tested: the request is too short for this fault, or these calls are not made over TLS.
const UNTRIED: Option<Calls> = None;

/// Declares each row once, with a test for each adapter.
macro_rules! rows {
    ($($test:ident $wrong:expr, $endings:ident, $calls:ident;)*) => {
        /// Every row.
        pub(crate) const TABLE: &[Row] = &[$(Row { wrong: $wrong, endings: $endings, calls: $calls },)*];

        mod every_sign_in_ends_as_the_table_says {
            use super::*;

            $(
                fn $test<A: crate::adapter::Faced>() {
                    let row = Row { wrong: $wrong, endings: $endings, calls: $calls };
                    crate::case::check::<A>(&row);
                    crate::calls::check::<A>(&row);
                }
            )*

            adapter_tests::for_both_adapters! { $($test),* }
        }
    };
}

const fn server(fault: InjectedFault) -> Wrong {
    Wrong::Server(FaultRule::new(fault))
}

const fn over_tls(fault: InjectedFault) -> Wrong {
    Wrong::OverTls(FaultRule::new(fault))
}

const fn after(fault: InjectedFault, bytes: usize) -> Wrong {
    Wrong::Server(FaultRule::new(fault).after_bytes(bytes))
}

rows! {
    refuse server(InjectedFault::Refuse), UNSEEN, NOT_SENT;
    drop_request server(InjectedFault::DropRequest), UNSEEN, LOST;
    never_answers server(InjectedFault::NeverAnswers), UNSEEN, LOST;
    reset_request server(InjectedFault::ResetRequest), UNSEEN, LOST;
    reset_request_in_the_middle after(InjectedFault::ResetRequest, 100), UNSEEN, UNTRIED;
    reset_answer server(InjectedFault::ResetAnswer), HALF_HEARD, CUT_BODY;
    reset_answer_at_once after(InjectedFault::ResetAnswer, 0), UNHEARD, LOST;
    reset_answer_in_the_head after(InjectedFault::ResetAnswer, 30), UNHEARD, LOST;
    drop_after_commit server(InjectedFault::DropAfterCommit), UNHEARD, LOST;
    stall server(InjectedFault::Stall), HALF_HEARD, CUT_BODY;
    stall_at_once after(InjectedFault::Stall, 0), UNHEARD, LOST;
    stall_in_the_head after(InjectedFault::Stall, 30), UNHEARD, LOST;
    drip server(InjectedFault::Drip), UNHEARD, LOST;
    endless_body server(InjectedFault::EndlessBody), HALF_HEARD, NO_BODY;
    length_too_long server(InjectedFault::LengthTooLong), HARMLESS, DONE;
    length_too_short server(InjectedFault::LengthTooShort), HALF_HEARD, NO_BODY;
    two_lengths server(InjectedFault::TwoLengths), UNHEARD, LOST;
    no_last_chunk server(InjectedFault::NoLastChunk), HARMLESS, DONE;
    cut_json server(InjectedFault::CutJson), HALF_HEARD, NO_BODY;
    empty_body server(InjectedFault::EmptyBody), HALF_HEARD, NO_BODY;
    not_http server(InjectedFault::NotHttp), UNSEEN, LOST;
    html_200 server(InjectedFault::Html200), UNSEEN, NO_BODY;
    html_502 server(InjectedFault::Html502), UNHEARD, STATUS;
    too_many_requests server(InjectedFault::TooManyRequests), UNSEEN, STATUS;
    too_many_requests_date server(InjectedFault::TooManyRequestsDate), UNSEEN, STATUS;
    unavailable server(InjectedFault::Unavailable), UNSEEN, STATUS;
    unavailable_date server(InjectedFault::UnavailableDate), UNSEEN, STATUS;
    gateway_503 server(InjectedFault::Gateway503), UNSEEN, STATUS;
    slow_down server(InjectedFault::SlowDown), SLOWED, DONE;
    expired server(InjectedFault::Expired), EXPIRED, DONE;
    access_denied server(InjectedFault::AccessDenied), DENIED, DONE;
    invalid_client server(InjectedFault::InvalidClient), UNKNOWN_CLIENT, UNTRIED;
    invalid_grant server(InjectedFault::InvalidGrant), UNKNOWN_GRANT, DONE;
    server_error server(InjectedFault::ServerError), UNSEEN, FAULT;
    not_found server(InjectedFault::NotFound), MISSING, NO_METADATA;
    forbidden server(InjectedFault::Forbidden), REFUSED, NO_METADATA;
    redirect_301 server(InjectedFault::Redirect301), REFUSED, REDIRECT;
    redirect_302 server(InjectedFault::Redirect302), REFUSED, REDIRECT;
    redirect_303 server(InjectedFault::Redirect303), REFUSED, REDIRECT;
    redirect_307 server(InjectedFault::Redirect307), REFUSED, REDIRECT;
    redirect_308 server(InjectedFault::Redirect308), REFUSED, REDIRECT;
    redirect_307_to_plain_http over_tls(InjectedFault::Redirect307), REFUSED, UNTRIED;
    duplicate_headers server(InjectedFault::DuplicateHeaders), HARMLESS, DONE;
    huge_headers server(InjectedFault::HugeHeaders), UNHEARD, LOST;
    wrong_content_type server(InjectedFault::WrongContentType), HARMLESS, DONE;
    gzip server(InjectedFault::Gzip), HALF_HEARD, NO_BODY;
    byte_order_mark server(InjectedFault::ByteOrderMark), HARMLESS, DONE;
    odd_token server(InjectedFault::OddToken), HARMLESS, DONE;
    code_elsewhere server(InjectedFault::CodeElsewhere), HARMLESS, DONE;
    code_in_capitals server(InjectedFault::CodeInCapitals), HARMLESS, DONE;
    early_hints server(InjectedFault::EarlyHints), HARMLESS, DONE;
    http_1_0 server(InjectedFault::Http10), HARMLESS, DONE;
    until_close server(InjectedFault::UntilClose), HARMLESS, DONE;
    close server(InjectedFault::Close), HARMLESS, DONE;
    close_unannounced server(InjectedFault::CloseUnannounced), RACE, DONE;
    wrong_date server(InjectedFault::WrongDate), HARMLESS, DONE;
    tls_expired over_tls(InjectedFault::TlsExpired), UNSEEN, UNTRIED;
    tls_other_name over_tls(InjectedFault::TlsOtherName), UNSEEN, UNTRIED;
    tls_unknown_ca over_tls(InjectedFault::TlsUnknownCa), UNSEEN, UNTRIED;
}

#[test]
fn every_fault_is_in_the_table() {
    for fault in InjectedFault::ALL {
        assert!(TABLE.iter().any(|row| row.wrong.fault() == *fault), "{fault} is not");
    }
}
