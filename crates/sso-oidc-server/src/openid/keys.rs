//! The keys that sign ID tokens: ES256 (RFC 7518 §3.4), a new one every thirty days.
//!
//! A key is a function of the store's secret and of its period. So the servers of one store sign with the same keys
//! without telling each other, and a restart changes none. The secret is the one of the approval pages; a label keeps
//! the two uses apart.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use device_authority::Moment;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use oidc_proto::{Body, Secret};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::state::Context;

/// The algorithm of the signatures (RFC 7518 §3.1).
pub(crate) const ALGORITHM: &str = "ES256";
/// The time for which a key signs, in seconds: thirty days, counted from 1970.
const PERIOD: u64 = 30 * 24 * 3600;
/// The time before and after its use for which a key is published all the same. It covers the caches of clients, and
/// servers whose clocks differ.
const MARGIN: Duration = Duration::from_secs(24 * 3600);
/// The most periods whose keys are published, whatever the life of an ID token: ten years.
const MOST: u64 = 120;
/// The separation from all other uses of the secret. Those begin with a cookie in hexadecimal, or with `code`.
const LABEL: &[u8] = b"ID token signing key 1\0";

/// The keys of a server.
pub(crate) struct Keys {
    seed: Hmac<Sha256>,
    /// The life of an ID token, after which its key is of no use.
    life: Duration,
    /// The keys in use, by their period. Each is computed once.
    known: Mutex<BTreeMap<u64, Arc<Key>>>,
}

/// A key, and what is constant in the tokens that it signs.
struct Key {
    signing: SigningKey,
    jwk: Jwk,
    /// The header of a JWT (RFC 7519 §5), encoded.
    header: String,
}

/// A public key as JSON (RFC 7517 §4, RFC 7518 §6.2.1).
#[derive(Clone, Serialize)]
struct Jwk {
    kty: &'static str,
    #[serde(rename = "use")]
    purpose: &'static str,
    alg: &'static str,
    kid: String,
    crv: &'static str,
    x: String,
    y: String,
}

/// The members of a key that its thumbprint covers, in the order of the standard (RFC 7638 §3.2).
#[derive(Serialize)]
struct Thumbprint<'a> {
    crv: &'a str,
    kty: &'a str,
    x: &'a str,
    y: &'a str,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

#[derive(Serialize)]
struct KeySet<'a> {
    keys: Vec<&'a Jwk>,
}

impl Keys {
    /// Creates the keys from these bytes, which the servers of one store share.
    pub(crate) fn of(bytes: &[u8; 32], life: Duration) -> Option<Self> {
        let seed = Hmac::new_from_slice(bytes).ok()?;
        Some(Self { seed, life, known: Mutex::default() })
    }

    /// Returns these claims as a signed JWT, in the compact form (RFC 7515 §3.1).
    pub(crate) fn sign(&self, claims: &[u8], now: Moment) -> Option<Secret> {
        let key = self.key(period(now))?;
        let mut token = format!("{}.{}", key.header, URL_SAFE_NO_PAD.encode(claims));
        let signature: Signature = key.signing.try_sign(token.as_bytes()).ok()?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.to_bytes(), &mut token);
        Some(Secret::new(token))
    }

    /// Returns the keys that a client may need at this time, as a JWK Set (RFC 7517 §5): those of living tokens, and
    /// the next one shortly before its use.
    fn published(&self, now: Moment) -> Vec<u8> {
        let keys: Vec<_> = self.periods(now).filter_map(|period| self.key(period)).collect();
        let set = KeySet { keys: keys.iter().map(|key| &key.jwk).collect() };
        // Texts always become JSON.
        serde_json::to_vec(&set).unwrap_or_default()
    }

    fn periods(&self, now: Moment) -> impl Iterator<Item = u64> + use<> {
        let last = period(now.after(MARGIN));
        let kept = self.life.saturating_add(MARGIN);
        let first = period(Moment::new(now.since_epoch().saturating_sub(kept)));
        first.max(last.saturating_sub(MOST))..=last
    }

    /// Returns the key of this period.
    fn key(&self, period: u64) -> Option<Arc<Key>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known.get(&period) {
            return Some(Arc::clone(key));
        }
        let key = Arc::new(Key::new(self.derived(period)?)?);
        // A server may run for years, and only the clock of a test brings more periods than are published.
        if known.len() as u64 > MOST {
            known.clear();
        }
        known.insert(period, Arc::clone(&key));
        Some(key)
    }

    /// Derives a key. One of 2^32 texts is no number below the order of the curve, so that the next one is taken
    /// (FIPS 186-5, appendix A.2.2).
    fn derived(&self, period: u64) -> Option<SigningKey> {
        (0..=u8::MAX).find_map(|attempt| {
            let mac = self.seed.clone().chain_update(LABEL).chain_update(period.to_be_bytes());
            SigningKey::from_bytes(&mac.chain_update([attempt]).finalize().into_bytes()).ok()
        })
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys([redacted])")
    }
}

