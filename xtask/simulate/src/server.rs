//! The servers: the authority, its wire format, and restarts with or without the records.

use std::time::Duration;

use device_authority::{
    Moment, PersonError, Selector, ServerPolicy, SlowDown, Source, StoreError, UserDecision,
};
use device_flow::Reply;
use oidc_proto::{
    Body, Client, CreateTokenRequest, DeviceAuthorization, Dialect, Fault, FaultCode, Grant,
    RegisterClientRequest, Request, Secret, ServerRequest, StartDeviceAuthorizationRequest, Token,
};

use crate::args::Config;
use crate::records::Records;
use crate::rng::Rng;
use crate::sabotage::Sabotage;

/// A request in transit, as bytes or as a value.
#[derive(Clone)]
pub(crate) enum Asked {
    Wire(Request),
    Plain(ServerRequest),
}

/// A response in transit.
pub(crate) enum Answered {
    Wire(http::Response<Body>),
    Plain(Reply),
}

/// The action of a server, for the observers.
pub(crate) enum Served {
    Registered,
    Authorized(DeviceAuthorization),
    Granted { code: Option<Selector>, access_token: Secret },
    Refused(FaultCode),
}

/// The store was away, so there was no decision; or there was one whose response got lost.
#[derive(Debug)]
pub(crate) struct Away;

/// The chance, in ten thousand, that a poll or decision reaches all servers at the same time.
const RUSH: u32 = 1000;

const DIALECT: Dialect = Dialect::Aws;
const EPOCH: Duration = Duration::from_secs(1_700_000_000);
pub(crate) const DEVICE_TTL: Duration = Duration::from_secs(600);

pub(crate) struct Server {
    pub(crate) records: Records,
    policy: ServerPolicy,
    rng: Rng,
    /// The number of restarts that lost all records.
    pub(crate) generation: u32,
    pub(crate) down_until: u64,
    /// The number of polls and decisions that reached all servers at the same time.
    pub(crate) rushes: u64,
    is_rushed: bool,
    attacker: Option<Client>,
    sabotage: Option<Sabotage>,
    /// The user code that was issued last, for the sabotage that confuses codes.
    latest: Option<String>,
}

impl Server {
    pub(crate) fn new(config: &Config) -> Self {
        let policy = ServerPolicy::default()
            .with_interval(Duration::from_secs(config.interval))
            .with_device_ttl(DEVICE_TTL)
            .with_slow_down(SlowDown::Strict);
        Self {
            records: Records::new(config),
            policy,
            rng: Rng::of(config.seed, u64::MAX),
            generation: 0,
            down_until: 0,
            rushes: 0,
            is_rushed: config.faults.twice > 0,
            attacker: None,
            sabotage: config.sabotage,
            latest: None,
        }
    }

    /// Stops at once, and returns at `until`.
    pub(crate) fn restart(&mut self, forgets: bool, until: u64) {
        self.down_until = until;
        self.records.restart(forgets);
        if forgets {
            self.generation += 1;
            self.attacker = None;
        }
    }

    /// Returns the server for the next request, as a load balancer would.
    fn next(&mut self) -> usize {
        match self.records.servers() {
            1 => 0,
            servers => self.rng.between(0, servers as u64) as usize,
        }
    }

    /// Returns the servers for a request that may be in a rush.
    fn next_in_a_rush(&mut self) -> Vec<usize> {
        let first = self.next();
        let servers = self.records.servers();
        if servers > 1 && self.is_rushed && self.rng.chance(RUSH) {
            self.rushes += 1;
            return (0..servers).map(|more| (first + more) % servers).collect();
        }
        vec![first]
    }

    pub(crate) const fn is_down(&self, now: u64) -> bool {
        now < self.down_until
    }

    /// Serves a request. The second result is what other servers did that got it at the same time.
    pub(crate) fn serve(&mut self, now: u64, asked: &Asked) -> (Served, Answered, Vec<Served>) {
        match asked {
            Asked::Plain(request) => {
                let (served, reply, others) = self.decide(now, request);
                (served, Answered::Plain(reply), others)
            }
            Asked::Wire(request) => {
                let decoded = DIALECT
                    .operation(request.method(), request.uri().path())
                    .and_then(|operation| DIALECT.decode_request(operation, request.body().as_ref()));
                let (served, reply, others) = match decoded {
                    Ok(request) => self.decide(now, &request),
                    Err(fault) => (Served::Refused(fault.code.clone()), Reply::Fault(fault), Vec::new()),
                };
                (served, Answered::Wire(encoded(&reply)), others)
            }
        }
    }

    fn decide(&mut self, now: u64, request: &ServerRequest) -> (Served, Reply, Vec<Served>) {
        let (served, reply) = match request {
            ServerRequest::RegisterClient(ask) => {
                let server = self.next();
                let (store, mut entropy) = (self.records.of_server(server), self.rng.entropy());
                let made = store.register_client(&self.policy, ask, moment(now), &mut entropy);
                match flat(self.records.one(made)) {
                    Ok(registration) => (Served::Registered, Reply::Registered(registration)),
                    Err(fault) => refused(fault),
                }
            }
            ServerRequest::StartDeviceAuthorization(ask) => {
                let server = self.next();
                let (store, mut entropy) = (self.records.of_server(server), self.rng.entropy());
                let made = store.start_device_authorization(&self.policy, ask, moment(now), &mut entropy);
                match flat(self.records.one(made)) {
                    Ok(codes) => {
                        self.latest = self.sabotage.map(|_| codes.user_code.clone());
                        (Served::Authorized(codes.clone()), Reply::Authorized(codes))
                    }
                    Err(fault) => refused(fault),
                }
            }
            ServerRequest::CreateToken(ask) => {
                let mut answers = self.poll(now, ask).into_iter().map(|polled| polled_answer(ask, polled));
                let (served, reply) = answers.next().expect("a server");
                return (served, reply, answers.map(|(served, _)| served).collect());
            }
        };
        (served, reply, Vec::new())
    }

