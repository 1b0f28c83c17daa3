//! `sso-oidc`: sign-in to AWS IAM Identity Center, on the command line.
//!
//! A run parses the command line ([`cli`]), merges flags, environment and profile ([`settings`]), and runs one
//! command. The result goes to standard output, an error to standard error ([`exit`]).
//!
//! # Adding a command
//!
//! A command is a module with a `clap::Args` type for its flags and
//! `pub(crate) fn run(args: &XArgs, settings: &Settings) -> Result<(), Failure>`. Add one variant to
//! [`cli::Command`] and one line to [`run`]. The building blocks:
//!
//! | need | where |
//! |---|---|
//! | region, endpoint, profile, config file, time-outs, certificates, colour | [`settings::Settings`] |
//! | an HTTP client with these settings | [`service::client`] |
//! | single calls with retries | [`service::Caller`] |
//! | a result in the `--output` format, after `--query` | [`settings::Settings::printer`], [`output::Document`] |
//! | an error with its exit code, hints and request id | [`exit::Failure`], [`explain`] |
//! | a warning, an error's causes | [`exit::warn`], [`exit::chain`] |
//! | raw data on standard output | [`exit::print_data`] |
//! | columns for people in place of a document | [`output::columns`], [`output::rows`] |
//! | the stored session that flags name | [`stored`] |
//! | a secret from a file or standard input | [`sources::Sources`] |
//! | Ctrl-C as exit 130, with or without cleaning up | [`interrupt`] |
//! | a choice by the person | [`picker::pick`] |
//! | prompt, QR code, browser, status line, the message for each outcome | [`signin`] |
//!
//! Only results go to standard output; all messages go to standard error. A command that handles Ctrl-C itself
//! returns `Failure::new(Exit::Interrupted, …)`.

#![allow(
    rustdoc::bare_urls,
    reason = "the flags' comments are the help text, and help text has no link markup"
)]

mod accounts_file;
mod approve;
mod aws_files;
mod cache;
mod child;
mod cli;
mod completions;
mod configure;
mod conform;
mod console;
mod demo;
mod duration;
mod environment;
mod exit;
mod explain;
mod faults;
mod globals;
mod help;
mod idn;
mod interrupt;
mod logging;
mod login;
mod man;
mod operations;
mod output;
mod people_file;
mod persist;
mod picker;
mod portal;
mod ready;
mod registration_key;
mod role_cache;
mod serve;
mod service;
mod settings;
mod signin;
mod sources;
mod status;
mod stored;
mod tls;
mod try_faults;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap::error::ErrorKind;
use tracing::level_filters::LevelFilter;

use cli::{Cli, Command};
use environment::Environment;
use exit::{Exit, Failure, print_data};
use globals::ColorChoice;
use serve::layers::Merged;
use settings::Settings;

fn main() -> ExitCode {
    let environment = Environment::of_process();
    let stderr_is_terminal = console::takes_escapes(&std::io::stderr());
    let Merged { arguments, has_private_store } = match serve::layers::merged(arguments(), &environment) {
        Ok(merged) => merged,
        Err(failure) => {
            failure.report(settings::colored(ColorChoice::Auto, &environment, stderr_is_terminal));
            return failure.exit().into();
        }
    };
    let Cli { mut globals, mut command } = match help::parse(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            return not_a_command(
                &error,
                settings::colored(ColorChoice::Auto, &environment, stderr_is_terminal),
            );
        }
    };
    if let Command::Serve(args) = &mut command {
        args.has_private_store(has_private_store);
    }
    let colored = settings::colored(globals.color, &environment, stderr_is_terminal);
    // `serve` starts its own log.
    if globals.debug && !matches!(command, Command::Serve(_)) {
        logging::start(LevelFilter::DEBUG, colored);
    }
    // AWS's tools run it without a terminal of its own, or on that of another program.
    globals.no_input |= matches!(command, Command::CredentialProcess(_));
    let settings = match command {
        Command::Serve(_)
        | Command::TryFaults(_)
        | Command::Demo(_)
        | Command::Completions(_)
        | Command::Man(_) => Settings::without_config(globals, environment),
        _ => Settings::load(globals, environment),
    };
    let checked = match needs_profile(&command, &settings) {
        true => settings.require_profile(),
        false => Ok(()),
    };
    match checked.and_then(|()| run(&command, &settings)) {
        Ok(code) => code,
        Err(failure) => {
            failure.report(colored);
            failure.exit().into()
        }
    }
}

