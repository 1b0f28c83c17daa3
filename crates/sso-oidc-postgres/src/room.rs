//! The number of records, as of the latest count, and the limits.

use core::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use device_authority::{Capacity, Counts, StoreError};

use crate::changes::Changes;

/// The least time between two counts that a full table asks for.
const BETWEEN_COUNTS: Duration = Duration::from_secs(1);

/// The number of records, as of the latest count and with those that this process has added since.
#[derive(Debug)]
pub(crate) struct Room {
    capacity: Capacity,
    clients: AtomicI64,
    devices: AtomicI64,
    codes: AtomicI64,
    counted: Mutex<Option<Instant>>,
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Room {
    pub(crate) const fn new(capacity: Capacity) -> Self {
        Self {
            capacity,
            clients: AtomicI64::new(0),
            devices: AtomicI64::new(0),
            codes: AtomicI64::new(0),
            counted: Mutex::new(None),
        }
    }

    /// Takes over a count.
    pub(crate) fn put(&self, counts: Counts) {
        self.clients.store(number(counts.clients), Ordering::Relaxed);
        self.devices.store(number(counts.devices), Ordering::Relaxed);
        self.codes.store(number(counts.codes), Ordering::Relaxed);
    }

    /// Adds what was committed.
    pub(crate) fn add(&self, changes: &Changes) {
        self.clients.fetch_add(number(changes.clients), Ordering::Relaxed);
        self.devices.fetch_add(number(changes.devices), Ordering::Relaxed);
        self.codes.fetch_add(number(changes.codes), Ordering::Relaxed);
    }

    /// Returns the error of a full table, if the changes need room in one.
    pub(crate) fn check(&self, changes: &Changes) -> Result<(), StoreError> {
        let tables = [
            (changes.devices, &self.devices, self.capacity.devices, "devices"),
            (changes.codes, &self.codes, self.capacity.codes, "authorization codes"),
            (changes.clients, &self.clients, self.capacity.clients, "registrations"),
        ];
        for (new, count, limit, what) in tables {
            if new > 0 && count.load(Ordering::Relaxed).saturating_add(number(new)) > number(limit) {
                // Another server may remove a record at any time.
                return Err(StoreError::full(what, BETWEEN_COUNTS));
            }
        }
        Ok(())
    }

    /// Returns whether there is no room for another authorization code.
    pub(crate) fn is_full_of_codes(&self) -> bool {
        self.codes.load(Ordering::Relaxed) >= number(self.capacity.codes)
    }

    /// Returns the limits that a sweep enforces: of clients, families, access tokens and sources.
    pub(crate) fn limits(&self) -> [i64; 4] {
        let Capacity { clients, families, access, sources, .. } = self.capacity;
        [clients, families, access, sources].map(number)
    }

    /// Returns whether a full table may ask for another count now.
    pub(crate) fn may_count(&self) -> bool {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let may = counted.is_none_or(|at| at.elapsed() >= BETWEEN_COUNTS);
        if may {
            *counted = Some(Instant::now());
        }
        may
    }
}
