//! The profiles that the roles of a person need, compared with those of the config file.

use std::collections::{BTreeMap, BTreeSet};

use sso_cache::{Config, ConfigDocument, EditError, SectionName};

use super::stale::{References, Spared};
use super::template::Template;
use crate::portal::account_id;

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
    /// Those of them that have got another region.
    pub(super) moved: Vec<String>,
    /// Profiles of these names that are for something else.
    pub(super) conflicts: Vec<String>,
    /// Profiles of roles that the person does not have, and that this program alone has written.
    pub(super) stale: Vec<String>,
    /// Other profiles of such roles, with the reason why they stay.
    pub(super) spared: Vec<(String, Spared)>,
    /// Names that the template gives to several roles, with two of these.
    pub(super) ambiguous: Vec<(String, [Role; 2])>,
    /// Roles to which the template gives no name, or that of the default profile.
    pub(super) unnamed: Vec<(String, Role)>,
}

impl Plan {
    /// Compares the roles with the profiles of the config file. `credentials` is the credentials file alone.
    pub(super) fn of(
        config: &Config,
        credentials: &Config,
        session: &str,
        roles: &[Role],
        template: &Template,
    ) -> Self {
        let mut plan = Self::default();
        let mut named = BTreeMap::<String, Vec<&Role>>::new();
        for role in roles {
            named.entry(template.name(role)).or_default().push(role);
        }
        let is_of = |name: &str, role: &Role| {
            config.profile(name).is_some_and(|profile| {
                profile.sso_session() == Some(session)
                    && profile.text("sso_account_id").and_then(account_id).as_ref() == Some(&role.account_id)
                    && profile.text("sso_role_name") == Some(&role.role_name)
            })
        };
        for (name, roles) in named {
            match roles.as_slice() {
                [role, ..] if name.is_empty() || name == "default" => {
                    plan.unnamed.push((name, (*role).clone()));
                }
                [role] if is_of(&name, role) => plan.kept.push(name),
                [_] if config.profile(&name).is_some() => plan.conflicts.push(name),
                [role] => plan.added.push((name, (*role).clone())),
                [first, second, ..] => {
                    plan.ambiguous.push((name, [first, second].map(|role| (*role).clone())));
                }
                [] => {}
            }
        }
        let had: BTreeSet<(&str, &str)> =
            roles.iter().map(|role| (role.account_id.as_str(), role.role_name.as_str())).collect();
        let references = References::of([config, credentials]);
        for profile in config.profile_names().filter_map(|name| config.profile(name)) {
            let (Some(account), Some(role)) = (profile.text("sso_account_id"), profile.text("sso_role_name"))
            else {
                continue;
            };
            let account = account_id(account).unwrap_or_else(|| account.to_owned());
            if profile.sso_session() != Some(session) || had.contains(&(account.as_str(), role)) {
                continue;
            }
            match references.spare(profile, credentials) {
                Some(reason) => plan.spared.push((profile.name().to_owned(), reason)),
                None => plan.stale.push(profile.name().to_owned()),
            }
        }
        plan
    }

