//! The operations of a history, and their visible results.

use oidc_proto::FaultCode;

/// One operation. A slot names a client or a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Op {
    /// A new registration replaces the slot's old one. Only one with scopes gets refresh tokens.
    Register { client: usize, scoped: bool },
    /// A device requests codes; the slot's old code is kept for a replay.
    Start { device: usize },
    /// CreateToken with the slot's code.
    Poll { device: usize, by: By },
    /// CreateToken with the slot's previous code, by its own client.
    Replay { device: usize },
    /// The person types the slot's code and decides.
    Decide { device: usize, decision: Decision },
    /// A person types a code that does not exist.
    Guess { from: usize },
    /// A correct guess of the slot's code.
    Peek { device: usize, from: usize },
    /// CreateToken with a refresh token of the slot's sign-in.
    Refresh { device: usize, token: Which, by: By },
    /// RevokeToken with a refresh token of the slot's sign-in (RFC 7009).
    Revoke { device: usize, token: Which, by: By },
    /// A request that is refused in every state.
    Odd(Odd),
    /// This many milliseconds pass.
    Wait(i64),
    /// The clock steps back by this many milliseconds.
    Back(i64),
}

/// The client that presents a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum By {
    /// The client that it was issued to.
    Owner,
    /// The other client, properly authenticated.
    AnotherClient,
    /// The owner's id with a wrong secret.
    WrongSecret,
}

/// The person's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Decision {
    Approve,
    Deny,
    Expire,
}

/// A refresh token of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Which {
    Current,
    /// The previous one.
    Rotated,
}

/// Requests that are invalid in themselves, one for each fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Odd {
    StartUrl,
    ClientType,
    GrantTypes,
    RedirectUri,
    Scope,
    GrantNotRegistered,
    NoEntropy,
}

impl Odd {
    pub(crate) const ALL: [Self; 7] = [
        Self::StartUrl,
        Self::ClientType,
        Self::GrantTypes,
        Self::RedirectUri,
        Self::Scope,
        Self::GrantNotRegistered,
        Self::NoEntropy,
    ];
}

/// The visible result of an operation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Answer {
    /// Time has passed.
    Nothing,
    Registered,
    Started,
    Token,
    /// The tokens that the code has brought before.
    SameTokens,
    Revoked,
    Refused(&'static str),
    Reviewed,
    Decided,
    UnknownCode,
    ExpiredCode,
    AlreadyDecided,
    /// Too many, for this many more milliseconds.
    TooManyGuesses(i64),
}

impl Answer {
    /// Returns the refusal with this fault.
    pub(crate) fn fault(code: &FaultCode) -> Self {
        let known = FaultCode::known().find(|known| *known == code);
        Self::Refused(known.expect("the authority uses no unknown faults").error())
    }
}
