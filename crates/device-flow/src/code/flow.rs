//! The public calls of a code flow. Its transitions are in `machine`.
//!
//! The calls look like those of the device flow on purpose: the contract of each type is in one file.

use alloc::sync::Arc;
use core::mem;

use http::Response;
use oidc_proto::{AuthorizationRequest, AuthorizationResponse, Dialect, FaultCode, Registration, Service};

use super::callback::Callback;
use super::machine::{Context, Event, State, register_request, step};
use super::prompt::BrowserPrompt;
use super::redirect::RedirectUri;
use super::secrets::CodeSecrets;
use crate::client::KnownClient;
use crate::jitter::Jitter;
use crate::machine::Answer;
use crate::requests::Requests;
use crate::setup::Setup;
use crate::{
    Action, ApiMisuse, Failure, PendingRequest, Policy, Reply, ResponseBody, Stop, Tick, TransientError,
    TransportError,
};

/// One sign-in with the authorization code grant and PKCE (RFC 6749 §4.1, RFC 7636), for a program on the
/// person's own machine (RFC 8252).
///
/// It has the calling contract of [`DeviceFlow`](crate::DeviceFlow), with two differences. The prompt is an
/// address for the browser. While [`CodeFlow::is_listening`], the driver also passes each request at the
/// redirect URI to [`CodeFlow::on_callback`]. [The module](crate::code) has the table of
/// transitions.
///
/// ```
/// use core::time::Duration;
/// use device_flow::{Action, Callback, CodeFlow, CodeSecrets, Policy, RedirectUri, Tick};
/// use oidc_proto::{Client, Endpoint, Secret};
///
/// let policy = Policy::aws("https://d-1234567890.awsapps.com/start")
///     .with_client(Client::new("id", Secret::from("secret")));
/// let secrets = CodeSecrets::new(Secret::from("verifier"), "challenge", Secret::from("the-state"));
/// let redirect = RedirectUri::loopback(49152); // where the driver listens already
/// let service = Endpoint::for_region("eu-west-1")?;
/// let mut flow = CodeFlow::new(service, policy, None, redirect, secrets, Tick::ZERO);
///
/// let Action::Prompt(prompt) = flow.poll(Tick::ZERO) else { panic!("the person opens the address") };
/// assert!(prompt.url.starts_with("https://oidc.eu-west-1.amazonaws.com/authorize?response_type=code&client_id=id&"));
/// let Action::Wait(until) = flow.poll(Tick::ZERO) else { panic!("it listens") };
/// assert_eq!(until, prompt.deadline);
///
/// // What the listener gets:
/// let now = Tick::ZERO + Duration::from_secs(20);
/// assert_eq!(flow.on_callback("/favicon.ico", now), Callback::NotFound);
/// assert_eq!(flow.on_callback("/oauth/callback?code=c&state=another", now), Callback::Unrelated);
/// assert_eq!(flow.on_callback("/oauth/callback?code=c&state=the-state", now), Callback::Accepted);
///
/// let Action::Send(pending) = flow.poll(now) else { panic!("it exchanges the code") };
/// flow.on_response(pending, now, &http::Response::new(r#"{"accessToken":"t","expiresIn":3600}"#))?;
/// assert!(matches!(flow.outcome(), Some(Ok(_token))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// One driver of both flows knows them as a [`Flow`](crate::Flow). Two of its functions differ: one shows the prompt,
/// and one waits. While the flow listens, the latter takes requests at the redirect URI and answers each with
/// [`CodeFlow::page`]. The accepted one is answered last, so that its page tells the end.
///
/// ```
/// use device_flow::{
///     Action, ApiMisuse, Callback, CodeFlow, CodeSecrets, Flow, PendingRequest, Policy, RedirectUri, ResponseBody,
///     Tick, TransportError,
/// };
/// use http::Response;
/// use oidc_proto::{Client, Endpoint, Secret};
///
/// /// Drives a flow to its end, and returns the time.
/// fn drive<F: Flow>(
///     flow: &mut F,
///     mut now: Tick, // a real driver asks its clock
///     send: impl Fn(&PendingRequest) -> Result<Response<ResponseBody>, TransportError>,
///     mut show: impl FnMut(F::Prompt),
///     mut wait: impl FnMut(&mut F, Tick) -> Tick,
/// ) -> Result<Tick, ApiMisuse> {
///     loop {
///         match flow.poll(now) {
///             Action::Send(pending) => {
///                 let result = send(&pending);
///                 flow.on_result(pending, now, result)?;
///             }
///             Action::Prompt(prompt) => show(prompt),
///             Action::Wait(until) => now = wait(flow, until),
///             Action::AwaitReply => flow.abandon(now),
///             Action::Done => return Ok(now),
///         }
///     }
/// }
///
/// let policy = Policy::aws("https://d-1234567890.awsapps.com/start")
///     .with_client(Client::new("id", Secret::from("secret")));
/// let secrets = CodeSecrets::new(Secret::from("verifier"), "challenge", Secret::from("the-state"));
/// let (service, redirect) = (Endpoint::for_region("eu-west-1")?, RedirectUri::loopback(49152));
/// let mut flow = CodeFlow::new(service, policy, None, redirect, secrets, Tick::ZERO);
///
/// // In place of a network, a browser and a listener:
/// let send = |_: &PendingRequest| Ok(Response::new(ResponseBody::from(r#"{"accessToken":"t","expiresIn":3600}"#)));
/// let mut requests = ["/favicon.ico", "/oauth/callback?code=c&state=the-state"].into_iter();
/// let mut accepted = None;
/// let mut pages = Vec::new();
/// let wait = |flow: &mut CodeFlow, until: Tick| {
///     let Some(target) = requests.next().filter(|_| flow.is_listening()) else { return until };
///     let now = Tick::ZERO;
///     match flow.on_callback(target, now) {
///         Callback::Accepted => accepted = Some(Callback::Accepted),
///         callback => pages.push(flow.page(callback)),
///     }
///     now
/// };
/// let now = drive(&mut flow, Tick::ZERO, send, |prompt| println!("{prompt}"), wait)?;
/// pages.extend(accepted.map(|callback| flow.page(callback)));
/// assert!(pages[0].starts_with("HTTP/1.1 404") && pages[1].contains("You are signed in"));
/// assert_eq!(flow.into_result(now)?.token.access_token.expose(), "t");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The state of a flow, readable at any time:
///
/// ```
/// # use device_flow::{Action, CodeFlow, CodeSecrets, Phase, Policy, RedirectUri, Stop, Tick};
/// # use oidc_proto::{Client, Endpoint, Secret};
/// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start")
/// #     .with_client(Client::new("id", Secret::from("secret")));
/// # let secrets = CodeSecrets::new(Secret::from("verifier"), "challenge", Secret::from("state"));
/// # let (service, redirect, now) = (Endpoint::for_region("eu-west-1")?, RedirectUri::loopback(8400), Tick::ZERO);
/// let mut flow = CodeFlow::new(service, policy, None, redirect, secrets, now).with_jitter(7);
/// assert_eq!((flow.redirect_uri().port(), flow.policy().client_name.as_str()), (8400, "sso-oidc"));
/// assert_eq!(flow.service().token_url(), "https://oidc.eu-west-1.amazonaws.com/token");
/// let Action::Prompt(prompt) = flow.poll(now) else { panic!("the person opens the address") };
/// assert!(flow.is_listening() && flow.has_prompted());
/// assert_eq!((flow.phase(), flow.deadline()), (Phase::Listening, Some(prompt.deadline)));
/// assert_eq!((flow.attempts(), flow.error(), flow.running_for(prompt.deadline)), (0, None, prompt.expires_in));
/// flow.stop(Stop::because("the window is closed"));
/// assert!(flow.outcome().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CodeFlow {
    pub(super) service: Service,
    pub(super) policy: Arc<Policy>,
    pub(super) redirect: RedirectUri,
    secrets: CodeSecrets,
    /// The values of a second request, if the client is replaced.
    spare: Option<CodeSecrets>,
    pub(super) state: State,
    pub(super) requests: Requests,
    pub(super) started: Tick,
    pub(super) prompts: u32,
    /// The CreateToken requests sent.
    pub(super) attempts: u32,
    /// Spreads the waits after errors.
    jitter: Jitter,
    /// The observer's reason to end the flow.
    pub(super) stop: Option<Box<Stop>>,
}

