//! The random values of a code flow.

use core::fmt;

use oidc_proto::Secret;

use crate::proof::Proof;

/// The random values of one code flow: a verifier with its challenge, and the state.
///
/// ```
/// use device_flow::CodeSecrets;
/// use oidc_proto::Secret;
///
/// // RFC 7636, Appendix B. A driver draws 256 random bits for each flow, and as many for the state.
/// let verifier = Secret::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
/// let secrets = CodeSecrets::new(verifier, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", Secret::from("state"));
/// assert_eq!(format!("{secrets:?}"), "CodeSecrets(..)");
/// ```
pub struct CodeSecrets {
    pub(super) proof: Proof,
    pub(super) state: Secret,
}

impl CodeSecrets {
    /// Creates the values of one flow. They must be random, and used once (RFC 7636 §4.1, RFC 6749 §10.12).
    #[must_use]
    pub fn new(verifier: Secret, challenge: impl Into<String>, state: Secret) -> Self {
        Self { proof: Proof { verifier, challenge: challenge.into().into() }, state }
    }
}

/// None of them belongs in a log.
impl fmt::Debug for CodeSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeSecrets(..)")
    }
}
