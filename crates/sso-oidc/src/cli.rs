//! The command line: the commands and their flags.

use clap::{Parser, Subcommand};

use crate::demo::DemoArgs;
use crate::globals::Globals;
use crate::login::LoginArgs;
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
Exit codes: 0 success, 252 wrong arguments, 253 wrong or missing configuration, 254 the service said no, 255 \
anything else, 130 Ctrl-C.";

/// The commands. A new one is a module of its own with a `clap::Args` type and a `run` function; see `main.rs`.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Sign in: show a code, wait for a person to approve it in a browser, keep the token where AWS's tools look
    Login(LoginArgs),
    /// Watch a complete sign-in against a local server: nothing to configure, no AWS account needed
    Demo(DemoArgs),
    /// Run a local server that stands in for the real service, with the page a person approves on
    ///
    /// Point an AWS tool at it with AWS_ENDPOINT_URL_SSO_OIDC. The AWS CLI needs --use-device-code there: this server has no
    /// authorization code flow.
    Serve(ServeArgs),
    /// Make a client known to the service; prints its id and secret
    RegisterClient(RegisterClientArgs),
    /// Ask for a device code, and for the user code that a person approves in a browser
    StartDeviceAuthorization(StartDeviceAuthorizationArgs),
    /// Exchange a device code, an authorization code or a refresh token for an access token
    CreateToken(CreateTokenArgs),
}
