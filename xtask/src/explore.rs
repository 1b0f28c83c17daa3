//! `cargo xtask explore`: all short histories of the two machines, as deep as time allows.

use anyhow::{Context, Result, bail};

use crate::shell::Run;
use crate::workspace;

/// The default time for each machine.
const SECONDS: u64 = 120;
/// The test target of a crate with an explorer. In an ordinary test run its depth is small.
const TARGET: &str = "explore";

/// `cargo xtask explore [--seconds N]`
pub(crate) fn task(args: &[String]) -> Result<()> {
    let seconds = match args {
        [] => SECONDS,
        [flag, number] if flag == "--seconds" => {
            number.parse().with_context(|| format!("--seconds {number}"))?
        }
        _ => bail!("`explore` takes `--seconds N` and nothing else"),
    };
    for name in packages()? {
        println!("\n== {name}, {seconds} s at the most");
        let run = Run::cargo().args(["test", "--release", "--package", name, "--test", TARGET, "--"]);
        // One search after the other: each uses every processor.
        let run = run.args(["--nocapture", "--test-threads=1"]);
        run.env("EXPLORE_SECONDS", seconds.to_string()).go()?;
    }
    Ok(())
}

/// Returns the names of the crates with an explorer.
fn packages() -> Result<Vec<&'static str>> {
    let packages = workspace::metadata()?.workspace_packages();
    let has = |package: &&&cargo_metadata::Package| {
        package.targets.iter().any(|target| target.is_test() && target.name == TARGET)
    };
    let mut names: Vec<&str> = packages.iter().filter(has).map(|package| package.name.as_str()).collect();
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_machines_have_an_explorer() {
        assert_eq!(packages().unwrap(), ["device-authority", "device-flow"]);
    }

    #[test]
    fn what_is_no_number_of_seconds_is_refused() {
        for args in [&["--seconds"][..], &["--seconds", "soon"], &["deep"]] {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            assert!(task(&args).is_err(), "{args:?}");
        }
    }
}
