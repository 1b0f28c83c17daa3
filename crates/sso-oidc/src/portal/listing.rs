//! `accounts` and `roles`: the lists of a person, sorted and filtered.

use clap::Args;
use oidc_proto::portal::AccountInfo;

use super::Portal;
use super::choice::{Named, matches, meant};
use super::role::{Wanted, account_id};
use crate::exit::{Failure, print_data};
use crate::login::StoredArgs;
use crate::output::{Document, Printer, rows, terminal_width};
use crate::settings::Settings;

/// The flags of `accounts`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Without --output it prints columns: aligned on a terminal, separated by tabs in a pipe.")]
pub(crate) struct AccountsArgs {
    /// Show only accounts with these parts in id, name or email address
    filter: Vec<String>,

    #[command(flatten)]
    stored: StoredArgs,
}

/// The flags of `roles`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Without --account it lists the roles of all accounts. Without --output it prints columns: aligned on a terminal, \
separated by tabs in a pipe.")]
pub(crate) struct RolesArgs {
    /// Show only roles with these parts in account or name
    filter: Vec<String>,

    /// Show only the roles in this account: its id, its name, or a part of the name
    #[arg(long, visible_alias = "account-id", value_name = "ACCOUNT")]
    account: Option<String>,

    #[command(flatten)]
    stored: StoredArgs,
}

/// The output of a list: columns for people and simple scripts, or a document.
enum Output {
    Columns(Option<usize>),
    Document(Printer),
}

impl Output {
    /// # Errors
    /// A format or a query is invalid.
    fn of(settings: &Settings, sample: Document) -> Result<Self, Failure> {
        let globals = settings.globals();
        if globals.output.is_none() && globals.query.is_none() {
            return Ok(Self::Columns(terminal_width()));
        }
        let printer = settings.printer()?;
        printer.rehearse(&crate::output::Rehearsal::new(sample, |_| false))?;
        Ok(Self::Document(printer))
    }
}

/// Runs `accounts`.
///
/// # Errors
/// There is no session to use, or the portal fails.
pub(crate) fn accounts(args: &AccountsArgs, settings: &Settings) -> Result<(), Failure> {
    const NAMES: [&str; 3] = ["accountId", "accountName", "emailAddress"];
    let output = Output::of(
        settings,
        list("accountList", vec![Document::map(NAMES.map(|name| (name, name.into())))]),
    )?;
    let mut portal = Portal::open(&args.stored, settings)?;
    let filter = args.filter.join(" ");
    let accounts = portal.accounts()?;
    let chosen = accounts.iter().filter(|account| matches(*account, &filter));
    match output {
        Output::Columns(width) => {
            let cells = chosen.map(|account| {
                let [name, email] = [&account.account_name, &account.email_address]
                    .map(|text| text.clone().unwrap_or_default());
                [account.account_id.clone(), name, email]
            });
            print_data(&rows(["ACCOUNT ID", "NAME", "EMAIL"], cells, width))
        }
        Output::Document(printer) => {
            let item = |account: &AccountInfo| {
                Document::map([
                    ("accountId", account.account_id.as_str().into()),
                    ("accountName", account.account_name.as_deref().into()),
                    ("emailAddress", account.email_address.as_deref().into()),
                ])
            };
            printer.print("ListAccounts", &list("accountList", chosen.map(item).collect()))
        }
    }
}

/// A role with its account, as it is listed.
struct Row {
    account_id: String,
    account_name: String,
    role_name: String,
}

impl Named for Row {
    fn names(&self) -> Vec<&str> {
        vec![&self.role_name, &self.account_id, &self.account_name]
    }
}

impl Portal<'_> {
    /// Returns all roles in all accounts that a filter selects, by account and name.
    ///
    /// # Errors
    /// The portal fails.
    pub(crate) fn all_roles(&mut self, filter: &str) -> Result<Vec<(AccountInfo, String)>, Failure> {
        let mut found = Vec::new();
        for account in self.accounts()? {
            for role in self.roles(&account.account_id)? {
                let row = Row {
                    account_id: account.account_id.clone(),
                    account_name: account.account_name.clone().unwrap_or_default(),
                    role_name: role.role_name,
                };
                if matches(&row, filter) {
                    found.push((account.clone(), row.role_name));
                }
            }
        }
        Ok(found)
    }
}

/// Runs `roles`.
///
/// # Errors
/// There is no session to use, no account is meant, or the portal fails.
pub(crate) fn roles(args: &RolesArgs, settings: &Settings) -> Result<(), Failure> {
    const NAMES: [&str; 3] = ["roleName", "accountId", "accountName"];
    let output =
        Output::of(settings, list("roleList", vec![Document::map(NAMES.map(|name| (name, name.into())))]))?;
    let mut portal = Portal::open(&args.stored, settings)?;
    let accounts = portal.accounts()?;
    let wanted = args.account.as_deref().map(|named| account_id(named).unwrap_or_else(|| named.to_owned()));
    let in_these = match &wanted {
        None => accounts.iter().collect(),
        Some(named) => meant(&accounts, named),
    };
    if let ([], Some(named)) = (in_these.as_slice(), &wanted) {
        // The portal's own refusal, with the list of accounts.
        let wanted = Wanted { account: Some(named.clone()), role: None };
        return wanted.find(&mut portal).map(drop);
    }
    let filter = args.filter.join(" ");
    let mut found = Vec::new();
    for account in in_these {
        for role in portal.roles(&account.account_id)? {
            found.push(Row {
                account_id: account.account_id.clone(),
                account_name: account.account_name.clone().unwrap_or_default(),
                role_name: role.role_name,
            });
        }
    }
    found.retain(|row| matches(row, &filter));
    match output {
        Output::Columns(width) => {
            let cells = found.into_iter().map(|row| [row.account_id, row.account_name, row.role_name]);
            print_data(&rows(["ACCOUNT ID", "ACCOUNT", "ROLE"], cells, width))
        }
        Output::Document(printer) => {
            let item = |row: &Row| {
                Document::map([
                    ("roleName", row.role_name.as_str().into()),
                    ("accountId", row.account_id.as_str().into()),
                    ("accountName", Some(row.account_name.as_str()).filter(|name| !name.is_empty()).into()),
                ])
            };
            printer.print("ListAccountRoles", &list("roleList", found.iter().map(item).collect()))
        }
    }
}

fn list(name: &str, items: Vec<Document>) -> Document {
    Document::Map(vec![(name.to_owned(), Document::List(items))])
}
