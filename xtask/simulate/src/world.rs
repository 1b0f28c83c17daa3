//! The world, which processes events in the order of virtual time.

use std::time::Duration;

use device_flow::{Action, Failure, Policy, Tick};
use oidc_proto::{Endpoint, Registration, Service};

use crate::args::Config;
use crate::clock::Clock;
use crate::device::Device;
use crate::faults::SECOND;
use crate::judge::{Circumstances, Ending, judge, told};
use crate::ledger::Fate;
use crate::plan::Plan;
use crate::queue::{Event, Queue};
use crate::rng::Rng;
use crate::server::Server;
use crate::summary::Summary;

/// The time for which a device stays in memory after its end, for messages in transit.
const MEMORY: u64 = 120 * SECOND;
/// The time after the last arrival: the lifetimes of two codes, and the requests around them.
const AFTERMATH: u64 = 1500 * SECOND;
/// The number of calls without a new action after which a machine is in a busy loop.
const CALLS: u32 = 6;
/// The id of events without a device.
const NO_DEVICE: u32 = u32::MAX;

/// A violated invariant.
#[derive(Debug)]
pub(crate) struct BrokenRule {
    pub(crate) device: u32,
    pub(crate) at: u64,
    pub(crate) law: String,
}

pub(crate) struct World<'a> {
    pub(crate) config: &'a Config,
    pub(crate) now: u64,
    end: u64,
    pub(crate) queue: Queue,
    devices: Vec<Option<Box<Device>>>,
    pub(crate) server: Server,
    rng: Rng,
    service: Service,
    policies: [Policy; 2],
    /// The registration that the latest sign-in left in the cache.
    cache: Option<Registration>,
    pub(crate) summary: Summary,
    /// The events of the watched devices.
    pub(crate) story: Vec<String>,
}

/// Converts a client's time for the machine.
pub(crate) const fn tick(shown: u64) -> Tick {
    Tick::since_origin(Duration::from_micros(shown))
}

/// Returns the arrival time of a device, within its own share of the simulated hours. So neighbours by number
/// are neighbours in time, and other devices do not change it.
fn arrival(config: &Config, id: u32) -> u64 {
    let share = config.hours * 3.6e9 / f64::from(config.devices);
    let begin = |id: u32| (share * f64::from(id)) as u64;
    Rng::of(!config.seed, u64::from(id)).between(begin(id), begin(id + 1))
}

/// The result of the invariants; the error names the violated one.
pub(crate) type Law = Result<(), String>;

impl<'a> World<'a> {
    pub(crate) fn new(config: &'a Config) -> Self {
        let span = (config.hours * 3.6e9) as u64;
        let first = config.ids().start;
        let mut queue = Queue::default();
        queue.plan(arrival(config, first), first, Event::Arrive);
        if config.faults.restart_every > 0 {
            queue.plan(config.faults.restart_every, NO_DEVICE, Event::Restart { forgets: false });
        }
        let endpoint = Endpoint::custom("http://127.0.0.1:9").expect("a loopback endpoint");
        let policy = Policy::aws("https://d-1234567890.awsapps.com/start").with_client_name("simulation");
        Self {
            config,
            now: 0,
            end: span + AFTERMATH,
            queue,
            devices: std::iter::repeat_with(|| None).take(config.ids().end as usize).collect(),
            server: Server::new(config),
            // The server's stream does not depend on the number of devices.
            rng: Rng::of(config.seed, u64::MAX - 1),
            service: endpoint.into(),
            policies: [policy.clone(), policy.with_scopes(["sso:account:access"])],
            cache: None,
            summary: Summary::default(),
            story: Vec::new(),
        }
    }

    /// Processes all events.
    ///
    /// # Errors
    /// The first violated invariant.
    pub(crate) fn run(&mut self) -> Result<(), BrokenRule> {
        while let Some((at, device, event)) = self.queue.next() {
            self.now = at;
            self.summary.events += 1;
            self.happen(device, event).map_err(|law| BrokenRule { device, at, law })?;
        }
        (self.summary.cuts, self.summary.rushes) = (self.server.records.cuts(), self.server.rushes);
        let missing = self.config.ids().len() as u64 - self.summary.ended();
        if missing > 0 {
            let device =
                self.devices.iter().position(|device| device.as_ref().is_some_and(|d| d.flow.is_some()));
            let device = device.map_or(NO_DEVICE, |device| device as u32);
            return Err(BrokenRule { device, at: self.now, law: format!("{missing} sign-ins never ended") });
        }
        Ok(())
    }

