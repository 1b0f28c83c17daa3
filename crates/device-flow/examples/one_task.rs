//! Many sign-ins in one task: a heap says which is due next. It needs neither threads nor a runtime.
//!
//! The requests go out one after the other, so this is for as many sign-ins as one connection can serve.
//! `device-flow-reqwest` has an example with ten thousand at a time.
//!
//! ```console
//! $ export ENDPOINT=http://127.0.0.1:8400 START_URL=https://d-1234567890.awsapps.com/start
//! $ COUNT=20 cargo run --example one_task
//! ```
#![expect(
    clippy::disallowed_methods,
    reason = "a driver reads the clock and waits, so that the machine need not"
)]

mod client;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::error::Error;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use device_flow::{Action, DeviceFlow, Policy, Tick};
use oidc_proto::{Endpoint, Service};

use client::{required, send};

fn main() -> Result<(), Box<dyn Error>> {
    let service = Service::from(Endpoint::custom(&required("ENDPOINT")?)?);
    let count: usize = required("COUNT")?.parse()?;
    let policy = Arc::new(Policy::aws(required("START_URL")?).with_client_name("device-flow example"));
    let started = Instant::now();
    let now = || Tick::since_origin(started.elapsed());
    let new_flow = |_| DeviceFlow::new(service.clone(), Arc::clone(&policy), None, now());
    let mut flows: Vec<_> = (0..count).map(new_flow).collect();
    let mut due: BinaryHeap<_> = (0..count).map(|flow| Reverse((Tick::ZERO, flow))).collect();
    while let Some(Reverse((time, index))) = due.pop() {
        thread::sleep(time.since(now()));
        let Some(flow) = flows.get_mut(index) else { continue };
        // One action, then the next flow's turn: all that are due get theirs.
        let next = match flow.poll(now()) {
            Action::Send(pending) => {
                let result = send(&pending);
                flow.on_result(pending, now(), result)?;
                now()
            }
            Action::Prompt(prompt) => {
                eprintln!("Sign-in {index}: {prompt}");
                now()
            }
            Action::Wait(until) => until,
            Action::AwaitReply => {
                flow.abandon(now());
                now()
            }
            Action::Done => continue,
        };
        due.push(Reverse((next, index)));
    }
    let granted = flows.iter().filter(|flow| matches!(flow.outcome(), Some(Ok(_)))).count();
    println!("{granted} of {count} signed in");
    if granted == count { Ok(()) } else { Err("not everybody".into()) }
}
