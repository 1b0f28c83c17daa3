//! The definition of the command line for `-h`, `--help` and errors: short texts, examples, and refused flags.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args as _, CommandFactory as _, FromArgMatches as _};

use crate::cli::{Cli, Command};
use crate::globals::Globals;
use crate::serve::layers;

/// The global flags of requests, which mean nothing to the commands with a server of their own.
const OF_REQUESTS: [&str; 11] = [
    "region",
    "endpoint_url",
    "profile",
    "output",
    "query",
    "no_input",
    "no_verify_ssl",
    "ca_bundle",
    "cli_connect_timeout",
    "cli_read_timeout",
    "allow_insecure_http",
];

/// The same for a command that has results.
const OF_REQUESTS_WITHOUT_RESULTS: [&str; 9] = [
    "region",
    "endpoint_url",
    "profile",
    "no_input",
    "no_verify_ssl",
    "ca_bundle",
    "cli_connect_timeout",
    "cli_read_timeout",
    "allow_insecure_http",
];

/// The global flags without a meaning for a decision at the test server.
const OF_REGIONS: [&str; 4] = ["region", "output", "query", "no_input"];
/// The global flags without a meaning for a question without secrets to the test server.
const OF_READINESS: [&str; 5] = ["region", "output", "query", "no_input", "allow_insecure_http"];
/// The global flags of AWS's endpoints.
const OF_AWS: [&str; 3] = ["region", "endpoint_url", "allow_insecure_http"];

/// The global flags of results.
const OF_RESULTS: [&str; 2] = ["output", "query"];

/// The global flags that the short help leaves out.
const RARE: [&str; 8] = [
    "no_input",
    "no_verify_ssl",
    "ca_bundle",
    "cli_connect_timeout",
    "cli_read_timeout",
    "debug",
    "allow_insecure_http",
    "color",
];

