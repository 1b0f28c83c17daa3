//! Several processes of ours and a tool without a lock over one store, and one service with refresh tokens that
//! work once. Every interleaving of their steps is tried, with crashes, lost responses and store errors.

mod steps;

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use self::steps::{crashes, foreign_steps, steps};
use super::{Change, WALL, copy, generation, key, service, session, setting};
use crate::renewal::{Renewal, RenewalOutcome, RenewalPolicy};
use crate::{PendingRequest, Reply, Session, Tick};

/// The life of a new token, longer than the margin.
const LIFE: u64 = 3_600;

#[derive(Clone)]
struct World {
    now: Tick,
    stored: Option<Session>,
    /// The process that holds the lock.
    lock: Option<usize>,
    /// The generation of the only refresh token that the service accepts.
    current: u32,
    /// Whether the use of a spent refresh token ends the session.
    revokes: bool,
    is_revoked: bool,
    processes: Vec<Process>,
    foreign: Foreign,
    /// The crashes, losses and store errors that may still happen.
    faults: u32,
    /// Whether a new token was lost before it was stored.
    is_lost: bool,
    /// The requests that the service has seen from our processes.
    requests: u32,
    /// Whether there is neither a fault nor another tool.
    is_calm: bool,
    /// The transitions of the latest step.
    changes: Vec<Change>,
}

#[derive(Clone)]
enum Process {
    Runs { renewal: Box<Renewal>, flight: Option<Box<Flight>> },
    Ended(RenewalOutcome),
    Crashed,
}

/// A request, and its reply as soon as the service has seen it.
struct Flight {
    pending: PendingRequest,
    reply: Option<Reply>,
}

impl Clone for Flight {
    fn clone(&self) -> Self {
        Self { pending: copy(&self.pending), reply: self.reply.clone() }
    }
}

/// A tool that refreshes without a lock, once.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Foreign {
    Idle,
    HasRead(u32),
    /// It has a new token, and has not written it.
    HasToken(u32),
    Done,
}

impl World {
    fn new(count: usize, left: u64, foreign: bool, revokes: bool, faults: u32) -> Self {
        let now = Tick::since_origin(Duration::from_secs(1_000));
        // Few retries keep the search finite and small.
        let policy = RenewalPolicy::default()
            .with_lock_wait(Duration::from_millis(50))
            .with_retry_window(Duration::from_secs(2))
            .with_max_requests(3)
            .with_reread_window(Duration::from_millis(250));
        let process = || Process::Runs {
            renewal: Box::new(Renewal::new(service(), policy.clone(), now)),
            flight: None,
        };
        Self {
            now,
            stored: Some(session(1, left)),
            lock: None,
            current: 1,
            revokes,
            is_revoked: false,
            processes: (0..count).map(|_| process()).collect(),
            foreign: if foreign { Foreign::Idle } else { Foreign::Done },
            faults,
            is_lost: false,
            requests: 0,
            is_calm: faults == 0 && !foreign,
            changes: Vec::new(),
        }
    }

    /// Refreshes at the service, and returns the generation of the new token.
    fn refresh(&mut self, generation: u32) -> Option<u32> {
        if self.is_revoked || generation != self.current {
            self.is_revoked |= self.revokes;
            return None;
        }
        self.current += 1;
        Some(self.current)
    }

    fn key(&self) -> String {
        let processes: Vec<String> = self
            .processes
            .iter()
            .map(|process| match process {
                Process::Runs { renewal, flight } => {
                    let reply = flight.as_ref().map(|flight| reply_key(flight.reply.as_ref()));
                    format!("{} {reply:?}", key(renewal, self.now))
                }
                Process::Ended(outcome) => format!("{outcome:?}"),
                Process::Crashed => "crashed".to_owned(),
            })
            .collect();
        format!(
            "{:?} {:?} {} {} {:?} {} {} {} {processes:?}",
            self.stored.as_ref().map(generation),
            self.lock,
            self.current,
            self.is_revoked,
            self.foreign,
            self.faults,
            self.is_lost,
            self.requests.min(2),
        )
    }

    /// Returns whether the store has a token that is good, or a refresh token that the service accepts.
    fn store_is_of_use(&self) -> bool {
        self.stored.as_ref().is_some_and(|session| {
            session.expires_at.is_some_and(|end| end.remaining_at(WALL) > Duration::from_secs(300))
                || (generation(session) == self.current && !self.is_revoked)
        })
    }

    fn write(&mut self, new: Session) {
        let old = self.stored.as_ref().map_or(0, generation);
        assert!(generation(&new) > old, "the store goes back from {old} to {}", generation(&new));
        self.stored = Some(new);
    }

    /// Returns whether a process or the tool has a token that is not stored.
    fn is_on_the_way(&self) -> bool {
        let in_flight = self.processes.iter().any(|process| match process {
            Process::Runs { renewal, flight } => {
                let arrives =
                    flight.as_ref().is_some_and(|flight| matches!(flight.reply, Some(Reply::Granted(_))));
                arrives || renewal.state.work().new.is_some()
            }
            Process::Ended(_) | Process::Crashed => false,
        });
        in_flight || matches!(self.foreign, Foreign::HasToken(_))
    }

