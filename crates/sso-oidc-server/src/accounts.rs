//! The accounts and roles that the portal offers.

use core::time::Duration;

use oidc_proto::portal::AccountInfo;

/// An account at the portal, and the roles of a signed-in person in it.
///
/// ```
/// use core::time::Duration;
/// use sso_oidc_server::{Account, Config, Role};
///
/// let production = Account::new("012345678901", "Production")
///     .with_email_address("production@example.com")
///     .with_role(Role::new("ReadOnly").with_lifetime(Duration::from_secs(900)))
///     .with_start_url("https://d-1234567890.awsapps.com/start");
/// let config = Config::default().with_accounts([production]);
/// assert_eq!(config.accounts[0].roles[0].name, "ReadOnly");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// The id: twelve digits.
    pub id: String,
    /// The display name.
    pub name: Option<String>,
    /// The address of the root user.
    pub email_address: Option<String>,
    /// The roles.
    pub roles: Vec<Role>,
    /// The portals whose sign-ins have this account. Empty: every sign-in has it.
    pub start_urls: Vec<String>,
}

/// A role in an account: the name of a permission set.
///
/// ```
/// use core::time::Duration;
/// use sso_oidc_server::Role;
/// let role = Role::new("ReadOnly");
/// assert_eq!(role.lifetime, Duration::from_secs(3600));
/// assert_eq!(role.with_lifetime(Duration::from_secs(900)).lifetime, Duration::from_secs(900));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Role {
    /// The name.
    pub name: String,
    /// The lifetime of its credentials. Default: one hour.
    pub lifetime: Duration,
}

impl Account {
    /// Creates an account without roles, which every sign-in has.
    #[must_use]
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: Some(name.into()),
            email_address: None,
            roles: Vec::new(),
            start_urls: Vec::new(),
        }
    }

    /// Returns the same account with the address of its root user.
    #[must_use]
    pub fn with_email_address(mut self, address: impl Into<String>) -> Self {
        self.email_address = Some(address.into());
        self
    }

    /// Returns the same account with one more role.
    #[must_use]
    pub fn with_role(mut self, role: Role) -> Self {
        self.roles.push(role);
        self
    }

    /// Returns the same account for the sign-ins to this portal, and to those added before.
    #[must_use]
    pub fn with_start_url(mut self, start_url: impl Into<String>) -> Self {
        self.start_urls.push(start_url.into());
        self
    }

    /// Returns whether a sign-in to this portal has the account. A trailing slash or `#` does not count.
    pub(crate) fn is_for(&self, start_url: Option<&str>) -> bool {
        let bare = |url: &str| url.trim_end_matches(['/', '#']).to_ascii_lowercase();
        self.start_urls.is_empty()
            || start_url.is_some_and(|url| self.start_urls.iter().any(|known| bare(known) == bare(url)))
    }

    pub(crate) fn info(&self) -> AccountInfo {
        let mut info = AccountInfo::new(&*self.id, "");
        info.account_name.clone_from(&self.name);
        info.email_address.clone_from(&self.email_address);
        info
    }
}

impl Role {
    /// Creates a role whose credentials are valid for an hour.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), lifetime: Duration::from_secs(3600) }
    }

    /// Returns the same role with this lifetime of its credentials.
    #[must_use]
    pub const fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }
}

/// Returns the accounts of a server without a list of its own.
pub(crate) fn example() -> Vec<Account> {
    let administrator = || Role::new("AdministratorAccess");
    let reader = || Role::new("ReadOnlyAccess");
    vec![
        // A leading zero, because tools that read the id as a number lose it.
        Account::new("012345678901", "Sandbox")
            .with_email_address("sandbox@example.com")
            .with_role(administrator())
            .with_role(reader()),
        Account::new("123456789012", "Production")
            .with_email_address("production@example.com")
            .with_role(reader()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_belongs_to_the_sign_ins_of_its_portals() {
        let all = Account::new("1", "a");
        assert!(all.is_for(None) && all.is_for(Some("https://x.example/start")));
        let some = all.with_start_url("https://X.example/start/").with_start_url("https://y.example/start");
        for (url, belongs) in [
            (Some("https://x.example/start#/"), true),
            (Some("https://y.example/start"), true),
            (Some("https://z.example/start"), false),
            (None, false),
        ] {
            assert_eq!(some.is_for(url), belongs, "{url:?}");
        }
    }

    #[test]
    fn the_example_has_ids_of_twelve_digits_and_one_role_or_more() {
        for account in example() {
            assert!(account.id.len() == 12 && account.id.bytes().all(|b| b.is_ascii_digit()));
            assert!(!account.roles.is_empty() && account.is_for(None));
        }
    }
}
