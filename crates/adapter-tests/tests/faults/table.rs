//! Every fault, and how a sign-in ends that meets it. The tests and the page `FAULTS.md` are made from this table.
//! Both adapters are held against it, so that the outcomes are the same.

use oidc_proto::Dialect;
use sso_oidc_server::{Config, FaultRule, InjectedFault, Tls};

/// How a sign-in ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With a token, as if nothing had been wrong.
    Unharmed,
    /// With a token, after the request was sent again.
    Retried,
    /// With a token. Whether a later request has to be sent again is a race between two machines.
    SignedIn,
    /// Without a token: it was granted, and lost on the way.
    GrantLost,
    /// Without a token: something refused plainly, and is believed.
    Refused,
    /// Without a verdict, when the retry window or the code's life is over.
    Unreachable,
    /// Given up by the driver, because the HTTP client went elsewhere by itself.
    GivenUp,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// The server's answers.
    Server(FaultRule),
    /// The server's certificate, or its answers over TLS, where a redirect leads to plain HTTP.
    OverTls(FaultRule),
}

/// How sign-ins end that meet a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endings {
    /// If it applies once: RegisterClient, StartDeviceAuthorization, a poll that finds the person undecided, the poll that
    /// is granted.
    pub(crate) once: [Ending; 4],
    /// If it applies every time: RegisterClient, StartDeviceAuthorization, CreateToken.
    pub(crate) always: [Ending; 3],
}

/// How sign-ins end in each dialect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Both {
    pub(crate) aws: Endings,
    pub(crate) oauth: Endings,
}

/// What a call says that is no part of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It is done, or found.
    Done,
    /// The response is indeterminate: a revoked token must be taken for alive.
    Indeterminate,
    /// The request was not sent.
    NotSent,
    /// No answer came, and the request may have been seen.
    Lost,
    /// What was found is no metadata.
    NoMetadata,
    /// The provider had no answer until the retry window was over.
    NotForNow,
    /// The metadata's addresses lead elsewhere, and there the search does not go.
    NotFollowed,
    /// The HTTP client went elsewhere by itself.
    Astray,
}

/// What becomes of calls that are no part of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Calls {
    /// A revocation (RFC 7009), which is sent once.
    pub(crate) revocation: Told,
    /// A search for metadata (RFC 8414) whose first request is affected, and one of which each is.
    pub(crate) discovery: [Told; 2],
}

/// An HTTP client that carries the requests.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) name: &'static str,
    /// Whether it follows redirects, and cannot be kept from it.
    pub(crate) follows_redirects: bool,
}

/// A fault, and what comes of it.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) wrong: Wrong,
    pub(crate) endings: Both,
    /// Nothing where the server's own metadata would not name the address that is asked.
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

    /// The configuration of the server that this is wrong with.
    pub(crate) fn with(self, rule: FaultRule, config: Config) -> Config {
        let config = config.with_fault(rule);
        match self {
            Self::Server(_) => config,
            Self::OverTls(_) => config.with_tls(Tls::new_ca()),
        }
    }

    /// Whether it sends the client elsewhere.
    pub(crate) const fn redirects(self) -> bool {
        self.fault().redirects()
    }

    /// Whether no end of the answer comes for a long time.
    pub(crate) const fn hangs(self) -> bool {
        matches!(self.fault(), InjectedFault::NeverAnswers | InjectedFault::Stall | InjectedFault::Drip)
    }
}

impl Row {
    /// What calls say that are no part of a sign-in, through this client.
    pub(crate) fn calls(&self, client: &Client) -> Option<Calls> {
        let calls = self.calls?;
        Some(match calls.revocation {
            _ if client.follows_redirects && self.wrong.redirects() => CALLS_LED_ASTRAY,
            // Where it could not connect to may have been where it was sent.
            Told::NotSent if client.follows_redirects => Calls { revocation: Told::Lost, ..calls },
            _ => calls,
        })
    }

