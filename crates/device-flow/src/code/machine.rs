//! The transitions of the code flow: one `match`, whose arms are the rows of the table in the module's
//! documentation.
//!
//! Some events have the names of the device flow's. Each machine has its own list, so that a table has no event
//! that its machine never sees.

use oidc_proto::{
    CreateTokenRequest, Fault, Grant, Indeterminate, InvalidResponse, Operation, RegisterClientRequest,
    Registration, Secret, Service, Token, grant_type,
};

use super::redirect::RedirectUri;
use crate::client::{BoundClient, KnownClient, Origin};
use crate::end::End;
use crate::jitter::Jitter;
use crate::machine::Answer;
use crate::proof::Proof;
use crate::setup::Setup;
use crate::{Expiry, Failure, Outcome, Policy, Tick, TransientError};

use Answer::{ClientRejected, Denied, Expired, InvalidGrant, OtherFault, Pending};
use Event::{
    AuthorizationFailed, BrokenSuccess, Cancel, Code, Deadline, NoAuthorizationEndpoint, NoStartUrl,
    PlainRefusal, ProxyRefused, Refused, Registered, Retryable, Shown, TokenGranted, UnsupportedOperation,
    UserDenied, WrongIssuer,
};
use Operation::{CreateToken, RegisterClient};
use State::{Ended, Listen, Prompt, Redeem, Register};

/// The state of a flow.
#[derive(Debug)]
pub(crate) enum State {
    /// RegisterClient is due or in flight.
    Register(Box<Setup>),
    /// The address is known, and the person has not seen it.
    Prompt(Box<KnownClient>),
    /// The person is in the browser. The redirect has not come.
    Listen(Box<Listening>),
    /// CreateToken is due or in flight.
    Redeem(Box<Redeeming>),
    /// Final.
    Ended(End),
}

/// The state during a transition. If the transition never finished, it would send nothing.
impl Default for State {
    fn default() -> Self {
        Ended(End::Cancelled(None))
    }
}

/// The wait for the redirect.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) client: KnownClient,
    pub(crate) deadline: Tick,
}

/// A code in use.
#[derive(Debug)]
pub(crate) struct Redeeming {
    pub(crate) client: BoundClient,
    /// The pace of the attempts, as before a device code.
    pub(crate) setup: Setup,
    /// The response to a CreateToken request was lost, and may have spent the code.
    pub(crate) code_may_be_spent: bool,
}

/// An event of a flow.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// RegisterClient succeeded.
    Registered(Registration),
    /// `poll` returned the prompt.
    Shown,
    /// The browser brought a code.
    Code(Secret),
    /// The browser brought `access_denied`.
    UserDenied(Fault),
    /// The browser brought another error.
    AuthorizationFailed(Fault),
    /// The browser brought a response of another issuer (RFC 9207).
    WrongIssuer(Option<String>),
    /// `poll` found that the redirect has not come in time.
    Deadline,
    /// CreateToken succeeded.
    TokenGranted(Token),
    /// A final fault.
    Refused(Answer, &'a Fault),
    /// No verdict: no response, a response without the service's verdict, or a transient fault.
    Retryable(TransientError),
    /// A response without the service's verdict that a retry would get again.
    PlainRefusal(Indeterminate),
    /// No response: a proxy refuses the request, and would refuse it again.
    ProxyRefused,
    /// A success without a required member.
    BrokenSuccess(InvalidResponse),
    /// `poll` found that the service has no URL for RegisterClient.
    UnsupportedOperation,
    /// `poll` found that the service has no authorization endpoint.
    NoAuthorizationEndpoint,
    /// `poll` found a service of AWS and a policy without start URL.
    NoStartUrl,
    /// `cancel` was called, or the HTTP client turned out to be unsafe.
    Cancel,
}

/// The error that stands for [`Event::ProxyRefused`].
const PROXY_REFUSED: TransientError = TransientError::Failed(Failure::ProxyRefused);

/// The inputs of a transition beside state and event.
pub(crate) struct Context<'a> {
    pub(crate) service: &'a Service,
    pub(crate) policy: &'a Policy,
    pub(crate) redirect: &'a RedirectUri,
    pub(crate) proof: &'a Proof,
    /// Whether there are random values for another authorization request.
    pub(crate) may_ask_again: bool,
    /// Spreads the waits after errors.
    pub(crate) jitter: &'a mut Jitter,
    pub(crate) now: Tick,
    /// The time when the event's request was sent.
    pub(crate) sent_at: Tick,
}

