//! The latest requests, for tests.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use device_authority::Issued;
use oidc_proto::Operation;
use tokio::sync::Notify;

#[cfg(feature = "faults")]
use crate::InjectedFault;

/// An answered request. It has no header, body or query, so no secret. Its texts are the client's own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// Its number, counted from 1 since the start or the latest [`Handle::reset`](crate::Handle::reset).
    pub number: u64,
    /// The operation, if it was one.
    pub operation: Option<Operation>,
    /// The method, for example `POST`.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The time at which it had arrived in full, since the server's start.
    pub at: Duration,
    /// The number of its connection, counted from 1.
    pub connection: u64,
    /// The response's status; 0 if an injected fault left no response.
    pub status: u16,
    /// The error code of the response in its dialect, for example `SlowDownException` or `slow_down`.
    pub error: Option<String>,
    /// The response's `x-amzn-RequestId`.
    pub request_id: String,
    /// The id of the client.
    pub client_id: Option<String>,
    /// The name under which the client registered.
    pub client_name: Option<String>,
    /// The scopes of a registration, of a device authorization request, or of the device or sign-in that a token
    /// request belongs to.
    pub scopes: Vec<String>,
    /// The start URL of the request, or of the device or sign-in that it belongs to.
    pub start_url: Option<String>,
    /// The user code that the response has, that the page was asked about, or of the polling device.
    pub user_code: Option<String>,
    /// The grant type of a token request, for example `refresh_token`.
    pub grant_type: Option<&'static str>,
    /// The tokens that the response has.
    pub(crate) issued: Option<Issued>,
    /// The injected fault. Status and error are those of the response before the fault.
    #[cfg(feature = "faults")]
    pub injected: Option<InjectedFault>,
    /// The number of other requests that waited for the rest of an injected response when this one came. Only
    /// requests with connected clients count.
    #[cfg(feature = "faults")]
    pub others_in_flight: usize,
}

/// The latest requests, and those who wait for more.
#[derive(Debug)]
pub(crate) struct Records {
    latest: Mutex<Latest>,
    capacity: usize,
    /// For threads.
    grown: Condvar,
    /// For tasks.
    notify: Notify,
}

#[derive(Debug, Default)]
struct Latest {
    records: VecDeque<RecordedRequest>,
    /// The number of all requests, also of those that made room.
    total: u64,
}

impl Records {
    pub(crate) const fn new(capacity: usize) -> Self {
        let latest = Mutex::new(Latest { records: VecDeque::new(), total: 0 });
        Self { latest, capacity, grown: Condvar::new(), notify: Notify::const_new() }
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) const fn keeps_any(&self) -> bool {
        self.capacity > 0
    }

    /// Adds a request, with the next number.
    pub(crate) fn push(&self, mut record: RecordedRequest) {
        if !self.keeps_any() {
            return;
        }
        let mut latest = self.lock();
        latest.total += 1;
        record.number = latest.total;
        if latest.records.len() >= self.capacity {
            latest.records.pop_front();
        }
        latest.records.push_back(record);
        drop(latest);
        self.grown.notify_all();
        self.notify.notify_waiters();
    }

    pub(crate) fn clear(&self) {
        *self.lock() = Latest::default();
    }

    pub(crate) fn all(&self) -> Vec<RecordedRequest> {
        self.matching(|_| true)
    }

    pub(crate) fn matching(&self, wanted: impl Fn(&RecordedRequest) -> bool) -> Vec<RecordedRequest> {
        self.lock().records.iter().filter(|record| wanted(record)).cloned().collect()
    }

    fn has(&self, count: usize, wanted: &impl Fn(&RecordedRequest) -> bool) -> bool {
        self.lock().records.iter().filter(|record| wanted(record)).nth(count.saturating_sub(1)).is_some()
    }

    /// Blocks until there are so many of these requests, or until the time is over.
    pub(crate) fn block(
        &self,
        count: usize,
        timeout: Duration,
        wanted: impl Fn(&RecordedRequest) -> bool,
    ) -> Vec<RecordedRequest> {
        let began = Instant::now();
        let mut latest = self.lock();
        while latest.records.iter().filter(|record| wanted(record)).count() < count {
            let Some(left) = timeout.checked_sub(began.elapsed()) else { break };
            let waited = self.grown.wait_timeout(latest, left);
            (latest, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        drop(latest);
        self.matching(wanted)
    }

    /// Waits like [`Records::block`], as a task.
    pub(crate) async fn wait(
        &self,
        count: usize,
        timeout: Duration,
        wanted: impl Fn(&RecordedRequest) -> bool,
    ) -> Vec<RecordedRequest> {
        let enough = async {
            loop {
                let mut grown = core::pin::pin!(self.notify.notified());
                // A request between the look and the wait wakes it, too.
                grown.as_mut().enable();
                if count == 0 || self.has(count, &wanted) {
                    break;
                }
                grown.await;
            }
        };
        // After the time, the answer is what there is.
        let _ = tokio::time::timeout(timeout, enough).await;
        self.matching(wanted)
    }
}
