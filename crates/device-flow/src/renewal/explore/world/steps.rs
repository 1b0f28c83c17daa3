//! The steps of processes and of the tool without a lock.

use core::time::Duration;

use oidc_proto::{Fault, FaultCode, Token};

use super::{Flight, Foreign, LIFE, Process, World, end, put, take};
use crate::renewal::explore::{WALL, generation, session};
use crate::renewal::{Renewal, RenewalAction, RenewalOutcome};
use crate::{Failure, Reply};

/// What happens in a step of a process.
type Happens<'a> = dyn Fn(&mut World, &mut Renewal, &mut Option<Box<Flight>>) + 'a;

/// Returns the worlds after one step of a process. A fault is taken from the budget.
pub(super) fn steps(world: &World, index: usize) -> Vec<World> {
    let mut next = Vec::new();
    let mut step = |is_fault: bool, happens: &Happens<'_>| {
        let mut world = world.clone();
        if is_fault {
            if world.faults == 0 {
                return;
            }
            world.faults -= 1;
        }
        let (mut renewal, mut flight) = take(&mut world, index);
        happens(&mut world, &mut renewal, &mut flight);
        put(&mut world, index, renewal, flight);
        next.push(world);
    };
    let Process::Runs { renewal, flight } = &world.processes[index] else { return next };
    if let Some(in_flight) = flight {
        match &in_flight.reply {
            None => {
                step(false, &|world, renewal, flight| {
                    let asked = generation(renewal.state.work().session.as_ref().expect("it refreshes one"));
                    world.requests += 1;
                    let reply = match world.refresh(asked) {
                        Some(new) => Reply::Granted(
                            Token::bearer(format!("a{new}").into(), Duration::from_secs(LIFE))
                                .with_refresh_token(format!("r{new}").into()),
                        ),
                        None => Reply::Fault(Fault::new(FaultCode::InvalidGrant)),
                    };
                    if let Some(flight) = flight {
                        flight.reply = Some(reply);
                    }
                });
                for failure in [Failure::NotSent, Failure::Unknown] {
                    step(true, &|world, renewal, flight| {
                        let Some(flight) = flight.take() else { return };
                        renewal.on_reply(flight.pending, world.now, WALL, Reply::Failed(failure)).unwrap();
                    });
                }
            }
            Some(reply) => {
                step(false, &|world, renewal, flight| {
                    let Some(flight) = flight.take() else { return };
                    renewal.on_reply(flight.pending, world.now, WALL, reply.clone()).unwrap();
                });
                step(true, &|world, renewal, flight| {
                    world.is_lost |= matches!(reply, Reply::Granted(_));
                    *flight = None;
                    renewal.abandon(world.now, WALL);
                });
            }
        }
        return next;
    }
    match renewal.clone().poll(world.now) {
        RenewalAction::Read => {
            step(false, &|world, renewal, _| {
                let _ = renewal.poll(world.now);
                renewal.on_read(world.now, WALL, world.stored.clone()).unwrap();
            });
        }
        RenewalAction::Lock => step(false, &|world, renewal, _| {
            let _ = renewal.poll(world.now);
            let is_taken = world.lock.is_none();
            if is_taken {
                world.lock = Some(index);
            }
            renewal.on_lock(world.now, WALL, is_taken).unwrap();
        }),
        RenewalAction::Send(_) => step(false, &|world, renewal, flight| {
            let RenewalAction::Send(pending) = renewal.poll(world.now) else { panic!("it sends") };
            *flight = Some(Box::new(Flight { pending, reply: None }));
        }),
        RenewalAction::Store(new) => step(false, &|world, renewal, _| {
            let _ = renewal.poll(world.now);
            world.write((*new).clone());
            renewal.on_stored(world.now, WALL).unwrap();
        }),
        RenewalAction::Wait(until) => step(false, &|world, _, _| world.now = world.now.max(until)),
        other => panic!("{other:?}"),
    }
    if matches!(
        renewal.clone().poll(world.now),
        RenewalAction::Read | RenewalAction::Lock | RenewalAction::Store(_)
    ) {
        step(true, &|world, renewal, _| {
            let was_new = renewal.state.work().new.is_some();
            let _ = renewal.poll(world.now);
            renewal.on_store_error(world.now, WALL).unwrap();
            world.is_lost |= was_new && renewal.outcome() == Some(RenewalOutcome::NotStored);
        });
    }
    next
}

/// Returns the worlds after a crash of a process. A request that was sent may reach the service or not.
pub(super) fn crashes(world: &World, index: usize) -> Vec<World> {
    let Process::Runs { renewal, flight } = &world.processes[index] else { return Vec::new() };
    if world.faults == 0 {
        return Vec::new();
    }
    let mut crashed = world.clone();
    crashed.faults -= 1;
    let has_token = flight.as_ref().is_some_and(|flight| matches!(flight.reply, Some(Reply::Granted(_))));
    crashed.is_lost |= has_token || renewal.state.work().new.is_some();
    end(&mut crashed, index, Process::Crashed);
    let mut next = vec![crashed.clone()];
    if flight.as_ref().is_some_and(|flight| flight.reply.is_none()) {
        let asked = generation(renewal.state.work().session.as_ref().expect("it refreshes one"));
        crashed.is_lost |= crashed.refresh(asked).is_some();
        next.push(crashed);
    }
    next
}

/// Returns the worlds after a step of the tool without a lock.
pub(super) fn foreign_steps(world: &World) -> Vec<World> {
    let mut next = world.clone();
    match world.foreign {
        Foreign::Idle => {
            let read = world.stored.as_ref().map(generation);
            next.foreign = read.map_or(Foreign::Done, Foreign::HasRead);
        }
        Foreign::HasRead(read) => {
            next.foreign = next.refresh(read).map_or(Foreign::Done, Foreign::HasToken);
        }
        Foreign::HasToken(new) => {
            next.write(session(new, LIFE));
            next.foreign = Foreign::Done;
            let mut results = vec![next];
            if world.faults > 0 {
                let mut crashed = world.clone();
                crashed.faults -= 1;
                crashed.foreign = Foreign::Done;
                crashed.is_lost = true;
                results.push(crashed);
            }
            return results;
        }
        Foreign::Done => return Vec::new(),
    }
    vec![next]
}
