//! libFuzzer's entry to [`sso_oidc_fuzz::role_credentials`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sso_oidc_fuzz::role_credentials(data));
