//! A sign-in with the authorization code flow, ready to run.

use std::future;
use std::sync::Arc;
use std::time::Duration;

use device_flow::{
    BrowserPrompt, CodeFlow, Observer, OnPrompt, Policy, SignInError, SignedIn, Stop, TryOnPrompt,
};
use oidc_proto::Registration;

use crate::login::{Wait, any_number};
use crate::{Clock as _, HttpClient, Listener, TokioClock, crypto};

/// A whole sign-in in a browser on this machine (RFC 8252), ready to run: [`HttpClient::code_login`] makes it.
///
/// It waits at most [`Policy::redirect_timeout`] for the person.
///
/// ```
/// use device_flow_reqwest::{Endpoint, HttpClient, Listener, Policy};
/// # use device_flow_reqwest::{AnsweredBy, BrowserPrompt, ResponseBody};
/// # fn open(prompt: &BrowserPrompt, state: &str) {
/// #     use std::io::Write as _;
/// #     let port = prompt.redirect_uri.port();
/// #     let mut browser = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
/// #     let target = format!("/oauth/callback?code=c&state={state}");
/// #     write!(browser, "GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
/// # }
/// # let bodies = vec![r#"{"accessToken":"t","expiresIn":3600}"#, r#"{"clientId":"c","clientSecret":"s"}"#];
/// # let bodies = std::sync::Mutex::new(bodies);
/// # let builder = HttpClient::builder(Endpoint::custom("http://127.0.0.1:9")?);
/// # let client = builder.answered_by(move |_| Ok(http::Response::new(ResponseBody::from(bodies.lock().unwrap().pop().unwrap())))).build()?;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let listener = Listener::bind().await?;
/// let policy = Policy::aws("https://d-1234567890.awsapps.com/start").with_client_name("my program");
/// let signed_in = client.code_login(policy, listener).run(|prompt| {
///     println!("{prompt}"); // and open `prompt.url` in a browser
///     # let (_, state) = prompt.url.split_once("state=").unwrap();
///     # open(prompt, state.split('&').next().unwrap());
/// }).await?;
/// assert!(signed_in.expires_in().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "call `run` to sign in"]
pub struct CodeLogin {
    client: HttpClient,
    policy: Arc<Policy>,
    registration: Option<Registration>,
    listener: Listener,
}

impl CodeLogin {
    /// Returns the same sign-in with this registration from a cache, made for this grant. The service may have
    /// deleted it; the flow then registers again.
    pub fn registered(mut self, registration: Option<Registration>) -> Self {
        self.registration = registration;
        self
    }

    /// Signs in. The closure shows the address, or opens it.
    ///
    /// # Errors
    /// [`SignInError`] for every end without a token.
    ///
    /// # Cancel safety
    /// Dropping the future ends the sign-in and closes the port. A token on its way is lost.
    pub async fn run(self, on_prompt: impl FnMut(&BrowserPrompt)) -> Result<SignedIn, SignInError> {
        self.run_with(OnPrompt(on_prompt)).await
    }

    /// Signs in. An error of the closure ends the sign-in.
    ///
    /// # Errors
    /// [`SignInError`] for every end without a token.
    ///
    /// # Cancel safety
    /// Dropping the future ends the sign-in and closes the port. A token on its way is lost.
    pub async fn try_run<E: Into<Stop>>(
        self,
        on_prompt: impl FnMut(&BrowserPrompt) -> Result<(), E>,
    ) -> Result<SignedIn, SignInError> {
        self.run_with(TryOnPrompt(on_prompt)).await
    }

    /// Signs in, with an observer.
    ///
    /// # Errors
    /// [`SignInError`] for every end without a token.
    ///
    /// # Cancel safety
    /// Dropping the future ends the sign-in and closes the port. A token on its way is lost.
    pub async fn run_with(self, mut observer: impl Observer<CodeFlow>) -> Result<SignedIn, SignInError> {
        let Self { client, policy, registration, mut listener } = self;
        let clock = TokioClock;
        let secrets =
            crypto::provider(client.crypto.as_ref()).and_then(|provider| crypto::code_secrets(&provider));
        let has_secrets = secrets.is_some();
        let (service, redirect) = (client.service.clone(), listener.redirect_uri());
        let secrets = secrets.unwrap_or_else(crypto::no_secrets);
        let mut flow = CodeFlow::new(service, policy, registration, redirect, secrets, clock.now())
            .with_jitter(any_number());
        if !has_secrets {
            flow.stop(Stop::because(crypto::NO_PKCE));
        }
        let waiting = Waiting { listener: &mut listener, clock };
        client.drive_by(&mut flow, &clock, &mut observer, future::pending(), waiting).await;
        listener.finish(&flow).await;
        flow.into_result(clock.now())
    }
}

/// Waits for the browser while the flow listens.
struct Waiting<'a> {
    listener: &'a mut Listener,
    clock: TokioClock,
}

impl Wait<CodeFlow> for Waiting<'_> {
    async fn wait(&mut self, flow: &mut CodeFlow, most: Duration) {
        if flow.is_listening() {
            self.listener.wait(flow, &self.clock, most).await;
        } else {
            self.clock.wait(most).await;
        }
    }
}

impl HttpClient {
    /// Returns a complete sign-in with the authorization code flow, ready to run; see [`CodeLogin`].
    pub fn code_login(&self, policy: impl Into<Arc<Policy>>, listener: Listener) -> CodeLogin {
        CodeLogin { client: self.clone(), policy: policy.into(), registration: None, listener }
    }
}