    /// How sign-ins end in this dialect through this client.
    pub(crate) fn endings(&self, dialect: Dialect, client: &Client) -> Endings {
        if client.follows_redirects && self.wrong.redirects() {
            return LED_ASTRAY;
        }
        match dialect {
            Dialect::OAuth => self.endings.oauth,
            _ => self.endings.aws,
        }
    }
}

use Ending::{GivenUp, GrantLost, Refused, Retried, SignedIn, Unharmed, Unreachable};

/// The same in both dialects.
const fn alike(once: [Ending; 4], always: [Ending; 3]) -> Both {
    let endings = Endings { once, always };
    Both { aws: endings, oauth: endings }
}

/// It does no harm, however often.
const HARMLESS: Both = alike([Unharmed; 4], [Unharmed; 3]);
/// The service does not see the request, so nothing is lost but time.
const UNSEEN: Both = alike([Retried; 4], [Unreachable; 3]);
/// A plain refusal, which is believed at once before there is a code. A poll is made again, because the person may have
/// approved.
const REFUSED: Both = alike([Refused, Refused, Retried, Retried], [Refused, Refused, Unreachable]);
/// The same, and three in a row say that there is no such endpoint.
const MISSING: Both = alike([Refused, Refused, Retried, Retried], [Refused; 3]);
/// The service does what was asked, and what it says does not arrive. What is granted is granted once.
const UNHEARD: Both = alike([Retried, Retried, Retried, GrantLost], [Unreachable; 3]);
/// The same, but the head of the answer arrives, and of AWS's refusals that is enough: it names the fault. A token is in the
/// body alone, and so is all that OAuth has to say.
const HALF_HEARD: Both = Both {
    aws: Endings {
        once: [Retried, Retried, Unharmed, GrantLost],
        always: [Unreachable, Unreachable, GrantLost],
    },
    oauth: UNHEARD.oauth,
};
/// The next request may find a connection that is dead.
const RACE: Both = alike([SignedIn; 4], [SignedIn; 3]);
/// The client goes where it is sent. That is noticed when it has happened, and nothing more is sent.
pub(crate) const LED_ASTRAY: Endings = Endings { once: [GivenUp; 4], always: [GivenUp; 3] };

const fn calls(revocation: Told, once: Told, always: Told) -> Option<Calls> {
    Some(Calls { revocation, discovery: [once, always] })
}

/// As if nothing had been wrong.
const DONE: Option<Calls> = calls(Told::Done, Told::Done, Told::Done);
/// The connection is refused, also later. (What a search for metadata asks may be asked again in any case, so it does not say more.)
const NOT_SENT: Option<Calls> = calls(Told::NotSent, Told::Lost, Told::Lost);
/// Whether it was seen is not known. Metadata are asked for again.
const LOST: Option<Calls> = calls(Told::Lost, Told::Done, Told::Lost);
/// A status says that there is no answer for now. Metadata are asked for again, or at the other address.
const STATUS: Option<Calls> = calls(Told::Indeterminate, Told::Done, Told::NotForNow);
/// A plain no.
const NO_METADATA: Option<Calls> = calls(Told::Indeterminate, Told::Done, Told::NoMetadata);
/// It leads to plain HTTP on another host. Where one address has no metadata, the other one is asked; here and below it has them.
const REDIRECT: Option<Calls> = calls(Told::Indeterminate, Told::Done, Told::NotFollowed);
/// The status says yes, which is all that a revocation has to say (RFC 7009 §2.2); the body is not what it should be.
const NO_BODY: Option<Calls> = calls(Told::Done, Told::Done, Told::NoMetadata);
/// The same, and the body is seen to have broken off, so that the same address is asked again.
const CUT_BODY: Option<Calls> = calls(Told::Done, Told::Done, Told::Lost);
/// The client goes where it is sent.
pub(crate) const CALLS_LED_ASTRAY: Calls = Calls { revocation: Told::Astray, discovery: [Told::Astray; 2] };
/// Not tried: what is asked for is not so long, or is not asked like this.
const UNTRIED: Option<Calls> = None;

/// Declares the rows once, and for each a test of either adapter.
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