/// The examples of each command.
const EXAMPLES: [(&str, &[&str]); 28] = [
    (
        "login",
        &[
            "sso-oidc login --start-url https://d-1234567890.awsapps.com/start --region eu-west-1",
            "sso-oidc login --sso-session corp --if-needed",
            "sso-oidc login --all --if-needed",
            "sso-oidc login --profile work --use-device-code",
            "sso-oidc login --issuer https://id.example --client-id my-tool --show-token",
        ],
    ),
    ("token", &["TOKEN=$(sso-oidc token --sso-session corp)"]),
    ("refresh", &["sso-oidc refresh --sso-session corp --force"]),
    ("logout", &["sso-oidc logout --sso-session corp", "sso-oidc logout --all"]),
    (
        "accounts",
        &[
            "sso-oidc accounts --profile work",
            "sso-oidc accounts prod --query 'accountList[].accountId' --output text",
        ],
    ),
    ("roles", &["sso-oidc roles --account sandbox", "sso-oidc roles admin"]),
    (
        "credentials",
        &[
            "eval \"$(sso-oidc credentials --account sandbox --role reader --format env)\"",
            "sso-oidc credentials --profile work --format ini >> ~/.aws/credentials",
        ],
    ),
    (
        "credential-process",
        &["sso-oidc credential-process --sso-session corp --account 012345678901 --role Reader"],
    ),
    (
        "exec",
        &[
            "sso-oidc exec --profile work -- terraform plan",
            "sso-oidc exec --account sandbox --role admin -- aws s3 ls",
        ],
    ),
    ("doctor", &["sso-oidc doctor --profile work"]),
    (
        "configure",
        &[
            "sso-oidc configure session corp --start-url https://d-1234567890.awsapps.com/start --region eu-west-1",
            "sso-oidc configure profiles --sso-session corp --dry-run",
        ],
    ),
    ("completions", &["sso-oidc completions fish > ~/.config/fish/completions/sso-oidc.fish"]),
    ("man", &["sso-oidc man --dir ~/.local/share/man/man1"]),
    (
        "status",
        &["sso-oidc status", "sso-oidc status --sso-session corp --output json --query 'sessions[0].state'"],
    ),
    ("cache", &["sso-oidc cache list", "sso-oidc cache gc --dry-run"]),
    (
        "demo",
        &["sso-oidc demo", "sso-oidc demo --flow code", "sso-oidc demo --approve --fault unavailable@poll:1"],
    ),
    (
        "serve",
        &[
            "sso-oidc serve --approve auto -- pytest",
            "sso-oidc serve --approve after-polls=2 --report --report-fail -- my-tool login",
            "sso-oidc serve --listen 8765 --approve auto",
            "sso-oidc serve --listen 8765 --people people.toml",
            "sso-oidc serve --fault unavailable@poll:1",
            "sso-oidc serve --control 0 -- python3 -m unittest",
            "sso-oidc serve --listen 8765 --approve auto --metrics 9465",
            "sso-oidc serve --listen 8765 --cors http://localhost:3000",
            "sso-oidc serve --config serve.toml --print-config",
        ],
    ),
    (
        "try-faults",
        &[
            "sso-oidc try-faults -- my-tool login",
            "sso-oidc try-faults --faults gateway-503,expired@poll:2 --approve after-polls=1 -- my-tool login",
        ],
    ),
    (
        "approve",
        &[
            "sso-oidc approve BCDF-GHJK --endpoint-url http://127.0.0.1:8765",
            "sso-oidc approve BCDF-GHJK --as alice",
        ],
    ),
    ("deny", &["sso-oidc deny BCDF-GHJK --endpoint-url http://127.0.0.1:8765"]),
    ("ready", &["sso-oidc ready http://127.0.0.1:8765", "sso-oidc ready --ready-file ready --wait 30s"]),
    (
        "conform",
        &[
            "sso-oidc conform --issuer https://id.example --client-id my-tool",
            "sso-oidc conform --issuer http://127.0.0.1:9400 --approve-with 'approve.sh {code}' --junit report.xml",
        ],
    ),
    (
        "register-client",
        &["sso-oidc register-client --client-name my-tool --client-type public --region eu-west-1"],
    ),
    (
        "start-device-authorization",
        &[
            "sso-oidc start-device-authorization --client-id ID --client-secret file://secret --start-url https://d-1234567890.awsapps.com/start",
        ],
    ),
    (
        "create-token",
        &[
            "sso-oidc create-token --client-id ID --client-secret file://secret --grant-type refresh_token --refresh-token file://token",
        ],
    ),
    ("list-accounts", &["sso-oidc list-accounts --access-token file://token --region eu-west-1"]),
    ("list-account-roles", &["sso-oidc list-account-roles --account-id 012345678901 --profile work"]),
    (
        "get-role-credentials",
        &["sso-oidc get-role-credentials --account-id 012345678901 --role-name Reader --profile work"],
    ),
];

/// Returns the global flags that mean nothing to a command.
fn meaningless(command: &str) -> &'static [&'static str] {
    match command {
        "serve" | "demo" | "completions" | "man" => &OF_REQUESTS,
        "try-faults" => &OF_REQUESTS_WITHOUT_RESULTS,
        "approve" | "deny" => &OF_REGIONS,
        "ready" => &OF_READINESS,
        "conform" => &OF_AWS,
        "refresh" | "logout" | "configure" | "credentials" | "credential-process" | "exec" => &OF_RESULTS,
        _ => &[],
    }
}

/// Returns the command line's definition. Each command lists only the global flags that mean something to it. `-h`
/// has a short text for each flag, and `--help` has examples.
pub(crate) fn definition() -> clap::Command {
    let mut all = Cli::command();
    // The global flags become flags of the commands.
    all.build();
    let names: Vec<String> = all.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for name in names.iter().filter(|name| *name != "help") {
        all = all.mut_subcommand(name, |command| {
            let after = [
                command.get_after_long_help().or_else(|| command.get_after_help()).map(ToString::to_string),
                examples(name),
            ];
            let after = after.into_iter().flatten().collect::<Vec<_>>().join("\n\n");
            with_short_helps(command.after_long_help(after), meaningless(name))
        });
    }
    all.mut_args(with_short_help)
}

