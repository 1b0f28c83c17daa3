//! `list-accounts`, `list-account-roles` and `get-role-credentials`, with the flags and the output of `aws sso`.

use clap::Args;
use device_flow::CallError;
use device_flow_ureq::HttpClient;
use oidc_proto::portal::{
    AccountInfo, GetRoleCredentialsRequest, ListAccountRolesRequest, ListAccountsRequest, Page, RoleInfo,
};
use oidc_proto::{Operation, Secret};

use super::{Denied, Portal};
use crate::exit::Failure;
use crate::login::StoredArgs;
use crate::output::{Document, Printer, Rehearsal};
use crate::settings::Settings;
use crate::sources::Sources;

/// The access token of a call, from a flag or from the cache.
#[derive(Args, Debug)]
pub(crate) struct TokenArgs {
    /// The access token: the token itself, file://PATH, or - for standard input; else the stored one [env:
    /// SSO_OIDC_ACCESS_TOKEN]
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true, conflicts_with_all = ["start_url", "sso_session"])]
    access_token: Option<String>,

    #[command(flatten)]
    stored: StoredArgs,
}

/// The pages of a list.
#[derive(Args, Debug)]
pub(crate) struct PageArgs {
    /// The items of a page; with it one page is requested
    #[arg(long, visible_alias = "page-size", value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..=100))]
    max_results: Option<u8>,

    /// The token of the page, from the last one's nextToken
    #[arg(long, visible_alias = "starting-token", value_name = "TOKEN")]
    next_token: Option<String>,
}

/// The flags of `list-accounts`.
#[derive(Args, Debug)]
pub(crate) struct ListAccountsArgs {
    #[command(flatten)]
    page: PageArgs,

    #[command(flatten)]
    token: TokenArgs,
}

/// The flags of `list-account-roles`.
#[derive(Args, Debug)]
pub(crate) struct ListAccountRolesArgs {
    /// The account's id
    #[arg(long, value_name = "ID")]
    account_id: String,

    #[command(flatten)]
    page: PageArgs,

    #[command(flatten)]
    token: TokenArgs,
}

/// The flags of `get-role-credentials`.
#[derive(Args, Debug)]
pub(crate) struct GetRoleCredentialsArgs {
    /// The role's name
    #[arg(long, value_name = "NAME")]
    role_name: String,

    /// The account's id
    #[arg(long, value_name = "ID")]
    account_id: String,

    #[command(flatten)]
    token: TokenArgs,
}

/// Returns the access token that a flag or a variable gives.
///
/// # Errors
/// The file or standard input cannot be read.
pub(super) fn given_token(flag: Option<&str>, settings: &Settings) -> Result<Option<Secret>, Failure> {
    let environment = settings.environment();
    match flag {
        Some(argument) => Sources::new(environment).secret("--access-token", argument).map(Some),
        None => Ok(environment.get("SSO_OIDC_ACCESS_TOKEN").map(Secret::from)),
    }
}

/// Calls an operation with the token of the flags, or with the stored one.
fn call<T>(
    args: &TokenArgs,
    settings: &Settings,
    operation: Operation,
    mut send: impl FnMut(&HttpClient, &Secret) -> Result<T, CallError>,
) -> Result<T, Failure> {
    match given_token(args.access_token.as_deref(), settings)? {
        Some(token) => {
            super::caller_without_session(settings)?.call(operation, |client| send(client, &token))
        }
        None => Portal::open(&args.stored, settings)?.call(operation, send).map_err(Denied::into_failure),
    }
}

/// Returns a printer, after its query was tried on a sample.
fn printer(settings: &Settings, sample: Document) -> Result<Printer, Failure> {
    let printer = settings.printer()?;
    printer.rehearse(&Rehearsal::new(sample, |member| member == "nextToken"))?;
    Ok(printer)
}

