//! `configure session` and `configure profiles`: the config file of a person who has one already.

mod common;

use std::time::{Duration, Instant};

use common::session::server;
use common::{Program, START_URL};
use sso_oidc_server::{Account, Approval, Config, Role, Rotation, TestServer};

const HAND_WRITTEN: &str = "# my config\r\n[default]\r\nregion=us-east-1   # home\r\n\r\n; the team's\r\n[profile team]\r\n  s3 =\r\n    max_concurrent_requests = 20\r\n";

fn config_of(program: &Program) -> String {
    std::fs::read_to_string(program.home.path().join(".aws/config")).unwrap()
}

/// Returns a program that is signed in to the session corp.
fn with_session(server: &TestServer) -> Program {
    let program = Program::new()
        .config(HAND_WRITTEN)
        .var("AWS_ENDPOINT_URL_SSO_OIDC", server.endpoint())
        .var("AWS_ENDPOINT_URL_SSO", server.endpoint());
    let session = ["configure", "session", "corp", "--start-url", START_URL, "--region", "eu-west-1"];
    program.run(&session).ok();
    program.run(&["login", "--sso-session", "corp", "--flow", "device", "--no-browser"]).ok();
    program
}

const PROFILES: [&str; 4] = ["configure", "profiles", "--sso-session", "corp"];

#[test]
fn a_session_is_added_behind_what_is_there_and_changing_it_changes_its_lines_only() {
    let program = Program::new().config(HAND_WRITTEN);
    let session = |region: &str, more: &[&str]| {
        let line = ["configure", "session", "corp", "--start-url", START_URL, "--region", region];
        program.run(&[&line[..], more].concat())
    };
    let shown = session("eu-west-1", &["--dry-run"]).ok();
    assert!(shown.contains("+[sso-session corp]") && shown.contains("+sso_region = eu-west-1"), "{shown}");
    assert_eq!(config_of(&program), HAND_WRITTEN);
    let run = session("eu-west-1", &[]);
    assert!(run.code == Some(0) && run.stderr.contains("the old text is in "), "{run:?}");
    let added = format!(
        "\r\n[sso-session corp]\r\nsso_start_url = {START_URL}\r\nsso_region = eu-west-1\r\n\
         sso_registration_scopes = sso:account:access\r\n"
    );
    assert_eq!(config_of(&program), format!("{HAND_WRITTEN}{added}"));
    session("eu-central-1", &[]).ok();
    assert_eq!(config_of(&program), format!("{HAND_WRITTEN}{added}").replace("eu-west-1", "eu-central-1"));
    assert!(session("eu-central-1", &[]).stderr.contains("needs no change"));
    let broken = Program::new().config("[default]\nnonsense\n");
    let said = broken
        .run(&["configure", "session", "a", "--start-url", START_URL, "--region", "eu-west-1"])
        .fails(253);
    assert!(said.contains("line 2: expected `key = value`"), "{said}");
    assert_eq!(config_of(&broken), "[default]\nnonsense\n");
    std::fs::write(broken.home.path().join(".aws/config"), b"[default]\nregion = \xff\n").unwrap();
    let said = broken
        .run(&["configure", "session", "a", "--start-url", START_URL, "--region", "eu-west-1"])
        .fails(253);
    assert!(said.contains("line 2: the file is not UTF-8\nHint: correct that line"), "{said}");
}

#[test]
fn each_role_gets_a_profile_that_leads_to_its_credentials() {
    let server = server(Rotation::Strict);
    let program = with_session(&server);
    let before = config_of(&program);
    let diff = program.run(&[&PROFILES[..], &["--dry-run"]].concat());
    assert_eq!(config_of(&program), before);
    assert_eq!(diff.stdout.matches("+[profile ").count(), 3, "{diff:?}");
    assert_eq!(diff.stderr, "Profiles of corp: would add 3; 0 are there already.\n");
    let run = program.run(&[&PROFILES[..], &["--profile-region", "eu-west-2"]].concat());
    assert!(run.stderr.starts_with("Saved "), "{run:?}");
    assert!(run.stderr.ends_with("\nProfiles of corp: added 3; 0 were there already.\n"), "{run:?}");
    assert!(config_of(&program).starts_with(&before), "the lines that were there stay");
    let credentials = program.run(&["credential-process", "--profile", "Sandbox.ReadOnlyAccess"]).ok();
    assert!(credentials.contains("\"AccountId\": \"012345678901\""), "{credentials}");
    let again = program.run(&PROFILES);
    assert!(
        again.stderr.ends_with("needs no change.\nProfiles of corp: added 0; 3 were there already.\n"),
        "{again:?}"
    );
    let moved = program.run(&[&PROFILES[..], &["--profile-region", "eu-west-3"]].concat());
    assert!(moved.stderr.ends_with("added 0, changed the region of 3; 0 were there already.\n"), "{moved:?}");
}