    fn happen(&mut self, id: u32, event: Event) -> Law {
        match event {
            Event::Restart { forgets } => self.restart(forgets),
            Event::Arrive => self.arrive(id),
            Event::Forget => {
                self.devices[id as usize] = None;
                Ok(())
            }
            event => {
                // The device leaves the list while it acts, so the borrow checker permits changes to it and
                // the world.
                let Some(mut device) = self.devices[id as usize].take() else { return Ok(()) };
                let law = self.act(id, &mut device, event);
                self.devices[id as usize] = Some(device);
                law
            }
        }
    }

    fn act(&mut self, id: u32, device: &mut Device, event: Event) -> Law {
        match event {
            Event::Wake => self.drive(id, device),
            Event::AtServer(request) => self.serve(id, device, &request),
            Event::AtClient(number, answered) => self.answer(id, device, number, *answered),
            Event::TimedOut(number) => self.fail(id, device, number, Failure::Unknown),
            Event::Refused(number) => self.fail(id, device, number, Failure::NotSent),
            Event::Person(prompt) => self.person(id, device, prompt),
            Event::Theft => self.theft(id, device),
            Event::Cancel => {
                let Some(flow) = &mut device.flow else { return Ok(()) };
                flow.cancel();
                device.cancelled = true;
                device.pending = None;
                device.observer.ends();
                device.codes.iter_mut().for_each(|code| code.settle(Fate::GivenUp));
                self.tell(id, || "gives up".to_owned());
                self.drive(id, device)
            }
            Event::ClockJump(by) => {
                device.clock.jump(self.now, by);
                self.summary.clock_jumps += 1;
                self.tell(id, || format!("its clock jumps by {} ms", by / 1000));
                self.drive(id, device)
            }
            Event::Arrive | Event::Forget | Event::Restart { .. } => Ok(()),
        }
    }

    fn arrive(&mut self, id: u32) -> Law {
        // Each arrival plans the next one, so later devices take no memory.
        if id + 1 < self.config.ids().end {
            self.queue.plan(arrival(self.config, id + 1), id + 1, Event::Arrive);
        }
        let faults = &self.config.faults;
        let mut rng = Rng::of(self.config.seed, u64::from(id));
        let drift = rng.between(0, 2 * faults.drift.unsigned_abs() + 1) as i64 - faults.drift;
        let clock = Clock::new(self.now, drift);
        let cached = if rng.chance(3000) { self.cache.clone() } else { None };
        let policy = self.policies[usize::from(rng.chance(5000))].clone();
        let mut plan = |per_10_000: u32, event: &dyn Fn(&mut Rng) -> Event| {
            if rng.chance(per_10_000) {
                let at = self.now + rng.between(0, 600 * SECOND);
                let event = event(&mut rng);
                self.queue.plan(at, id, event);
            }
        };
        for _ in 0..2 {
            // The jumps range from half an hour back to an hour ahead, and most are small.
            plan(faults.jumps, &|rng| {
                let size = 1 << rng.between(10, 32);
                Event::ClockJump(if rng.chance(3333) { -(size / 2) } else { size })
            });
        }
        plan(faults.thefts, &|_| Event::Theft);
        plan(faults.cancels, &|_| Event::Cancel);
        self.summary.alive += 1;
        self.summary.most_alive = self.summary.most_alive.max(self.summary.alive);
        let is_cached = cached.is_some();
        self.tell(id, || {
            format!(
                "appears, its clock {drift} ppm fast{}",
                if is_cached { ", with a cached registration" } else { "" }
            )
        });
        let mut device = Box::new(Device::new(
            rng,
            clock,
            (self.service.clone(), policy),
            cached,
            self.now,
            self.server.generation,
        ));
        let law = self.drive(id, &mut device);
        self.devices[id as usize] = Some(device);
        law
    }

