//! `create-token`.

use std::path::PathBuf;

use clap::Args;
use oidc_proto::{CreateTokenRequest, Grant, Operation, Token, grant_type};

use super::input::Input;
use super::{ClientArgs, InputArgs, SECRETS_HELP, print_skeleton, rehearsed_printer};
use crate::exit::Failure;
use crate::output::Document;
use crate::service::Caller;
use crate::settings::Settings;

/// The flags of `create-token`.
#[derive(Args)]
#[command(after_help = SECRETS_HELP)]
pub(crate) struct CreateTokenArgs {
    /// The grant type: urn:ietf:params:oauth:grant-type:device_code, authorization_code or refresh_token
    #[arg(long, value_name = "GRANT")]
    grant_type: Option<String>,

    /// The device code from start-device-authorization, file://PATH, or - for standard input [env:
    /// SSO_OIDC_DEVICE_CODE]
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true)]
    device_code: Option<String>,

    /// A file with the device code
    #[arg(long, value_name = "FILE", conflicts_with = "device_code")]
    device_code_file: Option<PathBuf>,

    /// The authorization code from the redirect, file://PATH, or - for standard input [env: SSO_OIDC_CODE]
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true)]
    code: Option<String>,

    /// A file with the authorization code
    #[arg(long, value_name = "FILE", conflicts_with = "code")]
    code_file: Option<PathBuf>,

    /// The refresh token, file://PATH, or - for standard input [env: SSO_OIDC_REFRESH_TOKEN]
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true)]
    refresh_token: Option<String>,

    /// A file with the refresh token
    #[arg(long, value_name = "FILE", conflicts_with = "refresh_token")]
    refresh_token_file: Option<PathBuf>,

    /// Scopes, separated by spaces or commas; the service ignores them and uses those of the registration
    #[arg(long, value_name = "SCOPE", num_args = 1..)]
    scope: Vec<String>,

    /// The redirect URI of the authorization code, with its port
    #[arg(long, value_name = "URI")]
    redirect_uri: Option<String>,

    /// The PKCE verifier of the authorization code, file://PATH, or - for standard input [env:
    /// SSO_OIDC_CODE_VERIFIER]
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true)]
    code_verifier: Option<String>,

    /// A file with the PKCE verifier
    #[arg(long, value_name = "FILE", conflicts_with = "code_verifier")]
    code_verifier_file: Option<PathBuf>,

    #[command(flatten)]
    client: ClientArgs,

    #[command(flatten)]
    input: InputArgs,
}

/// Runs `create-token`.
///
/// # Errors
/// The input is incomplete, or the call fails.
pub(crate) fn run(args: &CreateTokenArgs, settings: &Settings) -> Result<(), Failure> {
    let operation = Operation::CreateToken;
    if print_skeleton(operation, &args.input, settings)? {
        return Ok(());
    }
    let mut input = Input::read(operation, &args.input, settings.environment())?;
    let client = input.client(&args.client)?;
    let grant = grant(args, &mut input)?;
    let scope = input.list("scope", &args.scope, true)?;
    input.finish()?;
    // Without a grant type, `finish` has failed already.
    let Some(grant) = grant else { return Err(Failure::usage("--grant-type is required")) };
    let request = CreateTokenRequest::new(client, grant).with_scope(scope);

    let printer = rehearsed_printer(operation, settings)?;
    let service = Caller::new(settings)?;
    let token = match &request.grant {
        // A poll may be repeated: before the approval nothing can be lost, and the service rejects a used code.
        Grant::DeviceCode { .. } => service.call(operation, |client| client.create_token(&request)),
        _ => service.call_once(operation, |client| client.create_token(&request)),
    }?;
    printer.print(operation.name(), &token_document(&token))
}

/// Reads the grant, and rejects members of other grants. Returns `None` without a grant type, which [`Input::finish`]
/// reports.
fn grant(args: &CreateTokenArgs, input: &mut Input<'_>) -> Result<Option<Grant>, Failure> {
    let kind = input.required_text("grantType", args.grant_type.as_deref())?;
    let grant = match kind.as_str() {
        "" => return Ok(None),
        grant_type::DEVICE_CODE => Grant::device_code(input.required_secret(
            "deviceCode",
            args.device_code.as_deref(),
            args.device_code_file.as_deref(),
        )?),
        grant_type::AUTHORIZATION_CODE => Grant::AuthorizationCode {
            code: input.required_secret("code", args.code.as_deref(), args.code_file.as_deref())?,
            redirect_uri: input.text("redirectUri", args.redirect_uri.as_deref())?,
            code_verifier: input.secret(
                "codeVerifier",
                args.code_verifier.as_deref(),
                args.code_verifier_file.as_deref(),
            )?,
        },
        grant_type::REFRESH_TOKEN => Grant::RefreshToken {
            refresh_token: input.required_secret(
                "refreshToken",
                args.refresh_token.as_deref(),
                args.refresh_token_file.as_deref(),
            )?,
        },
        other => return Err(unknown_grant_type(other)),
    };
    for (owner, member, given) in [
        (grant_type::DEVICE_CODE, "deviceCode", given(&args.device_code, &args.device_code_file)),
        (grant_type::AUTHORIZATION_CODE, "code", given(&args.code, &args.code_file)),
        (
            grant_type::AUTHORIZATION_CODE,
            "codeVerifier",
            given(&args.code_verifier, &args.code_verifier_file),
        ),
        (grant_type::AUTHORIZATION_CODE, "redirectUri", args.redirect_uri.is_some()),
        (grant_type::REFRESH_TOKEN, "refreshToken", given(&args.refresh_token, &args.refresh_token_file)),
    ] {
        if owner != kind {
            input.refuse(member, given, &format!("grant type {kind}"))?;
        }
    }
    Ok(Some(grant))
}

/// Returns the failure for an unknown grant type. The AWS CLI would send it, and the secrets with it, only for the
/// service to reject it.
fn unknown_grant_type(kind: &str) -> Failure {
    Failure::usage(format_args!(
        "unknown grant type {kind}; it must be {}, {} or {}",
        grant_type::DEVICE_CODE,
        grant_type::AUTHORIZATION_CODE,
        grant_type::REFRESH_TOKEN
    ))
}

fn given(argument: &Option<String>, file: &Option<PathBuf>) -> bool {
    argument.is_some() || file.is_some()
}

/// Returns the printed form of CreateToken's result.
pub(crate) fn token_document(token: &Token) -> Document {
    Document::map([
        ("accessToken", (&token.access_token).into()),
        ("tokenType", token.token_type.as_str().into()),
        ("expiresIn", token.expires_in.into()),
        ("refreshToken", token.refresh_token.as_ref().into()),
        ("idToken", token.id_token.as_ref().into()),
    ])
}
