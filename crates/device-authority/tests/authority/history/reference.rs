//! The reference: the rules in their simplest form, with lists of codes, token families and access tokens.
//!
//! It is written from RFC 8628, RFC 9700 §4.14.2 and the crate's documentation, and shares no code with it.
//! Time is in milliseconds.

use device_authority::{Rotation, SlowDown};
use oidc_proto::FaultCode;

use super::op::{Answer, By, Decision, Which};

/// The numbers of a policy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) slow_down: SlowDown,
    pub(crate) interval: i64,
    pub(crate) device_ttl: i64,
    pub(crate) remember: i64,
    pub(crate) registration_ttl: i64,
    pub(crate) family_ttl: i64,
    pub(crate) access_ttl: i64,
    pub(crate) rotation: Rotation,
    pub(crate) rotation_grace: i64,
    /// The time in which a spent code brings its tokens again; zero for none.
    pub(crate) device_grace: i64,
    pub(crate) window: i64,
    pub(crate) per_source: u32,
    pub(crate) everyone: u32,
    pub(crate) in_crowd: u32,
    pub(crate) ceiling: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) ends: i64,
    pub(crate) known: bool,
    /// Its sign-ins have refresh tokens.
    pub(crate) scoped: bool,
}

/// What a code brought, and what a second use of it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spent {
    Family(usize),
    Access(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) code: usize,
    pub(crate) family: Option<usize>,
    pub(crate) ends: i64,
    /// It was not revoked by itself.
    pub(crate) alive: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) client: usize,
    pub(crate) expires_at: i64,
    pub(crate) forgotten_from: i64,
    pub(crate) known: bool,
    pub(crate) decision: Option<Decision>,
    /// The token was issued.
    pub(crate) spent: Option<Spent>,
    /// The time of the first token, where a second use may bring it again.
    pub(crate) spent_at: Option<i64>,
    pub(crate) interval: i64,
    pub(crate) last_poll: Option<i64>,
    pub(crate) forgiven: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Family {
    pub(crate) code: usize,
    pub(crate) client: usize,
    pub(crate) ends: i64,
    pub(crate) alive: bool,
    /// The number of its tokens.
    pub(crate) tokens: usize,
    /// The first use of the previous token, while it is in its grace period.
    pub(crate) moved: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) began: i64,
    pub(crate) ends: i64,
    pub(crate) count: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) rules: Rules,
    pub(crate) now: i64,
    pub(crate) clients: Vec<Client>,
    /// The registration in each client's slot.
    pub(crate) registered: [usize; 2],
    pub(crate) codes: Vec<Code>,
    /// The codes of each device's slot, the present one last.
    pub(crate) slots: Vec<Vec<usize>>,
    pub(crate) families: Vec<Family>,
    pub(crate) access: Vec<Access>,
    pub(crate) guesses: Vec<Option<Window>>,
    pub(crate) all_guesses: Option<Window>,
}

impl Reference {
    pub(crate) fn new(rules: Rules, devices: usize, sources: usize) -> Self {
        Self {
            rules,
            now: 0,
            clients: Vec::new(),
            registered: [0, 1],
            codes: Vec::new(),
            slots: vec![Vec::new(); devices],
            families: Vec::new(),
            access: Vec::new(),
            guesses: vec![None; sources],
            all_guesses: None,
        }
    }

    /// Returns the code in this slot, or the one before it.
    pub(crate) fn code(&self, device: usize, back: usize) -> Option<usize> {
        self.slots[device].iter().rev().nth(back).copied()
    }

    /// Returns the family whose tokens a slot presents: that of its present code, or of the previous one.
    pub(crate) fn family_of(&self, device: usize) -> Option<usize> {
        let codes = [self.code(device, 0), self.code(device, 1)];
        codes.into_iter().flatten().find_map(|code| match self.codes[code].spent {
            Some(Spent::Family(family)) => Some(family),
            Some(Spent::Access(_)) | None => None,
        })
    }

    /// Returns whether the portal recognises this access token.
    pub(crate) fn is_recognised(&self, access: usize) -> bool {
        let access = &self.access[access];
        let family = access.family.map(|family| &self.families[family]);
        access.alive && self.now < access.ends && family.is_none_or(|f| f.alive && self.now < f.ends)
    }

    /// Returns the client of a device; the two clients alternate.
    pub(crate) fn client_of(&self, device: usize) -> usize {
        self.registered[device % 2]
    }

    /// Returns the registration whose credentials are presented.
    pub(crate) fn presenter(&self, device: usize, owner: usize, by: By) -> usize {
        if by == By::AnotherClient { self.registered[(device + 1) % 2] } else { owner }
    }

    pub(crate) fn register(&mut self, slot: usize, scoped: bool) -> Answer {
        self.registered[slot] = self.clients.len();
        self.clients.push(Client { ends: self.now + self.rules.registration_ttl, known: true, scoped });
        Answer::Registered
    }

