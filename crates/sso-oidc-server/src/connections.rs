//! The limits on connections, in all and for each address, and the choice of the one to close.
//!
//! No library closes the connection that has waited longest. Without that, 1,054 incomplete heads delayed an
//! honest request by 7 s.

use core::cmp::Reverse;
use core::convert::Infallible;
use core::net::IpAddr;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use device_authority::Source;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::Limits;

/// The margin below the number of connections at which the system had no descriptors left. Other parts of the
/// process need some.
const RESERVE: usize = 16;
/// The divisor for the share of newest connections that the server never closes. Such a connection may still
/// be in its handshake.
const SPARED: usize = 16;
/// The time for which a lack of descriptors lowers the limit.
const LOWERED: Duration = Duration::from_secs(60);

/// The open connections.
#[derive(Debug)]
pub(crate) struct Connections {
    total: usize,
    per_address: usize,
    open: Mutex<BTreeMap<u64, Open>>,
    lowered: Mutex<Option<Lowered>>,
    began: Instant,
}

/// A lower limit, after the system had no descriptors left.
#[derive(Clone, Copy, Debug)]
struct Lowered {
    total: usize,
    until: Instant,
}

/// The entry of a connection in the table. Dropping it closes the connection.
#[derive(Debug)]
struct Open {
    activity: Arc<Activity>,
    source: Source,
    _close: oneshot::Sender<Infallible>,
}

/// The place of a connection, held by its own task. Dropping it ends the count of the connection.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) activity: Arc<Activity>,
    close: oneshot::Receiver<Infallible>,
    number: u64,
    connections: Arc<Connections>,
}

/// The time since which a connection waits for its peer, and the reason. A handler never waits. So a
/// connection whose task does not run waits for its peer: for a request, the rest of one, or room to write.
#[derive(Debug)]
pub(crate) struct Activity {
    /// Milliseconds, times four, and the [`Stage`].
    state: AtomicU64,
    /// Whether the task has answered a request since its last wake-up.
    answered_this_poll: AtomicBool,
    began: Instant,
}

/// The latest event on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The peer has connected.
    New = 0,
    /// A request's head is complete.
    Request = 1,
    /// The response is ready.
    Response = 2,
}

impl Activity {
    /// Notes that a request's head is complete.
    pub(crate) fn request(&self) {
        self.set(Stage::Request);
    }

    /// Notes that the response is ready.
    pub(crate) fn response(&self) {
        self.set(Stage::Response);
    }

    fn set(&self, stage: Stage) {
        self.state.store(self.millis() << 2 | stage as u64, Ordering::Relaxed);
    }

    fn is(&self, stage: Stage) -> bool {
        self.state.load(Ordering::Relaxed) & 3 == stage as u64
    }

    /// Lets other connections go first if this one has answered a request since its last wake-up. Otherwise a
    /// peer that sends 1,000 requests at once blocks all others. 1,100 such peers delayed an honest client by
    /// 0.8 s.
    pub(crate) async fn take_turn(&self) {
        if self.answered_this_poll.swap(true, Ordering::Relaxed) {
            tokio::task::yield_now().await;
            self.answered_this_poll.store(true, Ordering::Relaxed);
        }
    }

    /// Notes that the task runs again.
    pub(crate) fn new_poll(&self) {
        self.answered_this_poll.store(false, Ordering::Relaxed);
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX) & (u64::MAX >> 2)
    }

    /// Returns the priority for closing: an incomplete request first, then the longest wait.
    fn precedence(&self, now: u64) -> (bool, u64) {
        let since = self.state.load(Ordering::Relaxed) >> 2;
        (!self.is(Stage::Response), now.saturating_sub(since))
    }
}

