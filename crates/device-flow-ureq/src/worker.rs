//! The thread that sends the requests of a cancellable client, so that the caller's thread can be woken.

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use device_flow::{Failure, TransportError};

use crate::Cancel;
use crate::cancel::Bell;
use crate::transport::Result;

type Job = Box<dyn FnOnce() + Send>;

/// A thread that starts with the first request and serves all others.
#[derive(Debug, Default)]
pub(crate) struct Worker {
    jobs: Option<Sender<Job>>,
}

impl Worker {
    /// Sends a request from the thread, and returns the result, or `None` if it is cancelled first. A cancelled
    /// request is abandoned, and its thread ends with it.
    pub(crate) fn run(
        &mut self,
        cancel: &Cancel,
        request: impl Fn() -> Result + Send + Sync + 'static,
    ) -> Option<Result> {
        if cancel.is_cancelled() {
            return None;
        }
        let request = Arc::new(request);
        let bell = Arc::<Bell>::default();
        let posted = Posted { result: Arc::default(), bell: Arc::clone(&bell) };
        let result = Arc::clone(&posted.result);
        let sent = Arc::clone(&request);
        let job = Box::new(move || {
            let result = sent();
            *posted.lock() = Some(result);
        });
        if !self.start(job) {
            // The system provides no thread. A late cancellation is better than no sign-in.
            return Some(request());
        }
        let came = cancel.wait_for(&bell, Duration::MAX, || lock(&result).take());
        if came.is_none() {
            self.jobs = None;
        }
        came
    }

    /// Starts the job, and returns whether a thread took it.
    fn start(&mut self, job: Job) -> bool {
        let job = match &self.jobs {
            Some(jobs) => match jobs.send(job) {
                Ok(()) => return true,
                Err(refused) => refused.0,
            },
            None => job,
        };
        let (jobs, todo) = mpsc::channel::<Job>();
        let thread = thread::Builder::new().name("device-flow requests".to_owned()).spawn(move || {
            for job in todo {
                // The panic has been printed, and the waiting thread sees the dropped `Posted`.
                drop(panic::catch_unwind(AssertUnwindSafe(job)));
            }
        });
        if thread.is_err() || jobs.send(job).is_err() {
            return false;
        }
        self.jobs = Some(jobs);
        true
    }
}

/// The slot for the result of a request. The waiting thread is woken when the request ends, and finds a result even
/// after a panic.
struct Posted {
    result: Arc<Mutex<Option<Result>>>,
    bell: Arc<Bell>,
}

impl Posted {
    fn lock(&self) -> MutexGuard<'_, Option<Result>> {
        lock(&self.result)
    }
}

impl Drop for Posted {
    fn drop(&mut self) {
        let error = ureq::Error::Other("the request thread ended without a result".into());
        self.lock().get_or_insert_with(|| Err(TransportError::new(Failure::Unknown, error)));
        self.bell.ring();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn answer() -> Result {
        Ok(http::Response::default())
    }

    #[test]
    fn one_thread_sends_all_requests_of_a_sign_in() {
        let (mut worker, cancel) = (Worker::default(), Cancel::new());
        let threads = Arc::new(Mutex::new(HashSet::new()));
        for _ in 0..5 {
            let threads = Arc::clone(&threads);
            let came = worker.run(&cancel, move || {
                lock(&threads).insert(thread::current().id());
                answer()
            });
            assert!(came.is_some_and(|result| result.is_ok()));
        }
        let threads = lock(&threads);
        assert!(threads.len() == 1 && !threads.contains(&thread::current().id()), "{threads:?}");
    }

    #[test]
    fn a_request_that_panics_is_an_error_and_the_next_one_is_sent() {
        let (mut worker, cancel) = (Worker::default(), Cancel::new());
        let came = worker.run(&cancel, || panic!("a middleware of the program's"));
        assert_eq!(came.unwrap().unwrap_err().failure(), Failure::Unknown);
        assert!(worker.run(&cancel, answer).is_some_and(|result| result.is_ok()));
    }

    #[test]
    fn what_is_cancelled_before_it_begins_is_not_sent() {
        let (mut worker, cancel) = (Worker::default(), Cancel::new());
        cancel.cancel();
        let (sending, sent) = mpsc::channel();
        let came = worker.run(&cancel, move || {
            sending.send(()).unwrap();
            answer()
        });
        assert!(came.is_none());
        // The request was dropped, and its sender too.
        assert!(sent.recv().is_err());
    }

    #[test]
    fn a_request_that_hangs_holds_up_neither_its_caller_nor_the_next_request() {
        let (mut worker, cancel) = (Worker::default(), Cancel::new());
        let (release, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let (began, beginning) = mpsc::channel();
        let canceller = cancel.clone();
        let helper = thread::spawn(move || {
            beginning.recv().unwrap();
            canceller.cancel();
        });
        let came = worker.run(&cancel, move || {
            began.send(()).unwrap();
            _ = lock(&held).recv();
            answer()
        });
        assert!(came.is_none());
        helper.join().unwrap();
        assert!(worker.run(&Cancel::new(), answer).is_some(), "by a new thread");
        drop(release);
    }
}
