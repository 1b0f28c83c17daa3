//! The server: the authority, its wire format, and restarts with or without its memory.

use std::time::Duration;

use device_authority::{
    Capacity, Memory, Moment, PersonError, Selector, ServerPolicy, SlowDown, Source, UserDecision,
};
use device_flow::Reply;
use oidc_proto::{
    Body, Client, CreateTokenRequest, DeviceAuthorization, Dialect, Fault, FaultCode, Grant,
    RegisterClientRequest, Request, Secret, ServerRequest, StartDeviceAuthorizationRequest, Token,
};

use crate::args::Config;
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

/// The server's action, for the observers.
pub(crate) enum Served {
    Registered,
    Authorized(DeviceAuthorization),
    Granted { code: Option<Selector>, access_token: Secret },
    Refused(FaultCode),
}

const DIALECT: Dialect = Dialect::Aws;
const EPOCH: Duration = Duration::from_secs(1_700_000_000);
pub(crate) const DEVICE_TTL: Duration = Duration::from_secs(600);

pub(crate) struct Server {
    memory: Memory,
    policy: ServerPolicy,
    capacity: Capacity,
    rng: Rng,
    /// The number of restarts that lost all records.
    pub(crate) generation: u32,
    pub(crate) down_until: u64,
    attacker: Option<Client>,
    sabotage: Option<Sabotage>,
    /// The user code that was issued last, for the sabotage that confuses codes.
    latest: Option<String>,
}

impl Server {
    pub(crate) fn new(config: &Config) -> Self {
        let room = 2 * config.devices as usize + 1000;
        let capacity = Capacity::default().with_clients(room).with_devices(room).with_families(room);
        let policy = ServerPolicy::default()
            .with_interval(Duration::from_secs(config.interval))
            .with_device_ttl(DEVICE_TTL)
            .with_slow_down(SlowDown::Strict);
        Self {
            memory: Memory::new(capacity),
            policy,
            capacity,
            rng: Rng::of(config.seed, u64::MAX),
            generation: 0,
            down_until: 0,
            attacker: None,
            sabotage: config.sabotage,
            latest: None,
        }
    }

    /// Stops at once, and returns at `until`.
    pub(crate) fn restart(&mut self, forgets: bool, until: u64) {
        self.down_until = until;
        if forgets {
            self.memory = Memory::new(self.capacity);
            self.generation += 1;
            self.attacker = None;
        }
    }

    pub(crate) const fn is_down(&self, now: u64) -> bool {
        now < self.down_until
    }

    pub(crate) fn serve(&mut self, now: u64, asked: &Asked) -> (Served, Answered) {
        match asked {
            Asked::Plain(request) => {
                let (served, reply) = self.decide(now, request);
                (served, Answered::Plain(reply))
            }
            Asked::Wire(request) => {
                let decoded = DIALECT
                    .operation(request.method(), request.uri().path())
                    .and_then(|operation| DIALECT.decode_request(operation, request.body().as_ref()));
                let (served, reply) = match decoded {
                    Ok(request) => self.decide(now, &request),
                    Err(fault) => (Served::Refused(fault.code.clone()), Reply::Fault(fault)),
                };
                (served, Answered::Wire(encoded(&reply)))
            }
        }
    }

    fn decide(&mut self, now: u64, request: &ServerRequest) -> (Served, Reply) {
        let (memory, policy, now) = (&mut self.memory, &self.policy, moment(now));
        let mut entropy = self.rng.entropy();
        match request {
            ServerRequest::RegisterClient(ask) => {
                match memory.register_client(policy, ask, now, &mut entropy) {
                    Ok(registration) => (Served::Registered, Reply::Registered(registration)),
                    Err(fault) => refused(fault),
                }
            }
            ServerRequest::StartDeviceAuthorization(ask) => {
                match memory.start_device_authorization(policy, ask, now, &mut entropy) {
                    Ok(codes) => {
                        self.latest = self.sabotage.map(|_| codes.user_code.clone());
                        (Served::Authorized(codes.clone()), Reply::Authorized(codes))
                    }
                    Err(fault) => refused(fault),
                }
            }
            ServerRequest::CreateToken(ask) => match memory.create_token(policy, ask, now, &mut entropy) {
                Ok(token) => {
                    let code = match &ask.grant {
                        Grant::DeviceCode { device_code, .. } => Selector::of(device_code),
                        _ => None,
                    };
                    (
                        Served::Granted { code, access_token: token.access_token.clone() },
                        Reply::Granted(token),
                    )
                }
                Err(fault) => refused(fault),
            },
        }
    }

    /// Handles a code that a person types.
    pub(crate) fn person(
        &mut self,
        now: u64,
        device: u32,
        typed: &str,
        verdict: UserDecision,
    ) -> Result<(), PersonError> {
        let home = Source::of(core::net::Ipv4Addr::from_bits(0x0a00_0000 + device).into());
        self.memory.decide(&self.policy, Some(home), typed, verdict, moment(now))?;
        if self.sabotage == Some(Sabotage::Crosstalk)
            && let Some(latest) = &self.latest
        {
            // A deliberate violation.
            let _ = self.memory.decide(&self.policy, None, latest, verdict, moment(now));
        }
        Ok(())
    }

    /// Handles a stolen code from another, properly registered client.
    pub(crate) fn theft(
        &mut self,
        now: u64,
        device_code: Secret,
        owner: Option<Client>,
    ) -> Result<Token, Fault> {
        let mut entropy = self.rng.entropy();
        if self.attacker.is_none() {
            let ask = RegisterClientRequest::new("attacker").with_scopes(["sso:account:access"]);
            let made = self.memory.register_client(&self.policy, &ask, moment(now), &mut entropy);
            self.attacker = made.ok().map(|registration| registration.client);
        }
        let passes_for =
            if self.sabotage == Some(Sabotage::Attacker) { owner } else { self.attacker.clone() };
        let Some(client) = passes_for else { return Err(Fault::new(FaultCode::InvalidClient)) };
        let ask = CreateTokenRequest::new(client, Grant::device_code(device_code));
        self.memory.create_token(&self.policy, &ask, moment(now), &mut entropy)
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
