//! `status`: the state of each session, its exit code, and both forms of its output.

mod common;

use common::{Program, START_URL, after, native};
use serde_json::{Value, json};
use sso_cache::{Cache, Identity};

const CONFIG: &str = "\
[sso-session corp]
sso_start_url = https://d-1234567890.awsapps.com/start
sso_region = eu-west-1
[sso-session lab]
sso_start_url = https://d-0987654321.awsapps.com/start
sso_region = us-east-1
[profile work]
sso_session = corp
[profile old]
sso_start_url = https://d-1111111111.awsapps.com/start
sso_region = eu-west-2
[profile older]
sso_start_url = https://d-1111111111.awsapps.com/start
sso_region = eu-west-2
[profile keys]
region = eu-west-1
";

fn program() -> Program {
    Program::new().config(CONFIG)
}

fn cache(program: &Program) -> Cache {
    Cache::at(Cache::default_dir(program.home.path()))
}

fn session(name: &str) -> Identity {
    Identity::SessionName(name.to_owned())
}

/// Stores a token that expires in so many seconds, and can be refreshed for so many more.
fn store(program: &Program, identity: &Identity, seconds: i64, refreshable: Option<i64>) {
    let mut token = json!({
        "startUrl": START_URL, "region": "eu-west-1", "accessToken": "SECRET-1", "expiresAt": after(seconds),
        "clientId": "client", "clientSecret": "SECRET-2",
    });
    if let Some(seconds) = refreshable {
        token["refreshToken"] = "SECRET-3".into();
        token["registrationExpiresAt"] = after(seconds).into();
    }
    let cache = cache(program);
    std::fs::create_dir_all(cache.dir()).unwrap();
    std::fs::write(cache.token_path(identity), token.to_string()).unwrap();
}

/// Runs `status` for people and returns the exit code and the lines, with the fields that two spaces separate.
fn lines(program: &Program, arguments: &[&str]) -> (Option<i32>, Vec<Vec<String>>) {
    let run = program.run(&[&["status"], arguments].concat());
    assert!(!run.stdout.contains("SECRET") && !run.stderr.contains("SECRET"), "{run:?}");
    let fields = |line: &str| {
        line.split("  ").map(str::trim).filter(|field| !field.is_empty()).map(str::to_owned).collect()
    };
    (run.code, run.stdout.lines().map(fields).collect())
}

#[test]
fn every_session_has_a_line_with_its_state_and_its_source() {
    let program = program();
    store(&program, &session("corp"), 55 * 60 + 20, Some(90 * 86_400 + 60));
    store(&program, &session("gone"), -2 * 3600, None);
    let (code, lines) = lines(&program, &[]);
    assert_eq!(code, Some(0), "the best session is signed in");
    let fields = lines.iter().map(|line| line.iter().map(String::as_str).collect::<Vec<_>>());
    let fields: Vec<_> = fields.collect();
    let headers = ["Session", "State", "Token", "Refresh", "Registration"];
    assert_eq!(fields[0], [&headers[..], &["Region", "Portal", "Section", "Token file"]].concat());
    assert_eq!(fields[1][..2], ["corp", "valid"]);
    assert!(fields[1][2].starts_with("55 min (20"), "{fields:?}");
    assert!(fields[1][4].starts_with("90 days (20"), "{fields:?}");
    assert_eq!((fields[1][3], fields[1][5], fields[1][6]), ("yes", "eu-west-1", START_URL));
    assert_eq!(fields[1][7], format!("[sso-session corp] of {}", native("~/.aws/config")));
    assert_eq!(fields[1][8], native(&format!("~/.aws/sso/cache/{}", session("corp").file_name())));
    let lab = ["lab", "signed out", "us-east-1", "https://d-0987654321.awsapps.com/start"];
    assert_eq!(fields[2], [&lab[..], &[&*native("[sso-session lab] of ~/.aws/config")]].concat());
    // The two profiles share a token.
    let old = ["-", "signed out", "eu-west-2", "https://d-1111111111.awsapps.com/start"];
    assert_eq!(fields[3], [&old[..], &[&*native("[profile old] of ~/.aws/config")]].concat());
    assert_eq!(fields[4][..2], ["-", "expired"]);
    assert!(fields[4][2].starts_with("2 h ago (20"), "{fields:?}");
    assert!(fields[4].last().unwrap().ends_with(&session("gone").file_name()), "{fields:?}");
    assert_eq!(fields.len(), 5);
}

#[test]
fn the_exit_code_is_the_state_of_the_named_session() {
    let program = program();
    let code = |arguments: &[&str]| lines(&program, arguments).0;
    let corp = ["--sso-session", "corp"];
    assert_eq!(code(&corp), Some(5));
    for (seconds, refreshable, expected) in [
        (3600, None, 0),
        (600, None, 3),
        (-1, None, 4),
        (600, Some(3600), 0),
        (-1, Some(3600), 0),
        (-1, Some(-1), 4),
    ] {
        store(&program, &session("corp"), seconds, refreshable);
        for arguments in [&corp[..], &["--profile", "work"], &["--sso-session", "corp", "--profile", "old"]] {
            assert_eq!(code(arguments), Some(expected), "{seconds} {refreshable:?} {arguments:?}");
        }
    }
    store(&program, &Identity::StartUrl(START_URL.to_owned()), 3600, None);
    assert_eq!(code(&["--start-url", START_URL]), Some(0));
    assert_eq!(code(&["--profile", "old"]), Some(5));
    // A variable for other tools does not hide the other sessions.
    let program = program.var("AWS_PROFILE", "old");
    assert_eq!(lines(&program, &[]).0, Some(0));
    assert_eq!(lines(&program, &[]).1.len(), 5);
}

