//! The speed and size of the machines: many simultaneous flows through complete sign-ins, step by step,
//! without network and wire format. First the client machine runs alone, with prepared responses, then
//! against the authority.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use device_authority::{Capacity, Memory, Moment, ServerPolicy, UserDecision};
use device_flow::{Action, DeviceFlow, PendingRequest, Policy, Reply, Tick};
use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, Endpoint, Fault, FaultCode, Grant,
    RegisterClientRequest, Registration, Secret, Service, StartDeviceAuthorizationRequest, Token,
};

use crate::measure;
use crate::rng::Rng;

/// The number of polls before the approval. One more gets the token.
const PENDING: u64 = 3;
const INTERVAL: u64 = 5;
const START_URL: &str = "https://d-1234567890.awsapps.com/start";

pub(crate) fn run(most: u32) {
    println!(
        "a whole sign-in: register, authorize, prompt, {PENDING} pending polls, a granted one; one core, no wire"
    );
    println!(
        "{:>10}  {:>22}  {:>22}  {:>22}",
        "at once", "client alone", "client and authority", "a pending client"
    );
    // The first run does not count, because it pays for memory that later runs reuse.
    let mut sizes: Vec<u32> =
        (3..=9).map(|power| 10u32.pow(power)).take_while(|size| *size <= most).collect();
    if sizes.last() != Some(&most) {
        sizes.push(most);
    }
    for size in sizes {
        let (alone, bytes) = client_alone(size);
        let both = with_authority(size);
        let cost = |took: Duration| {
            format!("{:.2} s {:.2} µs each", took.as_secs_f64(), took.as_secs_f64() * 1e6 / f64::from(size))
        };
        println!(
            "{size:>10}  {:>22}  {:>22}  {:>16} bytes",
            cost(alone),
            cost(both),
            bytes / u64::from(size)
        );
    }
    println!(
        "The size is that of resident memory, strings and all, of which the machine itself is {} bytes.",
        size_of::<DeviceFlow>()
    );
}

fn service() -> Service {
    Endpoint::custom("http://127.0.0.1:9").expect("a loopback endpoint").into()
}

fn at(seconds: u64) -> Tick {
    Tick::since_origin(Duration::from_secs(seconds))
}

/// Returns the client machine's next request.
fn sends(flow: &mut DeviceFlow, now: Tick) -> PendingRequest {
    let Action::Send(pending) = flow.poll(now) else { panic!("nothing to send") };
    black_box(pending.request());
    pending
}

fn waits(flow: &mut DeviceFlow, now: Tick) {
    let Action::Wait(_) = flow.poll(now) else { panic!("no wait") };
}

/// Runs each step for all flows before the next step, so that all flows are active at once.
fn client_alone(size: u32) -> (Duration, u64) {
    let (service, policy) = (service(), Arc::new(Policy::aws(START_URL)));
    let registration = Registration::new(Client::new("c".repeat(40), Secret::new("s".repeat(64))));
    let codes = DeviceAuthorization::new(
        Secret::new("d".repeat(86)),
        "WDJB-MJHT",
        "https://device.example/",
        Duration::from_secs(600),
    )
    .with_interval(Duration::from_secs(INTERVAL));
    let pending = Fault::new(FaultCode::AuthorizationPending);
    let token = Token::bearer(Secret::new("t".repeat(86)), Duration::from_secs(28_800));

    let before = measure::memory();
    let start = measure::now();
    let mut flows: Vec<DeviceFlow> =
        (0..size).map(|_| DeviceFlow::new(service.clone(), policy.clone(), None, Tick::ZERO)).collect();
    for flow in &mut flows {
        let asked = sends(flow, Tick::ZERO);
        flow.on_reply(asked, Tick::ZERO, Reply::Registered(registration.clone())).expect("awaited");
        let asked = sends(flow, Tick::ZERO);
        flow.on_reply(asked, Tick::ZERO, Reply::Authorized(codes.clone())).expect("awaited");
        let Action::Prompt(prompt) = flow.poll(Tick::ZERO) else { panic!("no prompt") };
        black_box(&prompt);
        waits(flow, Tick::ZERO);
    }
    for round in 1..=PENDING {
        for flow in &mut flows {
            let asked = sends(flow, at(round * INTERVAL));
            flow.on_reply(asked, at(round * INTERVAL), Reply::Fault(pending.clone())).expect("awaited");
            waits(flow, at(round * INTERVAL));
        }
    }
    // Measuring the memory takes negligible time.
    let grown = measure::memory().saturating_sub(before);
    let end = at((PENDING + 1) * INTERVAL);
    for flow in &mut flows {
        let asked = sends(flow, end);
        flow.on_reply(asked, end, Reply::Granted(token.clone())).expect("awaited");
        let got = flow.outcome();
        assert!(matches!(got, Some(Ok(_))), "{got:?}");
    }
    drop(flows);
    (measure::now() - start, grown)
}

