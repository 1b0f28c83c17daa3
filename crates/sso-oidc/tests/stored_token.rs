//! `login` with a stored token and registration.

mod common;

use std::path::PathBuf;

use common::{LOGIN, Program, START_URL, edit, stored, token_file, with};
use oidc_proto::Operation;
use sso_oidc_server::{Approval, Config, Rotation, TestServer};

fn server(approval: Approval) -> TestServer {
    TestServer::with(Config::default().with_approval(approval).with_remembered_requests(1000)).unwrap()
}

fn program(endpoint: &str) -> Program {
    Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", endpoint)
}

#[test]
fn a_test_server_does_not_replace_the_real_services_token_unasked() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    program.run(&LOGIN).ok();
    // The file as AWS's tools write it after a sign-in to AWS.
    let file = token_file(&program);
    let mut real: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(real.as_object_mut().unwrap().remove("endpointUrl").unwrap(), server.endpoint());
    real["clientId"] = "a client that AWS's tools registered".into();
    std::fs::write(&file, real.to_string()).unwrap();
    let sent = server.requests().len();
    for more in [&[][..], &["--if-needed"]] {
        let stderr = program.run(&with(more)).fails(253);
        assert!(stderr.contains("it has no endpoint") && stderr.contains("--force"), "{stderr}");
    }
    assert_eq!(server.requests().len(), sent);
    program.run(&with(&["--no-cache", "--show-token"])).ok();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), real.to_string());

    // An unusable token may be replaced.
    real["expiresAt"] = "2020-01-01T00:00:00Z".into();
    std::fs::write(&file, real.to_string()).unwrap();
    program.run(&LOGIN).ok();
    real["expiresAt"] = "2999-01-01T00:00:00Z".into();
    std::fs::write(&file, real.to_string()).unwrap();
    program.run(&with(&["--force"])).ok();
    assert!(std::fs::read_to_string(&file).unwrap().contains(server.endpoint()));
}

#[test]
fn an_endpoint_is_the_same_however_it_is_spelled_and_the_regions_own_is_not_custom_when_it_is_named() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    program.run(&LOGIN).ok();
    let file = token_file(&program);
    let mut token: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    // The client has no registration here, so only the token has the endpoint.
    token["clientId"] = "another".into();
    let sent = server.requests().len();
    for (written, named, is_same) in [
        (None, "https://oidc.eu-west-1.amazonaws.com", true),
        (None, "https://OIDC.eu-west-1.amazonaws.com:443/", true),
        (None, "https://oidc-fips.eu-west-1.amazonaws.com", true),
        (None, "https://oidc.eu-west-1.api.aws", true),
        (None, "https://oidc.eu-west-2.amazonaws.com", false),
        (None, "https://oidc.eu-west-1.amazonaws.com/aws", false),
        (Some("https://proxy.example"), "https://PROXY.example:443/", true),
        (Some("https://proxy.example"), "https://proxy.example:8443", false),
    ] {
        token.as_object_mut().unwrap().remove("endpointUrl");
        if let Some(url) = written {
            token["endpointUrl"] = url.into();
        }
        std::fs::write(&file, token.to_string()).unwrap();
        // None of these sends a request: the token is valid, or must not be replaced.
        let run = program.run(&[&LOGIN[..], &["--if-needed", "--endpoint-url", named]].concat());
        let (code, said) = if is_same { (0, "Already signed in") } else { (253, "--force") };
        assert!(run.code == Some(code) && run.stderr.contains(said), "{named}: {run:?}");
    }
    assert_eq!(server.requests().len(), sent);
}

#[test]
fn a_registration_is_shown_to_the_endpoint_alone_that_made_it() {
    let (one, other) = (server(Approval::Auto), server(Approval::Auto));
    let home = Program::new();
    for endpoint in [one.endpoint(), other.endpoint(), one.endpoint()] {
        home.run(&[&LOGIN[..], &["--endpoint-url", endpoint]].concat()).ok();
    }
    for (server, sign_ins) in [(one, 2), (other, 1)] {
        let requests = server.requests();
        let asked =
            |operation| requests.iter().filter(|request| request.operation == Some(operation)).count();
        assert_eq!(asked(Operation::RegisterClient), 1);
        assert_eq!(asked(Operation::StartDeviceAuthorization), sign_ins);
        assert_eq!(requests.iter().filter_map(|request| request.error.as_deref()).next(), None);
    }
}

