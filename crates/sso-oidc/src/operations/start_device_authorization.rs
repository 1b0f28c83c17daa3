//! `start-device-authorization`.

use clap::Args;
use oidc_proto::{DeviceAuthorization, Operation, StartDeviceAuthorizationRequest};

use super::input::Input;
use super::{ClientArgs, InputArgs, SECRETS_HELP, print_skeleton, rehearsed_printer};
use crate::exit::Failure;
use crate::output::Document;
use crate::service::Caller;
use crate::settings::Settings;

/// The flags of `start-device-authorization`.
#[derive(Args)]
#[command(after_help = SECRETS_HELP)]
pub(crate) struct StartDeviceAuthorizationArgs {
    /// The start URL of the portal, such as https://d-1234567890.awsapps.com/start
    #[arg(long, value_name = "URL")]
    start_url: Option<String>,

    #[command(flatten)]
    client: ClientArgs,

    #[command(flatten)]
    input: InputArgs,
}

/// Runs `start-device-authorization`.
///
/// # Errors
/// The input is incomplete, or the call fails.
pub(crate) fn run(args: &StartDeviceAuthorizationArgs, settings: &Settings) -> Result<(), Failure> {
    let operation = Operation::StartDeviceAuthorization;
    if print_skeleton(operation, &args.input, settings)? {
        return Ok(());
    }
    let mut input = Input::read(operation, &args.input, settings.environment())?;
    let client = input.client(&args.client)?;
    let start_url = input.required_text("startUrl", args.start_url.as_deref())?;
    input.finish()?;
    let request = StartDeviceAuthorizationRequest::new(client, start_url);

    let printer = rehearsed_printer(operation, settings)?;
    let started =
        Caller::new(settings)?.call(operation, |client| client.start_device_authorization(&request))?;
    printer.print(operation.name(), &document(&started))
}

fn document(started: &DeviceAuthorization) -> Document {
    Document::map([
        ("deviceCode", (&started.device_code).into()),
        ("userCode", started.user_code.as_str().into()),
        ("verificationUri", started.verification_uri.as_str().into()),
        ("verificationUriComplete", started.verification_uri_complete.as_deref().into()),
        ("expiresIn", started.expires_in.into()),
        ("interval", started.interval.into()),
    ])
}
