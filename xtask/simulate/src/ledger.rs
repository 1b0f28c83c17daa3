//! The server's history from outside: its codes for a device, the decisions on them, and the tokens.

use device_authority::{Selector, UserCode, UserDecision};
use oidc_proto::{DeviceAuthorization, Secret};

/// A code that the server gave to a device. A repeated request can produce several.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) selector: Selector,
    pub(crate) user_code: UserCode,
    /// The generation of the server that issued it.
    pub(crate) generation: u32,
    pub(crate) dies: u64,
    pub(crate) approved: Option<u64>,
    pub(crate) denied: bool,
    /// A decision that a server without its store may have committed, and when.
    pub(crate) unsure: Option<(UserDecision, u64)>,
    /// Whether such a server told the person to press again.
    pub(crate) is_pressed_again: bool,
    pub(crate) grant: Option<Grant>,
}

/// A token that the server gave for a code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant {
    pub(crate) fingerprint: u64,
    pub(crate) fate: Fate,
}

/// The fate of the response with the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    Arrived,
    OnItsWay,
    LostOnTheWay,
    CameTooLate,
    HiddenByAGateway,
    AnsweredACopy,
    GivenUp,
}

impl Fate {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Arrived => "arrived",
            Self::OnItsWay => "on its way",
            Self::LostOnTheWay => "the answer was lost on the way",
            Self::CameTooLate => "the answer came after the client had given the request up",
            Self::HiddenByAGateway => "a gateway hid the answer",
            Self::AnsweredACopy => "a copy of a request, or one long given up, spent the code",
            Self::GivenUp => "the sign-in had been given up",
        }
    }
}

impl Code {
    pub(crate) fn new(codes: &DeviceAuthorization, generation: u32, now: u64) -> Option<Self> {
        Some(Self {
            selector: Selector::of(&codes.device_code)?,
            user_code: UserCode::typed(&codes.user_code)?,
            generation,
            dies: now + codes.expires_in.as_micros() as u64,
            approved: None,
            denied: false,
            unsure: None,
            is_pressed_again: false,
            grant: None,
        })
    }

    /// Notes that the server has accepted the person's decision.
    pub(crate) fn decided(&mut self, verdict: UserDecision, generation: u32, now: u64) -> Result<(), String> {
        if self.approved.is_some() || self.denied {
            return Err("a decision was taken back".to_owned());
        }
        if now >= self.dies {
            return Err("an expired code was decided on".to_owned());
        }
        if self.generation != generation {
            return Err("a code that the server has forgotten was decided on".to_owned());
        }
        self.unsure = None;
        match verdict {
            UserDecision::Approve(_) => self.approved = Some(now),
            _ => self.denied = true,
        }
        Ok(())
    }

    /// Notes that the decision of a server without its store was committed.
    pub(crate) fn was_decided(&mut self) -> Result<(), String> {
        match self.unsure.take() {
            Some((verdict, at)) => self.decided(verdict, self.generation, at),
            None => Ok(()),
        }
    }

    /// Returns whether a person has denied the code, as far as the server tells.
    pub(crate) const fn may_be_denied(&self) -> bool {
        self.denied || matches!(self.unsure, Some((UserDecision::Deny, _)))
    }

    /// Notes that the server gives a token for the code.
    pub(crate) fn granted(&mut self, token: &Secret, generation: u32, now: u64) -> Result<(), String> {
        if matches!(self.unsure, Some((UserDecision::Approve(_), _))) {
            self.was_decided()?;
        }
        if self.approved.is_none() {
            return Err("a token without an approval".to_owned());
        }
        if self.denied {
            return Err("a token for a denied code".to_owned());
        }
        if self.grant.is_some() {
            return Err("a second token for one code".to_owned());
        }
        if now >= self.dies {
            return Err("a token for an expired code".to_owned());
        }
        if self.generation != generation {
            return Err("a token for a code that the server has forgotten".to_owned());
        }
        self.grant = Some(Grant { fingerprint: fingerprint(token), fate: Fate::OnItsWay });
        Ok(())
    }

    /// Sets the fate of the response with the token, unless it is final.
    pub(crate) fn settle(&mut self, fate: Fate) {
        if let Some(grant) = &mut self.grant
            && grant.fate == Fate::OnItsWay
        {
            grant.fate = fate;
        }
    }
}

/// Returns a hash (FNV-1a) that distinguishes tokens without keeping them.
pub(crate) fn fingerprint(token: &Secret) -> u64 {
    let bytes = token.expose().bytes();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
