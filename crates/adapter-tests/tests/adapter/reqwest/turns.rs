//! Sign-ins of one client queue for a permit to send, but not for handling a response.

use std::time::Duration;

use adapter_tests::over_reqwest::block_on;
use device_flow_reqwest::{Endpoint, HttpClient, Observer, Policy, Stop, UserPrompt, VirtualTime};
use oidc_proto::{Operation, RegisterClientRequest};
use sso_oidc_server::{Approval, Config, FaultRule, InjectedFault, TestServer};
use tokio::sync::Notify;
use tokio::time::timeout;

const GENEROUS: Duration = Duration::from_secs(60);

/// Returns a client with one permit, and a server that grants one sign-in and never answers the next. So the
/// second request holds the permit for the rest of the test.
fn scene() -> (TestServer, HttpClient) {
    let silence = FaultRule::new(InjectedFault::NeverAnswers).at(Operation::RegisterClient).requests(2, None);
    let server =
        TestServer::with(Config::default().with_approval(Approval::Auto).with_fault(silence)).unwrap();
    let builder = HttpClient::builder(Endpoint::custom(server.endpoint()).unwrap());
    let builder = builder.max_concurrent_requests(1).request_timeout(10 * GENEROUS);
    let client = builder.build().unwrap();
    (server, client)
}

/// Queues another request just before this operation's request is sent.
struct Crowd<'a> {
    client: HttpClient,
    behind: Operation,
    prompted: &'a Notify,
}

impl Observer for Crowd<'_> {
    fn prompt(&mut self, _: &UserPrompt) -> Result<(), Stop> {
        self.prompted.notify_one();
        Ok(())
    }

    fn sending(&mut self, operation: Operation) {
        if operation == self.behind {
            let client = self.client.clone();
            tokio::spawn(async move { client.register_client(&RegisterClientRequest::new("other")).await });
        }
    }
}

#[test]
fn a_grant_does_not_wait_behind_the_requests_of_others() {
    let (_server, client) = scene();
    let prompted = Notify::new();
    let crowd = Crowd { client: client.clone(), behind: Operation::CreateToken, prompted: &prompted };
    let login = client.login(Policy::aws("https://d-1234567890.awsapps.com/start"));
    let run = login.clock(VirtualTime::default()).run_with(crowd);
    let signed_in = block_on(async { timeout(GENEROUS, run).await });
    assert_eq!(signed_in.expect("an answer that is there waits for no turn").unwrap().polls, 1);
}

#[test]
fn a_prompt_does_not_wait_behind_the_requests_of_others() {
    let (_server, client) = scene();
    let prompted = Notify::new();
    let crowd =
        Crowd { client: client.clone(), behind: Operation::StartDeviceAuthorization, prompted: &prompted };
    let login = client.login(Policy::aws("https://d-1234567890.awsapps.com/start"));
    let run = login.clock(VirtualTime::default()).run_with(crowd);
    block_on(async {
        tokio::select! {
            end = run => unreachable!("the others have the turn to poll: {end:?}"),
            shown = timeout(GENEROUS, prompted.notified()) => shown.expect("the code waits for no turn"),
        }
    });
}
