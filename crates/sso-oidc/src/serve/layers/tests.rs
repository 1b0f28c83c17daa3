//! Each flag as a key of the file and as a variable, and the order of the layers.

use super::*;

/// A value of each flag, and the other flags that it needs. A new flag needs a row here.
const SAMPLES: &[(&str, &[&str], &[&str])] = &[
    ("listen", &["127.0.0.1:8765"], &[]),
    ("approve", &["after-polls=2"], &[]),
    ("interval", &["7s"], &[]),
    ("device-ttl", &["42s"], &[]),
    ("device-grace", &["30s"], &[]),
    ("access-ttl", &["15m"], &[]),
    ("refresh-ttl", &["1h"], &[]),
    ("id-token-ttl", &["5m"], &[]),
    ("registration-ttl", &["2h"], &[]),
    ("slow-down", &["strict"], &[]),
    ("refresh", &["reuse"], &[]),
    ("public-url", &["https://sso.example"], &[]),
    ("allow-host", &["one.example", "two.example"], &[]),
    ("trusted-proxy", &["10.0.0.0/8", "2001:db8::1"], &[]),
    ("oauth-client", &["my-tool", "other"], &[]),
    ("registration-key", &["/etc/a \"key\"\\\u{7f}\u{e9}"], &[]),
    ("accounts", &["accounts.toml"], &[]),
    ("accept-unknown-clients", &[], &[]),
    ("ready-file", &["/run/ready"], &[]),
    ("log-file", &["/var/log/sso"], &[]),
    ("log-format", &["json"], &[]),
    ("keep-home", &[], &["--", "true"]),
    ("store", &["postgresql://user@db.example/sso"], &[]),
    ("store-url-file", &["/etc/url"], &[]),
    ("tls", &[], &[]),
    ("tls-ca-file", &["ca.pem"], &["--tls"]),
    ("tls-certificate", &["cert.pem"], &["--tls-key", "key.pem"]),
    ("tls-key", &["key.pem"], &["--tls-certificate", "cert.pem"]),
    ("fault", &["drip@poll:1", "html-502"], &[]),
    ("retry-after", &["3s"], &[]),
    ("report", &["json"], &[]),
    ("report-file", &["report.json"], &[]),
    ("report-fail", &[], &[]),
    ("control", &["127.0.0.1:9000"], &[]),
    ("control-token-file", &["token"], &["--control", "0"]),
    ("metrics", &["127.0.0.1:9465"], &[]),
    ("script", &["script.toml"], &[]),
    ("people", &["people.toml"], &[]),
    ("cors", &["https://app.example", "http://localhost:3000"], &[]),
    ("max-connections", &["7"], &[]),
    ("max-connections-per-address", &["7"], &[]),
    ("max-head-bytes", &["7"], &[]),
    ("max-headers", &["7"], &[]),
    ("max-body-bytes", &["7"], &[]),
    ("max-clients", &["7"], &[]),
    ("max-devices", &["7"], &[]),
    ("max-codes", &["7"], &[]),
    ("max-sign-ins", &["7"], &[]),
    ("max-access-tokens", &["7"], &[]),
    ("max-wrong-codes-per-address", &["7"], &[]),
    ("max-wrong-codes", &["7"], &[]),
    ("body-timeout", &["3s"], &[]),
    ("write-timeout", &["3s"], &[]),
    ("idle-timeout", &["3s"], &[]),
    ("stop-timeout", &["3s"], &[]),
];

fn words(words: &[&str]) -> Vec<OsString> {
    ["sso-oidc", "serve"].iter().chain(words).map(OsString::from).collect()
}

/// Returns what is in force with this command line and this environment.
fn configured(arguments: &[&str], environment: &Environment) -> Result<String, String> {
    let merged = merged(words(arguments), environment).map_err(|failure| failure.message().to_owned())?;
    let matches = Cli::command().try_get_matches_from(merged.arguments).map_err(|error| error.to_string())?;
    Ok(in_force(&matches).unwrap())
}

fn no_environment() -> Environment {
    Environment::from([])
}

/// Returns what is in force with this file and these flags.
fn with_file(text: &str, more: &[&str], environment: &Environment) -> Result<String, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("serve.toml");
    std::fs::write(&path, text).unwrap();
    let file = format!("--config={}", path.display());
    configured(&[&[&*file], more].concat(), environment)
        .map_err(|why| why.replace(path.to_str().unwrap(), "FILE"))
}