#[test]
fn other_profiles_stay_and_those_of_lost_roles_go_only_by_prune() {
    let server = server(Rotation::Strict);
    let program = with_session(&server);
    let text = config_of(&program)
        + "\r\n[profile Production.ReadOnlyAccess]\r\nregion = mine\r\n\r\n[profile old]\r\nsso_session = corp\r\n\
           sso_account_id = 999999999999\r\nsso_role_name = Gone\r\n";
    let program = program.config(&text);
    let run = program.run(&PROFILES);
    assert!(
        run.stderr.contains("the profile Production.ReadOnlyAccess exists, and is for something else"),
        "{run:?}"
    );
    assert!(run.stderr.contains("1 of roles that you do not have (--prune removes them)"), "{run:?}");
    assert!(config_of(&program).contains("[profile old]"));
    let run = program.run(&[&PROFILES[..], &["--prune", "--dry-run"]].concat());
    assert!(run.stderr.contains("would add 0, remove 1; 2 are there already."), "{run:?}");
    let run = program.run(&[&PROFILES[..], &["--prune"]].concat());
    assert!(run.code == Some(0) && run.stderr.contains(", removed 1;"), "{run:?}");
    let config = config_of(&program);
    assert!(
        !config.contains("[profile old]")
            && config.contains("[profile Production.ReadOnlyAccess]\r\nregion = mine\r\n")
    );
    let text = config.replace(
        "region=us-east-1   # home",
        "sso_session = corp\r\nsso_account_id = 999999999999\r\nsso_role_name = Gone",
    ) + "\r\n[profile mine]\r\nsso_session = corp\r\nsso_account_id = 999999999999\r\nsso_role_name = Gone\r\noutput = text\r\n";
    let program = program.config(&text);
    let run = program.run(&[&PROFILES[..], &["--prune"]].concat());
    for said in [
        "the profile default is for a role that you do not have; it stays, because it is the default profile",
        "the profile mine is for a role that you do not have; it stays, because it has `output`",
        "needs no change",
    ] {
        assert!(run.code == Some(0) && run.stderr.contains(said), "{run:?}");
    }
    assert_eq!(config_of(&program), text);
    let said = program.run(&[&PROFILES[..], &["--template", "{account_name}"]].concat()).fails(252);
    assert!(
        said.contains(
            "several roles would get the profile Sandbox: AdministratorAccess of the account 012345678901, and \
             ReadOnlyAccess of the account 012345678901"
        ),
        "{said}"
    );
    program.run(&["configure", "profiles", "--start-url", START_URL, "--region", "eu-west-1"]).fails(253);
}

/// Returns a server whose portal has these accounts.
fn server_with(accounts: impl IntoIterator<Item = Account>) -> TestServer {
    TestServer::with(Config::default().with_approval(Approval::Auto).with_accounts(accounts)).unwrap()
}

#[test]
fn roles_that_a_filter_leaves_out_are_not_called_lost() {
    let server = server(Rotation::Strict);
    let program = with_session(&server);
    program.run(&PROFILES).ok();
    let run = program.run(&[&PROFILES[..], &["--filter", "sandbox"]].concat());
    assert!(run.code == Some(0) && !run.stderr.contains("do not have"), "{run:?}");
}

#[test]
fn a_portal_without_a_role_prunes_nothing() {
    let server = server_with([]);
    let program = with_session(&server);
    let text = config_of(&program)
        + "\r\n[profile old]\r\nsso_session = corp\r\nsso_account_id = 1\r\nsso_role_name = Gone\r\n";
    let program = program.config(&text);
    let said = program.run(&[&PROFILES[..], &["--prune"]].concat()).fails(255);
    assert!(said.contains("the portal lists no role"), "{said}");
    assert_eq!(config_of(&program), text);
}

