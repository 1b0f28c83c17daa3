//! `credential-process`: credentials for AWS's tools, through `credential_process` of a profile.

use clap::Args;

use super::credentials::get;
use super::format;
use super::role::RoleArgs;
use crate::exit::{Failure, print_data};
use crate::login::StoredArgs;
use crate::settings::Settings;

/// The flags of `credential-process`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
It prints JSON and asks no person. The credentials are cached; of many processes at a time one asks the portal.

In ~/.aws/config:
  [profile work]
  credential_process = sso-oidc credential-process --sso-session corp --account 012345678901 --role Reader")]
pub(crate) struct CredentialProcessArgs {
    #[command(flatten)]
    role: RoleArgs,

    #[command(flatten)]
    stored: StoredArgs,
}

/// Runs `credential-process`.
///
/// # Errors
/// No role is meant, there is no session to use, or the portal refuses.
pub(crate) fn run(args: &CredentialProcessArgs, settings: &Settings) -> Result<(), Failure> {
    let (role, credentials) = get(&args.role, &args.stored, false, settings)?;
    print_data(&format::process(&credentials, &role.account_id))
}
