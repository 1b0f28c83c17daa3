//! Tests of the config file.

use super::{Config, LoadError, SettingsError};
use crate::Identity;

const URL: &str = "https://d-abc123.awsapps.com/start";

fn config(text: &str) -> Config {
    Config::parse(text).unwrap()
}

#[test]
fn a_profile_gives_each_of_its_settings_and_keys_are_case_insensitive() {
    let config = config(
        "[profile dev]\nRegion=eu-west-1\noutput = yaml\nca_bundle = /etc/ca.pem\n\
         ENDPOINT_URL = http://127.0.0.1:1\nsso_session = my\nsso_start_url = u\nsso_region = r\n\
         sso_registration_scopes =  a , b,,c \nuse_fips_endpoint = True\nuse_dualstack_endpoint=false\nempty =\n",
    );
    let profile = config.profile("dev").unwrap();
    assert_eq!(profile.name(), "dev");
    assert_eq!(profile.region(), Some("eu-west-1"));
    assert_eq!(profile.output(), Some("yaml"));
    assert_eq!(profile.ca_bundle(), Some("/etc/ca.pem"));
    assert_eq!(profile.endpoint_url(), Some("http://127.0.0.1:1"));
    assert_eq!(profile.sso_session(), Some("my"));
    assert_eq!(profile.sso_start_url(), Some("u"));
    assert_eq!(profile.sso_region(), Some("r"));
    assert_eq!(profile.sso_registration_scopes().unwrap(), ["a", "b", "c"]);
    assert_eq!(profile.use_fips_endpoint(), Ok(Some(true)));
    assert_eq!(profile.use_dualstack_endpoint(), Ok(Some(false)));
    assert_eq!(profile.ignore_configured_endpoint_urls(), Ok(None));
    assert_eq!(profile.text("Empty"), None);
    assert!(config.profile("DEV").is_none(), "profile names are case-sensitive");
}

#[test]
fn the_default_profile_has_two_spellings_and_the_longer_one_wins() {
    assert_eq!(config("[default]\nregion=a\n").profile("default").unwrap().region(), Some("a"));
    for text in [
        "[default]\nregion=a\n[profile default]\nregion=b\n",
        "[profile default]\nregion=b\n[default]\nregion=a\n",
    ] {
        assert_eq!(config(text).profile("default").unwrap().region(), Some("b"));
    }
}

#[test]
fn the_services_section_of_a_profile_has_the_endpoint_of_sso_oidc() {
    let config = config(
        "[default]\nservices = local\nendpoint_url = http://all\n[profile lost]\nservices = none\n\
         [profile plain]\n[services local]\nsso_oidc =\n  endpoint_url = http://127.0.0.1:8000\nsso = flat\ns3 =\n  endpoint_url =\n",
    );
    let default = config.profile("default").unwrap();
    assert_eq!(default.service_endpoint("sso_oidc"), Ok(Some("http://127.0.0.1:8000")));
    assert_eq!(default.service_endpoint("sso"), Ok(None));
    assert_eq!(default.service_endpoint("s3"), Ok(None));
    assert_eq!(config.profile("plain").unwrap().service_endpoint("sso_oidc"), Ok(None));
    let error = config.profile("lost").unwrap().service_endpoint("sso_oidc").unwrap_err();
    assert_eq!(
        error.to_string(),
        "profile `lost` refers to section [services none], which is not in the AWS config"
    );
}

#[test]
fn a_switch_that_is_neither_true_nor_false_is_named_with_its_line() {
    let error = config("[default]\n\nuse_fips_endpoint = yes\n")
        .profile("default")
        .unwrap()
        .use_fips_endpoint()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`use_fips_endpoint` in section [default] must be true or false, not `yes` (the AWS config, line 3)"
    );
}

#[test]
fn a_profile_with_a_session_is_filed_under_the_sessions_name() {
    let config = config(&format!(
        "[profile dev]\nsso_session = my\n[sso-session my]\nsso_region = us-east-1\nsso_start_url = {URL}\n\
         sso_registration_scopes = sso:account:access\n"
    ));
    let by_profile = config.resolve_sso("dev").unwrap();
    assert_eq!(by_profile.identity, Identity::SessionName("my".to_owned()));
    assert_eq!(by_profile.start_url, URL);
    assert_eq!(by_profile.region.as_deref(), Some("us-east-1"));
    assert_eq!(by_profile.scopes.as_deref(), Some(&["sso:account:access".to_owned()][..]));
    assert_eq!(config.resolve_session("my").unwrap(), by_profile);
}

#[test]
fn a_profile_without_a_session_is_filed_under_its_start_url_and_has_no_scopes() {
    let config = config(&format!(
        "[default]\nsso_region = us-east-1\nsso_start_url = {URL}#/\nsso_registration_scopes = a\n"
    ));
    let sso = config.resolve_sso("default").unwrap();
    assert_eq!(sso.identity, Identity::StartUrl(format!("{URL}#/")));
    assert_eq!(sso.start_url, format!("{URL}#/"));
    assert_eq!(sso.scopes, None);
}

#[test]
fn no_scopes_key_and_an_empty_one_are_told_apart() {
    let session = |scopes: &str| {
        let text = format!("[sso-session my]\nsso_region = r\nsso_start_url = u\n{scopes}");
        config(&text).resolve_session("my").unwrap().scopes
    };
    assert_eq!(session(""), None);
    assert_eq!(session("sso_registration_scopes =\n"), Some(vec![]));
    assert_eq!(session("sso_registration_scopes = , ,\n"), Some(vec![]));
    assert_eq!(session("sso_registration_scopes = b,\n"), Some(vec!["b".to_owned()]));
}

