//! `login` at providers whose endpoints come from flags: rejected flags, and the requests.

mod common;

use common::{Program, Stub};

/// Creates a provider with these responses to the two requests, and the command line for its endpoints.
fn told(device: (u16, &str, &str), token: (u16, &str, &str)) -> (Stub, Vec<String>) {
    let answer = |(status, content_type, body): (u16, &str, &str)| {
        common::response(status, &[("content-type", content_type)], body)
    };
    let stub = Stub::new(&[answer(device), answer(token)]);
    let endpoints = vec![
        "login".to_owned(),
        "--device-authorization-endpoint".to_owned(),
        format!("{}/device", stub.endpoint),
        "--token-endpoint".to_owned(),
        format!("{}/token", stub.endpoint),
        "--client-id".to_owned(),
        "tool".to_owned(),
        "--no-browser".to_owned(),
        "--show-token".to_owned(),
    ];
    (stub, endpoints)
}

const JSON: &str = "application/json";

#[test]
fn a_plain_refusal_ends_at_once_with_its_words_and_a_hint_of_its_class() {
    for (status, content_type, body, words, hint) in [
        (
            400,
            "text/html",
            "<p>The flow is disabled for the client.</p>",
            "The flow is disabled",
            "device code grant",
        ),
        (
            401,
            "text/plain",
            "Invalid IAP credentials: empty token",
            "Invalid IAP credentials",
            "--client-auth",
        ),
        (403, JSON, r#"{"detail":"No seat"}"#, "No seat", "may not use the device flow"),
        (404, "text/html", "<h1>Not Found here</h1>", "Not Found here", "no such endpoint"),
        (405, JSON, "", "HTTP 405", "no such endpoint"),
        (
            422,
            JSON,
            r#"{"detail":[{"loc":["body","client_id"],"msg":"field required"}]}"#,
            "field required",
            "device code grant",
        ),
    ] {
        let (stub, line) = told((status, content_type, body), (200, JSON, "{}"));
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let stderr = Program::new().run(&line).fails(255);
        assert!(stderr.contains(words) && stderr.contains(hint), "{status}: {stderr}");
        assert!(!stderr.contains("check the network"), "{status}: {stderr}");
        assert_eq!(stub.bodies().len(), 1, "{status}: it is asked once");
    }
}

#[test]
fn the_printed_token_keeps_what_the_provider_added() {
    let codes = r#"{"device_code":"dc","user_code":"A","verification_uri":"https://id.example/d","expires_in":60,"interval":0}"#;
    let token = r#"{"instance_url":"https://eu7.example/","access_token":"at","account":{"ids":[1,"a\u001bb",true]},"code":null,
        "token_type":"Bearer","region":"eu","client_id":"not ours"}"#;
    let (_stub, line) = told((200, JSON, codes), (200, JSON, token));
    let line: Vec<&str> = line.iter().map(String::as_str).collect();
    let stdout = Program::new().run(&line).ok();
    assert!(!stdout.contains('\u{1b}'), "{stdout:?}");
    let printed: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let expected = serde_json::json!({
        "access_token": "at", "token_type": "Bearer", "instance_url": "https://eu7.example/", "region": "eu",
        "account": {"ids": [1, "a\u{1b}b", true]},
    });
    assert_eq!(printed, expected);
}

#[test]
fn further_parameters_and_pkce_go_with_both_requests_and_reserved_names_are_refused() {
    let codes = r#"{"device_code":"dc","user_code":"A","verification_uri":"https://id.example/d","expires_in":60,"interval":0}"#;
    let token = r#"{"access_token":"at","token_type":"Bearer","scope":"a,b"}"#;
    let (stub, mut line) = told((200, JSON, codes), (200, JSON, token));
    let more = [
        "--pkce",
        "--audience",
        "https://api.example/",
        "--resource",
        "https://a.example/",
        "--resource",
        "https://b.example/",
        "--param",
        "tenant=a=b",
        "--scope",
        "a",
        "b",
    ];
    line.extend(more.map(str::to_owned));
    let line: Vec<&str> = line.iter().map(String::as_str).collect();
    let run = Program::new().run(&line);
    assert!(!run.stderr.contains("WARNING"), "{run:?}");
    run.ok();
    let bodies = stub.bodies();
    for body in &bodies {
        for pair in
            ["audience=https%3A%2F%2Fapi.example%2F", "resource=https%3A%2F%2Fb.example%2F", "tenant=a%3Db"]
        {
            assert!(body.contains(pair), "{pair} in {body}");
        }
    }
    assert!(
        bodies[0].contains("code_challenge_method=S256") && bodies[1].contains("code_verifier="),
        "{bodies:?}"
    );
    for alone in [&["--pkce"][..], &["--audience", "x"], &["--resource", "x"], &["--param", "a=b"]] {
        let url = "https://d-1234567890.awsapps.com/start";
        let line = [&["login", "--start-url", url, "--region", "eu-west-1"], alone].concat();
        assert!(Program::new().run(&line).fails(252).contains("need --issuer"));
    }
    for bad in ["client_id=x", "scope=x", "=x", "x=", "x"] {
        let mut line: Vec<&str> =
            vec!["login", "--issuer", "https://id.example", "--show-token", "--client-id", "tool"];
        line.extend(["--param", bad]);
        Program::new().run(&line).fails(252);
    }
}
