//! The forms of a role's credentials.

use clap::ValueEnum;
use oidc_proto::portal::RoleCredentials;
use serde::Serialize;

use super::role::Role;
use crate::exit::Failure;
use crate::explain::shell_word;

/// The form of printed credentials. The first six are those of `aws configure export-credentials`, or like them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CredentialsFormat {
    /// The JSON of a `credential_process`.
    Process,
    /// `export` lines for a POSIX shell.
    Env,
    /// Lines of `NAME=value`, for a file of variables.
    EnvNoExport,
    /// `set` lines for fish.
    Fish,
    /// `$Env:` lines for PowerShell.
    Powershell,
    /// `set` lines for cmd.exe.
    WindowsCmd,
    /// The JSON of GetRoleCredentials.
    Json,
    /// A section of a credentials file.
    Ini,
}

/// The output of a `credential_process` (AWS's "Sourcing credentials with an external process").
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Process<'a> {
    version: u32,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    expiration: String,
    account_id: &'a str,
}

/// The output of GetRoleCredentials.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RoleCredentialsJson<'a> {
    role_credentials: Members<'a>,
}

/// The members of GetRoleCredentials, with the expiration in milliseconds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Members<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    expiration: i64,
}

/// Returns the environment variables of credentials.
pub(super) fn variables(credentials: &RoleCredentials) -> [(&'static str, String); 4] {
    [
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.expose().to_owned()),
        ("AWS_SESSION_TOKEN", credentials.session_token.expose().to_owned()),
        ("AWS_CREDENTIAL_EXPIRATION", sso_cache::format_time(credentials.expiration)),
    ]
}

/// Checks the name of a section of a credentials file. AWS's tools in Python take more control characters for blanks,
/// and some end the header at the first `]`.
///
/// # Errors
/// They would not agree on the name.
pub(super) fn section(name: &str) -> Result<String, &'static str> {
    let is_odd = |c: char| c.is_control() || "[]".contains(c);
    if name.trim().is_empty() || name != name.trim() || name.contains(is_odd) {
        return Err("a section's name has no brackets, control characters or blanks at its ends");
    }
    Ok(name.to_owned())
}

/// Formats credentials. `named` names the section of the ini form. Without it account and role do, as in AWS's access
/// portal.
///
/// # Errors
/// A value cannot be written in this form: it has a line break, or a character that the shell would interpret. Or the
/// section cannot have this name.
pub(super) fn render(
    format: CredentialsFormat,
    credentials: &RoleCredentials,
    role: &Role,
    named: Option<&str>,
) -> Result<String, Failure> {
    let lines = |write: &dyn Fn(&str, &str) -> String| -> String {
        variables(credentials).iter().map(|(name, value)| write(name, value) + "\n").collect()
    };
    // Each is ASCII without blanks at AWS. Another service must not put commands into a shell.
    let is_plain =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'`$%\\;&|<>^".contains(&byte));
    let all_plain = variables(credentials).iter().all(|(_, value)| is_plain(value));
    if !all_plain && !matches!(format, CredentialsFormat::Process | CredentialsFormat::Json) {
        return Err(Failure::other("The portal's credentials have characters that this format cannot carry")
            .with_hint("pass --format process or --format json"));
    }
    Ok(match format {
        CredentialsFormat::Process => process(credentials, &role.account_id),
        CredentialsFormat::Env => lines(&|name, value| format!("export {name}={}", shell_word(value))),
        CredentialsFormat::EnvNoExport => lines(&|name, value| format!("{name}={value}")),
        CredentialsFormat::Fish => lines(&|name, value| format!("set -gx {name} {}", shell_word(value))),
        CredentialsFormat::Powershell => lines(&|name, value| format!("$Env:{name}=\"{value}\"")),
        CredentialsFormat::WindowsCmd => lines(&|name, value| format!("set {name}={value}")),
        CredentialsFormat::Json => json(&RoleCredentialsJson {
            role_credentials: Members {
                access_key_id: &credentials.access_key_id,
                secret_access_key: credentials.secret_access_key.expose(),
                session_token: credentials.session_token.expose(),
                expiration: credentials.expiration.get().saturating_mul(1000),
            },
        }),
        CredentialsFormat::Ini => {
            let name = named.map_or_else(|| format!("{}_{}", role.account_id, role.role_name), str::to_owned);
            let name = section(&name).map_err(|why| {
                Failure::usage(format_args!("{name:?} cannot name a section: {why}"))
                    .with_hint("pass --section")
            })?;
            format!(
                "[{name}]\naws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {}\n",
                credentials.access_key_id,
                credentials.secret_access_key.expose(),
                credentials.session_token.expose()
            )
        }
    })
}

