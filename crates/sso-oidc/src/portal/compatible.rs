//! `list-accounts`, `list-account-roles` and `get-role-credentials`, with the flags and the output of `aws sso`.

use clap::Args;
use device_flow::CallError;
use device_flow_ureq::HttpClient;
use oidc_proto::portal::{
    AccountInfo, GetRoleCredentialsRequest, ListAccountRolesRequest, ListAccountsRequest, RoleInfo,
};
use oidc_proto::{Operation, Secret};

use super::Portal;
use super::pages::{Listing, PageArgs};
use crate::exit::Failure;
use crate::login::StoredArgs;
use crate::output::{Document, Format, Printer, Rehearsal};
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
    let called = match given_token(args.access_token.as_deref(), settings)? {
        Some(token) => {
            let caller = super::caller_without_session(settings)?;
            super::call_with_given(&caller, operation, |client| send(client, &token))
        }
        None => Portal::open(&args.stored, settings)?.call(operation, send),
    };
    called.map_err(|denied| denied.explained(operation))
}

/// Returns a printer, after its query was tried on a sample.
fn printer(settings: &Settings, sample: Document) -> Result<Printer, Failure> {
    let printer = settings.printer()?;
    printer.rehearse(&Rehearsal::new(sample, |member| member.eq_ignore_ascii_case("nextToken")))?;
    Ok(printer)
}

/// Runs `list-accounts`.
///
/// # Errors
/// There is no token to use, or the portal fails.
pub(crate) fn list_accounts(args: &ListAccountsArgs, settings: &Settings) -> Result<(), Failure> {
    let one = AccountInfo::new("accountId", "accountName").with_email_address("emailAddress");
    let list = List("accountList", |account: &AccountInfo| {
        Document::map([
            ("accountId", account.account_id.as_str().into()),
            ("accountName", account.account_name.as_deref().into()),
            ("emailAddress", account.email_address.as_deref().into()),
        ])
    });
    let printer = printer(settings, list.document(&sample(one, &args.page)))?;
    let listing = call(&args.token, settings, Operation::ListAccounts, |client, token| {
        args.page.list(|max_results, next_token| {
            let mut request = ListAccountsRequest::default();
            (request.max_results, request.next_token) = (max_results, next_token);
            client.list_accounts(token, &request)
        })
    })?;
    list.print(&printer, "ListAccounts", &listing)
}

/// Runs `list-account-roles`.
///
/// # Errors
/// There is no token to use, or the portal fails.
pub(crate) fn list_account_roles(args: &ListAccountRolesArgs, settings: &Settings) -> Result<(), Failure> {
    let list = List("roleList", |role: &RoleInfo| {
        Document::map([
            ("roleName", role.role_name.as_str().into()),
            ("accountId", role.account_id.as_deref().into()),
        ])
    });
    let one = RoleInfo::new("accountId", "roleName");
    let printer = printer(settings, list.document(&sample(one, &args.page)))?;
    let listing = call(&args.token, settings, Operation::ListAccountRoles, |client, token| {
        args.page.list(|max_results, next_token| {
            let mut request = ListAccountRolesRequest::new(&args.account_id);
            (request.max_results, request.next_token) = (max_results, next_token);
            client.list_account_roles(token, &request)
        })
    })?;
    list.print(&printer, "ListAccountRoles", &listing)
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

/// Returns a listing for the rehearsal of a query.
fn sample<T>(item: T, page: &PageArgs) -> Listing<T> {
    let next_token = Some("nextToken".to_owned());
    Listing { items: vec![item], lengths: vec![1], next_token, is_page: page.is_page() }
}

/// The member with the items of a list, and what an item becomes.
struct List<F>(&'static str, F);

impl<F> List<F> {
    fn items<T>(&self, items: &[T]) -> (&'static str, Document)
    where
        F: Fn(&T) -> Document,
    {
        (self.0, Document::List(items.iter().map(&self.1).collect()))
    }

    fn document<T>(&self, listing: &Listing<T>) -> Document
    where
        F: Fn(&T) -> Document,
    {
        let (items, next_token) = (self.items(&listing.items), listing.next_token.as_deref().into());
        // The AWS CLI prints a page in the model's order, and puts its own token behind a list of several.
        match listing.is_page {
            true => Document::map([("nextToken", next_token), items]),
            false => Document::map([items, ("NextToken", next_token)]),
        }
    }

    fn print<T>(&self, printer: &Printer, title: &str, listing: &Listing<T>) -> Result<(), Failure>
    where
        F: Fn(&T) -> Document,
    {
        if printer.format != Format::Text || listing.is_page {
            return printer.print(title, &self.document(listing));
        }
        // As text, the AWS CLI prints each page and the token by itself, and applies a query to each.
        for page in listing.pages() {
            printer.print(title, &Document::map([self.items(page)]))?;
        }
        let Some(token) = listing.next_token.as_deref() else { return Ok(()) };
        let token = Document::map([("NextToken", token.into())]);
        printer.print(title, &Document::map([("NextToken", token)]))
    }
}
