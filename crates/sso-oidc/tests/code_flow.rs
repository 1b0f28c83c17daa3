//! `login --flow code` as a program, with a browser that the tests act as.

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::time::Duration;

use common::{Program, Serving, stored};
use serde_json::Value;

const CONFIG: &str = "[profile work]\nsso_session = corp\n[sso-session corp]\n\
    sso_start_url = https://d-1234567890.awsapps.com/start\nsso_region = eu-west-1\n";

fn program(serving: &Serving) -> Program {
    Program::new()
        .config(CONFIG)
        .var("AWS_PROFILE", "work")
        .var("AWS_ENDPOINT_URL_SSO_OIDC", &serving.endpoint)
}

/// A sign-in that waits for its browser.
struct Waiting {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    /// The address of the authorization page.
    url: String,
}

impl Waiting {
    fn start(program: &Program, arguments: &[&str]) -> Self {
        let mut child = program.command(arguments).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut waiting = Self { child, stderr, url: String::new() };
        let mut said = String::new();
        while !waiting.url.starts_with("http") {
            waiting.url.clear();
            assert_ne!(waiting.stderr.read_line(&mut waiting.url).unwrap(), 0, "no address: {said}");
            said += &waiting.url;
        }
        waiting.url.truncate(waiting.url.trim_end().len());
        waiting
    }

    /// Presses Ctrl-C. Returns as [`Self::end`] does.
    #[cfg(unix)]
    fn interrupt(self) -> (Option<i32>, String, String) {
        let pid = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.end()
    }

