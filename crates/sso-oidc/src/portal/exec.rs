//! `exec`: a command with the credentials of a role in its environment.

use std::ffi::OsString;
use std::io;
use std::process::Command;

use clap::Args;

use super::credentials::get;
use super::format::variables;
use super::role::RoleArgs;
use crate::child;
use crate::exit::Failure;
use crate::login::StoredArgs;
use crate::settings::Settings;

/// The variables that would win over the credentials, or that name others.
const REMOVED: [&str; 4] = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SECURITY_TOKEN", "AWS_ACCOUNT_ID"];

/// The flags of `exec`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
The command gets AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_CREDENTIAL_EXPIRATION, and AWS_REGION \
and AWS_DEFAULT_REGION if the profile has a region.

The exit code is that of the command. It is 127 if the command is not found, and 126 if it cannot be run. A signal that \
ends the command ends `exec` too; shells show it as 128 and its number.")]
pub(crate) struct ExecArgs {
    #[command(flatten)]
    role: RoleArgs,

    #[command(flatten)]
    stored: StoredArgs,

    /// The command and its arguments
    #[arg(required = true, last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs `exec`.
///
/// # Errors
/// No role is meant, there is no session to use, the portal refuses, or the command cannot be started. The last has an
/// exit code of its own, as in shells.
pub(crate) fn run(args: &ExecArgs, settings: &Settings) -> Result<(), Failure> {
    let Some((program, arguments)) = args.command.split_first() else {
        return Err(Failure::usage("there is no command after --"));
    };
    let (_, credentials) = get(&args.role, &args.stored, false, settings)?;
    let mut command = Command::new(child::program(program));
    command.args(arguments);
    for name in REMOVED {
        command.env_remove(name);
    }
    command.envs(variables(&credentials));
    if let Some(region) = settings.workload_region() {
        command.env("AWS_REGION", &region).env("AWS_DEFAULT_REGION", &region);
    }
    start(command).map_err(|error| child::not_started(program, &error))
}

/// Replaces this process by the command, so that signals and the exit code are the command's.
#[cfg(unix)]
fn start(mut command: Command) -> io::Result<()> {
    use std::os::unix::process::CommandExt as _;
    Err(command.exec())
}

/// Runs the command, and exits with its code.
#[cfg(not(unix))]
fn start(mut command: Command) -> io::Result<()> {
    let status = command.status()?;
    std::process::exit(child::number(status).into());
}
