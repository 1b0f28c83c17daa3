//! Histories of an authority. The store and the reference play each step and must agree, in responses and in
//! records. The laws are checked separately, from the responses alone.

mod key;
pub(crate) mod laws;
mod odd;
pub(crate) mod op;
pub(crate) mod reference;
pub(crate) mod transitions;

use core::time::Duration;

use device_authority::{
    AuthorizationStatus, Capacity, GuessLimit, Issued, Moment, PersonError, Selector, ServerPolicy, Source,
    UserDecision,
};
use oidc_proto::oauth::RevocationRequest;
use oidc_proto::{Client, Fault, Grant, RegisterClientRequest, Secret, Token};

use self::laws::Ledger;
use self::op::{Answer, By, Decision, Op, Which};
use self::reference::{Reference, Rules, Spent, Window};
use crate::common::Bench;

/// An authority, its reference, and the secrets that its clients hold.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) reference: Reference,
    pub(crate) bench: Bench,
    began: Moment,
    clients: Vec<Client>,
    codes: Vec<(Secret, String)>,
    families: Vec<Vec<Secret>>,
    /// The access tokens, and whether the store may have removed each after its expiry.
    access: Vec<(Secret, bool)>,
    ledger: Ledger,
}

impl World {
    /// Creates two registered clients, the first with scopes, and slots for this many devices and sources.
    pub(crate) fn new(rules: Rules, devices: usize, sources: usize) -> Self {
        let time = |millis: i64| Duration::from_millis(millis.unsigned_abs());
        let guesses = GuessLimit::default()
            .with_window(time(rules.window))
            .with_per_source(rules.per_source)
            .with_everyone(rules.everyone)
            .with_in_crowd(rules.in_crowd)
            .with_ceiling(rules.ceiling);
        let policy = ServerPolicy::default()
            .with_interval(time(rules.interval))
            .with_device_ttl(time(rules.device_ttl))
            .with_remember_expired(time(rules.remember))
            .with_registration_ttl(time(rules.registration_ttl))
            .with_refresh_ttl(time(rules.family_ttl))
            .with_access_ttl(time(rules.access_ttl))
            .with_rotation(rules.rotation)
            .with_rotation_grace(time(rules.rotation_grace))
            .with_device_grace(time(rules.device_grace))
            .with_slow_down(rules.slow_down)
            .with_guesses(guesses);
        let bench = Bench::with_capacity(policy, Capacity::default());
        let mut world = Self {
            reference: Reference::new(rules, devices, sources),
            began: bench.now,
            bench,
            clients: Vec::new(),
            codes: Vec::new(),
            families: Vec::new(),
            access: Vec::new(),
            ledger: Ledger::default(),
        };
        for client in 0..2 {
            world
                .play(Op::Register { client, scoped: client == 0 })
                .expect("a registration has no state to disagree on");
        }
        world
    }

    /// Plays a step. `None` if it is impossible, for example a poll without a code.
    ///
    /// # Errors
    /// Returns the disagreement of store and reference, or the broken law.
    pub(crate) fn play(&mut self, op: Op) -> Result<Option<Answer>, String> {
        let before = self.reference.forgettable();
        let Some((seen, told)) = self.step(op) else { return Ok(None) };
        let after = self.reference.forgettable();
        let keeps_all = match op {
            Op::Register { .. } => before.0 > 0 && after.0 >= before.0,
            Op::Start { .. } => before.1 > 0 && after.1 >= before.1,
            _ => false,
        };
        if keeps_all {
            return Err(format!("{op:?} forgot none of {before:?} records, so the store only grows"));
        }
        if seen != told {
            return Err(format!("{op:?} was answered with {seen:?}, and the rules say {told:?}"));
        }
        for (access, told) in self.access.iter_mut().zip(&self.reference.access) {
            access.1 |= self.reference.now >= told.ends;
        }
        self.agrees().map_err(|what| format!("after {op:?}: {what}"))?;
        self.ledger
            .check(op, &seen, self)
            .map_err(|law| format!("{op:?} was answered with {seen:?}: {law}"))?;
        self.ledger.note(op, &seen, &self.reference);
        Ok(Some(seen))
    }

