//! Cryptography for TLS and PKCE: the program's choice, or ring.
//!
//! `device-flow-reqwest` has the same file. A crate for both would be one more to publish, for this one file.

use std::sync::Arc;

use device_flow::CodeSecrets;
use oidc_proto::{Secret, pkce};
use rustls::SupportedCipherSuite;
use rustls::crypto::CryptoProvider;
use rustls::crypto::hash::HashAlgorithm;

/// Returns this provider, else the one installed for the process, else ring.
pub(crate) fn provider(own: Option<&Arc<CryptoProvider>>) -> Option<Arc<CryptoProvider>> {
    own.cloned().or_else(|| CryptoProvider::get_default().cloned()).or_else(ring)
}

#[cfg(feature = "ring")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature there is none")]
fn ring() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(rustls::crypto::ring::default_provider()))
}

#[cfg(not(feature = "ring"))]
fn ring() -> Option<Arc<CryptoProvider>> {
    None
}

/// Returns a verifier of 256 random bits and its challenge (RFC 7636 §4.1, §4.2). Random numbers and digest come from
/// the TLS provider, so no other library is needed.
pub(crate) fn proof(provider: &CryptoProvider) -> Option<(Secret, String)> {
    let mut entropy = [0; 32];
    provider.secure_random.fill(&mut entropy).ok()?;
    let verifier = pkce::verifier(&entropy);
    let digest = sha256(provider, verifier.expose().as_bytes())?;
    Some((verifier, pkce::challenge_of_digest(&digest)))
}

/// The reason to stop a sign-in that cannot use PKCE.
pub(crate) const NO_PKCE: &str =
    "PKCE requires random numbers and SHA-256, but the cryptography provider lacks one of them";

/// Returns the random values of one code flow; `None` if the provider lacks entropy or SHA-256.
pub(crate) fn code_secrets(provider: &CryptoProvider) -> Option<CodeSecrets> {
    let (verifier, challenge) = proof(provider)?;
    let mut entropy = [0; 32];
    provider.secure_random.fill(&mut entropy).ok()?;
    // 256 bits in base64url, as a verifier has them.
    Some(CodeSecrets::new(verifier, challenge, pkce::verifier(&entropy)))
}

/// Returns empty values, for a flow that is stopped before it sends anything.
pub(crate) fn no_secrets() -> CodeSecrets {
    CodeSecrets::new(Secret::from(""), "", Secret::from(""))
}

fn sha256(provider: &CryptoProvider, data: &[u8]) -> Option<[u8; 32]> {
    let hashes = provider.cipher_suites.iter().map(|suite| match suite {
        SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider,
        SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider,
    });
    let mut sha256 = hashes.filter(|hash| hash.algorithm() == HashAlgorithm::SHA256);
    sha256.next()?.hash(data).as_ref().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_a_verifier_is_sha_256() {
        let digest = sha256(&rustls::crypto::ring::default_provider(), b"abc").unwrap();
        assert_eq!(digest[..4], [0xba, 0x78, 0x16, 0xbf]); // FIPS 180-2, B.1
    }

    #[test]
    fn a_provider_of_tls_1_2_alone_has_a_digest_too() {
        let mut provider = rustls::crypto::ring::default_provider();
        provider.cipher_suites.retain(|suite| matches!(suite, SupportedCipherSuite::Tls12(_)));
        assert!(proof(&provider).is_some());
        provider.cipher_suites.clear();
        assert!(proof(&provider).is_none());
    }

    #[test]
    fn each_verifier_is_another_and_proves_its_challenge() {
        let provider = rustls::crypto::ring::default_provider();
        let (first, second) = (proof(&provider).unwrap(), proof(&provider).unwrap());
        assert!(first.0 != second.0 && first.1 == pkce::challenge(&first.0));
    }

    #[test]
    #[cfg(not(feature = "ring"))]
    fn without_ring_and_without_a_choice_there_is_no_cryptography_and_https_says_so() {
        let endpoint = crate::Endpoint::for_region("eu-west-1").unwrap();
        let error = crate::HttpClient::new(endpoint).unwrap_err();
        assert!(matches!(error, crate::BuildError::NoCryptoProvider), "{error}");
    }
}
