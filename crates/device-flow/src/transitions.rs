//! The machine as data: every transition there is, one row each.
//!
//! [`TABLE`] does not drive the machine, it is held against it: a test drives every state with every input and compares
//! what happens with the rows, in both directions, and another compares the table and the picture in the
//! [crate documentation](crate) with them. For a diagram, a simulator or a review.

use core::fmt;

use crate::Outcome;

use Input::{
    AccessDenied, Authorized, Cancel, ClientRejected, Deadline, ExpiredToken, Granted, InvalidGrant,
    NoVerdict, NotOffered, NotSent, OtherFault, Pending, Registered, Shown, SlowDown, TransientFault,
    Unknown, Violation,
};
use OutcomeKind as Out;
use StateKind::{Authorize, Ended, Poll, Prompt, Register};
use When::{Always, Cached, MaybeSpent, NeverHeard, PatienceOver};

/// A state, without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum StateKind {
    /// RegisterClient is to be sent, or is under way.
    Register,
    /// StartDeviceAuthorization is to be sent, or is under way.
    Authorize,
    /// There are codes, which the person has not seen yet.
    Prompt,
    /// CreateToken is to be sent when due, or is under way.
    Poll,
    /// Over, for good.
    Ended(OutcomeKind),
}

/// An [`Outcome`], without its data.
///
/// ```
/// use device_flow::Outcome;
/// use device_flow::transitions::OutcomeKind;
/// assert_eq!(OutcomeKind::of(&Outcome::Cancelled), OutcomeKind::Cancelled);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum OutcomeKind {
    /// [`Outcome::Granted`].
    Granted,
    /// [`Outcome::Denied`].
    Denied,
    /// [`Outcome::Expired`].
    Expired,
    /// [`Outcome::Rejected`].
    Rejected,
    /// [`Outcome::Cancelled`].
    Cancelled,
    /// [`Outcome::GrantLost`].
    GrantLost,
    /// [`Outcome::Unreachable`].
    Unreachable,
    /// [`Outcome::ProtocolViolation`].
    ProtocolViolation,
    /// [`Outcome::NotOffered`].
    NotOffered,
}

/// What can happen to a flow, as far as the states tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Input {
    /// RegisterClient succeeded.
    Registered,
    /// StartDeviceAuthorization succeeded.
    Authorized,
    /// CreateToken succeeded.
    Granted,
    /// The service's `authorization_pending`.
    Pending,
    /// The service's `slow_down`.
    SlowDown,
    /// The service's `access_denied`.
    AccessDenied,
    /// The service's `expired_token`.
    ExpiredToken,
    /// The service's `invalid_grant`.
    InvalidGrant,
    /// The service's `invalid_client` or `unauthorized_client`.
    ClientRejected,
    /// Any other fault that is final.
    OtherFault,
    /// A fault that a moment later may be gone: `server_error`, throttling, or any of the others with a status that says
    /// so ([`Fault::is_transient`](oidc_proto::Fault::is_transient)).
    TransientFault,
    /// A response that is not the service's word.
    NoVerdict,
    /// A success without what it must have.
    Violation,
    /// No response came, and the request was not seen.
    NotSent,
    /// No response came, and the request may have been seen; also a request that was abandoned.
    Unknown,
    /// `poll` handed the prompt out.
    Shown,
    /// `poll` found that the device code has died by the flow's own time.
    Deadline,
    /// `poll` found that the endpoint has no URL for registration. (It always has the other two.)
    NotOffered,
    /// [`DeviceFlow::cancel`](crate::DeviceFlow::cancel).
    Cancel,
}

/// What else must be so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum When {
    /// Nothing else.
    Always,
    /// The next try would come after [`Policy::setup_patience`](crate::Policy::setup_patience) has run out.
    PatienceOver,
    /// The registration came from a cache, and the endpoint has a URL for a new one.
    Cached,
    /// The answer to a poll was lost, and nothing has shown since that the code is not spent.
    MaybeSpent,
    /// There were polls, and none of them got a verdict.
    NeverHeard,
}

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// The state before.
    pub from: StateKind,
    /// Any of these happens.
    pub on: &'static [Input],
    /// And this is so.
    pub when: When,
    /// The state after.
    pub to: StateKind,
    /// The test that tells this row as a story: a function in `tests/machine`.
    pub test: &'static str,
}

