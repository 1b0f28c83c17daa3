//! The transitions that the documented table allows, and the reference's in the same terms.

use super::reference::{Ask, Code, End, Heard, Step};
use crate::rows::{DEVICE_FLOW, Row};

/// A transition as the table has it: the state before, the event, and the state or outcome after.
pub(crate) type Change = (&'static str, Kind, &'static str);

/// The kind of an event, as in the table, and finer for `Retryable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Registered,
    Authorized,
    TokenGranted,
    Pending,
    SlowDown,
    Denied,
    Expired,
    InvalidGrant,
    ClientRejected,
    OtherFault,
    TransientFault,
    Indeterminate,
    PlainRefusal,
    NotSent,
    ProxyRefused,
    Lost,
    BrokenSuccess,
    Shown,
    Deadline,
    UnsupportedOperation,
    Cancel,
}

impl Kind {
    const ALL: [Self; 21] = [
        Self::Registered,
        Self::Authorized,
        Self::TokenGranted,
        Self::Pending,
        Self::SlowDown,
        Self::Denied,
        Self::Expired,
        Self::InvalidGrant,
        Self::ClientRejected,
        Self::OtherFault,
        Self::TransientFault,
        Self::Indeterminate,
        Self::PlainRefusal,
        Self::NotSent,
        Self::ProxyRefused,
        Self::Lost,
        Self::BrokenSuccess,
        Self::Shown,
        Self::Deadline,
        Self::UnsupportedOperation,
        Self::Cancel,
    ];

    /// Returns its event in the table.
    fn event(self) -> String {
        match self {
            Self::TransientFault | Self::Indeterminate | Self::NotSent | Self::Lost => "Retryable".to_owned(),
            other => format!("{other:?}"),
        }
    }
}

/// Events that no history has: without jitter an overdue poll is not delayed, and every flow's policy fits
/// its service. Each has a test of its own.
const NOT_IN_A_HISTORY: [&str; 3] = ["Overdue", "NoStartUrl", "NoVerifier"];

/// Returns every transition that the table allows.
pub(crate) fn changes_of_the_table() -> Vec<Change> {
    let mut changes = Vec::new();
    for Row { state, events, next, .. } in DEVICE_FLOW.rows() {
        let (state, next): (&str, &str) = (state.leak(), next.leak());
        for event in events.iter().filter(|event| !NOT_IN_A_HISTORY.contains(&event.as_str())) {
            let kinds = Kind::ALL.into_iter().filter(|kind| kind.event() == *event);
            let before = changes.len();
            changes.extend(kinds.map(|kind| (state, kind, next)));
            assert!(changes.len() > before, "{event} is new: say here how it happens");
        }
    }
    changes
}

pub(crate) fn kind(heard: Heard, ask: Ask) -> Kind {
    match (heard, ask) {
        (Heard::Success { .. }, Ask::Register) => Kind::Registered,
        (Heard::Success { .. }, Ask::Authorize) => Kind::Authorized,
        (Heard::Success { .. }, Ask::Token) => Kind::TokenGranted,
        (Heard::Fault(code, _), _) => match code {
            Code::Pending => Kind::Pending,
            Code::SlowDown => Kind::SlowDown,
            Code::Denied => Kind::Denied,
            Code::Expired => Kind::Expired,
            Code::InvalidGrant => Kind::InvalidGrant,
            Code::InvalidClient | Code::UnauthorizedClient => Kind::ClientRejected,
            Code::ServerError | Code::Throttled => Kind::TransientFault,
            Code::Other => Kind::OtherFault,
        },
        (Heard::Indeterminate(300..=407 | 409..=420 | 422..=424 | 426..=428 | 430..=499 | 501, None), _) => {
            Kind::PlainRefusal
        }
        (Heard::Indeterminate(..), _) => Kind::Indeterminate,
        (Heard::InvalidResponse, _) => Kind::BrokenSuccess,
        (Heard::NotSent, _) => Kind::NotSent,
        (Heard::ProxyRefused, _) => Kind::ProxyRefused,
        (Heard::Lost, _) => Kind::Lost,
    }
}

/// Returns the state's or outcome's name in the table.
pub(crate) const fn state(step: Step) -> &'static str {
    match step {
        Step::Register => "Register",
        Step::Authorize => "Authorize",
        Step::Show => "Prompt",
        Step::Poll => "Poll",
        Step::Over(end) => match end {
            End::Granted { .. } => "Granted",
            End::Denied => "Denied",
            End::ExpiredByService | End::ExpiredByClock => "Expired",
            End::Rejected(_) => "Rejected",
            End::Cancelled => "Cancelled",
            End::LostByService | End::LostByClock => "GrantLost",
            End::Unreachable(_) => "Unreachable",
            End::Refused(_) => "Refused",
            End::Broken(_) => "InvalidResponse",
            End::UnsupportedOperation(_) => "UnsupportedOperation",
        },
    }
}

pub(crate) fn is_end(state: &str) -> bool {
    !matches!(state, "Register" | "Authorize" | "Prompt" | "Poll")
}
