//! The async adapter against every fault of a server that misbehaves on purpose. The table and the cases are the blocking
//! adapter's, so that the outcomes are the same.

#[path = "../../../device-flow-ureq/tests/faults/case.rs"]
mod case;
#[path = "../../../device-flow-ureq/tests/faults/front.rs"]
mod front;
#[path = "../../../device-flow-ureq/tests/faults/ledger.rs"]
mod ledger;
#[path = "../../../device-flow-ureq/tests/faults/table.rs"]
mod table;

use std::time::Duration;

use device_flow_reqwest::{Clock, Endpoint, HttpClient, Outcome, Tick};

use crate::case::Target;
use crate::ledger::{Ledger, Watch};

impl Clock for &Ledger {
    fn now(&self) -> Tick {
        Tick::since_origin(self.read())
    }

    async fn wait(&self, duration: Duration) {
        Ledger::wait(self, duration);
        // Where a sleep would give way to others, this does.
        tokio::task::yield_now().await;
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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let result = runtime.block_on(client.login(policy).clock(ledger).run_with(watch));
    result.map(|signed_in| assert!(!signed_in.token.access_token.is_empty())).map_err(|end| end.outcome)
}