#[test]
fn a_name_that_a_profile_cannot_have_is_refused_before_anything_is_sent() {
    let server = server_with([Account::new("000000000001", "a").with_role(Role::new("default"))]);
    let program = with_session(&server);
    let (before, sent) = (config_of(&program), server.requests().len());
    let with_template = |template| program.run(&[&PROFILES[..], &["--template", template]].concat());
    let said = with_template("{account}.{role_name}").fails(252);
    assert!(
        said.contains(
            "{account} is no placeholder; the placeholders are {account_id}, {account_name} and {role_name}"
        ),
        "{said}"
    );
    assert_eq!(server.requests().len(), sent);
    let said = with_template("{role_name}").fails(252);
    assert!(
        said.contains("the role default of the account 000000000001 would get a profile `default`"),
        "{said}"
    );
    assert_eq!(config_of(&program), before);
}

#[test]
fn a_profile_that_is_also_in_the_credentials_file_is_warned_of() {
    let server = server(Rotation::Strict);
    let program = with_session(&server);
    let path = program.file("keys", "[Production.ReadOnlyAccess]\naws_access_key_id = AKIAEXAMPLE\n");
    let program = program.var("AWS_SHARED_CREDENTIALS_FILE", &path);
    for _ in 0..2 {
        let run = program.run(&PROFILES);
        let said = format!(
            "the profile Production.ReadOnlyAccess is also in {path}; AWS's tools let the keys there win"
        );
        assert!(run.code == Some(0) && run.stderr.contains(&said), "{run:?}");
        assert_eq!(run.stderr.matches("is also in").count(), 1, "{run:?}");
    }
}

/// The number of processes to kill: `CONFIGURE_KILLS`, or 40.
fn kills() -> u32 {
    std::env::var("CONFIGURE_KILLS").map_or(40, |text| text.parse().expect("a whole number"))
}

#[test]
fn a_killed_process_leaves_the_old_config_or_the_new_one() {
    let program = Program::new().config(HAND_WRITTEN);
    let session = |region| ["configure", "session", "corp", "--start-url", START_URL, "--region", region];
    let mut patience = Duration::ZERO;
    let texts = ["eu-west-1", "eu-west-2"].map(|region| {
        let began = Instant::now();
        program.run(&session(region)).ok();
        patience = began.elapsed();
        config_of(&program)
    });
    // The kill comes sooner after a process that had saved, and later after one that had not. So it comes close to
    // the save on a fast and on a slow machine.
    let mut changed = 0;
    for _ in 0..kills() {
        let before = config_of(&program);
        let region = if before == texts[0] { "eu-west-2" } else { "eu-west-1" };
        let mut child = program.command(&session(region)).spawn().unwrap();
        std::thread::sleep(patience);
        child.kill().unwrap();
        child.wait().unwrap();
        let after = config_of(&program);
        assert!(texts.contains(&after), "{after}");
        let has_saved = after != before;
        changed += u32::from(has_saved);
        patience =
            if has_saved { patience * 15 / 16 } else { (patience * 17 / 16).min(Duration::from_secs(1)) };
    }
    println!("{changed} of {} saved before the kill, the last after {patience:?}", kills());
    assert!(kills() < 40 || (1..kills()).contains(&changed), "{changed} of {} saved", kills());
    program.run(&session("eu-north-1")).ok();
    let left = std::fs::read_dir(program.home.path().join(".aws")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    let is_ours = |name: &std::ffi::OsString| name.to_string_lossy().starts_with("config");
    assert!(left.len() <= 1 + 5 && left.iter().all(is_ours), "the config file and its backups: {left:?}");
}

#[test]
fn two_at_once_do_not_lose_an_edit() {
    let program = Program::new().config(HAND_WRITTEN);
    let children: Vec<_> = (0..6)
        .map(|number| {
            let name = format!("s{number}");
            let line = ["configure", "session", &name, "--start-url", START_URL, "--region", "eu-west-1"];
            (name.clone(), program.command(&line).spawn().unwrap())
        })
        .collect();
    for (name, child) in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(config_of(&program).contains(&format!("[sso-session {name}]")));
    }
    assert!(config_of(&program).starts_with(HAND_WRITTEN));
}

