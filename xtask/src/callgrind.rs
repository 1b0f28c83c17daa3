//! Instruction counts by valgrind's callgrind, which do not depend on the load of the machine.

use std::path::Path;

use anyhow::{Result, bail};

use crate::shell::Run;

/// Returns the instructions of one run, which must succeed. Its environment has this variable and no other, because the
/// loader reads all of it, and searches the directories that Cargo puts there.
pub(crate) fn instructions(
    program: &Path,
    arguments: &[&str],
    variable: Option<(&str, &str)>,
) -> Result<u64> {
    let variable = variable.map(|(name, value)| format!("{name}={value}"));
    let run = Run::new("env").arg("-i").args(variable);
    let run = run.args(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    let output = run.arg(program).args(arguments).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    match collected(&said) {
        Some(count) if output.status.success() => Ok(count),
        _ => bail!("valgrind failed, which is needed (Debian: apt-get install valgrind): {said}"),
    }
}

/// `==1== Collected : 12345`
fn collected(said: &str) -> Option<u64> {
    let (_, rest) = said.split_once("Collected : ")?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read_from_what_valgrind_says() {
        assert_eq!(collected("==7== Events    : Ir\n==7== Collected : 1234567\n==7==\n"), Some(1_234_567));
        assert_eq!(collected("==7== Collected : \n"), None);
        assert_eq!(collected(""), None);
    }
}
