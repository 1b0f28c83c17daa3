//! libFuzzer's entry to [`sso_oidc_fuzz::callback`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sso_oidc_fuzz::callback(data));
