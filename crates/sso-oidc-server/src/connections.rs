//! The limits on connections, in all and for each address, and the choice of the one to close.
//!
//! No library closes the connection that has waited longest. Without that, 1,054 incomplete heads delayed an
//! honest request by 7 s.

use core::cmp::Reverse;
use core::convert::Infallible;
use core::net::IpAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use device_authority::Source;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::Limits;
use crate::activity::{Activity, Stage, Wait};
use crate::metrics::{Displacement, Metrics};

/// The margin below the number of connections at which the system had no descriptors left. Other parts of the
/// process need some.
const RESERVE: usize = 16;
/// The divisor for the share of newest connections that the server never closes. Such a connection may still
/// be in its handshake.
const SPARED: usize = 16;
/// The time for which a lack of descriptors lowers the limit.
const LOWERED: Duration = Duration::from_secs(60);
/// The most connections that one search chooses for closing. A search for each new connection took longer
/// than `accept`, so a crowd of 12,000 made an honest request wait for up to 253 ms.
const CHOSEN: usize = 64;
/// The time for which a choice stands.
const CHOICE_LIFETIME: Duration = Duration::from_millis(10);

/// The open connections.
#[derive(Debug)]
pub(crate) struct Connections {
    total: usize,
    per_address: usize,
    table: Mutex<Table>,
    lowered: Mutex<Option<Lowered>>,
    began: Instant,
    metrics: Option<Arc<Metrics>>,
}

/// The connections by number, which is the order of arrival.
#[derive(Debug, Default)]
struct Table {
    open: BTreeMap<u64, Open>,
    /// The number of open connections of each address.
    counts: BTreeMap<Source, usize>,
    choice: Option<Choice>,
}

/// The connections that the latest search chose for closing.
#[derive(Debug)]
struct Choice {
    /// The address that makes room for itself, or `None` for a choice among all.
    source: Option<Source>,
    made: Instant,
    /// The last one closes first.
    connections: Vec<(u64, Wait)>,
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

impl Connections {
    pub(crate) fn new(limits: &Limits, metrics: Option<Arc<Metrics>>) -> Arc<Self> {
        Arc::new(Self {
            total: limits.connections.max(1),
            per_address: limits.connections_per_address.max(1),
            table: Mutex::default(),
            lowered: Mutex::default(),
            began: Instant::now(),
            metrics,
        })
    }

    /// Registers this connection from this address. If there are too many, it closes one of them.
    pub(crate) fn admit(self: &Arc<Self>, number: u64, address: IpAddr) -> Slot {
        self.admit_within(self.per_address, number, address)
    }

    /// Registers this connection of a proxy. It speaks for many people, so only the limit on all connections counts.
    pub(crate) fn admit_proxy(self: &Arc<Self>, number: u64, address: IpAddr) -> Slot {
        self.admit_within(usize::MAX, number, address)
    }

    fn admit_within(self: &Arc<Self>, per_address: usize, number: u64, address: IpAddr) -> Slot {
        let source = Source::of(address);
        let activity = Arc::new(Activity::new(self.began));
        let (closer, close) = oneshot::channel();
        let mut table = self.table();
        if table.count(source) >= per_address {
            self.displace(&mut table, Some(source), Displacement::Address);
        } else if table.open.len() >= self.total() {
            self.displace(&mut table, None, Displacement::Total);
        }
        table.insert(number, Open { activity: Arc::clone(&activity), source, _close: closer });
        if let Some(metrics) = &self.metrics {
            metrics.opened();
        }
        Slot { activity, close, number, connections: Arc::clone(self) }
    }

    /// Closes one connection, of this address or of all. Returns whether there was one to close.
    fn displace(&self, table: &mut Table, source: Option<Source>, why: Displacement) -> bool {
        let closed = table.close_one(source);
        if let Some(metrics) = self.metrics.as_ref().filter(|_| closed) {
            metrics.displaced(why);
        }
        closed
    }

    /// Lowers the limit for a minute below the current number, because the system can open no more. If only
    /// few are open, other parts of the process hold the descriptors. Then only an incomplete request closes.
    pub(crate) fn lower_limit(&self) {
        let mut table = self.table();
        if table.open.len() > 4 * RESERVE {
            let lowered = Lowered { total: table.open.len() - RESERVE, until: Instant::now() + LOWERED };
            *self.lowered.lock().unwrap_or_else(PoisonError::into_inner) = Some(lowered);
            while table.open.len() > lowered.total
                && self.displace(&mut table, None, Displacement::Descriptors)
            {}
        } else if table.close_one_incomplete()
            && let Some(metrics) = &self.metrics
        {
            metrics.displaced(Displacement::Descriptors);
        }
    }

