//! `login --issuer`: providers other than AWS.

mod common;

use common::{Program, Stub, success};
use serde_json::{Value, json};
use sso_oidc_server::{Approval, Client, Config, Secret, TestServer};

fn server(approval: Approval) -> TestServer {
    let config =
        Config::default().with_approval(approval).with_interval(std::time::Duration::from_millis(200));
    let config = config.with_client(Client::public("tool"));
    TestServer::with(
        config
            .with_client(Client::new("confidential", Secret::from("s:e c")))
            .with_client_for(Client::public("bound"), ["read"]),
    )
    .unwrap()
}

/// Returns the command line of a sign-in to this issuer, with more flags.
fn login<'a>(issuer: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["login", "--issuer", issuer, "--no-browser", "--show-token"], more].concat()
}

fn paths(server: &TestServer) -> Vec<String> {
    server.requests().into_iter().map(|request| request.path).collect()
}

#[test]
fn a_provider_is_discovered_and_the_token_is_printed_in_oauths_words() {
    let server = server(Approval::AfterPolls(1));
    let program = Program::new();
    let run = program.run(&login(server.endpoint(), &["--client-id", "tool", "--scope", "openid", "email"]));
    assert!(run.stderr.contains("/device?user_code="), "{run:?}");
    assert!(
        run.stderr.contains(&format!("Signed in to {}; the token is valid for", server.endpoint())),
        "{run:?}"
    );
    assert!(!run.stderr.contains("WARNING"), "{run:?}");
    let token = run.json();
    let keys: Vec<&str> = token.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"]);
    assert_eq!(token["scope"], "openid email");
    assert!(!program.home.path().join(".aws").exists(), "AWS's cache is not for this");
    assert_eq!(
        paths(&server),
        ["/.well-known/openid-configuration", "/oauth/device_authorization", "/oauth/token", "/oauth/token"]
    );
}

#[test]
fn a_query_picks_from_the_token_and_a_wrong_one_is_found_before_anything_is_sent() {
    let server = server(Approval::Auto);
    let more = ["--client-id", "tool", "--query", "token_type", "--output", "text"];
    assert_eq!(Program::new().run(&login(server.endpoint(), &more)).ok(), "Bearer\n");
    let sent = server.requests().len();
    let one_without_another = "client_id && length(client_secret)";
    for query in ["abs(token_type)", "length(refresh_token)", "abs(expires_in)", one_without_another] {
        let more = ["--client-id", "tool", "--query", query];
        Program::new().run(&login(server.endpoint(), &more)).fails(252);
    }
    assert_eq!(server.requests().len(), sent);
}

#[test]
fn a_secret_comes_from_a_file_or_from_standard_input_and_goes_where_it_is_told() {
    let server = server(Approval::Auto);
    let program = Program::new().stdin("s:e c\n");
    let file = program.file("secret", "s:e c\n");
    let client = ["--client-id", "confidential"];
    for more in [
        &["--client-secret-file", &file][..],
        &["--client-secret-file", &file, "--client-auth", "basic"],
        &["--client-secret-file", &file, "--client-auth", "post"],
        &["--client-secret", "-"],
    ] {
        let token = program.run(&login(server.endpoint(), &[&client, more].concat())).json();
        assert!(token["access_token"].is_string(), "{more:?}");
        assert_eq!(token.get("client_secret"), None, "who has a secret needs not be told");
    }
    let more = ["--client-secret-file", &file, "--scope", "openid", "--debug"];
    let run = program.run(&login(server.endpoint(), &[&client[..], &more].concat()));
    assert!(run.stderr.contains("DEBUG"), "{run:?}");
    let said = run.stderr.clone();
    let token = run.json();
    for secret in ["s:e c", token["access_token"].as_str().unwrap(), token["refresh_token"].as_str().unwrap()]
    {
        assert!(!said.contains(secret), "{said}");
    }
    let stderr = Program::new().run(&login(server.endpoint(), &client)).fails(254);
    assert!(stderr.contains("refused to issue a code: invalid_client"), "{stderr}");
    assert!(stderr.contains("Hint: check --client-id") && stderr.contains("--client-auth"), "{stderr}");
}

