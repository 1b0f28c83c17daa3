//! One device: a client machine, its clock, its person, and the records about them.

use device_flow::{DeviceFlow, Granted, Outcome, PendingRequest, Policy};
use oidc_proto::{
    CreateTokenRequest, Grant, Operation, RegisterClientRequest, Registration, Secret, ServerRequest,
    Service, StartDeviceAuthorizationRequest,
};

use crate::clock::Clock;
use crate::ledger::Code;
use crate::observer::Observer;
use crate::plan::Plan;
use crate::rng::Rng;
use crate::world::tick;

pub(crate) struct Device {
    /// The sign-in; `None` once it has ended.
    pub(crate) flow: Option<DeviceFlow>,
    pub(crate) clock: Clock,
    pub(crate) rng: Rng,
    pub(crate) observer: Observer,
    /// The request in flight, with its number.
    pub(crate) pending: Option<(u32, PendingRequest)>,
    pub(crate) requests: u32,
    /// The highest number of a request that has reached the server.
    pub(crate) latest_served: u32,
    pub(crate) prompts: u32,
    pub(crate) user_code: String,
    pub(crate) plan: Option<Plan>,
    /// Every code that the server gave to the device.
    pub(crate) codes: Vec<Code>,
    pub(crate) current: Option<usize>,
    pub(crate) device_code: Option<Secret>,
    /// The server's generation at the arrival of the device.
    pub(crate) generation: u32,
    pub(crate) cancelled: bool,
}

impl Device {
    pub(crate) fn new(
        rng: Rng,
        clock: Clock,
        (service, policy): (Service, Policy),
        cached: Option<Registration>,
        now: u64,
        generation: u32,
    ) -> Self {
        Self {
            flow: Some(DeviceFlow::new(service, policy, cached, tick(clock.shows(now)))),
            clock,
            rng,
            observer: Observer::default(),
            pending: None,
            requests: 0,
            latest_served: 0,
            prompts: 0,
            user_code: String::new(),
            plan: None,
            codes: Vec::new(),
            current: None,
            device_code: None,
            generation,
            cancelled: false,
        }
    }

    pub(crate) fn code(&mut self) -> Option<&mut Code> {
        self.codes.get_mut(self.current?)
    }

    pub(crate) fn outcome(&self) -> Option<Result<&Granted, &Outcome>> {
        self.flow.as_ref().and_then(DeviceFlow::outcome)
    }

    /// Returns the client's request, for a world without the wire format.
    pub(crate) fn plain(&self, operation: Operation) -> Option<ServerRequest> {
        let flow = self.flow.as_ref()?;
        let client = || flow.registration().map(|registration| registration.client);
        Some(match operation {
            Operation::RegisterClient => {
                let ask = RegisterClientRequest::new(&flow.policy().client_name);
                ServerRequest::RegisterClient(ask.with_scopes(&flow.policy().scopes))
            }
            Operation::StartDeviceAuthorization => ServerRequest::StartDeviceAuthorization(
                StartDeviceAuthorizationRequest::new(client()?, &flow.policy().start_url),
            ),
            _ => ServerRequest::CreateToken(CreateTokenRequest::new(
                client()?,
                Grant::device_code(self.device_code.clone()?),
            )),
        })
    }
}