/// Returns the output of a `credential_process`.
pub(super) fn process(credentials: &RoleCredentials, account_id: &str) -> String {
    json(&Process {
        version: 1,
        access_key_id: &credentials.access_key_id,
        secret_access_key: credentials.secret_access_key.expose(),
        session_token: credentials.session_token.expose(),
        expiration: sso_cache::format_time(credentials.expiration),
        account_id,
    })
}

fn json(value: &impl Serialize) -> String {
    // Texts and numbers always serialize.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use oidc_proto::{Secret, UnixSeconds};

    use super::*;

    fn rendered(format: CredentialsFormat, token: &str) -> Result<String, Failure> {
        let end = UnixSeconds::new(1_222_173_800);
        let credentials = RoleCredentials::new("ASIA1", Secret::from("s/+="), Secret::from(token), end);
        let role = Role { account_id: "012345678901".to_owned(), role_name: "Reader".to_owned() };
        render(format, &credentials, &role, None)
    }

    #[test]
    fn each_form_has_the_three_values_and_those_that_can_the_expiry() {
        for format in CredentialsFormat::value_variants() {
            let text = rendered(*format, "tok").unwrap();
            assert!(["ASIA1", "s/+=", "tok"].iter().all(|value| text.contains(value)), "{text}");
            let end = ["2008-09-23T12:43:20Z", "1222173800000"].iter().any(|end| text.contains(end));
            assert_eq!(end, *format != CredentialsFormat::Ini, "{text}");
        }
        assert!(rendered(CredentialsFormat::Fish, "t").unwrap().contains("set -gx AWS_SESSION_TOKEN t\n"));
        let ini = rendered(CredentialsFormat::Ini, "t").unwrap();
        assert!(ini.starts_with("[012345678901_Reader]\naws_access_key_id = ASIA1\n"), "{ini}");
        let process: serde_json::Value =
            serde_json::from_str(&rendered(CredentialsFormat::Process, "t").unwrap()).unwrap();
        assert_eq!((&process["Version"], &process["AccountId"]), (&1.into(), &"012345678901".into()));
    }

    #[test]
    fn a_section_has_a_name_that_every_tool_reads_alike() {
        for name in ["default", "work", "012345678901_Power=User,+.@-", "two words", "équipe"] {
            assert_eq!(section(name).as_deref(), Ok(name));
        }
        for name in ["", " ", "a]", "[a", "a\nb", "a\tb", " a", "a ", "a\u{1b}[2J"] {
            assert!(section(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_role_whose_name_would_add_lines_to_a_file_is_refused() {
        let credentials =
            RoleCredentials::new("A", Secret::from("s"), Secret::from("t"), UnixSeconds::new(1));
        let role = Role { account_id: "012345678901".to_owned(), role_name: "r]\n[default".to_owned() };
        let refused = render(CredentialsFormat::Ini, &credentials, &role, None).unwrap_err();
        assert!(refused.message().contains("cannot name a section"), "{refused:?}");
        let named = render(CredentialsFormat::Ini, &credentials, &role, Some("work")).unwrap();
        assert!(named.starts_with("[work]\n"), "{named}");
    }

    #[test]
    fn a_value_that_a_shell_would_run_is_refused_except_in_json() {
        for token in ["$(id)", "a\nb", "\"; rm x", "%PATH%", "a b"] {
            for format in CredentialsFormat::value_variants() {
                let is_json = matches!(format, CredentialsFormat::Process | CredentialsFormat::Json);
                assert_eq!(rendered(*format, token).is_ok(), is_json, "{format:?} {token}");
            }
        }
    }
}