impl Connections {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            total: limits.connections.max(1),
            per_address: limits.connections_per_address.max(1),
            open: Mutex::default(),
            lowered: Mutex::default(),
            began: Instant::now(),
        })
    }

    /// Registers this connection from this address. If there are too many, it closes one of them.
    pub(crate) fn admit(self: &Arc<Self>, number: u64, address: IpAddr) -> Slot {
        let source = Source::of(address);
        let activity = Arc::new(Activity {
            state: AtomicU64::new(0),
            answered_this_poll: AtomicBool::new(false),
            began: self.began,
        });
        activity.set(Stage::New);
        let (closer, close) = oneshot::channel();
        let mut open = self.open();
        if open.len() >= self.per_address
            && open.values().filter(|open| open.source == source).count() >= self.per_address
        {
            self.close_one(&mut open, |open| open.source == source);
        } else if open.len() >= self.total() {
            self.close_one(&mut open, |_| true);
        }
        open.insert(number, Open { activity: Arc::clone(&activity), source, _close: closer });
        Slot { activity, close, number, connections: Arc::clone(self) }
    }

    /// Lowers the limit for a minute below the current number, because the system can open no more. If only
    /// few are open, other parts of the process hold the descriptors. Then only an incomplete request closes.
    pub(crate) fn lower_limit(&self) {
        let mut open = self.open();
        if open.len() > 4 * RESERVE {
            let lowered = Lowered { total: open.len() - RESERVE, until: Instant::now() + LOWERED };
            *self.lowered.lock().unwrap_or_else(PoisonError::into_inner) = Some(lowered);
            while open.len() > lowered.total {
                self.close_one(&mut open, |_| true);
            }
        } else {
            self.close_one(&mut open, |open| !open.activity.is(Stage::Response));
        }
    }

    /// Closes every connection without a complete request. No response is lost with it.
    pub(crate) fn close_new(&self) {
        self.open().retain(|_, open| !open.activity.is(Stage::New));
    }

    /// Returns whether a lack of descriptors has lowered the limit.
    pub(crate) fn is_lowered(&self) -> bool {
        self.lowered().is_some()
    }

    fn total(&self) -> usize {
        self.lowered().map_or(self.total, |lowered| lowered.total)
    }

    fn lowered(&self) -> Option<Lowered> {
        let lowered = *self.lowered.lock().unwrap_or_else(PoisonError::into_inner);
        lowered.filter(|lowered| Instant::now() < lowered.until)
    }

    fn close_one(&self, open: &mut BTreeMap<u64, Open>, which: impl Fn(&Open) -> bool) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        // The map keeps the order of arrival.
        let connections: Vec<_> = open.iter().filter(|(_, open)| which(open)).collect();
        let older = connections.iter().take(connections.len() - connections.len() / SPARED);
        // Of two equal waits the older connection goes.
        let first = older.max_by_key(|(number, open)| (open.activity.precedence(now), Reverse(**number)));
        if let Some((number, _)) = first {
            let number = **number;
            open.remove(&number);
            tracing::debug!(connection = number, "closed to make room for another connection");
        }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Runs the connection until it ends or another one replaces it.
    ///
    /// # Cancel safety
    /// The same as for `connection`.
    pub(crate) async fn run(mut self, connection: impl Future<Output = ()>) {
        tokio::select! {
            biased;
            _ = &mut self.close => {}
            () = connection => {}
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.connections.open().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(core::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1));

    fn connections(total: usize, per_address: usize) -> Arc<Connections> {
        let limits = Limits::default().with_connections(total).with_connections_per_address(per_address);
        Connections::new(&limits)
    }

    /// Returns the numbers of the open connections.
    fn open(connections: &Connections) -> Vec<u64> {
        connections.open().keys().copied().collect()
    }

    async fn pass(millis: u64) {
        tokio::time::advance(Duration::from_millis(millis)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_incomplete_request_gives_way_before_any_idle_connection() {
        let connections = connections(3, 3);
        let idle = connections.admit(1, HERE);
        idle.activity.response();
        pass(5000).await;
        let _incomplete = connections.admit(2, HERE);
        pass(100).await;
        let stalled_body = connections.admit(3, HERE);
        stalled_body.activity.request();
        pass(100).await;
        let _next = connections.admit(4, HERE);
        assert_eq!(open(&connections), [1, 3, 4]);
        let _next = connections.admit(5, HERE);
        assert_eq!(open(&connections), [1, 4, 5]);
    }

    #[tokio::test(start_paused = true)]
    async fn of_idle_connections_the_one_gives_way_that_has_waited_longest() {
        let connections = connections(2, 2);
        let slots = [1, 2].map(|number| connections.admit(number, HERE));
        slots[0].activity.response();
        pass(10).await;
        slots[1].activity.response();
        slots[0].activity.response();
        pass(10).await;
        slots[0].activity.response();
        pass(1000).await;
        let _next = connections.admit(3, HERE);
        assert_eq!(open(&connections), [1, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_connections_do_not_give_way_to_busy_ones() {
        let connections = connections(32, 32);
        let busy: Vec<_> = (0..31).map(|number| connections.admit(number, HERE)).collect();
        let _handshake = connections.admit(31, HERE);
        pass(500).await;
        for slot in &busy {
            slot.activity.response();
        }
        let _next = connections.admit(32, HERE);
        assert_eq!(open(&connections), (1..=32).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_has_its_share_makes_room_from_its_own() {
        let connections = connections(3, 2);
        let other = connections.admit(1, THERE);
        pass(1000).await;
        let _slots = [2, 3, 4].map(|number| connections.admit(number, HERE));
        assert_eq!(open(&connections), [1, 3, 4], "the other address keeps its connection");
        drop(other);
        assert_eq!(open(&connections), [3, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_request_can_be_closed_without_loss() {
        let connections = connections(4, 4);
        let slots = [1, 2, 3].map(|number| connections.admit(number, HERE));
        slots[1].activity.request();
        slots[2].activity.response();
        connections.close_new();
        assert_eq!(open(&connections), [2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_gives_way_ends_whatever_it_does() {
        let connections = connections(1, 1);
        let slot = connections.admit(1, HERE);
        let running = tokio::spawn(slot.run(core::future::pending()));
        let _next = connections.admit(2, HERE);
        running.await.unwrap();
        assert_eq!(open(&connections), [2]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_is_lowered_to_what_the_system_can_hold_and_not_when_others_hold_it() {
        let connections = connections(1000, 1000);
        let mut slots: Vec<_> = (0..60).map(|number| connections.admit(number, HERE)).collect();
        slots.iter().skip(1).for_each(|slot| slot.activity.response());
        connections.lower_limit();
        assert_eq!(open(&connections).len(), 59, "the incomplete request");
        connections.lower_limit();
        assert_eq!(open(&connections).len(), 59);
        slots.extend((60..101).map(|number| connections.admit(number, HERE)));
        connections.lower_limit();
        assert_eq!(open(&connections).len(), 84);
        slots.push(connections.admit(101, HERE));
        assert_eq!(open(&connections).len(), 84);
        pass(60_000).await;
        slots.push(connections.admit(102, HERE));
        assert_eq!(open(&connections).len(), 85, "a minute later the limit is the configured one");
    }
}