#[test]
fn each_flag_is_a_key_of_the_file_and_what_is_printed_is_read_back() {
    let flags = Flags::new();
    for arg in flags.all() {
        let name = arg.get_long().unwrap();
        let (_, values, others) = SAMPLES.iter().find(|(known, ..)| *known == name).expect(name);
        let given = match values {
            [] => vec![format!("--{name}")],
            values => values.iter().map(|value| format!("--{name}={value}")).collect(),
        };
        let given: Vec<&str> = given.iter().map(String::as_str).chain(others.iter().copied()).collect();
        let printed = configured(&given, &no_environment()).unwrap();
        let lines = |text: &str| text.lines().filter(|line| line.starts_with(&format!("{name} = "))).count();
        assert_eq!(lines(&printed), 1, "{name}: {printed}");
        // A command belongs to no file.
        let command = others.iter().position(|word| *word == "--").map_or(&[][..], |at| &others[at..]);
        assert_eq!(with_file(&printed, command, &no_environment()).unwrap(), printed, "{name}");
    }
}

#[test]
fn each_flag_is_a_variable() {
    let flags = Flags::new();
    for (name, values, others) in SAMPLES.iter().filter(|(name, ..)| *name != "registration-key") {
        let (variable, text) = (variable(name), values.join(","));
        let environment = Environment::from([(&*variable, if values.is_empty() { "true" } else { &*text })]);
        let by_variable = configured(others, &environment).unwrap();
        let arg = flags.named(name).unwrap();
        let given = given_by(arg, OsStr::new(if values.is_empty() { "true" } else { &text })).unwrap();
        let given: Vec<_> =
            as_flags(arg, &given).into_iter().map(|word| word.into_string().unwrap()).collect();
        let given: Vec<&str> = given.iter().map(String::as_str).chain(others.iter().copied()).collect();
        assert_eq!(by_variable, configured(&given, &no_environment()).unwrap(), "{name}");
    }
}

#[test]
fn a_flag_comes_before_a_variable_and_a_variable_before_the_file() {
    let file = "interval = 3\nallow-host = [\"file\"]\ntls = true\nslow-down = \"off\"\n";
    let environment = Environment::from([
        ("SSO_OIDC_SERVE_INTERVAL", "2s"),
        ("SSO_OIDC_SERVE_ALLOW_HOST", "env1,env2"),
        ("SSO_OIDC_SERVE_TLS", "false"),
    ]);
    let has = |text: &str, line: &str| assert!(text.lines().any(|have| have == line), "{line} in {text}");
    let all = with_file(file, &["--interval", "1s", "--allow-host", "flag"], &environment).unwrap();
    has(&all, "interval = \"1s\"");
    has(&all, "allow-host = [\"flag\"]");
    has(&all, "tls = false");
    has(&all, "slow-down = \"off\"");
    has(&all, "device-ttl = \"10m\"");
    let lower = with_file(file, &[], &environment).unwrap();
    has(&lower, "interval = \"2s\"");
    has(&lower, "allow-host = [\"env1\", \"env2\"]");
    let lowest = with_file(file, &[], &no_environment()).unwrap();
    has(&lowest, "interval = \"3\"");
    has(&lowest, "tls = true");
}

#[test]
fn a_flag_that_excludes_one_of_a_lower_layer_wins() {
    let file = "store = \"a.redb\"\n";
    let by_flag = with_file(file, &["--store-url-file", "url"], &no_environment()).unwrap();
    assert!(by_flag.contains("store-url-file = \"url\"") && !by_flag.contains("a.redb"), "{by_flag}");
    let private = Environment::from([("SSO_OIDC_STORE", "postgresql://u:secret@db/x")]);
    for file in [file, "store-url-file = \"url\"\n"] {
        let by_variable = with_file(file, &[], &private).unwrap();
        assert!(!by_variable.contains("\nstore"), "{by_variable}");
    }
    let both = with_file("store = \"a\"\nstore-url-file = \"b\"\n", &[], &no_environment()).unwrap_err();
    assert!(both.contains("cannot be used with"), "{both}");
}

