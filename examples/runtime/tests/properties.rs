//! Property tests: a sign-in keeps its promises under any input.

mod promises;

use device_flow::script::strategies;
use promises::{history_promises, sign_in_promises};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_sign_in_keeps_its_promises_whatever_its_requests_meet(script in strategies::script()) {
        drop(sign_in_promises(&script));
    }

    #[test]
    fn the_machine_keeps_its_promises_whatever_happens_to_its_driver(history in strategies::history()) {
        drop(history_promises(&history));
    }
}
