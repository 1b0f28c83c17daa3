//! Strategies for proptest.
//!
//! They make the same values as `Arbitrary`, from bytes that proptest shrinks. So a fuzzer's finding is a
//! case for a property test, and both reach the same corners.

use arbitrary::{Arbitrary, Unstructured};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};

use crate::Reply;
use crate::script::{Event, History, Script, ScriptedAnswer};

/// Returns any value of this type that this many bytes can make.
fn of<T: for<'a> Arbitrary<'a> + core::fmt::Debug>(bytes: usize) -> impl Strategy<Value = T> + Clone {
    vec(any::<u8>(), 0..=bytes)
        .prop_filter_map("bytes that make a value", |bytes| T::arbitrary(&mut Unstructured::new(&bytes)).ok())
}

/// Generates the result of a request.
///
/// ```
/// use device_flow::script::strategies;
/// use device_flow::Operation;
/// use proptest::prelude::*;
///
/// proptest!(|(answer in strategies::answer())| {
///     // A driver may hand in what this is read as.
///     let _reply = answer.reply(Operation::CreateToken);
/// });
/// ```
pub fn answer() -> impl Strategy<Value = ScriptedAnswer> + Clone {
    of(16)
}

/// Generates the machine's reply to a request.
///
/// ```
/// use device_flow::script::strategies;
/// use proptest::prelude::*;
///
/// proptest!(|(reply in strategies::reply())| {
///     assert!(!format!("{reply:?}").contains("access-token"), "no secret is printed");
/// });
/// ```
pub fn reply() -> impl Strategy<Value = Reply> + Clone {
    of(16)
}

/// Generates the next event of a driven flow.
///
/// ```
/// use device_flow::script::{History, strategies};
/// use device_flow::{DeviceFlow, Policy, Tick};
/// use proptest::prelude::*;
///
/// let service = oidc_proto::Endpoint::for_region("eu-west-1")?;
/// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
/// proptest!(|(first in strategies::event())| {
///     let mut flow = DeviceFlow::new(service.clone(), policy.clone(), None, Tick::ZERO);
///     History::new([first]).play(&mut flow, Tick::ZERO);
///     assert!(flow.outcome().is_some());
/// });
/// # Ok::<(), oidc_proto::EndpointError>(())
/// ```
pub fn event() -> impl Strategy<Value = Event> + Clone {
    of(20)
}

/// Generates the results of a sign-in's requests.
pub fn script() -> impl Strategy<Value = Script> + Clone {
    of(200)
}

/// Generates a history.
pub fn history() -> impl Strategy<Value = History> + Clone {
    of(500)
}