    /// Returns the reference, after it has followed the store in what it forgot. The rules say from when a
    /// record may be forgotten, and not when it is.
    fn told(&mut self) -> &mut Reference {
        let (store, reference) = (&self.bench.store, &mut self.reference);
        let now = reference.now;
        for (client, told) in self.clients.iter().zip(&mut reference.clients) {
            told.known &= told.ends > now || store.client(&client.id).is_some();
        }
        let has_device = |code: &Secret| Selector::of(code).is_some_and(|code| store.device(code).is_some());
        for ((code, _), told) in self.codes.iter().zip(&mut reference.codes) {
            told.known &= told.forgotten_from > now || has_device(code);
        }
        let has_family =
            |token: &Secret| Selector::of(token).is_some_and(|family| store.family(family).is_some());
        for (tokens, told) in self.families.iter().zip(&mut reference.families) {
            told.alive &= told.ends > now || has_family(&tokens[0]);
        }
        for (from, told) in reference.guesses.iter_mut().enumerate() {
            *told = told.filter(|window| window.ends > now || store.guesses(source(from)).is_some());
        }
        reference
    }

    /// Returns the store's response and the reference's.
    fn step(&mut self, op: Op) -> Option<(Answer, Answer)> {
        Some(match op {
            Op::Wait(millis) => {
                self.set_clock(self.reference.now + millis);
                (Answer::Nothing, Answer::Nothing)
            }
            Op::Back(millis) => {
                self.set_clock(self.reference.now - millis);
                (Answer::Nothing, Answer::Nothing)
            }
            Op::Register { client, scoped } => {
                let scopes = scoped.then_some("sso:account:access");
                let ask = RegisterClientRequest::new("tool").with_scopes(scopes);
                let seen = match self.bench.register(&ask) {
                    Ok(registration) => {
                        self.clients.push(registration.client);
                        Answer::Registered
                    }
                    Err(fault) => Answer::fault(&fault.code),
                };
                (seen, self.told().register(client, scoped))
            }
            Op::Start { device } => {
                let client = self.clients[self.reference.client_of(device)].clone();
                let seen = match self.bench.start(&client) {
                    Ok(codes) => {
                        self.codes.push((codes.device_code, codes.user_code));
                        Answer::Started
                    }
                    Err(fault) => Answer::fault(&fault.code),
                };
                (seen, self.told().start(device))
            }
            Op::Poll { device, by } => self.poll(device, self.reference.code(device, 0)?, by),
            Op::Replay { device } => self.poll(device, self.reference.code(device, 1)?, By::Owner),
            Op::Refresh { device, token, by } => return self.refresh(device, token, by),
            Op::Revoke { device, token, by } => return self.revoke(device, token, by),
            Op::Decide { device, decision } => {
                let code = self.reference.code(device, 0)?;
                // A person cannot expire a code; only trusted tests and tools can.
                let (from, verdict) = match decision {
                    Decision::Approve => (Some(0), UserDecision::APPROVE),
                    Decision::Deny => (Some(0), UserDecision::Deny),
                    Decision::Expire => (None, UserDecision::Expire),
                };
                let (bench, typed) = (&mut self.bench, &self.codes[code].1);
                let seen = bench.store.decide(&bench.policy, from.map(source), typed, verdict, bench.now);
                (person(seen, Answer::Decided), self.told().decide(code, from, decision))
            }
            Op::Peek { device, from } => {
                let code = self.reference.code(device, 0)?;
                let (bench, typed) = (&mut self.bench, &self.codes[code].1);
                let seen = bench.store.review(&bench.policy, Some(source(from)), typed, bench.now);
                (person(seen.map(|_| ()), Answer::Reviewed), self.told().peek(code, from))
            }
            Op::Guess { from } => {
                let bench = &mut self.bench;
                let typed = "BBBB-BBBB";
                let seen = bench.store.review(&bench.policy, Some(source(from)), typed, bench.now);
                (person(seen.map(|_| ()), Answer::Reviewed), self.told().guess(from))
            }
            Op::Odd(odd) => self.odd(odd)?,
        })
    }