/// Runs a sign-in that waits for another one, which performs this action. Returns the result.
fn after_waiting(program: &Program, meanwhile: impl FnOnce(&PathBuf)) -> String {
    use std::io::{BufRead as _, Read as _};
    let file = token_file(program);
    let cache = sso_cache::Cache::at(file.parent().unwrap());
    let identity = sso_cache::Identity::StartUrl(START_URL.to_owned());
    let other = cache.lock_sign_in(&identity, std::time::Duration::ZERO).unwrap();
    let mut child = program.command(&LOGIN).spawn().unwrap();
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    assert!(said.contains("Another sign-in to") && said.contains("waiting for it"), "{said}");
    meanwhile(&file);
    drop(other);
    stderr.read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    said
}

#[test]
fn a_sign_in_that_has_waited_takes_a_token_that_is_new_and_no_old_one() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    program.run(&LOGIN).ok();
    let said = after_waiting(&program, |_| {});
    assert!(said.contains("Signed in to") && !said.contains("Already"), "the other one gave up: {said}");
    let said = after_waiting(&program, |file| {
        let mut stored: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        stored["accessToken"] = "another".into();
        std::fs::write(file, stored.to_string()).unwrap();
    });
    assert!(said.contains("Already signed in"), "{said}");
}

#[test]
fn a_token_with_fewer_scopes_than_are_asked_for_is_not_enough() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    let sign_in = |scopes: &[&'static str]| {
        let stderr = program.run(&with(&[&["--if-needed"], scopes].concat()));
        assert_eq!(stderr.code, Some(0), "{stderr:?}");
        stderr.stderr.contains("Already signed in")
    };
    assert!(!sign_in(&[]));
    assert!(!sign_in(&["--scopes", "sso:account:access"]), "the first has none");
    assert!(sign_in(&["--scopes", "sso:account:access"]));
    assert!(sign_in(&[]), "more than was asked for is enough");
    assert!(!sign_in(&["--scopes", "sso:account:access,codewhisperer:completions"]));
    assert!(sign_in(&["--scopes", "codewhisperer:completions"]));
}

/// Returns the number of requests for this operation.
fn asked(server: &TestServer, operation: Operation) -> usize {
    server.requests().iter().filter(|request| request.operation == Some(operation)).count()
}

/// Returns a program with an expired token and a refresh token, from a sign-in with a scope.
fn with_expired_token(server: &TestServer) -> Program {
    let program = program(server.endpoint());
    program.run(&with(&["--scopes", "sso:account:access"])).ok();
    edit(&program, |token| {
        token.insert("expiresAt".to_owned(), "2020-01-01T00:00:00Z".into());
    });
    program
}

/// Sets the expiry of the stored token to this many seconds from now.
fn expire_in(program: &Program, seconds: i64) {
    let cache = sso_cache::Cache::at(sso_cache::Cache::default_dir(program.home.path()));
    let identity = sso_cache::Identity::StartUrl(START_URL.to_owned());
    let mut token = cache.token(&identity).unwrap().unwrap();
    let now = oidc_proto::UnixSeconds::from(std::time::SystemTime::now());
    token.expires_at = oidc_proto::UnixSeconds::new(now.get() + seconds);
    cache.save_token(&identity, &token).unwrap();
}

const IF_NEEDED: [&str; 3] = ["--if-needed", "--scopes", "sso:account:access"];

