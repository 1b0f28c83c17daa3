//! Who approves and denies: a command, or the person before the terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use device_conform::{Decision, NotDecided, Prompt};
use oidc_proto::printable;

use super::{ConformArgs, say};
use crate::child;
use crate::exit::Failure;
use crate::settings::Settings;
use crate::signin::{Screen, StatusLine};

/// The time limit of a command. Codes seldom live longer.
const LIMIT: Duration = Duration::from_secs(600);
/// The pause between two looks at a command.
const PAUSE: Duration = Duration::from_millis(10);

/// Makes the decisions.
pub(super) struct Person {
    approve: Option<Words>,
    deny: Option<Words>,
    /// Whether a person can be asked.
    is_there: bool,
    /// The line to remove before a question.
    pub(super) line: Option<Rc<StatusLine>>,
}

/// A command, split into words.
struct Words {
    flag: &'static str,
    words: Vec<String>,
}

impl Person {
    /// # Errors
    /// A command is empty, or its quotes do not match.
    pub(super) fn of(args: &ConformArgs, settings: &Settings) -> Result<Self, Failure> {
        let words =
            |flag, text: &Option<String>| text.as_deref().map(|text| Words::of(flag, text)).transpose();
        let is_there =
            !settings.globals().no_input && Screen::of(settings).has_reader && io::stdin().is_terminal();
        Ok(Self {
            approve: words("--approve-with", &args.approve_with)?,
            deny: words("--deny-with", &args.deny_with)?,
            is_there,
            line: None,
        })
    }

    fn ask(&self, prompt: &Prompt<'_>, decision: Decision) -> Result<(), NotDecided> {
        let (flag, verb) = match decision {
            Decision::Approve => ("--approve-with", "Approve"),
            Decision::Deny => ("--deny-with", "DENY"),
        };
        if !self.is_there {
            return Err(NotDecided::new(format_args!("there is no person to ask, and no {flag}")));
        }
        if let Some(line) = &self.line {
            line.clear();
        }
        let Prompt { user_code, verification_uri, .. } = prompt;
        say(format_args!("{verb} this device: open {verification_uri} and enter {user_code}"));
        let _ = write!(io::stderr().lock(), "Then press Enter, or type s and Enter to skip: ");
        let mut answer = String::new();
        match io::stdin().read_line(&mut answer) {
            Ok(0) => Err(NotDecided::new("standard input has ended")),
            Ok(_) if answer.trim().is_empty() => Ok(()),
            Ok(_) => Err(NotDecided::new("the person skipped it")),
            Err(error) => Err(NotDecided::new(format_args!("cannot read standard input: {error}"))),
        }
    }
}

impl device_conform::Person for Person {
    fn decide(&mut self, prompt: &Prompt<'_>, decision: Decision) -> Result<(), NotDecided> {
        let command = match decision {
            Decision::Approve => &self.approve,
            Decision::Deny => &self.deny,
        };
        match command {
            Some(words) => words.run(prompt, LIMIT, (!child::has_terminal()).then_some(&GROUP)),
            None => self.ask(prompt, decision),
        }
    }
}

impl Words {
    fn of(flag: &'static str, text: &str) -> Result<Self, Failure> {
        match shlex::split(text) {
            Some(words) if !words.is_empty() => Ok(Self { flag, words }),
            _ => Err(Failure::usage(format_args!("{flag} needs a command, with quotes that match"))),
        }
    }

    /// Runs the command to its end. Its output goes to standard error, because the report has standard output. After
    /// this limit it is killed. `group` is a process group of its own; without one it stays in ours.
    fn run(&self, prompt: &Prompt<'_>, limit: Duration, group: Option<&Group>) -> Result<(), NotDecided> {
        // The command could take it for a flag of its own.
        if prompt.user_code.starts_with('-') {
            return Err(NotDecided::new("the user code begins with a hyphen"));
        }
        let uri = prompt.verification_uri_complete.unwrap_or(prompt.verification_uri);
        let filled = self.words.iter().map(|word| filled(word, prompt.user_code, uri));
        let mut filled = filled.collect::<Vec<_>>().into_iter();
        let program = filled.next().unwrap_or_default();
        let mut command = Command::new(program);
        command.args(filled).stdin(Stdio::null()).stdout(io::stderr());
        let started = match group {
            Some(group) => group.start(&mut command),
            None => command.spawn(),
        };
        match started.and_then(|child| end(child, limit, group)) {
            Ok(Some(status)) if status.success() => Ok(()),
            Ok(Some(status)) => {
                Err(NotDecided::new(format_args!("the command of {} ended with {status}", self.flag)))
            }
            Ok(None) => {
                let (flag, limit) = (self.flag, limit.as_secs());
                Err(NotDecided::new(format_args!("the command of {flag} did not end within {limit} s")))
            }
            Err(error) => {
                Err(NotDecided::new(format_args!("the command of {} cannot run: {error}", self.flag)))
            }
        }
    }
}