impl Key {
    fn new(signing: SigningKey) -> Option<Self> {
        let point = signing.verifying_key().to_sec1_point(false);
        let (x, y) = (URL_SAFE_NO_PAD.encode(point.x()?), URL_SAFE_NO_PAD.encode(point.y()?));
        let (kty, crv) = ("EC", "P-256");
        let covered = serde_json::to_vec(&Thumbprint { crv, kty, x: &x, y: &y }).ok()?;
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(covered));
        let header = serde_json::to_vec(&Header { alg: ALGORITHM, typ: "JWT", kid: &kid }).ok()?;
        let jwk = Jwk { kty, purpose: "sig", alg: ALGORITHM, kid, crv, x, y };
        Some(Self { signing, jwk, header: URL_SAFE_NO_PAD.encode(header) })
    }
}

const fn period(now: Moment) -> u64 {
    now.since_epoch().as_secs() / PERIOD
}

/// Returns the set of keys. A client may keep it for an hour, because a key is published a day before its use.
pub(crate) fn answer(context: &Context<'_>) -> Response<Body> {
    let keys = context.state.keys.as_ref();
    let set = keys.map_or_else(|| br#"{"keys":[]}"#.to_vec(), |keys| keys.published(context.now));
    let mut response = Response::new(Body::new(set));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    response
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::VerifyingKey;
    use p256::ecdsa::signature::Verifier as _;
    use serde_json::Value;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn keys() -> Keys {
        Keys::of(&[7; 32], HOUR).unwrap()
    }

    /// Returns the first moment of a period.
    fn start(period: u64) -> Moment {
        Moment::new(Duration::from_secs(period * PERIOD))
    }

    fn before(moment: Moment, time: Duration) -> Moment {
        Moment::new(moment.since_epoch() - time)
    }

    fn published(keys: &Keys, now: Moment) -> Vec<Value> {
        let set: Value = serde_json::from_slice(&keys.published(now)).unwrap();
        set["keys"].as_array().unwrap().clone()
    }

    fn ids(keys: &Keys, now: Moment) -> Vec<String> {
        published(keys, now).iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    fn decoded(part: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(part).unwrap()
    }

    /// Returns the id of the key that signs now.
    fn id(keys: &Keys, now: Moment) -> String {
        let token = keys.sign(b"{}", now).unwrap();
        let header: Value =
            serde_json::from_slice(&decoded(token.expose().split('.').next().unwrap())).unwrap();
        header["kid"].as_str().unwrap().to_owned()
    }

    /// Verifies a token with the published keys of a server, as a client does.
    fn verifies(keys: &Keys, token: &Secret, now: Moment) -> bool {
        let (signed, signature) = token.expose().rsplit_once('.').unwrap();
        let header: Value = serde_json::from_slice(&decoded(signed.split('.').next().unwrap())).unwrap();
        assert_eq!((&header["alg"], &header["typ"]), (&"ES256".into(), &"JWT".into()));
        let published = published(keys, now);
        let Some(jwk) = published.iter().find(|jwk| jwk["kid"] == header["kid"]) else { return false };
        let coordinate = |name: &str| decoded(jwk[name].as_str().unwrap());
        let point = [vec![4], coordinate("x"), coordinate("y")].concat();
        let key = VerifyingKey::from_sec1_bytes(&point).unwrap();
        key.verify(signed.as_bytes(), &Signature::from_slice(&decoded(signature)).unwrap()).is_ok()
    }

    #[test]
    fn the_thumbprint_of_a_key_is_that_of_an_independent_computation() {
        // The key with the scalar 1 is the base point of the curve, and Python's hashlib has hashed its members.
        let mut one = [0; 32];
        one[31] = 1;
        let key = Key::new(SigningKey::from_bytes(&one.into()).unwrap()).unwrap();
        assert_eq!(key.jwk.x, "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY");
        assert_eq!(key.jwk.kid, "xx0BcA-wMohw8atYDJOe6peGModklG2wRHBlXHMvl0M");
    }

    #[test]
    fn a_key_signs_for_thirty_days_and_the_next_one_after_it() {
        let (keys, begin, end) = (keys(), start(700), start(701));
        assert_eq!(id(&keys, begin), id(&keys, before(end, Duration::from_nanos(1))));
        assert_ne!(id(&keys, begin), id(&keys, end));
        assert_ne!(id(&keys, begin), id(&keys, before(begin, Duration::from_nanos(1))));
    }

    #[test]
    fn a_key_is_published_a_day_before_its_use_and_a_day_longer_than_its_tokens_live() {
        let (keys, border) = (keys(), start(700));
        let (old, new) = (id(&keys, before(border, HOUR)), id(&keys, border));
        let both = vec![old.clone(), new.clone()];
        assert_eq!(ids(&keys, before(border, DAY + Duration::from_nanos(1))), vec![old]);
        assert_eq!(ids(&keys, before(border, DAY)), both);
        assert_eq!(ids(&keys, border), both);
        assert_eq!(ids(&keys, before(border.after(DAY + HOUR), Duration::from_nanos(1))), both);
        assert_eq!(ids(&keys, border.after(DAY + HOUR)), vec![new]);
    }

    #[test]
    fn every_token_can_be_verified_for_its_whole_life() {
        // Half an hour before each border, too, which the life of an hour crosses.
        let (keys, begin) = (keys(), start(700).after(HOUR / 2));
        for hours in (4..61 * 24).step_by(5) {
            let signed_at = begin.after(HOUR * hours);
            let token = keys.sign(b"{}", signed_at).unwrap();
            for age in [Duration::ZERO, HOUR] {
                assert!(verifies(&keys, &token, signed_at.after(age)), "{hours} {age:?}");
            }
        }
    }

    #[test]
    fn servers_with_one_secret_verify_each_others_tokens_and_no_others_do() {
        let (one, two, now) = (keys(), keys(), start(700));
        let token = one.sign(br#"{"sub":"person"}"#, now).unwrap();
        assert!(verifies(&two, &token, now));
        // Its clock is behind by an hour.
        assert!(verifies(&two, &token, before(now, HOUR)));
        let stranger = Keys::of(&[8; 32], HOUR).unwrap();
        assert!(!verifies(&stranger, &token, now));
        let forged = Secret::new(token.expose().replacen('.', ".e30", 1));
        assert!(!verifies(&two, &forged, now));
    }

    #[test]
    fn a_key_is_computed_once() {
        let (keys, now) = (keys(), start(700));
        let key = keys.key(700).unwrap();
        for _ in 0..3 {
            keys.sign(b"{}", now).unwrap();
            keys.published(now);
            assert!(Arc::ptr_eq(&key, &keys.key(700).unwrap()));
        }
        assert_eq!(keys.known.lock().unwrap().len(), 2, "the one before, too, whose tokens may live");
    }

    #[test]
    fn a_life_without_end_and_the_end_of_time_publish_a_bounded_set() {
        let keys = Keys::of(&[7; 32], Duration::MAX).unwrap();
        for now in [Moment::new(Duration::ZERO), start(700), Moment::new(Duration::MAX)] {
            assert!((1..=121).contains(&keys.periods(now).count()), "{now:?}");
        }
        assert!(keys.sign(b"{}", Moment::new(Duration::MAX)).is_some());
    }

    #[test]
    fn neither_debug_nor_the_published_set_has_a_private_key() {
        let (keys, now) = (keys(), start(700));
        assert_eq!(format!("{keys:?}"), "Keys([redacted])");
        let scalar = URL_SAFE_NO_PAD.encode(keys.derived(700).unwrap().to_bytes());
        let set = String::from_utf8(keys.published(now)).unwrap();
        assert!(!set.contains("\"d\"") && !set.contains(&scalar), "{set}");
    }
}
