//! Cryptography of the program's choice, with the feature `ring` and without it. In a process of its own,
//! because a provider is installed for all of it.
//!
//! `device-flow-reqwest` has the same test on purpose: its own features decide, so it runs in its own package.

use device_flow_ureq::{BuildError, Endpoint, FirstPoll, HttpClient, Policy};
use sso_oidc_server::{Config, TestServer, Tls};

#[test]
fn a_provider_that_the_program_installs_signs_in_over_tls_and_without_one_https_is_a_clear_error() {
    let server = TestServer::with(Config::default().with_tls(Tls::new_ca())).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let bundle = directory.path().join("ca.pem");
    std::fs::write(&bundle, server.ca_certificate().unwrap()).unwrap();
    let builder = || HttpClient::builder(Endpoint::custom(server.endpoint()).unwrap()).ca_bundle(&bundle);

    let without_choice = builder().build();
    assert_eq!(without_choice.is_ok(), cfg!(feature = "ring"));
    if let Err(error) = without_choice {
        assert!(matches!(error, BuildError::NoCryptoProvider), "{error:?}");
        assert!(error.to_string().contains("CryptoProvider"), "{error}");
    }
    if !cfg!(any(feature = "platform-verifier", feature = "webpki-roots")) {
        let without_roots = HttpClient::builder(Endpoint::custom(server.endpoint()).unwrap()).build();
        assert!(without_roots.is_err());
    }

    rustls::crypto::ring::default_provider().install_default().unwrap();
    let client = builder().build().unwrap();
    let policy =
        Policy::aws("https://d-1234567890.awsapps.com/start").with_first_poll(FirstPoll::Immediately);
    let login = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap());
    let signed_in = login.unwrap();
    assert_eq!(signed_in.polls, 1);
    if !cfg!(any(feature = "platform-verifier", feature = "webpki-roots")) {
        let without_roots = HttpClient::builder(Endpoint::custom(server.endpoint()).unwrap()).build();
        let got = without_roots.unwrap_err();
        assert!(matches!(got, BuildError::NoRoots), "{got:?}");
    }
}

/// Set in the process that has the proxy in its environment.
const CHILD: &str = "DEVICE_FLOW_TEST_CHILD";

#[test]
fn an_https_proxy_needs_cryptography_also_for_a_service_over_plain_http() {
    if std::env::var_os(CHILD).is_some() {
        let service = Endpoint::allow_insecure_http("http://x.example").unwrap();
        let built = HttpClient::new(service);
        assert_eq!(built.is_ok(), cfg!(feature = "ring"));
        assert!(built.err().is_none_or(|error| matches!(error, BuildError::NoCryptoProvider)));
        return;
    }
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "an_https_proxy_needs_cryptography_also_for_a_service_over_plain_http"]);
    child
        .env(CHILD, "1")
        .env("HTTP_PROXY", "https://127.0.0.1:1")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy");
    let ended = child.env_remove("REQUEST_METHOD").output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && said.contains("1 passed"), "{said}");
}
