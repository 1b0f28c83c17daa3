//! The async adapter for the table of faults.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use adapter_tests::Reqwest;
use adapter_tests::over_reqwest::block_on;
use device_flow_reqwest::{
    Clock, DeviceFlow, FirstPoll, HttpClient, HttpClientBuilder, Listener, Policy, RevocationRequest, Tick,
    TokioClock, hardened,
};
use oidc_proto::{Dialect, Operation, Service};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::sync::oneshot;

use crate::adapter::Faced;
use crate::browser::code_policy;
use crate::calls;
use crate::cancelled::{self, Cancelled, Watcher};
use crate::case::{End, Setting, Target};
use crate::ledger::{Ledger, Watch};
use crate::table::{CallResult, Client};

static OURS: Client = Client { name: "ours", follows_redirects: false };
static HARDENED: Client = Client { name: "a hardened client", follows_redirects: false };
static PLAIN: Client = Client { name: "a plain client", follows_redirects: true };

impl Clock for &Ledger {
    fn now(&self) -> Tick {
        Tick::since_origin(self.read())
    }

    async fn wait(&self, duration: Duration) {
        Ledger::wait(self, duration);
        // Yields to other tasks, as a real sleep would.
        tokio::task::yield_now().await;
    }
}

impl Faced for Reqwest {
    const SETTINGS: &'static [Setting] = &[
        Setting { dialect: Dialect::Aws, client: &OURS },
        Setting { dialect: Dialect::OAuth, client: &OURS },
        Setting { dialect: Dialect::Aws, client: &HARDENED },
        Setting { dialect: Dialect::Aws, client: &PLAIN },
        Setting { dialect: Dialect::OAuth, client: &PLAIN },
    ];

    fn sign_in(target: &Target, ledger: &Ledger, watch: Watch<'_>) -> Result<(), End> {
        let client = client(target);
        let policy = Policy::aws("https://d-1234567890.awsapps.com/start").with_client_name("fault matrix");
        let signed_in = block_on(client.login(policy).clock(ledger).run_with(watch))?;
        assert!(!signed_in.token.access_token.is_empty());
        Ok(())
    }

    fn sign_in_by_code(target: &Target, ledger: &Ledger, watch: Watch<'_>) -> Result<(), End> {
        let client = client(target);
        let signed_in = block_on(async {
            let listener = Listener::bind().await.unwrap();
            client.code_login(code_policy(), listener).clock(ledger).run_with(watch).await
        })?;
        assert!(!signed_in.token.access_token.is_empty());
        Ok(())
    }

    fn sign_in_until(target: &Target, mut watcher: Watcher, moments: Receiver<()>) -> Cancelled {
        let client = client(target);
        let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
        let policy = policy.with_first_poll(FirstPoll::Immediately);
        until(moments, async move |told| {
            let clock = TokioClock;
            let mut flow = DeviceFlow::new(client.service().clone(), policy, None, clock.now());
            let at = tokio::select! {
                driven = client.drive(&mut flow, &clock, &mut watcher) => {
                    driven.unwrap();
                    None
                }
                at = told => at.ok(),
            };
            let late = at.map(|at| at.elapsed());
            let end = flow.into_result(clock.now()).map(|_| "there was no approval").unwrap_err();
            (Some(end.into()), late)
        })
    }

    fn sign_in_by_code_until(target: &Target, watcher: Watcher, moments: Receiver<()>) -> Cancelled {
        let client = client(target);
        until(moments, async move |told| {
            let listener = Listener::bind().await.unwrap();
            let signing_in = client.code_login(code_policy(), listener).run_with(watcher);
            tokio::select! {
                ended = signing_in => (Some(ended.map(|_| "it was signed in").unwrap_err().into()), None),
                at = told => (None, at.ok().map(|at| at.elapsed())),
            }
        })
    }

    fn revoke(target: &Target) -> CallResult {
        let client = client(target);
        block_on(async {
            let login = client.login(Policy::aws("")).clock(&Ledger::default()).run(|_| {}).await.unwrap();
            let token = login.token.access_token;
            let request = RevocationRequest::access_token(login.registration.client, token);
            calls::told(client.revoke(&request).await)
        })
    }

    fn call_portal(target: &Target, operation: Operation) -> CallResult {
        let client = client(target);
        block_on(async {
            let login = client
                .login(Policy::aws("https://d-1234567890.awsapps.com/start"))
                .clock(&Ledger::default())
                .run(|_| {})
                .await
                .unwrap();
            let token = login.token.access_token;
            match operation {
                Operation::ListAccounts => {
                    calls::told(client.list_accounts(&token, &calls::accounts()).await)
                }
                Operation::ListAccountRoles => {
                    calls::told(client.list_account_roles(&token, &calls::roles()).await)
                }
                Operation::GetRoleCredentials => {
                    calls::told(client.get_role_credentials(&token, &calls::credentials()).await)
                }
                _ => calls::told(client.logout(&token).await),
            }
        })
    }

    fn discover(target: &Target) -> CallResult {
        let (mut search, ledger) = (calls::search(target), Ledger::default());
        block_on(builder(target, target.base()).search(&mut search, &&ledger)).unwrap();
        calls::found(search)
    }
}

/// Runs a sign-in, whose future is dropped on the signal. Its remains run for a while, as in a program with other
/// work.
fn until(
    moments: Receiver<()>,
    run: impl AsyncFnOnce(oneshot::Receiver<Instant>) -> (Option<End>, Option<Duration>),
) -> Cancelled {
    let (tell, told) = oneshot::channel();
    let waiting = thread::spawn(move || {
        assert!(cancelled::wait_for(&moments), "it never waited");
        tell.send(Instant::now()).unwrap();
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (end, late) = runtime.block_on(run(told));
    waiting.join().unwrap();
    let rest = thread::spawn(move || runtime.block_on(async { tokio::time::sleep(cancelled::QUIET).await }));
    Cancelled { end, late: late.unwrap_or(Duration::MAX), rest: Some(rest) }
}

fn client(target: &Target) -> HttpClient {
    builder(target, target.service()).build().unwrap()
}

fn builder(target: &Target, service: impl Into<Service>) -> HttpClientBuilder {
    let builder = HttpClient::builder(service)
        .connect_timeout(target.request_timeout)
        .request_timeout(target.request_timeout);
    let bundle = target.ca_bundle.as_deref();
    match (target.setting.client.name, bundle) {
        (name, _) if name == HARDENED.name => builder.hardened_client(&hardened(settings(bundle)).unwrap()),
        (name, _) if name == PLAIN.name => builder.client(settings(bundle).build().unwrap()),
        (_, Some(bundle)) => builder.ca_bundle(bundle),
        _ => builder,
    }
}

/// Returns reqwest's defaults with these trusted certificates. By default it would load the system's
/// certificates for each client.
fn settings(ca_bundle: Option<&Path>) -> reqwest::ClientBuilder {
    let mut roots = rustls::RootCertStore::empty();
    if let Some(bundle) = ca_bundle {
        let certificates = CertificateDer::pem_file_iter(bundle).unwrap().map(Result::unwrap);
        roots.add_parsable_certificates(certificates);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = builder.unwrap().with_root_certificates(roots).with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(config)
}
