//! `serve --script`: a login follows the file, and a wrong file starts no server.

mod common;

use common::{LOGIN, Program};

#[test]
fn a_login_follows_the_script() {
    let program = Program::new();
    for (polls, code, said) in [("[\"token\"]", 0, ""), ("[\"deny\"]", 1, "denied")] {
        let file = program.file("script.toml", &format!("[[sign_in]]\npolls = {polls}\n"));
        let serve = ["serve", "--script", &file, "--", env!("CARGO_BIN_EXE_sso-oidc")];
        let run = program.run(&[&serve[..], &LOGIN].concat());
        assert_eq!(run.code == Some(0), code == 0, "{polls}: {}", run.stderr);
        assert!(run.stderr.contains(said), "{polls}: {}", run.stderr);
    }
}

#[test]
fn a_wrong_script_is_refused_with_its_line_and_what_is_allowed() {
    let program = Program::new();
    let file = program.file("script.toml", "[[sign_in]]\npolls = [\"maybe\"]\n");
    let said = program.run(&["serve", "--script", &file]).fails(255);
    assert!(said.contains("line 2") && said.contains("slow_down"), "{said}");
    assert!(program.run(&["serve", "--script", "/none"]).fails(255).contains("/none"));
}
