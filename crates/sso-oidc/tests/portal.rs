//! The portal and endpoint of a sign-in: pasted start URLs, regions in host names, a company's own URLs.
//!
//! The tests use a proxy that answers for every host, with a certificate that the program trusts. So they cover the
//! rules for real hosts without network access.

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use common::{Program, Run, response, success};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const DUAL_STACK: &str = "https://ssoins-1111111111111111.portal.us-east-2.app.aws";

/// The simulated internet: redirects by host. The hosts of the service approve every sign-in.
struct World {
    proxy: String,
    certificate: String,
    seen: Arc<Mutex<Vec<(String, String)>>>,
}

impl World {
    fn new(hosts: &[&str], redirects: &[(&'static str, &'static str)]) -> Self {
        let names: Vec<String> =
            hosts.iter().copied().chain(redirects.iter().map(|(host, _)| *host)).map(str::to_owned).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(made.cert.der().to_vec())], key)
            .unwrap();
        let config = Arc::new(config);
        let redirects: BTreeMap<_, _> = redirects.iter().copied().collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().take(64) {
                let (config, redirects, noted) = (Arc::clone(&config), redirects.clone(), Arc::clone(&noted));
                thread::spawn(move || {
                    let _ = serve(stream.unwrap(), config, &redirects, &noted);
                });
            }
        });
        Self { proxy, certificate: made.cert.pem(), seen }
    }

    /// Returns a program that reaches only this internet.
    fn program(&self) -> Program {
        let program = Program::new().var("HTTPS_PROXY", &self.proxy).var("AWS_MAX_ATTEMPTS", "1");
        let bundle = program.file("ca.pem", &self.certificate);
        program.var("AWS_CA_BUNDLE", &bundle)
    }

    /// Returns the requests with their hosts.
    fn seen(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

fn serve(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    redirects: &BTreeMap<&str, &str>,
    seen: &Mutex<Vec<(String, String)>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let connect = lines.next().unwrap()?;
    let host = connect.split([' ', ':']).nth(1).unwrap_or_default().to_owned();
    for line in lines.map_while(Result::ok) {
        if line.is_empty() {
            break;
        }
    }
    (&stream).write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let mut tls = BufReader::new(StreamOwned::new(ServerConnection::new(config).unwrap(), stream));
    let (mut request, mut length) = (String::new(), 0);
    tls.read_line(&mut request)?;
    loop {
        let mut line = String::new();
        tls.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((_, value)) = line.to_lowercase().split_once("content-length:") {
            length = value.trim().parse().unwrap();
        }
        request.push_str(&line);
    }
    let mut body = vec![0; length];
    tls.read_exact(&mut body)?;
    request.push_str(&String::from_utf8_lossy(&body));
    let answer = match (redirects.get(host.as_str()), request.split(' ').nth(1).unwrap_or_default()) {
        (Some(&""), _) => response(200, &[], "hello"),
        (Some(location), _) => response(302, &[("location", location)], ""),
        (None, "/client/register") => success(
            r#"{"clientId":"stub-id","clientSecret":"stub-client-secret","clientSecretExpiresAt":4000000000}"#,
        ),
        (None, "/device_authorization") => success(
            r#"{"deviceCode":"dc","userCode":"WDJB-MJHT","verificationUri":"https://device.example/","expiresIn":600,"interval":1}"#,
        ),
        (None, "/token") => success(r#"{"accessToken":"stub-token","expiresIn":3600,"tokenType":"Bearer"}"#),
        _ => response(404, &[], ""),
    };
    seen.lock().unwrap().push((host, request));
    let tls = tls.get_mut();
    tls.write_all(answer.as_bytes())?;
    tls.conn.send_close_notify();
    tls.flush()
}

fn login(program: &Program, flags: &[&str]) -> Run {
    program.run(&[&["login", "--no-browser"], flags].concat())
}

/// Returns the endpoint of a sign-in. A missing CA bundle stops the sign-in before it connects.
fn endpoint(program: &Program, flags: &[&str]) -> (String, String) {
    let Run { code, stderr, .. } =
        login(program, &[&["--debug", "--ca-bundle", "/nope.pem"], flags].concat());
    assert_eq!(code, Some(253), "{stderr}");
    let (_, rest) = stderr.split_once("endpoint=").unwrap_or_else(|| panic!("{stderr}"));
    (rest.split_whitespace().next().unwrap().to_owned(), stderr)
}

/// The token files in the cache.
fn tokens(program: &Program) -> Vec<(String, serde_json::Value)> {
    let entries = std::fs::read_dir(program.home.path().join(".aws/sso/cache")).unwrap();
    entries
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).ok()?;
            let value: serde_json::Value = serde_json::from_str(&text).ok()?;
            let name = path.file_name()?.to_str()?.to_owned();
            value.get("accessToken").is_some().then_some((name, value))
        })
        .collect()
}

