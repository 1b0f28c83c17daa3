//! Each operation as the keys that it needs and its decision, the same for every store.

use oidc_proto::oauth::{Introspection, IntrospectionRequest, RevocationRequest, TokenTypeHint};
use oidc_proto::{
    AuthorizationRequest, AuthorizationResponse, CreateTokenRequest, DeviceAuthorization, Fault,
    InvalidAuthorizationRequest, Secret, StartDeviceAuthorizationRequest, Token,
};

use super::{DeviceKey, Keys};
use crate::grace::is_repeated;
use crate::{
    AccessRecord, AuthorizationError, AuthorizationReview, Change, ClientRecord, Decision, Entropy,
    IdTokenClaims, Issued, Moment, PersonError, Records, Review, Selector, ServerPolicy, Source, UserCode,
    UserDecision, authorize, authorize_form, count_guess, create_token, decide, id_token_claims,
    introspect_token, logout, may_guess, presume_client, recognize_client, recognize_token,
    refuse_authorization, review, review_authorization, revoke_token, start_device_authorization,
};

/// The reply of an operation, and the changes to commit.
pub(crate) type Made<T> = (T, Vec<Change>);

impl<T> From<Decision<T>> for Made<Result<T, Fault>> {
    fn from(decision: Decision<T>) -> Self {
        (decision.reply, decision.changes)
    }
}

/// Returns the client of this id: a preconfigured one, or that of the store.
fn known<'a>(policy: &'a ServerPolicy, records: Records<'a>, id: &str) -> Option<&'a ClientRecord> {
    policy.preconfigured_clients.get(id).or(records.client)
}

pub(crate) fn start(
    policy: &ServerPolicy,
    records: Records<'_>,
    request: &StartDeviceAuthorizationRequest,
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Made<Result<DeviceAuthorization, Fault>> {
    let known = known(policy, records, &request.client.id);
    let recognized = if known.is_none() { recognize_client(policy, &request.client, now) } else { None };
    let client = known.or(recognized.as_ref());
    let Decision { reply, mut changes } = start_device_authorization(policy, client, request, now, entropy);
    if reply.is_ok() {
        // The approval page needs the record of a waiting device's client. It comes first, because the device keeps
        // it from being evicted.
        changes.splice(0..0, recognized.map(Change::AddClient));
    }
    (reply, changes)
}

pub(crate) fn token(
    policy: &ServerPolicy,
    records: Records<'_>,
    request: &CreateTokenRequest,
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Made<Result<Token, Fault>> {
    let known = known(policy, records, &request.client.id);
    // The store does not keep this record, because only a waiting device needs its client's record later.
    let recognized = if known.is_none() { recognize_client(policy, &request.client, now) } else { None };
    let records = Records { client: known.or(recognized.as_ref()), ..records };
    create_token(policy, records, request, now, entropy).into()
}

/// The reply to a CreateToken request of [`Store`](crate::Store).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchanged {
    /// The reply.
    pub reply: Result<Token, Fault>,
    /// The claims of the ID token that belongs to the reply, if it has one; see [`id_token_claims`]. A server signs
    /// them.
    pub id_token: Option<Box<IdTokenClaims>>,
    /// Whether the request ends a sign-in, because it used a code or refresh token again.
    pub ends_sign_in: bool,
    /// Whether the reply has the tokens of an earlier one, in the [`ServerPolicy::device_grace`].
    pub is_repeated: bool,
}

/// Returns the reply to a CreateToken request with what belongs to it.
pub(crate) fn exchange(
    policy: &ServerPolicy,
    records: Records<'_>,
    request: &CreateTokenRequest,
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Made<Exchanged> {
    let (reply, changes) = token(policy, records, request, now, entropy);
    let claims = |token| id_token_claims(policy, records, request, token, now);
    let id_token = reply.as_ref().ok().and_then(claims).map(Box::new);
    let ends = |change: &Change| matches!(change, Change::RevokeRefresh(_) | Change::RevokeAccess(_));
    let is_repeated = reply.is_ok() && is_repeated(records);
    (Exchanged { reply, id_token, ends_sign_in: changes.iter().any(ends), is_repeated }, changes)
}

/// Returns the keys for a device in its grace: also that of the tokens that it brings again. `None` for every other
/// request.
pub(crate) fn keys_of_repetition<'a>(
    policy: &ServerPolicy,
    records: Records<'_>,
    keys: &Keys<'a>,
    now: Moment,
) -> Option<Keys<'a>> {
    let issued = records.device?.repeats_at(policy, now)?;
    Some(match issued {
        Issued::Family(family) => Keys { refresh: Some(family), ..*keys },
        Issued::Access(access) => Keys { access: Some(access), ..*keys },
    })
}