    /// Returns how many clients and codes may be forgotten now.
    pub(crate) fn forgettable(&self) -> (usize, usize) {
        let clients = self.clients.iter().filter(|client| client.known && client.ends <= self.now);
        let codes = self.codes.iter().filter(|code| code.known && code.forgotten_from <= self.now);
        (clients.count(), codes.count())
    }

    /// Returns the response to a CreateToken with a grant that gets this fault from any valid client.
    pub(crate) fn refuse(&self, client: usize, fault: FaultCode) -> FaultCode {
        if self.is_client(client) { fault } else { FaultCode::InvalidClient }
    }

    pub(crate) fn start(&mut self, device: usize) -> Answer {
        let now = self.now;
        let client = self.client_of(device);
        if !self.is_client(client) {
            return Answer::fault(&FaultCode::InvalidClient);
        }
        let expires_at = now + self.rules.device_ttl;
        self.slots[device].push(self.codes.len());
        self.codes.push(Code {
            client,
            expires_at,
            forgotten_from: expires_at + self.rules.remember,
            known: true,
            decision: None,
            spent: None,
            spent_at: None,
            interval: self.rules.interval,
            last_poll: None,
            forgiven: false,
        });
        Answer::Started
    }

    pub(crate) fn poll(&mut self, code: usize, client: usize, by: By) -> Answer {
        let answer = if by == By::WrongSecret || !self.is_client(client) {
            Err(FaultCode::InvalidClient)
        } else {
            self.redeem(code, client)
        };
        answer.unwrap_or_else(|fault| Answer::fault(&fault))
    }

    fn redeem(&mut self, at: usize, client: usize) -> Result<Answer, FaultCode> {
        let (now, mode, grace) = (self.now, self.rules.slow_down, self.rules.device_grace);
        let code = &mut self.codes[at];
        if !code.known || code.client != client {
            return Err(FaultCode::InvalidGrant);
        }
        if let Some(spent_at) = code.spent_at.filter(|spent_at| now < spent_at + grace) {
            let is_alive = match code.spent {
                Some(Spent::Family(family)) => {
                    let family = &self.families[family];
                    family.alive && family.tokens == 1 && now < family.ends
                }
                Some(Spent::Access(access)) => self.access[access].alive,
                None => false,
            };
            let lasts = now < spent_at + self.rules.access_ttl;
            return if is_alive && lasts { Ok(Answer::SameTokens) } else { Err(FaultCode::InvalidGrant) };
        }
        if let Some(spent) = code.spent {
            match spent {
                Spent::Family(family) => self.families[family].alive = false,
                Spent::Access(access) => self.access[access].alive = false,
            }
            return Err(FaultCode::InvalidGrant);
        }
        if now >= code.expires_at || code.decision == Some(Decision::Expire) {
            return Err(FaultCode::ExpiredToken);
        }
        // A poll before the last one only shows that the clock stepped back.
        let early = code.last_poll.is_some_and(|last| now >= last && now - last < code.interval);
        if mode == SlowDown::Always && early {
            code.last_poll = Some(now);
            code.interval += 5_000;
            return Err(FaultCode::SlowDown);
        }
        match code.decision {
            Some(Decision::Deny) => return Err(FaultCode::AccessDenied),
            Some(_) => {
                let family = self.clients[client].scoped.then_some(self.families.len());
                code.spent_at = (grace > 0).then_some(now);
                code.spent = Some(family.map_or(Spent::Access(self.access.len()), Spent::Family));
                if family.is_some() {
                    let ends = now + self.rules.family_ttl;
                    self.families.push(Family {
                        code: at,
                        client,
                        ends,
                        alive: true,
                        tokens: 1,
                        moved: None,
                    });
                }
                self.add_access(at, family);
                return Ok(Answer::Token);
            }
            None => {}
        }
        code.last_poll = Some(now);
        let pardoned = mode == SlowDown::Off || (mode == SlowDown::Grace && !code.forgiven);
        if early && !pardoned {
            code.interval += 5_000;
            return Err(FaultCode::SlowDown);
        }
        code.forgiven |= early && mode == SlowDown::Grace;
        Err(FaultCode::AuthorizationPending)
    }

    fn add_access(&mut self, code: usize, family: Option<usize>) {
        self.access.push(Access { code, family, ends: self.now + self.rules.access_ttl, alive: true });
    }

    pub(crate) fn refresh(&mut self, at: usize, which: Which, client: usize, by: By) -> Answer {
        let answer = if by == By::WrongSecret || !self.is_client(client) {
            Err(FaultCode::InvalidClient)
        } else {
            let (now, rules) = (self.now, self.rules);
            let family = &mut self.families[at];
            let rests = family.moved.is_some_and(|moved| now < moved + rules.rotation_grace);
            if !family.alive || family.client != client || now >= family.ends {
                Err(FaultCode::InvalidGrant)
            } else if which == Which::Rotated && !rests {
                family.alive = false;
                Err(FaultCode::InvalidGrant)
            } else {
                if !rests && rules.rotation != Rotation::Reuse {
                    family.tokens += 1;
                    family.moved = (rules.rotation == Rotation::Grace).then_some(now);
                }
                let code = family.code;
                self.add_access(code, Some(at));
                Ok(())
            }
        };
        answer.map_or_else(|fault| Answer::fault(&fault), |()| Answer::Token)
    }