#[test]
fn a_secret_goes_into_the_body_if_the_provider_takes_it_nowhere_else() {
    let post = r#"["client_secret_post"]"#;
    for (methods, flag, in_body) in [
        (post, &[][..], true),
        (r#"["client_secret_post","client_secret_basic"]"#, &[], false),
        ("[]", &[], false),
        (post, &["--client-auth", "basic"], false),
    ] {
        let stub =
            provider(&format!(r#","token_endpoint_auth_methods_supported":{methods}"#), &[DEVICE, TOKEN]);
        let client = ["--client-id", "c", "--client-secret", "hunter2"];
        Program::new().run(&login(&stub.endpoint, &[&client, flag].concat())).ok();
        assert_eq!(stub.bodies()[1].contains("client_secret=hunter2"), in_body, "{methods} {flag:?}");
    }
}

#[test]
fn without_a_client_id_a_client_is_registered_and_printed_with_its_token() {
    let server = server(Approval::Auto);
    let token = Program::new()
        .run(&login(server.endpoint(), &["--scope", "read", "--client-name", "my tool"]))
        .json();
    assert!(token["client_id"].is_string() && token.get("client_secret").is_none(), "{token}");
    assert_eq!(token["scope"], "read");
    assert!(paths(&server).contains(&"/oauth/register".to_owned()));
}

#[test]
fn a_provider_that_registers_no_client_wants_a_client_id() {
    let stub = provider("", &[]);
    let stderr = Program::new().run(&login(&stub.endpoint, &[])).fails(253);
    assert!(
        stderr.contains("does not allow programs to register a client") && stderr.contains("--client-id"),
        "{stderr}"
    );
    assert_eq!(stub.bodies().len(), 1, "nothing was sent but the question for the metadata");
}

#[test]
fn a_token_that_would_go_nowhere_is_not_asked_for() {
    let server = server(Approval::Auto);
    let stderr =
        Program::new().run(&["login", "--issuer", server.endpoint(), "--client-id", "tool"]).fails(252);
    assert!(stderr.contains("--show-token"), "{stderr}");
    assert_eq!(server.requests(), []);
}

#[test]
fn flags_of_a_provider_and_of_a_portal_do_not_mix() {
    for line in [
        &["login", "--client-id", "x", "--start-url", "https://x.awsapps.com/start"][..],
        &["login", "--client-auth", "post"],
        &["login", "--issuer", "https://id.example", "--start-url", "https://x.awsapps.com/start"],
        &["login", "--issuer", "https://id.example", "--if-needed", "--show-token"],
        &["login", "--issuer", "https://id.example", "--lock-timeout", "5", "--show-token"],
        &["login", "--issuer", "https://id.example", "--force", "--show-token"],
        &["login", "--issuer", "https://id.example", "--client-secret", "s", "--show-token"],
        &["login", "--token-endpoint", "https://id.example/t", "--client-id", "x", "--show-token"],
    ] {
        Program::new().run(line).fails(252);
    }
    let stderr = Program::new().run(&login("http://id.example", &["--client-id", "x"])).fails(253);
    assert!(stderr.contains("unencrypted"), "{stderr}");
}

#[test]
fn a_denied_sign_in_ends_with_254_and_an_expired_code_with_255() {
    let denied = server(Approval::Deny);
    let stderr = Program::new().run(&login(denied.endpoint(), &["--client-id", "tool"])).fails(254);
    assert!(stderr.contains("[ERROR]: The sign-in was denied"), "{stderr}");
    let expired = server(Approval::Expire);
    let stderr = Program::new().run(&login(expired.endpoint(), &["--client-id", "tool"])).fails(255);
    assert!(stderr.contains("[ERROR]: The code has expired"), "{stderr}");
}

#[test]
fn a_scope_that_the_client_may_not_have_is_said_so() {
    let server = server(Approval::Auto);
    let stderr = Program::new()
        .run(&login(server.endpoint(), &["--client-id", "bound", "--scope", "admin"]))
        .fails(254);
    assert!(stderr.contains("invalid_scope") && stderr.contains("Hint: check --scope"), "{stderr}");
}

/// A stub provider whose metadata names itself.
fn provider(members: &str, then: &[&str]) -> Stub {
    Stub::naming_itself(|endpoint| {
        let metadata = format!(
            r#"{{"issuer":"{endpoint}","device_authorization_endpoint":"{endpoint}/d","token_endpoint":"{endpoint}/t"{members}}}"#
        );
        [metadata.as_str()].iter().chain(then).map(|body| success(body)).collect()
    })
}

const DEVICE: &str = r#"{"device_code":"d","user_code":"ABCD","verification_uri":"https://id.example/d","expires_in":60,"interval":1}"#;
const MORE: &str = r#"{"access_token":"a","token_type":"bearer","scope":"openid email"}"#;
const TOKEN: &str = r#"{"access_token":"a","token_type":"bearer","scope":"openid"}"#;

#[test]
fn a_scope_other_than_asked_for_is_a_warning_and_a_life_that_is_not_said_is_not_made_up() {
    let granted = |scopes: &[&str]| {
        let stub = provider("", &[DEVICE, TOKEN]);
        let run = Program::new().run(&login(&stub.endpoint, &[&["--client-id", "c"], scopes].concat()));
        assert!(run.stderr.contains("the provider gave no expiry for the token"), "{run:?}");
        let stderr = run.stderr.clone();
        assert_eq!(run.json(), json!({"access_token": "a", "token_type": "bearer", "scope": "openid"}));
        stderr
    };
    let less = granted(&["--scope", "openid email"]);
    assert!(
        less.contains(
            "[WARNING]: the requested scopes were `openid email`, but the provider granted `openid`"
        ),
        "{less}"
    );
    let other = granted(&["--scope", "email"]);
    assert!(other.contains("provider granted `openid`"), "{other}");
    assert!(!granted(&["--scope", "openid"]).contains("WARNING"));
    assert!(granted(&[]).contains("Granted scopes: openid."));
    let stub = provider("", &[DEVICE, MORE]);
    let run = Program::new().run(&login(&stub.endpoint, &["--client-id", "c", "--scope", "openid"]));
    assert!(run.stderr.contains("provider granted `openid email`"), "{run:?}");
}

#[test]
fn endpoints_can_be_given_by_hand_one_or_both() {
    let stub = Stub::new(&[DEVICE, TOKEN].map(success));
    let (device, token) = (format!("{}/d", stub.endpoint), format!("{}/t", stub.endpoint));
    let both = ["--device-authorization-endpoint", &device, "--token-endpoint", &token];
    let line = [&["login", "--show-token", "--no-browser", "--client-id", "c"], &both[..]].concat();
    let found: Value = Program::new().run(&line).json();
    assert_eq!(found["access_token"], "a");
    assert_eq!(stub.bodies().len(), 2, "no metadata was asked for");

    let silent = Stub::naming_itself(|endpoint| {
        let metadata = format!(r#"{{"issuer":"{endpoint}","token_endpoint":"{endpoint}/t"}}"#);
        [metadata.as_str(), DEVICE, TOKEN].map(success).to_vec()
    });
    let device = format!("{}/d", silent.endpoint);
    let more = ["--client-id", "c", "--device-authorization-endpoint", &device];
    Program::new().run(&login(&silent.endpoint, &more)).ok();
}

/// Runs a sign-in to this stub with more flags, asserts its exit code and returns standard error.
fn refused(stub: &Stub, code: i32, more: &[&str]) -> String {
    Program::new().run(&login(&stub.endpoint, &[&["--client-id", "c"], more].concat())).fails(code)
}

#[test]
fn a_provider_that_does_not_say_what_is_needed_is_told_which_flag_says_it() {
    let says = |members: &'static str| {
        Stub::naming_itself(move |endpoint| {
            vec![success(&format!(r#"{{"issuer":"{endpoint}"{}}}"#, members.replace("SELF", endpoint)))]
        })
    };
    let neither = refused(&says(""), 253, &[]);
    assert!(neither.contains("no `device_authorization_endpoint`"), "{neither}");
    assert!(
        neither.contains("pass both with --device-authorization-endpoint and --token-endpoint"),
        "{neither}"
    );
    let no_device = refused(&says(r#","token_endpoint":"SELF/t""#), 253, &[]);
    assert!(no_device.contains("Hint: pass it with --device-authorization-endpoint"), "{no_device}");
    let no_token = refused(&says(r#","device_authorization_endpoint":"SELF/d""#), 253, &[]);
    assert!(no_token.contains("Hint: pass it with --token-endpoint"), "{no_token}");
    let relative = r#","device_authorization_endpoint":"SELF/d","token_endpoint":"/t""#;
    let relative = refused(&says(relative), 253, &[]);
    assert!(relative.contains("`/t` is not an absolute http or https URL"), "{relative}");
    let plain = ["--device-authorization-endpoint", "http://id.example/d"];
    let stub = says("");
    let plain = refused(&stub, 253, &plain);
    assert!(plain.contains("unencrypted") && stub.bodies().is_empty(), "{plain}");
}

#[test]
fn a_provider_without_metadata_is_told_apart_from_one_that_does_not_give_them() {
    let says = |status, headers: &[(&str, &str)], body: &str| {
        refused(&Stub::always(common::response(status, headers, body)), 255, &[])
    };
    for status in [404, 410, 400] {
        let none = says(status, &[], "nothing");
        assert!(none.contains(&format!("has no metadata (HTTP {status})")), "{none}");
        assert!(none.contains("--token-endpoint, and --device-authorization-endpoint or"), "{none}");
    }
    let not_allowed = says(403, &[], "<html>");
    assert!(not_allowed.contains("does not allow access to its metadata (HTTP 403)"), "{not_allowed}");
    let busy = says(429, &[("retry-after", "3600")], "");
    assert!(busy.contains("did not give its metadata (HTTP 429)"), "{busy}");
    assert!(busy.contains("too many requests") && busy.contains("3600 s"), "{busy}");
    let failed = says(503, &[("retry-after", "3600")], "<html>");
    assert!(failed.contains("did not give its metadata (HTTP 503)"), "{failed}");
    assert!(failed.contains("Hint: the provider, or a gateway in front of it, failed"), "{failed}");
    let page = says(200, &[], "<!doctype html><title>Log in</title>");
    assert!(page.contains("an HTML page") && page.contains("from a login, a proxy"), "{page}");
    let packed = says(200, &[("content-encoding", "gzip")], "\u{1f}...");
    assert!(packed.contains("compressed (`gzip`)"), "{packed}");
    let list = says(200, &[], "[]");
    assert!(list.contains("JSON that is not an object"), "{list}");
    let moved = says(302, &[("location", "http://id.example/log\u{202e}in?ticket=s3cr3t")], "");
    assert!(moved.contains("http://id.example/login`") && !moved.contains("s3cr3t"), "{moved}");
    let moved = says(302, &[("location", "http://ada:s3cr3t@id.example/login?ticket=s3cr3t")], "");
    assert!(moved.contains("redirects to `http://id.example/login`, which is not followed"), "{moved}");
    assert!(!moved.contains("s3cr3t") && moved.contains("pass its https URL with --issuer"), "{moved}");
    let circle = says(302, &[("location", "")], "");
    assert!(circle.contains("it causes a redirect loop") && !circle.contains("--issuer"), "{circle}");
    for said in [&busy, &failed, &page, &packed, &list, &moved] {
        assert!(!said.contains("has no metadata"), "{said}");
    }
}

#[test]
fn another_issuers_name_comes_with_a_hint_that_works_when_it_is_followed() {
    let says = |issuer: &str| {
        let body = format!(
            r#"{{"issuer":"{issuer}","device_authorization_endpoint":"https://evil.example/d","token_endpoint":"https://evil.example/t"}}"#
        );
        refused(&Stub::always(success(&body)), 255, &[])
    };
    let other = says("https://evil.example");
    assert!(other.contains("is for another issuer, https://evil.example"), "{other}");
    assert!(other.contains("pass --issuer https://evil.example"), "{other}");
    let entra = says("https://login.example/{tenantid}/v2.0");
    assert!(
        entra.contains("your tenant's id in place of {tenantid}") && entra.contains("--token-endpoint"),
        "{entra}"
    );
    for unusable in ["http://id.example", "https://b\u{fc}cher.example", "id.example"] {
        let other = says(unusable);
        assert!(!other.contains(&format!("--issuer {unusable}")), "{other}");
        assert!(other.contains("--token-endpoint, and --device-authorization-endpoint or"), "{other}");
    }
}

#[test]
fn an_issuer_that_cannot_be_asked_is_refused_with_what_to_write_instead() {
    let says = |issuer: &str| Program::new().run(&login(issuer, &["--client-id", "c"])).fails(253);
    let placeholder = says("https://login.example/{tenantid}/v2.0");
    assert!(placeholder.contains("contains the placeholder `{tenantid}`"), "{placeholder}");
    assert!(
        placeholder.contains("your tenant's id") && placeholder.contains("--token-endpoint"),
        "{placeholder}"
    );
    let letters = says("https://\u{e9}\u{e9}@b\u{fc}cher.example");
    assert!(letters.contains("user name"), "{letters}");
    let no_scheme = says("b\u{fc}cher.example");
    assert!(no_scheme.contains("is not an absolute http or https URL"), "{no_scheme}");
}

#[test]
fn an_international_host_name_is_asked_by_its_ascii_form() {
    // An issuer with a query is rejected before any request.
    let stderr =
        Program::new().run(&login("https://b\u{fc}cher.invalid/\u{e9}?x", &["--client-id", "c"])).fails(253);
    assert!(stderr.contains("`https://xn--bcher-kva.invalid/%C3%A9?x` must not have a query"), "{stderr}");
    let device = ["--client-id", "c", "--device-authorization-endpoint", "http://b\u{fc}cher.invalid/d"];
    let stderr = Program::new().run(&login("https://id.example", &device)).fails(253);
    assert!(stderr.contains("plain http to `xn--bcher-kva.invalid`"), "{stderr}");
}

#[test]
fn metadata_is_found_where_providers_put_them_and_by_their_own_url() {
    let whole = |endpoint: &str, issuer: &str| {
        success(&format!(
            r#"{{"issuer":"{issuer}","device_authorization_endpoint":"{endpoint}/d","token_endpoint":"{endpoint}/t"}}"#
        ))
    };
    let no = || common::response(404, &[], "nothing");
    for before in 0..4 {
        let stub = Stub::naming_itself(|endpoint| {
            let found = whole(endpoint, &format!("{endpoint}/o"));
            (0..before).map(|_| no()).chain([found, success(DEVICE), success(TOKEN)]).collect()
        });
        let issuer = format!("{}/o", stub.endpoint);
        Program::new().run(&login(&issuer, &["--client-id", "c"])).ok();
        assert_eq!(stub.bodies().len(), before + 3);
    }
    for path in ["/o/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/o/"] {
        let stub = Stub::naming_itself(|endpoint| {
            vec![whole(endpoint, &format!("{endpoint}/o")), success(DEVICE), success(TOKEN)]
        });
        Program::new().run(&login(&format!("{}{path}", stub.endpoint), &["--client-id", "c"])).ok();
        assert_eq!(stub.bodies().len(), 3, "one question was enough");
    }
}

#[test]
fn a_provider_that_is_down_for_a_moment_or_has_moved_its_metadata_is_signed_in_to() {
    let busy = common::response(503, &[("retry-after", "1")], "<html>");
    let moved = common::response(301, &[("location", "/index.php/metadata")], "");
    // The server closes the connection without a response.
    for first in [busy, moved, String::new()] {
        let stub = Stub::naming_itself(|endpoint| {
            let found = format!(
                r#"{{"issuer":"{endpoint}","device_authorization_endpoint":"{endpoint}/d","token_endpoint":"{endpoint}/t"}}"#
            );
            vec![first, success(&found), success(DEVICE), success(TOKEN)]
        });
        Program::new().run(&login(&stub.endpoint, &["--client-id", "c"])).ok();
    }
}

#[test]
fn a_provider_that_is_not_there_is_asked_for_as_long_as_at_registration() {
    let began = std::time::Instant::now();
    let stderr = Program::new().run(&login("http://127.0.0.1:1", &["--client-id", "c"])).fails(255);
    assert!(
        stderr.contains("No metadata from http://127.0.0.1:1: failed to get a response from"),
        "{stderr}"
    );
    assert!(stderr.to_lowercase().contains("refused"), "the cause is named: {stderr}");
    let took = began.elapsed().as_secs();
    assert!((14..32).contains(&took), "{took} s");
}