impl CodeFlow {
    /// Creates a flow that starts at `now`. The driver listens at the redirect URI already.
    ///
    /// A `registration` from a cache must have been made for this grant: AWS keeps it apart from one of the
    /// device flow. It is replaced once if the token endpoint rejects it, with
    /// [`CodeFlow::with_spare_secrets`]. With [`Policy::client`] set, it is ignored. All requests go to
    /// `service`, and so does the browser.
    #[must_use]
    pub fn new(
        service: impl Into<Service>,
        policy: impl Into<Arc<Policy>>,
        registration: Option<Registration>,
        redirect: RedirectUri,
        secrets: CodeSecrets,
        now: Tick,
    ) -> Self {
        let (service, policy) = (service.into(), policy.into());
        let state = match KnownClient::choose(&policy, registration) {
            Some(client) => State::Prompt(Box::new(client)),
            None => State::Register(Box::new(Setup::new(now, now, &policy))),
        };
        Self {
            service,
            policy,
            redirect,
            secrets,
            spare: None,
            state,
            requests: Requests::starting(now),
            started: now,
            prompts: 0,
            attempts: 0,
            jitter: Jitter::none(),
            stop: None,
        }
    }

    /// Returns the same flow with the random values of a second authorization request. The flow makes one if the
    /// token endpoint rejects a cached registration; without these values it ends then.
    ///
    /// ```
    /// # use device_flow::{CodeFlow, CodeSecrets, Policy, RedirectUri, Tick};
    /// # use oidc_proto::{Client, Endpoint, Registration, Secret};
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let (service, redirect) = (Endpoint::for_region("eu-west-1")?, RedirectUri::loopback(8400));
    /// # let cached = Registration::new(Client::new("id", Secret::from("secret")));
    /// # let draw = |text: &str| CodeSecrets::new(Secret::from(text), text, Secret::from(text));
    /// let flow = CodeFlow::new(service, policy, Some(cached), redirect, draw("first"), Tick::ZERO)
    ///     .with_spare_secrets(draw("second"));
    /// # assert!(flow.outcome().is_none());
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub fn with_spare_secrets(mut self, secrets: CodeSecrets) -> Self {
        self.spare = Some(secrets);
        self
    }

