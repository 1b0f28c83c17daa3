//! The authorization request in the person's browser (RFC 6749 §4.1.1): its review, and the decision on it.

use core::time::Duration;

use oidc_proto::{
    AuthorizationRequest, AuthorizationResponse, Client, Fault, FaultCode, InvalidAuthorizationRequest,
    Parameter, Secret, grant_type,
};

use crate::entropy::secret_with_fingerprint;
use crate::{
    Authentication, Change, ClientRecord, CodeRecord, CodeStatus, Entropy, Fingerprint, Moment, NoEntropy,
    ServerPolicy, Subject, UserDecision, client, proof, redirect, scope,
};

/// The longest `nonce` that is kept, in bytes. Clients send a hash or a random value.
const MAX_NONCE: usize = 256;

/// The information for the person's decision on an authorization request.
///
/// The texts are the client's own: escape them, and never trust them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorizationReview {
    /// The client's name, as it registered.
    pub client_name: String,
    /// The requested scopes.
    pub scopes: Vec<String>,
    /// The host and the port of the redirect URI, where the response goes.
    pub destination: String,
}

/// The reason why an authorization request gets no code.
///
/// Only [`AuthorizationError::Redirect`] goes to the redirect URI. For the others no registration confirms
/// that URI, so the browser must stay here (RFC 6749 §4.1.2.1, RFC 9700 §4.11.2).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorizationError {
    /// The client's id or the redirect URI is missing, or included twice.
    #[error("invalid authorization request: {0}")]
    Incomplete(Fault),
    /// The client is not registered, or its registration has expired.
    #[error("the client is not registered, or its registration has expired")]
    UnknownClient,
    /// The client is not registered for the redirect URI.
    #[error("the client is not registered for this redirect URI")]
    UnknownRedirectUri,
    /// The fault for the client, in a redirect to its redirect URI.
    #[error("the client gets {0}")]
    Redirect(Fault),
    /// The form of the approval page was used already.
    #[error("the form was used already")]
    Decided,
}

/// Returns the review of a request. `client` is the record of the request's client id.
///
/// The checks, in order:
///
/// 1. The client is known and has not expired: [`AuthorizationError::UnknownClient`].
/// 2. The redirect URI is a registered one, character by character: [`AuthorizationError::UnknownRedirectUri`]
///    (RFC 9700 §2.1). On a loopback address any port matches (RFC 8252 §7.3). A preconfigured client may use
///    any loopback address.
/// 3. The client is registered for the authorization code grant: `unauthorized_client`. From here on the fault
///    goes to the client.
/// 4. The request has a challenge: `invalid_request`. Every client must use PKCE (RFC 9700 §2.1.1).
/// 5. The client may request the scopes: `invalid_scope`.
/// 6. The `nonce` has at most 256 bytes, because each code is kept with its own: `invalid_request`.
/// 7. The request permits a page: `login_required` for `prompt=none` (OpenID Connect Core §3.1.2.1). No person has
///    a session here, so only a page can tell who decides. A simulated person changes nothing about that. Any
///    other prompt gets the page, which every request gets.
///
/// ```
/// use core::time::Duration;
/// use device_authority::{AuthorizationError, ClientRecord, Moment, review_authorization};
/// use oidc_proto::{AuthorizationRequest, Client, pkce};
///
/// let now = Moment::new(Duration::from_secs(1_700_000_000));
/// let client = ClientRecord::preconfigured(Client::public("my-tool"), None);
/// let request = AuthorizationRequest::new("my-tool", "http://127.0.0.1:49152/callback")
///     .with_scope(["openid"])
///     .with_code_challenge(pkce::challenge(&pkce::verifier(&[7; 32])));
/// let review = review_authorization(Some(&client), &request, now)?;
/// assert_eq!((review.client_name.as_str(), review.destination.as_str()), ("my-tool", "127.0.0.1:49152"));
///
/// let elsewhere = AuthorizationRequest::new("my-tool", "https://evil.example/");
/// let refused = review_authorization(Some(&client), &elsewhere, now);
/// assert_eq!(refused, Err(AuthorizationError::UnknownRedirectUri));
/// # Ok::<(), AuthorizationError>(())
/// ```
///
/// # Errors
/// Returns the reason against a code.
pub fn review_authorization(
    client: Option<&ClientRecord>,
    request: &AuthorizationRequest,
    now: Moment,
) -> Result<AuthorizationReview, AuthorizationError> {
    let client = addressee(client, &request.redirect_uri, now)?;
    if !client.may_use(grant_type::AUTHORIZATION_CODE) {
        return Err(AuthorizationError::Redirect(client::unauthorized()));
    }
    if request.code_challenge.is_none() {
        let why = "PKCE is required: a code_challenge with the code_challenge_method S256";
        let fault = Fault::new(FaultCode::InvalidRequest).with_description(why);
        return Err(AuthorizationError::Redirect(fault));
    }
    scope::check_asked(client, &request.scope).map_err(AuthorizationError::Redirect)?;
    if nonce(request).is_some_and(|nonce| nonce.len() > MAX_NONCE) {
        let fault =
            Fault::new(FaultCode::InvalidRequest).with_description("the nonce is longer than 256 bytes");
        return Err(AuthorizationError::Redirect(fault));
    }
    if forbids_a_page(request) {
        let why = "prompt=none needs a session of the person, and this server keeps none";
        let fault = Fault::new(FaultCode::Other("login_required".to_owned())).with_description(why);
        return Err(AuthorizationError::Redirect(fault));
    }
    Ok(AuthorizationReview {
        client_name: client.name.clone(),
        scopes: scope::granted(client, &request.scope).to_vec(),
        destination: redirect::destination(&request.redirect_uri).to_owned(),
    })
}

