//! The settings of `serve` below its flags: the environment, and then a file.
//!
//! Both become flags of the command line, which clap then parses. So clap's own table of flags is the only one: a new
//! flag is a variable and a key of the file at once.

mod file;
mod in_force;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args as _, Command, CommandFactory as _};

pub(crate) use self::in_force::in_force;
use super::{ServeArgs, store};
use crate::cli::Cli;
use crate::environment::Environment;
use crate::exit::{Failure, warn};
use crate::help::chosen;

/// The name of the command.
const SERVE: &str = "serve";
/// The beginning of the variables. The flag's name follows, in capitals and with underscores.
const PREFIX: &str = "SSO_OIDC_SERVE_";
/// The flags that are no settings of a server.
const NO_SETTINGS: [&str; 3] = ["config", "print-config", "help"];

/// The values of a setting from the environment or from the file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Given {
    /// A flag without a value, which is there or not.
    Switch(bool),
    /// The value, or the values of a flag that may be repeated.
    Values(Vec<OsString>),
}

/// A setting of the environment or of the file.
#[derive(Debug)]
struct Setting {
    /// The id of the flag.
    id: String,
    given: Given,
}

/// The flags of `serve` that are settings.
struct Flags(Command);

impl Flags {
    fn new() -> Self {
        Self(ServeArgs::augment_args(Command::new(SERVE)))
    }

    /// Returns all of them. The command that `serve` runs is none.
    fn all(&self) -> impl Iterator<Item = &Arg> {
        let Self(command) = self;
        command.get_arguments().filter(|arg| arg.get_long().is_some_and(|name| !NO_SETTINGS.contains(&name)))
    }

    /// Returns the flag of this name, or of this former name.
    fn named(&self, name: &str) -> Option<&Arg> {
        let is_alias = |arg: &Arg| arg.get_all_aliases().unwrap_or_default().contains(&name);
        self.all().find(|arg| arg.get_long() == Some(name) || is_alias(arg))
    }

    /// Returns whether the two flags exclude each other.
    fn exclude(&self, one: &Arg, other: &Arg) -> bool {
        let Self(command) = self;
        let has = |one: &Arg, other: &Arg| {
            command.get_arg_conflicts_with(one).iter().any(|arg| arg.get_id() == other.get_id())
        };
        has(one, other) || has(other, one)
    }
}

fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
}

fn is_list(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

/// Returns whether a flag may stand without its value.
fn may_be_bare(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|count| count.min_values() == 0)
}

/// A command line with the settings of the environment and of the file.
pub(crate) struct Merged {
    pub(crate) arguments: Vec<OsString>,
    /// Whether the store is that of a file or a variable, which other users cannot read.
    pub(crate) has_private_store: bool,
}

/// Returns the command line with the settings of the environment and of the file before those that it has. That of
/// another command, or one that clap refuses anyway, stays as it is.
///
/// # Errors
/// The file cannot be read, or it or a variable has a wrong setting.
pub(crate) fn merged(arguments: Vec<OsString>, environment: &Environment) -> Result<Merged, Failure> {
    let as_it_is = |arguments| Ok(Merged { arguments, has_private_store: false });
    if !arguments.iter().any(|argument| argument == SERVE) {
        return as_it_is(arguments);
    }
    let lenient = chosen(&arguments).ignore_errors(true).try_get_matches_from(&arguments);
    let chosen = lenient.as_ref().ok().and_then(ArgMatches::subcommand);
    let Some((SERVE, matches)) = chosen else {
        return as_it_is(arguments);
    };
    let flags = Flags::new();
    let of_environment = of_environment(&flags, environment)?;
    let of_file = match file_of(matches, environment) {
        Some(path) => file::read(&path, &flags)?,
        None => Vec::new(),
    };
    let is_given = |arg: &Arg| is_given(matches, arg.get_id().as_str());
    let is_set = |settings: &[Setting], arg: &Arg| {
        // This variable names a store, too. It may have a password, so it never becomes a flag.
        let has_store = arg.get_id() == "store" && environment.path(store::VARIABLE).is_some();
        settings.iter().any(|setting| *arg.get_id() == *setting.id) || has_store
    };
    let is_excluded = |by: &dyn Fn(&Arg) -> bool, arg: &Arg| {
        flags.all().any(|other| by(other) && (other.get_id() == arg.get_id() || flags.exclude(other, arg)))
    };
    let (mut more, mut has_private_store) = (Vec::new(), false);
    for arg in flags.all().filter(|arg| !is_excluded(&is_given, arg)) {
        let find = |settings: &[Setting]| -> Option<Given> {
            let found = settings.iter().find(|setting| *arg.get_id() == *setting.id);
            found.map(|setting| setting.given.clone())
        };
        let lower = || find(&of_file).filter(|_| !is_excluded(&|other| is_set(&of_environment, other), arg));
        if let Some(given) = find(&of_environment).or_else(lower) {
            has_private_store |= arg.get_id() == "store";
            more.extend(as_flags(arg, &given));
        }
    }
    Ok(Merged { arguments: inserted(arguments, more), has_private_store })
}

