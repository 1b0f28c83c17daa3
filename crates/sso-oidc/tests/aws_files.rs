//! `~/.aws/config` and `~/.aws/credentials`: settings that are found, missing or unreadable.

mod common;

use common::{Program, Run};

const CORP: &str =
    "[sso-session corp]\nsso_start_url = https://d-1234567890.awsapps.com/start\nsso_region = eu-west-1\n";
const LEGACY: &str = "sso_start_url = https://d-1234567890.awsapps.com/start\nsso_region = eu-west-1\n";

/// A program with these two files.
fn program(config: &str, credentials: &str) -> Program {
    let program = Program::new().config(config);
    program.file(".aws/credentials", credentials);
    program
}

/// Returns the endpoint of a sign-in. A missing CA bundle stops the sign-in before it connects.
fn endpoint(program: &Program, flags: &[&str]) -> (String, String) {
    let stop = ["login", "--no-browser", "--debug", "--ca-bundle", "/nope.pem"];
    let Run { code, stderr, .. } = program.run(&[&stop, flags].concat());
    assert_eq!(code, Some(253), "{stderr}");
    let (_, rest) = stderr.split_once("endpoint=").unwrap_or_else(|| panic!("{stderr}"));
    (rest.split_whitespace().next().unwrap().to_owned(), stderr)
}

const EU_WEST_1: &str = "https://oidc.eu-west-1.amazonaws.com";

#[test]
fn the_settings_of_a_portal_may_stand_in_the_credentials_file() {
    let alone = program("", &format!("[work]\n{LEGACY}"));
    assert_eq!(endpoint(&alone, &["--profile", "work"]).0, EU_WEST_1);
    let session = program(CORP, "[work]\nsso_session = corp\n");
    assert_eq!(endpoint(&session, &["--profile", "work"]).0, EU_WEST_1);
    let other = format!("[profile work]\nsso_session = other\n{CORP}");
    assert_eq!(
        endpoint(&program(&other, "[work]\nsso_session = corp\n"), &["--profile", "work"]).0,
        EU_WEST_1
    );
    let default = program("", &format!("[default]\n{LEGACY}"));
    assert_eq!(endpoint(&default, &[]).0, EU_WEST_1);
}

#[test]
fn the_variables_that_say_where_the_files_are_may_have_variables_and_a_tilde() {
    let moved = Program::new()
        .var("CONFIG", "~/moved")
        .var("AWS_CONFIG_FILE", "${CONFIG}")
        .var("AWS_SHARED_CREDENTIALS_FILE", "$HOME/keys");
    moved.file("moved", CORP);
    moved.file("keys", "[work] # keys\nsso_session = corp\n");
    assert_eq!(endpoint(&moved, &["--profile", "work"]).0, EU_WEST_1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_home_directory_need_not_have_a_name_in_utf_8() {
    use std::os::unix::ffi::OsStrExt as _;
    let program = Program::new();
    let home = program.home.path().join(std::ffi::OsStr::from_bytes(b"h\xff"));
    std::fs::create_dir_all(home.join(".aws")).unwrap();
    std::fs::write(home.join(".aws/config"), CORP).unwrap();
    let arguments = ["login", "--sso-session", "corp", "--debug", "--ca-bundle", "/nope.pem"];
    let output = program.command(&arguments).env("HOME", home).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains(&format!("endpoint={EU_WEST_1}")), "{stderr}");
}

#[test]
fn a_file_that_cannot_be_read_does_not_matter_if_the_flags_say_everything() {
    let flags = ["--start-url", "https://d-1234567890.awsapps.com/start", "--region", "eu-west-1"];
    let (directory, broken, not_utf8, file) =
        (Program::new(), program("nonsense", ""), program("", ""), Program::new());
    std::fs::create_dir_all(directory.home.path().join(".aws/config")).unwrap();
    std::fs::write(not_utf8.home.path().join(".aws/credentials"), b"[a]\nb = \xff\n").unwrap();
    file.file(".aws", "");
    for (program, what) in [
        (directory, "config: "),
        (broken, "config, line 1: a property"),
        (not_utf8, "credentials, line 2"),
        (file, "config: "),
    ] {
        if cfg!(windows) && program.home.path().join(".aws").is_file() {
            // Below a file there is nothing, as Windows says.
            continue;
        }
        let (endpoint, stderr) = endpoint(&program, &flags);
        assert_eq!(endpoint, EU_WEST_1);
        assert!(stderr.contains("[WARNING]") && stderr.contains(what), "{stderr}");
        assert_eq!(stderr.matches(what).count(), 1, "it is said once: {stderr}");
        // If a setting is missing, the read error comes first.
        for flags in [&["login"][..], &["login", "--sso-session", "corp"], &["login", "--profile", "work"]] {
            let stderr = program.run(flags).fails(253);
            assert!(stderr.contains("[ERROR]") && stderr.lines().next().unwrap().contains(what), "{stderr}");
        }
    }
}

#[test]
fn a_profile_signs_in_to_the_portal_of_the_profile_whose_credentials_it_uses() {
    let config = format!(
        "[profile app]\nrole_arn = arn:aws:iam::123456789012:role/app\nsource_profile = work\nregion = us-east-1\n\
         [profile work]\nsso_session = corp\n[profile lost]\nsource_profile = gone\n{CORP}"
    );
    let app = Program::new().config(&config);
    let (endpoint, stderr) = endpoint(&app, &["--profile", "app"]);
    assert_eq!(endpoint, EU_WEST_1);
    assert!(stderr.contains("The profile app uses the credentials of work"), "{stderr}");
    let stderr = app.run(&["login", "--profile", "lost"]).fails(253);
    assert!(stderr.contains("has source_profile `gone`"), "{stderr}");
}

#[test]
fn what_is_not_found_is_named_with_the_files_and_with_what_was_perhaps_meant() {
    let program = program(&format!("[work]\n{LEGACY}{CORP}"), "");
    let stderr = program.run(&["login", "--profile", "work"]).fails(255);
    let file = program.home.path().join(common::native(".aws/config")).display().to_string();
    for part in ["(work) could not be found", &file, "line 1, has [work]", "[profile work]"] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    let stderr = program.run(&["login", "--profile", "corp"]).fails(255);
    assert!(stderr.contains("--sso-session corp"), "{stderr}");
    let both = Program::new().config(&format!("[profile work]\n{LEGACY}"));
    let stderr = both.run(&["login", "--sso-session", "work"]).fails(253);
    assert!(stderr.contains("--profile work"), "{stderr}");
}

#[test]
fn the_only_session_of_the_config_file_is_meant_where_none_is_named() {
    let keys = "[profile keys]\nregion = us-east-1\n";
    let of_one = program(&format!("{CORP}{keys}"), "");
    assert_eq!(endpoint(&of_one, &[]).0, EU_WEST_1);

    // A profile that has no portal does not mean that of a session.
    let named = of_one.run(&["login", "--profile", "keys"]).fails(253);
    assert!(named.contains("You must specify a start URL"), "{named}");
    let of_two = program(&format!("{CORP}{}", CORP.replace("corp", "other")), "");
    let said = of_two.run(&["login"]).fails(253);
    assert!(said.contains("The sessions in the config file: corp, other"), "{said}");
}
