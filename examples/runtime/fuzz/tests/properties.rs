//! Property tests: a sign-in keeps its promises under any input.

use device_flow::script::strategies;
use example_runtime_fuzz::{history, sign_in};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_sign_in_keeps_its_promises_whatever_its_requests_meet(script in strategies::script()) {
        drop(sign_in(&script));
    }

    #[test]
    fn the_machine_keeps_its_promises_whatever_happens_to_its_driver(events in strategies::history()) {
        drop(history(&events));
    }
}
