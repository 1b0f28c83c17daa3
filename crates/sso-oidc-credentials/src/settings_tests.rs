//! What wins, and which endpoints it leads to.

use std::path::Path;

use super::*;

const SESSION: &str =
    "[sso-session corp]\nsso_start_url = https://d-1234567890.awsapps.com/start\nsso_region = eu-west-1\n";

/// Resolves the profile `work` with these further lines, these sections, and these variables.
fn resolve(lines: &str, variables: &'static [(&str, &str)]) -> Result<Portal, SsoError> {
    let home = tempfile::tempdir().unwrap();
    let config = format!("[profile work]\nsso_session = corp\n{lines}\n{SESSION}");
    write(home.path(), &config);
    wanted(Source::Profile(Some("work".to_owned())), home.path(), variables).resolve()
}

fn write(home: &Path, config: &str) {
    std::fs::create_dir(home.join(".aws")).unwrap();
    std::fs::write(home.join(".aws/config"), config).unwrap();
}

fn wanted(source: Source, home: &Path, variables: &'static [(&str, &str)]) -> Wanted {
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
    let environment = Environment::new(variable);
    Wanted { source, account_id: None, role_name: None, home: Some(home.to_owned()), environment }
}

fn endpoints(lines: &str, variables: &'static [(&str, &str)]) -> [String; 2] {
    let portal = resolve(lines, variables).unwrap();
    [portal.endpoint.to_string(), portal.portal_endpoint.0.to_string()]
}

#[test]
fn endpoints_are_the_regions_own_unless_something_names_others() {
    let own = ["https://oidc.eu-west-1.amazonaws.com", "https://portal.sso.eu-west-1.amazonaws.com"];
    assert_eq!(endpoints("", &[]), own);
    assert_eq!(endpoints("endpoint_url = http://127.0.0.1:1", &[]), ["http://127.0.0.1:1"; 2]);
    let services = "services = s\n[services s]\nsso_oidc =\n  endpoint_url = http://127.0.0.1:2\n";
    assert_eq!(endpoints(services, &[]), ["http://127.0.0.1:2", own[1]]);
    assert_eq!(
        endpoints(
            services,
            &[
                ("AWS_ENDPOINT_URL_SSO_OIDC", "http://127.0.0.1:3"),
                ("AWS_ENDPOINT_URL_SSO", "http://127.0.0.1:4")
            ]
        ),
        ["http://127.0.0.1:3", "http://127.0.0.1:4"]
    );
    assert_eq!(endpoints(services, &[("AWS_ENDPOINT_URL", "http://127.0.0.1:5")]), ["http://127.0.0.1:5"; 2]);
    assert_eq!(endpoints(services, &[("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")]), own);
    assert_eq!(
        endpoints("ignore_configured_endpoint_urls = true\nendpoint_url = http://127.0.0.1:1", &[]),
        own
    );
}

#[test]
fn only_an_endpoint_that_is_not_the_regions_own_marks_the_token() {
    let mark = |url| {
        let variables: &'static [_] = Box::leak(Box::new([("AWS_ENDPOINT_URL", url)]));
        resolve("", variables).unwrap().endpoint_url
    };
    assert_eq!(mark("https://oidc-fips.eu-west-1.amazonaws.com/"), None);
    assert_eq!(mark("http://127.0.0.1:1").as_deref(), Some("http://127.0.0.1:1"));
}

#[test]
fn plain_http_is_for_loopback_only() {
    let error = resolve("endpoint_url = http://sso.example", &[]).map(|_| ()).unwrap_err();
    assert!(matches!(error.reason(), Reason::Endpoint(_)), "{error}");
}

