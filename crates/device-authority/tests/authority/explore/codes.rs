//! Histories of authorization codes, with an attacker.
//!
//! The client is public: the victim and the attacker both sign in with it, each with a verifier and a port of
//! their own. The attacker learns every code, also from a client with another registration. A
//! reference predicts each response, and the laws forbid some from the requests alone.

use core::time::Duration;
use std::hash::{DefaultHasher, Hash, Hasher};

use device_authority::{
    AuthorizationError, CodeStatus, Issued, Moment, Rotation, Selector, ServerPolicy, UserDecision,
};
use oidc_proto::{AuthorizationRequest, Client, Fault, Secret, Token, pkce};

use super::moves::time;
use super::search::Explored;
use crate::common::{Bench, code_grant, code_registration};
use crate::history::op::{By, Which};

const CODE_TTL: i64 = 7_000;
const REMEMBER: i64 = 9_000;
/// The life of a token family, or of an access token without one.
const SIGN_IN_TTL: i64 = 13_000;
const REGISTRATION_TTL: i64 = 31_000;

/// The one whose verifier and whose port a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Whose {
    Victim,
    Attacker,
}

/// What a code brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignIns {
    /// A refresh token, and an access token that outlives it.
    Refreshable,
    /// An access token alone.
    Short,
}

/// A move. The codes are counted back from the latest one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// Signs in with a browser, and the person decides.
    Authorize {
        whose: Whose,
        decision: UserDecision,
    },
    /// Sends a code with the redirect URI and the verifier of these, or without.
    Redeem {
        back: usize,
        by: By,
        at: Option<Whose>,
        proof: Option<Whose>,
    },
    /// Uses a refresh token of the code's sign-in.
    Refresh {
        back: usize,
        by: By,
        which: Which,
    },
    Wait(i64),
}

#[derive(Clone)]
struct Code {
    text: Secret,
    whose: Whose,
    approved: bool,
    expires_at: i64,
    forgotten_from: i64,
    known: bool,
    sign_in: Option<usize>,
    /// For the laws: the number of tokens, and whether its owner sent it again.
    tokens: u32,
    replayed: bool,
}

#[derive(Clone)]
struct SignIn {
    /// The refresh tokens, the present one last.
    refresh: Vec<Secret>,
    access: Vec<Secret>,
    ends: i64,
    alive: bool,
}

impl SignIn {
    fn issued(&self) -> Option<Issued> {
        match self.refresh.first() {
            Some(token) => Selector::of(token).map(Issued::Family),
            None => Selector::of(&self.access[0]).map(Issued::Access),
        }
    }
}

/// A store and what must be true of it.
#[derive(Clone)]
pub(crate) struct Codes {
    bench: Bench,
    began: Moment,
    now: i64,
    client: Client,
    another: Client,
    codes: Vec<Code>,
    sign_ins: Vec<SignIn>,
}

fn span(millis: i64) -> Duration {
    Duration::from_millis(millis.unsigned_abs())
}

fn uri(whose: Whose) -> String {
    format!("http://127.0.0.1:{}/oauth/callback", 1 + whose as u16)
}

fn verifier(whose: Whose) -> Secret {
    pkce::verifier(&[whose as u8; 32])
}

impl Codes {
    pub(crate) fn new(what: SignIns) -> Self {
        let policy = ServerPolicy::default()
            .with_code_ttl(span(CODE_TTL))
            .with_remember_expired(span(REMEMBER))
            .with_refresh_ttl(span(SIGN_IN_TTL))
            .with_access_ttl(span(if what == SignIns::Short { SIGN_IN_TTL } else { REGISTRATION_TTL }))
            .with_registration_ttl(span(REGISTRATION_TTL))
            .with_rotation(Rotation::Strict);
        let mut bench = Bench::new(policy);
        let scopes = (what == SignIns::Refreshable).then_some("sso:account:access");
        let ask = code_registration().with_scopes(scopes);
        let [client, another] = [(); 2].map(|()| bench.register(&ask).unwrap().client);
        let (codes, sign_ins) = (Vec::new(), Vec::new());
        Self { began: bench.now, now: 0, bench, client, another, codes, sign_ins }
    }

    fn latest(&self, back: usize) -> Option<usize> {
        self.codes.len().checked_sub(back + 1)
    }

    fn is_client(&self) -> bool {
        self.now < REGISTRATION_TTL
    }

    fn authorize(&mut self, whose: Whose, decision: UserDecision) -> (String, String) {
        let request = AuthorizationRequest::new(self.client.id.clone(), uri(whose))
            .with_code_challenge(pkce::challenge(&verifier(whose)));
        let told = match decision {
            _ if !self.is_client() => "unknown client",
            UserDecision::Deny => "access_denied",
            _ => "code",
        };
        let seen = match self.bench.authorize(&request, decision) {
            Ok(text) => {
                let approved = decision == UserDecision::APPROVE;
                let expires_at = if approved { self.now + CODE_TTL } else { self.now };
                let forgotten_from = expires_at + REMEMBER;
                self.codes.push(Code {
                    text,
                    whose,
                    approved,
                    expires_at,
                    forgotten_from,
                    known: true,
                    sign_in: None,
                    tokens: 0,
                    replayed: false,
                });
                "code".to_owned()
            }
            Err(AuthorizationError::UnknownClient) => "unknown client".to_owned(),
            Err(AuthorizationError::Redirect(fault)) => fault.code.error().to_owned(),
            Err(other) => format!("{other:?}"),
        };
        (seen, told.to_owned())
    }