const fn row(
    from: StateKind,
    on: &'static [Input],
    when: When,
    to: StateKind,
    test: &'static str,
) -> Transition {
    Transition { from, on, when, to, test }
}

/// What a request before the prompt is repeated after.
const TROUBLE: &[Input] = &[SlowDown, TransientFault, NoVerdict, NotSent, Unknown];

/// Every transition. The first row that fits counts; what no row names cannot happen in that state. From an ended
/// flow no row leads anywhere.
#[rustfmt::skip]
pub const TABLE: &[Transition] = &[
    row(Register, &[Registered], Always, Authorize, "a_new_registration_is_offered_to_the_cache"),
    row(Register, TROUBLE, PatienceOver, Ended(Out::Unreachable), "trouble_is_retried_with_doubling_waits_until_the_patience_runs_out"),
    row(Register, TROUBLE, Always, Register, "slow_down_while_registering_waits_five_seconds"),
    row(Register, &[Pending, AccessDenied, ExpiredToken, InvalidGrant, ClientRejected, OtherFault], Always, Ended(Out::Rejected), "a_refused_registration_ends_the_flow_with_the_services_word"),
    row(Register, &[Violation], Always, Ended(Out::ProtocolViolation), "a_registration_without_an_id_is_a_violation_that_names_it"),
    row(Register, &[NotOffered], Always, Ended(Out::NotOffered), "an_operation_without_an_endpoint_ends_the_flow_at_once_and_sends_nothing"),
    row(Register, &[Cancel], Always, Ended(Out::Cancelled), "a_flow_is_cancelled_in_any_state"),

    row(Authorize, &[Authorized], Always, Prompt, "the_prompt_comes_once_and_shows_no_device_code"),
    row(Authorize, TROUBLE, PatienceOver, Ended(Out::Unreachable), "a_service_that_gives_no_codes_within_the_patience_is_unreachable"),
    row(Authorize, TROUBLE, Always, Authorize, "a_lost_answer_here_is_just_asked_again"),
    row(Authorize, &[ClientRejected], Cached, Register, "a_cached_registration_that_the_service_rejects_is_replaced_once"),
    row(Authorize, &[Pending, AccessDenied, ExpiredToken, InvalidGrant, ClientRejected, OtherFault], Always, Ended(Out::Rejected), "a_wrong_start_url_ends_the_flow_with_the_services_word"),
    row(Authorize, &[Violation], Always, Ended(Out::ProtocolViolation), "an_answer_without_a_user_code_is_a_violation_that_names_it"),
    row(Authorize, &[Cancel], Always, Ended(Out::Cancelled), "a_flow_is_cancelled_in_any_state"),

    row(Prompt, &[Shown], Always, Poll, "the_prompt_comes_once_and_shows_no_device_code"),
    row(Prompt, &[Deadline], Always, Ended(Out::Expired), "a_late_prompt_of_a_dead_code_is_not_shown"),
    row(Prompt, &[Cancel], Always, Ended(Out::Cancelled), "a_flow_is_cancelled_in_any_state"),

    row(Poll, &[Granted], Always, Ended(Out::Granted), "a_grant_tells_when_its_request_was_sent"),
    row(Poll, &[Pending], Always, Poll, "the_first_poll_waits_one_interval_from_when_the_codes_arrived"),
    row(Poll, &[SlowDown], Always, Poll, "slow_down_adds_five_seconds_to_every_later_wait"),
    row(Poll, &[TransientFault, NoVerdict, NotSent, Unknown], Always, Poll, "one_blip_does_not_end_a_sign_in"),
    row(Poll, &[AccessDenied], Always, Ended(Out::Denied), "access_denied_is_denied"),
    row(Poll, &[ExpiredToken, InvalidGrant], MaybeSpent, Ended(Out::GrantLost), "a_lost_reply_and_then_a_spent_code_is_a_lost_grant_and_not_a_denial"),
    row(Poll, &[ExpiredToken], Always, Ended(Out::Expired), "expired_token_is_expired_by_the_service"),
    row(Poll, &[ClientRejected], Cached, Register, "a_cached_registration_that_is_rejected_only_at_the_poll_is_replaced_with_new_codes"),
    row(Poll, &[InvalidGrant, ClientRejected, OtherFault], Always, Ended(Out::Rejected), "any_other_fault_stops_the_polling_and_keeps_its_code"),
    row(Poll, &[Violation], Always, Ended(Out::ProtocolViolation), "a_token_answer_without_a_token_is_a_violation_that_names_the_member"),
    row(Poll, &[Deadline], NeverHeard, Ended(Out::Unreachable), "a_service_that_never_answers_is_unreachable_and_not_expired"),
    row(Poll, &[Deadline], MaybeSpent, Ended(Out::GrantLost), "a_lost_reply_is_not_forgotten_when_the_code_dies_by_our_own_clock"),
    row(Poll, &[Deadline], Always, Ended(Out::Expired), "nothing_is_sent_at_or_after_the_deadline"),
    row(Poll, &[Cancel], Always, Ended(Out::Cancelled), "a_flow_is_cancelled_in_any_state"),
];