#[test]
fn a_start_url_is_tidied_before_it_is_sent_and_filed() {
    let world = World::new(&["oidc.eu-west-1.amazonaws.com"], &[]);
    let program = world.program();
    let pasted = "HTTPS://d-1234567890.awsapps.com/start/\\#/\u{200b}\r";
    login(&program, &["--start-url", pasted, "--region", "eu-west-1"]).ok();
    let sent = world.seen();
    let asked = sent.iter().find(|(_, request)| request.contains("/device_authorization")).unwrap();
    assert!(asked.1.contains(r#""startUrl":"https://d-1234567890.awsapps.com/start/#/""#), "{asked:?}");
    let [(name, token)] = &tokens(&program)[..] else { panic!("one token") };
    assert_eq!(token["startUrl"], "https://d-1234567890.awsapps.com/start/#/");
    // The SHA-1 of that URL, as in AWS's tools.
    assert_eq!(name, "2204fb11035095b06f2b5121a8a18debcc89f4cb.json");
}

#[test]
fn a_start_url_that_is_no_address_is_refused_before_anything_is_sent() {
    let world = World::new(&[], &[]);
    for (url, expected) in [
        ("https://", "has no host"),
        ("d-1234567890.awsapps.com/start", "is not an https URL"),
        ("http://d-1234567890.awsapps.com/start", "must use https"),
        ("https://ada:hunter2@d-1234567890.awsapps.com/start", "must not contain a user name or password"),
        ("https://d-1234567890.awsapps.com/ start", "a space (U+0020)"),
    ] {
        let said = login(&world.program(), &["--start-url", url, "--region", "eu-west-1"]).fails(253);
        assert!(said.contains(expected) && !said.contains("hunter2"), "{said}");
        let config = format!("[default]\nsso_region = eu-west-1\nsso_start_url = {url}\n");
        let said = login(&world.program().config(&config), &[]).fails(253);
        assert!(said.contains(expected) && said.contains("correct `sso_start_url`"), "{said}");
    }
    assert!(world.seen().is_empty());
}

#[test]
fn an_address_in_the_config_that_had_to_be_tidied_is_warned_of() {
    let url = "https://d-1234567890.awsapps.com/start";
    let program =
        Program::new().config(&format!("[default]\nsso_region = eu-west-1\nsso_start_url = \"{url}\"\n"));
    let (_, said) = endpoint(&program, &[]);
    assert_eq!(
        said.matches("AWS's tools look for the token under the text as it is written there").count(),
        1,
        "{said}"
    );
    let program =
        Program::new().config(&format!("[default]\nsso_region = eu-west-1\nsso_start_url = {url}\n"));
    assert!(!endpoint(&program, &[]).1.contains("[WARNING]"));
}

#[test]
fn a_dual_stack_portal_is_signed_in_to_at_the_dual_stack_endpoint_of_its_region() {
    const PLAIN: &str = "https://ssoins-1111111111111111.us-east-2.portal.amazonaws.com";
    let plain = Program::new();
    assert_eq!(endpoint(&plain, &["--start-url", DUAL_STACK]).0, "https://oidc.us-east-2.api.aws");
    assert_eq!(endpoint(&plain, &["--start-url", PLAIN]).0, "https://oidc.us-east-2.amazonaws.com");
    // The region of the user's workloads does not count for the portal.
    let working = Program::new().var("AWS_REGION", "eu-west-1");
    let (asked, said) = endpoint(&working, &["--start-url", DUAL_STACK]);
    assert_eq!(asked, "https://oidc.us-east-2.api.aws");
    assert!(!said.contains("[WARNING]"), "{said}");
    let fips = Program::new().var("AWS_USE_FIPS_ENDPOINT", "true");
    assert_eq!(endpoint(&fips, &["--start-url", DUAL_STACK]).0, "https://oidc-fips.us-east-2.api.aws");
    let told_not_to = Program::new().var("AWS_USE_DUALSTACK_ENDPOINT", "false");
    let (asked, said) = endpoint(&told_not_to, &["--start-url", DUAL_STACK]);
    assert_eq!(asked, "https://oidc.us-east-2.amazonaws.com");
    assert!(said.contains("is a dual-stack portal, but the settings disable"), "{said}");
    let session = Program::new().config(&format!("[sso-session corp]\nsso_start_url = {DUAL_STACK}\n"));
    assert_eq!(endpoint(&session, &["--sso-session", "corp"]).0, "https://oidc.us-east-2.api.aws");
}

#[test]
fn a_region_that_contradicts_the_portal_is_asked_and_warned_of() {
    let (asked, said) = endpoint(&Program::new(), &["--start-url", DUAL_STACK, "--region", "eu-west-1"]);
    assert_eq!(asked, "https://oidc.eu-west-1.api.aws");
    assert!(said.contains("--region is eu-west-1, but the portal"), "{said}");
    let config = format!("[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = {DUAL_STACK}\n");
    let (asked, said) = endpoint(&Program::new().config(&config), &["--sso-session", "corp"]);
    assert_eq!(asked, "https://oidc.eu-west-1.api.aws");
    assert!(said.contains("sso_region is eu-west-1, but the portal"), "{said}");
    for (url, region, partition) in [
        ("https://start.home.awsapps.cn/directory/x", "us-east-1", "aws-cn"),
        ("https://start.us-gov-home.awsapps.com/directory/x", "us-east-1", "aws-us-gov"),
        ("https://d-1234567890.awsapps.com/start", "us-gov-west-1", "aws"),
        ("https://x.portal.amazonaws.eu/", "eu-west-1", "aws-eusc"),
    ] {
        let (_, said) = endpoint(&Program::new(), &["--start-url", url, "--region", region]);
        assert!(said.contains(&format!("is in the partition {partition}, but the region")), "{said}");
    }
    for (url, region) in [
        ("https://start.home.awsapps.cn/directory/x", "cn-north-1"),
        ("https://d-1234567890.awsapps.com/start", "eu-west-1"),
        ("https://identitycenter.amazonaws.com/ssoins-1", "us-gov-west-1"),
    ] {
        let (_, said) = endpoint(&Program::new(), &["--start-url", url, "--region", region]);
        assert!(!said.contains("[WARNING]"), "{said}");
    }
}

#[test]
fn a_region_that_is_none_is_refused_whatever_the_endpoint() {
    let config =
        "[default]\nsso_region = \"eu-west-1\"\nsso_start_url = https://d-1234567890.awsapps.com/start\n";
    let program = Program::new().config(config).var("AWS_ENDPOINT_URL_SSO_OIDC", "http://127.0.0.1:1");
    let said = login(&program, &[]).fails(253);
    assert!(said.contains("`\"eu-west-1\"` is not a region name"), "{said}");
    let session =
        Program::new().config("[sso-session corp]\nsso_start_url = https://d-1.awsapps.com/start\n");
    let said = login(&session, &["--sso-session", "corp"]).fails(253);
    assert!(said.contains("`sso_region` is missing in section [sso-session corp]"), "{said}");
}

#[test]
fn an_address_of_a_companys_own_leads_to_the_portal_and_stays_what_the_token_is_filed_under() {
    const OWN: &str = "https://aws.example.com/sso/?to=aws#/";
    let world = World::new(
        &["oidc.us-east-2.api.aws"],
        &[("aws.example.com", "https://ssoins-1111111111111111.portal.us-east-2.app.aws/?from=example")],
    );
    let program = world.program();
    let run = login(&program, &["--start-url", OWN]);
    assert!(run.stderr.contains(&format!("{OWN} redirects to {DUAL_STACK}.")), "{run:?}");
    run.ok();
    let sent = world.seen();
    let (host, look) = &sent[0];
    assert_eq!(host, "aws.example.com");
    assert!(look.starts_with("GET /sso/?to=aws HTTP/1.1") && look.ends_with("\r\n"), "{look}");
    assert!(sent[1..].iter().all(|(host, _)| host == "oidc.us-east-2.api.aws"), "{sent:?}");
    let asked = sent.iter().find(|(_, request)| request.contains("/device_authorization")).unwrap();
    assert!(asked.1.contains(&format!(r#""startUrl":"{DUAL_STACK}""#)), "{asked:?}");
    let [(name, token)] = &tokens(&program)[..] else { panic!("one token") };
    assert_eq!((&token["startUrl"], &token["region"]), (&OWN.into(), &"us-east-2".into()));
    assert_eq!(name, "6c631ee8d8e6d8891d47eae20e3058be52d8495b.json");
    // Both clients read these settings, but the warning is printed once.
    let unread = world.program();
    std::fs::create_dir_all(unread.home.path().join(".aws/credentials")).unwrap();
    let run = login(&unread, &["--start-url", OWN]);
    assert_eq!(run.stderr.matches("its settings are ignored").count(), 1, "{run:?}");
    run.ok();
    world.seen();
    // The session has another region, because the portal has moved.
    let config = "[sso-session corp]\nsso_start_url = https://aws.example.com\nsso_region = eu-west-1\n";
    let run = login(&program.config(config), &["--sso-session", "corp"]);
    assert!(run.stderr.contains("sso_region is eu-west-1, but the portal"), "{run:?}");
    assert!(run.stderr.contains("using us-east-2: correct `sso_region`"), "{run:?}");
    run.ok();
    assert!(world.seen()[1..].iter().all(|(host, _)| host == "oidc.us-east-2.api.aws"));
}

#[test]
fn an_address_that_leads_elsewhere_or_nowhere_is_refused_and_no_client_is_registered() {
    for (location, expected) in [
        ("https://evil.example/start", "it redirects, but evil.example is not an AWS access portal"),
        ("https://d-1.awsapps.com.evil.example/", "it redirects, but d-1.awsapps.com.evil.example is not"),
        ("http://d-1.awsapps.com/start", "it redirects, but the start URL must use https"),
        (
            "https://d-1.awsapps.com@evil.example/",
            "it redirects, but the start URL must not contain a user name",
        ),
        ("/login", "it redirects, but aws.example.com is not an AWS access portal"),
        ("https://other.example.com/", "it redirects, but other.example.com is not an AWS access portal"),
        ("", "it responds with HTTP 200 and no redirect"),
    ] {
        let world = World::new(
            &["evil.example"],
            &[("aws.example.com", location), ("other.example.com", DUAL_STACK)],
        );
        let said =
            login(&world.program(), &["--start-url", "https://aws.example.com", "--region", "eu-west-1"])
                .fails(253);
        assert!(said.contains(expected), "{said}");
        assert_eq!(world.seen().len(), 1, "{location}: one look and no more");
    }
    // A URL that does not resolve, with a test server as the service: the same rule applies, as in the AWS CLI.
    let nowhere = Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", "http://127.0.0.1:1");
    let said =
        login(&nowhere, &["--start-url", "https://aws.example.invalid", "--region", "eu-west-1"]).fails(253);
    assert!(said.contains("https://aws.example.invalid is not an AWS access portal"), "{said}");
}

#[test]
fn a_company_address_whose_portal_says_no_region_needs_one() {
    let world = World::new(
        &["oidc.eu-west-1.amazonaws.com"],
        &[("aws.example.com", "https://d-1234567890.awsapps.com/start/")],
    );
    let own = ["--start-url", "https://aws.example.com"];
    let said = login(&world.program(), &own).fails(253);
    assert!(said.contains("You must specify a region"), "{said}");
    login(&world.program(), &[&own[..], &["--region", "eu-west-1"]].concat()).ok();
}

#[test]
fn a_start_url_on_this_machine_is_taken_as_it_is() {
    let server = sso_oidc_server::TestServer::with(
        sso_oidc_server::Config::default().with_approval(sso_oidc_server::Approval::Auto),
    )
    .unwrap();
    let program = Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", server.endpoint());
    login(&program, &["--start-url", "http://127.0.0.1:1/start", "--region", "eu-west-1"]).ok();
}