    fn redeem(
        &mut self,
        at: usize,
        by: By,
        uri_of: Option<Whose>,
        proof: Option<Whose>,
    ) -> Result<(String, String), String> {
        let code = self.codes[at].clone();
        let grant = code_grant(&code.text, uri_of.map(uri).as_deref(), proof.map(verifier));
        let seen = self.bench.token(&self.credentials(by), grant);
        let is_owners = uri_of == Some(code.whose) && proof == Some(code.whose) && by == By::Owner;
        if seen.is_ok() {
            match () {
                () if by != By::Owner => return Err("a code was accepted from another client".to_owned()),
                () if !code.approved => return Err("a token without an approval".to_owned()),
                () if uri_of != Some(code.whose) => {
                    return Err("a code was accepted with another redirect URI".to_owned());
                }
                () if proof != Some(code.whose) => {
                    return Err("a code was accepted without its verifier".to_owned());
                }
                () if code.tokens > 0 => return Err("a second token for one code".to_owned()),
                () if self.now >= code.expires_at => {
                    return Err("a code was accepted after its end".to_owned());
                }
                () => {}
            }
        }
        let told = match by {
            _ if !self.is_client() => "invalid_client",
            By::WrongSecret => "invalid_client",
            By::Owner if is_owners && code.known => match code.sign_in {
                Some(sign_in) => {
                    self.sign_ins[sign_in].alive = false;
                    "invalid_grant"
                }
                None if self.now >= code.expires_at => "invalid_grant",
                None => "token",
            },
            _ => "invalid_grant",
        };
        let code = &mut self.codes[at];
        if let Ok(token) = &seen {
            code.tokens += 1;
            code.sign_in = Some(self.sign_ins.len());
            self.sign_ins.push(SignIn {
                refresh: token.refresh_token.iter().cloned().collect(),
                access: vec![token.access_token.clone()],
                ends: self.now + SIGN_IN_TTL,
                alive: true,
            });
        } else if is_owners && code.tokens > 0 && code.known && told != "invalid_client" {
            code.replayed = true;
        }
        Ok((word(seen), told.to_owned()))
    }

    fn refresh(
        &mut self,
        at: usize,
        sign_in: usize,
        by: By,
        which: Which,
    ) -> Result<(String, String), String> {
        let back = usize::from(which == Which::Rotated);
        let token = self.sign_ins[sign_in].refresh.iter().rev().nth(back).cloned();
        let token = token.ok_or("a move without a token")?;
        let seen = self.bench.refresh(&self.credentials(by), &token);
        if seen.is_ok() && self.codes[at].replayed {
            return Err("a refresh token was accepted after a replay of its code".to_owned());
        }
        if seen.is_ok() && by != By::Owner {
            return Err("a refresh token was accepted from another client".to_owned());
        }
        let (now, is_client, told) = (self.now, self.is_client(), &mut self.sign_ins[sign_in]);
        let says = if by == By::WrongSecret || !is_client {
            "invalid_client"
        } else if by == By::Owner && told.alive && now < told.ends {
            // Without grace a rotated token ends the sign-in.
            told.alive = which == Which::Current;
            if told.alive { "token" } else { "invalid_grant" }
        } else {
            "invalid_grant"
        };
        if let Ok(Token { refresh_token: Some(next), access_token, .. }) = &seen {
            told.refresh.push(next.clone());
            told.access.push(access_token.clone());
        }
        Ok((word(seen), says.to_owned()))
    }

    fn credentials(&self, by: By) -> Client {
        match by {
            By::Owner => self.client.clone(),
            By::AnotherClient => self.another.clone(),
            By::WrongSecret => Client::new(self.client.id.clone(), Secret::from("forged")),
        }
    }

    /// Follows the store in what it forgot, and checks everything that it still has.
    fn agrees(&mut self) -> Result<(), String> {
        let store = &self.bench.store;
        for code in &mut self.codes {
            let record = Selector::of(&code.text).and_then(|selector| store.code(selector));
            code.known &= code.forgotten_from > self.now || record.is_some();
            let told = match code.sign_in {
                None => CodeStatus::Unused,
                Some(sign_in) => CodeStatus::Redeemed(self.sign_ins[sign_in].issued()),
            };
            let is_as_told = record.map_or(!code.known, |record| code.known && record.status == told);
            if !is_as_told {
                return Err(format!("the store has {record:?}, and the rules say {told:?}"));
            }
        }
        for sign_in in &mut self.sign_ins {
            let issued = sign_in.issued().ok_or("a token without a selector")?;
            let is_held = store.holds(issued);
            sign_in.alive &= sign_in.ends > self.now || is_held;
            let is_latest = match issued {
                Issued::Family(family) => store.family(family).is_none_or(|record| {
                    sign_in.refresh.last().is_some_and(|token| record.token.matches(token))
                }),
                Issued::Access(_) => true,
            };
            if is_held != sign_in.alive || !is_latest {
                return Err(format!(
                    "the store holds a sign-in: {is_held}, and it is alive: {}",
                    sign_in.alive
                ));
            }
        }
        self.recognises()
    }

