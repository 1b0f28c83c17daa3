//! Every exit code with its message.

mod common;

use std::net::TcpListener;

use common::{DEVICE_CODE, Program, Stub, after, fault, response, run, success};

const REGISTER: [&str; 5] = ["register-client", "--client-name", "n", "--client-type", "public"];

fn register_at(endpoint: &str) -> Vec<&str> {
    [&REGISTER[..], &["--endpoint-url", endpoint]].concat()
}

fn create_at(endpoint: &str) -> Vec<&str> {
    let mut arguments = vec!["create-token", "--client-id", "i", "--client-secret", "s", "--grant-type"];
    arguments.extend([DEVICE_CODE, "--device-code", "dc", "--endpoint-url", endpoint]);
    arguments
}

/// A program with one attempt per request, for responses that cause retries.
fn once() -> Program {
    Program::new().var("AWS_MAX_ATTEMPTS", "1")
}

#[test]
fn help_and_the_version_are_a_success_on_standard_output() {
    assert!(run(&["help"]).ok().contains("register-client"));
    assert!(run(&["--help"]).ok().contains("Exit codes"));
    assert_eq!(run(&["help", "--help"]).ok(), run(&["--help"]).ok());
    assert!(run(&["help", "create-token"]).ok().contains("--device-code"));
    assert!(run(&["create-token", "help"]).ok().contains("--device-code"), "as the AWS CLI has it");
    assert!(run(&["--region", "eu-west-1", "login", "help"]).ok().contains("--start-url"));
    for below in [["cache", "list"], ["configure", "session"]] {
        let said = run(&[&below[..], &["help"]].concat()).ok();
        assert_eq!(said, run(&[&below[..], &["--help"]].concat()).ok());
        assert_eq!(said, run(&["help", below[0], below[1]]).ok());
    }
    let of_another = run(&["exec", "--sso-session", "nope", "--", "x", "login", "help"]);
    assert_eq!(of_another.code, Some(253), "the command's own words: {of_another:?}");
    let warned = run(&["create-token", "--help"]).ok();
    assert!(warned.contains("visible to every user"), "{warned}");
    assert_eq!(run(&["--version"]).ok(), concat!("sso-oidc ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn wrong_arguments_are_252() {
    let said = run(&["register-client", "--nope"]).fails(252);
    assert!(said.starts_with("sso-oidc: [ERROR]: unexpected argument '--nope'"), "{said}");
    assert!(run(&["nope"]).fails(252).contains("nope"));
    let said = run(&["serve", "--region", "eu-west-1"]).fails(252);
    assert_eq!(said, "sso-oidc: [ERROR]: --region has no effect on `serve`\n");
    let said =
        run(&["login", "--start-url", "https://d-1234567890.awsapps.com/start", "--query", "a"]).fails(252);
    assert!(said.contains("printed with --show-token only"), "{said}");
    assert!(run(&[]).fails(252).contains("Usage"));
    assert!(run(&["register-client", "--output", "xml"]).fails(252).contains("xml"));
    assert!(
        run(&["--query", "[", "register-client", "--generate-cli-skeleton", "output"])
            .fails(252)
            .contains("--query")
    );
    assert_eq!(
        run(&["register-client"]).fails(252),
        "sso-oidc: [ERROR]: the following arguments are required: --client-name, --client-type\n"
    );
    assert_eq!(
        run(&["create-token", "--grant-type", DEVICE_CODE]).fails(252),
        "sso-oidc: [ERROR]: the following arguments are required: --client-id, --client-secret, --device-code\n"
    );
}

#[test]
fn a_member_that_does_not_go_with_the_grant_is_252() {
    let client = ["create-token", "--client-id", "i", "--client-secret", "s"];
    let said = |more: &[&str]| run(&[&client[..], more].concat()).fails(252);
    let refused = said(&["--grant-type", "refresh_token", "--refresh-token", "r", "--device-code", "d"]);
    assert!(refused.contains("--device-code does not go with grant type refresh_token"), "{refused}");
    assert!(said(&["--grant-type", "password"]).contains("unknown grant type password"));
}

#[test]
fn a_query_that_cannot_be_applied_is_252_before_anything_is_sent() {
    let stub = Stub::always(success(r#"{"accessToken":"at","expiresIn":3600}"#));
    for query in ["[", "sum(values(@))", "abs(accessToken)"] {
        let said = run(&[&create_at(&stub.endpoint)[..], &["--query", query]].concat()).fails(252);
        assert!(said.contains("Bad value for --query"), "{said}");
    }
    assert!(stub.bodies().is_empty());
}

#[test]
fn a_query_must_work_on_an_answer_without_the_members_that_may_be_absent() {
    let stub = Stub::always(success(r#"{"accessToken":"at","expiresIn":3600,"tokenType":"Bearer"}"#));
    let create = |query| run(&[&create_at(&stub.endpoint)[..], &["--query", query]].concat());
    // The last two work on a response with both of these members, and on one without them.
    for query in
        ["length(refreshToken)", "refreshToken && length(idToken)", "idToken && length(refreshToken)"]
    {
        let said = create(query).fails(252);
        assert!(said.contains("Bad value for --query") && said.contains("refreshToken || ''"), "{said}");
    }
    assert!(stub.bodies().is_empty());
    assert_eq!(create("length(refreshToken || '')").ok(), "0\n");
}

#[test]
fn a_query_that_fails_on_the_answer_itself_costs_no_token() {
    let stub = Stub::always(success(r#"{"accessToken":"at","expiresIn":3600,"tokenType":"Bearer"}"#));
    let query = "abs((accessToken == 'at' && 'x') || `1`)";
    let run = run(&[&create_at(&stub.endpoint)[..], &["--query", query]].concat());
    assert_eq!(run.code, Some(252), "{run:?}");
    let whole: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(whole["accessToken"], "at");
    assert!(
        run.stderr.contains("Bad value for --query") && run.stderr.contains("printed instead"),
        "{run:?}"
    );
}

#[test]
fn the_codes_of_status_are_none_of_the_aws_clis() {
    let program = Program::new();
    let file = program.home.path().join(".aws/sso/cache/d033e22ae348aeb5660fc2140aec35850c4da997.json");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    assert_eq!(program.run(&["status"]).code, Some(5));
    for (seconds, code) in [(-1, 4), (600, 3), (3600, 0)] {
        let expires_at = after(seconds);
        std::fs::write(&file, format!(r#"{{"accessToken":"t","expiresAt":"{expires_at}"}}"#)).unwrap();
        assert_eq!(program.run(&["status"]).code, Some(code));
    }
    let help = program.run(&["status", "--help"]).ok();
    assert!(help.contains("expiring     3") && help.contains("signedOut    5"), "{help}");
}

#[test]
fn a_missing_region_is_253_and_says_how_to_set_it() {
    let said = run(&REGISTER).fails(253);
    assert!(said.contains("You must specify a region"), "{said}");
    assert!(said.contains("--region") && said.contains("AWS_REGION"), "{said}");
}

#[test]
fn a_configuration_that_cannot_be_used_is_253() {
    let said = run(&register_at("http://sso.example.com")).fails(253);
    assert!(said.contains("unencrypted") && said.contains("--allow-insecure-http"), "{said}");
    assert!(run(&register_at("nonsense")).fails(253).contains("nonsense"));
    assert!(run(&[&REGISTER[..], &["--region", "no region"]].concat()).fails(253).contains("no region"));
    let said =
        run(&[&REGISTER[..], &["--region", "us-east-1", "--ca-bundle", "/nope.pem"]].concat()).fails(253);
    assert!(said.contains("/nope.pem") && said.contains(&common::no_such_file()), "{said}");
    let broken = Program::new().config("[default\n");
    assert!(broken.run(&REGISTER).fails(253).contains("config"));
    let format = Program::new().var("AWS_DEFAULT_OUTPUT", "xml");
    assert!(format.run(&[&REGISTER[..], &["--region", "us-east-1"]].concat()).fails(253).contains("xml"));
}

#[test]
fn a_fault_is_254_with_the_aws_clis_sentence_the_request_id_and_a_hint() {
    let stub = Stub::always(fault(400, "InvalidGrantException", "invalid_grant", "Invalid grant provided"));
    assert_eq!(
        run(&create_at(&stub.endpoint)).fails(254),
        "sso-oidc: [ERROR]: An error occurred (InvalidGrantException) when calling the CreateToken operation: \
         Invalid grant provided\n\
         Request id: request-2\n\
         Hint: the code or refresh token is unknown, used, expired or from another client; sign in again\n"
    );
    assert_eq!(stub.bodies().len(), 1);
}

#[test]
fn every_known_fault_is_254_and_the_usual_ones_have_a_hint() {
    for (status, exception, error, hint) in [
        (400, "AuthorizationPendingException", "authorization_pending", "the code is not approved yet"),
        (400, "SlowDownException", "slow_down", "5 seconds longer"),
        (400, "ExpiredTokenException", "expired_token", "start again"),
        (400, "AccessDeniedException", "access_denied", "denied"),
        (401, "InvalidClientException", "invalid_client", "may have expired"),
        (400, "UnauthorizedClientException", "unauthorized_client", "--grant-types"),
        (400, "UnheardOfException", "unheard_of", ""),
    ] {
        let stub = Stub::always(fault(status, exception, error, "words"));
        let said = run(&create_at(&stub.endpoint)).fails(254);
        assert!(said.contains(&format!("({exception})")) && said.contains(hint), "{said}");
        assert_eq!(stub.bodies().len(), 1, "{exception} must not be repeated");
    }
}

#[test]
fn no_verdict_is_255_and_says_which() {
    for (answer, said_of_it) in [
        (
            response(502, &[("content-type", "text/html")], "<html>bad gateway</html>"),
            "502 with an HTML page",
        ),
        (response(200, &[], ""), "200 with an empty body"),
        (response(200, &[], r#"{"clientId":"#), "a truncated body"),
        (response(429, &[("retry-after", "120")], ""), "retry after 120 s"),
        (response(302, &[("location", "https://elsewhere/")], ""), "redirect"),
    ] {
        let stub = Stub::always(answer);
        let said = once().run(&register_at(&stub.endpoint)).fails(255);
        assert!(said.contains("The service gave no usable response to RegisterClient"), "{said}");
        assert!(said.contains(said_of_it), "{said}");
    }
}

#[test]
fn a_success_without_what_it_must_have_is_255_and_names_the_member() {
    let stub = Stub::always(success(r#"{"tokenType":"Bearer","expiresIn":3600}"#));
    let said = run(&create_at(&stub.endpoint)).fails(255);
    assert!(said.contains("`accessToken`"), "{said}");
    assert_eq!(stub.bodies().len(), 1, "a broken success must not be repeated");
}

#[test]
fn an_unreachable_service_is_255() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let said = once().run(&register_at(&endpoint)).fails(255);
    assert!(
        said.contains(&format!("Could not connect to the endpoint URL: \"{endpoint}/client/register\"")),
        "{said}"
    );
}

#[test]
fn a_service_that_hangs_is_255_after_the_read_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let began = std::time::Instant::now();
    let said = once().run(&[&register_at(&endpoint)[..], &["--cli-read-timeout", "1"]].concat()).fails(255);
    assert!(said.contains("was lost before the response"), "{said}");
    assert!(began.elapsed() < std::time::Duration::from_secs(30), "the time to connect does not count");
}

#[test]
fn an_unreadable_file_and_an_unknown_profile_are_255() {
    let said = run(&["create-token", "--client-id", "i", "--client-secret", "file:///nope"]).fails(255);
    assert!(said.contains("--client-secret") && said.contains("/nope"), "{said}");
    let said = run(&[&REGISTER[..], &["--profile", "nope"]].concat()).fails(255);
    assert!(said.starts_with("sso-oidc: [ERROR]: The config profile (nope) could not be found\n"), "{said}");
}

#[test]
fn a_request_without_an_answer_is_repeated() {
    let registration = success(r#"{"clientId":"cid","clientSecret":"csec","clientSecretExpiresAt":1}"#);
    let stub = Stub::new(&[response(503, &[], ""), response(500, &[], "<html>"), registration]);
    assert_eq!(run(&register_at(&stub.endpoint)).json()["clientId"], "cid");
    assert_eq!(stub.bodies().len(), 3);
    let stub = Stub::always(fault(500, "InternalServerException", "server_error", "sorry"));
    let program = Program::new().var("AWS_MAX_ATTEMPTS", "2");
    assert!(program.run(&register_at(&stub.endpoint)).fails(254).contains("InternalServerException"));
    assert_eq!(stub.bodies().len(), 2);
}

#[test]
fn a_service_that_asks_for_a_long_wait_is_not_waited_for() {
    let stub = Stub::always(response(429, &[("retry-after", "120")], ""));
    let said = run(&register_at(&stub.endpoint)).fails(255);
    assert!(said.contains("retry after 120 s"), "{said}");
    assert_eq!(stub.bodies().len(), 1);
}

#[test]
fn a_refresh_that_may_have_been_acted_on_is_not_repeated() {
    let stub = Stub::always(response(502, &[], "<html>"));
    let mut arguments = vec!["create-token", "--client-id", "i", "--client-secret", "s"];
    arguments.extend([
        "--grant-type",
        "refresh_token",
        "--refresh-token",
        "r",
        "--endpoint-url",
        &stub.endpoint,
    ]);
    let said = run(&arguments).fails(255);
    assert!(said.contains("may be spent"), "{said}");
    assert_eq!(stub.bodies().len(), 1);
}

#[cfg(unix)]
#[test]
fn ctrl_c_is_130_without_a_word() {
    use std::io::Read as _;

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let child = Program::new().command(&register_at(&endpoint)).spawn().unwrap();
    // The program installs its signal handler before it connects.
    let (mut connection, _) = silent.accept().unwrap();
    assert!(connection.read(&mut [0; 1]).unwrap() > 0);
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let mut child = Program::new().command(&["create-token", "--generate-cli-skeleton"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &[][..]));
}

#[test]
fn a_file_in_the_home_directory_is_found_by_its_short_name() {
    let stub = Stub::always(success(r#"{"accessToken":"at","expiresIn":3600,"tokenType":"Bearer"}"#));
    let program = Program::new();
    program.file("secret", "from a file\n");
    let mut arguments = create_at(&stub.endpoint);
    let secret = arguments.iter().position(|argument| *argument == "s").unwrap();
    arguments[secret] = "file://~/secret";
    program.run(&arguments).ok();
    assert!(stub.bodies()[0].contains("from a file"), "{:?}", stub.bodies());
}