#[cfg(unix)]
#[test]
fn nothing_is_said_to_be_done_that_could_not_be_saved() {
    let server = server(Rotation::Strict);
    let program = with_session(&server);
    let path = program.home.path().join(".aws/config");
    let before = config_of(&program);
    for age in ["", ".1", ".2", ".3"] {
        program.file(&format!(".aws/config.sso-oidc.bak{age}"), "# old\n");
    }
    // A directory in place of the oldest backup.
    std::fs::create_dir(path.with_file_name("config.sso-oidc.bak.4")).unwrap();
    let said = program.run(&PROFILES).fails(255);
    assert!(said.contains("cannot write ") && said.ends_with("The file is as it was.\n"), "{said}");
    assert!(!said.contains("Profiles of corp"), "{said}");
    assert_eq!(config_of(&program), before);
}

#[test]
fn the_profiles_of_several_runs_at_once_are_all_there() {
    let server = server(Rotation::Strict);
    let program = with_session(&server);
    let children: Vec<_> = (0..4)
        .map(|number| {
            let template = format!("{number}.{{account_id}}.{{role_name}}");
            program.command(&[&PROFILES[..], &["--template", &template]].concat()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(config_of(&program).matches("[profile ").count(), 1 + 4 * 3);
}

#[test]
fn the_scopes_of_a_session_stay_unless_others_are_named() {
    let text = "[sso-session corp]\nsso_start_url = u\nsso_region = a\nsso_registration_scopes = sso:account:access, other:scope\n";
    let program = Program::new().config(text);
    let session = ["configure", "session", "corp", "--start-url", START_URL, "--region", "eu-west-1"];
    program.run(&session).ok();
    assert!(config_of(&program).contains("sso_registration_scopes = sso:account:access, other:scope\n"));
    program.run(&[&session[..], &["--scopes", "a,b"]].concat()).ok();
    assert!(config_of(&program).contains("sso_registration_scopes = a,b\n"), "{}", config_of(&program));
}

#[test]
fn scopes_region_and_start_url_of_a_session_are_checked() {
    let program = Program::new().config(HAND_WRITTEN);
    let session = |url, region, more: &[&str]| {
        program.run(&[&["configure", "session", "a", "--start-url", url, "--region", region], more].concat())
    };
    for (scopes, wrong) in [
        ("a b", "a scope cannot have ' '; separate scopes with commas"),
        ("", "a scope is empty; separate scopes with commas"),
        ("a,,b", "a scope is empty"),
        ("a,", "a scope is empty"),
        ("a\"b", "a scope cannot have '\"'"),
        ("a\u{1b}[2J", "a scope cannot have '\\u{1b}'"),
    ] {
        let said = session(START_URL, "eu-west-1", &["--scopes", scopes]).fails(252);
        assert!(said.contains(wrong), "{said}");
    }
    session(START_URL, "eu west", &[]).fails(252);
    session(START_URL, "", &[]).fails(252);
    session("ftp://x", "eu-west-1", &[]).fails(252);
    assert_eq!(config_of(&program), HAND_WRITTEN);
    for (url, region, warning) in [
        (START_URL, "eu-wst1", "no known AWS region has a name like eu-wst1"),
        (
            "https://ssoins-1234567890abcdef.portal.us-east-1.app.aws",
            "eu-west-1",
            "is in us-east-1; if that is wrong",
        ),
        (START_URL, "cn-north-1", "is in the partition aws, but the region cn-north-1 is in aws-cn"),
        (" https://d-1234567890.awsapps.com/start ", "eu-west-1", "--start-url has stray characters"),
    ] {
        let run = session(url, region, &["--sso-registration-scopes", "a,b:c"]);
        assert!(run.code == Some(0) && run.stderr.contains(warning), "{run:?}");
        assert!(config_of(&program).contains("sso_registration_scopes = a,b:c\r\n"));
        assert!(!session(START_URL, "eu-west-1", &[]).stderr.contains("WARNING"));
    }
}
