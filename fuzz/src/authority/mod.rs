//! The authority's store under any sequence of operations, compared with a model of the permissions.

mod codes;

use core::time::Duration;
use std::collections::BTreeSet;

use device_authority::{
    Capacity, Entropy, GuessLimit, Memory, Moment, NoEntropy, PersonError, Rotation, ServerPolicy, SlowDown,
    Source, UserDecision,
};
use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, Fault, FaultCode, Grant, RegisterClientRequest, Secret,
    StartDeviceAuthorizationRequest, Token,
};

use self::codes::Codes;
use crate::script::Bytes;

/// The operations, by their letter in a seed. Any other byte also selects one of them.
const CALLS: &[u8] = b"rspadlgftjbxconew";

/// Drives a store. The first byte is the policy, the others are operations with arguments; see the seeds.
pub fn authority(data: &[u8]) {
    let mut bytes = Bytes(data);
    let mut run = Run::new(bytes.next());
    // Longer histories find nothing more, and are slower.
    for _ in 0..256 {
        if bytes.0.is_empty() {
            return;
        }
        let call = bytes.one_of(CALLS);
        run.call(call, &mut bytes);
    }
}

/// The model of a device.
struct Device {
    client: usize,
    answer: DeviceAuthorization,
    ends: Moment,
    approved: bool,
    denied: bool,
    expired: bool,
    redeemed: bool,
}

impl Device {
    fn is_over(&self, now: Moment) -> bool {
        self.expired || now >= self.ends
    }
}

/// A token family: the valid refresh token, the earlier ones, and their client.
struct Family {
    client: Client,
    current: Option<Secret>,
    spent: Vec<Secret>,
}

struct Run {
    store: Memory,
    capacity: Capacity,
    policy: ServerPolicy,
    now: Moment,
    latest: Moment,
    drawn: Drawn,
    clients: Vec<Client>,
    /// The expiry of each client's registration.
    expiries: Vec<Moment>,
    devices: Vec<Device>,
    codes: Codes,
    families: Vec<Family>,
    /// Every issued code and token.
    given: BTreeSet<String>,
    /// The wrong codes in a row at one time.
    wrong: u32,
}

impl Run {
    fn new(flags: u8) -> Self {
        let small = Capacity::default().with_clients(3).with_devices(4).with_codes(2);
        let small = small.with_families(2).with_sources(2);
        let capacity = if flags & 1 == 0 { Capacity::default() } else { small };
        let slow_down = match flags >> 1 & 3 {
            0 => SlowDown::Grace,
            1 => SlowDown::Strict,
            2 => SlowDown::Always,
            _ => SlowDown::Off,
        };
        let rotation = if flags & 8 == 0 { Rotation::Strict } else { Rotation::Grace };
        let policy = ServerPolicy::default()
            .with_slow_down(slow_down)
            .with_rotation(rotation)
            .with_guesses(GuessLimit::default().with_per_source(3));
        let now = Moment::new(Duration::from_secs(1_000_000));
        Self {
            store: Memory::new(capacity),
            capacity,
            policy,
            now,
            latest: now,
            drawn: Drawn(fastrand::Rng::with_seed(0)),
            clients: Vec::new(),
            expiries: Vec::new(),
            devices: Vec::new(),
            codes: Codes::default(),
            families: Vec::new(),
            given: BTreeSet::new(),
            wrong: 0,
        }
    }

    fn call(&mut self, call: u8, bytes: &mut Bytes<'_>) {
        match call {
            b'r' => self.register(bytes),
            b's' => self.start(bytes),
            b'p' => self.poll(bytes),
            b'a' => self.decide(bytes, UserDecision::APPROVE),
            b'd' => self.decide(bytes, UserDecision::Deny),
            b'l' => self.decide(bytes, UserDecision::Expire),
            b'g' => self.guess(bytes),
            b'f' => self.refresh(bytes),
            b't' => self.sleep(Duration::from_secs(bytes.seconds())),
            b'c' => self.register_for_codes(),
            b'o' => self.authorize(bytes, UserDecision::APPROVE),
            b'n' => self.authorize(bytes, UserDecision::Deny),
            b'e' => self.redeem(bytes),
            b'w' => self.misuse(bytes),
            b'j' => self.sleep(Duration::from_secs(bytes.seconds() * 86_400)),
            b'b' => {
                self.now =
                    Moment::new(self.now.since_epoch().saturating_sub(Duration::from_secs(bytes.seconds())));
                self.wrong = 0;
            }
            _ => self.steal(bytes),
        }
        let counts = self.store.counts();
        assert!(counts.clients <= self.capacity.clients && counts.devices <= self.capacity.devices);
        assert!(counts.codes <= self.capacity.codes);
        assert!(counts.families <= self.capacity.families && counts.sources <= self.capacity.sources);
        let pending: BTreeSet<_> = self.store.pending(self.now).map(|code| code.to_string()).collect();
        for device in &self.devices {
            if device.approved || device.denied || device.is_over(self.now) {
                assert!(
                    !pending.contains(&device.answer.user_code),
                    "decided or expired, and still to be decided on"
                );
            }
        }
    }