#[test]
fn a_setting_may_need_one_of_another_layer() {
    let file = "control-token-file = \"token\"\n";
    assert!(with_file(file, &["--control", "0"], &no_environment()).is_ok());
    let alone = with_file(file, &[], &no_environment()).unwrap_err();
    assert!(alone.contains("--control <"), "{alone}");
}

#[test]
fn a_wrong_file_is_refused_with_the_line_and_the_nearest_name() {
    for (text, why) in [
        (
            "\nlisten = 1\nintervall = \"1s\"\n",
            "FILE, line 3: intervall is no setting of `serve`; did you mean interval?",
        ),
        ("region = \"eu-west-1\"\n", "FILE, line 1: region is no setting of `serve`"),
        ("config = \"other.toml\"\n", "FILE, line 1: config is no setting of `serve`"),
        ("listen = \"nowhere\"\n", "FILE, line 1: listen: expected a port, or an IP address with a port"),
        ("# x\nlog-format = \"xml\"\n", "FILE, line 2: log-format: expected text, json"),
        ("tls = \"yes\"\n", "FILE, line 1: tls: expected true or false"),
        ("listen = true\n", "FILE, line 1: listen: expected a text or a number"),
        ("listen = [\"0\", \"1\"]\n", "FILE, line 1: listen: expected a text or a number"),
        ("allow-host = [1.5]\n", "FILE, line 1: allow-host: expected texts in the array"),
        ("access-ttl = 1\ntoken-ttl = 2\n", "is another name of a key that is there"),
        ("[serve]\nlisten = 1\n", "FILE, line 1: serve is no setting"),
        ("\n\nlisten = \n", "FILE, line 3: "),
    ] {
        let said = with_file(text, &[], &no_environment()).unwrap_err();
        assert!(said.contains(why), "{text}: {said}");
    }
    let secret = with_file("oauth-client = [\":hunter2\"]\n", &[], &no_environment()).unwrap_err();
    assert!(secret.contains("the id is empty") && !secret.contains("hunter2"), "{secret}");
    let missing = configured(&["--config", "/none.toml"], &no_environment()).unwrap_err();
    assert!(missing.contains("/none.toml"), "{missing}");
}

#[test]
fn a_wrong_variable_is_refused_with_its_name_and_an_unknown_one_is_none() {
    for (name, text, why) in [
        ("SSO_OIDC_SERVE_TLS", "yes", "SSO_OIDC_SERVE_TLS: expected true or false"),
        ("SSO_OIDC_SERVE_INTERVAL", "soon", "SSO_OIDC_SERVE_INTERVAL: expected a duration"),
        ("SSO_OIDC_SERVE_CONFIG", "/none.toml", "/none.toml"),
    ] {
        let said = configured(&[], &Environment::from([(name, text)])).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
    let of_kubernetes = Environment::from([("SSO_OIDC_SERVE_PORT", "tcp://10.0.0.1:80")]);
    assert_eq!(configured(&[], &of_kubernetes), configured(&[], &no_environment()));
}

#[test]
fn no_secret_is_printed() {
    let secrets =
        ["--oauth-client=tool:hunter2", "--oauth-client=public", "--store=postgresql://u:hunter2@db/x"];
    let printed = configured(&secrets, &no_environment()).unwrap();
    assert!(!printed.contains("hunter2"), "{printed}");
    assert!(printed.contains("oauth-client = [\"public\"]\n"), "{printed}");
    assert!(
        printed.contains("# oauth-client: 1 left out") && printed.contains("# store: 1 left out"),
        "{printed}"
    );
    for url in ["postgresql://db/x?password=hunter2", "postgresql://u:hunter2@db"] {
        let printed = configured(&["--store", url], &no_environment()).unwrap();
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}

#[test]
fn other_command_lines_stay_as_they_are() {
    let environment = Environment::from([("SSO_OIDC_SERVE_TLS", "true")]);
    for line in [&["status"][..], &["exec", "--", "serve"], &["--help", "serve"], &["help", "serve"]] {
        let line: Vec<OsString> = ["sso-oidc"].iter().chain(line).map(OsString::from).collect();
        assert_eq!(merged(line.clone(), &environment).unwrap().arguments, line);
    }
    let to_command = merged(words(&["--", "serve", "--", "x"]), &environment).unwrap().arguments;
    assert_eq!(to_command, words(&["--tls", "--", "serve", "--", "x"]));
}
