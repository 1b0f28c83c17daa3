//! Secrets from files, standard input and the environment, which never appear in messages or logs.

mod common;

use common::{DEVICE_CODE, Program, Stub, fault, response, success};

const TOKEN: &str = r#"{"accessToken":"SENTINEL-access","expiresIn":3600,"refreshToken":"SENTINEL-refresh"}"#;

fn sent(stub: &Stub, member: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(stub.bodies().last().unwrap()).unwrap();
    body[member].as_str().unwrap().to_owned()
}

/// Runs `create-token` at this endpoint with these flags.
fn create<'a>(endpoint: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["create-token", "--client-id", "i", "--grant-type", DEVICE_CODE];
    arguments.extend(["--endpoint-url", endpoint]);
    arguments.extend(more);
    arguments
}

#[test]
fn a_secret_comes_from_a_file_from_standard_input_or_from_the_environment() {
    let stub = Stub::always(success(TOKEN));
    let program = Program::new().stdin("from-stdin\n").var("SSO_OIDC_DEVICE_CODE", "from-env");
    let path = program.file("secret", "from-file\n");
    let url = format!("file://{path}");
    for (flags, expected) in [
        (["--client-secret", "itself"], "itself"),
        (["--client-secret", url.as_str()], "from-file"),
        (["--client-secret", "-"], "from-stdin"),
        (["--client-secret-file", path.as_str()], "from-file"),
        (["--client-secret-file", "-"], "from-stdin"),
        (["--client-secret", "-starts-with-a-hyphen"], "-starts-with-a-hyphen"),
    ] {
        program.run(&create(&stub.endpoint, &flags)).ok();
        assert_eq!(sent(&stub, "clientSecret"), expected);
        assert_eq!(sent(&stub, "deviceCode"), "from-env");
    }
}

