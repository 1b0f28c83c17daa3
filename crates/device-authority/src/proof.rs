//! Registrations that outlive their store: signed ones, and ones accepted without proof.
//!
//! Tools keep a registration for its whole life of 90 days. Some fail permanently with `invalid_client` after
//! the server forgot it. So the secret can carry the signed registration, as the real service's does.

use core::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use oidc_proto::{Client, Registration, Secret, UnixSeconds};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{ClientRecord, Digest, Moment, ServerPolicy};

/// The prefix of the signed text, so that no other signature of the key proves a registration.
const LABEL: &[u8] = b"registration 1\0";
/// The longest id of an unknown client that is accepted, in bytes.
const MAX_ID: usize = 256;
/// The longest secret of such a client, in bytes. The real service's have nearly a thousand.
const MAX_SECRET: usize = 4096;
/// The scope of a client accepted without proof: that of the portal API, for which AWS's tools register.
const PORTAL_SCOPE: &str = "sso:account:access";

/// The key that signs registrations. Servers with the same key accept each other's clients.
///
/// ```
/// use device_authority::RegistrationKey;
/// use oidc_proto::Secret;
/// let key = RegistrationKey::new(Secret::new("k".repeat(43)))?;
/// assert_eq!(format!("{key:?}"), "RegistrationKey([redacted])");
/// assert!(RegistrationKey::new(Secret::from("too short")).is_err());
/// # Ok::<(), device_authority::WeakKey>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationKey(Secret);

/// The text is too short for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the registration key must have at least {} characters", RegistrationKey::LEAST)]
#[non_exhaustive]
pub struct WeakKey;

impl RegistrationKey {
    /// The least length of a key, in characters: 256 bits in base64url without padding.
    pub const LEAST: usize = 43;

    /// Creates a key from this text, which should have 256 bits of entropy.
    ///
    /// ```
    /// use device_authority::RegistrationKey;
    /// use oidc_proto::Secret;
    /// let text = |length| Secret::new("k".repeat(length));
    /// assert!(RegistrationKey::new(text(RegistrationKey::LEAST)).is_ok());
    /// assert!(RegistrationKey::new(text(RegistrationKey::LEAST - 1)).is_err());
    /// ```
    ///
    /// # Errors
    /// Returns [`WeakKey`] if the text is shorter than [`RegistrationKey::LEAST`].
    pub fn new(text: Secret) -> Result<Self, WeakKey> {
        if text.expose().len() < Self::LEAST { Err(WeakKey) } else { Ok(Self(text)) }
    }

    /// Returns the secret of this client: its registration and the signature.
    pub(crate) fn secret(&self, registration: &Registration, record: &ClientRecord) -> Option<Secret> {
        let carried = Carried {
            id: &registration.client.id,
            name: &record.name,
            scopes: record.scopes.iter().map(String::as_str).collect(),
            grants: record.grant_types.iter().map(String::as_str).collect(),
            redirects: record.redirect_uris.iter().map(String::as_str).collect(),
            issuer: record.issuer_url.as_deref(),
            issued: registration.issued_at.map(UnixSeconds::get)?,
            until: registration.expires_at.map(UnixSeconds::get)?,
        };
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&carried).ok()?);
        let code = URL_SAFE_NO_PAD.encode(self.mac(&payload)?.finalize().into_bytes());
        Some(Secret::new(format!("{payload}.{code}")))
    }

    /// Returns the registration in this client's secret, if this key signed it.
    fn registration(&self, client: &Client) -> Option<ClientRecord> {
        let secret = client.secret.as_ref()?;
        let (payload, code) = secret.expose().split_once('.')?;
        let code = URL_SAFE_NO_PAD.decode(code).ok()?;
        self.mac(payload)?.verify_slice(&code).ok()?;
        let json = URL_SAFE_NO_PAD.decode(payload).ok()?;
        let carried: Owned = serde_json::from_slice(&json).ok()?;
        if carried.id != client.id {
            return None;
        }
        let until = u64::try_from(carried.until).ok()?;
        Some(ClientRecord {
            id: carried.id,
            secret: Some(Digest::of(secret)),
            name: carried.name,
            scopes: carried.scopes,
            any_scope: false,
            grant_types: carried.grants,
            redirect_uris: carried.redirects,
            any_loopback_redirect: false,
            issuer_url: carried.issuer,
            forget_at: Moment::new(Duration::from_secs(until)),
        })
    }

    fn mac(&self, payload: &str) -> Option<Hmac<Sha256>> {
        let mac = Hmac::<Sha256>::new_from_slice(self.0.expose().as_bytes()).ok()?;
        Some(mac.chain_update(LABEL).chain_update(payload))
    }
}

#[derive(Serialize)]
struct Carried<'a> {
    id: &'a str,
    name: &'a str,
    scopes: Vec<&'a str>,
    grants: Vec<&'a str>,
    redirects: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    issued: i64,
    until: i64,
}

#[derive(Deserialize)]
struct Owned {
    id: String,
    name: String,
    scopes: Vec<String>,
    grants: Vec<String>,
    redirects: Vec<String>,
    issuer: Option<String>,
    until: i64,
}

/// Returns the record of an unknown client: from its signed secret ([`ServerPolicy::registration_key`]), or
/// assumed ([`ServerPolicy::accept_unknown_clients`]). Do not call it for a known client.
///
/// ```
/// use core::time::Duration;
/// use device_authority::{Moment, NoEntropy, ServerPolicy, RegistrationKey, recognize_client, register_client};
/// use oidc_proto::{RegisterClientRequest, Secret};
///
/// let policy = ServerPolicy::default().with_registration_key(RegistrationKey::new(Secret::new("k".repeat(43)))?);
/// let now = Moment::new(Duration::from_secs(1_700_000_000));
/// let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(bytes.fill(7));
/// let registered = register_client(&policy, &RegisterClientRequest::new("my-tool"), now, &mut entropy).reply?;
///
/// // After a restart there is no record of it.
/// let known = recognize_client(&policy, &registered.client, now).ok_or("it proves itself")?;
/// assert_eq!((known.name.as_str(), known.id), ("my-tool", registered.client.id));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn recognize_client(policy: &ServerPolicy, client: &Client, now: Moment) -> Option<ClientRecord> {
    let proven = policy.registration_key.as_ref().and_then(|key| key.registration(client));
    let record = proven.or_else(|| believed(policy, client, now))?;
    (now < record.forget_at).then_some(record)
}

/// Returns the assumed record of a client that registered elsewhere.
fn believed(policy: &ServerPolicy, client: &Client, now: Moment) -> Option<ClientRecord> {
    let secret = client.secret.as_ref().filter(|_| policy.accept_unknown_clients)?;
    if !is_plausible_id(&client.id) || !is_plausible(secret.expose(), MAX_SECRET) {
        return None;
    }
    let record = ClientRecord::preconfigured(client.clone(), Some(vec![PORTAL_SCOPE.to_owned()]));
    Some(ClientRecord { forget_at: now.after(policy.registration_ttl), ..record })
}

/// Returns whether this can be the id of a client that registered elsewhere.
pub(crate) fn is_plausible_id(id: &str) -> bool {
    is_plausible(id, MAX_ID)
}

fn is_plausible(text: &str, most: usize) -> bool {
    !text.is_empty() && text.len() <= most && text.bytes().all(|b| b.is_ascii_graphic())
}