/// Returns the response to a decision, and the change that makes its code valid. The checks are those of
/// [`review_authorization`].
///
/// An approval issues a code for [`ServerPolicy::code_ttl`]. [`UserDecision::Expire`] issues one that has
/// expired.
///
/// ```
/// use core::time::Duration;
/// use device_authority::{
///     AuthorizationError, Change, ClientRecord, Moment, NoEntropy, ServerPolicy, UserDecision, authorize,
/// };
/// use oidc_proto::{AuthorizationRequest, Client, Secret, pkce};
///
/// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
/// # let mut rng = fastrand::Rng::with_seed(1);
/// # let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
/// let client = ClientRecord::preconfigured(Client::public("my-tool"), None);
/// let request = AuthorizationRequest::new("my-tool", "http://127.0.0.1:49152/callback")
///     .with_state(Secret::from("state"))
///     .with_code_challenge(pkce::challenge(&pkce::verifier(&[7; 32])));
/// let (response, change) =
///     authorize(&policy, Some(&client), &request, UserDecision::APPROVE, now, &mut entropy)?;
/// assert!(matches!(change, Change::AddCode(_)) && response.state == request.state);
///
/// let denied = authorize(&policy, Some(&client), &request, UserDecision::Deny, now, &mut entropy);
/// let Err(AuthorizationError::Redirect(fault)) = denied else { panic!("a denial is for the client") };
/// assert_eq!(fault.code.error(), "access_denied");
/// # Ok::<(), AuthorizationError>(())
/// ```
///
/// # Errors
/// Returns the reason against a code. A denial is `access_denied` for the client, and missing entropy
/// `server_error`.
pub fn authorize(
    policy: &ServerPolicy,
    client: Option<&ClientRecord>,
    request: &AuthorizationRequest,
    decision: UserDecision,
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Result<(AuthorizationResponse, Change), AuthorizationError> {
    review_authorization(client, request, now)?;
    let life = match decision {
        UserDecision::Approve(_) => policy.code_ttl,
        UserDecision::Expire => Duration::ZERO,
        UserDecision::Deny => return Err(denied()),
    };
    let decided = Decided { decision, status: CodeStatus::Unused, life };
    let (code, fingerprint) =
        secret_with_fingerprint(entropy).map_err(|error| AuthorizationError::Redirect(error.into()))?;
    let record = record(policy, request, fingerprint, decided, now);
    Ok((AuthorizationResponse::code(code).with_state(request.state.clone()), Change::AddCode(record)))
}

/// Decides on an authorization request by a form of the approval page, which is for one decision. `code` is the
/// code of this form, and `earlier` its record.
///
/// A form that is pressed twice brings the same response twice, because a browser shows the response to the last
/// of two clicks. A second code would be one that no client waits for. A denial has a record too, so the form of
/// a denied request brings no code, and that of one person brings none to another.
///
/// ```
/// use core::time::Duration;
/// use device_authority::{
///     AuthorizationError, ClientRecord, Moment, NoEntropy, ServerPolicy, UserDecision, authorization_code,
///     authorize_form,
/// };
/// use oidc_proto::{AuthorizationRequest, Client, pkce};
///
/// let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
/// let client = ClientRecord::preconfigured(Client::public("my-tool"), None);
/// let request = AuthorizationRequest::new("my-tool", "http://127.0.0.1:49152/callback")
///     .with_code_challenge(pkce::challenge(&pkce::verifier(&[7; 32])));
/// let mut rng = fastrand::Rng::with_seed(1);
/// let code = authorization_code(&mut |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes)))?;
/// let press = |earlier, decision| authorize_form(&policy, Some(&client), earlier, &request, decision, &code, now);
///
/// let (first, change) = press(None, UserDecision::APPROVE);
/// let Some(device_authority::Change::AddCode(record)) = change else { panic!("it is to be stored") };
/// let (second, change) = press(Some(&record), UserDecision::APPROVE);
/// assert!(first == second && change.is_none());
/// let (other, _) = press(Some(&record), UserDecision::Deny);
/// assert_eq!(other, Err(AuthorizationError::Decided));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Those of [`authorize`]. [`AuthorizationError::Decided`]: the form was used for another decision, or its code
/// was redeemed or has expired.
pub fn authorize_form(
    policy: &ServerPolicy,
    client: Option<&ClientRecord>,
    earlier: Option<&CodeRecord>,
    request: &AuthorizationRequest,
    decision: UserDecision,
    code: &Secret,
    now: Moment,
) -> (Result<AuthorizationResponse, AuthorizationError>, Option<Change>) {
    if let Err(error) = review_authorization(client, request, now) {
        return (Err(error), None);
    }
    let response = || AuthorizationResponse::code(code.clone()).with_state(request.state.clone());
    match (earlier.map(|earlier| (earlier, earlier.status, now < earlier.expires_at)), decision) {
        (Some((code, CodeStatus::Unused, true)), UserDecision::Approve(subject)) if is_by(code, subject) => {
            return (Ok(response()), None);
        }
        (Some((_, CodeStatus::Denied, _)), UserDecision::Deny) => return (Err(denied()), None),
        (Some(_), _) => return (Err(AuthorizationError::Decided), None),
        (None, _) => {}
    }
    let Some(fingerprint) = Fingerprint::of(code) else {
        return (Err(AuthorizationError::Redirect(NoEntropy.into())), None);
    };
    let (result, status, life) = match decision {
        UserDecision::Approve(_) => (Ok(response()), CodeStatus::Unused, policy.code_ttl),
        UserDecision::Expire => (Ok(response()), CodeStatus::Unused, Duration::ZERO),
        UserDecision::Deny => (Err(denied()), CodeStatus::Denied, Duration::ZERO),
    };
    let record = record(policy, request, fingerprint, Decided { decision, status, life }, now);
    (result, Some(Change::AddCode(record)))
}

/// Returns whether this person approved the code. The record of an earlier version does not tell.
fn is_by(code: &CodeRecord, subject: Subject) -> bool {
    code.authentication.as_ref().is_none_or(|approval| approval.subject == subject)
}

fn denied() -> AuthorizationError {
    let fault = Fault::new(FaultCode::AccessDenied).with_description("The request was denied");
    AuthorizationError::Redirect(fault)
}

/// A decision, and what it makes of the code.
struct Decided {
    decision: UserDecision,
    status: CodeStatus,
    life: Duration,
}

fn record(
    policy: &ServerPolicy,
    request: &AuthorizationRequest,
    code: Fingerprint,
    decided: Decided,
    now: Moment,
) -> CodeRecord {
    let Decided { decision, status, life } = decided;
    let expires_at = now.after(life);
    let approval = |subject| Box::new(Authentication::new(subject, now));
    CodeRecord {
        code,
        client_id: request.client_id.clone(),
        redirect_uri: request.redirect_uri.clone(),
        scope: request.scope.clone(),
        code_challenge: request.code_challenge.as_deref().unwrap_or_default().into(),
        nonce: nonce(request).map(Into::into),
        authentication: match decision {
            UserDecision::Approve(subject) => Some(approval(subject)),
            UserDecision::Deny | UserDecision::Expire => None,
        },
        issued_at: now,
        expires_at,
        forget_at: expires_at.after(policy.remember_expired),
        status,
    }
}

/// Returns the place for the fault of an invalid request. It is the client, if the request names a known one
/// and one of its redirect URIs.
///
/// ```
/// use core::time::Duration;
/// use device_authority::{AuthorizationError, ClientRecord, Moment, refuse_authorization};
/// use oidc_proto::{AuthorizationRequest, Client};
///
/// let now = Moment::new(Duration::from_secs(1_700_000_000));
/// let client = ClientRecord::preconfigured(Client::public("my-tool"), None);
/// let query = "response_type=token&client_id=my-tool&redirect_uri=http://127.0.0.1:1/";
/// let Err(invalid) = AuthorizationRequest::decode(query) else { panic!("there is no such flow") };
/// let error = refuse_authorization(Some(&client), &invalid, now);
/// assert_eq!(error, AuthorizationError::Redirect(invalid.fault.clone()));
/// assert_eq!(refuse_authorization(None, &invalid, now), AuthorizationError::UnknownClient);
/// ```
#[must_use]
pub fn refuse_authorization(
    client: Option<&ClientRecord>,
    invalid: &InvalidAuthorizationRequest,
    now: Moment,
) -> AuthorizationError {
    let fault = invalid.fault.clone();
    let (Some(_), Some(redirect_uri)) = (&invalid.client_id, &invalid.redirect_uri) else {
        return AuthorizationError::Incomplete(fault);
    };
    addressee(client, redirect_uri, now).err().unwrap_or(AuthorizationError::Redirect(fault))
}

/// Returns the assumed record of an unknown client, for its authorization request.
///
/// That request carries no secret. So a client that [`recognize_client`](crate::recognize_client) knows by its
/// secret cannot prove itself here. If the policy can recognize clients, this one may ask for any scope and any
/// redirect URI of this machine. It must prove itself to redeem the code, which is checked against its own
/// registration. Anyone may register, so this gives an attacker nothing.
///
/// ```
/// use core::time::Duration;
/// use device_authority::{Moment, ServerPolicy, RegistrationKey, presume_client};
/// use oidc_proto::Secret;
///
/// assert_eq!(presume_client(&ServerPolicy::default(), "of-another-server"), None);
/// let policy = ServerPolicy::default().with_registration_key(RegistrationKey::new(Secret::new("k".repeat(43)))?);
/// assert!(presume_client(&policy, "of-another-server").is_some_and(|client| client.any_loopback_redirect));
/// # Ok::<(), device_authority::WeakKey>(())
/// ```
#[must_use]
pub fn presume_client(policy: &ServerPolicy, client_id: &str) -> Option<ClientRecord> {
    let recognizes = policy.registration_key.is_some() || policy.accept_unknown_clients;
    (recognizes && proof::is_plausible_id(client_id))
        .then(|| ClientRecord::preconfigured(Client::public(client_id), None))
}

/// Returns the request's `nonce` (OpenID Connect Core §3.1.2.1).
fn nonce(request: &AuthorizationRequest) -> Option<&str> {
    request.parameters.iter().find(|parameter| parameter.name() == "nonce").map(Parameter::value)
}

/// Returns whether the request has `prompt=none`.
fn forbids_a_page(request: &AuthorizationRequest) -> bool {
    let mut prompts = request.parameters.iter().filter(|parameter| parameter.name() == "prompt");
    prompts.any(|prompt| prompt.value().split_ascii_whitespace().any(|value| value == "none"))
}

/// Returns the known client whose redirect URI this is.
fn addressee<'a>(
    client: Option<&'a ClientRecord>,
    redirect_uri: &str,
    now: Moment,
) -> Result<&'a ClientRecord, AuthorizationError> {
    let client = client.filter(|client| now < client.forget_at).ok_or(AuthorizationError::UnknownClient)?;
    if redirect::is_allowed(client, redirect_uri) {
        Ok(client)
    } else {
        Err(AuthorizationError::UnknownRedirectUri)
    }
}