    /// Handles a poll at one server, or at all of them at the same time.
    fn poll(&mut self, now: u64, ask: &CreateTokenRequest) -> Vec<Result<Token, Fault>> {
        let servers = self.next_in_a_rush();
        let (records, policy) = (&self.records, &self.policy);
        if let [server] = *servers {
            let mut entropy = self.rng.entropy();
            let polled = records.of_server(server).create_token(policy, ask, moment(now), &mut entropy);
            return vec![flat(records.one(polled).map(|exchanged| exchanged.reply))];
        }
        let seeds: Vec<(usize, u64)> =
            servers.into_iter().map(|server| (server, self.rng.between(0, u64::MAX))).collect();
        let polls = seeds.into_iter().map(|(server, seed)| async move {
            let mut rng = Rng::of(seed, 0);
            let mut entropy = rng.entropy();
            let store = records.of_server(server);
            let polled = store.create_token(policy, ask, moment(now), &mut entropy).await;
            flat(polled.map(|exchanged| exchanged.reply))
        });
        records.all(polls)
    }

    /// Handles a code that a person types. In a rush all servers handle it at the same time, as if the person pressed
    /// twice. One of them accepts it.
    pub(crate) fn person(
        &mut self,
        now: u64,
        device: u32,
        typed: &str,
        verdict: UserDecision,
    ) -> Result<Result<(), PersonError>, Away> {
        let home = Source::of(core::net::Ipv4Addr::from_bits(0x0a00_0000 + device).into());
        let servers = self.next_in_a_rush();
        let (records, policy) = (&self.records, &self.policy);
        let decide = |server: usize, source: Option<Source>, typed| {
            records.of_server(server).decide(policy, source, typed, verdict, moment(now))
        };
        let mut seen = records.all(servers.into_iter().map(|server| decide(server, Some(home), typed)));
        // The best news counts, then that it is uncertain.
        seen.sort_by_key(|seen| match seen {
            Ok(Ok(())) => 0,
            Err(_) => 1,
            Ok(Err(_)) => 2,
        });
        if let [Ok(Ok(())), Ok(Ok(())), ..] = &*seen {
            return Ok(Err(PersonError::Decided));
        }
        let Ok(seen) = seen.swap_remove(0) else { return Err(Away) };
        if seen.is_ok()
            && self.sabotage == Some(Sabotage::Crosstalk)
            && let Some(latest) = &self.latest
        {
            // A deliberate violation.
            let _ = records.one(decide(0, None, latest));
        }
        Ok(seen)
    }

    /// Handles a stolen code from another, properly registered client.
    pub(crate) fn theft(
        &mut self,
        now: u64,
        device_code: Secret,
        owner: Option<Client>,
    ) -> Result<Token, Fault> {
        let server = self.next();
        let store = self.records.of_server(server);
        let mut entropy = self.rng.entropy();
        if self.attacker.is_none() {
            let ask = RegisterClientRequest::new("attacker").with_scopes(["sso:account:access"]);
            let made = store.register_client(&self.policy, &ask, moment(now), &mut entropy);
            self.attacker = Some(flat(self.records.one(made))?.client);
        }
        let passes_for =
            if self.sabotage == Some(Sabotage::Attacker) { owner } else { self.attacker.clone() };
        let Some(client) = passes_for else { return Err(Fault::new(FaultCode::InvalidClient)) };
        let ask = CreateTokenRequest::new(client, Grant::device_code(device_code));
        let taken = store.create_token(&self.policy, &ask, moment(now), &mut entropy);
        flat(self.records.one(taken).map(|exchanged| exchanged.reply))
    }
}

/// Returns what the client is told, also if the store is away.
fn flat<T>(made: Result<Result<T, Fault>, StoreError>) -> Result<T, Fault> {
    made.unwrap_or_else(|error| Err(error.fault()))
}

fn polled_answer(ask: &CreateTokenRequest, polled: Result<Token, Fault>) -> (Served, Reply) {
    match polled {
        Ok(token) => {
            let code = match &ask.grant {
                Grant::DeviceCode { device_code, .. } => Selector::of(device_code),
                _ => None,
            };
            (Served::Granted { code, access_token: token.access_token.clone() }, Reply::Granted(token))
        }
        Err(fault) => refused(fault),
    }
}

fn refused(fault: Fault) -> (Served, Reply) {
    (Served::Refused(fault.code.clone()), Reply::Fault(fault))
}

fn encoded(reply: &Reply) -> http::Response<Body> {
    match reply {
        Reply::Registered(answer) => DIALECT.encode_success::<RegisterClientRequest>(answer),
        Reply::Authorized(answer) => DIALECT.encode_success::<StartDeviceAuthorizationRequest>(answer),
        Reply::Granted(answer) => DIALECT.encode_success::<CreateTokenRequest>(answer),
        Reply::Fault(fault) => DIALECT.encode_fault(fault),
        other => panic!("a server does not say {other:?}"),
    }
}

fn moment(now: u64) -> Moment {
    Moment::new(EPOCH + Duration::from_micros(now))
}

/// Returns a gateway's page, which replaces the server's response. Some pages have `Retry-After`.
pub(crate) fn gateway_page(retry_after: Option<u64>) -> http::Response<Body> {
    let mut page = http::Response::builder().status(502).header("content-type", "text/html");
    if let Some(seconds) = retry_after {
        page = page.header("retry-after", seconds.to_string());
    }
    page.body(Body::new(b"<html><h1>502 Bad Gateway</h1></html>".to_vec())).expect("a well-formed page")
}
