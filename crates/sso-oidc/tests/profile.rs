//! A profile that does not exist: what fails because of it, and what does not need it.

mod common;

use common::session::{TOKEN, server, signed_in};
use common::{Program, Run, with};
use sso_oidc_server::Rotation;

const NOT_FOUND: &str = "The config profile (nope) could not be found";

/// A session, and a profile with it.
const CONFIG: &str = "[sso-session corp]\nsso_start_url = https://d-1234567890.awsapps.com/start\n\
                      sso_region = eu-west-1\n[profile work]\nsso_session = corp\n";

fn with_wrong_profile() -> Program {
    Program::new().config(CONFIG).var("AWS_PROFILE", "nope")
}

#[test]
fn doctor_reports_it_with_what_to_do_and_looks_at_the_rest() {
    let Run { code, stdout, .. } = with_wrong_profile().run(&["doctor", "--offline"]);
    assert_eq!(code, Some(255), "{stdout}");
    assert!(stdout.contains("problem  profile     nope, from AWS_PROFILE, does not exist\n"), "{stdout}");
    assert!(stdout.contains("work") && stdout.contains("correct AWS_PROFILE, or unset it"), "{stdout}");
    assert!(stdout.contains("browser"), "{stdout}");
    assert_eq!(stdout.matches("problem ").count(), 1, "{stdout}");
    // The portal can be checked without the profile. A flag is as good a finding as a variable.
    let of_session = ["doctor", "--offline", "--sso-session", "corp", "--profile", "nope"];
    let Run { code, stdout, stderr } = with_wrong_profile().run(&of_session);
    assert_eq!((code, stderr.as_str()), (Some(255), "sso-oidc: [ERROR]: 1 problem was found\n"));
    assert!(stdout.contains("of [sso-session corp]"), "{stdout}");
    assert!(stdout.contains("nope, from --profile, does not exist"), "{stdout}");
}

#[test]
fn doctor_reports_a_corrupt_config_file_beside_the_profile_that_it_hides() {
    let program = Program::new().config("[profile work]\nregion").var("AWS_PROFILE", "work");
    let Run { code, stdout, .. } = program.run(&["doctor", "--offline"]);
    assert_eq!(code, Some(255), "{stdout}");
    assert!(stdout.contains("line 2") && stdout.contains("correct the file"), "{stdout}");
    assert!(stdout.contains("work, from AWS_PROFILE, does not exist"), "{stdout}");
    // A command that needs the profile names the file first.
    let said = program.run(&["login"]).fails(253);
    assert!(said.starts_with("sso-oidc: [ERROR]: ") && said.contains("line 2"), "{said}");
    assert!(said.contains("The config profile (work) could not be found"), "{said}");
}

#[test]
fn a_command_without_a_portal_does_not_need_it() {
    let program = with_wrong_profile();
    let new = ["configure", "session", "new", "--start-url", common::START_URL, "--region", "eu-west-1"];
    for command in [&["cache", "path"][..], &["cache", "gc"], &new, &["logout", "--all"]] {
        let run = program.run(command);
        assert_eq!((run.code, run.stderr.contains(NOT_FOUND)), (Some(0), false), "{command:?}: {run:?}");
    }
    let status = program.run(&["status"]);
    assert!(status.code == Some(5) && status.stdout.contains("corp"), "{status:?}");
}

#[test]
fn a_flag_that_names_the_portal_makes_it_a_warning() {
    let server = server(Rotation::Grace);
    let program = signed_in(&server).config(CONFIG).var("AWS_PROFILE", "nope");
    let warning = format!("sso-oidc: [WARNING]: {NOT_FOUND}, from AWS_PROFILE; its settings are ignored\n");
    let if_needed = with(&["--if-needed", "--scopes", "sso:account:access"]);
    for command in [&TOKEN[..], &if_needed, &["logout", "--sso-session", "corp"]] {
        let run = program.run(command);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_eq!(run.stderr.matches(&warning).count(), 1, "{command:?}: {run:?}");
    }
}

#[test]
fn a_command_that_takes_its_portal_from_the_profile_fails_as_the_aws_cli_does() {
    let program = with_wrong_profile();
    for command in ["login", "token", "refresh", "logout", "accounts", "exec"] {
        let tail: &[&str] = if command == "exec" { &["--", "true"] } else { &[] };
        let said = program.run(&[&[command], tail].concat()).fails(255);
        assert!(said.starts_with(&format!("sso-oidc: [ERROR]: {NOT_FOUND}\n")), "{command}: {said}");
        assert!(said.ends_with("Hint: correct AWS_PROFILE, or unset it\n"), "{command}: {said}");
    }
    let listing = ["list-accounts", "--access-token", "t", "--region", "eu-west-1"];
    let register =
        ["register-client", "--client-name", "n", "--client-type", "public", "--region", "eu-west-1"];
    for command in [&listing[..], &register] {
        assert!(program.run(command).fails(255).contains(NOT_FOUND), "{command:?}");
    }
    // A flag on this command line is wrong, whether the command reads the profile or not.
    let said = Program::new().run(&["status", "--profile", "nope"]).fails(255);
    assert!(said.contains(NOT_FOUND), "{said}");
}

#[test]
fn an_empty_variable_names_no_profile_and_the_other_variable_counts() {
    let named = |program: Program| program.run(&["doctor", "--offline"]).stdout;
    let empty = || Program::new().config(CONFIG).var("AWS_PROFILE", "");
    assert!(named(empty()).contains("default, from the default\n"));
    assert!(named(empty().var("AWS_DEFAULT_PROFILE", "work")).contains("work, from AWS_DEFAULT_PROFILE\n"));
    let both = Program::new().config(CONFIG).var("AWS_DEFAULT_PROFILE", "nope").var("AWS_PROFILE", "work");
    assert!(named(both).contains("work, from AWS_PROFILE\n"));
    let said = empty().var("AWS_DEFAULT_PROFILE", "nope").run(&["login"]).fails(255);
    assert!(said.ends_with("Hint: correct AWS_DEFAULT_PROFILE, or unset it\n"), "{said}");
}
