//! The network: late, lost, duplicated, overtaken or hidden requests and responses.

use device_authority::Selector;
use device_flow::{Failure, PendingRequest, Reply};
use oidc_proto::{FaultCode, Request};

use crate::device::Device;
use crate::faults::SECOND;
use crate::ledger::{Code, Fate};
use crate::queue::{Event, InFlight};
use crate::server::{Answered, Asked, Served, gateway_page};
use crate::world::{Law, World, tick};

/// The client's request timeout.
const CLIENT_PATIENCE: u64 = 10 * SECOND;

impl World<'_> {
    pub(crate) fn send(&mut self, id: u32, device: &mut Device, request: &Request) -> Law {
        let (faults, now, number) = (&self.config.faults, self.now, device.requests);
        let operation = request.operation();
        self.summary.requests += 1;
        self.tell(id, || format!("sends {operation}, request {number}"));
        let rng = &mut device.rng;
        if self.server.is_down(now) || rng.chance(faults.refused) {
            self.summary.network.refused += 1;
            self.queue.plan(now + faults.delay(rng), id, Event::Refused(number));
            return Ok(());
        }
        let arrives = now + faults.delay(rng);
        let is_lost = rng.chance(faults.lost_request);
        self.summary.network.lost_requests += u64::from(is_lost);
        if is_lost || arrives >= now + CLIENT_PATIENCE {
            self.queue.plan(now + CLIENT_PATIENCE, id, Event::TimedOut(number));
        }
        let second = rng.chance(faults.twice).then(|| now + faults.delay(rng));
        let asked = if self.config.wire {
            Asked::Wire(request.clone())
        } else {
            Asked::Plain(device.plain(operation).ok_or("a request that cannot be made")?)
        };
        if let Some(at) = second {
            self.summary.network.copies += 1;
            let copy = InFlight { number, sent: now, is_copy: true, asked: asked.clone() };
            self.queue.plan(at, id, Event::AtServer(Box::new(copy)));
        }
        if !is_lost {
            let first = InFlight { number, sent: now, is_copy: false, asked };
            self.queue.plan(arrives, id, Event::AtServer(Box::new(first)));
        }
        Ok(())
    }

    pub(crate) fn serve(&mut self, id: u32, device: &mut Device, request: &InFlight) -> Law {
        let (faults, now) = (&self.config.faults, self.now);
        let given_up = request.sent + CLIENT_PATIENCE;
        if self.server.is_down(now) {
            if !request.is_copy {
                self.queue.plan(given_up.max(now), id, Event::TimedOut(request.number));
            }
            return Ok(());
        }
        self.summary.network.late_requests += u64::from(now >= given_up);
        self.summary.network.overtaken += u64::from(request.number < device.latest_served);
        device.latest_served = device.latest_served.max(request.number);
        let (served, mut answered, others) = self.server.serve(now, &request.asked);
        let generation = self.server.generation;
        // No client waits for these.
        for served in others {
            match served {
                Served::Granted { code, access_token } => {
                    let code = device.codes.iter_mut().find(|known| Some(known.selector) == code);
                    let code = code.ok_or("a token for a code that this device was not given")?;
                    code.granted(&access_token, generation, now)?;
                    code.settle(Fate::AnsweredACopy);
                    self.tell(id, || "another server grants at the same time".to_owned());
                }
                Served::Refused(code) => self.refused(id, &code)?,
                Served::Registered | Served::Authorized(_) => {}
            }
        }
        match served {
            Served::Authorized(codes) => {
                let code = Code::new(&codes, generation, now).ok_or("codes that are none")?;
                device.codes.push(code);
            }
            Served::Granted { code, access_token } => {
                let code = device.codes.iter_mut().find(|known| Some(known.selector) == code);
                let code = code.ok_or("a token for a code that this device was not given")?;
                code.granted(&access_token, generation, now)?;
                if request.is_copy || now >= given_up {
                    code.settle(Fate::AnsweredACopy);
                } else if device.cancelled {
                    code.settle(Fate::GivenUp);
                }
                self.tell(id, || "the server grants".to_owned());
            }
            Served::Refused(code) => self.refused(id, &code)?,
            Served::Registered => {}
        }
        if request.is_copy {
            return Ok(());
        }
        let rng = &mut device.rng;
        let arrives = now + faults.delay(rng);
        let fate = if rng.chance(faults.lost_reply) {
            Fate::LostOnTheWay
        } else if arrives >= given_up {
            Fate::CameTooLate
        } else if rng.chance(faults.gateway) {
            answered = Answered::Wire(gateway_page(rng.chance(5000).then(|| rng.between(1, 20))));
            Fate::HiddenByAGateway
        } else {
            Fate::OnItsWay
        };
        if fate != Fate::OnItsWay {
            self.summary.network.spoilt(fate);
            device.codes.iter_mut().for_each(|code| code.settle(fate));
            self.tell(id, || format!("the answer: {}", fate.text()));
        }
        match fate {
            Fate::LostOnTheWay | Fate::CameTooLate => {
                self.queue.plan(given_up.max(now), id, Event::TimedOut(request.number));
            }
            _ => self.queue.plan(arrives, id, Event::AtClient(request.number, Box::new(answered))),
        }
        Ok(())
    }

    /// Notes a refusal. No server is without its store unless a connection broke.
    fn refused(&mut self, id: u32, code: &FaultCode) -> Law {
        self.tell(id, || format!("the server says {code}"));
        if *code == FaultCode::InternalServer {
            self.away()?;
        }
        Ok(())
    }

    /// Notes that a server was without its store.
    pub(crate) fn away(&mut self) -> Law {
        self.summary.away += 1;
        match &self.config.shared {
            Some(shared) if shared.cuts > 0 => Ok(()),
            _ => Err("a server without its store, although no connection broke".to_owned()),
        }
    }

    pub(crate) fn answer(&mut self, id: u32, device: &mut Device, number: u32, answered: Answered) -> Law {
        let Some((_, pending)) = device.pending.take_if(|(awaited, _)| *awaited == number) else {
            return Ok(());
        };
        let reply = match answered {
            Answered::Plain(reply) => reply,
            Answered::Wire(response) => Reply::decode(&pending, &response),
        };
        match &reply {
            Reply::Authorized(codes) => {
                let selector = Selector::of(&codes.device_code);
                device.current = device.codes.iter().position(|code| Some(code.selector) == selector);
                device.device_code = Some(codes.device_code.clone());
            }
            Reply::Granted(_) => {
                if let Some(code) = device.code() {
                    code.settle(Fate::Arrived);
                }
            }
            _ => {}
        }
        self.hear(id, device, pending, reply)
    }

    pub(crate) fn fail(&mut self, id: u32, device: &mut Device, number: u32, failure: Failure) -> Law {
        let Some((_, pending)) = device.pending.take_if(|(awaited, _)| *awaited == number) else {
            return Ok(());
        };
        self.tell(id, || format!("request {number}: {failure}"));
        self.hear(id, device, pending, Reply::Failed(failure))
    }

    pub(crate) fn hear(
        &mut self,
        id: u32,
        device: &mut Device,
        pending: PendingRequest,
        reply: Reply,
    ) -> Law {
        let shown = device.clock.shows(self.now);
        device.observer.see(shown);
        let operation = pending.operation();
        device.observer.hears(operation, &reply);
        let Some(flow) = &mut device.flow else { return Ok(()) };
        flow.on_reply(pending, tick(shown), reply).map_err(|misuse| misuse.to_string())?;
        self.drive(id, device)
    }
}