#[test]
fn if_needed_refreshes_a_token_that_ends_and_asks_no_person() {
    // Each refresh returns another refresh token, so the test sees which one is stored.
    let config = Config::default().with_approval(Approval::Auto).with_remembered_requests(1000);
    let server = TestServer::with(config.with_rotation(Rotation::Strict)).unwrap();
    let program = with_expired_token(&server);
    for left in [-60, 600] {
        edit(&program, |token| drop(token.insert("theirs".to_owned(), "kept".into())));
        expire_in(&program, left);
        let (before, started) = (stored(&program), asked(&server, Operation::StartDeviceAuthorization));
        let run = program.run(&with(&IF_NEEDED));
        assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{run:?}");
        assert!(run.stderr.starts_with("Refreshed the token for"), "{run:?}");
        assert!(run.stderr.contains("it is valid for 1 h"), "{run:?}");
        assert_eq!(asked(&server, Operation::StartDeviceAuthorization), started);
        let after = stored(&program);
        for member in ["accessToken", "refreshToken", "expiresAt"] {
            assert_ne!(after[member], before[member], "{member}");
            assert!(!run.stderr.contains(after[member].as_str().unwrap()), "{member} in {run:?}");
        }
        for member in ["startUrl", "region", "clientId", "clientSecret", "theirs", "endpointUrl"] {
            assert_eq!(after[member], before[member], "{member}");
        }
        // The refreshed token makes a sign-in unnecessary.
        let run = program.run(&with(&IF_NEEDED));
        assert!(run.stderr.starts_with("Already signed in"), "{run:?}");
    }
    edit(&program, |token| drop(token.insert("expiresAt".to_owned(), "2020-01-01T00:00:00Z".into())));
    let printed = program.run(&with(&[&IF_NEEDED[..], &["--show-token"]].concat())).json();
    assert_eq!(printed["accessToken"], stored(&program)["accessToken"]);
}

#[test]
fn a_plain_login_signs_in_and_refreshes_nothing() {
    let server = server(Approval::Auto);
    let program = with_expired_token(&server);
    let run = program.run(&with(&["--scopes", "sso:account:access"]));
    assert!(run.stderr.contains("Signed in to"), "{run:?}");
    assert_eq!(asked(&server, Operation::StartDeviceAuthorization), 2);
}

#[test]
fn programs_that_refresh_together_spend_the_refresh_token_once() {
    let server = server(Approval::Auto);
    let program = with_expired_token(&server);
    let polls = asked(&server, Operation::CreateToken);
    let children: Vec<_> = (0..6).map(|_| program.command(&with(&IF_NEEDED)).spawn().unwrap()).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(asked(&server, Operation::CreateToken), polls + 1);
    assert_eq!(asked(&server, Operation::StartDeviceAuthorization), 1);
}

#[test]
fn a_person_is_asked_when_the_token_cannot_be_refreshed_and_told_why() {
    let server = server(Approval::Auto);
    let program = with_expired_token(&server);
    let expired = stored(&program);
    for (change, why) in [
        (("refreshToken", "unknown".into()), "it has expired, and the service rejected the refresh ("),
        (("refreshToken", serde_json::Value::Null), "it has expired, and there is no refresh token."),
        (
            ("registrationExpiresAt", "2020-01-01T00:00:00Z".into()),
            "it has expired, and the registration of its client is missing or has expired.",
        ),
    ] {
        let started = asked(&server, Operation::StartDeviceAuthorization);
        edit(&program, |token| {
            token.clone_from(expired.as_object().unwrap());
            token.insert(change.0.to_owned(), change.1);
        });
        let run = program.run(&with(&IF_NEEDED));
        assert_eq!(run.code, Some(0), "{run:?}");
        let said = format!("The stored token for {START_URL} cannot be used: {why}");
        assert!(run.stderr.starts_with(&said) && run.stderr.contains("Signed in to"), "{said}: {run:?}");
        assert!(!run.stderr.contains("Refreshed"), "{run:?}");
        assert_eq!(asked(&server, Operation::StartDeviceAuthorization), started + 1);
    }
}

