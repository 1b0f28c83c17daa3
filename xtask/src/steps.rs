//! A sequence of steps, with headers and times. It stops at the first failure, and prints a table at the end.

pub(crate) mod beside;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use self::beside::Beside;

/// The beginning of a line of the summary.
const PASSED: &str = "   passed  ";
const FAILED: &str = "   FAILED  ";

/// A step of a task.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Whether `--fast` skips it.
    pub(crate) slow: bool,
    /// Whether it builds in a directory of its own, so that it can run beside other steps.
    pub(crate) beside: bool,
    pub(crate) run: fn() -> Result<()>,
}

impl Step {
    pub(crate) const fn new(name: &'static str, about: &'static str, run: fn() -> Result<()>) -> Self {
        Self { name, about, slow: false, beside: false, run }
    }

    pub(crate) const fn slow(self) -> Self {
        Self { slow: true, ..self }
    }

    pub(crate) const fn beside(self) -> Self {
        Self { beside: true, ..self }
    }
}

/// Runs the steps in order, and stops at the first failure. Those that can run beside the others do so in a second
/// process, whose output follows that of the others.
///
/// The last line on standard output is `N passed, M failed`, for people and test runners.
///
/// # Errors
///
/// A step failed. The error names it.
pub(crate) fn run(steps: &[Step]) -> Result<()> {
    let start = Instant::now();
    let (here, others) = split(steps);
    let mut beside = None;
    if !others.is_empty() {
        println!("\n== beside the others: {}", others.join(", "));
        beside = Some(Beside::start(&others)?);
    }
    let mut passed: Vec<(String, String)> = Vec::new();
    let mut failure: Option<(String, String)> = None;
    for (at, step) in here.iter().enumerate() {
        println!("\n== [{}/{}] {}: {}", at + 1, here.len(), step.name, step.about);
        let begun = Instant::now();
        if let Err(error) = (step.run)() {
            eprintln!("error: {error:#}");
            failure = Some((step.name.to_owned(), seconds(begun.elapsed())));
            break;
        }
        println!("-- {} passed in {}", step.name, seconds(begun.elapsed()));
        passed.push((step.name.to_owned(), seconds(begun.elapsed())));
        if let Some(beside) = &mut beside
            && beside.has_failed()?
        {
            break;
        }
    }
    let not_run = here.iter().skip(passed.len() + usize::from(failure.is_some()));
    let mut not_run: Vec<&str> = not_run.map(|step| step.name).collect();
    // A failure here ends the others.
    match beside {
        Some(beside) if failure.is_none() => {
            println!("\n== what the steps beside the others said");
            let (ended, said) = beside.end()?;
            let told = Summary::of(&said);
            passed.extend(told.passed);
            failure =
                told.failed.or_else(|| (!ended.success()).then(|| ("beside".to_owned(), String::new())));
        }
        Some(_) => not_run.extend(&others),
        None => {}
    }

    println!("\n== summary, {} in all", seconds(start.elapsed()));
    for (name, took) in &passed {
        println!("{PASSED}{name:<12}{took:>9}");
    }
    if let Some((name, took)) = &failure {
        println!("{FAILED}{name:<12}{took:>9}");
        for name in not_run {
            println!("   not run {name}");
        }
    }
    println!("{} passed, {} failed", passed.len(), usize::from(failure.is_some()));
    match failure {
        Some((name, _)) => bail!("the step `{name}` failed; what it said is above"),
        None => Ok(()),
    }
}

/// What the summary of another process says: the steps and their times.
#[derive(Debug, Default, PartialEq, Eq)]
struct Summary {
    passed: Vec<(String, String)>,
    failed: Option<(String, String)>,
}

impl Summary {
    fn of(said: &str) -> Self {
        let step = |line: &str, beginning| {
            let (name, took) = line.strip_prefix(beginning)?.trim().split_once(' ')?;
            Some((name.to_owned(), took.trim().to_owned()))
        };
        Self {
            passed: said.lines().filter_map(|line| step(line, PASSED)).collect(),
            failed: said.lines().find_map(|line| step(line, FAILED)),
        }
    }
}

/// Returns the steps that run in this process, and the names of those that run beside them.
fn split(steps: &[Step]) -> (Vec<Step>, Vec<&'static str>) {
    let (others, here): (Vec<Step>, Vec<Step>) = steps.iter().partition(|step| step.beside);
    // The second process is ended as a group, which only Unix has.
    if here.is_empty() || cfg!(not(unix)) {
        return (steps.to_vec(), Vec::new());
    }
    (here, others.iter().map(|step| step.name).collect())
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Step = Step::new("fine", "", || Ok(()));
    const BROKEN: Step = Step::new("broken", "", || bail!("it broke"));
    const NEVER: Step = Step::new("never", "", || panic!("ran after a failure"));

    #[test]
    fn all_steps_that_pass_are_a_pass() {
        run(&[FINE, FINE]).unwrap();
    }

    #[test]
    fn the_first_failure_stops_the_row_and_is_named() {
        let error = run(&[FINE, BROKEN, NEVER]).unwrap_err();
        assert!(error.to_string().contains("`broken`"), "{error}");
    }

    #[test]
    fn the_summary_of_another_process_names_its_steps_and_their_times() {
        let said =
            "running\n   passed  deny           60.6 s\n   FAILED  peers          0.1 s\n   not run fuzz\n";
        let pair = |name: &str, took: &str| (name.to_owned(), took.to_owned());
        let expected = Summary { passed: vec![pair("deny", "60.6 s")], failed: Some(pair("peers", "0.1 s")) };
        assert_eq!(Summary::of(said), expected);
        assert_eq!(Summary::of("killed"), Summary::default());
    }

    #[cfg(unix)]
    #[test]
    fn a_step_runs_beside_others_and_alone_if_there_are_none() {
        let fuzz = Step::new("fuzz", "", || Ok(())).beside();
        let split = |steps: &[Step]| {
            let (here, others) = split(steps);
            (here.iter().map(|step| step.name).collect::<Vec<_>>(), others)
        };
        assert_eq!(split(&[FINE, fuzz, BROKEN]), (vec!["fine", "broken"], vec!["fuzz"]));
        assert_eq!(split(&[fuzz]), (vec!["fuzz"], vec![]));
    }
}
