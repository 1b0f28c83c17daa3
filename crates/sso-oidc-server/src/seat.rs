//! Who has a connection, and who gives way when there are as many as there may be.
//!
//! A peer that connects and says nothing, or that keeps a connection it does not need, must not keep others out.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How often a guest that waits looks for a connection that has become idle.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The connections that there are, and the room for more.
#[derive(Debug)]
pub(crate) struct Seats {
    room: Arc<Semaphore>,
    taken: Mutex<Taken>,
    opened: Instant,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    seats: BTreeMap<u64, Arc<Seat>>,
}

/// One connection's place; given back on drop.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) seat: Arc<Seat>,
    number: u64,
    seats: Arc<Seats>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// What is known about one connection.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Goes up by one when a head is complete and when its answer is made. While it is odd, a request is being answered.
    phase: AtomicU64,
    /// When the connection began to wait for a request, in milliseconds.
    idle_since: AtomicU64,
    /// Whether it was asked to give way.
    asked: AtomicBool,
    leave: Notify,
    opened: Instant,
}

impl Seats {
    /// Room for this many; at least one.
    pub(crate) fn new(count: usize) -> Arc<Self> {
        let room = Arc::new(Semaphore::new(count.max(1)));
        Arc::new(Self { room, taken: Mutex::default(), opened: Instant::now() })
    }

    /// A place, once there is one: if there is none, the connection that has waited the longest for a request gives way.
    ///
    /// # Cancel safety
    /// Nothing is lost but the place in the queue.
    pub(crate) async fn take(self: &Arc<Self>) -> Place {
        let permit = loop {
            let free = Arc::clone(&self.room).acquire_owned();
            if self.room.available_permits() == 0 {
                self.ask_the_idlest_to_leave();
            }
            // Nobody closes the semaphore, so there is a permit in the end.
            if let Ok(permit) = tokio::time::timeout(LOOK_AGAIN, free).await {
                break permit.ok();
            }
        };
        let seat = Arc::new(Seat {
            phase: AtomicU64::new(0),
            idle_since: AtomicU64::new(millis_since(self.opened)),
            asked: AtomicBool::new(false),
            leave: Notify::new(),
            opened: self.opened,
        });
        let mut taken = self.taken();
        let number = taken.next;
        taken.next += 1;
        taken.seats.insert(number, Arc::clone(&seat));
        Place { seat, number, seats: Arc::clone(self), _permit: permit }
    }

    fn ask_the_idlest_to_leave(&self) {
        let taken = self.taken();
        let may_leave = |seat: &&Arc<Seat>| seat.is_idle() && !seat.asked.load(Ordering::Relaxed);
        let idlest =
            taken.seats.values().filter(may_leave).min_by_key(|seat| seat.idle_since.load(Ordering::Relaxed));
        // One for each guest: those that were asked already are about to go.
        let is_leaving =
            taken.seats.values().any(|seat| seat.is_idle() && seat.asked.load(Ordering::Relaxed));
        if let Some(seat) = idlest
            && !is_leaving
        {
            seat.asked.store(true, Ordering::Relaxed);
            seat.leave.notify_one();
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// A request's head is complete.
    pub(crate) fn begins(&self) {
        self.phase.fetch_add(1, Ordering::Relaxed);
    }

    /// Its answer is made.
    pub(crate) fn ends(&self) {
        self.idle_since.store(millis_since(self.opened), Ordering::Relaxed);
        self.phase.fetch_add(1, Ordering::Relaxed);
    }

    /// How often a request has begun or ended.
    pub(crate) fn phase(&self) -> u64 {
        self.phase.load(Ordering::Relaxed)
    }

    /// Whether what arrives now is the head of a request.
    pub(crate) fn is_idle(&self) -> bool {
        self.phase().is_multiple_of(2)
    }

    /// Returns once somebody else needs the place.
    pub(crate) async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.seats.taken().seats.remove(&self.number);
    }
}

fn millis_since(opened: Instant) -> u64 {
    u64::try_from(opened.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn is_asked(place: &Place) -> bool {
        tokio::time::timeout(Duration::from_secs(60), place.seat.asked_to_leave()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_that_has_waited_the_longest_gives_way_and_one_that_is_answered_never_does() {
        let seats = Seats::new(3);
        let [busy, idle, idler] = [seats.take().await, seats.take().await, seats.take().await];
        busy.seat.begins();
        tokio::time::advance(Duration::from_secs(1)).await;
        idle.seat.begins();
        idle.seat.ends();
        let guest = tokio::spawn({
            let seats = Arc::clone(&seats);
            async move { seats.take().await }
        });
        assert!(is_asked(&idler).await);
        drop(idler);
        let guest = guest.await.unwrap();

        let next = tokio::spawn({
            let seats = Arc::clone(&seats);
            async move { seats.take().await }
        });
        assert!(is_asked(&idle).await);
        drop((idle, guest));
        drop(next.await.unwrap());
        assert!(!is_asked(&busy).await, "it is being answered");
    }

    #[tokio::test(start_paused = true)]
    async fn one_connection_gives_way_for_each_that_comes() {
        let seats = Seats::new(2);
        let [one, two] = [seats.take().await, seats.take().await];
        let waiting = Arc::clone(&seats);
        let guest = tokio::spawn(async move { waiting.take().await });
        assert!(is_asked(&one).await);
        assert!(!is_asked(&two).await, "the first is about to leave");
        drop(one);
        drop(guest.await.unwrap());
    }
}
