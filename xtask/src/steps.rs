//! A sequence of steps, with headers and times. It stops at the first failure, and prints a table at the end.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// A step of a task.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Whether `--fast` skips it.
    pub(crate) slow: bool,
    pub(crate) run: fn() -> Result<()>,
}

/// Runs the steps in order, and stops at the first failure.
///
/// The last line on standard output is `N passed, M failed`, for people and test runners.
///
/// # Errors
///
/// A step failed. The error names it, and says how to run it alone.
pub(crate) fn run(steps: &[Step]) -> Result<()> {
    let start = Instant::now();
    let mut passed: Vec<(&str, Duration)> = Vec::new();
    let mut failure = None;
    for (at, step) in steps.iter().enumerate() {
        println!("\n== [{}/{}] {}: {}", at + 1, steps.len(), step.name, step.about);
        let begun = Instant::now();
        if let Err(error) = (step.run)() {
            eprintln!("error: {error:#}");
            failure = Some((step.name, begun.elapsed()));
            break;
        }
        println!("-- {} passed in {}", step.name, seconds(begun.elapsed()));
        passed.push((step.name, begun.elapsed()));
    }

    println!("\n== summary, {} in all", seconds(start.elapsed()));
    for (name, took) in &passed {
        println!("   passed  {name:<12}{:>9}", seconds(*took));
    }
    if let Some((name, took)) = failure {
        println!("   FAILED  {name:<12}{:>9}", seconds(took));
        for step in &steps[passed.len() + 1..] {
            println!("   not run {}", step.name);
        }
    }
    println!("{} passed, {} failed", passed.len(), usize::from(failure.is_some()));
    match failure {
        Some((name, _)) => bail!("the step `{name}` failed; what it said is above"),
        None => Ok(()),
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Step = Step { name: "fine", about: "", slow: false, run: || Ok(()) };
    const BROKEN: Step = Step { name: "broken", about: "", slow: false, run: || bail!("it broke") };
    const NEVER: Step = Step { name: "never", about: "", slow: false, run: || panic!("ran after a failure") };

    #[test]
    fn all_steps_that_pass_are_a_pass() {
        run(&[FINE, FINE]).unwrap();
    }

    #[test]
    fn the_first_failure_stops_the_row_and_is_named() {
        let error = run(&[FINE, BROKEN, NEVER]).unwrap_err();
        assert!(error.to_string().contains("`broken`"), "{error}");
    }
}
