//! The authorization code grant (RFC 6749 §4.1.3, RFC 7636 §4.6).

use oidc_proto::{Fault, FaultCode, Secret, Token};

use crate::first_token::{Approved, first_token};
use crate::token::{invalid_grant, prove};
use crate::{
    Change, ClientRecord, CodeRecord, CodeStatus, Decision, Entropy, Issued, Moment, ServerPolicy, redirect,
    scope,
};

/// The parts of a token request that prove a code to be the client's own.
pub(crate) struct Proof<'a> {
    pub(crate) redirect_uri: Option<&'a str>,
    pub(crate) verifier: Option<&'a Secret>,
}

/// Redeems a client's own code. [`crate::create_token`] documents the checks.
pub(crate) fn redeem(
    policy: &ServerPolicy,
    client: &ClientRecord,
    code: &CodeRecord,
    proof: Proof<'_>,
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Decision<Token> {
    if let Err(fault) = is_the_askers(code, proof) {
        return Decision::refuse(fault);
    }
    if let CodeStatus::Redeemed(issued) = code.status {
        return Decision::new(Err(invalid_grant()), issued.map(Issued::revocation).into_iter().collect());
    }
    if code.status == CodeStatus::Denied {
        return Decision::refuse(invalid_grant());
    }
    match token(policy, client, code, now, entropy) {
        Err(fault) => Decision::refuse(fault),
        Ok((token, family)) => {
            let status = CodeStatus::Redeemed(Issued::of(&token));
            let mut changes = vec![Change::SetCode { code: code.code.selector(), status }];
            changes.extend(family.map(Change::PutRefresh));
            Decision::new(Ok(token), changes)
        }
    }
}

/// Checks that the client is the one that asked for the authorization.
fn is_the_askers(code: &CodeRecord, proof: Proof<'_>) -> Result<(), Fault> {
    if proof.redirect_uri != Some(&*code.redirect_uri) {
        return Err(invalid_grant_because("The redirect_uri is not the one of the authorization request"));
    }
    prove(Some(&*code.code_challenge), proof.verifier)
}

/// Returns the token for an unused code.
fn token(
    policy: &ServerPolicy,
    client: &ClientRecord,
    code: &CodeRecord,
    now: Moment,
    entropy: &mut dyn Entropy,
) -> Result<(Token, Option<crate::RefreshRecord>), Fault> {
    if now >= code.expires_at {
        return Err(invalid_grant_because("The authorization code has expired"));
    }
    if !redirect::is_allowed(client, &code.redirect_uri) {
        return Err(invalid_grant_because(
            "The client is not registered for the redirect_uri of the authorization request",
        ));
    }
    scope::check_asked(client, &code.scope)?;
    let approved = Approved {
        scope: &code.scope,
        start_url: client.issuer_url.as_deref(),
        authentication: code.authentication.as_deref(),
    };
    first_token(policy, client, &approved, now, entropy)
}

fn invalid_grant_because(why: &'static str) -> Fault {
    Fault::new(FaultCode::InvalidGrant).with_description(why)
}
