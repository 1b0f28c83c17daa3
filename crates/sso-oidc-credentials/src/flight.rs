//! One task for all callers that need the session at the same time.
//!
//! It runs to its end even if all of them are dropped: the SDK drops a provider's future when its load times out. The
//! response to a refresh would be lost then, and with it the session. A person would have approved for nothing.

use std::future::Future;
use std::sync::{Arc, Mutex};

use device_flow::Session;
use tokio::runtime::{Handle, Id};
use tokio::sync::watch;

use crate::error::{Reason, SsoError};
use crate::files::held;

/// What the task has brought, as soon as it has.
type Brought = Option<Result<Session, SsoError>>;

/// A task on this runtime.
struct Task {
    runtime: Id,
    brought: watch::Receiver<Brought>,
}

/// The task that is on its way, if one is.
#[derive(Clone, Default)]
pub(crate) struct Flight(Arc<Mutex<Option<Task>>>);

impl Flight {
    /// Joins the task on its way, or starts this one.
    ///
    /// # Cancel safety
    /// The task goes on if the future is dropped.
    pub(crate) async fn join<F>(&self, start: impl FnOnce() -> F) -> Result<Session, SsoError>
    where
        F: Future<Output = Result<Session, SsoError>> + Send + 'static,
    {
        let mut brought = self.on_its_way(start)?;
        match brought.wait_for(Option::is_some).await {
            Ok(brought) => brought.clone().unwrap_or_else(|| Err(Reason::Interrupted.into())),
            Err(_) => Err(Reason::Interrupted.into()),
        }
    }

    fn on_its_way<F>(&self, start: impl FnOnce() -> F) -> Result<watch::Receiver<Brought>, SsoError>
    where
        F: Future<Output = Result<Session, SsoError>> + Send + 'static,
    {
        let runtime = Handle::try_current().map_err(|_| Reason::NoRuntime)?;
        let mut slot = held(&self.0);
        // A task of another runtime may never go on. A runtime that has ended has dropped its tasks, and with them the
        // other half.
        if let Some(task) = &*slot
            && task.runtime == runtime.id()
            && task.brought.has_changed().is_ok()
        {
            return Ok(task.brought.clone());
        }
        let (bring, brought) = watch::channel(None);
        *slot = Some(Task { runtime: runtime.id(), brought: brought.clone() });
        let (work, done) = (start(), Arc::clone(&self.0));
        runtime.spawn(async move {
            let result = work.await;
            // The session is in the file now. A later caller reads it there.
            held(&done).take();
            // No receiver is left if all callers were dropped.
            let _unheard = bring.send(Some(result));
        });
        Ok(brought)
    }
}
