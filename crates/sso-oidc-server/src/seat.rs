//! Who has a connection, and who gives way when there are as many as there may be.
//!
//! A peer that connects and says nothing, or that keeps a connection it does not need, must not keep others out.
//!
//! Who looks at the seats knows also which connection has waited for too long, so that none needs a timer of its own for
//! that, to be set and taken back at every request.

use core::convert::Infallible;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How often a guest that waits looks for a connection that has become idle.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long the watch sleeps at least; the clock of the seats has no finer steps.
const LEAST_WAIT: Duration = Duration::from_millis(1);

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
    /// Whether it was asked to leave.
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
            // The semaphore is never closed, so there is a permit in the end.
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

    /// Asks every connection to leave that has waited for a request for so long. It never returns.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn watch(&self, idle_timeout: Duration) -> Infallible {
        loop {
            tokio::time::sleep(self.ask_the_overdue_to_leave(idle_timeout)).await;
        }
    }

    /// Returns how long it takes until there may be more of them: a connection that begins to wait later is due later
    /// than any that waits now.
    fn ask_the_overdue_to_leave(&self, idle_timeout: Duration) -> Duration {
        let now = millis_since(self.opened);
        let mut next = idle_timeout;
        for seat in self.taken().seats.values().filter(|seat| seat.may_be_asked()) {
            let waited = now.saturating_sub(seat.idle_since.load(Ordering::Relaxed));
            match idle_timeout.checked_sub(Duration::from_millis(waited)) {
                Some(rest) if !rest.is_zero() => next = next.min(rest),
                _ => seat.ask_to_leave(),
            }
        }
        next.max(LEAST_WAIT)
    }

    /// Asks every connection to leave, now or as soon as what it has begun is done.
    pub(crate) fn ask_all_to_leave(&self) {
        self.taken().seats.values().for_each(|seat| seat.ask_to_leave());
    }

    fn ask_the_idlest_to_leave(&self) {
        let taken = self.taken();
        let may_leave = taken.seats.values().filter(|seat| seat.may_be_asked());
        let idlest = may_leave.min_by_key(|seat| seat.idle_since.load(Ordering::Relaxed));
        // One for each guest: those that were asked already are about to go.
        let is_leaving =
            taken.seats.values().any(|seat| seat.is_idle() && seat.asked.load(Ordering::Relaxed));
        if let Some(seat) = idlest
            && !is_leaving
        {
            seat.ask_to_leave();
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// A request's head is complete.
    pub(crate) fn begins(&self) {
        self.go_on();
    }

    /// Its answer is made.
    pub(crate) fn ends(&self) {
        self.idle_since.store(millis_since(self.opened), Ordering::Relaxed);
        self.go_on();
    }

    /// Only the connection's own task does this, so that nothing is lost between the two.
    fn go_on(&self) {
        self.phase.store(self.phase() + 1, Ordering::Relaxed);
    }

    fn may_be_asked(&self) -> bool {
        self.is_idle() && !self.asked.load(Ordering::Relaxed)
    }

    fn ask_to_leave(&self) {
        self.asked.store(true, Ordering::Relaxed);
        self.leave.notify_one();
    }

    /// How often a request has begun or ended.
    pub(crate) fn phase(&self) -> u64 {
        self.phase.load(Ordering::Relaxed)
    }

    /// Whether what arrives now is the head of a request.
    pub(crate) fn is_idle(&self) -> bool {
        self.phase().is_multiple_of(2)
    }

    /// Returns once the connection is to leave: another connection needs the place, it has idled for too long, or the server
    /// stops.
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
    async fn a_connection_is_asked_to_leave_when_it_has_waited_for_the_idle_timeout_and_not_before() {
        let (seats, timeout) = (Seats::new(3), Duration::from_secs(75));
        let watching = Arc::clone(&seats);
        let watch = tokio::spawn(async move { watching.watch(timeout).await });
        let (first, busy) = (seats.take().await, seats.take().await);
        busy.seat.begins();
        tokio::time::sleep(Duration::from_secs(50)).await;
        let second = seats.take().await;
        let began = Instant::now();
        for (place, left) in [(&first, 25), (&second, 75)] {
            place.seat.asked_to_leave().await;
            let late = began.elapsed() - Duration::from_secs(left);
            assert!(late <= Duration::from_millis(2), "{late:?}");
        }
        assert!(!is_asked(&busy).await, "it is being answered");
        busy.seat.ends();
        let began = Instant::now();
        busy.seat.asked_to_leave().await;
        assert!(began.elapsed() >= timeout && began.elapsed() <= timeout + Duration::from_millis(2));
        watch.abort();
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
