//! The table at the end: what was built, what ran where, and what was not checked.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use crate::toolchain::Missing;

/// What was checked of a target, as lines of the table.
#[derive(Default)]
pub(crate) struct Checked(Vec<(&'static str, String)>);

impl Checked {
    pub(crate) fn built(mut self, what: impl Into<String>) -> Self {
        self.0.push(("built", what.into()));
        self
    }

    pub(crate) fn ran(mut self, what: impl Into<String>) -> Self {
        self.0.push(("ran", what.into()));
        self
    }

    pub(crate) fn not_checked(mut self, what: impl Into<String>) -> Self {
        self.0.push(("NOT CHECKED:", what.into()));
        self
    }

    /// Adds the number of tests of each crate.
    pub(crate) fn tests(self, counts: &BTreeMap<String, usize>, place: &str) -> Self {
        let all: usize = counts.values().sum();
        let each: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
        self.ran(format!("{all} tests {place}: {}", each.join(", ")))
    }
}

/// Prints the table.
///
/// # Errors
///
/// A target failed. The error names it.
pub(crate) fn table(rows: &[(&str, Result<Checked>)]) -> Result<()> {
    println!();
    let mut failed = Vec::new();
    for (target, checked) in rows {
        match checked {
            Ok(checked) => {
                let mut first = *target;
                for (what, line) in &checked.0 {
                    println!("   {first:<26} {what:<12} {line}");
                    first = "";
                }
            }
            Err(error) if error.is::<Missing>() => println!("   {target:<26} NOT CHECKED: {error:#}"),
            Err(_) => {
                println!("   {target:<26} FAILED, as said above");
                failed.push(*target);
            }
        }
    }
    ensure!(failed.is_empty(), "failed on {}", failed.join(", "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn only_a_failure_fails_and_it_is_named() {
        let fine = || ("a", Ok(Checked::default().built("x").ran("y")));
        let missing = || ("b", Err(anyhow!(Missing("no tools".to_owned())).context("while building")));
        table(&[fine(), missing()]).unwrap();
        let error = table(&[fine(), ("c", Err(anyhow!("it broke"))), missing()]).unwrap_err();
        assert_eq!(error.to_string(), "failed on c");
    }

    #[test]
    fn tests_are_counted_in_all_and_for_each_crate() {
        let counts = BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 3)]);
        let Checked(lines) = Checked::default().tests(&counts, "here");
        assert_eq!(lines, [("ran", "5 tests here: a 2, b 3".to_owned())]);
    }
}