/// Gives the flags of a command, and of those below it, a short help. Hides those that mean nothing to it.
fn with_short_helps(command: clap::Command, meaningless: &[&str]) -> clap::Command {
    let names: Vec<String> = command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    let command = command.mut_args(|arg| {
        let is_meaningless = meaningless.contains(&arg.get_id().as_str());
        let arg = with_short_help(arg);
        if is_meaningless { arg.hide(true) } else { arg }
    });
    let below = names.iter().filter(|name| *name != "help");
    below.fold(command, |command, name| {
        command.mut_subcommand(name, |below| with_short_helps(below, meaningless))
    })
}

/// Returns the examples of a command.
fn examples(command: &str) -> Option<String> {
    let (_, lines) = EXAMPLES.iter().find(|(name, _)| *name == command)?;
    Some(lines.iter().fold("Examples:".to_owned(), |text, line| text + "\n  " + line))
}

/// Gives a flag a short help: the beginning of its text.
fn with_short_help(arg: Arg) -> Arg {
    let is_rare = RARE.contains(&arg.get_id().as_str())
        || matches!(arg.get_help_heading(), Some("Other providers" | "Limits"));
    let Some(help) = arg.get_help().map(ToString::to_string) else { return arg };
    let long = arg.get_long_help().map_or_else(|| help.clone(), ToString::to_string);
    arg.help(beginning(&help).to_owned()).long_help(long).hide_short_help(is_rare)
}

/// Returns a text up to its first detail.
fn beginning(help: &str) -> &str {
    let ends = [
        "; ",
        ". ",
        ": ",
        " (",
        " [env",
        " [profile",
        " [session",
        " [default",
        ", such as ",
        ", or ",
        ", if ",
        ", for ",
        ", so that ",
        ", even ",
        " as if ",
    ];
    let end = ends.iter().filter_map(|end| help.find(end)).min().unwrap_or(help.len());
    help.get(..end).unwrap_or(help)
}

/// Parses a command line.
///
/// # Errors
/// The command line is wrong, or asks for help.
pub(crate) fn parse(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Cli, clap::Error> {
    let arguments: Vec<_> = arguments.into_iter().collect();
    // The other commands and the texts take most of a run's processor time, and only help and errors show them.
    let matches = match chosen(&arguments).try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(version) if version.kind() == clap::error::ErrorKind::DisplayVersion => return Err(version),
        Err(_) => definition().try_get_matches_from(&arguments)?,
    };
    let mut cli = Cli::from_arg_matches(&matches)?;
    refuse_meaningless(&matches)?;
    if let Command::Serve(serve) = &mut cli.command
        && serve.prints_config()
    {
        serve.in_force = layers::in_force(&matches);
    }
    Ok(cli)
}

/// Returns the definition of the program with one command: that of the first word that names one. A command line that
/// this definition takes means the same to the whole definition.
pub(crate) fn chosen(arguments: &[std::ffi::OsString]) -> clap::Command {
    let command = arguments.iter().skip(1).find_map(|word| Command::named(word.to_str()?));
    let program = clap::Command::new("sso-oidc").version(env!("CARGO_PKG_VERSION")).propagate_version(true);
    Globals::augment_args(program).subcommand_required(true).subcommands(command)
}