    fn poll(&mut self, device: usize, code: usize, by: By) -> (Answer, Answer) {
        let client = self.reference.presenter(device, self.reference.codes[code].client, by);
        let grant = Grant::device_code(self.codes[code].0.clone());
        let seen = self.bench.token(&self.credentials(client, by), grant);
        if let Ok(again) = &seen
            && self.access.iter().any(|(first, _)| *first == again.access_token)
        {
            let first = match self.reference.codes[code].spent {
                Some(Spent::Family(family)) => Some(&self.families[family][0]),
                Some(Spent::Access(_)) | None => None,
            };
            let same = first == again.refresh_token.as_ref();
            let seen = if same { Answer::SameTokens } else { Answer::Token };
            return (seen, self.told().poll(code, client, by));
        }
        if let Ok(Token { refresh_token: Some(refresh), .. }) = &seen {
            self.families.push(vec![refresh.clone()]);
        }
        self.keep_access(&seen);
        (token(seen), self.told().poll(code, client, by))
    }

    fn refresh(&mut self, device: usize, which: Which, by: By) -> Option<(Answer, Answer)> {
        let (family, refresh_token) = self.refresh_token(device, which)?;
        let client = self.reference.presenter(device, self.reference.families[family].client, by);
        let seen = self.bench.token(&self.credentials(client, by), Grant::RefreshToken { refresh_token });
        if let Ok(Token { refresh_token: Some(next), .. }) = &seen
            && self.families[family].last() != Some(next)
        {
            self.families[family].push(next.clone());
        }
        self.keep_access(&seen);
        Some((token(seen), self.told().refresh(family, which, client, by)))
    }

    fn keep_access(&mut self, seen: &Result<Token, Fault>) {
        self.access.extend(seen.iter().map(|token| (token.access_token.clone(), false)));
    }

    /// Returns whether the portal recognises this access token.
    pub(crate) fn is_recognised(&self, access: usize) -> bool {
        self.bench.store.recognize_token(&self.access[access].0, self.bench.now).is_ok()
    }

    fn revoke(&mut self, device: usize, which: Which, by: By) -> Option<(Answer, Answer)> {
        let (family, token) = self.refresh_token(device, which)?;
        let client = self.reference.presenter(device, self.reference.families[family].client, by);
        let request = RevocationRequest::refresh_token(self.credentials(client, by), token);
        let seen = match self.bench.store.revoke_token(&self.bench.policy, &request, self.bench.now) {
            Ok(()) => Answer::Revoked,
            Err(fault) => Answer::fault(&fault.code),
        };
        Some((seen, self.told().revoke(family, client, by)))
    }

    /// Returns a token of the family of the slot's sign-in, and the family.
    fn refresh_token(&self, device: usize, which: Which) -> Option<(usize, Secret)> {
        let family = self.reference.family_of(device)?;
        let back = if which == Which::Current { 0 } else { 1 };
        Some((family, self.families[family].iter().rev().nth(back)?.clone()))
    }

    fn credentials(&self, client: usize, by: By) -> Client {
        let mut client = self.clients[client].clone();
        if by == By::WrongSecret {
            client.secret = Some(Secret::new("-".repeat(64)));
        }
        client
    }

    fn set_clock(&mut self, now: i64) {
        self.reference.now = now;
        self.bench.now = self.moment(now);
    }

    pub(crate) fn moment(&self, millis: i64) -> Moment {
        let time = Duration::from_millis(millis.unsigned_abs());
        let began = self.began.since_epoch();
        Moment::new(if millis < 0 { began - time } else { began + time })
    }

    pub(crate) fn selector(&self, code: usize) -> Selector {
        Selector::of(&self.codes[code].0).expect("a code that was given out has one")
    }

