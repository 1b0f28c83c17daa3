//! Which requests came, for tests.

use core::time::Duration;
use std::collections::VecDeque;

use oidc_proto::Operation;

use crate::InjectedFault;

/// A request that was answered. It has no header, no body and no query, so no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The operation, if it was one.
    pub operation: Option<Operation>,
    /// The method, for example `POST`.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// When it had arrived in full, counted from the server's start.
    pub at: Duration,
    /// Which connection it came on, counted from 1.
    pub connection: u64,
    /// The answer's status; 0 if none was made, which takes a [`InjectedFault`].
    pub status: u16,
    /// The answer's fault, as its dialect calls it: for example `SlowDownException` or `slow_down`.
    pub error: Option<String>,
    /// The answer's `x-amzn-RequestId`.
    pub request_id: String,
    /// The fault of the request, on a server that misbehaves. The answer that is told of here is the one that was made,
    /// whatever became of it on its way.
    pub injected: Option<InjectedFault>,
    /// On a server that misbehaves, how many other requests were still waiting for the rest of their answers when this
    /// one came, of those whose clients had not hung up.
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