/// Refuses a global flag that could do nothing.
fn refuse_meaningless(matches: &ArgMatches) -> Result<(), clap::Error> {
    let Some((command, flags)) = matches.subcommand() else { return Ok(()) };
    let is_given = |flag: &&&str| flags.value_source(flag) == Some(ValueSource::CommandLine);
    match meaningless(command).iter().find(is_given) {
        None => Ok(()),
        Some(flag) => Err(clap::Error::raw(
            clap::error::ErrorKind::ArgumentConflict,
            format_args!("--{} has no effect on `{command}`", flag.replace('_', "-")),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_means_the_same_with_the_other_commands_and_without() {
        let lines = EXAMPLES.iter().flat_map(|(_, lines)| *lines).map(|line| {
            let line = line.split(['<', '>', ')']).find(|part| part.contains("sso-oidc")).unwrap();
            shlex::split(line.trim_start_matches("eval \"$(").trim_start_matches("TOKEN=$(")).unwrap()
        });
        let more =
            ["--profile login status", "--profile=serve cache list", "--debug configure profiles --dry-run"];
        let more = more.map(|line| shlex::split(&format!("sso-oidc {line}")).unwrap());
        for line in lines.chain(more) {
            let words: Vec<std::ffi::OsString> = line.iter().map(Into::into).collect();
            let whole = Cli::command().try_get_matches_from(&words).unwrap();
            match chosen(&words).try_get_matches_from(&words) {
                // The values of the global flags are among those of the command.
                Ok(matches) => assert!(matches.subcommand() == whole.subcommand(), "{line:?}"),
                Err(_) => assert_eq!(line[..2], ["sso-oidc", "--profile"], "{line:?}"),
            }
        }
        // Each command is in the table.
        for command in Cli::command().get_subcommands() {
            assert!(Command::named(command.get_name()).is_some(), "{}", command.get_name());
        }
        for wrong in [&["sso-oidc"][..], &["sso-oidc", "no-such"], &["sso-oidc", "login", "--no-such"]] {
            let words: Vec<std::ffi::OsString> = wrong.iter().map(Into::into).collect();
            assert!(chosen(&words).try_get_matches_from(&words).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_version_is_the_same_with_the_other_commands_and_without() {
        for line in [&["sso-oidc", "--version"][..], &["sso-oidc", "-V"], &["sso-oidc", "login", "--version"]]
        {
            let words: Vec<std::ffi::OsString> = line.iter().map(Into::into).collect();
            let said =
                |definition: clap::Command| definition.try_get_matches_from(&words).unwrap_err().to_string();
            assert_eq!(said(chosen(&words)), said(definition()), "{line:?}");
        }
    }

    #[test]
    fn the_short_help_of_each_command_has_one_line_for_each_flag() {
        let all = definition();
        for command in all.get_subcommands().filter(|command| command.get_name() != "help") {
            for below in std::iter::once(command).chain(command.get_subcommands()) {
                for arg in below.get_arguments().filter(|arg| !arg.is_hide_set()) {
                    let short = arg.get_help().map(ToString::to_string).unwrap_or_default();
                    let name = format!("{} {}", below.get_name(), arg.get_id());
                    assert!((1..=90).contains(&short.len()), "{name}: {short}");
                    assert!(
                        arg.get_long_help().is_none_or(|long| long.to_string().starts_with(&short)),
                        "{name}"
                    );
                }
            }
        }
    }

    #[test]
    fn each_command_has_examples_and_each_example_is_a_command_line() {
        let all = definition();
        for command in all.get_subcommands().filter(|command| command.get_name() != "help") {
            let name = command.get_name();
            let (_, lines) = EXAMPLES.iter().find(|(named, _)| *named == name).expect(name);
            assert!(!lines.is_empty(), "{name}");
            for line in *lines {
                let (_, words) = line.split_once("sso-oidc ").unwrap();
                let words = words.split([')', '>']).next().unwrap();
                let words = shlex::split(words).unwrap().into_iter();
                let parsed = parse(std::iter::once("sso-oidc".to_owned()).chain(words).map(Into::into));
                assert!(parsed.is_ok(), "{line}: {}", parsed.err().unwrap());
            }
        }
    }

    #[test]
    fn a_flag_without_a_meaning_is_neither_listed_nor_taken() {
        let mut all = definition();
        for (command, flag) in
            [("serve", "--region"), ("demo", "--output"), ("exec", "--query"), ("logout", "--query")]
        {
            let help = all.find_subcommand_mut(command).unwrap().render_long_help().to_string();
            assert!(!help.contains(&format!("{flag} ")), "{command}: {help}");
            assert!(help.contains("--debug"), "{command}: {help}");
            let line = ["sso-oidc", flag, "json", command].map(Into::into);
            let error = parse(line).err().unwrap().to_string();
            assert!(error.contains("has no effect on") || command == "exec", "{command}: {error}");
        }
        assert!(parse(["sso-oidc", "accounts", "--region", "eu-west-1"].map(Into::into)).is_ok());
    }

    #[test]
    fn a_text_is_cut_before_its_details() {
        assert_eq!(
            beginning("The address to listen on; port 0 means a free one"),
            "The address to listen on"
        );
        assert_eq!(beginning("How it is decided: on the page"), "How it is decided");
        assert_eq!(beginning("Print help"), "Print help");
    }
}
