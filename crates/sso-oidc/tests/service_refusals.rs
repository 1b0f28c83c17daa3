//! `login` at a service that rejects requests: causes and hints.

mod common;

use common::{Program, Stub, fault, response, success};

const LOGIN: [&str; 6] = [
    "login",
    "--start-url",
    "https://d-1234567890.awsapps.com/start",
    "--region",
    "eu-west-1",
    "--no-browser",
];

const CLIENT: &str = r#"{"clientId":"c","clientSecret":"s","clientSecretExpiresAt":4000000000}"#;
const CODES: &str =
    r#"{"deviceCode":"d","userCode":"A","verificationUri":"https://d.example/","expiresIn":60,"interval":1}"#;

fn refused(stub: &Stub, code: i32) -> String {
    Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", &stub.endpoint).run(&LOGIN).fails(code)
}

#[test]
fn a_page_in_place_of_the_service_ends_at_once_and_the_variable_that_names_the_endpoint_is_named() {
    let stub = Stub::always(response(404, &[("content-type", "text/html")], "<title>No such page</title>"));
    let stderr = refused(&stub, 255);
    assert_eq!(stub.bodies().len(), 1, "it is asked once");
    assert!(
        stderr.contains("No such page") && stderr.contains("comes from AWS_ENDPOINT_URL_SSO_OIDC"),
        "{stderr}"
    );
    assert!(!stderr.contains("check the network"), "{stderr}");
}

#[test]
fn a_single_call_takes_a_page_for_final_too_and_names_the_variable() {
    let stub = Stub::always(response(403, &[("content-type", "text/html")], "<title>Blocked</title>"));
    let program = Program::new().var("AWS_ENDPOINT_URL", &stub.endpoint);
    let stderr = program
        .run(&["register-client", "--client-name", "n", "--client-type", "public", "--region", "eu-west-1"])
        .fails(255);
    assert_eq!(stub.bodies().len(), 1, "it is asked once");
    assert!(stderr.contains("Blocked") && stderr.contains("comes from AWS_ENDPOINT_URL."), "{stderr}");
}

#[test]
fn a_key_that_does_not_allow_it_is_no_persons_denial() {
    let body = r#"{"error":"access_denied","error_description":"no","reason":"KMS_AccessDeniedException"}"#;
    let denied = response(400, &[("x-amzn-errortype", "AccessDeniedException")], body);
    let stderr = refused(&Stub::new(&[success(CLIENT), success(CODES), denied]), 254);
    assert!(stderr.contains("KMS key") && stderr.contains("KMS_AccessDeniedException"), "{stderr}");
    assert!(!stderr.contains("denied on the approval page"), "{stderr}");
}

#[test]
fn a_refusal_of_the_scopes_names_where_the_scopes_come_from() {
    for (exception, error) in
        [("InvalidScopeException", "invalid_scope"), ("UnauthorizedClientException", "unauthorized_client")]
    {
        let stderr = refused(&Stub::always(fault(400, exception, error, "no")), 254);
        assert!(stderr.contains("sso_registration_scopes") && stderr.contains("--scopes"), "{stderr}");
        assert!(!stderr.contains("--grant-types"), "{stderr}");
    }
}

#[test]
fn a_token_without_a_lifetime_is_kept_for_an_hour_with_a_warning() {
    let token = success(r#"{"accessToken":"t","tokenType":"Bearer"}"#);
    let stub = Stub::new(&[success(CLIENT), success(CODES), token]);
    let program = Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", &stub.endpoint);
    let run = program.run(&LOGIN);
    assert!(run.stderr.contains("`expiresIn` is missing") && run.stderr.contains("an hour"), "{run:?}");
    run.ok();
    let again = program.run(&[&LOGIN[..], &["--if-needed"]].concat());
    assert!(again.stderr.contains("Already signed in"), "{again:?}");
}
