//! libFuzzer's entry to [`sso_oidc_fuzz::messages`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sso_oidc_fuzz::messages(data));
