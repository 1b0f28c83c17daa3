//! The command line: the commands and their flags.

use clap::{Parser, Subcommand};

use crate::demo::DemoArgs;
use crate::globals::Globals;
use crate::login::{LoginArgs, RefreshArgs, TokenArgs};
use crate::operations::{CreateTokenArgs, RegisterClientArgs, StartDeviceAuthorizationArgs};
use crate::serve::ServeArgs;

/// Sign in to AWS IAM Identity Center from a terminal.
#[derive(Parser)]
#[command(
    name = "sso-oidc",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    max_term_width = 110,
    after_help = EXIT_CODES
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 success, 252 wrong arguments, 253 wrong or missing configuration, 254 error from the service, 255 \
any other error, 130 Ctrl-C.";

/// The commands. Each is a module with a `clap::Args` type and a `run` function; see `main.rs`.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Sign in with a browser, here or on another device, and store the token for AWS's tools
    Login(LoginArgs),
    /// Print the stored access token, refreshed first if it expires within 15 minutes
    Token(TokenArgs),
    /// Refresh the stored token if it expires within 15 minutes, or now with --force
    Refresh(RefreshArgs),
    /// Run a complete sign-in against a local server; needs no configuration and no AWS account
    Demo(DemoArgs),
    /// Run a local test server in place of the real service, with an approval page
    ///
    /// Set AWS_ENDPOINT_URL_SSO_OIDC to its URL to use it from an AWS tool.
    Serve(ServeArgs),
    /// Register a client with the service, and print its id and secret
    RegisterClient(RegisterClientArgs),
    /// Request a device code, and a user code to approve in a browser
    StartDeviceAuthorization(StartDeviceAuthorizationArgs),
    /// Exchange a device code, an authorization code or a refresh token for an access token
    CreateToken(CreateTokenArgs),
}