    /// Checks the portal's view of every access token.
    fn recognises(&self) -> Result<(), String> {
        for code in &self.codes {
            let Some(sign_in) = code.sign_in.map(|sign_in| &self.sign_ins[sign_in]) else { continue };
            for token in &sign_in.access {
                let is_recognised = self.bench.store.recognize_token(token, self.bench.now).is_ok();
                if is_recognised && code.replayed {
                    return Err("a token was recognised after a replay of its code".to_owned());
                }
                if is_recognised != (sign_in.alive && self.now < sign_in.ends) {
                    return Err(format!("the portal recognises a token: {is_recognised}"));
                }
            }
        }
        Ok(())
    }
}

fn word(seen: Result<Token, Fault>) -> String {
    seen.map_or_else(|fault| fault.code.error().to_owned(), |_| "token".to_owned())
}

impl Explored for Codes {
    type Op = Op;

    fn moves(&self) -> Vec<Op> {
        let both = [Whose::Victim, Whose::Attacker];
        let mut moves = Vec::new();
        for whose in both {
            let decisions = [UserDecision::APPROVE, UserDecision::Deny, UserDecision::Expire];
            moves.extend(decisions.map(|decision| Op::Authorize { whose, decision }));
        }
        for (back, at) in (0..2).filter_map(|back| Some((back, self.latest(back)?))) {
            for by in [By::Owner, By::AnotherClient, By::WrongSecret] {
                for at in [Some(Whose::Victim), Some(Whose::Attacker), None] {
                    let proofs = [Some(Whose::Victim), Some(Whose::Attacker), None];
                    moves.extend(proofs.map(|proof| Op::Redeem { back, by, at, proof }));
                }
            }
            let Some(sign_in) = self.codes[at].sign_in.map(|at| &self.sign_ins[at]) else { continue };
            if sign_in.refresh.is_empty() {
                continue;
            }
            for by in [By::Owner, By::AnotherClient] {
                moves.push(Op::Refresh { back, by, which: Which::Current });
                if sign_in.refresh.len() > 1 {
                    moves.push(Op::Refresh { back, by, which: Which::Rotated });
                }
            }
        }
        let codes = self.codes.iter().flat_map(|code| [code.expires_at, code.forgotten_from]);
        let sign_ins = self.sign_ins.iter().map(|sign_in| sign_in.ends);
        moves.extend(time(self.now, codes.chain(sign_ins).chain([REGISTRATION_TTL]), Op::Wait));
        moves
    }

    fn play(&mut self, op: Op) -> Result<(), String> {
        let (seen, told) = match op {
            Op::Authorize { whose, decision } => self.authorize(whose, decision),
            Op::Redeem { back, by, at, proof } => {
                let code = self.latest(back).ok_or("a move without a code")?;
                self.redeem(code, by, at, proof)?
            }
            Op::Refresh { back, by, which } => {
                let code = self.latest(back).ok_or("a move without a code")?;
                let sign_in = self.codes[code].sign_in.ok_or("a move without a sign-in")?;
                self.refresh(code, sign_in, by, which)?
            }
            Op::Wait(millis) => {
                self.now += millis;
                self.bench.now = self.began.after(span(self.now));
                (String::new(), String::new())
            }
        };
        if seen != told {
            return Err(format!("{op:?} was answered with {seen}, and the rules say {told}"));
        }
        self.agrees().map_err(|what| format!("after {op:?}: {what}"))
    }

    fn key(&self) -> u128 {
        let half = |salt: u64| {
            let mut hasher = DefaultHasher::new();
            (salt, self.now - REGISTRATION_TTL).hash(&mut hasher);
            for (at, code) in self.codes.iter().enumerate() {
                let place = (self.codes.len() - at).min(3);
                if place == 3 && !code.known {
                    continue;
                }
                let (expires_at, forgotten) = (code.expires_at - self.now, code.forgotten_from - self.now);
                (place, code.whose, code.approved, expires_at, forgotten, code.known).hash(&mut hasher);
                (code.tokens, code.replayed).hash(&mut hasher);
                let sign_in = code.sign_in.map(|sign_in| &self.sign_ins[sign_in]);
                sign_in
                    .map(|s| (s.alive.then(|| s.ends - self.now), s.refresh.len().min(2)))
                    .hash(&mut hasher);
            }
            u128::from(hasher.finish())
        };
        half(1) << 64 | half(2)
    }
}
