//! The profiles that the roles of a person need, compared with those of the config file.

use std::collections::BTreeMap;

use sso_cache::{Config, ConfigDocument, EditError, SectionName};

/// The keys of a profile that this program has made. Only such a profile is ever removed.
const OWN_KEYS: [&str; 5] = ["sso_session", "sso_account_id", "sso_role_name", "region", "output"];

/// A role that the person has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) account_id: String,
    pub(super) account_name: String,
    pub(super) role_name: String,
}

/// What happens to the profiles.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) added: Vec<(String, Role)>,
    /// Profiles that are right, or get another region.
    pub(super) kept: Vec<String>,
    /// Profiles of these names that are for something else.
    pub(super) conflicts: Vec<String>,
    /// Profiles of roles that the person does not have.
    pub(super) stale: Vec<String>,
    /// Names that the template gives to several roles.
    pub(super) ambiguous: Vec<String>,
}

/// Returns the name of a role's profile.
pub(super) fn name(template: &str, role: &Role) -> String {
    let filled = template
        .replace("{account_id}", &role.account_id)
        .replace("{account_name}", &role.account_name)
        .replace("{role_name}", &role.role_name);
    // Names with other characters need quotes in the file and in each command line.
    let mut name = String::new();
    for c in filled.chars() {
        match c {
            c if c.is_alphanumeric() || "_.@+-".contains(c) => name.push(c),
            _ if name.ends_with('-') || name.is_empty() => {}
            _ => name.push('-'),
        }
    }
    name.trim_end_matches('-').to_owned()
}

impl Plan {
    /// Compares the roles with the profiles of the config file.
    pub(super) fn of(config: &Config, session: &str, roles: &[Role], template: &str) -> Self {
        let mut plan = Self::default();
        let mut named = BTreeMap::<String, Vec<&Role>>::new();
        for role in roles {
            named.entry(name(template, role)).or_default().push(role);
        }
        let is_of = |name: &str, role: &Role| {
            config.profile(name).is_some_and(|profile| {
                profile.sso_session() == Some(session)
                    && profile.text("sso_account_id") == Some(&role.account_id)
                    && profile.text("sso_role_name") == Some(&role.role_name)
            })
        };
        for (name, roles) in named {
            match roles.as_slice() {
                [role] if is_of(&name, role) => plan.kept.push(name),
                [_] if config.profile(&name).is_some() => plan.conflicts.push(name),
                [role] => plan.added.push((name, (*role).clone())),
                _ => plan.ambiguous.push(name),
            }
        }
        let is_stale = |name: &&str| {
            let Some(profile) = config.profile(name).filter(|profile| profile.sso_session() == Some(session))
            else {
                return false;
            };
            let is_role = profile.text("sso_account_id").is_some() && profile.text("sso_role_name").is_some();
            is_role
                && profile.keys().all(|key| OWN_KEYS.contains(&key))
                && !roles.iter().any(|role| is_of(name, role))
        };
        plan.stale = config.profile_names().filter(is_stale).map(str::to_owned).collect();
        plan
    }

    /// Edits the config file.
    ///
    /// # Errors
    /// A name cannot be written.
    pub(super) fn apply(
        &self,
        document: &mut ConfigDocument,
        session: &str,
        region: Option<&str>,
        prune: bool,
    ) -> Result<(), EditError> {
        for (name, role) in &self.added {
            let section = SectionName::Profile(name.clone());
            document.set(&section, "sso_session", session)?;
            document.set(&section, "sso_account_id", &role.account_id)?;
            document.set(&section, "sso_role_name", &role.role_name)?;
        }
        let added = self.added.iter().map(|(name, _)| name);
        for name in added.chain(&self.kept) {
            if let Some(region) = region {
                document.set(&SectionName::Profile(name.clone()), "region", region)?;
            }
        }
        for name in self.stale.iter().filter(|_| prune) {
            document.remove(&SectionName::Profile(name.clone()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(account_id: &str, account_name: &str, role_name: &str) -> Role {
        let [account_id, account_name, role_name] = [account_id, account_name, role_name].map(str::to_owned);
        Role { account_id, account_name, role_name }
    }

    const CONFIG: &str = "# mine\n[sso-session corp]\nsso_region = r\n\n[profile Sandbox.Reader]\nsso_session = corp\n\
        sso_account_id = 000000000001\nsso_role_name = Reader\n\n[profile Sandbox.Admin]\nregion = x\n\n\
        [profile gone]\nsso_session = corp\nsso_account_id = 000000000009\nsso_role_name = Old\n\n\
        [profile by-hand]\nsso_session = corp\nsso_account_id = 000000000009\nsso_role_name = Old\ncli_pager =\n";

    fn plan() -> Plan {
        let roles = [
            role("000000000001", "Sandbox", "Reader"),
            role("000000000001", "Sandbox", "Admin"),
            role("000000000002", "Big  Company (EU)", "Reader"),
            role("000000000003", "Twin", "Reader"),
            role("000000000004", "Twin", "Reader"),
        ];
        Plan::of(&Config::parse(CONFIG).unwrap(), "corp", &roles, "{account_name}.{role_name}")
    }

    #[test]
    fn roles_without_a_profile_get_one_and_the_others_are_told_apart() {
        let plan = plan();
        assert_eq!(plan.kept, ["Sandbox.Reader"]);
        assert_eq!(plan.conflicts, ["Sandbox.Admin"]);
        assert_eq!(plan.stale, ["gone"], "a profile with a key of another hand stays");
        assert_eq!(plan.ambiguous, ["Twin.Reader"]);
        let added: Vec<&str> = plan.added.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(added, ["Big-Company-EU-.Reader"]);
    }

    #[test]
    fn only_the_lines_concerned_change() {
        let mut document = ConfigDocument::parse(CONFIG).unwrap();
        plan().apply(&mut document, "corp", Some("eu-west-1"), true).unwrap();
        let text = document.as_str();
        assert!(text.starts_with("# mine\n[sso-session corp]\nsso_region = r\n\n[profile Sandbox.Reader]\n"));
        assert!(
            text.contains(
                "sso_role_name = Reader\nregion = eu-west-1\n\n[profile Sandbox.Admin]\nregion = x\n"
            )
        );
        assert!(!text.contains("[profile gone]") && text.contains("[profile by-hand]"));
        assert!(text.ends_with(
            "\n[profile Big-Company-EU-.Reader]\nsso_session = corp\nsso_account_id = 000000000002\n\
             sso_role_name = Reader\nregion = eu-west-1\n"
        ));
        let mut again = document.clone();
        let roles = [role("000000000002", "Big  Company (EU)", "Reader")];
        let plan = Plan::of(&Config::parse(text).unwrap(), "corp", &roles, "{account_name}.{role_name}");
        plan.apply(&mut again, "corp", None, false).unwrap();
        assert_eq!(again, document, "a second run changes nothing");
    }
}