    fn check(&self) {
        let in_flight = self
            .processes
            .iter()
            .filter(|process| matches!(process, Process::Runs { flight: Some(_), .. }))
            .count();
        assert!(in_flight <= 1, "two requests are in flight");
        assert!(!self.is_calm || self.requests <= 1, "one request is enough");
        let newest_is_somewhere =
            self.stored.as_ref().map(generation) == Some(self.current) || self.is_on_the_way();
        assert!(newest_is_somewhere || self.is_lost, "a token got lost without a crash or a loss");
    }

    /// Checks a process that has just ended.
    fn check_end(&self, outcome: RenewalOutcome) {
        match outcome {
            RenewalOutcome::SignInNeeded | RenewalOutcome::SessionLost => {
                assert!(!self.store_is_of_use(), "{outcome:?}, but the store is of use");
                let is_foreign = matches!(self.foreign, Foreign::HasToken(_));
                assert!(self.is_lost || is_foreign || self.is_revoked, "{outcome:?} without a reason");
            }
            RenewalOutcome::Usable
            | RenewalOutcome::Unreachable
            | RenewalOutcome::Busy
            | RenewalOutcome::StoreFailed
            | RenewalOutcome::NotStored => {}
            RenewalOutcome::Cancelled => panic!("nothing cancels"),
        }
    }
}

fn reply_key(reply: Option<&Reply>) -> String {
    match reply {
        Some(Reply::Granted(token)) => token.access_token.expose().to_owned(),
        other => format!("{other:?}"),
    }
}

/// Frees the lock of a process that has ended or vanished.
fn end(world: &mut World, index: usize, process: Process) {
    world.processes[index] = process;
    if world.lock == Some(index) {
        world.lock = None;
    }
}

/// Takes the process out of the world, to change both.
fn take(world: &mut World, index: usize) -> (Box<Renewal>, Option<Box<Flight>>) {
    match core::mem::replace(&mut world.processes[index], Process::Crashed) {
        Process::Runs { renewal, flight } => (renewal, flight),
        Process::Ended(_) | Process::Crashed => panic!("it does not run"),
    }
}

fn put(world: &mut World, index: usize, mut renewal: Box<Renewal>, flight: Option<Box<Flight>>) {
    world.changes.append(&mut renewal.changes);
    match renewal.outcome() {
        Some(outcome) => {
            end(world, index, Process::Ended(outcome));
            world.check_end(outcome);
            if let (Ok(usable), RenewalOutcome::Usable) = (renewal.into_result(), outcome) {
                let is_alive = usable.session.expires_at.is_some_and(|end| end > WALL);
                let stored = world.stored.as_ref().map_or(0, generation);
                assert!(is_alive && generation(&usable.session) <= stored, "used before it is stored");
            }
        }
        None => world.processes[index] = Process::Runs { renewal, flight },
    }
}

#[derive(Default)]
struct Figures {
    states: usize,
    transitions: usize,
    ends: BTreeMap<RenewalOutcome, usize>,
    changes: BTreeSet<Change>,
}

fn explore(root: World, figures: &mut Figures) {
    let mut seen = BTreeSet::from([root.key()]);
    let mut left = vec![root];
    while let Some(world) = left.pop() {
        let mut next: Vec<World> = foreign_steps(&world);
        let mut is_running = false;
        for index in 0..world.processes.len() {
            is_running |= matches!(world.processes[index], Process::Runs { .. });
            let mut own = steps(&world, index);
            assert!(
                !matches!(world.processes[index], Process::Runs { .. }) || !own.is_empty(),
                "it is stuck"
            );
            next.append(&mut own);
            next.append(&mut crashes(&world, index));
        }
        if !is_running {
            for process in &world.processes {
                if let Process::Ended(outcome) = process {
                    *figures.ends.entry(*outcome).or_default() += 1;
                }
            }
        }
        for mut next in next {
            figures.transitions += 1;
            figures.changes.extend(next.changes.drain(..));
            next.check();
            if seen.insert(next.key()) {
                left.push(next);
            }
        }
    }
    figures.states += seen.len();
}

#[test]
fn no_interleaving_of_processes_loses_a_session_or_ends_one_that_lives() {
    let count = setting("EXPLORE_PROCESSES").map_or(2, |count| usize::try_from(count).expect("a few"));
    let faults = setting("EXPLORE_FAULTS").unwrap_or(2);
    let mut figures = Figures::default();
    for left in [0, 200] {
        for foreign in [false, true] {
            for revokes in [false, true] {
                explore(World::new(count, left, foreign, revokes, faults), &mut figures);
            }
        }
    }
    println!(
        "{count} processes, {faults} faults: {} states, {} transitions, {} changes of state, ends: {:?}",
        figures.states,
        figures.transitions,
        figures.changes.len(),
        figures.ends
    );
    assert!(figures.states > 1_000, "the explorer stands still");
    for outcome in [RenewalOutcome::Usable, RenewalOutcome::SignInNeeded, RenewalOutcome::SessionLost] {
        assert!(figures.ends.contains_key(&outcome), "{outcome:?} was not met");
    }
}

#[test]
fn without_faults_every_process_has_a_token_after_one_request() {
    for left in [0, 200] {
        let mut figures = Figures::default();
        explore(World::new(2, left, false, true, 0), &mut figures);
        let mut ends = figures.ends;
        // A process that looks away for longer than the lock's wait may find the lock held.
        ends.remove(&RenewalOutcome::Busy);
        assert_eq!(ends.keys().collect::<Vec<_>>(), [&RenewalOutcome::Usable]);
    }
}