    fn sleep(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.latest = self.latest.max(self.now);
        self.wrong = 0;
    }

    /// Records an issued code or token, which must be new.
    fn gives(&mut self, secret: &Secret) {
        assert!(self.given.insert(secret.expose().to_owned()), "given out twice");
    }

    fn register(&mut self, bytes: &mut Bytes<'_>) {
        let scopes: &[&str] = if bytes.next().is_multiple_of(2) { &[] } else { &["sso:account:access"] };
        let request = RegisterClientRequest::new("n").with_scopes(scopes.iter().copied());
        match self.store.register_client(&self.policy, &request, self.now, &mut self.drawn) {
            Ok(registration) => {
                let secret = registration.client.secret.clone().expect("AWS's clients have secrets");
                self.gives(&secret);
                self.clients.push(registration.client);
                self.expiries.push(self.now.after(self.policy.registration_ttl));
            }
            Err(fault) => assert!(is_full(&fault) && self.capacity.clients == 3, "{fault}"),
        }
    }

    fn client(&self, bytes: &mut Bytes<'_>) -> Option<usize> {
        let at = usize::from(bytes.next().wrapping_sub(b'0'));
        at.checked_rem(self.clients.len())
    }

    fn device(&self, bytes: &mut Bytes<'_>) -> Option<usize> {
        let at = usize::from(bytes.next().wrapping_sub(b'0'));
        at.checked_rem(self.devices.len())
    }

    fn start(&mut self, bytes: &mut Bytes<'_>) {
        let Some(client) = self.client(bytes) else { return };
        let request = StartDeviceAuthorizationRequest::new(self.clients[client].clone(), "https://x.example");
        match self.store.start_device_authorization(&self.policy, &request, self.now, &mut self.drawn) {
            Ok(answer) => {
                self.gives(&answer.device_code);
                let ends = self.now.after(self.policy.device_ttl);
                let (approved, denied, expired, redeemed) = (false, false, false, false);
                self.devices.push(Device { client, answer, ends, approved, denied, expired, redeemed });
            }
            Err(fault) if is_full(&fault) => assert_eq!(self.capacity.devices, 4, "{fault}"),
            // The registration has expired.
            Err(fault) => assert!(fault.code == FaultCode::InvalidClient, "{fault}"),
        }
    }

    fn ask(&mut self, client: &Client, grant: Grant) -> Result<Token, Fault> {
        let request = CreateTokenRequest::new(client.clone(), grant);
        let answer = self.store.create_token(&self.policy, &request, self.now, &mut self.drawn);
        if let Ok(token) = &answer {
            let refresh = token.refresh_token.clone();
            self.gives(&token.access_token.clone());
            // During the grace period of the previous token, a refresh token is issued more than once.
            let is_known = |refresh: &Secret| {
                self.families.iter().any(|family| family.current.as_ref() == Some(refresh))
            };
            if let Some(refresh) = refresh
                && !(self.policy.rotation == Rotation::Grace && is_known(&refresh))
            {
                self.gives(&refresh);
            }
        }
        answer
    }

    /// Polls as the device's own client.
    fn poll(&mut self, bytes: &mut Bytes<'_>) {
        let Some(at) = self.device(bytes) else { return };
        let client = self.devices[at].client;
        let owner = self.clients[client].clone();
        let grant = Grant::device_code(self.devices[at].answer.device_code.clone());
        let answer = self.ask(&owner, grant);
        let (now, latest) = (self.now, self.latest);
        let device = &mut self.devices[at];
        match answer {
            Ok(token) => {
                assert!(device.approved && !device.denied && !device.redeemed && !device.is_over(now));
                device.redeemed = true;
                if token.refresh_token.is_some() {
                    self.families.push(Family {
                        client: owner,
                        current: token.refresh_token,
                        spent: Vec::new(),
                    });
                }
            }
            Err(fault) => match fault.code {
                FaultCode::SlowDown if self.policy.slow_down == SlowDown::Always => {
                    assert!(!device.redeemed && !device.is_over(now), "{fault}");
                }
                FaultCode::AuthorizationPending | FaultCode::SlowDown => {
                    assert!(!device.approved && !device.denied && !device.is_over(now), "{fault}");
                }
                FaultCode::AccessDenied => assert!(device.denied && !device.is_over(now)),
                FaultCode::ExpiredToken => {
                    assert!(device.is_over(now) && !device.redeemed);
                }
                // The token was redeemed, or the code was removed.
                FaultCode::InvalidGrant => assert!(device.redeemed || latest >= device.ends, "{fault}"),
                FaultCode::InvalidClient => {
                    assert!(latest >= self.expiries[client] || self.may_be_driven_out(client), "{fault}");
                }
                _ => panic!("{fault}"),
            },
        }
    }

    /// Returns whether a full store may have evicted the client. It evicts only clients without a live code.
    fn may_be_driven_out(&self, client: usize) -> bool {
        let has_lived = |device: &Device| device.redeemed || device.expired || self.latest >= device.ends;
        self.is_crowded() && self.devices.iter().filter(|device| device.client == client).all(has_lived)
    }

