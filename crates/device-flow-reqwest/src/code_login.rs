//! A sign-in with the authorization code flow, ready to run.
//!
//! Its setters look like those of `Login` and of `device-flow-ureq` on purpose: a reader of one type needs
//! one file.

use std::future;
use std::sync::Arc;
use std::time::Duration;

use device_flow::{
    BrowserPrompt, CodeFlow, Observer, OnPrompt, Policy, SignInError, SignedIn, Stop, TryOnPrompt,
};
use oidc_proto::Registration;

use crate::login::{Wait, any_number};
use crate::{Clock, HttpClient, Listener, TokioClock, crypto};

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
/// # let next = move || ResponseBody::from(bodies.lock().unwrap().pop().unwrap());
/// # let client = builder.answered_by(move |_| Ok(http::Response::new(next()))).build()?;
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
pub struct CodeLogin<C = TokioClock> {
    client: HttpClient,
    policy: Arc<Policy>,
    registration: Option<Registration>,
    listener: Listener,
    clock: C,
}

impl<C> CodeLogin<C> {
    /// Returns the same sign-in with this registration from a cache, made for this grant. The service may have
    /// deleted it; the flow then registers again.
    pub fn registered(mut self, registration: Option<Registration>) -> Self {
        self.registration = registration;
        self
    }

    /// Uses this clock, so that a test waits for no retry. A browser has no such clock: the wait for it takes tokio's
    /// time, and only if that ends in vain, this clock passes it too.
    ///
    /// ```
    /// use device_flow_reqwest::{Endpoint, HttpClient, Listener, Policy, VirtualTime};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let client = HttpClient::new(Endpoint::custom("http://127.0.0.1:8080")?)?;
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let login = client.code_login(policy, Listener::bind().await?).clock(VirtualTime::default());
    /// # drop(login);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clock<D: Clock>(self, clock: D) -> CodeLogin<D> {
        let Self { client, policy, registration, listener, clock: _ } = self;
        CodeLogin { client, policy, registration, listener, clock }
    }
}

