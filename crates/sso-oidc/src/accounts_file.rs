//! The file of `serve --accounts`: the accounts and roles at the portal.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use sso_oidc_server::{Account, Role};

use crate::exit::Failure;

/// The largest accepted file, in bytes.
const LONGEST: u64 = 4 << 20;

/// The document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    accounts: Vec<AccountEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountEntry {
    id: String,
    name: Option<String>,
    email: Option<String>,
    roles: Vec<RoleEntry>,
    #[serde(default)]
    start_urls: Vec<String>,
}

/// A role: its name alone, or a table.
#[derive(Deserialize)]
#[serde(untagged)]
enum RoleEntry {
    Name(String),
    Table(RoleTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleTable {
    name: String,
    /// In seconds.
    lifetime: Option<u64>,
}

/// Reads the accounts from this file: JSON if its name ends with `.json`, else TOML.
///
/// # Errors
/// The file cannot be read, or is not a list of accounts.
pub(crate) fn of(path: &Path) -> Result<Vec<Account>, Failure> {
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        Failure::other(format_args!("cannot {what} the accounts {}: {error}", path.display()))
    };
    let text = read(path).map_err(|error| failed("read", &error))?;
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    parse(&text, is_json).map_err(|error| failed("use", &error).with_hint(EXAMPLE))
}

/// The hint for a file that cannot be used.
const EXAMPLE: &str = "write the accounts as in this example: [[accounts]] id = \"012345678901\", name = \"Sandbox\", \
                       roles = [\"ReadOnly\", { name = \"Admin\", lifetime = 900 }]";

fn parse(text: &str, is_json: bool) -> Result<Vec<Account>, String> {
    let document: Document = match is_json {
        true => serde_json::from_str(text).map_err(|error| error.to_string())?,
        false => toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?,
    };
    let mut ids = BTreeSet::new();
    document.accounts.into_iter().map(|entry| account(entry, &mut ids)).collect()
}

fn account(entry: AccountEntry, ids: &mut BTreeSet<String>) -> Result<Account, String> {
    let AccountEntry { id, name, email, roles, start_urls } = entry;
    if id.len() != 12 || !id.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("the id `{id}` is not a text of twelve digits"));
    }
    if !ids.insert(id.clone()) {
        return Err(format!("the account {id} occurs twice"));
    }
    let mut account = Account::new(&id, "");
    (account.name, account.email_address, account.start_urls) = (name, email, start_urls);
    let mut names = BTreeSet::new();
    for role in roles {
        let (name, lifetime) = match role {
            RoleEntry::Name(name) => (name, None),
            RoleEntry::Table(RoleTable { name, lifetime }) => (name, lifetime),
        };
        if name.is_empty() || lifetime == Some(0) {
            return Err(format!("a role of the account {id} has no name or no lifetime"));
        }
        if !names.insert(name.clone()) {
            return Err(format!("the account {id} has the role {name} twice"));
        }
        let role = Role::new(name);
        account = account.with_role(match lifetime {
            Some(seconds) => role.with_lifetime(Duration::from_secs(seconds)),
            None => role,
        });
    }
    Ok(account)
}

/// Reads a file of settings as text.
///
/// # Errors
/// It is no regular file, is longer than 4 MiB, is not in UTF-8, or the system refuses.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    // A device may be endless, and a pipe may block.
    let found = fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if found.len() > LONGEST {
        return Err(io::Error::other("it is longer than 4 MiB"));
    }
    let mut text = String::new();
    File::open(path)?.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = r#"
[[accounts]]
id = "012345678901"
name = "Sandbox"
email = "sandbox@example.com"
roles = ["ReadOnly", { name = "Admin", lifetime = 900 }]

[[accounts]]
id = "123456789012"
roles = []
start_urls = ["https://d-1234567890.awsapps.com/start"]
"#;
    const JSON: &str = r#"{"accounts": [
        {"id": "012345678901", "name": "Sandbox", "email": "sandbox@example.com",
         "roles": ["ReadOnly", {"name": "Admin", "lifetime": 900}]},
        {"id": "123456789012", "roles": [], "start_urls": ["https://d-1234567890.awsapps.com/start"]}
    ]}"#;

    #[test]
    fn both_forms_have_the_same_accounts() {
        let accounts = parse(TOML, false).unwrap();
        assert_eq!(accounts, parse(JSON, true).unwrap());
        let [sandbox, other] = &accounts[..] else { panic!("{accounts:?}") };
        let roles: Vec<_> =
            sandbox.roles.iter().map(|role| (role.name.as_str(), role.lifetime.as_secs())).collect();
        assert_eq!(roles, [("ReadOnly", 3600), ("Admin", 900)]);
        assert_eq!((sandbox.name.as_deref(), other.name.as_deref()), (Some("Sandbox"), None));
        assert_eq!(other.start_urls.len(), 1);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told() {
        for (text, wrong) in [
            ("accounts = 5", "invalid type"),
            ("[[accounts]]\nid = \"1\"\nroles = []", "the id `1` is not a text of twelve digits"),
            ("[[accounts]]\nid = 123456789012\nroles = []", "expected a string"),
            ("[[accounts]]\nid = \"123456789012\"", "missing field `roles`"),
            ("[[accounts]]\nid = \"123456789012\"\nroles = []\nrole = 1", "unknown field `role`"),
            ("[[accounts]]\nid = \"123456789012\"\nroles = [\"a\", \"a\"]", "has the role a twice"),
            ("[[accounts]]\nid = \"123456789012\"\nroles = [\"\"]", "has no name"),
            ("[[accounts]]\nid = \"123456789012\"\nroles = [{ name = \"a\", lifetime = 0 }]", "no lifetime"),
            (&TOML.replace("123456789012", "012345678901"), "occurs twice"),
        ] {
            let error = parse(text, false).unwrap_err();
            assert!(error.contains(wrong), "{text}: {error}");
        }
    }
}
