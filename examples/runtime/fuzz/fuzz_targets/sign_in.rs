//! libFuzzer's entry to [`example_runtime_fuzz::sign_in`].
#![no_main]

use device_flow::script::Script;

libfuzzer_sys::fuzz_target!(|script: Script| drop(example_runtime_fuzz::sign_in(&script)));
