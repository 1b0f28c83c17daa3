//! The records behind the servers: in memory for one server, or in a PostgreSQL database for several.

use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::sync::Mutex;

use device_authority::{Capacity, Memory, Store};

use crate::args::Config;
use crate::database::Database;

pub(crate) enum Records {
    Memory { store: Box<Mutex<Memory>>, capacity: Capacity },
    Database(Box<Database>),
}

impl Records {
    pub(crate) fn new(config: &Config) -> Self {
        let room = 2 * config.devices as usize + 1000;
        let capacity = Capacity::default().with_clients(room).with_devices(room).with_families(room);
        match &config.shared {
            None => Self::Memory { store: Box::new(Mutex::new(Memory::new(capacity))), capacity },
            Some(_) => Self::Database(Box::new(Database::new(config, capacity))),
        }
    }

    /// Returns the number of servers.
    pub(crate) fn servers(&self) -> usize {
        match self {
            Self::Memory { .. } => 1,
            Self::Database(database) => database.servers(),
        }
    }

    /// Returns the store of a server.
    pub(crate) fn of_server(&self, number: usize) -> &dyn Store {
        match self {
            Self::Memory { store, .. } => &**store,
            Self::Database(database) => database.store(number),
        }
    }

    /// Returns the number of connections that broke.
    pub(crate) fn cuts(&self) -> u64 {
        match self {
            Self::Memory { .. } => 0,
            Self::Database(database) => database.cuts(),
        }
    }

    /// Ends all servers, and starts them again, with or without the records.
    pub(crate) fn restart(&mut self, forgets: bool) {
        match self {
            Self::Memory { store, capacity } if forgets => **store = Mutex::new(Memory::new(*capacity)),
            Self::Memory { .. } => {}
            Self::Database(database) => database.restart(forgets),
        }
    }

    /// Runs operations of the servers at the same time, and returns their results in this order.
    pub(crate) fn all<T>(&self, operations: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
        let all = together(operations.map(Box::pin).collect());
        match self {
            // A memory store never waits.
            Self::Memory { .. } => match pin!(all).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(results) => results,
                Poll::Pending => panic!("a memory store waits"),
            },
            Self::Database(database) => database.wait(all),
        }
    }

    /// Runs an operation of a server.
    pub(crate) fn one<T>(&self, operation: impl Future<Output = T>) -> T {
        let mut results = self.all(core::iter::once(operation));
        results.pop().expect("one operation has one result")
    }
}

/// Waits for all futures side by side.
async fn together<T, F: Future<Output = T> + Unpin>(mut futures: Vec<F>) -> Vec<T> {
    let mut results: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    core::future::poll_fn(move |context| {
        for (future, result) in futures.iter_mut().zip(&mut results) {
            if result.is_none()
                && let Poll::Ready(ready) = core::pin::Pin::new(future).poll(context)
            {
                *result = Some(ready);
            }
        }
        match results.iter_mut().all(|result| result.is_some()) {
            true => Poll::Ready(results.iter_mut().filter_map(Option::take).collect()),
            false => Poll::Pending,
        }
    })
    .await
}
