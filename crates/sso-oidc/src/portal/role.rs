//! The choice of an account and a role, by flags, by the profile, or because there is only one.

use clap::Args;
use oidc_proto::Operation;
use oidc_proto::portal::{AccountInfo, RoleInfo};
use sso_cache::Profile;

use super::choice::{Named, meant};
use super::{Denied, Portal};
use crate::exit::Failure;
use crate::explain::shell_word;
use crate::login::StoredArgs;
use crate::picker::pick;
use crate::settings::Settings;
use crate::stored::identity_of;

/// The most items that a message lists.
const LISTED: usize = 12;

/// The number of digits of an account's id.
const DIGITS: usize = 12;

/// The flags that name a role.
#[derive(Args, Debug, Default)]
pub(crate) struct RoleArgs {
    /// The account: its id, its name, or a part of the name [profile: sso_account_id]
    #[arg(long, visible_alias = "account-id", value_name = "ACCOUNT")]
    pub(super) account: Option<String>,

    /// The role: its name, or a part of it [profile: sso_role_name]
    #[arg(long, visible_alias = "role-name", value_name = "ROLE")]
    pub(super) role: Option<String>,
}

/// A role as flags or profile name it.
pub(super) struct Wanted {
    pub(super) account: Option<String>,
    pub(super) role: Option<String>,
}

/// A role of an account, by its exact name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) account_id: String,
    pub(super) role_name: String,
}

impl Named for AccountInfo {
    fn names(&self) -> Vec<&str> {
        [Some(&self.account_id), self.account_name.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect()
    }

    fn note(&self) -> Option<&str> {
        self.email_address.as_deref()
    }
}

impl Named for RoleInfo {
    fn names(&self) -> Vec<&str> {
        vec![&self.role_name]
    }
}

impl RoleArgs {
    /// Returns the role of the flags, or else of the profile.
    ///
    /// # Errors
    /// The flags or the configuration are wrong, or the profile assumes a role.
    pub(super) fn wanted(&self, stored: &StoredArgs, settings: &Settings) -> Result<Wanted, Failure> {
        let profile = self.profile(stored, settings)?;
        let of_profile = |key| profile.and_then(|profile| profile.text(key)).map(str::to_owned);
        // A flag for another account must not take the profile's role by chance: the profile names a pair.
        let role = self.role.clone().or_else(|| match self.account {
            Some(_) => None,
            None => of_profile("sso_role_name"),
        });
        Ok(Wanted { account: self.account.clone().or_else(|| of_profile("sso_account_id")), role })
    }

    /// Returns the profile, if its portal is the one that is meant. The account and role of another would be a guess.
    ///
    /// # Errors
    /// The flags or the configuration are wrong, or the profile assumes a role, which the portal does not give.
    pub(super) fn profile<'a>(
        &self,
        stored: &StoredArgs,
        settings: &'a Settings,
    ) -> Result<Option<Profile<'a>>, Failure> {
        let Some(profile) = settings.profile() else { return Ok(None) };
        if let (Some(_), false, None, None) =
            (profile.text("role_arn"), stored.is_named(), &self.account, &self.role)
        {
            let name = profile.name();
            let failure = Failure::config(format_args!("The profile {name} assumes a role (role_arn)"));
            return Err(match profile.source_profile().filter(|source| *source != name) {
                Some(source) => failure.with_hint(format_args!(
                    "the portal gives the role of its source: pass --profile {}",
                    shell_word(source)
                )),
                None => failure.with_hint("pass --account and --role for a role of the portal"),
            });
        }
        let identity = stored.identity(settings)?;
        let own = settings.config().resolve_sso(profile.name());
        Ok(own.is_ok_and(|found| identity_of(&found) == identity).then_some(profile))
    }
}

impl Wanted {
    /// Returns the role if it is named exactly, so that no list is needed.
    pub(super) fn exact(&self) -> Option<Role> {
        let account_id = account_id(self.account.as_deref()?)?;
        Some(Role { account_id, role_name: self.role.clone()? })
    }

    /// Finds the role at the portal. Without a name the only one is meant.
    ///
    /// # Errors
    /// None or several are meant, or the portal fails. The message lists them.
    pub(super) fn find(&self, portal: &mut Portal<'_>) -> Result<Role, Failure> {
        let account_id = match self.account.as_deref() {
            Some(named) if account_id(named).is_some() => account_id(named).unwrap_or_default(),
            named => {
                let accounts = portal.accounts()?;
                one("account", &accounts, named, portal.settings)?.account_id.clone()
            }
        };
        let roles = portal.roles(&account_id)?;
        let role = one("role", &roles, self.role.as_deref(), portal.settings)
            .map_err(|failure| failure.with_detail(format_args!("The account is {account_id}.")))?;
        Ok(Role { role_name: role.role_name.clone(), account_id })
    }
}

/// Returns the id of an account, if the text is one. A number that has lost its leading zeros gets them back.
pub(crate) fn account_id(text: &str) -> Option<String> {
    let is_number =
        !text.is_empty() && text.len() <= DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| format!("{text:0>DIGITS$}"))
}

