//! What can happen to an authority, and what can be seen of it.

use oidc_proto::FaultCode;

/// One thing that happens. Clients and devices are named by the slot they are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// A new registration takes the place of the slot's old one.
    Register { client: usize },
    /// A device asks for codes; the slot's old code is kept for a replay.
    Start { device: usize },
    /// CreateToken with the slot's code.
    Poll { device: usize, by: By },
    /// CreateToken with the code that the slot had before, by its own client.
    Replay { device: usize },
    /// The person types the slot's code and decides.
    Decide { device: usize, decision: Decision },
    /// A code that does not exist is typed.
    Guess { from: usize },
    /// The slot's code is typed by somebody who got it right.
    Peek { device: usize, from: usize },
    /// CreateToken with a refresh token of the slot's sign-in.
    Refresh { device: usize, token: Which, by: By },
    /// RevokeToken with a refresh token of the slot's sign-in (RFC 7009).
    Revoke { device: usize, token: Which, by: By },
    /// A request that is refused whatever the state is.
    Odd(Odd),
    /// This many milliseconds pass.
    Wait(i64),
    /// The clock steps back by this many milliseconds.
    Back(i64),
}

/// Who presents a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The client that it was given to.
    Owner,
    /// The other client, properly authenticated.
    Stranger,
    /// The owner's id with a wrong secret.
    Forger,
}

/// What the person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    Approve,
    Deny,
    Lapse,
}

/// Which refresh token of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    Current,
    /// The one before it.
    Rotated,
}

/// Requests that are wrong by themselves, one for each fault that they get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Odd {
    StartUrl,
    ClientType,
    GrantTypes,
    RedirectUri,
    Scope,
    GrantNotRegistered,
    NoEntropy,
}

impl Odd {
    pub const ALL: [Self; 7] = [
        Self::StartUrl,
        Self::ClientType,
        Self::GrantTypes,
        Self::RedirectUri,
        Self::Scope,
        Self::GrantNotRegistered,
        Self::NoEntropy,
    ];
}

/// What whoever acted gets to see.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// Time has passed.
    Nothing,
    Registered,
    Started,
    Token,
    Revoked,
    Refused(&'static str),
    Reviewed,
    Decided,
    UnknownCode,
    ExpiredCode,
    AlreadyDecided,
    /// For so many milliseconds yet.
    TooManyGuesses(i64),
}

impl Answer {
    /// The refusal with this fault.
    pub fn fault(code: &FaultCode) -> Self {
        let known = FaultCode::known().find(|known| *known == code);
        Self::Refused(known.expect("the authority uses no unknown faults").error())
    }
}
