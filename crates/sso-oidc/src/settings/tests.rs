//! Tests of the precedence of flags, environment and profile.

use clap::Parser;
use oidc_proto::Variant;

use super::*;
use crate::exit::Exit;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    globals: Globals,
}

const CONFIG: &str = "
[default]
region = eu-north-1
output = table

[profile work]
region = eu-west-1
services = local
endpoint_url = https://profile.example
ca_bundle = /profile.pem
use_fips_endpoint = true
max_attempts = 5

[profile bare]
sso_session = corp
sso_account_id = 1
sso_role_name = r

[profile off]
ignore_configured_endpoint_urls = true
endpoint_url = https://profile.example
region = eu-west-1

[sso-session corp]
sso_region = eu-west-3
sso_start_url = https://d-1.awsapps.com/start

[services local]
sso_oidc =
  endpoint_url = https://services.example
";

fn settings<const N: usize>(flags: &str, variables: [(&str, &str); N]) -> Settings {
    let arguments = std::iter::once("x").chain(flags.split_whitespace());
    let globals = Flags::parse_from(arguments).globals;
    let environment = Environment::from(variables);
    let profile = globals.profile.clone().unwrap_or_else(|| "default".to_owned());
    Settings {
        globals,
        environment,
        files: Config::parse(CONFIG).unwrap().into(),
        profile,
        chosen_session: OnceCell::new(),
    }
}

#[test]
fn the_region_is_the_flags_then_the_environments_then_the_profiles() {
    let both = [("AWS_REGION", "us-east-1"), ("AWS_DEFAULT_REGION", "us-east-2")];
    let region = |settings: Settings| settings.region().unwrap();
    assert_eq!(region(settings("--region ap-south-1", both)), "ap-south-1");
    assert_eq!(region(settings("", both)), "us-east-1");
    assert_eq!(region(settings("", [("AWS_REGION", ""), both[1]])), "us-east-2");
    assert_eq!(region(settings("", [])), "eu-north-1");
    assert_eq!(region(settings("--profile work", [])), "eu-west-1");
    assert_eq!(region(settings("--profile bare", [])), "eu-west-3");
}

#[test]
fn a_missing_region_is_a_configuration_failure_unless_there_is_an_endpoint() {
    let mut none = settings("", []);
    none.files = AwsFiles::default();
    assert_eq!(none.endpoint().unwrap_err().exit(), Exit::Config);
    none.globals.endpoint_url = Some("https://example.com".to_owned());
    assert_eq!(none.endpoint().unwrap().to_string(), "https://example.com");
}