/// Returns the one item that is meant, by its name or by the choice of a person.
fn one<'a, T: Named>(
    what: &str,
    items: &'a [T],
    named: Option<&str>,
    settings: &Settings,
) -> Result<&'a T, Failure> {
    let failure = match meant_one(what, items, named) {
        Ok(item) => return Ok(item),
        Err(failure) => failure,
    };
    let candidates = named.map_or_else(|| items.iter().collect(), |named| meant(items, named));
    let lines: Vec<String> = candidates.iter().map(|item| item.names().join("  ")).collect();
    match pick(&format!("Which {what}?"), &lines, settings)? {
        Some(picked) => candidates.into_iter().nth(picked).ok_or(failure),
        None => Err(failure),
    }
}

/// Returns the one item that is meant.
///
/// # Errors
/// None or several are. The message lists them.
fn meant_one<'a, T: Named>(what: &str, items: &'a [T], named: Option<&str>) -> Result<&'a T, Failure> {
    let found = named.map_or_else(|| items.iter().collect(), |named| meant(items, named));
    match (found.as_slice(), named) {
        ([item], _) => Ok(item),
        ([], Some(named)) => Err(listed(
            Failure::other(format_args!("You have no {what} {}", shell_word(named))),
            &items.iter().collect::<Vec<_>>(),
        )),
        ([], None) => Err(Failure::other(format_args!("You have no {what} at this portal"))),
        (several, Some(named)) => Err(listed(
            Failure::usage(format_args!("--{what} {} means several of them", shell_word(named))),
            several,
        )),
        (several, None) => Err(listed(Failure::usage(format_args!("Choose one with --{what}")), several)),
    }
}

/// Adds the names of the items.
fn listed<T: Named>(failure: Failure, items: &[&T]) -> Failure {
    let failure = items
        .iter()
        .take(LISTED)
        .fold(failure, |failure, item| failure.with_detail(format_args!("  {}", item.names().join("  "))));
    match items.len() {
        all if all > LISTED => failure.with_detail(format_args!("  and {} more", all - LISTED)),
        _ => failure,
    }
}

impl Portal<'_> {
    /// Returns all accounts, by name.
    ///
    /// # Errors
    /// The portal fails.
    pub(super) fn accounts(&mut self) -> Result<Vec<AccountInfo>, Failure> {
        let mut accounts = self
            .call(Operation::ListAccounts, |client, token| client.all_accounts(token))
            .map_err(Denied::into_failure)?;
        accounts.sort_by_cached_key(|account| {
            let name = account.account_name.as_deref().unwrap_or_default().to_lowercase();
            (name, account.account_id.clone())
        });
        Ok(accounts)
    }

    /// Returns all roles in an account, by name.
    ///
    /// # Errors
    /// The portal fails, or the person has no role there. The message then lists the accounts.
    pub(super) fn roles(&mut self, account_id: &str) -> Result<Vec<RoleInfo>, Failure> {
        let called = self
            .call(Operation::ListAccountRoles, |client, token| client.all_account_roles(token, account_id));
        let mut roles = match called {
            Ok(roles) => roles,
            Err(denied) if denied.lacks_role => {
                let accounts = self.accounts()?;
                let failure = denied.failure.with_detail(format_args!(
                    "You have no role in the account {account_id}. Your accounts:"
                ));
                return Err(listed(failure, &accounts.iter().collect::<Vec<_>>()));
            }
            Err(denied) => return Err(denied.failure),
        };
        roles.sort_by(|one, other| one.role_name.cmp(&other.role_name));
        Ok(roles)
    }

    /// Adds the roles that the person has in the account to a refusal of one of them.
    pub(super) fn without_role(&mut self, failure: Failure, role: &Role) -> Failure {
        let Ok(roles) = self.roles(&role.account_id) else {
            return failure
                .with_detail(format_args!("You may have no role in the account {}.", role.account_id));
        };
        let failure = failure.with_detail(format_args!(
            "You do not have the role {} in the account {}. Your roles there:",
            shell_word(&role.role_name),
            role.account_id
        ));
        listed(failure, &roles.iter().collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_id_keeps_its_leading_zeros_or_gets_them_back() {
        assert_eq!(account_id("012345678901").as_deref(), Some("012345678901"));
        assert_eq!(account_id("12345678901").as_deref(), Some("012345678901"));
        assert_eq!(account_id("7").as_deref(), Some("000000000007"));
        for other in ["", "0123456789012", "Sandbox", "12a", "-1", "١٢٣"] {
            assert_eq!(account_id(other), None, "{other}");
        }
    }

    #[test]
    fn an_item_that_is_none_or_several_is_listed() {
        let account = |id: &str, name: &str| AccountInfo::new(id, name);
        let accounts = [account("000000000001", "Sandbox"), account("000000000002", "Sandbox EU")];
        let one = |named| meant_one("account", &accounts, named).map(|found| found.account_id.as_str());
        assert_eq!(one(Some("eu")).ok(), Some("000000000002"));
        assert_eq!(one(Some("box")).unwrap_err().message(), "--account box means several of them");
        assert_eq!(one(Some("x y")).unwrap_err().message(), "You have no account 'x y'");
        assert_eq!(one(None).unwrap_err().message(), "Choose one with --account");
    }
}
