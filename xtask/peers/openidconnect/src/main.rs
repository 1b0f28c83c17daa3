//! The `openidconnect` crate against a server: discovery alone, or a whole sign-in. `ISSUER` says where, `CLIENT_ID` as
//! whom, and `FLOW` (`device` or `code`) how. The crate verifies the ID token with the keys of the server.
//!
//! What it read goes to standard output, a word and its value a line.

use std::env;
use std::error::Error;
use std::thread::sleep;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod,
    CoreDeviceAuthorizationResponse, CoreGrantType, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
    CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::reqwest::blocking::Client as Http;
use openidconnect::{
    AccessTokenHash, AdditionalProviderMetadata, AuthorizationCode, ClientId, CsrfToken,
    DeviceAuthorizationUrl, IssuerUrl, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, ProviderMetadata,
    RedirectUrl, Scope, TokenResponse as _, reqwest, url::Url,
};
use serde::{Deserialize, Serialize};

/// The member of RFC 8628 §4, which the crate leaves to its users.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Device {
    device_authorization_endpoint: DeviceAuthorizationUrl,
}

impl AdditionalProviderMetadata for Device {}

type Metadata = ProviderMetadata<
    Device,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Anything = Box<dyn Error>;

/// Nothing listens here: the server's redirect is read, and not followed.
const CALLBACK: &str = "http://127.0.0.1:49152/callback";

fn main() -> Result<(), Anything> {
    let issuer = IssuerUrl::new(env::var("ISSUER")?)?;
    let http = Http::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let metadata = Metadata::discover(&issuer, &http)?;
    println!("issuer {}", metadata.issuer().as_str());
    println!("authorization_endpoint {}", metadata.authorization_endpoint().as_str());
    println!("token_endpoint {}", metadata.token_endpoint().ok_or("no token endpoint")?.as_str());
    println!("keys {}", metadata.jwks().keys().len());
    match env::var("FLOW").as_deref() {
        Ok("device") => by_device(metadata, &http),
        Ok("code") => by_code(metadata, &http),
        _ => Ok(()),
    }
}

fn by_device(metadata: Metadata, http: &Http) -> Result<(), Anything> {
    let device = metadata.additional_metadata().device_authorization_endpoint.clone();
    let client = CoreClient::from_provider_metadata(metadata, ClientId::new(env::var("CLIENT_ID")?), None)
        .set_device_authorization_url(device);
    let codes: CoreDeviceAuthorizationResponse = client.exchange_device_code().request(http)?;
    let token = client.exchange_device_access_token(&codes)?.request(http, sleep, None)?;
    // The grant has no nonce, and the crate's verifier of an absent one is a function.
    let without = |nonce: Option<&Nonce>| nonce.map_or(Ok(()), |_| Err("a nonce from nowhere".to_owned()));
    let id_token = token.id_token().ok_or("no ID token")?;
    let claims = id_token.claims(&client.id_token_verifier(), without)?;
    println!("subject {}", claims.subject().as_str());
    println!("auth_time {}", claims.auth_time().ok_or("no auth_time")?.timestamp());
    belongs(&token, &client.id_token_verifier(), claims.access_token_hash())?;
    let person: CoreUserInfoClaims =
        client.user_info(token.access_token().clone(), Some(claims.subject().clone()))?.request(http)?;
    println!("user_info {}", person.subject().as_str());
    Ok(())
}

fn by_code(metadata: Metadata, http: &Http) -> Result<(), Anything> {
    let client = CoreClient::from_provider_metadata(metadata, ClientId::new(env::var("CLIENT_ID")?), None)
        .set_redirect_uri(RedirectUrl::new(CALLBACK.to_owned())?);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let flow = CoreAuthenticationFlow::AuthorizationCode;
    let request = client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random);
    let (page, state, nonce) =
        request.add_scope(Scope::new("email".to_owned())).set_pkce_challenge(challenge).url();
    let answer = http.get(page).send()?;
    let target = answer.headers().get("location").ok_or("no redirect")?.to_str()?;
    let target = Url::parse(target)?;
    let parameter = |name: &str| {
        target.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    if parameter("state").as_ref() != Some(state.secret()) {
        return Err("another state came back".into());
    }
    let code = AuthorizationCode::new(parameter("code").ok_or("no code")?);
    let token = client.exchange_code(code)?.set_pkce_verifier(verifier).request(http)?;
    let id_token = token.id_token().ok_or("no ID token")?;
    let claims = id_token.claims(&client.id_token_verifier(), &nonce)?;
    println!("subject {}", claims.subject().as_str());
    belongs(&token, &client.id_token_verifier(), claims.access_token_hash())?;
    let refused = id_token.claims(&client.id_token_verifier(), &Nonce::new_random());
    println!("another_nonce {}", refused.map_or_else(|error| error.to_string(), |_| "accepted".to_owned()));

    let refresh = token.refresh_token().ok_or("no refresh token")?;
    let fresh = client.exchange_refresh_token(refresh)?.request(http)?;
    let again = fresh.id_token().ok_or("no ID token of the refresh")?;
    // OpenID Connect Core §12.2: the same person, and no nonce.
    let without = |nonce: Option<&Nonce>| nonce.map_or(Ok(()), |_| Err("a nonce from nowhere".to_owned()));
    let renewed = again.claims(&client.id_token_verifier(), without)?;
    println!("refreshed {}", renewed.subject().as_str());
    Ok(())
}

/// Checks that the ID token was issued with this access token (OpenID Connect Core §3.1.3.8).
fn belongs(
    token: &CoreTokenResponse,
    verifier: &openidconnect::core::CoreIdTokenVerifier<'_>,
    expected: Option<&AccessTokenHash>,
) -> Result<(), Anything> {
    let id_token = token.id_token().ok_or("no ID token")?;
    let (algorithm, key) = (id_token.signing_alg()?, id_token.signing_key(verifier)?);
    let hash = AccessTokenHash::from_token(token.access_token(), algorithm, key)?;
    println!("algorithm {}", serde_json::to_value(algorithm)?.as_str().unwrap_or_default());
    if expected == Some(&hash) { Ok(()) } else { Err("the ID token is of another access token".into()) }
}
