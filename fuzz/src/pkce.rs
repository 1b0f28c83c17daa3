//! Proof Key for Code Exchange (RFC 7636).

use oidc_proto::{Secret, pkce as sut};

/// Compares a verifier with challenges. The first line is the verifier, the rest the challenge.
pub fn pkce(data: &[u8]) {
    if let Some(entropy) = data.first_chunk::<32>() {
        let verifier = sut::verifier(entropy);
        assert_eq!(verifier.expose().len(), 43);
        assert!(sut::matches(&sut::challenge(&verifier), &verifier), "a verifier of ours is one");
        let mut other = *entropy;
        other[0] ^= 1;
        assert!(!sut::matches(&sut::challenge(&verifier), &sut::verifier(&other)));
    }
    let Ok(text) = str::from_utf8(data) else { return };
    let (verifier, challenge) = text.split_once('\n').unwrap_or((text, ""));
    // RFC 7636 §4.1: 43 to 128 unreserved characters.
    let well_formed = (43..=128).contains(&verifier.chars().count())
        && verifier.chars().all(|c| matches!(c, 'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '.' | '_' | '~'));
    let verifier = Secret::from(verifier);
    let own = sut::challenge(&verifier);
    assert_eq!(own.len(), 43);
    assert_eq!(sut::matches(&own, &verifier), well_formed);
    assert_eq!(sut::matches(challenge, &verifier), well_formed && own == challenge);
}