    /// Returns whether the store has had more clients than it has room for.
    fn is_crowded(&self) -> bool {
        self.clients.len() + self.codes.clients.len() > self.capacity.clients
    }

    /// Polls with the device's code as another client.
    fn steal(&mut self, bytes: &mut Bytes<'_>) {
        let (Some(another), Some(at)) = (self.client(bytes), self.device(bytes)) else { return };
        if another == self.devices[at].client {
            return;
        }
        let another = self.clients[another].clone();
        let grant = Grant::device_code(self.devices[at].answer.device_code.clone());
        let fault = self.ask(&another, grant).expect_err("another client's code");
        assert!(matches!(fault.code, FaultCode::InvalidGrant | FaultCode::InvalidClient), "{fault}");
        for family in 0..self.families.len() {
            let Some(token) = self.families[family].current.clone() else { continue };
            if self.families[family].client.id != another.id {
                let grant = Grant::RefreshToken { refresh_token: token };
                assert!(self.ask(&another, grant).is_err(), "another client's refresh token");
            }
        }
    }

    fn decide(&mut self, bytes: &mut Bytes<'_>, verdict: UserDecision) {
        let Some(at) = self.device(bytes) else { return };
        let code = self.devices[at].answer.user_code.to_lowercase().replace('-', " ");
        let reviewed = self.store.review(&self.policy, None, &code, self.now);
        let decided = self.store.decide(&self.policy, None, &code, verdict, self.now);
        if let Err(error) = reviewed
            && error != PersonError::Expired
        {
            assert_eq!(decided, Err(error), "what cannot be looked at cannot be decided on");
        }
        let device = &mut self.devices[at];
        match decided {
            Ok(()) => {
                assert!(!device.approved && !device.denied && !device.is_over(self.now));
                match verdict {
                    UserDecision::Approve(_) => device.approved = true,
                    UserDecision::Deny => device.denied = true,
                    _ => device.expired = true,
                }
            }
            Err(PersonError::Decided) => assert!(device.approved || device.denied),
            Err(PersonError::Expired) => assert!(device.is_over(self.now)),
            Err(PersonError::Unknown) => assert!(self.latest >= device.ends || device.redeemed),
            Err(error) => panic!("a trusted caller is not limited: {error}"),
        }
    }

    /// Tries user codes that do not exist.
    fn guess(&mut self, bytes: &mut Bytes<'_>) {
        let source = Source::of(core::net::IpAddr::from([10, 0, 0, bytes.next() % 2]));
        match self.store.decide(&self.policy, Some(source), "BBBB-BBBB", UserDecision::APPROVE, self.now) {
            Err(PersonError::Unknown) => self.wrong += 1,
            Err(PersonError::TooManyGuesses(too_many)) => {
                assert!(too_many.wait <= self.policy.guesses.window)
            }
            other => panic!("a code that no device has: {other:?}"),
        }
        // Three guesses from each of two sources.
        assert!(self.wrong <= 6, "guesses beyond the limit were looked at");
    }

    fn refresh(&mut self, bytes: &mut Bytes<'_>) {
        let choice = usize::from(bytes.next().wrapping_sub(b'0'));
        let Some(at) = (choice >> 1).checked_rem(self.families.len()) else { return };
        let family = &self.families[at];
        let reuse = choice & 1 != 0;
        let token = if reuse { family.spent.last() } else { family.current.as_ref() };
        let Some(token) = token.cloned() else { return };
        let client = family.client.clone();
        let answer = self.ask(&client, Grant::RefreshToken { refresh_token: token.clone() });
        let family = &mut self.families[at];
        match answer {
            Ok(fresh) => {
                let graced = self.policy.rotation == Rotation::Grace;
                assert!(!reuse || graced, "a refresh token is good once");
                let next = fresh.refresh_token.expect("a rotation has a successor");
                assert!(!reuse || family.current.as_ref() == Some(&next), "a used token has one successor");
                // During the grace period of the previous token, a token is its own successor.
                if family.current.as_ref() != Some(&next) {
                    family.spent.push(token);
                    family.current = Some(next);
                }
            }
            Err(fault) => {
                assert!(matches!(fault.code, FaultCode::InvalidGrant | FaultCode::InvalidClient), "{fault}");
                if reuse && fault.code == FaultCode::InvalidGrant {
                    // One of the two users is an attacker, so the successor must be invalid too.
                    if let Some(current) = family.current.take() {
                        let answer = self.ask(&client, Grant::RefreshToken { refresh_token: current });
                        assert!(answer.is_err(), "the family has ended");
                    }
                }
            }
        }
    }
}

fn is_full(fault: &Fault) -> bool {
    fault.code == FaultCode::SlowDown
        && fault.description.as_ref().is_some_and(|text| text.contains("reached its limit"))
}

/// Bytes that are the same in every run.
struct Drawn(fastrand::Rng);

impl Entropy for Drawn {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        self.0.fill(bytes);
        Ok(())
    }
}