    /// Returns the exit code, and standard output and error after the address.
    fn end(mut self) -> (Option<i32>, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        self.stderr.read_to_string(&mut err).unwrap();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        (self.child.wait().unwrap().code(), out, err)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Requests a page as a browser does, without following a redirect.
fn get(url: &str) -> String {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}

/// Follows the address of a server that decides by itself. Returns the last page.
fn browse(url: &str) -> String {
    let page = get(url);
    let location = page.lines().find(|line| line.to_ascii_lowercase().starts_with("location:"));
    let location = location.unwrap_or_else(|| panic!("no redirect: {page}"));
    get(location.split_once(':').unwrap().1.trim())
}

#[test]
fn a_session_signs_in_with_a_browser_and_its_files_are_those_of_awss_tools() {
    let serving = Serving::start(&["--approve", "auto"]);
    let program = program(&serving);
    let waiting = Waiting::start(&program, &["login", "--flow", "code"]);
    assert!(browse(&waiting.url).contains("You are signed in"));
    let (code, _, said) = waiting.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Signed in to https://d-1234567890.awsapps.com/start"), "{said}");

    let token = stored(&program);
    for member in
        ["accessToken", "refreshToken", "expiresAt", "clientId", "clientSecret", "registrationExpiresAt"]
    {
        assert!(token[member].is_string(), "{member} in {token}");
    }
    let registration = registration(&program);
    assert_eq!(registration["grantTypes"], serde_json::json!(["authorization_code", "refresh_token"]));
    assert_eq!(registration["clientId"], token["clientId"]);

    // The registration is used again, and the token can be refreshed.
    let again = Waiting::start(&program, &["login", "--flow", "code"]);
    let client = format!("client_id={}&", token["clientId"].as_str().unwrap());
    assert!(again.url.contains(&client), "{}", again.url);
    browse(&again.url);
    assert_eq!(again.end().0, Some(0));
    common::edit(&program, |token| drop(token.insert("expiresAt".into(), "2020-01-01T00:00:00Z".into())));
    let refreshed = program.run(&["login", "--if-needed"]);
    assert_eq!(refreshed.code, Some(0), "{refreshed:?}");
    assert!(stored(&program)["expiresAt"].as_str().unwrap() > "2026", "{refreshed:?}");
}

/// Returns the only registration file.
fn registration(program: &Program) -> Value {
    let directory = std::fs::read_dir(program.home.path().join(".aws/sso/cache")).unwrap();
    let files = directory.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    let registrations: Vec<String> = files.filter(|text| !text.contains("accessToken")).collect();
    assert_eq!(registrations.len(), 1, "{registrations:?}");
    serde_json::from_str(&registrations[0]).unwrap()
}

#[test]
fn a_registration_of_one_flow_is_not_used_for_the_other() {
    let serving = Serving::start(&["--approve", "auto"]);
    let program = program(&serving);
    program.run(&["login", "--flow", "device"]).ok();
    let device = registration(&program);
    assert!(device.get("grantTypes").is_none(), "{device}");
    let waiting = Waiting::start(&program, &["login", "--flow", "code"]);
    browse(&waiting.url);
    assert_eq!(waiting.end().0, Some(0));
    let code = registration(&program);
    assert_ne!(code["clientId"], device["clientId"]);
    program.run(&["login", "--flow", "device"]).ok();
    assert_ne!(registration(&program)["clientId"], code["clientId"]);
}

#[cfg(unix)]
#[test]
fn a_registration_that_the_page_refuses_is_gone_unless_a_token_needs_it_and_force_uses_none() {
    let old = Serving::start(&["--approve", "auto"]);
    let registered = program(&old);
    let waiting = Waiting::start(&registered, &["login", "--flow", "code"]);
    browse(&waiting.url);
    assert_eq!(waiting.end().0, Some(0));
    // Another server in its place does not know the client.
    let directory = registered.home.path().join(".aws/sso/cache");
    let count = || std::fs::read_dir(&directory).unwrap().count();
    assert_eq!(count(), 2);
    let rejected = "client_id=".to_owned() + registration(&registered)["clientId"].as_str().unwrap();
    let waiting = Waiting::start(&registered, &["login", "--flow", "code", "--force"]);
    assert!(!waiting.url.contains(&rejected), "{}", waiting.url);
    drop(waiting);

    let interrupted = |files| {
        let waiting = Waiting::start(&registered, &["login", "--flow", "code"]);
        assert!(waiting.url.contains(&rejected), "{}", waiting.url);
        let (code, _, said) = waiting.interrupt();
        assert_eq!(code, Some(130), "{said}");
        assert!(said.contains("if it refused the program, run the same command with --force"), "{said}");
        assert_eq!(count(), files, "{said}");
    };
    interrupted(2);
    // With a token that has ended for good, it is of no more use.
    common::edit(&registered, |token| {
        token.insert("expiresAt".to_owned(), "2020-01-01T00:00:00Z".into());
        token.remove("refreshToken");
    });
    interrupted(1);
    // The page may refuse a new one just as well.
    let waiting = Waiting::start(&registered, &["login", "--flow", "code"]);
    assert!(!waiting.url.contains(&rejected), "{}", waiting.url);
    assert_eq!(waiting.interrupt().0, Some(130));
    assert_eq!(count(), 1);
}

#[cfg(unix)]
#[test]
fn a_sign_in_that_is_cancelled_leaves_the_earlier_one_usable() {
    let serving = Serving::start(&["--approve", "auto"]);
    let scoped = CONFIG.to_owned() + "sso_registration_scopes = sso:account:access\n";
    let program = program(&serving).config(&scoped);
    let waiting = Waiting::start(&program, &["login", "--flow", "code"]);
    browse(&waiting.url);
    assert_eq!(waiting.end().0, Some(0));
    let waiting = Waiting::start(&program, &["login", "--flow", "code"]);
    // Also while it waits for its person.
    program.run(&["refresh", "--force"]).ok();
    program.run(&["token"]).ok();
    assert_eq!(waiting.interrupt().0, Some(130));
    program.run(&["token"]).ok();
    program.run(&["refresh", "--force"]).ok();
    let kept = program.run(&["login", "--if-needed"]);
    assert!(kept.code == Some(0) && kept.stderr.contains("Already signed in"), "{kept:?}");
}

#[cfg(unix)]
#[test]
fn a_browser_that_fails_at_once_is_told_below_the_address_and_the_sign_in_goes_on() {
    let serving = Serving::start(&["--approve", "auto"]);
    let program = program(&serving).var("BROWSER", "no-such-browser:false");
    let mut waiting = Waiting::start(&program, &["login", "--flow", "code"]);
    let told = "Could not open a browser: no-such-browser: No such file or directory (os error 2); \
                false: exit status: 1; open the address yourself.";
    let lines = waiting.stderr.by_ref().lines().map(Result::unwrap).take(10);
    assert!(lines.into_iter().any(|line| line == told), "not told");
    browse(&waiting.url);
    assert_eq!(waiting.end().0, Some(0));
}

#[test]
fn a_port_is_of_use_to_the_code_flow_only() {
    for line in [
        &["login", "--use-device-code", "--redirect-port", "8400"][..],
        &["login", "--flow", "code", "--redirect-port", "0"],
    ] {
        Program::new().run(line).fails(252);
    }
}

#[test]
fn a_denial_in_the_browser_ends_with_254_and_the_page_says_so() {
    let serving = Serving::start(&["--approve", "deny"]);
    let program = program(&serving);
    let waiting = Waiting::start(&program, &["login", "--flow", "code"]);
    assert!(browse(&waiting.url).contains("You are not signed in"));
    let (code, out, said) = waiting.end();
    assert_eq!((code, out.as_str()), (Some(254), ""), "{said}");
    assert!(said.contains("The sign-in was denied on the approval page"), "{said}");
}

#[test]
fn a_port_that_is_taken_is_told_before_anything_is_sent() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let program = Program::new().config(CONFIG).var("AWS_PROFILE", "work");
    // Nothing listens at this endpoint.
    let program = program.var("AWS_ENDPOINT_URL_SSO_OIDC", "http://127.0.0.1:9");
    let said = program.run(&["login", "--redirect-port", &port]).fails(255);
    assert!(said.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{said}");
    assert!(said.contains("choose another port"), "{said}");
}

#[test]
fn a_wanted_port_is_that_of_the_redirect_uri() {
    let serving = Serving::start(&["--approve", "auto"]);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let program = program(&serving);
    let waiting = Waiting::start(&program, &["login", "--redirect-port", &port.to_string()]);
    assert!(waiting.url.contains(&format!("127.0.0.1%3A{port}%2Foauth%2Fcallback")), "{}", waiting.url);
    browse(&waiting.url);
    assert_eq!(waiting.end().0, Some(0));
}

#[test]
fn auto_says_why_it_takes_a_device_code_and_a_choice_is_silent() {
    let serving = Serving::start(&["--approve", "auto"]);
    let said = |arguments: &[&str], config: &str| {
        let run = program(&serving).config(config).run(arguments);
        assert_eq!(run.code, Some(0), "{run:?}");
        run.stderr
    };
    let pinned = format!("{CONFIG}sso_use_device_code = true\n");
    if cfg!(all(unix, not(target_os = "macos"))) {
        let auto = said(&["login"], CONFIG);
        let why =
            "Signing in with a device code, because this machine has no display (--flow code overrides).";
        assert!(auto.contains(why), "{auto}");
    }
    for (arguments, config) in [
        (&["login", "--use-device-code"][..], CONFIG),
        (&["login", "--flow", "device"], CONFIG),
        (&["login"], &*pinned),
    ] {
        let chosen = said(arguments, config);
        assert!(!chosen.contains("because"), "{chosen}");
    }
    let odd =
        program(&serving).config(&format!("{CONFIG}sso_use_device_code = 1\n")).run(&["login"]).fails(253);
    assert!(
        odd.contains("`sso_use_device_code` in section [sso-session corp] must be true or false, not `1`"),
        "{odd}"
    );
}

#[test]
fn a_client_that_was_registered_with_a_redirect_uri_of_its_own_uses_that() {
    let serving = Serving::start(&["--approve", "auto", "--oauth-client", "tool"]);
    let login =
        ["login", "--issuer", &serving.endpoint, "--show-token", "--client-id", "tool", "--redirect-uri"];
    let program = Program::new();
    let waiting = Waiting::start(&program, &[&login[..], &["http://localhost/signed-in"]].concat());
    assert!(waiting.url.contains("redirect_uri=http%3A%2F%2Flocalhost%3A"), "{}", waiting.url);
    assert!(waiting.url.contains("%2Fsigned-in&"), "{}", waiting.url);
    assert!(browse(&waiting.url).contains("You are signed in"));
    assert_eq!(waiting.end().0, Some(0));
    let refused = program.run(&[&login[..], &["https://program.example/cb"]].concat()).fails(252);
    assert!(refused.contains("is not http://127.0.0.1 or http://localhost"), "{refused}");
}

#[test]
fn a_provider_with_an_authorization_endpoint_signs_in_with_a_browser() {
    let serving = Serving::start(&["--approve", "auto", "--oauth-client", "tool"]);
    let login = ["login", "--issuer", &serving.endpoint, "--show-token", "--flow", "code"];
    for (flags, scope) in
        [(&["--client-id", "tool", "--scope", "openid"][..], "openid"), (&["--scope", "a"], "a")]
    {
        let program = Program::new();
        let waiting = Waiting::start(&program, &[&login, flags].concat());
        assert!(browse(&waiting.url).contains("You are signed in"));
        let (code, out, said) = waiting.end();
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["scope"], scope, "{out}");
    }
}

#[test]
fn the_endpoints_of_the_code_flow_can_be_given_by_hand_with_or_without_metadata() {
    let serving = Serving::start(&["--approve", "auto", "--oauth-client", "tool"]);
    let (authorization, token) =
        (format!("{}/authorize", serving.endpoint), format!("{}/oauth/token", serving.endpoint));
    let by_hand = [
        "login",
        "--show-token",
        "--client-id",
        "tool",
        "--authorization-endpoint",
        &authorization,
        "--token-endpoint",
        &token,
    ];
    for more in [&[][..], &["--flow", "code"], &["--issuer", &serving.endpoint]] {
        let program = Program::new();
        let waiting = Waiting::start(&program, &[&by_hand, more].concat());
        assert!(waiting.url.starts_with(&authorization), "{}", waiting.url);
        assert!(browse(&waiting.url).contains("You are signed in"));
        let (code, out, said) = waiting.end();
        assert_eq!(code, Some(0), "{said}");
        assert!(serde_json::from_str::<Value>(&out).unwrap()["access_token"].is_string(), "{out}");
    }
    let another = [&by_hand[..], &["--issuer", "https://evil.example"]].concat();
    let program = Program::new();
    let waiting = Waiting::start(&program, &another);
    assert!(!browse(&waiting.url).contains("You are signed in"));
    let (code, _, said) = waiting.end();
    assert!(code == Some(255) && said.contains("response of another service"), "{code:?} {said}");

    let lacking = Program::new().run(&[&by_hand[..], &["--flow", "device"]].concat()).fails(252);
    assert!(lacking.contains("--device-authorization-endpoint for the device flow"), "{lacking}");
}

#[test]
fn metadata_without_an_authorization_endpoint_is_completed_by_the_flag_or_its_hint_names_it() {
    let serving = Serving::start(&["--approve", "auto", "--oauth-client", "tool"]);
    let stub = common::Stub::naming_itself(|endpoint| {
        let (device, token) = (format!("{endpoint}/d"), format!("{}/oauth/token", serving.endpoint));
        vec![common::success(&format!(
            r#"{{"issuer":"{endpoint}","device_authorization_endpoint":"{device}","token_endpoint":"{token}"}}"#
        ))]
    });
    let login =
        ["login", "--show-token", "--client-id", "tool", "--flow", "code", "--issuer", &stub.endpoint];
    let lacking = Program::new().run(&login).fails(253);
    assert!(
        lacking.contains("Hint: pass it with --authorization-endpoint, or pass --flow device"),
        "{lacking}"
    );
    let authorization = format!("{}/authorize", serving.endpoint);
    let program = Program::new();
    let waiting =
        Waiting::start(&program, &[&login[..], &["--authorization-endpoint", &authorization]].concat());
    assert!(waiting.url.starts_with(&authorization), "{}", waiting.url);
}
