//! The blocking adapter against every fault of a server that misbehaves on purpose.

mod case;
mod front;
mod ledger;
mod page;
mod table;

use std::time::Duration;

use device_flow_ureq::{Cancel, Clock, Endpoint, HttpClient, Outcome, Tick};

use crate::case::Target;
use crate::ledger::{Ledger, Watch};

impl Clock for &Ledger {
    fn now(&self) -> Tick {
        Tick::since_origin(self.read())
    }

    fn wait(&self, duration: Duration, _: &Cancel) {
        Ledger::wait(self, duration);
    }
}

/// A whole sign-in at virtual time.
fn sign_in(target: &Target, ledger: &Ledger, watch: Watch<'_>) -> Result<(), Outcome> {
    let mut builder = HttpClient::builder(Endpoint::custom(&target.endpoint).unwrap())
        .connect_timeout(target.request_timeout)
        .request_timeout(target.request_timeout);
    if let Some(bundle) = &target.ca_bundle {
        builder = builder.ca_bundle(bundle);
    }
    let client = builder.build().unwrap();
    let policy = client.policy("https://d-1234567890.awsapps.com/start").with_client_name("fault matrix");
    let result = client.login(policy).clock(ledger).run_with(watch);
    result.map(|signed_in| assert!(!signed_in.token.access_token.is_empty())).map_err(|end| end.outcome)
}
