//! The server's metadata (RFC 8414, OpenID Connect Discovery).

use device_authority::OPENID_SCOPE;
use http::Response;
use oidc_proto::oauth::Metadata;
use oidc_proto::{Body, grant_type};

use crate::openid::keys;
use crate::state::{Context, State};

/// The path of OpenID Connect Discovery §4.
pub(crate) const OPENID: &str = "/.well-known/openid-configuration";
/// The path of RFC 8414 §3.
pub(crate) const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// Returns the metadata of RFC 8414.
pub(crate) fn oauth(context: &Context<'_>) -> Response<Body> {
    metadata(context.state).encode()
}

/// Returns the metadata of OpenID Connect Discovery §3.
pub(crate) fn openid(context: &Context<'_>) -> Response<Body> {
    let mut metadata = metadata(context.state);
    metadata.userinfo_endpoint = Some(format!("{}/oauth/userinfo", context.state.hosts.public_url));
    metadata.subject_types_supported = list(&["public"]);
    metadata.id_token_signing_alg_values_supported = list(&[keys::ALGORITHM]);
    metadata.claims_supported =
        list(&["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "name", "email"]);
    metadata.encode()
}

/// Returns the members of both standards. A client registers any scope it likes, so they name the one with a meaning
/// here, as RFC 8414 §2 permits.
///
/// They name no `prompt_values_supported`. That member obliges a server to refuse every other prompt with a 400, and
/// OpenID Connect Core §3.1.2.1 prefers to ignore those.
fn metadata(state: &State) -> Metadata {
    let public_url = &state.hosts.public_url;
    let url = |path: &str| Some(format!("{public_url}{path}"));
    let mut metadata = Metadata::default();
    metadata.issuer.clone_from(public_url);
    metadata.authorization_endpoint = url("/authorize");
    metadata.response_types_supported = list(&["code"]);
    metadata.response_modes_supported = list(&["query"]);
    metadata.request_parameter_supported = Some(false);
    metadata.request_uri_parameter_supported = Some(false);
    metadata.device_authorization_endpoint = url("/oauth/device_authorization");
    metadata.token_endpoint = url("/oauth/token");
    metadata.registration_endpoint = url("/oauth/register");
    metadata.revocation_endpoint = url("/oauth/revoke");
    metadata.introspection_endpoint = url("/oauth/introspect");
    metadata.jwks_uri = url("/jwks.json");
    metadata.scopes_supported = list(&[OPENID_SCOPE, "profile", "email"]);
    metadata.grant_types_supported =
        list(&[grant_type::AUTHORIZATION_CODE, grant_type::DEVICE_CODE, grant_type::REFRESH_TOKEN]);
    metadata.authorization_response_iss_parameter_supported = true;
    metadata.token_endpoint_auth_methods_supported =
        list(&["none", "client_secret_basic", "client_secret_post"]);
    metadata.code_challenge_methods_supported = list(&["S256"]);
    metadata
}

fn list(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}
