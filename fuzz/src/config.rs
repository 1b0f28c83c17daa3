//! The AWS config file.

use sso_cache::Config;

/// Reads a config file, and resolves everything in it.
pub fn config(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match Config::parse(text) {
        Ok(config) => {
            for name in config.profile_names() {
                let profile = config.profile(name).expect("a profile that is named is there");
                let _read = (profile.use_fips_endpoint(), profile.use_dualstack_endpoint());
                let _read = (profile.sso_registration_scopes(), profile.service_endpoint("sso_oidc"));
                resolved(config.resolve_sso(name));
            }
            for name in config.session_names() {
                resolved(config.resolve_session(name));
            }
            assert!(config.profile("\0 none").is_none());
        }
        Err(error) => {
            assert!((1..=text.lines().count()).contains(&error.line), "{error}");
            assert!(!error.to_string().is_empty());
        }
    }
}

fn resolved(settings: Result<sso_cache::SsoSettings, sso_cache::SettingsError>) {
    match settings {
        Ok(settings) => {
            assert!(!settings.start_url.is_empty() && !settings.region.is_empty());
            // What names a file must not leave its folder, whatever the section is called.
            let file = settings.identity.file_name();
            let digest = file.strip_suffix(".json").expect("a JSON file");
            assert!(digest.len() == 40 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{file}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
