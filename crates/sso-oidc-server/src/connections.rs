//! The limits on connections: how many there are, how many from one address, and which one gives way to the next.
//!
//! By hand, because no library closes the connection that has waited longest: hyper's time-outs alone let 1,100 incomplete
//! requests hold up an honest one for 75 s.

use core::cmp::Reverse;
use core::convert::Infallible;
use core::net::IpAddr;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use device_authority::Source;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::Limits;

/// How many connections fewer there may be once the system can hold no more: its descriptors serve other ends too.
const RESERVE: usize = 16;
/// One in so many connections, the newest, never gives way: it may still be in its handshake, or on its way.
const SPARED: usize = 16;

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct Connections {
    total: AtomicUsize,
    per_address: usize,
    open: Mutex<BTreeMap<u64, Open>>,
    began: Instant,
}

/// A connection, as the others see it. It is closed when this is dropped.
#[derive(Debug)]
struct Open {
    activity: Arc<Activity>,
    source: Source,
    _close: oneshot::Sender<Infallible>,
}

/// A connection, as its own task sees it. It is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) activity: Arc<Activity>,
    close: oneshot::Receiver<Infallible>,
    number: u64,
    connections: Arc<Connections>,
}

/// Since when a connection waits for its peer, and for what. A handler never waits, so a connection whose task is not running
/// waits for its peer: for a request, for the rest of one, or for room to write.
#[derive(Debug)]
pub(crate) struct Activity {
    /// Milliseconds, times two; plus one if the latest request was answered, so that no incomplete one is known of.
    state: AtomicU64,
    /// Whether a request was answered since the task was last woken.
    had_its_turn: AtomicBool,
    began: Instant,
}

impl Activity {
    /// A request's head is complete.
    pub(crate) fn request(&self) {
        self.state.store(self.millis() << 1, Ordering::Relaxed);
    }

    /// The response to it is made.
    pub(crate) fn response(&self) {
        self.state.store(self.millis() << 1 | 1, Ordering::Relaxed);
    }

    /// Lets other connections go first, if this one has answered a request already since its task was woken. Without that a peer
    /// that sends 1,000 requests at once holds up all others: 1,100 such peers made an honest client wait for 0.8 s.
    pub(crate) async fn take_turn(&self) {
        if self.had_its_turn.swap(true, Ordering::Relaxed) {
            tokio::task::yield_now().await;
            self.had_its_turn.store(true, Ordering::Relaxed);
        }
    }

    /// The task is woken.
    pub(crate) fn wake(&self) {
        self.had_its_turn.store(false, Ordering::Relaxed);
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX >> 1)
    }

    /// How much this connection should give way: an incomplete request first, then the longest wait.
    fn precedence(&self, now: u64) -> (bool, u64) {
        let state = self.state.load(Ordering::Relaxed);
        (state & 1 == 0, now.saturating_sub(state >> 1))
    }
}

impl Connections {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            total: limits.connections.max(1).into(),
            per_address: limits.connections_per_address.max(1),
            open: Mutex::default(),
            began: Instant::now(),
        })
    }

    /// Takes in the connection of this number from this address. If there are too many already, one of them is closed.
    pub(crate) fn admit(self: &Arc<Self>, number: u64, address: IpAddr) -> Slot {
        let source = Source::of(address);
        let activity = Arc::new(Activity {
            state: AtomicU64::new(0),
            had_its_turn: AtomicBool::new(false),
            began: self.began,
        });
        activity.request();
        let (closer, close) = oneshot::channel();
        let mut open = self.open();
        if open.len() >= self.per_address
            && open.values().filter(|open| open.source == source).count() >= self.per_address
        {
            self.close_one(&mut open, |open| open.source == source);
        } else if open.len() >= self.total.load(Ordering::Relaxed) {
            self.close_one(&mut open, |_| true);
        }
        open.insert(number, Open { activity: Arc::clone(&activity), source, _close: closer });
        Slot { activity, close, number, connections: Arc::clone(self) }
    }

    /// Lowers the limit below what is open now, because the system can hold no more. Where few are open, others have taken
    /// what the system has, and the limit stays.
    pub(crate) fn lower_limit(&self) {
        let mut open = self.open();
        if open.len() > 4 * RESERVE {
            let total = open.len() - RESERVE;
            self.total.store(total, Ordering::Relaxed);
            while open.len() > total {
                self.close_one(&mut open, |_| true);
            }
        }
    }

    fn close_one(&self, open: &mut BTreeMap<u64, Open>, which: impl Fn(&Open) -> bool) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        // In the order in which they came.
        let connections: Vec<_> = open.iter().filter(|(_, open)| which(open)).collect();
        let older = connections.iter().take(connections.len() - connections.len() / SPARED);
        // Of two that wait for as long, the older one.
        let first = older.max_by_key(|(number, open)| (open.activity.precedence(now), Reverse(**number)));
        if let Some((number, _)) = first {
            let number = **number;
            open.remove(&number);
            tracing::debug!(connection = number, "closed, to make room for another one");
        }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Runs this, until it is done or the connection has to give way.
    ///
    /// # Cancel safety
    /// As that of `connection`.
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
    use core::time::Duration;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(core::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1));

    fn connections(total: usize, per_address: usize) -> Arc<Connections> {
        let limits = Limits::default().with_connections(total).with_connections_per_address(per_address);
        Connections::new(&limits)
    }

    /// The numbers of those that are open.
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
        connections.lower_limit();
        assert_eq!(open(&connections).len(), 60);
        slots.extend((60..100).map(|number| connections.admit(number, HERE)));
        connections.lower_limit();
        assert_eq!(open(&connections).len(), 84);
        slots.push(connections.admit(100, HERE));
        assert_eq!(open(&connections).len(), 84);
    }
}
