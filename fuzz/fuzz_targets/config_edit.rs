//! libFuzzer's entry to [`sso_oidc_fuzz::config_edit`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sso_oidc_fuzz::config_edit(data));
