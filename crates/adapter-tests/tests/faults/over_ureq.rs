//! The blocking adapter for the table of faults.

use std::path::Path;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use adapter_tests::Ureq;
use device_flow_ureq::{
    Cancel, Clock, FirstPoll, HttpClient, HttpClientBuilder, Listener, Policy, RevocationRequest,
    SignInError, SignedIn, Tick, ureq,
};
use oidc_proto::{Dialect, Operation, Service};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::adapter::Faced;
use crate::browser::code_policy;
use crate::calls;
use crate::cancelled::{self, Cancelled, Watcher};
use crate::case::{End, Setting, Target};
use crate::ledger::{Ledger, Watch};
use crate::table::{CallResult, Client};

static OURS: Client = Client { name: "ours", follows_redirects: false };
/// A client that sends each request from a separate thread.
static CANCELLABLE: Client = Client { name: "ours, to be cancelled", follows_redirects: false };
/// An agent that, by default, follows redirects and turns statuses into errors.
static AGENT: Client = Client { name: "an agent", follows_redirects: false };

impl Clock for &Ledger {
    fn now(&self) -> Tick {
        Tick::since_origin(self.read())
    }

    fn wait(&self, duration: Duration, _: &Cancel) {
        Ledger::wait(self, duration);
    }
}

impl Faced for Ureq {
    const SETTINGS: &'static [Setting] = &[
        Setting { dialect: Dialect::Aws, client: &OURS },
        Setting { dialect: Dialect::OAuth, client: &OURS },
        Setting { dialect: Dialect::Aws, client: &CANCELLABLE },
        Setting { dialect: Dialect::Aws, client: &AGENT },
        Setting { dialect: Dialect::OAuth, client: &AGENT },
    ];

    fn sign_in(target: &Target, ledger: &Ledger, watch: Watch<'_>) -> Result<(), End> {
        let client = client(target);
        let policy = Policy::aws("https://d-1234567890.awsapps.com/start").with_client_name("fault matrix");
        let mut login = client.login(policy).clock(ledger);
        if target.setting.client.name == CANCELLABLE.name {
            login = login.cancelled_by(&Cancel::new());
        }
        let signed_in = login.run_with(watch)?;
        assert!(!signed_in.token.access_token.is_empty());
        Ok(())
    }

    fn sign_in_by_code(target: &Target, ledger: &Ledger, watch: Watch<'_>) -> Result<(), End> {
        let mut login = client(target).code_login(code_policy(), Listener::bind().unwrap()).clock(ledger);
        if target.setting.client.name == CANCELLABLE.name {
            login = login.cancelled_by(&Cancel::new());
        }
        let signed_in = login.run_with(watch)?;
        assert!(!signed_in.token.access_token.is_empty());
        Ok(())
    }

    fn sign_in_until(target: &Target, watcher: Watcher, moments: Receiver<()>) -> Cancelled {
        let client = client(target);
        let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
        let policy = policy.with_first_poll(FirstPoll::Immediately);
        until(moments, |cancel| client.login(policy).cancelled_by(cancel).run_with(watcher))
    }

    fn sign_in_by_code_until(target: &Target, watcher: Watcher, moments: Receiver<()>) -> Cancelled {
        let login = client(target).code_login(code_policy(), Listener::bind().unwrap());
        until(moments, |cancel| login.cancelled_by(cancel).run_with(watcher))
    }

    fn revoke(target: &Target) -> CallResult {
        let client = client(target);
        let login = client.login(Policy::aws("")).clock(&Ledger::default()).run(|_| {}).unwrap();
        let token = login.token.access_token;
        calls::told(client.revoke(&RevocationRequest::access_token(login.registration.client, token)))
    }

    fn call_portal(target: &Target, operation: Operation) -> CallResult {
        let client = client(target);
        let login = client
            .login(Policy::aws("https://d-1234567890.awsapps.com/start"))
            .clock(&Ledger::default())
            .run(|_| {})
            .unwrap();
        let token = login.token.access_token;
        match operation {
            Operation::ListAccounts => calls::told(client.list_accounts(&token, &calls::accounts())),
            Operation::ListAccountRoles => calls::told(client.list_account_roles(&token, &calls::roles())),
            Operation::GetRoleCredentials => {
                calls::told(client.get_role_credentials(&token, &calls::credentials()))
            }
            _ => calls::told(client.logout(&token)),
        }
    }

    fn discover(target: &Target) -> CallResult {
        let (mut search, ledger) = (calls::search(target), Ledger::default());
        builder(target, target.base()).search(&mut search, &&ledger).unwrap();
        calls::found(search)
    }
}

/// Runs a sign-in, and cancels it on the signal.
fn until(moments: Receiver<()>, run: impl FnOnce(&Cancel) -> Result<SignedIn, SignInError>) -> Cancelled {
    let cancel = Cancel::new();
    thread::scope(|scope| {
        let handle = cancel.clone();
        let cancelled_at = scope.spawn(move || {
            assert!(cancelled::wait_for(&moments), "it never waited");
            let now = Instant::now();
            handle.cancel();
            now
        });
        let result = run(&cancel);
        let ended = Instant::now();
        let end = result.map(|_| "there was no approval").unwrap_err();
        let late = ended.saturating_duration_since(cancelled_at.join().unwrap());
        Cancelled { end: Some(end.into()), late, rest: None }
    })
}

fn client(target: &Target) -> HttpClient {
    builder(target, target.service()).build().unwrap()
}

fn builder(target: &Target, service: impl Into<Service>) -> HttpClientBuilder {
    let mut builder = HttpClient::builder(service)
        .connect_timeout(target.request_timeout)
        .request_timeout(target.request_timeout);
    if target.setting.client.name == AGENT.name {
        builder = builder.agent(agent(target.ca_bundle.as_deref()));
    } else if let Some(bundle) = &target.ca_bundle {
        builder = builder.ca_bundle(bundle);
    }
    builder
}

/// Returns an agent with ureq's defaults and these trusted certificates.
fn agent(ca_bundle: Option<&Path>) -> ureq::Agent {
    let Some(bundle) = ca_bundle else { return ureq::Agent::new_with_defaults() };
    let pem = std::fs::read(bundle).unwrap();
    let roots: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(rustls::crypto::ring::default_provider().into())
        .root_certs(RootCerts::from(roots))
        .build();
    ureq::Agent::config_builder().tls_config(tls).build().into()
}
