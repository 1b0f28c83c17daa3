//! A sign-in through `device-flow-reqwest`: `ENDPOINT [CLIENT_ID CLIENT_SECRET]`. As in the programs that it
//! is measured beside, there is no sleep between polls: its clock jumps to where the next one is due.

use std::future::{Future, ready};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use device_flow_reqwest::{
    Client, Clock, Endpoint, FirstPoll, HttpClient, Policy, Registration, Secret, Tick, TokioClock,
};

/// The system's clock, ahead by the nanoseconds that were not slept.
#[derive(Default)]
struct Impatient(TokioClock, AtomicU64);

impl Clock for Impatient {
    fn now(&self) -> Tick {
        self.0.now() + Duration::from_nanos(self.1.load(Ordering::Relaxed))
    }

    fn wait(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        let nanos = u64::try_from(duration.as_nanos()).expect("not centuries");
        self.1.fetch_add(nanos, Ordering::Relaxed);
        ready(())
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(sign_in());
}

async fn sign_in() {
    let mut arguments = std::env::args().skip(1);
    let endpoint = Endpoint::custom(&arguments.next().expect("an endpoint")).expect("a loopback endpoint");
    let registration = arguments.next().zip(arguments.next());
    let registration =
        registration.map(|(id, secret)| Registration::new(Client::new(id, Secret::from(secret))));
    let client = HttpClient::new(endpoint).expect("a client");
    let policy = Policy::aws("https://example.awsapps.com/start").with_first_poll(FirstPoll::Immediately);
    let login = client.login(policy).registered(registration).clock(Impatient::default());
    let signed_in = login.run(|_| {}).await.expect("a sign-in");
    assert!(!signed_in.token.access_token.expose().is_empty());
}