/// The group of the command of this process.
static GROUP: Group = Group(Mutex::new(None));

/// Kills the command and its group. A command without a group of its own gets the signals that this process gets.
pub(crate) fn end_command() {
    GROUP.kill();
}

/// A process group of a command, by its leader. While that is locked, its number cannot be another process's.
struct Group(Mutex<Option<u32>>);

impl Group {
    fn leader(&self) -> MutexGuard<'_, Option<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, command: &mut Command) -> io::Result<Child> {
        child::lead_group(command);
        let mut leader = self.leader();
        let child = command.spawn()?;
        *leader = Some(child.id());
        Ok(child)
    }

    fn kill(&self) {
        if let Some(leader) = *self.leader() {
            child::kill_group(leader);
        }
    }
}

/// Waits for the end of a command. After the time limit it is killed, and the result is `None`.
fn end(mut child: Child, limit: Duration, group: Option<&Group>) -> io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    loop {
        let is_late = began.elapsed() >= limit;
        if is_late {
            if let Some(group) = group {
                group.kill();
            }
            child.kill()?;
        }
        let mut leader = group.map(Group::leader);
        let status = if is_late { Some(child.wait()?) } else { child.try_wait()? };
        if let (Some(leader), Some(_)) = (&mut leader, status) {
            **leader = None;
        }
        if status.is_some() {
            return Ok(status.filter(|_| !is_late));
        }
        drop(leader);
        std::thread::sleep(PAUSE);
    }
}

/// Fills the placeholders of a word, in one pass: the server's texts are not searched for placeholders.
fn filled(word: &str, code: &str, uri: &str) -> String {
    let mut text = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        text += before;
        let places = [("{code}", code), ("{uri}", uri)];
        match places.into_iter().find(|(name, _)| from.starts_with(name)) {
            Some((name, value)) => {
                text += &printable(value);
                rest = from.get(name.len()..).unwrap_or_default();
            }
            None => {
                text.push('{');
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_filled_once_and_what_the_server_sent_is_no_placeholder() {
        let uri = "https://id.example/{code}";
        assert_eq!(filled("{uri}?c={code}", "AB", uri), "https://id.example/{code}?c=AB");
        assert_eq!(filled("{x}{", "AB", uri), "{x}{");
        assert_eq!(filled("approve", "AB", uri), "approve");
    }

    #[cfg(unix)]
    fn run(text: &str, limit: Duration, group: Option<&Group>) -> Result<(), String> {
        let prompt = Prompt::new("AB", "https://id.example/", None);
        let words = Words::of("--approve-with", text).unwrap();
        words.run(&prompt, limit, group).map_err(|error| error.to_string())
    }

    #[cfg(unix)]
    fn is_killed_and_decides_nothing(group: Option<&Group>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("process");
        let slow = format!("sh -c 'echo $$ >\"$0\"; exec sleep 600' '{}'", file.display());
        let error = run(&slow, Duration::from_secs(5), group).unwrap_err();
        assert_eq!(error, "the command of --approve-with did not end within 5 s");
        let process = std::fs::read_to_string(&file).unwrap();
        let signal = run(&format!("sh -c 'kill -0 {}'", process.trim()), LIMIT, group);
        assert!(signal.unwrap_err().contains("exit status"), "the process lives");
        assert_eq!(run("test {code} = AB", LIMIT, group), Ok(()));
    }

    #[cfg(unix)]
    #[test]
    fn a_command_that_does_not_end_is_killed_and_decides_nothing() {
        is_killed_and_decides_nothing(None);
    }

    #[cfg(unix)]
    #[test]
    fn a_command_in_a_group_of_its_own_is_killed_and_decides_nothing() {
        is_killed_and_decides_nothing(Some(&Group(Mutex::new(None))));
    }

    #[cfg(unix)]
    #[test]
    fn what_a_command_has_started_is_killed_with_its_group() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        // The pipe ends as soon as no process holds it. Only the child of the command does.
        let (ended, end) = std::sync::mpsc::channel();
        let held = pipe.clone();
        std::thread::spawn(move || ended.send(std::fs::read_to_string(held)));
        let slow = format!("sh -c '(echo started; exec sleep 60) >\"$0\" & wait' '{}'", pipe.display());
        run(&slow, Duration::from_secs(5), Some(&Group(Mutex::new(None)))).unwrap_err();
        let said = end.recv_timeout(Duration::from_secs(20)).expect("the child of the command lives");
        assert_eq!(said.unwrap(), "started\n");
    }
}
