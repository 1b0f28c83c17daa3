//! `cargo xtask explore`: all short histories of the two machines, as deep as time allows.

use anyhow::{Context, Result, bail};

use crate::shell::Run;

/// The default time for each machine.
const SECONDS: u64 = 120;
/// The crates with an explorer, and the test target of each that has it as a module. In an ordinary test run
/// its depth is small.
const EXPLORERS: [(&str, &str); 2] = [("device-authority", "authority"), ("device-flow", "machine")];
/// The module.
const MODULE: &str = "explore::";

/// `cargo xtask explore [--seconds N]`
pub(crate) fn task(args: &[String]) -> Result<()> {
    let seconds = match args {
        [] => SECONDS,
        [flag, number] if flag == "--seconds" => {
            number.parse().with_context(|| format!("--seconds {number}"))?
        }
        _ => bail!("`explore` takes `--seconds N` and nothing else"),
    };
    for (name, target) in EXPLORERS {
        println!("\n== {name}, {seconds} s at the most");
        let run = Run::cargo().args(["test", "--release", "--package", name, "--test", target, MODULE]);
        // One search after the other: each uses every processor.
        let run = run.args(["--", "--nocapture", "--test-threads=1"]);
        run.env("EXPLORE_SECONDS", seconds.to_string()).go()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn both_machines_have_an_explorer() {
        for (name, target) in EXPLORERS {
            let path = format!("crates/{name}/tests/{target}/explore/mod.rs");
            assert!(workspace::root().join(&path).exists(), "{path}");
        }
    }

    #[test]
    fn what_is_no_number_of_seconds_is_refused() {
        for args in [&["--seconds"][..], &["--seconds", "soon"], &["deep"]] {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            assert!(task(&args).is_err(), "{args:?}");
        }
    }
}