#[test]
fn fips_and_dual_stack_come_from_the_environment_or_else_from_the_profile() {
    let fips = "https://oidc-fips.eu-west-1.amazonaws.com";
    assert_eq!(endpoints("use_fips_endpoint = true", &[])[0], fips);
    assert_eq!(endpoints("", &[("AWS_USE_FIPS_ENDPOINT", "true")])[0], fips);
    let not = endpoints("use_fips_endpoint = true", &[("AWS_USE_FIPS_ENDPOINT", "false")]);
    assert_eq!(not[0], "https://oidc.eu-west-1.amazonaws.com");
    let dual = "https://portal.sso.eu-west-1.api.aws";
    assert_eq!(endpoints("use_dualstack_endpoint = true", &[])[1], dual);
    assert_eq!(endpoints("", &[("AWS_USE_DUALSTACK_ENDPOINT", "TRUE")])[1], dual);
    let error = resolve("use_fips_endpoint = perhaps", &[]).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("must be true or false"), "{error}");
}

#[test]
fn the_role_is_a_pair_of_the_profile_or_of_the_program() {
    let home = tempfile::tempdir().unwrap();
    let profile = "[profile work]\nsso_session = corp\nsso_account_id = 1\nsso_role_name = R\n";
    write(home.path(), &format!("{profile}{SESSION}"));
    let role = |source: Source, account: Option<&str>, role: Option<&str>| {
        let mut wanted = wanted(source, home.path(), &[("AWS_PROFILE", "work")]);
        (wanted.account_id, wanted.role_name) = (account.map(str::to_owned), role.map(str::to_owned));
        wanted.resolve().unwrap().role.map(|role| (role.account_id, role.role_name))
    };
    let pair = |account: &str, role: &str| Some((account.to_owned(), role.to_owned()));
    // The profile is that of the environment.
    assert_eq!(role(Source::Profile(None), None, None), pair("1", "R"));
    assert_eq!(role(Source::Profile(None), None, Some("S")), pair("1", "S"));
    assert_eq!(role(Source::Profile(None), Some("2"), None), None, "not the role of another account");
    let session = || Source::Session("corp".to_owned());
    assert_eq!(role(session(), None, None), None);
    assert_eq!(role(session(), Some("2"), Some("S")), pair("2", "S"));
}

#[test]
fn a_config_file_that_cannot_be_read_is_named_unless_the_program_needs_none() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "[broken");
    let portal = Source::Portal {
        start_url: "https://d-1234567890.awsapps.com/start".to_owned(),
        region: "eu-west-1".to_owned(),
    };
    assert!(wanted(portal, home.path(), &[]).resolve().is_ok());
    let error = wanted(Source::Profile(None), home.path(), &[]).resolve().map(|_| ()).unwrap_err();
    assert!(matches!(error.reason(), Reason::Config(_)), "{error}");
}

#[test]
fn a_session_has_the_scope_of_the_portal_api_unless_it_names_others() {
    let portal = resolve("", &[]).unwrap();
    assert_eq!((portal.scopes, portal.needed_scopes), (vec![SSO_ACCOUNT_ACCESS.to_owned()], Vec::new()));
    assert_eq!(portal.identity, Identity::SessionName("corp".to_owned()));

    let home = tempfile::tempdir().unwrap();
    write(home.path(), &format!("{SESSION}sso_registration_scopes = a, b\nsso_use_device_code = true\n"));
    let portal = wanted(Source::Session("corp".to_owned()), home.path(), &[]).resolve().unwrap();
    assert_eq!(
        (portal.scopes.as_slice(), portal.needed_scopes.as_slice()),
        (["a", "b"].map(String::from).as_slice(), ["a", "b"].map(String::from).as_slice())
    );
    assert_eq!(portal.use_device_code, Some(true));
}

#[test]
fn the_command_of_a_sign_in_is_one_line_of_a_shell() {
    assert_eq!(word("corp"), "corp");
    assert_eq!(word("my corp's"), r"'my corp'\''s'");
    assert_eq!(word("a\u{1b}[2J"), "'a[2J'");
    assert_eq!(word(""), "''");
}