    /// Edits the config file, which reads as `config`. A stale profile that cannot be removed is spared.
    ///
    /// # Errors
    /// A name cannot be written.
    pub(super) fn apply(
        &mut self,
        config: &Config,
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
        if let Some(region) = region {
            for (name, _) in &self.added {
                document.set(&SectionName::Profile(name.clone()), "region", region)?;
            }
            let is_elsewhere =
                |name: &&String| config.profile(name).and_then(|profile| profile.region()) != Some(region);
            self.moved = self.kept.iter().filter(is_elsewhere).cloned().collect();
            for name in &self.moved {
                document.set(&SectionName::Profile(name.clone()), "region", region)?;
            }
        }
        if prune {
            let spared = &mut self.spared;
            self.stale.retain(|name| match document.remove(&SectionName::Profile(name.clone())) {
                Ok(removed) => removed,
                Err(_) => {
                    spared.push((name.clone(), Spared::Layout));
                    false
                }
            });
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

    fn template(text: &str) -> Template {
        Template::parse(text).unwrap()
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
        Plan::of(
            &Config::parse(CONFIG).unwrap(),
            &Config::default(),
            "corp",
            &roles,
            &template("{account_name}.{role_name}"),
        )
    }

    /// Returns a profile's section for a role that the person does not have.
    fn lost(header: &str, more: &str) -> String {
        format!("[{header}]\nsso_session = corp\nsso_account_id = 9\nsso_role_name = Old\n{more}")
    }

    /// Returns the plan for a person without roles.
    fn plan_without_roles(text: &str, credentials: &str) -> Plan {
        let mut others = Config::default();
        others.merge_credentials(credentials).unwrap();
        Plan::of(&Config::parse(text).unwrap(), &others, "corp", &[], &template("{role_name}"))
    }

    #[test]
    fn roles_without_a_profile_get_one_and_the_others_are_told_apart() {
        let plan = plan();
        assert_eq!(plan.kept, ["Sandbox.Reader"]);
        assert_eq!(plan.conflicts, ["Sandbox.Admin"]);
        assert_eq!(plan.stale, ["gone"]);
        let twins = ["000000000003", "000000000004"].map(|id| role(id, "Twin", "Reader"));
        assert_eq!(plan.ambiguous, [("Twin.Reader".to_owned(), twins)]);
        let added: Vec<&str> = plan.added.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(added, ["Big-Company-EU-.Reader"]);
    }

    #[test]
    fn only_the_lines_concerned_change() {
        let mut document = ConfigDocument::parse(CONFIG).unwrap();
        let mut plan = plan();
        plan.apply(&Config::parse(CONFIG).unwrap(), &mut document, "corp", Some("eu-west-1"), true).unwrap();
        assert_eq!(plan.moved, ["Sandbox.Reader"]);
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
        let config = Config::parse(text).unwrap();
        let mut plan =
            Plan::of(&config, &Config::default(), "corp", &roles, &template("{account_name}.{role_name}"));
        plan.apply(&config, &mut again, "corp", None, false).unwrap();
        assert_eq!(again, document, "a second run changes nothing");
    }

    #[test]
    fn a_stale_profile_stays_if_it_is_the_default_or_has_a_key_of_another_hand() {
        for (header, more, reason) in [
            ("default", "", Spared::Default),
            ("profile default", "", Spared::Default),
            ("profile a", "output = json\n", Spared::Key("output".to_owned())),
            ("profile a", "region = r\ncli_pager =\n", Spared::Key("cli_pager".to_owned())),
            ("profile a", "role_arn = x\nsource_profile = b\n", Spared::Key("role_arn".to_owned())),
        ] {
            let plan = plan_without_roles(&lost(header, more), "");
            let name = header.rsplit(' ').next().unwrap().to_owned();
            assert_eq!((plan.stale, plan.spared), (vec![], vec![(name, reason)]), "{header} {more}");
        }
        assert_eq!(plan_without_roles(&lost("profile a", "Region = r\n"), "").stale, ["a"]);
    }

    #[test]
    fn a_stale_profile_stays_if_another_one_refers_to_it() {
        let own = lost("profile a", "");
        let source = || Spared::SourceOf("b".to_owned());
        let command = || Spared::CommandOf("b".to_owned());
        for (others, credentials, reason) in [
            ("[profile b]\nsource_profile = a\n", "", source()),
            ("", "[b]\nsource_profile = a\n", source()),
            ("[profile b]\ncredential_process = tool --profile a\n", "", command()),
            ("[profile b]\ncredential_process = tool --profile='a' x\n", "", command()),
            ("[profile b]\ncredential_process = sh -c \"tool --profile a; true\"\n", "", command()),
            ("[profile b]\ncredential_process = tool $(other --profile a)\n", "", command()),
            ("", "[a]\nregion = r\n", Spared::InCredentials("the credentials file".into())),
        ] {
            let plan = plan_without_roles(&format!("{own}{others}"), credentials);
            assert_eq!((plan.stale, plan.spared), (vec![], vec![("a".to_owned(), reason)]), "{others}");
        }
        for others in
            ["[profile b]\nsource_profile = aa\n", "[profile b]\ncredential_process = tool --profile aa\n"]
        {
            assert_eq!(plan_without_roles(&format!("{own}{others}"), "").stale, ["a"], "{others}");
        }
    }

    #[test]
    fn a_stale_profile_stays_if_the_next_header_would_change_its_meaning() {
        let indented = lost("profile a", "").replace("sso_", "  sso_");
        let text = format!("[profile x]\nregion = r\n{indented}  [profile b]\nregion = r\n");
        let mut document = ConfigDocument::parse(text.as_str()).unwrap();
        let mut plan = plan_without_roles(&text, "");
        plan.apply(&Config::parse(&text).unwrap(), &mut document, "corp", None, true).unwrap();
        assert_eq!((plan.stale, plan.spared), (vec![], vec![("a".to_owned(), Spared::Layout)]));
        assert_eq!(document.as_str(), text);
    }

    #[test]
    fn an_account_id_that_has_lost_its_leading_zeros_is_the_same_account() {
        let text = "[profile a]\nsso_session = corp\nsso_account_id = 7\nsso_role_name = Reader\n";
        let roles = [role("000000000007", "Zero", "Reader")];
        let none = Config::default();
        let plan = Plan::of(&Config::parse(text).unwrap(), &none, "corp", &roles, &template("a"));
        assert_eq!((plan.kept, plan.stale), (vec!["a".to_owned()], vec![]));
    }

    #[test]
    fn no_role_gets_the_default_profile_or_an_empty_name() {
        for (name, named) in [("default", "default"), ("=", "")] {
            let role = role("1", "a", name);
            // Neither if the default profile is for this very role.
            let text = "[default]\nsso_session = corp\nsso_account_id = 1\nsso_role_name = default\n";
            let roles = std::slice::from_ref(&role);
            let none = Config::default();
            let plan =
                Plan::of(&Config::parse(text).unwrap(), &none, "corp", roles, &template("{role_name}"));
            assert_eq!(plan.unnamed, [(named.to_owned(), role.clone())]);
            assert!(plan.added.is_empty() && plan.kept.is_empty() && plan.conflicts.is_empty(), "{plan:?}");
        }
    }
}