impl StateKind {
    /// The states before the end, in the order of a sign-in.
    pub const LIVE: [Self; 4] = [Self::Register, Self::Authorize, Self::Prompt, Self::Poll];
}

impl OutcomeKind {
    /// Every outcome, in the order of [`Outcome`].
    pub const ALL: [Self; 9] = [
        Self::Granted,
        Self::Denied,
        Self::Expired,
        Self::Rejected,
        Self::Cancelled,
        Self::GrantLost,
        Self::Unreachable,
        Self::ProtocolViolation,
        Self::NotOffered,
    ];

    /// The kind of this outcome.
    #[must_use]
    pub const fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Granted { .. } => Self::Granted,
            Outcome::Denied(_) => Self::Denied,
            Outcome::Expired(_) => Self::Expired,
            Outcome::Rejected { .. } => Self::Rejected,
            Outcome::Cancelled => Self::Cancelled,
            Outcome::GrantLost(_) => Self::GrantLost,
            Outcome::Unreachable { .. } => Self::Unreachable,
            Outcome::ProtocolViolation(_) => Self::ProtocolViolation,
            Outcome::NotOffered(_) => Self::NotOffered,
        }
    }
}

impl Input {
    /// Every input.
    pub const ALL: [Self; 19] = [
        Registered,
        Authorized,
        Granted,
        Pending,
        SlowDown,
        AccessDenied,
        ExpiredToken,
        InvalidGrant,
        ClientRejected,
        OtherFault,
        TransientFault,
        NoVerdict,
        Violation,
        NotSent,
        Unknown,
        Shown,
        Deadline,
        NotOffered,
        Cancel,
    ];
}

impl fmt::Display for StateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(outcome) => fmt::Debug::fmt(outcome, f),
            live => fmt::Debug::fmt(live, f),
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Registered => "registration",
            Authorized => "codes",
            Granted => "token",
            Pending => "`authorization_pending`",
            SlowDown => "`slow_down`",
            AccessDenied => "`access_denied`",
            ExpiredToken => "`expired_token`",
            InvalidGrant => "`invalid_grant`",
            ClientRejected => "client not accepted",
            OtherFault => "other fault",
            TransientFault => "transient fault",
            NoVerdict => "no verdict",
            Violation => "broken success",
            NotSent => "not sent",
            Unknown => "reply lost",
            Shown => "shown",
            Deadline => "deadline",
            NotOffered => "no endpoint",
            Cancel => "cancel",
        })
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Always => "",
            PatienceOver => "patience over",
            Cached => "cached registration, and a new one can be had",
            MaybeSpent => "code may be spent",
            NeverHeard => "no poll got a verdict",
        })
    }
}