/// Returns the state after an event. The first matching arm counts.
#[rustfmt::skip]
pub(crate) fn step(state_and_event: (State, Event<'_>), cx: &mut Context<'_>) -> State {
    match state_and_event {
        (Register(_), Registered(registration)) => Prompt(new_client(registration)),
        (Register(setup), Retryable(error)) if setup.retry_window_is_over(&error, cx.now, cx.policy)
            => ended(None, Outcome::unreachable(RegisterClient, error)),
        (Register(setup), Retryable(error)) => Register(setup.again(error, cx.now, cx.policy, cx.jitter)),
        (Register(_), Refused(Pending | Denied | Expired | InvalidGrant | ClientRejected | OtherFault, fault))
            => ended(None, Outcome::rejected(RegisterClient, fault)),
        (Register(_), PlainRefusal(answer)) => ended(None, Outcome::refused(RegisterClient, answer)),
        (Register(_), ProxyRefused) => ended(None, Outcome::unreachable(RegisterClient, PROXY_REFUSED)),
        (Register(_), BrokenSuccess(invalid)) => ended(None, Outcome::InvalidResponse(invalid)),
        (Register(_), UnsupportedOperation) => ended(None, Outcome::UnsupportedOperation(RegisterClient)),
        (Register(_), NoAuthorizationEndpoint) => ended(None, Outcome::NoAuthorizationEndpoint),
        (Register(_), NoStartUrl) => ended(None, Outcome::NoStartUrl),
        (Register(_), Cancel) => cancelled(None),

        (Prompt(client), Shown) => Listen(listening(*client, cx)),
        (Prompt(client), NoAuthorizationEndpoint) => ended(*client, Outcome::NoAuthorizationEndpoint),
        (Prompt(client), NoStartUrl) => ended(*client, Outcome::NoStartUrl),
        (Prompt(client), Cancel) => cancelled(*client),

        (Listen(listening), Code(code)) => Redeem(listening.redeem(code, cx)),
        (Listen(listening), UserDenied(fault)) => ended(listening.client, Outcome::Denied(fault)),
        (Listen(listening), AuthorizationFailed(fault)) => ended(listening.client, Outcome::AuthorizationFailed(fault)),
        (Listen(listening), WrongIssuer(named)) => ended(listening.client, Outcome::WrongIssuer(named)),
        (Listen(listening), Deadline) => ended(listening.client, Outcome::NoRedirect),
        (Listen(listening), Cancel) => cancelled(listening.client),

        (Redeem(redeeming), TokenGranted(token)) => granted(redeeming.client.known(), token, cx),
        (Redeem(redeeming), Retryable(error)) if redeeming.retry_window_is_over(&error, cx)
            => ended(redeeming.client.known(), Outcome::unreachable(CreateToken, error)),
        (Redeem(redeeming), Retryable(error)) => Redeem(redeeming.again(error, cx)),
        (Redeem(redeeming), Refused(Expired | InvalidGrant, fault)) if redeeming.code_may_be_spent
            => ended(redeeming.client.known(), Outcome::GrantLost(Expiry::Service(fault.clone()))),
        (Redeem(redeeming), Refused(Expired, fault)) => ended(redeeming.client.known(), Outcome::Expired(Expiry::Service(fault.clone()))),
        (Redeem(redeeming), Refused(ClientRejected, _)) if redeeming.client_is_replaceable(cx) => Register(redeeming.start_over(cx)),
        (Redeem(_), Refused(ClientRejected, fault)) => ended(None, Outcome::rejected(CreateToken, fault)),
        (Redeem(redeeming), Refused(Denied, fault)) => ended(redeeming.client.known(), Outcome::Denied(fault.clone())),
        (Redeem(redeeming), Refused(Pending | InvalidGrant | OtherFault, fault))
            => ended(redeeming.client.known(), Outcome::rejected(CreateToken, fault)),
        (Redeem(redeeming), PlainRefusal(answer)) if redeeming.code_is_unspent() => ended(redeeming.client.known(), Outcome::refused(CreateToken, answer)),
        (Redeem(redeeming), PlainRefusal(answer)) if redeeming.retry_window_is_over(&unread(&answer), cx)
            => ended(redeeming.client.known(), Outcome::unreachable(CreateToken, unread(&answer))),
        (Redeem(redeeming), PlainRefusal(answer)) => Redeem(redeeming.again(unread(&answer), cx)),
        (Redeem(redeeming), ProxyRefused) => ended(redeeming.client.known(), Outcome::unreachable(CreateToken, PROXY_REFUSED)),
        (Redeem(redeeming), BrokenSuccess(invalid)) => ended(redeeming.client.known(), Outcome::InvalidResponse(invalid)),
        (Redeem(redeeming), Cancel) => cancelled(redeeming.client.known()),

        // Nothing else can happen. The list makes a new event fail to compile until its arms exist.
        (state @ Register(_), Shown | Code(_) | UserDenied(_) | AuthorizationFailed(_) | WrongIssuer(_) | Deadline | TokenGranted(_))
        | (state @ Prompt(_), Registered(_) | Code(_) | UserDenied(_) | AuthorizationFailed(_) | WrongIssuer(_) | Deadline)
        | (state @ Prompt(_), TokenGranted(_) | Refused(..) | Retryable(_) | PlainRefusal(_) | ProxyRefused)
        | (state @ Prompt(_), BrokenSuccess(_) | UnsupportedOperation)
        | (state @ Listen(_), Registered(_) | Shown | TokenGranted(_) | Refused(..) | Retryable(_) | PlainRefusal(_))
        | (state @ Listen(_), ProxyRefused | BrokenSuccess(_) | UnsupportedOperation | NoAuthorizationEndpoint | NoStartUrl)
        | (state @ Redeem(_), Registered(_) | Shown | Code(_) | UserDenied(_) | AuthorizationFailed(_) | WrongIssuer(_))
        | (state @ Redeem(_), Deadline | UnsupportedOperation | NoAuthorizationEndpoint | NoStartUrl)
        | (state @ Ended(_), _) => state,
    }
}

/// Returns the registration request. AWS's has the redirect URI without its port, which differs each time (RFC
/// 8252 §7.3).
pub(crate) fn register_request(cx: &Context<'_>) -> RegisterClientRequest {
    let mut call = RegisterClientRequest::new(&cx.policy.client_name).with_scopes(&cx.policy.scopes);
    call.grant_types =
        [grant_type::AUTHORIZATION_CODE, grant_type::REFRESH_TOKEN].map(str::to_owned).to_vec();
    call.redirect_uris = vec![cx.redirect.to_register(cx.service.dialect())];
    call.issuer_url = Some(cx.policy.start_url.clone()).filter(|url| !url.is_empty());
    call
}

fn new_client(registration: Registration) -> Box<KnownClient> {
    Box::new(KnownClient { registration, origin: Origin::Flow })
}

fn listening(client: KnownClient, cx: &Context<'_>) -> Box<Listening> {
    Box::new(Listening { client, deadline: cx.now + cx.policy.redirect_timeout })
}

impl Listening {
    /// Exchanges the code, with a fresh retry window.
    fn redeem(self, code: Secret, cx: &Context<'_>) -> Box<Redeeming> {
        let Self { client, .. } = self;
        let grant = Grant::AuthorizationCode {
            code,
            redirect_uri: Some(cx.redirect.to_string()),
            code_verifier: Some(cx.proof.verifier.clone()),
        };
        let call = CreateTokenRequest::new(client.registration.client.clone(), grant)
            .with_parameters(cx.policy.parameters.iter().cloned());
        let client = BoundClient::new(client, Some(cx.service.encode_create_token(&call)));
        let setup = Setup::new(cx.now, cx.now, cx.policy);
        Box::new(Redeeming { client, setup, code_may_be_spent: false })
    }
}

impl Redeeming {
    fn retry_window_is_over(&self, error: &TransientError, cx: &Context<'_>) -> bool {
        self.setup.retry_window_is_over(error, cx.now, cx.policy)
    }

    const fn code_is_unspent(&self) -> bool {
        !self.code_may_be_spent
    }

    /// Sends the code again later. If the lost request has spent it, the tokens of that request are lost anyway.
    fn again(mut self: Box<Self>, error: TransientError, cx: &mut Context<'_>) -> Box<Self> {
        self.code_may_be_spent |= error.may_have_acted();
        self.setup.schedule_retry(error, cx.now, cx.policy, cx.jitter);
        self
    }

    fn client_is_replaceable(&self, cx: &Context<'_>) -> bool {
        cx.may_ask_again && self.client.origin.is_replaceable(cx.service)
    }

    /// Registers again, because the service does not know the client. The code is void.
    fn start_over(&self, cx: &Context<'_>) -> Box<Setup> {
        Box::new(Setup::new(cx.now, cx.now, cx.policy))
    }
}

/// Returns a refusal as an error. After a lost exchange it may be the service's word on the spent code, cut off on
/// its way.
fn unread(answer: &Indeterminate) -> TransientError {
    TransientError::Indeterminate(answer.clone())
}

fn granted(client: KnownClient, token: Token, cx: &Context<'_>) -> State {
    Ended(End::granted(client, token, cx.sent_at))
}

fn ended(client: impl Into<Option<KnownClient>>, outcome: Outcome) -> State {
    Ended(End::without_token(client.into(), outcome))
}

fn cancelled(client: impl Into<Option<KnownClient>>) -> State {
    Ended(End::cancelled(client.into()))
}
