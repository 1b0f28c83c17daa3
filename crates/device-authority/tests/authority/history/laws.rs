//! Laws that must hold in any history, checked only from requests, responses and times.
//!
//! The reference predicts each response; these laws forbid responses. So they catch a mistake that reference
//! and code share.

use core::time::Duration;

use device_authority::Rotation;

use super::World;
use super::op::{Answer, By, Decision, Op, Which};
use super::reference::Reference;

/// The observed codes and token families.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    codes: Vec<Seen>,
    families: Vec<Turns>,
}

#[derive(Clone, Default)]
struct Seen {
    approved: bool,
    denied: bool,
    tokens: u32,
    /// The time of its token.
    since: i64,
    /// Its owner sent it again after its token.
    replayed: bool,
    /// The longest interval that the store has shown.
    interval: Duration,
}

#[derive(Clone, Default)]
struct Turns {
    /// A rotated token came back from its client, or the family was revoked.
    revoked: bool,
    /// The number of tokens, and the time of the present one.
    tokens: usize,
    since: i64,
}

impl Ledger {
    /// # Errors
    /// Returns the law that the response breaks.
    pub(crate) fn check(&self, op: Op, answer: &Answer, world: &World) -> Result<(), &'static str> {
        let told = &world.reference;
        match op {
            Op::Poll { device, by } => self.check_poll(told, told.code(device, 0), by, answer)?,
            Op::Replay { device } => self.check_poll(told, told.code(device, 1), By::Owner, answer)?,
            Op::Refresh { device, token, by } if *answer == Answer::Token => {
                let family = told.family_of(device).ok_or("a token for no sign-in")?;
                if by != By::Owner {
                    return Err("a refresh token was accepted from another client");
                }
                let seen = self.families.get(family).ok_or("a token for an unknown family")?;
                if token == Which::Rotated && told.rules.rotation != Rotation::Grace {
                    return Err("a refresh token was accepted twice");
                }
                if token == Which::Rotated && told.now >= seen.since + told.rules.rotation_grace {
                    return Err("a used refresh token was accepted after its grace");
                }
                if seen.revoked {
                    return Err(
                        "a family went on after one of its old tokens had come back, or after it was revoked",
                    );
                }
                if told.now >= told.families[family].ends {
                    return Err("a refresh token was accepted after its family had ended");
                }
            }
            Op::Decide { device, .. } if *answer == Answer::Decided => {
                let code = told.code(device, 0).ok_or("a decision on no code")?;
                if self.codes.get(code).is_some_and(|seen| seen.approved || seen.denied) {
                    return Err("a decision was taken back");
                }
                if told.now >= told.codes[code].expires_at {
                    return Err("an expired code was decided on");
                }
            }
            _ => {}
        }
        for (at, access) in told.access.iter().enumerate() {
            if self.codes.get(access.code).is_some_and(|code| code.replayed) && world.is_recognised(at) {
                return Err("a token was recognised after a replay of its code");
            }
        }
        for (at, seen) in self.codes.iter().enumerate() {
            let record = world.bench.store.device(world.selector(at));
            if record.is_some_and(|record| record.state.interval < seen.interval) {
                return Err("an interval has shrunk");
            }
        }
        Ok(())
    }

    fn check_poll(
        &self,
        told: &Reference,
        code: Option<usize>,
        by: By,
        answer: &Answer,
    ) -> Result<(), &'static str> {
        if !matches!(answer, Answer::Token | Answer::SameTokens) {
            return Ok(());
        }
        let code = code.ok_or("a token for no code")?;
        let seen = self.codes.get(code).ok_or("a token for a code that was not given out")?;
        let client = &told.clients[told.codes[code].client];
        match () {
            () if by != By::Owner => Err("a code was accepted from another client"),
            () if !seen.approved => Err("a token without an approval of this very device"),
            () if seen.denied => Err("a token for a denied code"),
            () if told.now >= client.ends => Err("a client was accepted after its registration's end"),
            () if *answer == Answer::SameTokens && seen.tokens == 0 => Err("old tokens for a new code"),
            () if *answer == Answer::SameTokens && told.now >= seen.since + told.rules.device_grace => {
                Err("a used code was accepted after its grace")
            }
            () if *answer == Answer::SameTokens => Ok(()),
            () if seen.tokens > 0 => Err("a second token for one code"),
            () if told.now >= told.codes[code].expires_at => Err("a code was accepted after its end"),
            () => Ok(()),
        }
    }

    /// Records an observation.
    pub(crate) fn note(&mut self, op: Op, answer: &Answer, told: &Reference) {
        self.codes.resize_with(told.codes.len(), Seen::default);
        self.families.resize_with(told.families.len(), Turns::default);
        for (seen, code) in self.codes.iter_mut().zip(&told.codes) {
            seen.interval = seen.interval.max(Duration::from_millis(code.interval.unsigned_abs()));
        }
        let code = match op {
            Op::Poll { device, .. } | Op::Decide { device, .. } => told.code(device, 0),
            Op::Replay { device } => told.code(device, 1),
            _ => None,
        };
        match (op, answer, code) {
            (Op::Decide { decision: Decision::Approve, .. }, Answer::Decided, Some(code)) => {
                self.codes[code].approved = true;
            }
            (Op::Decide { decision: Decision::Deny, .. }, Answer::Decided, Some(code)) => {
                self.codes[code].denied = true;
            }
            (Op::Poll { .. } | Op::Replay { .. }, Answer::Token, Some(code)) => {
                self.codes[code].tokens += 1;
                self.codes[code].since = told.now;
            }
            (
                Op::Poll { by: By::Owner, .. } | Op::Replay { .. },
                Answer::Refused("invalid_grant"),
                Some(code),
            ) => {
                // A code that is forgotten has no tokens to end, and one in its grace may be used again.
                let seen = &mut self.codes[code];
                let is_graced = told.now < seen.since + told.rules.device_grace;
                seen.replayed |= seen.tokens > 0 && told.codes[code].known && !is_graced;
            }
            (Op::Refresh { device, token: Which::Rotated, by: By::Owner }, Answer::Refused(why), _)
                if *why == "invalid_grant" =>
            {
                if let Some(family) = told.family_of(device) {
                    self.families[family].revoked = true;
                }
            }
            (Op::Refresh { device, .. }, Answer::Token, _) => {
                if let Some(family) = told.family_of(device) {
                    let (seen, tokens) = (&mut self.families[family], told.families[family].tokens);
                    if tokens > seen.tokens {
                        (seen.tokens, seen.since) = (tokens, told.now);
                    }
                }
            }
            (Op::Revoke { device, by: By::Owner, .. }, Answer::Revoked, _) => {
                if let Some(family) = told.family_of(device) {
                    self.families[family].revoked = true;
                }
            }
            _ => {}
        }
    }
}