    /// Checks that the store's records are exactly the reference's.
    fn agrees(&self) -> Result<(), String> {
        let (store, reference) = (&self.bench.store, &self.reference);
        for (client, told) in self.clients.iter().zip(&reference.clients) {
            if store.client(&client.id).is_some() != told.known {
                return Err(format!("a client is {}, {told:?}", if told.known { "gone" } else { "kept" }));
            }
        }
        for (at, told) in reference.codes.iter().enumerate() {
            let record = store.device(self.selector(at));
            let same = match record {
                None => !told.known,
                Some(record) => {
                    let state = &record.state;
                    let status = match (told.spent, told.decision) {
                        (Some(Spent::Family(family)), _) => AuthorizationStatus::Redeemed(
                            Selector::of(&self.families[family][0]).map(Issued::Family),
                        ),
                        (Some(Spent::Access(access)), _) => AuthorizationStatus::Redeemed(
                            Selector::of(&self.access[access].0).map(Issued::Access),
                        ),
                        (None, None) => AuthorizationStatus::Pending,
                        (None, Some(Decision::Approve)) => AuthorizationStatus::Approved,
                        (None, Some(Decision::Deny)) => AuthorizationStatus::Denied,
                        (None, Some(Decision::Expire)) => AuthorizationStatus::Expired,
                    };
                    let interval = Duration::from_millis(told.interval.unsigned_abs());
                    told.known
                        && state.status == status
                        && state.interval == interval
                        && state.first_use.as_ref().map(|first| first.at)
                            == told.spent_at.map(|at| self.moment(at))
                        && state.last_poll == told.last_poll.map(|last| self.moment(last))
                        && state.grace_used == told.forgiven
                        && record.expires_at == self.moment(told.expires_at)
                        && record.forget_at == self.moment(told.forgotten_from)
                }
            };
            if !same {
                return Err(format!("the store has {record:?}, and the rules say {told:?}"));
            }
        }
        for (told, tokens) in reference.families.iter().zip(&self.families) {
            let record = Selector::of(&tokens[0]).and_then(|selector| store.family(selector));
            let same = record.map_or(!told.alive, |record| {
                told.alive
                    && tokens.last().is_some_and(|token| record.token.matches(token))
                    && tokens.len() == told.tokens
                    && record.used.as_ref().map(|used| used.at) == told.moved.map(|at| self.moment(at))
                    && record.forget_at == self.moment(told.ends)
            });
            if !same {
                return Err(format!("the store has {record:?}, and the rules say {told:?}"));
            }
        }
        for (at, (_, may_be_gone)) in self.access.iter().enumerate() {
            let (seen, told) = (self.is_recognised(at), reference.is_recognised(at));
            // A clock that steps back does not bring back a removed token.
            if seen != told && (seen || !may_be_gone) {
                return Err(format!(
                    "the portal recognises {seen}, the rules say {:?}",
                    reference.access[at]
                ));
            }
        }
        let windows = reference.guesses.iter().enumerate().map(|(from, window)| (source(from), window));
        for (from, told) in windows.chain([(Source::EVERYONE, &reference.all_guesses)]) {
            let record = store.guesses(from);
            let same = |Window { began, ends, count }: Window| {
                record.is_some_and(|record| {
                    record.began == self.moment(began)
                        && record.forget_at == self.moment(ends)
                        && record.count == count
                })
            };
            if !told.map_or(record.is_none(), same) {
                return Err(format!("the store has {record:?}, and the rules say {told:?}"));
            }
        }
        let counts = store.counts();
        let told = (
            reference.clients.iter().filter(|client| client.known).count(),
            reference.codes.iter().filter(|code| code.known).count(),
            reference.families.iter().filter(|family| family.alive).count(),
            reference.guesses.iter().flatten().count(),
        );
        if (counts.clients, counts.devices, counts.families, counts.sources) != told {
            return Err(format!("the store holds {counts:?}, and the rules say {told:?}"));
        }
        Ok(())
    }
}

/// Returns the source of this person: the first owns the devices.
fn source(from: usize) -> Source {
    Source::of(core::net::Ipv4Addr::from_bits(0xc000_0200 + u32::try_from(from).unwrap()).into())
}

fn token(seen: Result<Token, Fault>) -> Answer {
    seen.map_or_else(|fault| Answer::fault(&fault.code), |_| Answer::Token)
}

fn person(seen: Result<(), PersonError>, success: Answer) -> Answer {
    match seen {
        Ok(()) => success,
        Err(PersonError::Unknown) => Answer::UnknownCode,
        Err(PersonError::Expired) => Answer::ExpiredCode,
        Err(PersonError::Decided) => Answer::AlreadyDecided,
        Err(PersonError::TooManyGuesses(limit)) => {
            Answer::TooManyGuesses(i64::try_from(limit.wait.as_millis()).unwrap())
        }
        Err(other) => panic!("an error that this test does not know: {other:?}"),
    }
}
