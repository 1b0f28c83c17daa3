//! Proof Key for Code Exchange (RFC 7636), method S256 only. The feature `pkce` enables the functions that
//! need SHA-256.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
#[cfg(feature = "pkce")]
use sha2::{Digest as _, Sha256};
#[cfg(feature = "pkce")]
use subtle::ConstantTimeEq as _;

use crate::Secret;

/// Returns a code verifier of 43 characters from 256 bits of entropy (§4.1). Make a new one for each request.
///
/// ```
/// use oidc_proto::pkce;
/// // RFC 7636, Appendix B.
/// let octets = [
///     116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37, 77, 105, 214, 191, 240,
///     91, 88, 5, 88, 83, 132, 141, 121,
/// ];
/// let verifier = pkce::verifier(&octets);
/// assert_eq!(verifier.expose(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
/// let challenge = pkce::challenge(&verifier);
/// assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
/// assert!(pkce::matches(&challenge, &verifier));
/// ```
#[must_use]
pub fn verifier(entropy: &[u8; 32]) -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(entropy))
}

/// Returns the challenge for a verifier with this SHA-256. For programs with a digest implementation of their
/// own.
///
/// ```
/// use oidc_proto::pkce;
/// let challenge = pkce::challenge_of_digest(&[0xfb; 32]);
/// assert!(challenge.len() == 43 && challenge.starts_with("-_v7"));
/// ```
#[must_use]
pub fn challenge_of_digest(sha256: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(sha256)
}

/// Returns the challenge for a verifier: base64url without padding of its SHA-256 (§4.2). It goes into the
/// authorization request with `code_challenge_method=S256`.
///
/// ```
/// use oidc_proto::{Secret, pkce};
/// let verifier = Secret::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"); // RFC 7636, Appendix B
/// assert_eq!(pkce::challenge(&verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
/// ```
#[cfg(feature = "pkce")]
#[must_use]
pub fn challenge(verifier: &Secret) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose().as_bytes()))
}

/// Server side: returns whether a verifier matches a challenge (§4.6), in constant time. An invalid verifier,
/// by length or characters (§4.1), matches nothing.
///
/// ```
/// use oidc_proto::pkce;
/// let verifier = pkce::verifier(&[7; 32]);
/// assert!(pkce::matches(&pkce::challenge(&verifier), &verifier));
/// assert!(!pkce::matches(&pkce::challenge(&verifier), &pkce::verifier(&[8; 32])));
/// ```
#[cfg(feature = "pkce")]
#[must_use]
pub fn matches(challenge: &str, verifier: &Secret) -> bool {
    let text = verifier.expose();
    let is_unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let is_verifier = (43..=128).contains(&text.len()) && text.bytes().all(is_unreserved);
    is_verifier && bool::from(self::challenge(verifier).as_bytes().ct_eq(challenge.as_bytes()))
}

#[cfg(all(test, feature = "pkce"))]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_verifier_matches_its_challenge() {
        let right = verifier(&[7; 32]);
        let challenge = challenge(&right);
        assert!(matches(&challenge, &right));
        assert!(!matches(&challenge, &verifier(&[8; 32])));
        assert!(!matches("", &right));
    }

    #[test]
    fn what_is_no_verifier_matches_nothing_even_its_own_digest() {
        for text in ["", &"a".repeat(42), &"a".repeat(129), &format!("{}+", "a".repeat(43))] {
            let bad = Secret::from(text);
            assert!(!matches(&challenge(&bad), &bad), "{text}");
        }
        let longest = Secret::new("~".repeat(128));
        assert!(matches(&challenge(&longest), &longest));
    }
}