#[test]
fn a_key_in_profile_and_session_must_agree() {
    let text = |own: &str| {
        format!("[profile p]\nsso_session = my\n{own}\n[sso-session my]\nsso_region = r\nsso_start_url = u\n")
    };
    let both = config(&text("sso_region = r\nsso_start_url = u")).resolve_sso("p").unwrap();
    assert_eq!(both.region.as_deref(), Some("r"));
    let error = config(&text("sso_region = other")).resolve_sso("p").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`sso_region` is `other` in [profile p] but `r` in [sso-session my] of the AWS config; remove one of them"
    );
    let error = config(&text("sso_start_url = other")).resolve_sso("p").unwrap_err();
    assert!(matches!(error, SettingsError::Conflict { key: "sso_start_url", .. }), "{error}");
}

#[test]
fn a_key_that_only_the_profile_has_fills_the_gap_of_its_session() {
    let config = config("[profile p]\nsso_session=my\nsso_region=r\n[sso-session my]\nsso_start_url=u\n");
    assert_eq!(config.resolve_sso("p").unwrap().required_region(), Ok("r"));
    let alone = config.resolve_session("my").unwrap().required_region().unwrap_err().to_string();
    assert_eq!(alone, "`sso_region` is missing in section [sso-session my] of the AWS config");
}

#[test]
fn what_is_missing_is_named_with_its_section() {
    let config = config(
        "[default]\nsso_region = r\n[profile none]\n[profile lost]\nsso_session = gone\n\
         [profile p]\nsso_session = my\n[sso-session my]\nsso_start_url =\nsso_region = r\n",
    );
    for (profile, expected) in [
        ("default", "`sso_start_url` is missing in section [default] of the AWS config"),
        ("none", "`sso_start_url` and `sso_region` are missing in section [profile none] of the AWS config"),
        ("p", "`sso_start_url` is missing in section [sso-session my] of the AWS config"),
        (
            "lost",
            "section [sso-session gone] (used by profile `lost`) not found in the AWS config (available sessions: my)",
        ),
        ("typo", "profile `typo` not found in the AWS config (available profiles: default, lost, none, p)"),
    ] {
        assert_eq!(config.resolve_sso(profile).unwrap_err().to_string(), expected);
    }
    assert_eq!(
        config.resolve_session("gone").unwrap_err().to_string(),
        "section [sso-session gone] not found in the AWS config (available sessions: my)"
    );
}

#[test]
fn the_portal_of_a_profile_is_its_own_or_that_of_the_profile_whose_credentials_it_uses() {
    let config = config(
        "[profile a]\nsource_profile = b\n[profile b]\nsource_profile = c\n[profile c]\nsso_start_url = u\n\
         [profile own]\nsso_session = s\nsource_profile = c\n[profile self]\nsource_profile = self\n\
         [profile lost]\nsource_profile = gone\n[profile x]\nsource_profile = y\n[profile y]\nsource_profile = x\n\
         [profile keys]\naws_access_key_id = i\n",
    );
    for (profile, expected) in
        [("a", Some("c")), ("c", Some("c")), ("own", Some("own")), ("self", None), ("keys", None)]
    {
        assert_eq!(config.sso_profile(profile), Ok(expected), "{profile}");
    }
    for (profile, expected) in [
        ("lost", "profile `lost` has source_profile `gone`, which is not in the AWS config"),
        ("x", "circular source_profile: profile `y` refers back to `x`"),
    ] {
        assert_eq!(config.sso_profile(profile).unwrap_err().to_string(), expected);
    }
    let got = config.sso_profile("none");
    assert!(matches!(got, Err(SettingsError::NoSuchProfile { .. })), "{got:?}");
}

#[test]
fn of_many_profiles_an_error_names_a_few() {
    let many: String = (10..40).map(|n| format!("[profile p{n}]\n")).collect();
    let error = config(&many).resolve_sso("x").unwrap_err().to_string();
    assert!(error.ends_with("p20, p21, and 18 more)"), "{error}");
}

#[test]
fn a_file_that_does_not_exist_is_an_empty_config_that_knows_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config");
    let config = Config::load(&path).unwrap();
    assert_eq!(config.path(), Some(path.as_path()));
    assert!(config.resolve_sso("x").unwrap_err().to_string().contains(&*path.to_string_lossy()));
}

#[test]
fn an_unreadable_file_is_named_with_the_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config");
    std::fs::write(&path, "[default]\n\nnonsense\n").unwrap();
    let error = Config::load(&path).unwrap_err();
    assert_eq!(error.to_string(), format!("{}, line 3: expected `key = value`", path.display()));

    std::fs::write(&path, b"[default]\nregion = \xff\n").unwrap();
    let got = Config::load(&path).unwrap_err();
    assert!(matches!(got, LoadError::NotUtf8 { line: 2, .. }), "{got:?}");

    // A directory exists but is unreadable as a file.
    let got = Config::load(dir.path()).unwrap_err();
    assert!(matches!(got, LoadError::Read { .. }), "{got:?}");
}

#[test]
fn debug_of_a_config_shows_its_sections_and_keys_and_no_value() {
    let config = config(
        "[default]\naws_secret_access_key = SENTINEL\n[sso-session my]\nsso_region = SENTINEL\n\
         [services s]\nsso_oidc =\n  endpoint_url = http://SENTINEL\n",
    );
    let shown = format!("{config:?} {:?}", config.profile("default").unwrap());
    assert!(!shown.contains("SENTINEL"), "{shown}");
    for name in ["default", "\"my\"", "\"s\"", "aws_secret_access_key"] {
        assert!(shown.contains(name), "{name} is not in {shown}");
    }
}
