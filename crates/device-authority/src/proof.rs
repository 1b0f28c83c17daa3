//! Registrations that outlive the store that made them: they prove themselves, or they are believed.
//!
//! Tools keep a registration for as long as it is good, 90 days, and some end with `invalid_client` for ever when the
//! server has forgotten it. So the secret can carry the registration, signed, as the real service's does.

use core::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use oidc_proto::{Client, Registration, Secret, UnixSeconds};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{ClientRecord, Moment, ServerPolicy};

/// What is signed begins with this, so that the key's codes for anything else prove no registration.
const LABEL: &[u8] = b"registration 1\0";
/// The longest id that a client may have that was never seen here, in bytes.
const MAX_ID: usize = 256;
/// The longest secret of such a client. The real service's are near a thousand.
const MAX_SECRET: usize = 4096;
/// What a client may have that is believed without proof: the scope of the portal API, for which AWS's tools register.
const PORTAL_SCOPE: &str = "sso:account:access";

/// The key under which registrations prove themselves. Servers of the same key take each other's clients.
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

/// The text is too short to be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a registration key has at least {} characters", RegistrationKey::LEAST)]
#[non_exhaustive]
pub struct WeakKey;

impl RegistrationKey {
    /// The fewest characters of a key: 256 bits in base64url, less the padding.
    pub const LEAST: usize = 43;

    /// The key of this text, which should have 256 bits of entropy.
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
    /// [`WeakKey`] if it is shorter than [`RegistrationKey::LEAST`].
    pub fn new(text: Secret) -> Result<Self, WeakKey> {
        if text.expose().len() < Self::LEAST { Err(WeakKey) } else { Ok(Self(text)) }
    }

    /// The secret of this client: its registration, and the code that proves it.
    pub(crate) fn secret(&self, record: &ClientRecord) -> Option<Secret> {
        let registration = &record.registration;
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

    /// The registration that this client's secret carries, if it is one of this key's.
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
        let mut registration = Registration::new(client.clone()).with_expiry(UnixSeconds::new(carried.until));
        registration.issued_at = Some(UnixSeconds::new(carried.issued));
        Some(ClientRecord {
            registration,
            name: carried.name,
            scopes: carried.scopes,
            any_scope: false,
            grant_types: carried.grants,
            redirect_uris: carried.redirects,
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
    issued: i64,
    until: i64,
}

/// The record of a client that no store knows: the one that its secret proves ([`ServerPolicy::registration_key`]), or one that
/// it is believed to have had ([`ServerPolicy::accept_unknown_clients`]). For a client that is known this is not to be asked.
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
/// assert_eq!((known.name.as_str(), known.registration), ("my-tool", registered));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn recognize_client(policy: &ServerPolicy, client: &Client, now: Moment) -> Option<ClientRecord> {
    let proven = policy.registration_key.as_ref().and_then(|key| key.registration(client));
    let record = proven.or_else(|| believed(policy, client, now))?;
    (now < record.forget_at).then_some(record)
}

/// What a client is taken to have registered that says it did so elsewhere.
fn believed(policy: &ServerPolicy, client: &Client, now: Moment) -> Option<ClientRecord> {
    let secret = client.secret.as_ref().filter(|_| policy.accept_unknown_clients)?;
    let is_plausible = |text: &str, most: usize| {
        !text.is_empty() && text.len() <= most && text.bytes().all(|b| b.is_ascii_graphic())
    };
    if !is_plausible(&client.id, MAX_ID) || !is_plausible(secret.expose(), MAX_SECRET) {
        return None;
    }
    let record = ClientRecord::preconfigured(client.clone(), Some(vec![PORTAL_SCOPE.to_owned()]));
    Some(ClientRecord { forget_at: now.after(policy.registration_ttl), ..record })
}
