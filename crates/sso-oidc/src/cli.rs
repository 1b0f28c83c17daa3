//! The command line: the commands and their flags.

use clap::{Parser, Subcommand};

use crate::approve::{ApproveArgs, DecisionArgs};
use crate::cache::CacheArgs;
use crate::completions::CompletionsArgs;
use crate::configure::ConfigureArgs;
use crate::conform::ConformArgs;
use crate::demo::DemoArgs;
use crate::globals::Globals;
use crate::login::{DoctorArgs, LoginArgs, RefreshArgs, TokenArgs};
use crate::man::ManArgs;
use crate::operations::{CreateTokenArgs, RegisterClientArgs, StartDeviceAuthorizationArgs};
use crate::portal::{
    AccountsArgs, CredentialProcessArgs, CredentialsArgs, ExecArgs, GetRoleCredentialsArgs,
    ListAccountRolesArgs, ListAccountsArgs, LogoutArgs, RolesArgs,
};
use crate::ready::ReadyArgs;
use crate::serve::ServeArgs;
use crate::status::StatusArgs;
use crate::try_faults::TryFaultsArgs;

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
any other error, 130 Ctrl-C. `status` has 3, 4 and 5, too, `approve` 4, 6 and 7, `try-faults`, `conform` and `ready` 1. \
`exec` and `serve -- COMMAND` have those of their command, and 126 and 127.";

/// The commands. Each is a module with a `clap::Args` type and a `run` function; see `main.rs`.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Sign in with a browser, here or on another device, and store the token for AWS's tools
    Login(LoginArgs),
    /// Print the stored access token, refreshed first if it expires within 15 minutes
    Token(TokenArgs),
    /// Refresh the stored token if it expires within 15 minutes, or now with --force
    Refresh(RefreshArgs),
    /// Show who is signed in and for how long, without a request; the exit code says it, too
    Status(StatusArgs),
    /// Sign out: end the sign-in at the portal, and remove the stored token
    Logout(LogoutArgs),
    /// List your accounts
    Accounts(AccountsArgs),
    /// List your roles, of one account or of all
    Roles(RolesArgs),
    /// Print the credentials of a role, for a shell, a file or another program
    Credentials(CredentialsArgs),
    /// Print the credentials of a role as a credential_process of AWS's config file
    CredentialProcess(CredentialProcessArgs),
    /// Run a command with the credentials of a role
    Exec(ExecArgs),
    /// Add sessions and profiles to the AWS config file, whose other lines stay as they are
    Configure(ConfigureArgs),
    /// Look for what may be wrong: settings, clock, endpoints, proxy, certificates, files, locks, browser
    Doctor(DoctorArgs),
    /// Show where tokens and registrations are stored, list them, and remove those of no more use
    Cache(CacheArgs),
    /// Run a complete sign-in against a local server; needs no configuration and no AWS account
    Demo(DemoArgs),
    /// Run a local test server in place of the real service, with an approval page
    ///
    /// Set AWS_ENDPOINT_URL_SSO_OIDC to its URL to use it from an AWS tool.
    Serve(Box<ServeArgs>),
    /// Run a command under each injected fault of the test server, and show how it ended
    TryFaults(TryFaultsArgs),
    /// Approve a device at a running test server, as a person does in a browser
    Approve(ApproveArgs),
    /// Deny a device at a running test server, as a person does in a browser
    Deny(DecisionArgs),
    /// Tell by the exit code whether a running test server is ready, for a container or a script
    Ready(ReadyArgs),
    /// Check whether a server keeps the rules of the device grant (RFC 8628), and of what it is built on
    Conform(ConformArgs),
    /// Register a client with the service, and print its id and secret
    RegisterClient(RegisterClientArgs),
    /// Request a device code, and a user code to approve in a browser
    StartDeviceAuthorization(StartDeviceAuthorizationArgs),
    /// Exchange a device code, an authorization code or a refresh token for an access token
    CreateToken(CreateTokenArgs),
    /// List your accounts as `aws sso list-accounts` does
    ListAccounts(ListAccountsArgs),
    /// List your roles in an account as `aws sso list-account-roles` does
    ListAccountRoles(ListAccountRolesArgs),
    /// Print the credentials of a role as `aws sso get-role-credentials` does
    GetRoleCredentials(GetRoleCredentialsArgs),
    /// Print a script that completes commands and flags in a shell
    Completions(CompletionsArgs),
    /// Print the manual pages, or write them to a directory
    Man(ManArgs),
}
