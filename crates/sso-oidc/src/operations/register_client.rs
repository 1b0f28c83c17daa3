//! `register-client`.

use clap::Args;
use oidc_proto::{Operation, RegisterClientRequest, Registration};

use super::input::Input;
use super::{InputArgs, print_skeleton, rehearsed_printer};
use crate::exit::Failure;
use crate::output::Document;
use crate::service::Caller;
use crate::settings::Settings;

/// The flags of `register-client`.
#[derive(Args)]
pub(crate) struct RegisterClientArgs {
    /// A name for the client; the approval page shows it
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    client_name: Option<String>,

    /// The kind of client; the service accepts only `public`
    #[arg(long, value_name = "TYPE")]
    client_type: Option<String>,

    /// The scopes that the client may request, separated by spaces or commas, such as sso:account:access
    #[arg(long, value_name = "SCOPE", num_args = 1..)]
    scopes: Vec<String>,

    /// The redirect URIs for the authorization code grant, separated by spaces
    #[arg(long, value_name = "URI", num_args = 1..)]
    redirect_uris: Vec<String>,

    /// The grant types of the client, separated by spaces or commas [default: the device code grant]
    #[arg(long, value_name = "GRANT", num_args = 1..)]
    grant_types: Vec<String>,

    /// The start URL of the Identity Center instance
    #[arg(long, value_name = "URL")]
    issuer_url: Option<String>,

    /// The ARN of an application; the client's tokens are limited to its entitlements
    #[arg(long, value_name = "ARN")]
    entitled_application_arn: Option<String>,

    #[command(flatten)]
    input: InputArgs,
}

/// Runs `register-client`.
///
/// # Errors
/// The input is incomplete, or the call fails.
pub(crate) fn run(args: &RegisterClientArgs, settings: &Settings) -> Result<(), Failure> {
    if print_skeleton(Operation::RegisterClient, &args.input, settings)? {
        return Ok(());
    }
    let mut input = Input::read(Operation::RegisterClient, &args.input, settings.environment())?;
    let mut request =
        RegisterClientRequest::new(input.required_text("clientName", args.client_name.as_deref())?);
    request.client_type = input.required_text("clientType", args.client_type.as_deref())?;
    request.scopes = input.list("scopes", &args.scopes, true)?;
    request.redirect_uris = input.list("redirectUris", &args.redirect_uris, false)?;
    request.grant_types = input.list("grantTypes", &args.grant_types, true)?;
    request.issuer_url = input.text("issuerUrl", args.issuer_url.as_deref())?;
    request.entitled_application_arn =
        input.text("entitledApplicationArn", args.entitled_application_arn.as_deref())?;
    input.finish()?;

    let printer = rehearsed_printer(Operation::RegisterClient, settings)?;
    let registration =
        Caller::new(settings)?.call(Operation::RegisterClient, |client| client.register_client(&request))?;
    printer.print(Operation::RegisterClient.name(), &document(&registration))
}

fn document(registration: &Registration) -> Document {
    Document::map([
        ("clientId", registration.client.id.as_str().into()),
        ("clientSecret", registration.client.secret.as_ref().into()),
        ("clientIdIssuedAt", registration.issued_at.into()),
        ("clientSecretExpiresAt", registration.expires_at.into()),
        ("authorizationEndpoint", registration.authorization_endpoint.as_deref().into()),
        ("tokenEndpoint", registration.token_endpoint.as_deref().into()),
    ])
}
