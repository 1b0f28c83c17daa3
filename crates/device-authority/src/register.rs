//! RegisterClient (RFC 7591 §3, with AWS's restrictions).

use oidc_proto::{Client, Fault, FaultCode, RegisterClientRequest, Registration, grant_type, printable};

use crate::entropy::{base64url, random, secret};
use crate::{Change, ClientRecord, Decision, Digest, Entropy, Moment, ServerPolicy, redirect, scope};

/// Our limit: a name must fit on the approval page.
const MAX_NAME: usize = 256;
/// Our limit on the stored data of one registration, in bytes.
const MAX_METADATA: usize = 4096;
/// The same, if the secret carries the data once more.
const MAX_CARRIED_METADATA: usize = MAX_METADATA / 2;
/// The client type that the real service requires. In RFC 7591 it means a client without a secret.
const PUBLIC: &str = "public";

/// Registers a client.
///
/// The response omits `authorizationEndpoint` and `tokenEndpoint`, because this authority knows no address. A
/// server adds them.
///
/// Returns `InvalidClientMetadataException` for a client type other than `public`, for a name that is blank
/// or too long, and for too much metadata. `UnsupportedGrantTypeException`: a grant type that the service
/// does not know. `InvalidScopeException`: too many or malformed scopes, or the device and the authorization
/// code grant in one registration. `InvalidRedirectUriException`: anything but
/// `http://127.0.0.1[:port][/path]`.
///
/// ```
/// # use core::time::Duration;
/// # use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
/// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
/// # let mut rng = fastrand::Rng::with_seed(1);
/// # let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
/// # use device_authority::{Change, register_client};
/// # use oidc_proto::{FaultCode, RegisterClientRequest};
/// let decision = register_client(&policy, &RegisterClientRequest::new("my-tool"), now, &mut entropy);
/// assert!(decision.reply.is_ok_and(|registration| registration.client.secret.is_some()));
/// assert!(matches!(decision.changes[..], [Change::AddClient(_)]));
///
/// let blank = register_client(&policy, &RegisterClientRequest::new(""), now, &mut entropy);
/// assert_eq!(blank.reply.unwrap_err().code, FaultCode::InvalidClientMetadata);
/// ```
pub fn register_client(
    policy: &ServerPolicy,
    request: &RegisterClientRequest,
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Decision<Registration> {
    // The real service issues a secret to every client, although it calls them public.
    let made = check_aws(policy, request).and_then(|()| issue(policy, now, true, entropy));
    recorded(made, policy, request, now)
}

/// Registers a client of the OAuth dialect (RFC 7591 §3): `public` (`none`) without a secret, any other with one.
///
/// A client without grant types gets refresh, and the grant that its redirect URIs tell. With one that is the
/// authorization code, the standard's default, and without one the device code. It may register both.
/// Unsupported grant types are dropped, and redirect URIs without the grant that needs them. The record has
/// what was registered (§2 and §3.2.1 permit that, and require the response to say so). A client without a name
/// gets its id as name (§2).
///
/// Returns `invalid_client_metadata` for unsupported metadata, also if no grant for a first token remains.
/// Returns `invalid_redirect_uri` for the authorization code grant without a redirect URI, or with one that
/// has another scheme than https. Over http, a loopback address is valid too (`127.0.0.1`, `[::1]` or
/// `localhost`).
///
/// ```
/// # use core::time::Duration;
/// # use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
/// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
/// # let mut rng = fastrand::Rng::with_seed(1);
/// # let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
/// # use device_authority::register_oauth_client;
/// # use oidc_proto::RegisterClientRequest;
/// let public = register_oauth_client(&policy, &RegisterClientRequest::new("my-tool"), now, &mut entropy);
/// assert!(public.reply.is_ok_and(|registration| registration.client.secret.is_none()));
/// ```
pub fn register_oauth_client(
    policy: &ServerPolicy,
    request: &RegisterClientRequest,
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Decision<Registration> {
    let mut request = granted_registration(request);
    let is_confidential = request.client_type != PUBLIC;
    let made = check_oauth(policy, &request).and_then(|()| issue(policy, now, is_confidential, entropy));
    if let Ok(registration) = &made
        && request.client_name.is_empty()
    {
        request.client_name.clone_from(&registration.client.id);
    }
    recorded(made, policy, &request, now)
}

/// Returns what the service grants of a registration request in the OAuth dialect, for the response (RFC 7591
/// §3.2.1). It drops unknown grants, and redirect URIs without the authorization code grant.
///
/// ```
/// use device_authority::granted_registration;
/// use oidc_proto::{RegisterClientRequest, grant_type};
///
/// let mut request = RegisterClientRequest::new("my-tool");
/// request.grant_types = [grant_type::DEVICE_CODE, "password"].map(str::to_owned).to_vec();
/// assert_eq!(granted_registration(&request).grant_types, [grant_type::DEVICE_CODE]);
/// ```
#[must_use]
pub fn granted_registration(request: &RegisterClientRequest) -> RegisterClientRequest {
    let mut request = request.clone();
    if request.grant_types.is_empty() && !request.redirect_uris.is_empty() {
        request.grant_types =
            [grant_type::AUTHORIZATION_CODE, grant_type::REFRESH_TOKEN].map(str::to_owned).to_vec();
    }
    if signs_in(&request) {
        request.grant_types.retain(|grant| KNOWN.contains(&grant.as_str()));
    }
    if !has(&request, grant_type::AUTHORIZATION_CODE) {
        request.redirect_uris.clear();
    }
    request
}

/// Returns whether one of the grants leads to a first token. Without one, no refresh token would exist.
fn signs_in(request: &RegisterClientRequest) -> bool {
    has(request, grant_type::DEVICE_CODE) || has(request, grant_type::AUTHORIZATION_CODE)
}

fn has(request: &RegisterClientRequest, wanted: &str) -> bool {
    request.grant_types.iter().any(|grant| grant == wanted)
}

fn recorded(
    made: Result<Registration, Fault>,
    policy: &ServerPolicy,
    request: &RegisterClientRequest,
    now: Moment,
) -> Decision<Registration> {
    match made {
        Err(fault) => Decision::refuse(fault),
        Ok(mut registration) => {
            let mut record = ClientRecord {
                id: registration.client.id.clone(),
                secret: None,
                name: request.client_name.clone(),
                scopes: request.scopes.clone(),
                any_scope: false,
                grant_types: request.grant_types.clone(),
                redirect_uris: request.redirect_uris.clone(),
                any_loopback_redirect: false,
                issuer_url: request.issuer_url.clone(),
                forget_at: now.after(policy.registration_ttl),
            };
            if registration.client.secret.is_some()
                && let Some(key) = &policy.registration_key
            {
                registration.client.secret = key.secret(&registration, &record);
                // JSON may take six bytes for a control character, so the texts' length alone is no bound.
                let len = registration.client.secret.as_ref().map_or(0, |secret| secret.expose().len());
                if len > MOST_CARRIED {
                    let most = format!("the signed registration is longer than {MOST_CARRIED} characters");
                    return Decision::refuse(
                        Fault::new(FaultCode::InvalidClientMetadata).with_description(most),
                    );
                }
            }
            record.secret = registration.client.secret.as_ref().map(Digest::of);
            Decision::new(Ok(registration), vec![Change::AddClient(record)])
        }
    }
}

/// Creates an id, and a secret if the client is to have one. Like the real service's, the id is base64url of
/// 16 random bytes and the region's name. The secret expires, and so does the id of a client without one.
fn issue(
    policy: &ServerPolicy,
    now: Moment,
    with_secret: bool,
    entropy: &mut dyn Entropy,
) -> Result<Registration, Fault> {
    let mut id = random::<16>(entropy)?.to_vec();
    id.extend_from_slice(policy.region.as_bytes());
    let id = base64url(&id);
    let mut registration = if with_secret {
        Registration::new(Client::new(id, secret::<48>(entropy)?))
            .with_expiry(now.after(policy.registration_ttl).unix_seconds())
    } else {
        Registration::new(Client::public(id))
    };
    registration.issued_at = Some(now.unix_seconds());
    Ok(registration)
}

/// Checks the real service's rules.
fn check_aws(policy: &ServerPolicy, request: &RegisterClientRequest) -> Result<(), Fault> {
    if request.client_type != PUBLIC {
        return Err(refuse(FaultCode::InvalidClientMetadata, "clientType must be public"));
    }
    if printable(&request.client_name).trim().is_empty() {
        return Err(refuse(FaultCode::InvalidClientMetadata, "clientName must contain printable characters"));
    }
    check_grant_types(request)?;
    check_redirects(request, redirect::is_aws, "http://127.0.0.1, optionally with a port and a path")?;
    check_size(policy, request)
}

/// Checks the rules of RFC 7591 §2 that apply here.
fn check_oauth(policy: &ServerPolicy, request: &RegisterClientRequest) -> Result<(), Fault> {
    if !request.client_name.is_empty() && printable(&request.client_name).trim().is_empty() {
        return Err(refuse(
            FaultCode::InvalidClientMetadata,
            "client_name must contain printable characters",
        ));
    }
    if !request.grant_types.is_empty() && !signs_in(request) {
        return Err(refuse(
            FaultCode::InvalidClientMetadata,
            "grant_types must include authorization_code or urn:ietf:params:oauth:grant-type:device_code",
        ));
    }
    check_redirects(request, redirect::is_oauth, "https, or http with 127.0.0.1, [::1] or localhost")?;
    // RFC 7591 §3.2.2 has one code for all errors but redirect URIs.
    check_size(policy, request).map_err(|mut fault| {
        if fault.code == FaultCode::InvalidScope {
            fault.code = FaultCode::InvalidClientMetadata;
        }
        fault
    })
}

/// Checks the redirect URIs. `rule` says in words which ones are valid.
fn check_redirects(
    request: &RegisterClientRequest,
    is_valid: fn(&str) -> bool,
    rule: &str,
) -> Result<(), Fault> {
    if has(request, grant_type::AUTHORIZATION_CODE) && request.redirect_uris.is_empty() {
        return Err(refuse(FaultCode::InvalidRedirectUri, "authorization_code requires a redirect URI"));
    }
    if !request.redirect_uris.iter().all(|uri| is_valid(uri)) {
        return Err(Fault::new(FaultCode::InvalidRedirectUri)
            .with_description(format!("a redirect URI must be {rule}")));
    }
    Ok(())
}

/// Checks the rules of both.
fn check_size(policy: &ServerPolicy, request: &RegisterClientRequest) -> Result<(), Fault> {
    if request.client_name.chars().count() > MAX_NAME {
        return Err(refuse(
            FaultCode::InvalidClientMetadata,
            "the client name is longer than 256 characters",
        ));
    }
    scope::check_form(&request.scopes)?;
    let most = if policy.registration_key.is_some() { MAX_CARRIED_METADATA } else { MAX_METADATA };
    if metadata_len(request) > most {
        return Err(Fault::new(FaultCode::InvalidClientMetadata)
            .with_description(format!("the registration is longer than {most} bytes")));
    }
    Ok(())
}

/// The supported grants.
const KNOWN: [&str; 3] = [grant_type::DEVICE_CODE, grant_type::AUTHORIZATION_CODE, grant_type::REFRESH_TOKEN];

fn check_grant_types(request: &RegisterClientRequest) -> Result<(), Fault> {
    if !request.grant_types.iter().all(|grant| KNOWN.contains(&grant.as_str())) {
        return Err(refuse(FaultCode::UnsupportedGrantType, "grantTypes contains an unsupported grant type"));
    }
    if has(request, grant_type::DEVICE_CODE) && has(request, grant_type::AUTHORIZATION_CODE) {
        // The real service's unusual code, kept because its clients look for it.
        return Err(refuse(
            FaultCode::InvalidScope,
            "a registration cannot have both the device code and the authorization code grant",
        ));
    }
    Ok(())
}

/// The longest secret with a registration: 2048 bytes of plain text in base64, and overhead.
const MOST_CARRIED: usize = 4096;

fn metadata_len(request: &RegisterClientRequest) -> usize {
    let lists = [&request.scopes, &request.redirect_uris, &request.grant_types];
    // An empty list entry costs the store a little too.
    let lists = lists.into_iter().flatten().map(|text| text.len().saturating_add(8));
    let optional = [&request.issuer_url, &request.entitled_application_arn];
    let optional = optional.into_iter().flatten().map(String::len);
    lists.chain(optional).fold(request.client_name.len(), usize::saturating_add)
}

fn refuse(code: FaultCode, description: &'static str) -> Fault {
    Fault::new(code).with_description(description)
}