#[test]
fn without_an_answer_a_token_that_is_still_good_is_used_and_an_expired_one_is_not() {
    let server = server(Approval::Auto);
    let program = with_expired_token(&server).var("AWS_MAX_ATTEMPTS", "1");
    let busy = common::response(503, &[], "busy");
    let stub = common::Stub::always(busy);
    let at_stub = [&with(&IF_NEEDED)[..], &["--endpoint-url", &stub.endpoint]].concat();
    // The token now claims to come from that server.
    edit(&program, |token| drop(token.insert("endpointUrl".to_owned(), stub.endpoint.as_str().into())));
    expire_in(&program, 300);
    let run = program.run(&at_stub);
    assert_eq!((run.code, stub.bodies().len()), (Some(0), 1), "{run:?}");
    assert!(run.stderr.contains("[WARNING]: the token could not be refreshed: "), "{run:?}");
    assert!(run.stderr.contains("Already signed in to"), "{run:?}");
    assert!(stub.bodies()[0].contains("refresh_token"));

    expire_in(&program, -1);
    let expired = stored(&program);
    let run = program.run(&at_stub);
    assert_eq!(run.code, Some(255), "{run:?}");
    assert!(run.stderr.contains("The service gave no usable response to CreateToken: HTTP 503"), "{run:?}");
    assert_eq!(stub.bodies().len(), 2, "the session may be good, so no sign-in is begun");
    assert_eq!(stored(&program), expired);
}

#[test]
fn a_token_that_another_tool_refreshed_meanwhile_is_used_after_a_refusal() {
    let server = server(Approval::Auto);
    let program = with_expired_token(&server);
    // Another tool, which takes no lock, uses the refresh token just before.
    let file = token_file(&program);
    let spend = move || {
        let mut newer: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        newer["accessToken"] = "newer".into();
        newer["expiresAt"] = "2999-01-01T00:00:00Z".into();
        std::fs::write(&file, newer.to_string()).unwrap();
    };
    let refusal =
        common::fault(400, "InvalidGrantException", "invalid_grant", "Invalid refresh token provided");
    let stub = common::Stub::meanwhile(refusal, spend);
    edit(&program, |token| drop(token.insert("endpointUrl".to_owned(), stub.endpoint.as_str().into())));
    let run = program.run(&[&with(&IF_NEEDED)[..], &["--endpoint-url", &stub.endpoint]].concat());
    assert_eq!((run.code, stub.bodies().len()), (Some(0), 1), "{run:?}");
    assert!(run.stderr.starts_with("Already signed in"), "{run:?}");
}

#[test]
fn a_token_of_another_region_or_partition_is_not_enough_and_both_are_named() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    program.run(&LOGIN).ok();
    for region in ["us-east-1", "cn-north-1", "us-gov-west-1"] {
        edit(&program, |token| drop(token.insert("region".to_owned(), region.into())));
        let run = program.run(&with(&["--if-needed"]));
        let why = format!("it is for region {region}, not for eu-west-1.");
        assert!(run.code == Some(0) && run.stderr.contains(&why), "{run:?}");
        assert!(run.stderr.contains("Signed in to"), "{run:?}");
        assert_eq!(stored(&program)["region"], "eu-west-1");
    }
}

#[test]
fn a_sign_in_that_has_waited_takes_no_token_of_another_region() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    program.run(&LOGIN).ok();
    let said = after_waiting(&program, |_| {
        edit(&program, |token| {
            token.insert("accessToken".to_owned(), "another".into());
            token.insert("region".to_owned(), "us-east-1".into());
        });
    });
    assert!(said.contains("it is for region us-east-1, not for eu-west-1."), "{said}");
    assert!(said.contains("Signed in to") && !said.contains("Already"), "{said}");
}

