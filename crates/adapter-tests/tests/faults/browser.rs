//! The person's browser in the authorization code flow: it asks the server, and brings the answer to the listener.

use std::sync::Mutex;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use device_flow::{BrowserPrompt, Policy, UserPrompt};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::bundle::Bundle;

/// The time for the browser's requests, and for the redirect. Only a defect takes that long.
const LONG: Duration = Duration::from_secs(20);

/// Returns the policy of a sign-in in the browser.
pub(crate) fn code_policy() -> Policy {
    let policy = Policy::aws("https://d-1234567890.awsapps.com/start").with_client_name("fault matrix");
    policy.with_redirect_timeout(LONG)
}

/// What a person is shown.
pub(crate) trait Shown {
    /// Returns the prompt, if it is one for the browser.
    fn in_browser(&self) -> Option<&BrowserPrompt>;
}

/// The simulated person approves without a browser.
impl Shown for UserPrompt {
    fn in_browser(&self) -> Option<&BrowserPrompt> {
        None
    }
}

impl Shown for BrowserPrompt {
    fn in_browser(&self) -> Option<&BrowserPrompt> {
        Some(self)
    }
}

/// A browser that trusts a server's CA.
pub(crate) struct Browser {
    agent: ureq::Agent,
    /// One for each prompt, with the last page.
    pages: Mutex<Vec<JoinHandle<String>>>,
}

impl Browser {
    pub(crate) fn trusting(bundle: Option<&Bundle>) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(LONG));
        let agent = match bundle {
            Some(bundle) => agent.tls_config(trusting(bundle)),
            None => agent,
        };
        Self { agent: agent.build().into(), pages: Mutex::default() }
    }

    /// Opens an address in a thread of its own.
    pub(crate) fn open(&self, prompt: &BrowserPrompt) {
        let (agent, url) = (self.agent.clone(), prompt.url.clone());
        let visit = move || {
            let redirect = agent.get(url).call().unwrap();
            assert_eq!(redirect.status(), 302, "{redirect:?}");
            let url = redirect.headers()["location"].to_str().unwrap();
            // A cancelled sign-in may have closed its port.
            let page = agent.get(url).call().and_then(|mut page| page.body_mut().read_to_string());
            page.unwrap_or_default()
        };
        self.pages.lock().unwrap().push(thread::spawn(visit));
    }

    /// Returns the last page of each visit.
    pub(crate) fn pages(&self) -> Vec<String> {
        let visits = core::mem::take(&mut *self.pages.lock().unwrap());
        visits.into_iter().map(|visit| visit.join().unwrap()).collect()
    }
}

fn trusting(bundle: &Bundle) -> TlsConfig {
    let pem = std::fs::read(bundle.path()).unwrap();
    let roots: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    TlsConfig::builder()
        .unversioned_rustls_crypto_provider(rustls::crypto::ring::default_provider().into())
        .root_certs(RootCerts::from(roots))
        .build()
}
