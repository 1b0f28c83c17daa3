//! The program against the test server, and against an STS that tells whose key has signed the request.

use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_config::Region;
use sso_oidc_credentials::sso_cache::{Cache, Identity};
use sso_oidc_server::TestServer;

use super::*;

const CONFIG: &str = "\
[profile work]
sso_session = corp
sso_account_id = 012345678901
sso_role_name = AdministratorAccess
[sso-session corp]
sso_region = eu-west-1
sso_start_url = https://d-1234567890.awsapps.com/start
";

/// Answers GetCallerIdentity with the access key in place of the user's id, and returns the address.
fn sts() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"Version=2011-06-15") {
                let mut part = [0; 4096];
                let length = stream.read(&mut part).unwrap();
                assert_ne!(length, 0, "the request breaks off");
                request.extend_from_slice(&part[..length]);
            }
            let request = String::from_utf8(request).unwrap();
            let key = request.split("Credential=").nth(1).unwrap().split('/').next().unwrap();
            let body = format!(
                "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                 <GetCallerIdentityResult><Arn>arn:aws:sts::012345678901:assumed-role/a/b</Arn>\
                 <UserId>{key}</UserId><Account>012345678901</Account></GetCallerIdentityResult>\
                 <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
            );
            let length = body.len();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\nconnection: close";
            write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
        }
    });
    address
}

#[tokio::test]
async fn the_first_run_signs_in_the_second_uses_the_cache_and_the_third_refreshes() {
    let (server, home, sts) = (TestServer::start(), tempfile::tempdir().unwrap(), sts());
    fs::create_dir(home.path().join(".aws")).unwrap();
    fs::write(home.path().join(".aws/config"), CONFIG).unwrap();
    let prompts = Arc::new(AtomicUsize::new(0));
    // Each run is a program of its own: it shares the files alone.
    let run = || {
        let (person, prompts) = (server.handle(), Arc::clone(&prompts));
        let endpoint = OsString::from(server.endpoint());
        let provider = SsoProvider::builder()
            .profile("work")
            .home_dir(home.path())
            .variables(move |name| (name == "AWS_ENDPOINT_URL").then(|| endpoint.clone()))
            .on_prompt(move |prompt| {
                prompts.fetch_add(1, Ordering::SeqCst);
                person.approve(&prompt.user_code).unwrap();
            });
        let config = aws_config::defaults(BehaviorVersion::latest());
        caller(provider, config.region(Region::from_static("eu-west-1")).endpoint_url(&sts))
    };
    let count = |path: &str| server.requests().iter().filter(|request| request.path == path).count();

    let first = run().await.unwrap();
    assert!(first.starts_with("arn:aws:sts::012345678901:assumed-role/a/b ASIA"), "{first}");
    assert_eq!((prompts.load(Ordering::SeqCst), count("/federation/credentials")), (1, 1));

    let sent = server.requests().len();
    assert_eq!(run().await.unwrap(), first);
    assert_eq!(server.requests().len(), sent, "nothing is sent");

    // An hour later both have expired.
    let cache = Cache::at(Cache::default_dir(home.path()));
    let file = cache.token_path(&Identity::SessionName("corp".to_owned()));
    let mut token: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    token["expiresAt"] = "2020-01-01T00:00:00Z".into();
    fs::write(&file, token.to_string()).unwrap();
    fs::remove_dir_all(home.path().join(".aws/cli/cache")).unwrap();
    let third = run().await.unwrap();
    assert!(third != first && third.contains(" ASIA"), "{third}");
    assert_eq!((prompts.load(Ordering::SeqCst), server.requests().len()), (1, sent + 2));
}
