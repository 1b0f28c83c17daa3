//! libFuzzer's entry to [`sso_oidc_fuzz::portal_request`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sso_oidc_fuzz::portal_request(data));
