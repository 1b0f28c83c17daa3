//! `serve --print-config`: the settings in force, as a file for `--config`.

use clap::{Arg, ArgMatches};

use super::{Flags, SERVE, is_list, is_switch};

/// The flag whose values may have a secret after a colon.
const CLIENT: &str = "oauth-client";
/// The flag whose value may be a URL with a password.
const STORE: &str = "store";

/// Returns the settings of a command line of `serve` in TOML; `None` for another command. Secrets are left out.
pub(crate) fn in_force(matches: &ArgMatches) -> Option<String> {
    let matches = matches.subcommand_matches(SERVE)?;
    let mut text = String::from("# The settings of sso-oidc serve, for --config FILE.\n");
    for arg in Flags::new().all() {
        text.push_str(&line(arg, matches));
    }
    Some(text)
}

/// Returns the line of a flag, or nothing if it has no value.
fn line(arg: &Arg, matches: &ArgMatches) -> String {
    let name = arg.get_long().unwrap_or_default();
    let Some(values) = matches.get_raw(arg.get_id().as_str()) else { return String::new() };
    let given = values.len();
    let texts: Vec<&str> =
        values.filter_map(|value| value.to_str()).filter(|text| !is_secret(name, text)).collect();
    let note = match given - texts.len() {
        0 => String::new(),
        // A path need not be Unicode, which TOML requires.
        left_out => format!("# {name}: {left_out} left out, with a secret or not in UTF-8\n"),
    };
    let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    let value = match (&*texts, &*quoted) {
        ([], _) => return note,
        (["true"], _) if is_switch(arg) => "true".to_owned(),
        (["false"], _) if is_switch(arg) => "false".to_owned(),
        (_, quoted) if is_list(arg) => format!("[{}]", quoted.join(", ")),
        (_, [.., last]) => last.clone(),
        (_, []) => return note,
    };
    format!("{note}{name} = {value}\n")
}

fn is_secret(name: &str, text: &str) -> bool {
    match name {
        CLIENT => text.contains(':'),
        STORE => text.split_once("://").is_some_and(|(_, rest)| {
            let has_password = rest.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
            has_password || rest.to_ascii_lowercase().contains("password")
        }),
        _ => false,
    }
}

/// Returns a basic string of TOML. It has the escapes of JSON, and needs one for DEL.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
