//! A finished code flow as a `Result`.

use super::flow::CodeFlow;
use crate::result::Finished;
use crate::{SignInError, SignedIn, Tick};

impl CodeFlow {
    /// Returns how the flow has ended. One that has not is cancelled.
    ///
    /// ```
    /// # use device_flow::{Action, Callback, CodeFlow, CodeSecrets, Policy, RedirectUri, Tick};
    /// # use oidc_proto::{Client, Endpoint, Secret};
    /// # let client = Client::new("id", Secret::from("s"));
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start").with_client(client);
    /// # let secrets = CodeSecrets::new(Secret::from("verifier"), "challenge", Secret::from("state"));
    /// # let (service, redirect, now) = (Endpoint::for_region("eu-west-1")?, RedirectUri::loopback(8400), Tick::ZERO);
    /// # let mut flow = CodeFlow::new(service, policy, None, redirect, secrets, now);
    /// # let Action::Prompt(_) = flow.poll(now) else { panic!("it has a client") };
    /// # assert_eq!(flow.on_callback("/oauth/callback?code=c&state=state", now), Callback::Accepted);
    /// # use device_flow::Outcome;
    /// let end = flow.into_result(now).unwrap_err();
    /// assert_eq!((end.outcome, end.prompted), (Outcome::Cancelled, true));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`NotSignedIn`](crate::NotSignedIn), boxed.
    pub fn into_result(mut self, now: Tick) -> Result<SignedIn, SignInError> {
        self.requests.advance(now);
        self.cancel();
        let finished = Finished {
            transport: self.requests.take_cause(),
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