fn is_given(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// Returns the file that a flag names, or else a variable.
fn file_of(matches: &ArgMatches, environment: &Environment) -> Option<PathBuf> {
    let flag = matches.get_raw("config").and_then(|mut values| values.next());
    flag.or_else(|| environment.path(&variable("config"))).map(PathBuf::from)
}

/// Returns the name of a flag's variable.
fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// Returns the settings of the environment.
fn of_environment(flags: &Flags, environment: &Environment) -> Result<Vec<Setting>, Failure> {
    let mut settings = Vec::new();
    for (name, text) in environment.starting_with(PREFIX) {
        let flag = name.strip_prefix(PREFIX).unwrap_or_default().to_ascii_lowercase().replace('_', "-");
        if NO_SETTINGS.contains(&&*flag) {
            continue;
        }
        // Orchestrators set variables of their own, such as Kubernetes for a service named `sso-oidc-serve`.
        let Some(arg) = flags.named(&flag) else {
            let nearest = nearest(&flag).map(|flag| format!("; did you mean {}?", variable(&flag)));
            warn(format_args!("{name} is no setting of `serve`{}", nearest.unwrap_or_default()));
            continue;
        };
        let given = given_by(arg, text);
        let given = given.map_err(|why| Failure::config(format_args!("{name}: {why}")))?;
        check(arg, &given).map_err(|why| Failure::config(format_args!("{name}: {why}")))?;
        settings.push(Setting { id: arg.get_id().to_string(), given });
    }
    Ok(settings)
}

/// Reads the text of a variable.
fn given_by(arg: &Arg, text: &OsStr) -> Result<Given, &'static str> {
    let bool = match text.to_str().map(str::to_ascii_lowercase).as_deref() {
        Some("true" | "1") => Some(true),
        Some("false" | "0") => Some(false),
        _ => None,
    };
    if is_switch(arg) {
        return bool.map(Given::Switch).ok_or("expected true or false");
    }
    if let Some(bool) = bool.filter(|_| may_be_bare(arg)) {
        return Ok(Given::Switch(bool));
    }
    Ok(Given::Values(match text.to_str().filter(|_| is_list(arg)) {
        Some(list) => list.split(',').map(OsString::from).collect(),
        None => vec![text.to_owned()],
    }))
}

/// Returns a setting as words of a command line.
fn as_flags(arg: &Arg, given: &Given) -> Vec<OsString> {
    let name = format!("--{}", arg.get_long().unwrap_or_default());
    match given {
        Given::Switch(true) => vec![name.into()],
        Given::Switch(false) => Vec::new(),
        Given::Values(values) => {
            let with = |value: &OsString| {
                let mut word = OsString::from(format!("{name}="));
                word.push(value);
                word
            };
            values.iter().map(with).collect()
        }
    }
}

/// Checks a setting as the flag that it is. The text of the error does not repeat the value, which may be a secret.
fn check(arg: &Arg, given: &Given) -> Result<(), String> {
    for word in as_flags(arg, given) {
        let Err(error) = parsed(word) else { continue };
        match error.kind() {
            // Other flags may be given elsewhere.
            ErrorKind::MissingRequiredArgument | ErrorKind::ArgumentConflict => {}
            ErrorKind::InvalidValue => return Err(format!("expected {}", possible(&error))),
            _ => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                return Err(cause.unwrap_or_else(|| "this is no value of the flag".to_owned()));
            }
        }
    }
    Ok(())
}

fn parsed(word: OsString) -> Result<ArgMatches, clap::Error> {
    Cli::command().try_get_matches_from([OsString::from("sso-oidc"), SERVE.into(), word])
}

fn possible(error: &clap::Error) -> String {
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) => values.join(", "),
        _ => "another value".to_owned(),
    }
}

/// Returns the name of the flag that clap suggests for an unknown one.
fn nearest(name: &str) -> Option<String> {
    let error = parsed(format!("--{name}=").into()).err()?;
    match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(flag)) => Some(flag.trim_start_matches('-').to_owned()),
        _ => None,
    }
}

/// Inserts words before the command that `serve` is to run.
fn inserted(mut arguments: Vec<OsString>, words: Vec<OsString>) -> Vec<OsString> {
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    arguments.splice(end..end, words);
    arguments
}

#[cfg(test)]
mod tests;
