//! Virtual time, with a record of a sign-in's actions.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use device_flow::{BrowserPrompt, Flow, Observer, Status, Stop};
use oidc_proto::Operation;

use crate::browser::Shown;

/// The actions of a sign-in, with their times.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<Entries>);

#[derive(Default)]
pub(crate) struct Entries {
    now: Duration,
    /// The number of readings of the clock.
    pub(crate) readings: usize,
    /// The number of waits.
    pub(crate) waits: usize,
    /// The requests, with their times.
    pub(crate) sent: Vec<(Operation, Duration)>,
    /// The times of the prompts.
    pub(crate) prompted: Vec<Duration>,
    /// Whether any request was repeated.
    pub(crate) had_error: bool,
}

impl Ledger {
    pub(crate) fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the time, and counts the reading.
    pub(crate) fn read(&self) -> Duration {
        let mut entries = self.entries();
        entries.readings += 1;
        entries.now
    }

    /// Advances the time, which only waits can do.
    pub(crate) fn wait(&self, duration: Duration) {
        let mut entries = self.entries();
        entries.waits += 1;
        entries.now += duration;
    }
}

impl Entries {
    /// Returns the number of requests of each operation.
    pub(crate) fn counts(&self) -> HashMap<Operation, usize> {
        let mut counts = HashMap::new();
        for (operation, _) in &self.sent {
            *counts.entry(*operation).or_default() += 1;
        }
        counts
    }

    /// Returns the times between requests of one operation.
    pub(crate) fn gaps(&self, operation: Operation) -> Vec<Duration> {
        let times: Vec<_> =
            self.sent.iter().filter(|(sent, _)| *sent == operation).map(|(_, at)| *at).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

/// Records events in the ledger, notes errors, and opens the browser.
pub(crate) struct Watch<'a> {
    pub(crate) ledger: &'a Ledger,
    pub(crate) on_error: &'a (dyn Fn() + Sync),
    pub(crate) open: &'a (dyn Fn(&BrowserPrompt) + Sync),
}

impl<F: Flow<Prompt: Shown>> Observer<F> for Watch<'_> {
    fn prompt(&mut self, prompt: &F::Prompt) -> Result<(), Stop> {
        let mut entries = self.ledger.entries();
        let now = entries.now;
        entries.prompted.push(now);
        drop(entries);
        if let Some(prompt) = prompt.in_browser() {
            (self.open)(prompt);
        }
        Ok(())
    }

    fn sending(&mut self, operation: Operation) {
        let mut entries = self.ledger.entries();
        let now = entries.now;
        entries.sent.push((operation, now));
    }

    fn waiting(&mut self, status: &Status<'_, F>) {
        if status.error.is_some() {
            self.ledger.entries().had_error = true;
            (self.on_error)();
        }
    }
}
