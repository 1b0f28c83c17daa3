//! The endpoint of requests from flags, environment and profile, in this order.

mod common;

use common::{Program, Run, Stub, success};

const REGISTER: [&str; 5] = ["register-client", "--client-name", "n", "--client-type", "public"];
const REGISTRATION: &str = r#"{"clientId":"cid","clientSecret":"csec","clientSecretExpiresAt":1}"#;

/// Returns the program's endpoint. A missing CA bundle stops the program before it connects.
fn resolved(program: &Program, flags: &[&str]) -> String {
    let stop = ["--debug", "--ca-bundle", "/nope.pem"];
    let Run { code, stderr, .. } = program.run(&[&REGISTER[..], &stop, flags].concat());
    assert_eq!(code, Some(253), "{stderr}");
    let (_, rest) = stderr.split_once("endpoint=").unwrap_or_else(|| panic!("{stderr}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn the_regions_endpoint_follows_flag_environment_and_profile() {
    let config = "[default]\nregion = eu-north-1\n[profile cn]\nregion = cn-north-1\n";
    let program = Program::new().config(config);
    assert_eq!(resolved(&program, &[]), "https://oidc.eu-north-1.amazonaws.com");
    assert_eq!(resolved(&program, &["--profile", "cn"]), "https://oidc.cn-north-1.amazonaws.com.cn");
    let program = program.var("AWS_DEFAULT_REGION", "us-east-2");
    assert_eq!(resolved(&program, &[]), "https://oidc.us-east-2.amazonaws.com");
    let program = program.var("AWS_REGION", "us-east-1").var("AWS_PROFILE", "cn");
    assert_eq!(resolved(&program, &[]), "https://oidc.us-east-1.amazonaws.com");
    assert_eq!(resolved(&program, &["--region", "eu-west-1"]), "https://oidc.eu-west-1.amazonaws.com");
    let program = program.var("AWS_USE_FIPS_ENDPOINT", "true").var("AWS_USE_DUALSTACK_ENDPOINT", "true");
    assert_eq!(resolved(&program, &["--region", "eu-west-1"]), "https://oidc-fips.eu-west-1.api.aws");
}

#[test]
fn a_custom_endpoint_follows_flag_environment_and_profile() {
    let config = "[default]\nregion = eu-north-1\nendpoint_url = https://profile.example\n\
                  [profile work]\nregion = eu-north-1\nservices = local\n\
                  [services local]\nsso_oidc =\n  endpoint_url = https://services.example\n";
    let program = Program::new().config(config);
    assert_eq!(resolved(&program, &[]), "https://profile.example");
    assert_eq!(resolved(&program, &["--profile", "work"]), "https://services.example");
    let program = program.var("AWS_ENDPOINT_URL", "https://all.example");
    assert_eq!(resolved(&program, &["--profile", "work"]), "https://all.example");
    let program = program.var("AWS_ENDPOINT_URL_SSO_OIDC", "https://own.example");
    assert_eq!(resolved(&program, &[]), "https://own.example");
    assert_eq!(resolved(&program, &["--endpoint-url", "https://flag.example"]), "https://flag.example");
    let program = program.var("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    assert_eq!(resolved(&program, &[]), "https://oidc.eu-north-1.amazonaws.com");
}

#[test]
fn the_config_file_may_be_elsewhere_and_a_profile_in_the_credentials_file_exists() {
    let program = Program::new();
    let path = program.file("elsewhere", "[default]\nregion = eu-west-3\n");
    let program = program.var("AWS_CONFIG_FILE", &path);
    assert_eq!(resolved(&program, &[]), "https://oidc.eu-west-3.amazonaws.com");
    let credentials = program.file("credentials", "[keys]\naws_access_key_id = x\n");
    let program = program.var("AWS_SHARED_CREDENTIALS_FILE", &credentials);
    assert_eq!(
        resolved(&program, &["--profile", "keys", "--region", "us-east-1"]),
        "https://oidc.us-east-1.amazonaws.com"
    );
}

#[test]
fn an_endpoint_needs_no_region_and_global_flags_may_stand_before_the_command() {
    let stub = Stub::always(success(REGISTRATION));
    let mut arguments = vec!["--endpoint-url", stub.endpoint.as_str(), "--output", "text"];
    arguments.extend(REGISTER);
    assert_eq!(Program::new().run(&arguments).ok(), "cid\tcsec\t1\n");
    let program = Program::new().var("AWS_ENDPOINT_URL", &stub.endpoint).config("[default]\noutput = text\n");
    assert_eq!(program.run(&REGISTER).ok(), "cid\tcsec\t1\n");
}

#[test]
fn flags_of_the_aws_cli_that_mean_nothing_here_are_accepted() {
    let stub = Stub::always(success(REGISTRATION));
    let ignored = [
        "--no-sign-request",
        "--no-cli-pager",
        "--no-paginate",
        "--color",
        "off",
        "--cli-binary-format",
        "raw-in-base64-out",
        "--cli-error-format",
        "json",
    ];
    Program::new().run(&[&REGISTER[..], &["--endpoint-url", &stub.endpoint], &ignored].concat()).ok();
    // The program accepts the flag and reports the next error.
    let said = Program::new().run(&["login", "--use-device-code", "--start-url", "https://"]).fails(253);
    assert!(said.contains("has no host"), "{said}");
}

#[test]
fn output_that_is_off_prints_nothing() {
    let stub = Stub::always(success(REGISTRATION));
    let at = [&REGISTER[..], &["--endpoint-url", &stub.endpoint]].concat();
    assert_eq!(Program::new().run(&[&at[..], &["--output", "off"]].concat()).ok(), "");
    assert_eq!(Program::new().var("AWS_DEFAULT_OUTPUT", "off").run(&at).ok(), "");
    assert_eq!(stub.bodies().len(), 2);
}

#[test]
fn unverified_certificates_are_warned_of() {
    let stub = Stub::always(success(REGISTRATION));
    let run =
        Program::new().run(&[&REGISTER[..], &["--endpoint-url", &stub.endpoint, "--no-verify-ssl"]].concat());
    assert!(run.stderr.starts_with("sso-oidc: [WARNING]: certificates are not verified"), "{run:?}");
    run.ok();
}