    /// Returns the same flow with jitter; see [`DeviceFlow::with_jitter`](crate::DeviceFlow::with_jitter).
    #[must_use]
    pub const fn with_jitter(mut self, seed: u64) -> Self {
        self.jitter = Jitter::seeded(seed);
        self
    }

    /// Returns the next action. Calling it early or repeatedly is harmless. A time that goes backwards is read
    /// as the latest time seen.
    pub fn poll(&mut self, now: Tick) -> Action<BrowserPrompt> {
        let now = self.requests.advance(now);
        if self.requests.in_flight().is_some() {
            return Action::AwaitReply;
        }
        let due = match &self.state {
            State::Ended(_) => return Action::Done,
            State::Prompt(_) => return self.show(now),
            State::Listen(listening) if now >= listening.deadline => {
                self.apply(Event::Deadline, now, now);
                return Action::Done;
            }
            State::Listen(listening) => listening.deadline,
            State::Register(setup) => setup.pace.due(),
            State::Redeem(redeeming) => redeeming.setup.pace.due(),
        };
        if now >= due {
            return self.send(now);
        }
        #[cfg(feature = "tracing")]
        crate::events::waiting(&crate::Status::of(self, now, due));
        Action::Wait(due)
    }

    /// Returns the event for a missing endpoint or start URL.
    fn lack(&self) -> Option<Event<'static>> {
        if !self.service.offers_code() {
            return Some(Event::NoAuthorizationEndpoint);
        }
        let needs_start_url = self.service.dialect() == Dialect::Aws;
        (needs_start_url && self.policy.start_url.is_empty()).then_some(Event::NoStartUrl)
    }

    fn show(&mut self, now: Tick) -> Action<BrowserPrompt> {
        if let Some(event) = self.lack() {
            self.apply(event, now, now);
            return Action::Done;
        }
        let Some(url) = self.url() else { return Action::Done };
        let prompt = BrowserPrompt {
            url,
            redirect_uri: self.redirect.clone(),
            expires_in: self.policy.redirect_timeout,
            deadline: now + self.policy.redirect_timeout,
            replaces_earlier: self.prompts > 0,
        };
        #[cfg(feature = "tracing")]
        crate::events::prompting(self.phase(), prompt.expires_in, prompt.replaces_earlier);
        self.prompts = self.prompts.saturating_add(1);
        self.apply(Event::Shown, now, now);
        Action::Prompt(prompt)
    }

    /// Returns the address for the browser.
    fn url(&self) -> Option<String> {
        let State::Prompt(client) = &self.state else { return None };
        let request = AuthorizationRequest::new(&client.registration.client.id, self.redirect.to_string())
            .with_scope(&self.policy.scopes)
            .with_state(self.secrets.state.clone())
            .with_code_challenge(&*self.secrets.proof.challenge)
            .with_parameters(self.policy.parameters.iter().cloned());
        self.service.authorization_url(&request)
    }

    fn send(&mut self, now: Tick) -> Action<BrowserPrompt> {
        if matches!(self.state, State::Register(_))
            && let Some(event) = self.lack()
        {
            self.apply(event, now, now);
            return Action::Done;
        }
        let request = match &self.state {
            State::Register(_) => {
                let (mut jitter, sent_at) = (Jitter::none(), now);
                let call = register_request(&self.context(&mut jitter, now, sent_at));
                self.service.encode(&call)
            }
            State::Redeem(redeeming) => redeeming.client.request().cloned(),
            State::Prompt(_) | State::Listen(_) | State::Ended(_) => return Action::Done,
        };
        let Some(request) = request else {
            self.apply(Event::UnsupportedOperation, now, now);
            return Action::Done;
        };
        let attempts = match &mut self.state {
            State::Register(setup) => &mut setup.attempts,
            State::Prompt(_) | State::Listen(_) | State::Redeem(_) | State::Ended(_) => &mut self.attempts,
        };
        *attempts = attempts.saturating_add(1);
        let attempt = *attempts;
        let pending = PendingRequest {
            #[cfg(feature = "tracing")]
            phase: Some(self.phase()),
            attempt,
            ..self.requests.begin(request, self.service.dialect(), now)
        };
        #[cfg(feature = "tracing")]
        crate::events::sending(&pending);
        Action::Send(pending)
    }

    fn context<'a>(&'a self, jitter: &'a mut Jitter, now: Tick, sent_at: Tick) -> Context<'a> {
        let Self { service, policy, redirect, secrets, .. } = self;
        let may_ask_again = self.spare.is_some();
        Context { service, policy, redirect, proof: &secrets.proof, may_ask_again, jitter, now, sent_at }
    }

    /// Applies an event. Only this function changes the state.
    fn apply(&mut self, event: Event<'_>, now: Tick, sent_at: Tick) {
        let had_code = matches!(self.state, State::Redeem(_));
        #[cfg(feature = "tracing")]
        let has_ended = matches!(self.state, State::Ended(_));
        let state_and_event = (mem::take(&mut self.state), event);
        let mut jitter = mem::replace(&mut self.jitter, Jitter::none());
        self.state = step(state_and_event, &mut self.context(&mut jitter, now, sent_at));
        self.jitter = jitter;
        if had_code
            && matches!(self.state, State::Register(_))
            && let Some(spare) = self.spare.take()
        {
            // The verifier was sent, and the old address must not answer the new request.
            self.secrets = spare;
        }
        #[cfg(feature = "tracing")]
        if !has_ended {
            crate::events::ended(self.outcome(), self.attempts(), self.running_for(now));
        }
    }

    /// Handles a request at the redirect URI: its target, such as `/oauth/callback?code=…`, or the whole address
    /// as a person pastes it.
    ///
    /// Only a response with this flow's `state` counts (RFC 6749 §10.12), and only the first one.
    pub fn on_callback(&mut self, target: &str, now: Tick) -> Callback {
        let callback = self.judge_callback(target, now);
        #[cfg(feature = "tracing")]
        crate::events::called_back(callback);
        callback
    }

    fn judge_callback(&mut self, target: &str, now: Tick) -> Callback {
        let now = self.requests.advance(now);
        let Some(query) = self.redirect.query_of(target) else { return Callback::NotFound };
        if !self.is_listening() {
            return Callback::Late;
        }
        let Some(response) = AuthorizationResponse::decode(query) else { return Callback::Unrelated };
        if response.state.as_ref() != Some(&self.secrets.state) {
            return Callback::Unrelated;
        }
        let event = match response.result {
            _ if !self.service.is_issuer(response.issuer.as_deref()) => Event::WrongIssuer(response.issuer),
            Ok(code) => Event::Code(code),
            Err(fault) if fault.code == FaultCode::AccessDenied => Event::UserDenied(fault),
            Err(fault) => Event::AuthorizationFailed(fault),
        };
        self.apply(event, now, now);
        Callback::Accepted
    }

    /// Handles the result of a request; see [`DeviceFlow::on_result`](crate::DeviceFlow::on_result).
    ///
    /// ```
    /// # use device_flow::{Action, Callback, CodeFlow, CodeSecrets, Policy, RedirectUri, Tick};
    /// # use oidc_proto::{Client, Endpoint, Secret};
    /// # let client = Client::new("id", Secret::from("s"));
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start").with_client(client);
    /// # let secrets = CodeSecrets::new(Secret::from("verifier"), "challenge", Secret::from("state"));
    /// # let (service, redirect, now) = (Endpoint::for_region("eu-west-1")?, RedirectUri::loopback(8400), Tick::ZERO);
    /// # let mut flow = CodeFlow::new(service, policy, None, redirect, secrets, now);
    /// # let Action::Prompt(_) = flow.poll(now) else { panic!("it has a client") };
    /// # assert_eq!(flow.on_callback("/oauth/callback?code=c&state=state", now), Callback::Accepted);
    /// # use device_flow::{Failure, ResponseBody, TransportError};
    /// let Action::Send(pending) = flow.poll(now) else { panic!("it exchanges the code") };
    /// let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    /// flow.on_result(pending, now, Err(TransportError::new(Failure::Unknown, reset)))?;
    /// let Action::Wait(until) = flow.poll(now) else { panic!("it tries again later") };
    /// let Action::Send(pending) = flow.poll(until) else { panic!("it exchanges the code") };
    /// let body = ResponseBody::from(r#"{"accessToken":"t","expiresIn":3600}"#);
    /// flow.on_result(pending, until, Ok(http::Response::new(body)))?;
    /// assert!(flow.outcome().is_some_and(|outcome| outcome.is_ok()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ApiMisuse`] for a mistake of the driver. The flow is then unchanged.
    pub fn on_result(
        &mut self,
        pending: PendingRequest,
        now: Tick,
        result: Result<Response<ResponseBody>, TransportError>,
    ) -> Result<(), ApiMisuse> {
        match self.requests.receive(&pending, now, result)? {
            Some(reply) => self.on_reply(pending, now, reply),
            None => {
                self.requests.advance(now);
                self.end_early();
                Ok(())
            }
        }
    }

    /// Handles a complete response of an HTTP client with its own body type.
    ///
    /// ```
    /// # use device_flow::{Action, Callback, CodeFlow, CodeSecrets, Policy, RedirectUri, Tick};
    /// # use oidc_proto::{Client, Endpoint, Secret};
    /// # let client = Client::new("id", Secret::from("s"));
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start").with_client(client);
    /// # let secrets = CodeSecrets::new(Secret::from("verifier"), "challenge", Secret::from("state"));
    /// # let (service, redirect, now) = (Endpoint::for_region("eu-west-1")?, RedirectUri::loopback(8400), Tick::ZERO);
    /// # let mut flow = CodeFlow::new(service, policy, None, redirect, secrets, now);
    /// # let Action::Prompt(_) = flow.poll(now) else { panic!("it has a client") };
    /// # assert_eq!(flow.on_callback("/oauth/callback?code=c&state=state", now), Callback::Accepted);
    /// let Action::Send(pending) = flow.poll(now) else { panic!("it exchanges the code") };
    /// let response = http::Response::builder().status(400).body(r#"{"error":"invalid_grant"}"#)?;
    /// flow.on_response(pending, now, &response)?;
    /// assert!(flow.outcome().is_some_and(|outcome| outcome.is_err()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ApiMisuse`] for a mistake of the driver. The flow is then unchanged.
    pub fn on_response<B: AsRef<[u8]>>(
        &mut self,
        pending: PendingRequest,
        now: Tick,
        response: &Response<B>,
    ) -> Result<(), ApiMisuse> {
        let reply = Reply::decode(&pending, response);
        self.on_reply(pending, now, reply)
    }

    /// Handles a reply that the driver has decoded.
    ///
    /// ```
    /// # use device_flow::{Action, Callback, CodeFlow, CodeSecrets, Policy, RedirectUri, Tick};
    /// # use oidc_proto::{Client, Endpoint, Secret};
    /// # let client = Client::new("id", Secret::from("s"));
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start").with_client(client);
    /// # let secrets = CodeSecrets::new(Secret::from("verifier"), "challenge", Secret::from("state"));
    /// # let (service, redirect, now) = (Endpoint::for_region("eu-west-1")?, RedirectUri::loopback(8400), Tick::ZERO);
    /// # let mut flow = CodeFlow::new(service, policy, None, redirect, secrets, now);
    /// # let Action::Prompt(_) = flow.poll(now) else { panic!("it has a client") };
    /// # assert_eq!(flow.on_callback("/oauth/callback?code=c&state=state", now), Callback::Accepted);
    /// # use device_flow::{Outcome, Reply};
    /// # use oidc_proto::{Fault, FaultCode};
    /// let Action::Send(pending) = flow.poll(now) else { panic!("it exchanges the code") };
    /// flow.on_reply(pending, now, Reply::Fault(Fault::new(FaultCode::InvalidGrant)))?;
    /// assert!(matches!(flow.outcome(), Some(Err(Outcome::Rejected { .. }))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ApiMisuse`] for a mistake of the driver. The flow is then unchanged.
    pub fn on_reply(&mut self, pending: PendingRequest, now: Tick, reply: Reply) -> Result<(), ApiMisuse> {
        let sent_at = self.requests.answered_by(&pending, &reply)?;
        self.settle(sent_at, now, reply);
        Ok(())
    }

    fn settle(&mut self, sent_at: Tick, now: Tick, reply: Reply) {
        let now = self.requests.advance(now);
        self.requests.end();
        if matches!(reply, Reply::Registered(_) | Reply::Granted(_)) {
            self.requests.forget_cause();
        }
        if let Reply::Fault(fault) = &reply
            && let Some(answer) = Answer::of(fault)
        {
            return self.apply(Event::Refused(answer, fault), now, sent_at);
        }
        let event = match reply {
            Reply::Registered(registration) => Event::Registered(registration),
            Reply::Granted(token) => Event::TokenGranted(token),
            // No request of this flow has this success.
            Reply::Authorized(_) => return,
            Reply::Fault(fault) => Event::Retryable(TransientError::Fault(fault)),
            Reply::Indeterminate(answer) if answer.is_plain_refusal() => Event::PlainRefusal(answer),
            Reply::Indeterminate(answer) => Event::Retryable(TransientError::Indeterminate(answer)),
            Reply::Failed(Failure::ProxyRefused) => Event::ProxyRefused,
            Reply::Failed(failure) => Event::Retryable(TransientError::Failed(failure)),
            Reply::InvalidResponse(invalid) => Event::BrokenSuccess(invalid),
        };
        self.apply(event, now, sent_at);
    }

    /// Gives up the request in flight, whose result is lost. It may have reached the service.
    pub fn abandon(&mut self, now: Tick) {
        if let Some(sent_at) = self.requests.in_flight() {
            self.settle(sent_at, now, Reply::Failed(Failure::Unknown));
        }
    }

    /// Ends the flow, whatever it does. An ended flow stays as it is.
    pub fn cancel(&mut self) {
        if !matches!(self.state, State::Ended(_)) {
            // A transport error does not explain a cancellation.
            self.requests.forget_cause();
        }
        self.end_early();
    }

    fn end_early(&mut self) {
        self.requests.end();
        let now = self.requests.latest();
        self.apply(Event::Cancel, now, now);
    }

    /// Ends the flow with the program's reason.
    pub fn stop(&mut self, stop: Stop) {
        if !matches!(self.state, State::Ended(_)) {
            self.stop = Some(Box::new(stop));
            self.cancel();
        }
    }
}
