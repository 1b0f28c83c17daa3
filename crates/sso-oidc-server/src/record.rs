//! The latest requests, for tests.

use core::time::Duration;
use std::collections::VecDeque;

use oidc_proto::Operation;

#[cfg(feature = "faults")]
use crate::InjectedFault;

/// An answered request. It has no header, body or query, so no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedRequest {
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
    /// The injected fault. Status and error are those of the response before the fault.
    #[cfg(feature = "faults")]
    pub injected: Option<InjectedFault>,
    /// The number of other requests that waited for the rest of an injected response when this one came. Only
    /// requests with connected clients count.
    #[cfg(feature = "faults")]
    pub others_in_flight: usize,
}

/// The latest requests.
#[derive(Debug)]
pub(crate) struct Records {
    latest: VecDeque<RecordedRequest>,
    capacity: usize,
}

impl Records {
    pub(crate) const fn new(capacity: usize) -> Self {
        Self { latest: VecDeque::new(), capacity }
    }

    pub(crate) fn push(&mut self, record: RecordedRequest) {
        if self.latest.len() >= self.capacity {
            self.latest.pop_front();
        }
        if self.capacity > 0 {
            self.latest.push_back(record);
        }
    }

    pub(crate) fn all(&self) -> Vec<RecordedRequest> {
        self.latest.iter().cloned().collect()
    }
}