impl<C: Clock> CodeLogin<C> {
    /// Signs in. The closure shows the address, or opens it.
    ///
    /// ```
    /// # use std::io::Write as _;
    /// # use device_flow_reqwest::{BrowserPrompt, Endpoint, HttpClient, Listener, Policy, ResponseBody};
    /// # fn act(prompt: &BrowserPrompt) {
    /// #     let (_, state) = prompt.url.split_once("state=").unwrap();
    /// #     let target = format!("/oauth/callback?code=c&state={}", state.split('&').next().unwrap());
    /// #     let mut browser = std::net::TcpStream::connect(("127.0.0.1", prompt.redirect_uri.port())).unwrap();
    /// #     write!(browser, "GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    /// # }
    /// # let answer = |_: &http::Request<&[u8]>| Ok(http::Response::new(ResponseBody::from(r#"{"accessToken":"t"}"#)));
    /// # let client = HttpClient::builder(Endpoint::custom("http://127.0.0.1:9")?).answered_by(answer).build()?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start")
    /// #     .with_client(device_flow_reqwest::Client::public("id"));
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let login = client.code_login(policy, Listener::bind().await?).registered(None);
    /// let signed_in = login.run(|prompt| {
    ///     eprintln!("{prompt}");
    ///     # act(prompt);
    /// }).await?;
    /// assert_eq!(signed_in.token.access_token.expose(), "t");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use std::io::Write as _;
    /// # use device_flow_reqwest::{BrowserPrompt, Endpoint, HttpClient, Listener, Policy, ResponseBody};
    /// # fn act(prompt: &BrowserPrompt) {
    /// #     let (_, state) = prompt.url.split_once("state=").unwrap();
    /// #     let target = format!("/oauth/callback?code=c&state={}", state.split('&').next().unwrap());
    /// #     let mut browser = std::net::TcpStream::connect(("127.0.0.1", prompt.redirect_uri.port())).unwrap();
    /// #     write!(browser, "GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    /// # }
    /// # let answer = |_: &http::Request<&[u8]>| Ok(http::Response::new(ResponseBody::from(r#"{"accessToken":"t"}"#)));
    /// # let client = HttpClient::builder(Endpoint::custom("http://127.0.0.1:9")?).answered_by(answer).build()?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start")
    /// #     .with_client(device_flow_reqwest::Client::public("id"));
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let login = client.code_login(policy, Listener::bind().await?);
    /// let end = login.try_run(|_| Err(std::io::Error::other("no browser"))).await.unwrap_err();
    /// assert!(end.to_string().contains("no browser"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use std::io::Write as _;
    /// # use device_flow_reqwest::{BrowserPrompt, Endpoint, HttpClient, Listener, Policy, ResponseBody};
    /// # fn act(prompt: &BrowserPrompt) {
    /// #     let (_, state) = prompt.url.split_once("state=").unwrap();
    /// #     let target = format!("/oauth/callback?code=c&state={}", state.split('&').next().unwrap());
    /// #     let mut browser = std::net::TcpStream::connect(("127.0.0.1", prompt.redirect_uri.port())).unwrap();
    /// #     write!(browser, "GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    /// # }
    /// # let answer = |_: &http::Request<&[u8]>| Ok(http::Response::new(ResponseBody::from(r#"{"accessToken":"t"}"#)));
    /// # let client = HttpClient::builder(Endpoint::custom("http://127.0.0.1:9")?).answered_by(answer).build()?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start")
    /// #     .with_client(device_flow_reqwest::Client::public("id"));
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use device_flow_reqwest::OnPrompt;
    /// let login = client.code_login(policy, Listener::bind().await?);
    /// let signed_in = login.run_with(OnPrompt(|prompt: &BrowserPrompt| {
    ///     eprintln!("{prompt}");
    ///     # act(prompt);
    /// })).await?;
    /// assert_eq!(signed_in.polls, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SignInError`] for every end without a token.
    ///
    /// # Cancel safety
    /// Dropping the future ends the sign-in and closes the port. A token on its way is lost.
    pub async fn run_with(self, mut observer: impl Observer<CodeFlow>) -> Result<SignedIn, SignInError> {
        let Self { client, policy, registration, mut listener, clock } = self;
        let provider = crypto::provider(client.crypto.as_ref());
        let draw = || provider.as_ref().and_then(|provider| crypto::code_secrets(provider));
        let (secrets, spare) = (draw(), draw());
        let has_secrets = secrets.is_some();
        let (service, redirect) = (client.service.clone(), listener.redirect_uri().clone());
        let secrets = secrets.unwrap_or_else(crypto::no_secrets);
        let mut flow = CodeFlow::new(service, policy, registration, redirect, secrets, clock.now())
            .with_jitter(any_number());
        if let Some(spare) = spare {
            flow = flow.with_spare_secrets(spare);
        }
        if !has_secrets {
            flow.stop(Stop::because(crypto::NO_PKCE));
        }
        let waiting = Waiting { listener: &mut listener, clock: &clock };
        client.drive_by(&mut flow, &clock, &mut observer, future::pending(), waiting).await;
        listener.finish(&mut flow, &clock).await;
        flow.into_result(clock.now())
    }
}

/// Waits for the browser while the flow listens.
struct Waiting<'a, C> {
    listener: &'a mut Listener,
    clock: &'a C,
}

impl<C: Clock> Wait<CodeFlow> for Waiting<'_, C> {
    async fn wait(&mut self, flow: &mut CodeFlow, most: Duration) {
        if flow.is_listening() {
            self.listener.wait(flow, self.clock, most).await;
        } else {
            self.clock.wait(most).await;
        }
    }
}

impl HttpClient {
    /// Returns a complete sign-in with the authorization code flow, ready to run; see [`CodeLogin`].
    ///
    /// ```
    /// use device_flow_reqwest::{Endpoint, HttpClient, Listener, Policy};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let client = HttpClient::new(Endpoint::custom("http://127.0.0.1:8080")?)?;
    /// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// let listener = Listener::bind().await?;
    /// let login = client.code_login(policy, listener); // and `run` it
    /// # drop(login);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn code_login(&self, policy: impl Into<Arc<Policy>>, listener: Listener) -> CodeLogin {
        let (client, policy) = (self.clone(), policy.into());
        CodeLogin { client, policy, registration: None, listener, clock: TokioClock }
    }
}