    /// Performs the client machine's actions until it waits.
    pub(crate) fn drive(&mut self, id: u32, device: &mut Device) -> Law {
        for _ in 0..CALLS {
            let shown = device.clock.shows(self.now);
            device.observer.see(shown);
            let Some(flow) = &mut device.flow else { return Ok(()) };
            match flow.poll(tick(shown)) {
                Action::Send(pending) => {
                    let request = pending.request().clone();
                    device.observer.sends(request.operation())?;
                    device.requests += 1;
                    device.pending = Some((device.requests, pending));
                    self.send(id, device, &request)?;
                }
                Action::Prompt(prompt) => {
                    device.prompts += 1;
                    device.user_code = prompt.user_code;
                    device.plan = Plan::of(&mut device.rng, self.config.faults.typos);
                    self.summary.people.note(device.plan.as_ref());
                    self.tell(id, || {
                        format!("shows prompt {}; the person: {:?}", device.prompts, device.plan)
                    });
                    if let Some(plan) = &device.plan {
                        self.queue.plan(self.now + plan.after, id, Event::Person(device.prompts));
                    }
                }
                Action::Wait(until) => {
                    let until = until.elapsed().as_micros() as u64;
                    device.observer.waits(until)?;
                    self.queue.plan(device.clock.when(until), id, Event::Wake);
                    return Ok(());
                }
                Action::AwaitReply if device.pending.is_some() => return Ok(()),
                Action::AwaitReply => return Err("waits for an answer to nothing".to_owned()),
                Action::Done => return self.finish(id, device),
            }
        }
        Err(format!("a busy loop: {CALLS} calls and no wait"))
    }

    fn restart(&mut self, forgets: bool) -> Law {
        self.server.restart(forgets, self.now + self.rng.between(5 * SECOND, 30 * SECOND));
        self.summary.restarts += 1;
        self.summary.memory_losses += u64::from(forgets);
        let next = self.now + self.config.faults.restart_every;
        if next < self.end {
            self.queue.plan(next, NO_DEVICE, Event::Restart { forgets: !forgets });
        }
        Ok(())
    }

    fn finish(&mut self, id: u32, device: &mut Device) -> Law {
        let at = Circumstances {
            now: self.now,
            generation: self.server.generation,
            interval: self.config.interval * SECOND,
            is_faultless: self.config.faults.name == "none"
                && self.config.shared.as_ref().is_none_or(|shared| shared.cuts == 0),
        };
        let outcome = device.outcome().ok_or("an end without an outcome")?;
        self.tell(id, || format!("ends: {}", told(outcome)));
        let ending = judge(device, outcome, &at)?;
        if ending == Ending::Granted {
            let approved = device.current.and_then(|current| device.codes[current].approved);
            let approved = approved.ok_or("a token without an approval")?;
            let wait = self.now - approved;
            if at.is_faultless && wait > at.interval + SECOND {
                return Err(format!("a token {wait} µs after its approval, in a world without faults"));
            }
            self.summary.grant(id, device.observer.polls, wait);
        }
        self.summary.end(ending);
        self.summary.slow_downs += u64::from(device.observer.slow_downs);
        self.summary.renewed += u64::from(device.prompts > 1);
        if let Some(mut flow) = device.flow.take() {
            // The end is final at any later time.
            let later = tick(device.observer.latest() + 3600 * SECOND);
            if !matches!(flow.poll(later), Action::Done) || flow.outcome().is_none() {
                return Err("an end that was none".to_owned());
            }
            if flow.registration().is_some() {
                self.cache = flow.registration();
            }
        }
        device.observer.ends();
        self.summary.alive -= 1;
        self.summary.ended_at = self.now;
        self.queue.plan(self.now + MEMORY, id, Event::Forget);
        Ok(())
    }

    pub(crate) fn tell(&mut self, id: u32, what: impl FnOnce() -> String) {
        if self.config.watch.as_ref().is_some_and(|watch| watch.contains(&id)) {
            self.story.push(format!("{:>12.3} s  device {id}: {}", self.now as f64 / 1e6, what()));
        }
    }
}