fn with_authority(size: u32) -> Duration {
    let (service, policy) = (service(), Arc::new(Policy::aws(START_URL)));
    let rules = ServerPolicy::default().with_interval(Duration::from_secs(INTERVAL));
    let room = size as usize;
    let mut store =
        Memory::new(Capacity::default().with_clients(room).with_devices(room).with_families(room));
    let mut rng = Rng::of(1, 1);
    // Flows start one microsecond apart, so no clock makes a million simultaneous.
    let moment = |seconds: u64, at: usize| {
        Moment::new(Duration::from_secs(1_700_000_000 + seconds) + Duration::from_micros(at as u64))
    };

    let start = measure::now();
    let mut flows: Vec<(DeviceFlow, CreateTokenRequest, String)> = Vec::with_capacity(room);
    for place in 0..room {
        let mut flow = DeviceFlow::new(service.clone(), policy.clone(), None, Tick::ZERO);
        let asked = sends(&mut flow, Tick::ZERO);
        let ask = RegisterClientRequest::new("simulation");
        let registration =
            store.register_client(&rules, &ask, moment(0, place), &mut rng.entropy()).expect("room");
        let client = registration.client.clone();
        flow.on_reply(asked, Tick::ZERO, Reply::Registered(registration)).expect("awaited");
        let asked = sends(&mut flow, Tick::ZERO);
        let ask = StartDeviceAuthorizationRequest::new(client.clone(), START_URL);
        let codes = store
            .start_device_authorization(&rules, &ask, moment(0, place), &mut rng.entropy())
            .expect("room");
        let grant = Grant::device_code(codes.device_code.clone());
        flow.on_reply(asked, Tick::ZERO, Reply::Authorized(codes)).expect("awaited");
        let Action::Prompt(prompt) = flow.poll(Tick::ZERO) else { panic!("no prompt") };
        waits(&mut flow, Tick::ZERO);
        flows.push((flow, CreateTokenRequest::new(client, grant), prompt.user_code));
    }
    for round in 1..=PENDING + 1 {
        let seconds = round * INTERVAL;
        let now = at(seconds);
        for (place, (flow, ask, user_code)) in flows.iter_mut().enumerate() {
            if round > PENDING {
                store
                    .decide(&rules, None, user_code, UserDecision::APPROVE, moment(seconds, place))
                    .expect("undecided");
            }
            let asked = sends(flow, now);
            let reply = match store.create_token(&rules, ask, moment(seconds, place), &mut rng.entropy()) {
                Ok(token) => Reply::Granted(token),
                Err(fault) => Reply::Fault(fault),
            };
            flow.on_reply(asked, now, reply).expect("awaited");
            if round <= PENDING {
                waits(flow, now);
            }
        }
    }
    assert!(flows.iter().all(|(flow, ..)| matches!(flow.outcome(), Some(Ok(_)))));
    drop(flows);
    measure::now() - start
}
