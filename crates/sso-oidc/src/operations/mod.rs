//! The three operations of the service as commands, with the flags and the output of `aws sso-oidc`.

mod create_token;
mod input;
mod register_client;
mod skeleton;
mod start_device_authorization;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use oidc_proto::Operation;

pub(crate) use create_token::{CreateTokenArgs, run as create_token, token_document};
pub(crate) use register_client::{RegisterClientArgs, run as register_client};
pub(crate) use start_device_authorization::{
    StartDeviceAuthorizationArgs, run as start_device_authorization,
};

use crate::exit::Failure;
use crate::output::Printer;
use crate::settings::Settings;

/// The flags of every operation.
#[derive(Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    /// The operation's input as JSON: the JSON itself, file://PATH, or - for standard input. Flags override it
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    cli_input_json: Option<String>,

    /// Print a JSON skeleton of the input (or a sample of the output), and send nothing
    #[arg(
        long,
        value_name = "input|output",
        num_args = 0..=1,
        default_missing_value = "input",
        hide_possible_values = true
    )]
    generate_cli_skeleton: Option<Skeleton>,
}

/// The skeleton to print.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Skeleton {
    /// The input of `--cli-input-json`.
    Input,
    /// The operation's output, with sample values.
    Output,
}

/// The flags of the client, for the two operations that need one.
#[derive(Args)]
#[command(next_help_heading = "Client")]
pub(crate) struct ClientArgs {
    /// The client's id, from register-client
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    client_id: Option<String>,

    /// The client's secret, file://PATH, or - for standard input [env: SSO_OIDC_CLIENT_SECRET]
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true)]
    client_secret: Option<String>,

    /// A file with the client's secret
    #[arg(long, value_name = "FILE", conflicts_with = "client_secret")]
    client_secret_file: Option<PathBuf>,
}

/// The end of the help of every command with secrets.
const SECRETS_HELP: &str = "\
Arguments are visible to every user of this machine (in ps, for example). Pass secrets in files, in environment \
variables, or one of them through standard input (-).";

/// Prints the skeleton if a flag asks for one, and returns whether it did.
fn print_skeleton(operation: Operation, args: &InputArgs, settings: &Settings) -> Result<bool, Failure> {
    match args.generate_cli_skeleton {
        None => return Ok(false),
        // Always JSON, as in the AWS CLI, because the user edits it and passes it back.
        Some(Skeleton::Input) => skeleton::print_input(operation)?,
        Some(Skeleton::Output) => {
            let printer = settings.printer()?;
            let made_up = skeleton::rehearsal(operation);
            printer.rehearse(&made_up)?;
            printer.print(operation.name(), &made_up.full)?
        }
    }
    Ok(true)
}

/// Creates a printer for the operation's result, and checks format and query before the first request.
pub(crate) fn rehearsed_printer(operation: Operation, settings: &Settings) -> Result<Printer, Failure> {
    let printer = settings.printer()?;
    printer.rehearse(&skeleton::rehearsal(operation))?;
    Ok(printer)
}
