//! Cryptography of the program's choice, with the feature `ring` and without it. In a process of its own,
//! because a provider is installed for all of it.
//!
//! `device-flow-ureq` has the same test on purpose: its own features decide, so it runs in its own package.

use device_flow_reqwest::{BuildError, Endpoint, FirstPoll, HttpClient, Policy};
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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let signed_in = runtime.block_on(login).unwrap();
    assert_eq!(signed_in.polls, 1);
    if !cfg!(any(feature = "platform-verifier", feature = "webpki-roots")) {
        let without_roots = HttpClient::builder(Endpoint::custom(server.endpoint()).unwrap()).build();
        let got = without_roots.unwrap_err();
        assert!(matches!(got, BuildError::NoRoots), "{got:?}");
    }
}