/// Returns the command line, with `COMMAND help` replaced by `COMMAND --help`, as in the AWS CLI, also for a command
/// below another one, and `help --help` by `--help`.
fn arguments() -> Vec<OsString> {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if let [_, help, flag] = arguments.as_slice()
        && *help == "help"
        && (*flag == "--help" || *flag == "-h")
    {
        arguments.remove(1);
    }
    // A word is a command below those before it, so that `exec -- PROGRAM login help` is left alone.
    if let Some((last, before)) = arguments.split_last_mut()
        && *last == "help"
    {
        let (mut command, mut is_command) = (Cli::command(), false);
        command.build();
        for word in before.iter().skip(1) {
            let below = word.to_str().and_then(|word| command.find_subcommand(word)).cloned();
            is_command = below.is_some();
            command = below.unwrap_or(command);
        }
        if is_command {
            *last = "--help".into();
        }
    }
    arguments
}

/// Returns whether a command fails if the named profile does not exist. Where a flag can name the portal instead, the
/// command itself checks.
fn needs_profile(command: &Command, settings: &Settings) -> bool {
    match command {
        // It reports the profile among its findings.
        Command::Doctor(_) => false,
        // As in the AWS CLI, whose operations these are.
        Command::RegisterClient(_) | Command::StartDeviceAuthorization(_) | Command::CreateToken(_) => true,
        // A variable may be left over from another shell. A flag is part of this command line.
        _ => settings.profile_named_by() == Some("--profile"),
    }
}

fn run(command: &Command, settings: &Settings) -> Result<ExitCode, Failure> {
    let ended = match command {
        Command::Status(args) => return status::run(args, settings).map(ExitCode::from),
        Command::Conform(args) => {
            interrupt::exit_on_ctrl_c_after(conform::end_command);
            return conform::run(args, settings).map(ExitCode::from);
        }
        Command::Login(args) => login::run(args, settings),
        Command::Token(args) => login::token(args, settings),
        Command::Refresh(args) => login::refresh(args, settings),
        Command::Configure(args) => configure::run(args, settings),
        Command::Doctor(args) => login::doctor(args, settings),
        Command::Logout(args) => portal::logout(args, settings),
        Command::Accounts(args) => portal::accounts(args, settings),
        Command::Roles(args) => portal::roles(args, settings),
        Command::Credentials(args) => portal::credentials(args, settings),
        Command::CredentialProcess(args) => portal::credential_process(args, settings),
        Command::Exec(args) => portal::exec(args, settings),
        Command::ListAccounts(args) => portal::list_accounts(args, settings),
        Command::ListAccountRoles(args) => portal::list_account_roles(args, settings),
        Command::GetRoleCredentials(args) => portal::get_role_credentials(args, settings),
        Command::Cache(args) => cache::run(args, settings),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
        Command::Serve(args) => return serve::run(args, settings),
        Command::TryFaults(args) => return try_faults::run(args, settings).map(ExitCode::from),
        Command::Approve(args) => {
            interrupt::exit_on_ctrl_c();
            approve::approve(args, settings)
        }
        Command::Deny(args) => {
            interrupt::exit_on_ctrl_c();
            approve::deny(args, settings)
        }
        Command::Ready(args) => {
            interrupt::exit_on_ctrl_c();
            ready::run(args, settings)
        }
        Command::Demo(args) => demo::run(args, settings),
        Command::RegisterClient(args) => {
            interrupt::exit_on_ctrl_c();
            operations::register_client(args, settings)
        }
        Command::StartDeviceAuthorization(args) => {
            interrupt::exit_on_ctrl_c();
            operations::start_device_authorization(args, settings)
        }
        Command::CreateToken(args) => {
            interrupt::exit_on_ctrl_c();
            operations::create_token(args, settings)
        }
    };
    ended.map(|()| Exit::Success.into())
}

/// Prints help and the version on standard output. Reports a wrong command line with exit code 252, in the AWS CLI's
/// form.
fn not_a_command(error: &clap::Error, colored: bool) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match print_data(&error.to_string()) {
            Ok(()) => Exit::Success.into(),
            Err(failure) => {
                failure.report(colored);
                failure.exit().into()
            }
        },
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // `eprint!` would panic on a closed pipe.
            let _ = write!(std::io::stderr().lock(), "{error}");
            Exit::Usage.into()
        }
        _ => {
            let text = error.to_string();
            let mut lines = text.lines().filter(|line| !line.trim().is_empty());
            let first = lines.next().unwrap_or_default();
            let failure = Failure::usage(first.strip_prefix("error: ").unwrap_or(first));
            lines.fold(failure, Failure::with_detail).report(colored);
            Exit::Usage.into()
        }
    }
}
