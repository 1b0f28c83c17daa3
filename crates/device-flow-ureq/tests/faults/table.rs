//! Every fault, and how a sign-in ends that meets it. The tests and the page `FAULTS.md` are made from this table.
//!
//! Compiled into the tests of both adapters, so that the outcomes are the same.

use sso_oidc_server::{Fault, Strike};

use crate::front::Certificate;

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
    /// Without a verdict, when patience or the code's life is over.
    Unreachable,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// The server's answers.
    Server(Strike),
    /// The server's answers, which come over TLS: so that a redirect leads from TLS to plain HTTP.
    OverTls(Strike),
    /// The certificate of whoever answers.
    Certificate(Certificate),
}

/// A fault, and what comes of it.
pub(crate) struct Row {
    pub(crate) wrong: Wrong,
    /// If it strikes once: RegisterClient, StartDeviceAuthorization, a poll that finds the person undecided, the poll that
    /// is granted.
    pub(crate) once: [Ending; 4],
    /// If it strikes every time: RegisterClient, StartDeviceAuthorization, CreateToken.
    pub(crate) always: [Ending; 3],
}

use Ending::{GrantLost, Retried, SignedIn, Unharmed, Unreachable};

/// It does no harm, however often.
const HARMLESS: ([Ending; 4], [Ending; 3]) = ([Unharmed; 4], [Unharmed; 3]);
/// The service does not see the request, so nothing is lost but time.
const UNSEEN: ([Ending; 4], [Ending; 3]) = ([Retried; 4], [Unreachable; 3]);
/// The service does what was asked, and what it says does not arrive. What is granted is granted once.
const UNHEARD: ([Ending; 4], [Ending; 3]) = ([Retried, Retried, Retried, GrantLost], [Unreachable; 3]);
/// The same, but the head of the answer arrives, and of a refusal that is enough: it names the fault. A token is in the body
/// alone.
const HALF_HEARD: ([Ending; 4], [Ending; 3]) =
    ([Retried, Retried, Unharmed, GrantLost], [Unreachable, Unreachable, GrantLost]);
/// The next request may find a connection that is dead.
const RACE: ([Ending; 4], [Ending; 3]) = ([SignedIn; 4], [SignedIn; 3]);

/// Declares the rows once, and a test for each.
macro_rules! rows {
    ($($test:ident $wrong:expr, $endings:ident;)*) => {
        /// Every row.
        pub(crate) const TABLE: &[Row] = &[$(Row { wrong: $wrong, once: $endings.0, always: $endings.1 },)*];

        mod every_sign_in_ends_as_the_table_says {
            use super::*;

            $(
                #[test]
                fn $test() {
                    crate::case::check(&Row { wrong: $wrong, once: $endings.0, always: $endings.1 });
                }
            )*
        }
    };
}

const fn server(fault: Fault) -> Wrong {
    Wrong::Server(Strike::new(fault))
}

const fn after(fault: Fault, bytes: usize) -> Wrong {
    Wrong::Server(Strike::new(fault).after_bytes(bytes))
}

rows! {
    refuse server(Fault::Refuse), UNSEEN;
    drop_request server(Fault::DropRequest), UNSEEN;
    never_answers server(Fault::NeverAnswers), UNSEEN;
    reset_request server(Fault::ResetRequest), UNSEEN;
    reset_request_in_the_middle after(Fault::ResetRequest, 100), UNSEEN;
    reset_answer server(Fault::ResetAnswer), HALF_HEARD;
    reset_answer_at_once after(Fault::ResetAnswer, 0), UNHEARD;
    reset_answer_in_the_head after(Fault::ResetAnswer, 30), UNHEARD;
    drop_after_commit server(Fault::DropAfterCommit), UNHEARD;
    stall server(Fault::Stall), HALF_HEARD;
    stall_at_once after(Fault::Stall, 0), UNHEARD;
    stall_in_the_head after(Fault::Stall, 30), UNHEARD;
    drip server(Fault::Drip), UNHEARD;
    endless_body server(Fault::EndlessBody), HALF_HEARD;
    length_too_long server(Fault::LengthTooLong), HARMLESS;
    length_too_short server(Fault::LengthTooShort), HALF_HEARD;
    two_lengths server(Fault::TwoLengths), UNHEARD;
    no_last_chunk server(Fault::NoLastChunk), HARMLESS;
    cut_json server(Fault::CutJson), HALF_HEARD;
    empty_body server(Fault::EmptyBody), HALF_HEARD;
    not_http server(Fault::NotHttp), UNSEEN;
    html_200 server(Fault::Html200), UNSEEN;
    html_502 server(Fault::Html502), UNHEARD;
    too_many_requests server(Fault::TooManyRequests), UNSEEN;
    too_many_requests_date server(Fault::TooManyRequestsDate), UNSEEN;
    unavailable server(Fault::Unavailable), UNSEEN;
    unavailable_date server(Fault::UnavailableDate), UNSEEN;
    redirect_301 server(Fault::Redirect301), UNSEEN;
    redirect_302 server(Fault::Redirect302), UNSEEN;
    redirect_303 server(Fault::Redirect303), UNSEEN;
    redirect_307 server(Fault::Redirect307), UNSEEN;
    redirect_308 server(Fault::Redirect308), UNSEEN;
    redirect_307_to_plain_http Wrong::OverTls(Strike::new(Fault::Redirect307)), UNSEEN;
    duplicate_headers server(Fault::DuplicateHeaders), HARMLESS;
    huge_headers server(Fault::HugeHeaders), UNHEARD;
    wrong_content_type server(Fault::WrongContentType), HARMLESS;
    gzip server(Fault::Gzip), HALF_HEARD;
    early_hints server(Fault::EarlyHints), HARMLESS;
    http_1_0 server(Fault::Http10), HARMLESS;
    until_close server(Fault::UntilClose), HARMLESS;
    close server(Fault::Close), HARMLESS;
    close_unannounced server(Fault::CloseUnannounced), RACE;
    wrong_date server(Fault::WrongDate), HARMLESS;
    certificate_expired Wrong::Certificate(Certificate::Expired), UNSEEN;
    certificate_of_another_name Wrong::Certificate(Certificate::OtherName), UNSEEN;
    certificate_of_an_unknown_authority Wrong::Certificate(Certificate::UnknownAuthority), UNSEEN;
}

#[test]
fn every_fault_is_in_the_table() {
    for fault in Fault::ALL {
        let is_there = |row: &Row| matches!(&row.wrong, Wrong::Server(strike) if strike.fault() == *fault);
        assert!(TABLE.iter().any(is_there), "{fault} is not");
    }
    for certificate in Certificate::WRONG {
        assert!(
            TABLE.iter().any(|row| row.wrong == Wrong::Certificate(certificate)),
            "{certificate:?} is not"
        );
    }
}
