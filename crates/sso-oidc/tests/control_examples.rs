//! The test suites in `examples/control` pass with `serve --control`.

mod common;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::Program;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/control");
/// The clock of a suite moves on by hours. A suite that waits would take longer than this.
const SOON: Duration = Duration::from_secs(30);

/// Returns the path of an interpreter, which prints it with these arguments; `None` if it is missing.
fn interpreter(name: &str, arguments: &[&str]) -> Option<String> {
    let Some(output) =
        Command::new(name).args(arguments).output().ok().filter(|output| output.status.success())
    else {
        println!("NOT CHECKED: there is no {name}");
        return None;
    };
    Some(String::from_utf8(output.stdout).unwrap().trim_end().to_owned())
}

/// Runs a suite in its directory beside a server, and returns what it printed.
fn suite(language: &str, command: &[&str]) -> String {
    let program = Program::new();
    let flags = ["serve", "--control", "0", "--oauth-client", "my-tool", "--interval", "5s", "--"];
    let mut serve = program.command(&[&flags[..], command].concat());
    let began = Instant::now();
    let output = serve
        .current_dir(Path::new(EXAMPLES).join(language))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let printed =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}");
    assert!(began.elapsed() < SOON, "{:?}: {printed}", began.elapsed());
    printed
}

#[test]
fn the_suite_in_python_passes() {
    let Some(python) = interpreter("python3", &["-c", "import sys; print(sys.executable)"]) else { return };
    let printed = suite("python", &[&python, "-m", "unittest"]);
    assert!(printed.contains("Ran 8 tests"), "{printed}");
}

#[test]
fn the_suite_in_javascript_passes() {
    let Some(node) = interpreter("node", &["-p", "process.execPath"]) else { return };
    let printed = suite("javascript", &[&node, "--test"]);
    assert!(printed.contains("pass 8"), "{printed}");
}
