//! Whole sign-ins made from bytes: with replies to the machine, and with the same replies as responses on the wire.

use arbitrary::{Arbitrary as _, Unstructured};
use core::time::Duration;

use device_flow::script::{History, Played, Script};
use device_flow::{
    Action, AnsweredBy, DeviceFlow, Operation, Outcome, Policy, SignInError, SignedIn, Tick, VirtualTime,
};
use oidc_proto::{Endpoint, Service};

/// The minimum time between two polls, whatever a service says.
const FLOOR: Duration = Duration::from_secs(1);

fn service() -> Service {
    Endpoint::for_region("eu-west-1").unwrap().into()
}

fn new_flow() -> DeviceFlow {
    DeviceFlow::new(service(), Policy::aws("https://d-1.awsapps.com/start"), None, Tick::ZERO)
}

/// Plays the bytes as a history, then as a script, with direct replies and over the wire.
pub fn history(data: &[u8]) {
    if let Ok(history) = History::arbitrary(&mut Unstructured::new(data)) {
        let mut flow = new_flow();
        let played = history.play(&mut flow, Tick::ZERO);
        keeps_its_promises(&played);
        assert!(flow.outcome().is_some(), "it has an end");
    }
    if let Ok(script) = Script::arbitrary(&mut Unstructured::new(data)) {
        let mut flow = new_flow();
        let played = History::from(script.clone()).play(&mut flow, Tick::ZERO);
        let (over_the_wire, requests) = over_the_wire(script);
        assert_eq!(requests, played.requests, "the same requests at the same times");
        assert_eq!(name(&over_the_wire), name(&flow.into_result(played.now)), "the same end");
    }
}

fn keeps_its_promises(played: &Played) {
    assert!(played.waits.iter().all(|(from, until)| until > from), "a wait lies in the future");
    let mut latest = Tick::ZERO;
    let mut polled: Option<Tick> = None;
    for (operation, at) in &played.requests {
        // The driver's clock may go back. The machine's latest time does not.
        latest = latest.max(*at);
        if *operation == Operation::CreateToken {
            let is_late_enough = polled.is_none_or(|before| latest.since(before) >= FLOOR);
            assert!(is_late_enough, "polled at {polled:?} and at {latest:?}");
            let of_codes = played.prompts.iter().map(|prompt| prompt.deadline);
            assert!(of_codes.max().is_some_and(|deadline| *at < deadline), "polled with an expired code");
            polled = Some(latest);
        }
    }
    assert!(played.prompts.len() <= 2, "a person is asked twice at most");
}

fn name(ended: &Result<SignedIn, SignInError>) -> &'static str {
    ended.as_ref().map_or_else(|end| end.outcome.name(), |_| "granted")
}

/// Drives a flow with responses, and returns every request with its time.
fn over_the_wire(script: Script) -> (Result<SignedIn, SignInError>, Vec<(Operation, Tick)>) {
    let time = VirtualTime::default();
    let client = AnsweredBy::new(script.answers(service(), time.clone()));
    let (mut flow, mut requests) = (new_flow(), Vec::new());
    loop {
        let now = time.now();
        match flow.poll(now) {
            Action::Send(pending) => {
                requests.push((pending.operation(), now));
                let request = pending.request().head().clone().map(|()| pending.request().body().as_ref());
                let result = client.answer(&request);
                flow.on_result(pending, time.now(), result).expect("each request is answered once");
            }
            Action::Prompt(_) => {}
            Action::Wait(until) => time.pass(until.since(now)),
            Action::AwaitReply => unreachable!("this driver answers at once"),
            Action::Done => {
                assert!(
                    !matches!(flow.outcome(), Some(Err(Outcome::Cancelled))),
                    "the program never gave up"
                );
                return (flow.into_result(time.now()), requests);
            }
        }
    }
}
