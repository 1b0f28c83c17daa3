//! The words after a failed call of the portal: the thing, the cause, and what to do.

mod common;

use common::session::{cache, identity, server_with as server, signed_in};
use common::{Program, START_URL};
use sso_oidc_server::TestServer;

const SIGN_IN: &str = "sign in with `sso-oidc login --start-url https://d-1234567890.awsapps.com/start";

fn at_portal(server: &TestServer) -> Program {
    signed_in(server).var("AWS_ENDPOINT_URL_SSO", server.endpoint()).var("AWS_MAX_ATTEMPTS", "1")
}

fn of<'a>(command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[command, "--start-url", START_URL, "--region", "eu-west-1"], more].concat()
}

/// Asserts that each part is said, in this order, and that the last line is a hint.
#[track_caller]
fn says(said: &str, parts: &[&str]) {
    let mut rest = said;
    for part in parts {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("{part:?} is not in its place: {said}")).1;
    }
    assert!(said.lines().last().unwrap().starts_with("Hint: "), "{said}");
}

#[test]
fn a_portal_that_gives_no_answer_of_its_own_is_told_with_the_cause_and_what_to_check() {
    for (fault, cause, advice) in [
        ("unavailable", "HTTP 503", "is busy or down; try again in a minute"),
        ("too-many-requests", "HTTP 429", "try again in a minute"),
        ("html-502", "502 Bad Gateway", "try again in a minute"),
        ("forbidden", "Access is forbidden", "another server may have answered in place of the portal"),
        ("not-found", "HTTP 404", "another server may have answered"),
        ("html-200", "an HTML page", "a login page of the network"),
        ("redirect-302", "HTTP 302 redirect", "another server may have answered"),
        ("never-answers", "timeout", "check the network; `sso-oidc doctor`"),
    ] {
        let server = server(Some(&format!("{fault}@accounts")));
        let program = at_portal(&server);
        let said = program.run(&of("accounts", &["--cli-read-timeout", "1"])).fails(255);
        says(&said, &[cause, server.endpoint(), "comes from AWS_ENDPOINT_URL_SSO", advice]);
    }
}

#[test]
fn a_portal_without_a_network_is_told_with_its_address() {
    let program = at_portal(&server(None));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{closed}");
    let program = program.var("AWS_ENDPOINT_URL_SSO", &endpoint);
    for command in
        [of("accounts", &[]), of("roles", &[]), of("credentials", &["--account", "1", "--role", "R"])]
    {
        let said = program.run(&command).fails(255);
        says(
            &said,
            &[
                "Could not connect",
                &endpoint,
                "refused",
                "comes from AWS_ENDPOINT_URL_SSO",
                "check the network",
            ],
        );
    }
}

#[test]
fn a_sign_in_that_has_ended_is_told_with_the_reason_of_the_refresh_and_the_sign_in() {
    let (old, new) = (server(None), server(None));
    let program = at_portal(&old);
    // The service has forgotten the session, as after a revocation.
    let mut token = cache(&program).token(&identity()).unwrap().unwrap();
    token.endpoint_url = Some(new.endpoint().to_owned());
    cache(&program).save_token(&identity(), &token).unwrap();
    let program =
        program.var("AWS_ENDPOINT_URL_SSO", new.endpoint()).var("AWS_ENDPOINT_URL_SSO_OIDC", new.endpoint());
    let said = program.run(&of("accounts", &[])).fails(254);
    says(&said, &["UnauthorizedException", "rejected the refresh", "the sign-in has ended", SIGN_IN]);
}

#[test]
fn a_token_of_a_flag_or_a_variable_that_is_refused_is_told_with_its_origin() {
    let server = server(None);
    let program = Program::new()
        .var("AWS_ENDPOINT_URL_SSO", server.endpoint())
        .var("SSO_OIDC_ACCESS_TOKEN", "secret-of-another");
    for command in
        [&["list-accounts"][..], &["list-account-roles", "--account-id", "012345678901"], &["logout"]]
    {
        let said = program.run(command).fails(254);
        says(
            &said,
            &["UnauthorizedException", "--access-token or SSO_OIDC_ACCESS_TOKEN", "`sso-oidc token`"],
        );
        assert!(!said.contains("secret-of-another"), "{said}");
    }
}

#[test]
fn a_role_or_an_account_that_the_person_lacks_is_named_by_the_commands_of_aws_sso() {
    let server = server(None);
    let program = at_portal(&server);
    let role = ["--account-id", "012345678901", "--role-name", "Owner"];
    let said = program.run(&of("get-role-credentials", &role)).fails(254);
    says(
        &said,
        &["ForbiddenException", "You do not have this role in this account", "`sso-oidc roles` lists"],
    );
    let said = program.run(&of("list-account-roles", &["--account-id", "999999999999"])).fails(254);
    says(&said, &["ForbiddenException", "You have no role in this account", "`sso-oidc roles` lists"]);
}