    /// Revokes a family by any of its tokens. A missing one is revoked already.
    pub(crate) fn revoke(&mut self, family: usize, client: usize, by: By) -> Answer {
        if by == By::WrongSecret || !self.is_client(client) {
            return Answer::fault(&FaultCode::InvalidClient);
        }
        let family = &mut self.families[family];
        if family.alive && family.client != client {
            return Answer::fault(&FaultCode::InvalidGrant);
        }
        family.alive = false;
        Answer::Revoked
    }

    /// Applies a decision. `from` is `None` for a trusted caller.
    pub(crate) fn decide(&mut self, code: usize, from: Option<usize>, decision: Decision) -> Answer {
        let seen = self.look(code, from);
        if seen == Answer::Reviewed {
            self.codes[code].decision = Some(decision);
            return Answer::Decided;
        }
        seen
    }

    /// Reviews a code. An expired registration has no client to show.
    pub(crate) fn peek(&mut self, code: usize, from: usize) -> Answer {
        match self.look(code, Some(from)) {
            Answer::Reviewed if !self.is_client(self.codes[code].client) => Answer::ExpiredCode,
            seen => seen,
        }
    }

    fn look(&mut self, code: usize, from: Option<usize>) -> Answer {
        if let Some(wait) = from.and_then(|from| self.over_the_limit(from)) {
            return Answer::TooManyGuesses(wait);
        }
        let code = &self.codes[code];
        if !code.known {
            if let Some(from) = from {
                self.count(from);
            }
            return Answer::UnknownCode;
        }
        match code.decision {
            Some(Decision::Approve | Decision::Deny) => Answer::AlreadyDecided,
            Some(Decision::Expire) => Answer::ExpiredCode,
            None if self.now >= code.expires_at => Answer::ExpiredCode,
            None => Answer::Reviewed,
        }
    }

    pub(crate) fn guess(&mut self, from: usize) -> Answer {
        if let Some(wait) = self.over_the_limit(from) {
            return Answer::TooManyGuesses(wait);
        }
        self.count(from);
        Answer::UnknownCode
    }

    fn over_the_limit(&self, from: usize) -> Option<i64> {
        let begun = |window: Option<Window>| window.filter(|window| window.began <= self.now);
        let (mine, all) = (begun(self.guesses[from]), begun(self.all_guesses));
        let is_over = |time: i64| {
            let count =
                |window: Option<Window>| window.map_or(0, |w| if time < w.ends { w.count } else { 0 });
            let few = self.rules.per_source.min(self.rules.in_crowd);
            let most = if count(all) < self.rules.everyone { self.rules.per_source } else { few };
            count(all) >= self.rules.ceiling || count(mine) >= most
        };
        if !is_over(self.now) {
            return None;
        }
        let mut ends: Vec<i64> = [mine, all].into_iter().flatten().map(|window| window.ends).collect();
        ends.sort_unstable();
        ends.into_iter().find(|end| !is_over(*end)).map(|end| end - self.now)
    }

    fn count(&mut self, from: usize) {
        let (now, length) = (self.now, self.rules.window);
        let one_more = |window: Option<Window>| match window {
            Some(Window { began, ends, count }) if now < ends => {
                let began = began.min(now);
                Window { began, ends: began + length, count: count + 1 }
            }
            _ => Window { began: now, ends: now + length, count: 1 },
        };
        let next = one_more(self.guesses[from]);
        self.guesses[from] = Some(next);
        self.all_guesses = Some(one_more(self.all_guesses));
    }

    fn is_client(&self, client: usize) -> bool {
        self.clients[client].known && self.now < self.clients[client].ends
    }

    /// Returns every time at which a response may change.
    pub(crate) fn boundaries(&self) -> impl Iterator<Item = i64> + '_ {
        let clients = self.clients.iter().filter(|client| client.known).map(|client| client.ends);
        let codes = self.codes.iter().filter(|code| code.known).flat_map(|code| {
            let due = code.last_poll.map(|last| last + code.interval);
            let graced = code.spent_at.map(|spent| spent + self.rules.device_grace);
            [Some(code.expires_at), Some(code.forgotten_from), due, code.last_poll, graced]
                .into_iter()
                .flatten()
        });
        let families = self.families.iter().filter(|family| family.alive).flat_map(|family| {
            let rested = family.moved.map(|moved| moved + self.rules.rotation_grace);
            [Some(family.ends), rested].into_iter().flatten()
        });
        // Within a family it lives as long.
        let access = self.access.iter().filter(|access| access.alive && access.family.is_none());
        let families = families.chain(access.map(|access| access.ends));
        let windows = self.guesses.iter().chain([&self.all_guesses]).flatten();
        clients.chain(codes).chain(families).chain(windows.flat_map(|window| [window.began, window.ends]))
    }
}
