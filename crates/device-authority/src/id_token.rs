//! The claims of an ID token (OpenID Connect Core §2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oidc_proto::{CreateTokenRequest, Grant, Secret, Token};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::moment::whole_seconds;
use crate::token::authentication;
use crate::{Authentication, Moment, Records, ServerPolicy};

/// The scope that asks for an ID token (OpenID Connect Core §3.1.2.1).
pub const OPENID_SCOPE: &str = "openid";

/// The claims of an ID token: who signed in to which client, and when (OpenID Connect Core §2).
///
/// The issuer and the hash of the access token are not among them. [`IdTokenClaims::to_json`] adds both, because this
/// crate knows no address, and a server may replace the access token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IdTokenClaims {
    /// `sub` and `auth_time`: the person who approved, and the time of the approval. A refresh changes neither (§12.2).
    pub authentication: Authentication,
    /// `aud`: the client. There is no other audience, so there is no `azp`.
    pub audience: String,
    /// `nonce`: that of the authorization request. The device grant has none, and a refresh repeats none (§12.2).
    pub nonce: Option<Box<str>>,
    /// `iat`: the time of the response, in whole seconds since 1970.
    pub issued_at: u64,
    /// `exp`: the end of its life, in whole seconds since 1970.
    pub expires_at: u64,
}

/// Returns the claims of the ID token that belongs to this success of [`create_token`](crate::create_token); `None` if
/// it has none. `records` and `request` are those of the response.
///
/// A token has an ID token if its scopes include `openid`, in every grant and both dialects. A refresh without that
/// scope has none, and neither has a sign-in whose records do not say who approved, from an earlier version.
///
/// ```
/// # use core::time::Duration;
/// # use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy};
/// # let (policy, now) = (ServerPolicy::default(), Moment::new(Duration::from_secs(1_700_000_000)));
/// # let mut rng = fastrand::Rng::with_seed(1);
/// # let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
/// # use device_authority::{ClientRecord, GrantKey, Records, Subject, UserDecision, create_token, id_token_claims};
/// # use oidc_proto::{Client, CreateTokenRequest, Grant, StartDeviceAuthorizationRequest};
/// # let mut store = Memory::new(Capacity::default());
/// # store.add_client(ClientRecord::preconfigured(Client::public("my-tool"), None));
/// let ask = StartDeviceAuthorizationRequest::for_scope(Client::public("my-tool"), ["openid"]);
/// let codes = store.start_device_authorization(&policy, &ask, now, &mut entropy)?;
/// store.decide(&policy, None, &codes.user_code, UserDecision::Approve(Subject::new("ada")?), now)?;
/// let poll = CreateTokenRequest::new(Client::public("my-tool"), Grant::device_code(codes.device_code));
/// # let GrantKey::Device(selector) = GrantKey::of(&poll.grant) else { panic!("a device code names a device") };
/// let records = Records::of_client(store.client("my-tool")).with_device(store.device(selector));
/// let later = now.after(Duration::from_secs(5));
/// let token = create_token(&policy, records, &poll, later, &mut entropy).reply?;
///
/// let claims = id_token_claims(&policy, records, &poll, &token, later).ok_or("it asked for one")?;
/// assert_eq!((claims.authentication.subject.as_str(), claims.audience.as_str()), ("ada", "my-tool"));
/// assert_eq!((claims.authentication.time, claims.issued_at), (1_700_000_000, 1_700_000_005));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn id_token_claims(
    policy: &ServerPolicy,
    records: Records<'_>,
    request: &CreateTokenRequest,
    token: &Token,
    now: Moment,
) -> Option<IdTokenClaims> {
    token.scope.as_ref()?.iter().find(|scope| *scope == OPENID_SCOPE)?;
    let nonce = match request.grant {
        Grant::AuthorizationCode { .. } => records.code.and_then(|code| code.nonce.clone()),
        Grant::DeviceCode { .. } | Grant::RefreshToken { .. } | _ => None,
    };
    let issued_at = now.since_epoch().as_secs();
    Some(IdTokenClaims {
        authentication: *authentication(records)?,
        audience: request.client.id.clone(),
        nonce,
        issued_at,
        expires_at: issued_at.saturating_add(whole_seconds(policy.id_token_ttl).as_secs()),
    })
}

/// The claims as they are signed, in the order of the standard.
#[derive(Serialize)]
struct Members<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: u64,
    iat: u64,
    auth_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    at_hash: String,
}

impl IdTokenClaims {
    /// Returns the payload of the ID token: a JSON object, in UTF-8. `access_token` is the one of the same response.
    ///
    /// `at_hash` binds the two (OpenID Connect Core §3.1.3.6). It is made with SHA-256, so it fits a signature whose
    /// algorithm ends with 256, such as ES256.
    ///
    /// ```
    /// # use device_authority::{IdTokenClaims, Memory, Moment, NoEntropy, ServerPolicy, Subject, UserDecision};
    /// # use device_authority::{Capacity, ClientRecord, GrantKey, Records, id_token_claims};
    /// # use oidc_proto::{Client, CreateTokenRequest, Grant, StartDeviceAuthorizationRequest, Token};
    /// # let (policy, now) = (ServerPolicy::default(), Moment::new(core::time::Duration::from_secs(1_700_000_000)));
    /// # let mut rng = fastrand::Rng::with_seed(1);
    /// # let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
    /// # let mut store = Memory::new(Capacity::default());
    /// # store.add_client(ClientRecord::preconfigured(Client::public("my-tool"), None));
    /// # let ask = StartDeviceAuthorizationRequest::for_scope(Client::public("my-tool"), ["openid"]);
    /// # let codes = store.start_device_authorization(&policy, &ask, now, &mut entropy)?;
    /// # store.decide(&policy, None, &codes.user_code, UserDecision::APPROVE, now)?;
    /// # let poll = CreateTokenRequest::new(Client::public("my-tool"), Grant::device_code(codes.device_code));
    /// # let GrantKey::Device(selector) = GrantKey::of(&poll.grant) else { panic!("a device code names a device") };
    /// # let records = Records::of_client(store.client("my-tool")).with_device(store.device(selector));
    /// # let token = device_authority::create_token(&policy, records, &poll, now, &mut entropy).reply?;
    /// let claims = id_token_claims(&policy, records, &poll, &token, now).ok_or("it asked for one")?;
    /// let json = String::from_utf8(claims.to_json("https://id.example", &token.access_token))?;
    /// assert!(json.starts_with(r#"{"iss":"https://id.example","sub":"person","aud":"my-tool","exp":1700003600,"#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_json(&self, issuer: &str, access_token: &Secret) -> Vec<u8> {
        let members = Members {
            iss: issuer,
            sub: self.authentication.subject.as_str(),
            aud: &self.audience,
            exp: self.expires_at,
            iat: self.issued_at,
            auth_time: self.authentication.time,
            nonce: self.nonce.as_deref(),
            at_hash: half_hash(access_token),
        };
        // Texts and numbers always become JSON.
        serde_json::to_vec(&members).unwrap_or_default()
    }
}

/// Returns the left half of the token's hash, in base64url.
fn half_hash(token: &Secret) -> String {
    let digest = Sha256::digest(token.expose());
    let (half, _) = digest.split_at(digest.len() / 2);
    URL_SAFE_NO_PAD.encode(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_binds_the_access_token_of_the_standards_own_example() {
        // OpenID Connect Core, appendix A.3.
        let token = Secret::from("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y");
        assert_eq!(half_hash(&token), "77QmUPtjPfzWtF2AnpK9RQ");
    }
}
