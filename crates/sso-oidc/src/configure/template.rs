//! `--template`: the names of the profiles.

use super::plan::Role;

/// The names of a template's placeholders.
const KNOWN: &str = "{account_id}, {account_name} and {role_name}";

/// The signs that a name may have besides letters and digits. Other ones need quotes in the file and in each command
/// line, and some AWS SDKs ignore such a profile.
const SIGNS: &str = "_.@+-";

/// The signs that a template may have besides. A slash in an account's name is no separator, so it becomes `-`.
const SEPARATORS: &str = "/:";

/// What the name of a profile is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    AccountId,
    AccountName,
    RoleName,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// It has another placeholder, a brace of none, or a sign that a name cannot have.
    pub(super) fn parse(template: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some(at) = rest.find(['{', '}']) {
            let (text, behind) = rest.split_at_checked(at).unwrap_or((rest, ""));
            parts.push(Part::Text(text.to_owned()));
            let Some((name, after)) = behind.strip_prefix('{').and_then(|inner| inner.split_once('}')) else {
                return Err(format!("a brace of no placeholder; the placeholders are {KNOWN}"));
            };
            parts.push(match name {
                "account_id" => Part::AccountId,
                "account_name" => Part::AccountName,
                "role_name" => Part::RoleName,
                _ => return Err(format!("{{{name}}} is no placeholder; the placeholders are {KNOWN}")),
            });
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        let texts =
            parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(text) } else { None });
        match texts.flat_map(|text| text.chars()).find(|c| !is_plain(*c) && !SEPARATORS.contains(*c)) {
            Some(odd) => Err(format!(
                "a profile's name cannot have {odd:?}; besides placeholders it has letters, digits and \
                 {SIGNS}{SEPARATORS}"
            )),
            None => Ok(Self(parts)),
        }
    }

    /// Returns the name of a role's profile, which may be empty. Signs that a name cannot have become `-`.
    pub(super) fn name(&self, role: &Role) -> String {
        let mut name = String::new();
        for part in &self.0 {
            let value = match part {
                // Each sign of a template stands for itself.
                Part::Text(text) => {
                    name.push_str(text);
                    continue;
                }
                Part::AccountId => &role.account_id,
                Part::AccountName => &role.account_name,
                Part::RoleName => &role.role_name,
            };
            for c in value.chars() {
                match c {
                    c if is_plain(c) => name.push(c),
                    _ if name.ends_with('-') => {}
                    _ => name.push('-'),
                }
            }
        }
        // A name with `-` in front would be taken for a flag.
        name.trim_matches('-').to_owned()
    }
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || SIGNS.contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(template: &str, account_name: &str, role_name: &str) -> String {
        let [account_name, role_name] = [account_name, role_name].map(str::to_owned);
        let role = Role { account_id: "000000000001".to_owned(), account_name, role_name };
        Template::parse(template).unwrap().name(&role)
    }

    #[test]
    fn a_name_has_letters_digits_and_a_few_signs() {
        const DEFAULT: &str = "{account_name}.{role_name}";
        for (template, account, role, expected) in [
            (DEFAULT, "Sandbox", "Reader", "Sandbox.Reader"),
            (DEFAULT, "Big  Company (EU)", "Reader", "Big-Company-EU-.Reader"),
            (DEFAULT, "a/b:c", "A=B,C@d", "a-b-c.A-B-C@d"),
            (DEFAULT, "[a]\u{1b}[2J\n\u{202e}b", "r", "a-2J-b.r"),
            (DEFAULT, "--x", "r", "x.r"),
            ("{account_name}/{role_name}:{account_id}", "x", "r", "x/r:000000000001"),
            ("{role_name}", "", "=,=", ""),
            ("work", "a", "b", "work"),
        ] {
            assert_eq!(name(template, account, role), expected);
        }
    }

    #[test]
    fn the_value_of_a_placeholder_is_no_template() {
        assert_eq!(name("{account_name}.{role_name}", "{role_name}", "r"), "role_name-.r");
    }

    #[test]
    fn other_placeholders_and_signs_are_refused() {
        for template in
            ["{account}", "{AccountName}", "{}", "{account_name", "a}", "{{role_name}}", "a}{role_name}"]
        {
            let error = Template::parse(template).unwrap_err();
            assert!(
                error.ends_with("the placeholders are {account_id}, {account_name} and {role_name}"),
                "{error}"
            );
        }
        for template in ["a]{role_name}", "[x", "a b", "{role_name}\n", "a\u{1b}", "#", "'", "\u{202e}"] {
            let error = Template::parse(template).unwrap_err();
            assert!(error.starts_with("a profile's name cannot have "), "{template:?}: {error}");
        }
    }
}
