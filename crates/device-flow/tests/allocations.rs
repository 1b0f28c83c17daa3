//! A pending poll allocates nothing in the machine, because CreateToken is encoded once and then lent. In a
//! file of its own, because the counter replaces the test program's allocator.

use std::time::Duration;

use device_flow::{Action, DeviceFlow, Policy, Reply, Tick};
use oidc_proto::{Client, DeviceAuthorization, Endpoint, Fault, FaultCode, Registration, Secret};

#[test]
fn a_pending_poll_allocates_nothing() {
    let service = Endpoint::for_region("eu-west-1").unwrap();
    let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    let registration = Registration::new(Client::new("client", Secret::from("secret")));
    let mut now = Tick::ZERO;
    let mut flow = DeviceFlow::new(service, policy, Some(registration), now);
    let Action::Send(pending) = flow.poll(now) else { panic!("nothing sent") };
    let codes = DeviceAuthorization::new(
        Secret::from("d"),
        "WDJB-MJHT",
        "https://device.example/",
        Duration::from_secs(600),
    );
    flow.on_reply(pending, now, Reply::Authorized(codes)).unwrap();
    let Action::Prompt(_) = flow.poll(now) else { panic!("no prompt") };

    for _ in 0..2 {
        let reply = Reply::Fault(Fault::new(FaultCode::AuthorizationPending));
        let Action::Wait(until) = flow.poll(now) else { panic!("no wait") };
        now = until;
        let counted = allocation_counter::measure(|| {
            let Action::Send(pending) = flow.poll(now) else { panic!("not due") };
            flow.on_reply(pending, now, reply).unwrap();
            let got = flow.poll(now);
            assert!(matches!(got, Action::Wait(_)), "{got:?}");
        });
        assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
    }
    assert_eq!(flow.polls(), 2);
}
