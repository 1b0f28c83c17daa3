//! StartDeviceAuthorization (RFC 8628 §3.1 and §3.2).

use oidc_proto::{DeviceAuthorization, Fault, FaultCode, StartDeviceAuthorizationRequest, grant_type};

use crate::client::{authenticate, unauthorized};
use crate::entropy::secret_with_fingerprint;
use crate::moment::whole_seconds;
use crate::{
    Change, ClientRecord, Decision, DeviceRecord, DeviceState, Entropy, Moment, ServerPolicy, UserCode, scope,
};

/// The longest start URL that is kept, in bytes.
const MAX_START_URL: usize = 2048;

/// Issues codes to a device. `client` is the record of the request's client id.
///
/// The user code is random. A store in which another live device has it repeats the decision; it commits only
/// one whose code is free.
///
/// Returns `InvalidClientException` for an unknown client, a wrong secret or an expired registration, all
/// alike. `UnauthorizedClientException`: the client registered for other grants only.
/// `InvalidRequestException`: the start URL is not an absolute http or https URL. Any host is accepted,
/// because this authority stands in for all. `InvalidScopeException`: the client did not register the scope
/// (AWS's dialect requests none here, which means all of them).
pub fn start_device_authorization(
    policy: &ServerPolicy,
    client: Option<&ClientRecord>,
    request: &StartDeviceAuthorizationRequest,
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Decision<DeviceAuthorization> {
    match issue(policy, client, request, now, entropy) {
        Err(fault) => Decision::refuse(fault),
        Ok((answer, record)) => Decision::new(Ok(answer), vec![Change::AddDevice(record)]),
    }
}

fn issue(
    policy: &ServerPolicy,
    client: Option<&ClientRecord>,
    request: &StartDeviceAuthorizationRequest,
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Result<(DeviceAuthorization, DeviceRecord), Fault> {
    let client = authenticate(client, &request.client, now)?;
    if !client.may_use(grant_type::DEVICE_CODE) {
        return Err(unauthorized());
    }
    // The dialect decides whether it is required; if present, it must be valid.
    if request.start_url.as_deref().is_some_and(|url| !is_start_url(url)) {
        return Err(Fault::new(FaultCode::InvalidRequest)
            .with_description("startUrl must be an absolute http or https URL"));
    }
    scope::check_asked(client, &request.scope)?;
    let (device_code, fingerprint) = secret_with_fingerprint(entropy)?;
    let user_code = match entropy.user_code() {
        Some(chosen) => chosen,
        None => UserCode::random(entropy)?,
    };
    let expires_at = now.after(policy.device_ttl);
    let record = DeviceRecord {
        device_code: fingerprint,
        user_code,
        client_id: request.client.id.clone(),
        start_url: request.start_url.clone(),
        scope: request.scope.clone(),
        code_challenge: request.code_challenge.as_deref().map(Into::into),
        issued_at: now,
        expires_at,
        forget_at: expires_at.after(policy.remember_expired),
        state: DeviceState::new(policy.interval),
    };
    let uri = &policy.verification_uri;
    let separator = if uri.contains('?') { '&' } else { '?' };
    let answer = DeviceAuthorization::new(
        device_code,
        user_code.to_string(),
        uri.clone(),
        whole_seconds(policy.device_ttl),
    )
    .with_interval(whole_seconds(policy.interval))
    .with_complete_uri(format!("{uri}{separator}user_code={user_code}"));
    Ok((answer, record))
}

/// Returns whether the text is an absolute http(s) URL with a host, of a limited length and with valid
/// characters (RFC 3986 §2).
fn is_start_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let scheme_is_fine = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host_is_fine = !host.is_empty() && !host.starts_with(':');
    let characters_are_fine = text.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b));
    scheme_is_fine && host_is_fine && characters_are_fine && text.len() <= MAX_START_URL
}
