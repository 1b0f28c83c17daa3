//! A finished code flow as a `Result`.

use super::flow::CodeFlow;
use crate::result::Finished;
use crate::{SignInError, SignedIn, Tick};

impl CodeFlow {
    /// Returns how the flow has ended. One that has not is cancelled.
    ///
    /// # Errors
    /// Returns a [`NotSignedIn`](crate::NotSignedIn), boxed.
    pub fn into_result(mut self, now: Tick) -> Result<SignedIn, SignInError> {
        self.advance(now);
        self.cancel();
        let finished = Finished {
            transport: self.cause.take().map(|error| *error),
            stop: self.stop.take().map(|stop| *stop),
            prompted: self.has_prompted(),
            polls: self.attempts(),
            slow_downs: 0,
            elapsed: self.running_for(now),
            service: self.service().clone(),
            start_url: self.policy().start_url.clone(),
            scopes: self.policy().scopes.clone(),
        };
        finished.into_result(self.end(), now)
    }
}
