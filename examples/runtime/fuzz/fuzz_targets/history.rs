//! libFuzzer's entry to [`example_runtime_fuzz::history`].
#![no_main]

use device_flow::script::History;

libfuzzer_sys::fuzz_target!(|history: History| drop(example_runtime_fuzz::history(&history)));