#[test]
fn the_endpoint_is_the_flags_then_the_environments_then_the_services_then_the_profiles() {
    let both =
        [("AWS_ENDPOINT_URL_SSO_OIDC", "https://own.example"), ("AWS_ENDPOINT_URL", "https://all.example")];
    let endpoint = |settings: Settings| settings.endpoint().unwrap().to_string();
    assert_eq!(endpoint(settings("--endpoint-url https://flag.example", both)), "https://flag.example");
    assert_eq!(endpoint(settings("--profile work", both)), "https://own.example");
    assert_eq!(endpoint(settings("--profile work", [both[1]])), "https://all.example");
    assert_eq!(endpoint(settings("--profile work", [])), "https://services.example");
    assert_eq!(endpoint(settings("--profile off", [])), "https://oidc.eu-west-1.amazonaws.com");
    let ignored = [both[0], ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")];
    assert_eq!(endpoint(settings("--region eu-west-1", ignored)), "https://oidc.eu-west-1.amazonaws.com");
    assert_eq!(endpoint(settings("--endpoint-url https://flag.example", ignored)), "https://flag.example");
}

#[test]
fn fips_and_dual_stack_change_the_regions_endpoint_only() {
    let endpoint = |settings: Settings| settings.endpoint().unwrap().to_string();
    let fips = ("AWS_USE_FIPS_ENDPOINT", "true");
    let dual = ("AWS_USE_DUALSTACK_ENDPOINT", "true");
    assert_eq!(endpoint(settings("", [fips])), "https://oidc-fips.eu-north-1.amazonaws.com");
    assert_eq!(endpoint(settings("", [fips, dual])), "https://oidc-fips.eu-north-1.api.aws");
    assert_eq!(endpoint(settings("--endpoint-url https://e.example", [fips])), "https://e.example");
    assert_eq!(settings("--profile work", []).variant().unwrap(), Variant::default().with_fips());
    let no = ("AWS_USE_FIPS_ENDPOINT", "false");
    assert_eq!(settings("--profile work", [no]).variant().unwrap(), Variant::default());
}

#[test]
fn plain_http_is_for_loopback_unless_allowed() {
    let insecure = settings("--endpoint-url http://sso.example", []);
    assert_eq!(insecure.endpoint().unwrap_err().exit(), Exit::Config);
    let allowed = settings("--endpoint-url http://sso.example --allow-insecure-http", []);
    assert!(allowed.endpoint().is_ok());
    assert!(settings("--endpoint-url http://127.0.0.1:1", []).endpoint().is_ok());
}

#[test]
fn the_output_is_the_flags_then_the_environments_then_the_profiles() {
    let text = ("AWS_DEFAULT_OUTPUT", "text");
    assert_eq!(settings("--output yaml", [text]).format().unwrap(), Format::Yaml);
    assert_eq!(settings("", [text]).format().unwrap(), Format::Text);
    assert_eq!(settings("", []).format().unwrap(), Format::Table);
    assert_eq!(settings("--profile work", []).format().unwrap(), Format::Json);
    let unknown = settings("", [("AWS_DEFAULT_OUTPUT", "xml")]);
    assert_eq!(unknown.format().unwrap_err().exit(), Exit::Config);
}

#[test]
fn the_ca_bundle_and_the_limits_follow_the_same_order() {
    let bundle = ("AWS_CA_BUNDLE", "/environment.pem");
    assert_eq!(settings("--ca-bundle /flag.pem", [bundle]).ca_bundle(), Some("/flag.pem".into()));
    assert_eq!(settings("--profile work", [bundle]).ca_bundle(), Some("/environment.pem".into()));
    assert_eq!(settings("--profile work", []).ca_bundle(), Some("/profile.pem".into()));
    assert_eq!(settings("--profile work", [("AWS_MAX_ATTEMPTS", "1")]).max_attempts(), 1);
    assert_eq!(settings("--profile work", []).max_attempts(), 5);
    assert_eq!(settings("", [("AWS_MAX_ATTEMPTS", "0")]).max_attempts(), 3);
    assert_eq!(settings("", []).read_timeout(), Duration::from_secs(60));
    assert_eq!(settings("--cli-read-timeout 7", []).read_timeout(), Duration::from_secs(7));
    assert!(settings("--cli-connect-timeout 0", []).connect_timeout() > Duration::from_secs(86_400));
}

#[test]
fn colour_is_for_terminals_and_no_color_wins_over_auto() {
    let no_color = [("NO_COLOR", "1")];
    assert!(settings("", []).colored(true));
    assert!(!settings("", []).colored(false));
    assert!(!settings("", no_color).colored(true));
    assert!(settings("--color always", no_color).colored(false));
    assert!(!settings("--color off", []).colored(true));
}

#[test]
fn what_names_the_endpoint_beside_flags_and_region_is_told() {
    let fips = ("AWS_USE_FIPS_ENDPOINT", "true");
    let dual_stack = ("AWS_USE_DUALSTACK_ENDPOINT", "true");
    let url = ("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let ignored = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    let none = ("LANG", "C");
    for (flags, variables, expected) in [
        ("--region eu-west-1", [none; 2], None),
        ("--region eu-west-1", [fips, none], Some("AWS_USE_FIPS_ENDPOINT")),
        ("--region eu-west-1", [none, dual_stack], Some("AWS_USE_DUALSTACK_ENDPOINT")),
        (
            "--region eu-west-1",
            [fips, dual_stack],
            Some("AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT"),
        ),
        ("", [url, none], Some("AWS_ENDPOINT_URL")),
        ("--endpoint-url http://127.0.0.1:8", [url, none], None),
        ("--profile work", [none; 2], Some("`endpoint_url` in the AWS config file")),
        ("--profile work", [ignored, none], Some("`use_fips_endpoint` in the AWS config file")),
        (
            "--profile work",
            [ignored, dual_stack],
            Some("`use_fips_endpoint` in the AWS config file and AWS_USE_DUALSTACK_ENDPOINT"),
        ),
    ] {
        let named = settings(flags, variables).endpoint_named_by();
        assert_eq!(named.as_deref(), expected, "{flags} {variables:?}");
    }
}