#[test]
fn without_a_named_session_the_exit_code_is_that_of_the_best_one() {
    let program = program();
    let code = || lines(&program, &[]).0;
    assert_eq!(code(), Some(5));
    store(&program, &session("corp"), -1, None);
    assert_eq!(code(), Some(4));
    store(&program, &session("lab"), 600, None);
    assert_eq!(code(), Some(3));
    store(&program, &session("other"), -1, Some(3600));
    assert_eq!(code(), Some(0));
}

#[test]
fn without_any_session_the_exit_code_is_5_and_the_message_says_what_to_do() {
    let stderr = Program::new().run(&["status"]).fails(5);
    assert!(stderr.contains("no token is stored; sign in with `sso-oidc login`"), "{stderr}");
    let run = Program::new().run(&["status", "--output", "json"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(5), "{\n    \"sessions\": []\n}\n"));
}

#[test]
fn the_document_has_every_member_and_no_secret() {
    let program = program();
    store(&program, &session("corp"), 3600, Some(86_400));
    let run = program.run(&["status", "--output", "json"]);
    assert!(!run.stdout.contains("SECRET"), "{run:?}");
    let document = run.json();
    let corp = &document["sessions"][0];
    let stored: Value =
        serde_json::from_str(&std::fs::read_to_string(cache(&program).token_path(&session("corp"))).unwrap())
            .unwrap();
    let expected = json!({
        "sessionName": "corp", "startUrl": START_URL, "region": "eu-west-1", "state": "valid",
        "expiresAt": stored["expiresAt"], "registrationExpiresAt": stored["registrationExpiresAt"],
        "refreshable": true, "section": "sso-session corp",
        "configFile": program.home.path().join(native(".aws/config")),
        "tokenFile": cache(&program).token_path(&session("corp")),
    });
    assert_eq!(*corp, expected);
    assert_eq!(document["sessions"][1]["state"], "signedOut");
    assert_eq!(document["sessions"][1]["expiresAt"], Value::Null);

    let query = ["status", "--query", "sessions[?state=='valid'].sessionName", "--output", "text"];
    assert_eq!(program.run(&query).ok(), "corp\n");
    let state = ["status", "--sso-session", "lab", "--query", "sessions[0].state"];
    assert_eq!(program.run(&state).stdout, "\"signedOut\"\n");
    let refused = program.run(&["status", "--query", "abs(sessions)"]).fails(252);
    assert!(refused.contains("Bad value for --query"), "{refused}");
    assert!(program.run(&["status", "--output", "table"]).ok().contains("| sessionName "));
    assert!(program.run(&["status", "--output", "yaml"]).ok().contains("sessionName: corp"));
}

#[test]
fn a_corrupt_file_is_named_stays_and_does_not_end_the_list() {
    let program = program();
    store(&program, &session("lab"), 3600, None);
    let (corp, other) = (session("corp"), session("other"));
    for identity in [&corp, &other] {
        std::fs::write(cache(&program).token_path(identity), "{\"accessToken\":").unwrap();
    }
    let run = program.run(&["status", "--output", "json"]);
    for identity in [&corp, &other] {
        let file = cache(&program).token_path(identity);
        assert!(run.stderr.contains(&format!("{} is invalid", file.display())), "{run:?}");
        assert!(file.exists());
    }
    let document = run.json();
    assert_eq!(document["sessions"][0]["state"], "invalid");
    assert!(document["sessions"][0]["problem"].as_str().unwrap().contains("it is not JSON"));
    assert_eq!(document["sessions"][1]["state"], "valid");
    assert_eq!(program.run(&["status", "--sso-session", "corp"]).code, Some(5));
    assert!(!cache(&program).private_dir().exists(), "no lock, and no file set aside");
}

#[test]
fn a_section_that_names_no_portal_is_a_warning() {
    let program = Program::new().config("[sso-session corp]\nsso_region = eu-west-1\n");
    store(&program, &session("corp"), 3600, None);
    let run = program.run(&["status"]);
    assert!(run.stderr.contains("`sso_start_url` is missing in section [sso-session corp]"), "{run:?}");
    assert!(run.ok().contains("corp"));
    let broken = Program::new().config("[sso-session corp\n");
    let run = broken.run(&["status"]);
    assert!(run.code == Some(5) && run.stderr.contains("its settings are ignored"), "{run:?}");
}

#[test]
fn a_session_that_does_not_exist_is_253() {
    let program = program();
    assert!(program.run(&["status", "--sso-session", "core"]).fails(253).contains("corp"));
    assert!(program.run(&["status", "--profile", "keys"]).fails(253).contains("names no portal"));
    assert!(program.run(&["status", "--start-url", "nonsense"]).fails(253).contains("nonsense"));
    program.run(&["status", "--sso-session", "corp", "--start-url", START_URL]).fails(252);
}
