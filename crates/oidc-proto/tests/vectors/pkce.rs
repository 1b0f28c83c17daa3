//! The vectors of Proof Key for Code Exchange.

use oidc_proto::{Secret, pkce};

use crate::vector::{check, file};

#[test]
fn verifiers_match_the_challenges_that_the_vectors_say() {
    check("pkce.json", &file("pkce.json")["vectors"], |vector| {
        let verifier = Secret::from(vector["verifier"].as_str().unwrap());
        pkce::matches(vector["challenge"].as_str().unwrap(), &verifier).into()
    });
}