pub(crate) fn keys_of_revocation(request: &RevocationRequest) -> Keys<'_> {
    let selector = Selector::of(&request.token);
    Keys { refresh: selector, access: selector, ..Keys::of_client(&request.client.id) }
}

pub(crate) fn revoke(
    policy: &ServerPolicy,
    records: Records<'_>,
    request: &RevocationRequest,
    now: Moment,
) -> Made<Result<(), Fault>> {
    let known = known(policy, records, &request.client.id);
    let recognized = if known.is_none() { recognize_client(policy, &request.client, now) } else { None };
    revoke_token(Records { client: known.or(recognized.as_ref()), ..records }, request, now).into()
}

/// Returns the keys for both kinds of token, in the order of the hint. A token has one kind, and only the request for
/// an access token brings its family along.
pub(crate) fn keys_of_introspection(request: &IntrospectionRequest) -> [Keys<'_>; 2] {
    let selector = Selector::of(&request.token);
    let keys = Keys::of_client(&request.client.id);
    let (access, refresh) = (Keys { access: selector, ..keys }, Keys { refresh: selector, ..keys });
    if request.hint == Some(TokenTypeHint::RefreshToken) { [refresh, access] } else { [access, refresh] }
}

pub(crate) fn introspect(
    policy: &ServerPolicy,
    records: Records<'_>,
    request: &IntrospectionRequest,
    now: Moment,
) -> Result<Introspection, Fault> {
    let known = known(policy, records, &request.client.id);
    let recognized = if known.is_none() { recognize_client(policy, &request.client, now) } else { None };
    let records = Records { client: known.or(recognized.as_ref()), ..records };
    introspect_token(policy, records, request, now)
}

pub(crate) fn keys_of_access(token: &Secret) -> Keys<'static> {
    Keys { access: Selector::of(token), ..Keys::default() }
}

pub(crate) fn recognize(
    records: Records<'_>,
    token: &Secret,
    now: Moment,
) -> Made<Result<AccessRecord, Fault>> {
    (recognize_token(records.access, records.refresh, token, now).cloned(), Vec::new())
}

pub(crate) fn log_out(records: Records<'_>, token: &Secret, now: Moment) -> Made<Result<(), Fault>> {
    logout(records.access, records.refresh, token, now).into()
}

pub(crate) fn review_request(
    policy: &ServerPolicy,
    records: Records<'_>,
    request: &AuthorizationRequest,
    now: Moment,
) -> Made<Result<AuthorizationReview, AuthorizationError>> {
    let presumed = presume_client(policy, &request.client_id);
    let client = known(policy, records, &request.client_id).or(presumed.as_ref());
    (review_authorization(client, request, now), Vec::new())
}

pub(crate) fn keys_of_invalid(invalid: &InvalidAuthorizationRequest) -> Keys<'_> {
    Keys { client: invalid.client_id.as_deref(), ..Keys::default() }
}

pub(crate) fn refuse_request(
    policy: &ServerPolicy,
    records: Records<'_>,
    invalid: &InvalidAuthorizationRequest,
    now: Moment,
) -> Made<AuthorizationError> {
    let id = invalid.client_id.as_deref().unwrap_or_default();
    let presumed = presume_client(policy, id);
    let client = known(policy, records, id).or(presumed.as_ref());
    (refuse_authorization(client, invalid, now), Vec::new())
}