/// Runs `list-accounts`.
///
/// # Errors
/// There is no token to use, or the portal fails.
pub(crate) fn list_accounts(args: &ListAccountsArgs, settings: &Settings) -> Result<(), Failure> {
    let one = AccountInfo::new("accountId", "accountName").with_email_address("emailAddress");
    let document = |page: &Page<AccountInfo>| {
        list("accountList", page, |account| {
            Document::map([
                ("accountId", account.account_id.as_str().into()),
                ("accountName", account.account_name.as_deref().into()),
                ("emailAddress", account.email_address.as_deref().into()),
            ])
        })
    };
    let printer = printer(settings, document(&Page::new(vec![one], Some("nextToken".to_owned()))))?;
    let PageArgs { max_results, next_token } = &args.page;
    let page = call(&args.token, settings, Operation::ListAccounts, |client, token| {
        let mut request = ListAccountsRequest::default();
        (request.max_results, request.next_token) = (max_results.map(Into::into), next_token.clone());
        match max_results {
            Some(_) => client.list_accounts(token, &request),
            None if next_token.is_some() => client.list_accounts(token, &request),
            None => Ok(Page::new(client.all_accounts(token)?, None)),
        }
    })?;
    printer.print("ListAccounts", &document(&page))
}

/// Runs `list-account-roles`.
///
/// # Errors
/// There is no token to use, or the portal fails.
pub(crate) fn list_account_roles(args: &ListAccountRolesArgs, settings: &Settings) -> Result<(), Failure> {
    let document = |page: &Page<RoleInfo>| {
        list("roleList", page, |role| {
            Document::map([
                ("roleName", role.role_name.as_str().into()),
                ("accountId", role.account_id.as_deref().into()),
            ])
        })
    };
    let sample = Page::new(vec![RoleInfo::new("accountId", "roleName")], Some("nextToken".to_owned()));
    let printer = printer(settings, document(&sample))?;
    let PageArgs { max_results, next_token } = &args.page;
    let page = call(&args.token, settings, Operation::ListAccountRoles, |client, token| {
        let mut request = ListAccountRolesRequest::new(&args.account_id);
        (request.max_results, request.next_token) = (max_results.map(Into::into), next_token.clone());
        match max_results {
            Some(_) => client.list_account_roles(token, &request),
            None if next_token.is_some() => client.list_account_roles(token, &request),
            None => Ok(Page::new(client.all_account_roles(token, &args.account_id)?, None)),
        }
    })?;
    printer.print("ListAccountRoles", &document(&page))
}

/// Runs `get-role-credentials`.
///
/// # Errors
/// There is no token to use, or the portal refuses.
pub(crate) fn get_role_credentials(
    args: &GetRoleCredentialsArgs,
    settings: &Settings,
) -> Result<(), Failure> {
    let document = |key_id: &str, key: Document, token: Document, expiration: i64| {
        let members = Document::map([
            ("accessKeyId", key_id.into()),
            ("secretAccessKey", key),
            ("sessionToken", token),
            ("expiration", Document::Number(expiration.into())),
        ]);
        Document::map([("roleCredentials", members)])
    };
    let sample = document("accessKeyId", "secretAccessKey".into(), "sessionToken".into(), 0);
    let printer = printer(settings, sample)?;
    let request = GetRoleCredentialsRequest::new(&args.account_id, &args.role_name);
    let found = call(&args.token, settings, Operation::GetRoleCredentials, |client, token| {
        client.get_role_credentials(token, &request)
    })?;
    let milliseconds = found.expiration.get().saturating_mul(1000);
    let (key, token) = ((&found.secret_access_key).into(), (&found.session_token).into());
    printer.print("GetRoleCredentials", &document(&found.access_key_id, key, token, milliseconds))
}

fn list<T>(name: &str, page: &Page<T>, item: impl Fn(&T) -> Document) -> Document {
    let items = Document::List(page.items.iter().map(item).collect());
    Document::map([(name, items), ("nextToken", page.next_token.as_deref().into())])
}
