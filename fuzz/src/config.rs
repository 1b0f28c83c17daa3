//! The AWS config file, the credentials file, and their start URLs.

use oidc_proto::StartUrl;
use sso_cache::Config;

/// Reads a config file and resolves everything in it, also with the same text as the credentials file.
pub fn config(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    start_url(text);
    match Config::parse(text) {
        Ok(config) => {
            let mut merged = config.clone();
            if merged.merge_credentials(text).is_ok() {
                assert!(config.profile_names().all(|name| merged.profile(name).is_some()));
            } else {
                assert_eq!(merged, config, "nothing is merged of a file that is none");
            }
            for name in merged.profile_names() {
                let _read = (merged.sso_profile(name), merged.near_miss_of_profile(&name.to_uppercase()));
                resolved(merged.resolve_sso(name));
            }
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
            assert!((1..=text.split(['\n', '\r']).count()).contains(&error.line), "{error}");
            assert!(!error.to_string().is_empty());
        }
    }
}

fn resolved(settings: Result<sso_cache::SsoSettings, sso_cache::SettingsError>) {
    match settings {
        Ok(settings) => {
            assert!(
                !settings.start_url.is_empty()
                    && settings.region.as_ref().is_none_or(|text| !text.is_empty())
            );
            start_url(&settings.start_url);
            // A file name must not leave its folder, whatever the section's name is.
            let file = settings.identity.file_name();
            let digest = file.strip_suffix(".json").expect("a JSON file");
            assert!(digest.len() == 40 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{file}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Checks a parsed start URL: it is a URL, parses again to itself, and its redirects lead only to AWS.
fn start_url(text: &str) {
    let own = StartUrl::parse("https://aws.example.com").expect("an address");
    if let Ok(portal) = own.redirected(text) {
        assert!(portal.is_aws() && portal.as_str().starts_with("https://"), "{portal}");
    }
    match StartUrl::parse(text) {
        Ok(url) => {
            assert!(url.as_str().bytes().all(|byte| byte.is_ascii_graphic()), "{url}");
            assert_eq!(StartUrl::parse(url.as_str()).as_ref(), Ok(&url), "tidying it again changes nothing");
            assert!(url.region().is_none() || url.partition().is_some() && url.is_aws(), "{url}");
        }
        Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error:?}"),
    }
}
