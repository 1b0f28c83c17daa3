//! The command line: the commands and their flags.

use clap::{Args as _, Parser, Subcommand};

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

/// Adds the arguments of a command to its definition.
type Define = fn(clap::Command) -> clap::Command;

/// Declares the commands, and a table of their arguments.
macro_rules! commands {
    ($($(#[$text:meta])* $name:literal => $command:ident($arguments:ty),)*) => {
        /// The commands. Each is a module with a `clap::Args` type and a `run` function; see `main.rs`.
        #[derive(Subcommand)]
        pub(crate) enum Command {
            $($(#[$text])* #[command(name = $name)] $command($arguments),)*
        }

        /// The arguments of each command, by its name. The definition of all takes longer than most commands run.
        const ARGUMENTS: &[(&str, Define)] = &[$(($name, <$arguments>::augment_args),)*];
    };
}

commands! {
    /// Sign in with a browser, here or on another device, and store the token for AWS's tools
    "login" => Login(LoginArgs),
    /// Print the stored access token, refreshed first if it expires within 15 minutes
    "token" => Token(TokenArgs),
    /// Refresh the stored token if it expires within 15 minutes, or now with --force
    "refresh" => Refresh(RefreshArgs),
    /// Show who is signed in and for how long, without a request; the exit code says it, too
    "status" => Status(StatusArgs),
    /// Sign out: end the sign-in at the portal, and remove the stored token
    "logout" => Logout(LogoutArgs),
    /// List your accounts
    "accounts" => Accounts(AccountsArgs),
    /// List your roles, of one account or of all
    "roles" => Roles(RolesArgs),
    /// Print the credentials of a role, for a shell, a file or another program
    "credentials" => Credentials(CredentialsArgs),
    /// Print the credentials of a role as a credential_process of AWS's config file
    "credential-process" => CredentialProcess(CredentialProcessArgs),
    /// Run a command with the credentials of a role
    "exec" => Exec(ExecArgs),
    /// Add sessions and profiles to the AWS config file, whose other lines stay as they are
    "configure" => Configure(ConfigureArgs),
    /// Look for what may be wrong: settings, clock, endpoints, proxy, certificates, files, locks, browser
    "doctor" => Doctor(DoctorArgs),
    /// Show where tokens and registrations are stored, list them, and remove those of no more use
    "cache" => Cache(CacheArgs),
    /// Run a complete sign-in against a local server; needs no configuration and no AWS account
    "demo" => Demo(DemoArgs),
    /// Run a local test server in place of the real service, with an approval page
    ///
    /// Set AWS_ENDPOINT_URL_SSO_OIDC to its URL to use it from an AWS tool.
    "serve" => Serve(Box<ServeArgs>),
    /// Run a command under each injected fault of the test server, and show how it ended
    "try-faults" => TryFaults(TryFaultsArgs),
    /// Approve a device at a running test server, as a person does in a browser
    "approve" => Approve(ApproveArgs),
    /// Deny a device at a running test server, as a person does in a browser
    "deny" => Deny(DecisionArgs),
    /// Tell by the exit code whether a running test server is ready, for a container or a script
    "ready" => Ready(ReadyArgs),
    /// Check whether a server keeps the rules of the device grant (RFC 8628), and of what it is built on
    "conform" => Conform(ConformArgs),
    /// Register a client with the service, and print its id and secret
    "register-client" => RegisterClient(RegisterClientArgs),
    /// Request a device code, and a user code to approve in a browser
    "start-device-authorization" => StartDeviceAuthorization(StartDeviceAuthorizationArgs),
    /// Exchange a device code, an authorization code or a refresh token for an access token
    "create-token" => CreateToken(CreateTokenArgs),
    /// List your accounts as `aws sso list-accounts` does
    "list-accounts" => ListAccounts(ListAccountsArgs),
    /// List your roles in an account as `aws sso list-account-roles` does
    "list-account-roles" => ListAccountRoles(ListAccountRolesArgs),
    /// Print the credentials of a role as `aws sso get-role-credentials` does
    "get-role-credentials" => GetRoleCredentials(GetRoleCredentialsArgs),
    /// Print a script that completes commands and flags in a shell
    "completions" => Completions(CompletionsArgs),
    /// Print the manual pages, or write them to a directory
    "man" => Man(ManArgs),
}

impl Command {
    /// Returns the definition of the command of this name, without its text in the list of all.
    pub(crate) fn named(name: &str) -> Option<clap::Command> {
        let (name, define) = ARGUMENTS.iter().find(|(known, _)| *known == name)?;
        Some(define(clap::Command::new(*name)))
    }
}