    /// Closes every connection without a complete request. No response is lost with it.
    pub(crate) fn close_new(&self) {
        let mut table = self.table();
        let new = |open: &Open| open.activity.wait().is(Stage::New);
        let numbers: Vec<_> =
            table.open.iter().filter(|(_, open)| new(open)).map(|(number, _)| *number).collect();
        numbers.into_iter().for_each(|number| table.remove(number));
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

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn count(&self, source: Source) -> usize {
        self.counts.get(&source).copied().unwrap_or_default()
    }

    fn insert(&mut self, number: u64, open: Open) {
        *self.counts.entry(open.source).or_default() += 1;
        self.open.insert(number, open);
    }

    fn remove(&mut self, number: u64) {
        let Some(Open { source, .. }) = self.open.remove(&number) else { return };
        match self.count(source) {
            0 | 1 => self.counts.remove(&source),
            count => self.counts.insert(source, count - 1),
        };
    }

    /// Closes one connection, of this address or of all. Returns whether there was one to close.
    fn close_one(&mut self, source: Option<Source>) -> bool {
        let stands = |choice: &Choice| choice.source == source && choice.made.elapsed() < CHOICE_LIFETIME;
        let chosen = self.choice.take().filter(stands).and_then(|choice| self.next_of(choice));
        let number = chosen.or_else(|| self.next_of(self.choose(source)));
        number.inspect(|number| self.close(*number)).is_some()
    }

    /// Closes the oldest incomplete request. Returns whether there was one.
    fn close_one_incomplete(&mut self) -> bool {
        let choice = self.choose(None);
        let oldest = choice.connections.last().filter(|(_, wait)| !wait.is(Stage::Response));
        oldest.inspect(|(number, _)| self.close(*number)).is_some()
    }

    fn close(&mut self, number: u64) {
        self.remove(number);
        tracing::debug!(connection = number, "closed to make room for another connection");
    }

    /// Takes the next connection of a choice that has waited ever since. Keeps the rest for the next time.
    fn next_of(&mut self, mut choice: Choice) -> Option<u64> {
        let next = core::iter::from_fn(|| choice.connections.pop())
            .find(|(number, wait)| self.open.get(number).is_some_and(|open| open.activity.wait() == *wait));
        self.choice = Some(choice);
        next.map(|(number, _)| number)
    }

    /// Chooses connections for closing, of this address or of all.
    fn choose(&self, source: Option<Source>) -> Choice {
        let count = source.map_or(self.open.len(), |source| self.count(source));
        let mut connections: Vec<_> = self
            .open
            .iter()
            .filter(|(_, open)| source.is_none_or(|source| open.source == source))
            .take(count - count / SPARED)
            .map(|(number, open)| (*number, open.activity.wait()))
            .collect();
        // Of two equal waits the older connection goes.
        connections.sort_unstable_by_key(|(number, wait)| (wait.precedence(), Reverse(*number)));
        connections.drain(..connections.len().saturating_sub(CHOSEN));
        // An idle connection goes only if no request is incomplete at that moment.
        if let Some(&(_, first)) = connections.last() {
            connections.retain(|(_, wait)| wait.is(Stage::Response) == first.is(Stage::Response));
        }
        Choice { source, made: Instant::now(), connections }
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
        self.connections.table().remove(self.number);
        if let Some(metrics) = &self.connections.metrics {
            metrics.ended();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(core::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1));

    fn connections(total: usize, per_address: usize) -> Arc<Connections> {
        let limits = Limits::default().with_connections(total).with_connections_per_address(per_address);
        Connections::new(&limits, None)
    }

    /// Returns the numbers of the open connections.
    fn open(connections: &Connections) -> Vec<u64> {
        connections.table().open.keys().copied().collect()
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
    async fn a_proxy_may_have_all_connections() {
        let connections = connections(3, 1);
        let _slots = [1, 2, 3, 4].map(|number| connections.admit_proxy(number, HERE));
        assert_eq!(open(&connections), [2, 3, 4]);
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