#[test]
fn a_flag_wins_over_the_json_and_the_json_over_the_environment() {
    let stub = Stub::always(success(TOKEN));
    let program = Program::new()
        .var("SSO_OIDC_CLIENT_SECRET", "env")
        .var("SSO_OIDC_DEVICE_CODE", "env")
        .stdin(r#"{"clientSecret":"json","deviceCode":"json"}"#);
    program.run(&create(&stub.endpoint, &["--cli-input-json", "-", "--device-code", "flag"])).ok();
    assert_eq!(sent(&stub, "clientSecret"), "json");
    assert_eq!(sent(&stub, "deviceCode"), "flag");
    program.run(&create(&stub.endpoint, &[])).ok();
    assert_eq!(sent(&stub, "clientSecret"), "env");
}

#[test]
fn lists_take_spaces_commas_and_json_and_flags_win_over_the_json() {
    let stub = Stub::always(success(r#"{"clientId":"c","clientSecret":"s","clientSecretExpiresAt":1}"#));
    let scopes = |flags: &[&str]| {
        let mut arguments = vec!["register-client", "--endpoint-url", &stub.endpoint, "--cli-input-json"];
        arguments.push(
            r#"{"clientName":"n","clientType":"public","scopes":["json"],"redirectUris":["http://h/a,b"]}"#,
        );
        arguments.extend(flags);
        Program::new().run(&arguments).ok();
        let body: serde_json::Value = serde_json::from_str(stub.bodies().last().unwrap()).unwrap();
        assert_eq!(body["redirectUris"], serde_json::json!(["http://h/a,b"]));
        body["scopes"].clone()
    };
    assert_eq!(scopes(&[]), serde_json::json!(["json"]));
    assert_eq!(scopes(&["--scopes", "a", "b"]), serde_json::json!(["a", "b"]));
    assert_eq!(scopes(&["--scopes", "a,b"]), serde_json::json!(["a", "b"]));
    assert_eq!(scopes(&["--scopes", r#"["a","b"]"#]), serde_json::json!(["a", "b"]));
}

#[test]
fn bad_json_is_252_and_is_never_quoted() {
    let said = |json: &str| Program::new().run(&["create-token", "--cli-input-json", json]).fails(252);
    assert!(said(r#"{"bogus":1}"#).contains("unknown member \"bogus\""));
    for json in [r#"{"clientSecret":"SENTINEL"#, r#"{"clientSecret":["SENTINEL"]}"#, r#"["SENTINEL"]"#] {
        assert!(!said(json).contains("SENTINEL"), "{json}");
    }
}

#[test]
fn standard_input_can_be_asked_for_only_once() {
    let program = Program::new().stdin("x");
    let said = program
        .run(&create("http://127.0.0.1:1", &["--client-secret", "-", "--device-code", "-"]))
        .fails(252);
    assert!(said.contains("--client-secret") && said.contains("--device-code"), "{said}");
    let both = ["--client-secret", "a", "--client-secret-file", "b"];
    program.run(&create("http://127.0.0.1:1", &both)).fails(252);
}

#[test]
fn an_empty_secret_is_refused() {
    let said = Program::new().run(&create("http://127.0.0.1:1", &["--client-secret", "-"])).fails(252);
    assert!(said.contains("--client-secret is empty"), "{said}");
}

#[test]
fn no_secret_is_in_the_debug_log_or_in_an_error() {
    let flags = ["--client-secret", "SENTINEL-client", "--device-code", "SENTINEL-device", "--debug"];
    let good = Stub::always(success(TOKEN));
    let run = Program::new().run(&create(&good.endpoint, &flags));
    assert!(run.stderr.contains("CreateToken") && run.stderr.contains("status=200"), "{}", run.stderr);
    assert!(!run.stderr.contains("SENTINEL"), "{}", run.stderr);
    assert!(run.ok().contains("SENTINEL-access"));

    for answer in [
        fault(400, "InvalidGrantException", "invalid_grant", "no"),
        response(502, &[], "<html>SENTINEL-access</html>"),
        response(400, &[], r#"{"message":"no SENTINEL-device of SENTINEL-client"}"#),
        fault(400, "InvalidRequestException", "invalid_request", "no SENTINEL-device of SENTINEL-client"),
        success(r#"{"accessToken":"SENTINEL-access","#),
        String::new(),
    ] {
        let bad = Stub::always(answer);
        let run = Program::new().var("AWS_MAX_ATTEMPTS", "2").run(&create(&bad.endpoint, &flags));
        assert_ne!(run.code, Some(0));
        assert!(!run.stderr.contains("SENTINEL") && run.stdout.is_empty(), "{run:?}");
    }
}

#[test]
fn what_a_server_says_cannot_drive_the_terminal() {
    let evil = "no\u{1b}[2J\u{1b}]0;pwned\u{7}\u{9b}31m\u{202e}way\r\nout";
    let stub = Stub::always(fault(400, "Odd\tException", "invalid_grant", evil));
    let said = Program::new()
        .run(&create(&stub.endpoint, &["--client-secret", "s", "--device-code", "d"]))
        .fails(254);
    assert!(said.contains("no[2J]0;pwned31mway  out"), "{said:?}");
    assert!(said.chars().all(|c| c == '\n' || !c.is_control()), "{said:?}");

    let body = serde_json::json!({ "error": "access_denied", "reason": evil }).to_string();
    let stub = Stub::always(response(400, &[("x-amzn-errortype", "AccessDeniedException")], &body));
    let flags = ["--client-secret", "s", "--device-code", "d"];
    let said = Program::new().run(&create(&stub.endpoint, &flags)).fails(254);
    assert!(said.contains("Reason: no[2J]0;pwned31mway  out"), "{said:?}");
    assert!(said.chars().all(|c| c == '\n' || !c.is_control()), "{said:?}");

    let body = serde_json::json!({
        "deviceCode": "d", "userCode": evil, "verificationUri": evil, "expiresIn": 600,
    });
    let stub = Stub::always(success(&body.to_string()));
    for format in ["json", "text", "table", "yaml"] {
        let mut arguments = vec!["start-device-authorization", "--client-id", "i", "--client-secret", "s"];
        arguments.extend(["--start-url", "u", "--endpoint-url", &stub.endpoint, "--output", format]);
        let printed = Program::new().run(&arguments).ok();
        let safe = |c: char| matches!(c, '\n' | '\t') || !(c.is_control() || c == '\u{202e}');
        assert!(printed.chars().all(safe), "{format}: {printed:?}");
        if format == "json" {
            let back: serde_json::Value = serde_json::from_str(&printed).unwrap();
            assert_eq!(back["userCode"], evil, "JSON escapes without loss");
        }
    }
}
