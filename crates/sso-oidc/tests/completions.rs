//! `completions` in a real shell, and `man`.

mod common;

use common::{Program, run};

/// Runs bash with this script after the completion script, and returns what it prints.
#[cfg(unix)]
fn bash(script: &str) -> String {
    let program = Program::new();
    let completions = program.file("completions", &program.run(&["completions", "bash"]).ok());
    let script = format!("set -e; bash -n '{completions}'; source '{completions}'; {script}");
    let output = std::process::Command::new("bash").args(["--norc", "-c", &script]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[cfg(unix)]
#[test]
fn bash_accepts_its_script_and_completes_commands_and_flags() {
    let complete = |words: &str, index: usize| {
        bash(&format!(
            "COMP_WORDS=({words}); COMP_CWORD={index}; \
             $(complete -p sso-oidc | sed 's/.*-F \\([^ ]*\\).*/\\1/') sso-oidc \"${{COMP_WORDS[{index}]}}\" \
             \"${{COMP_WORDS[{index}-1]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        ))
    };
    assert_eq!(complete("sso-oidc statu", 1), "status\n");
    assert!(complete("sso-oidc sta", 1).lines().any(|word| word == "status"));
    assert_eq!(complete("sso-oidc cache g", 2), "gc\n");
    assert_eq!(complete("sso-oidc status --sso", 2), "--sso-session\n");
}

#[test]
fn every_shell_has_a_script_and_another_one_is_252() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(&["completions", shell]).ok();
        assert!(script.contains("sso-session") && script.contains("status"), "{shell}");
    }
    assert!(run(&["completions", "tcsh"]).fails(252).contains("tcsh"));
    // Neither needs the configuration.
    let broken = Program::new().config("[default\n").var("AWS_PROFILE", "nope");
    broken.run(&["completions", "fish"]).ok();
    broken.run(&["man"]).ok();
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let program = Program::new();
    let dir = program.home.path().join("man/man1");
    assert_eq!(program.run(&["man", "--dir", dir.to_str().unwrap()]).ok(), "");
    let mut names: Vec<_> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    for name in ["sso-oidc.1", "sso-oidc-status.1", "sso-oidc-cache-gc.1", "sso-oidc-create-token.1"] {
        assert!(names.iter().any(|found| found == name), "{name}: {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("help")), "{names:?}");
    let mut whole = String::new();
    for name in &names {
        let page = std::fs::read_to_string(dir.join(name)).unwrap();
        let title = format!(".TH {} 1", name.trim_end_matches(".1"));
        assert!(page.lines().any(|line| line.starts_with(&title)), "{name}: {page}");
        for section in [".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION"] {
            assert!(page.lines().any(|line| line == section), "{name} has no {section}");
        }
        whole.push_str(&page);
    }
    let printed = program.run(&["man"]).ok();
    assert_eq!(printed.len(), whole.len());
    assert_eq!(printed.matches("\n.TH ").count(), names.len());
    let refused = program.run(&["man", "--dir", program.file("file", "").as_str()]).fails(255);
    assert!(refused.contains("cannot write"), "{refused}");
}