pub(crate) fn authorize_request(
    policy: &ServerPolicy,
    records: Records<'_>,
    request: &AuthorizationRequest,
    decision: UserDecision,
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Made<Result<AuthorizationResponse, AuthorizationError>> {
    let presumed = presume_client(policy, &request.client_id);
    let client = known(policy, records, &request.client_id).or(presumed.as_ref());
    match authorize(policy, client, request, decision, now, entropy) {
        Ok((response, change)) => (Ok(response), vec![change]),
        Err(error) => (Err(error), Vec::new()),
    }
}

pub(crate) fn authorize_by_form(
    policy: &ServerPolicy,
    records: Records<'_>,
    request: &AuthorizationRequest,
    decision: UserDecision,
    code: &Secret,
    now: Moment,
) -> Made<Result<AuthorizationResponse, AuthorizationError>> {
    let presumed = presume_client(policy, &request.client_id);
    let client = known(policy, records, &request.client_id).or(presumed.as_ref());
    let (result, change) = authorize_form(policy, client, records.code, request, decision, code, now);
    (result, change.into_iter().collect())
}

/// Returns the keys of a person's request: the device of the typed code, and the wrong codes of the source's site.
pub(crate) fn keys_of_person(source: Option<Source>, typed: &str) -> Keys<'static> {
    let site = source.map(Source::site);
    Keys { device: UserCode::typed(typed).map(DeviceKey::UserCode), source: site, ..Keys::default() }
}

pub(crate) fn look(
    policy: &ServerPolicy,
    records: Records<'_>,
    typed: &str,
    source: Option<Source>,
    now: Moment,
) -> Made<Result<Review, PersonError>> {
    found(policy, records, typed, source, now, |records| {
        let device = records.device;
        let client = device.and_then(|device| known(policy, records, &device.client_id));
        review(device, client, now).map(|review| (review, None))
    })
}

pub(crate) fn settle(
    policy: &ServerPolicy,
    records: Records<'_>,
    typed: &str,
    source: Option<Source>,
    verdict: UserDecision,
    now: Moment,
) -> Made<Result<(), PersonError>> {
    found(policy, records, typed, source, now, |records| {
        decide(records.device, verdict, now).map(|change| ((), Some(change)))
    })
}

/// Limits the guesses of the source, counts a wrong code, and goes on with a device that was found.
fn found<T>(
    policy: &ServerPolicy,
    records: Records<'_>,
    typed: &str,
    source: Option<Source>,
    now: Moment,
    go_on: impl FnOnce(Records<'_>) -> Result<(T, Option<Change>), PersonError>,
) -> Made<Result<T, PersonError>> {
    // A text that no device can have tells nothing about the codes in use.
    if UserCode::typed(typed).is_none() {
        return (Err(PersonError::NotACode), Vec::new());
    }
    if let Some(source) = source
        && let Err(limit) = may_guess(policy, source, records.guesses, records.guesses_of_all, now)
    {
        return (Err(limit.into()), Vec::new());
    }
    if records.device.is_none() {
        let changes = source.map(|source| counted(policy, records, source, now));
        return (Err(PersonError::Unknown), changes.into_iter().flatten().collect());
    }
    match go_on(records) {
        Ok((reply, change)) => (Ok(reply), change.into_iter().collect()),
        Err(error) => (Err(error), Vec::new()),
    }
}

fn counted(policy: &ServerPolicy, records: Records<'_>, source: Source, now: Moment) -> [Change; 2] {
    let all = [(source, records.guesses), (Source::EVERYONE, records.guesses_of_all)];
    all.map(|(source, record)| {
        let record = count_guess(policy, source, record, now);
        Change::PutGuesses { source: source.site(), record }
    })
}