#[test]
fn a_token_without_its_origin_is_known_by_its_client() {
    let (here, elsewhere) = (server(Approval::Auto), server(Approval::Auto));
    let program = with_expired_token(&here);
    edit(&program, |token| {
        // The file as the AWS CLI leaves it after a refresh.
        assert_eq!(token.remove("endpointUrl").unwrap(), here.endpoint());
        token.insert("expiresAt".to_owned(), "2999-01-01T00:00:00Z".into());
    });
    // The file name depends on the scopes. The registration is found even if this sign-in requests others.
    for scopes in [&["--scopes", "sso:account:access"][..], &[]] {
        let run = program.run(&with(&[&["--if-needed"], scopes].concat()));
        assert!(run.code == Some(0) && run.stderr.starts_with("Already signed in"), "{run:?}");
    }
    // At another server the token does not count, although it has no endpoint.
    let run = program.run(&[&with(&IF_NEEDED)[..], &["--endpoint-url", elsewhere.endpoint()]].concat());
    let why = format!("it came from {}, not from {}.", here.endpoint(), elsewhere.endpoint());
    assert!(run.code == Some(0) && run.stderr.contains(&why), "{run:?}");
    // A refresh restores the endpoint.
    let program = with_expired_token(&here);
    edit(&program, |token| drop(token.remove("endpointUrl")));
    let run = program.run(&with(&IF_NEEDED));
    assert!(run.stderr.starts_with("Refreshed"), "{run:?}");
    assert_eq!(stored(&program)["endpointUrl"], here.endpoint());
}

#[test]
fn why_a_stored_token_is_not_enough_is_always_told() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint());
    program.run(&with(&["--scopes", "a"])).ok();
    let good = stored(&program);
    for (member, value, why) in [
        ("startUrl", "https://d-2.awsapps.com/start", "it is for https://d-2.awsapps.com/start."),
        (
            "clientId",
            "unknown",
            "its scopes are unknown, because the registration of its client is not in the cache.",
        ),
        ("endpointUrl", "http://127.0.0.1:1", "it came from http://127.0.0.1:1, not from"),
        ("expiresAt", "2020-01-01T00:00:00Z", "it has expired"),
        ("startUrl", "https://\u{1b}[2J.example", "it is for https://[2J.example."),
    ] {
        edit(&program, |token| {
            token.clone_from(good.as_object().unwrap());
            token.remove("refreshToken");
            token.insert(member.to_owned(), value.into());
        });
        let run = program.run(&with(&["--if-needed", "--scopes", "a"]));
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.stderr.contains("cannot be used: ") && run.stderr.contains(why), "{why}: {run:?}");
        assert!(run.stderr.contains("Signed in to"), "{run:?}");
    }
    let run = program.run(&with(&["--if-needed", "--scopes", "a,b"]));
    assert!(run.stderr.contains("it lacks the scopes b."), "{run:?}");
    // Another spelling of the URL is the same portal.
    edit(&program, |token| drop(token.insert("startUrl".to_owned(), format!("{START_URL}/#/").into())));
    let run = program.run(&with(&["--if-needed", "--scopes", "a,b"]));
    assert!(run.stderr.starts_with("Already signed in"), "{run:?}");
}

#[test]
fn a_registration_is_filed_by_the_configured_scopes_and_used_only_if_it_has_those_asked_for() {
    let server = server(Approval::Auto);
    let program = program(server.endpoint()).config(
        "[profile work]\nsso_session = corp\n[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://d-1.awsapps.com/start\n",
    );
    let login = ["login", "--no-browser", "--profile", "work"];
    program.run(&login).ok();
    let cache = sso_cache::Cache::at(sso_cache::Cache::default_dir(program.home.path()));
    let identity = sso_cache::Identity::SessionName("corp".to_owned());
    let key = identity
        .registration_key("https://d-1.awsapps.com/start", "eu-west-1", None)
        .with_endpoint_url(Some(server.endpoint().to_owned()));
    // The session has no scopes, so the client was registered with the default one.
    let made = cache.registration(&key).unwrap().expect("under the key without scopes");
    assert_eq!(made.scopes.as_deref(), Some(&["sso:account:access".to_owned()][..]));
    program.run(&login).ok();
    assert_eq!(asked(&server, Operation::RegisterClient), 1);
    // With a registration of the AWS CLI without scopes, the token would have no refresh token.
    cache.save_registration(&key, &made.with_scopes(None)).unwrap();
    program.run(&login).ok();
    assert_eq!(asked(&server, Operation::RegisterClient), 2);
    let token = std::fs::read_to_string(cache.token_path(&identity)).unwrap();
    assert!(token.contains("refreshToken"), "{token}");
}
