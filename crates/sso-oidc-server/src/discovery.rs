//! The server's metadata (RFC 8414, OpenID Connect Discovery).

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use oidc_proto::oauth::Metadata;
use oidc_proto::{Body, grant_type};

use crate::state::{Context, State};

/// The path of OpenID Connect Discovery §4.
pub(crate) const OPENID: &str = "/.well-known/openid-configuration";
/// The path of RFC 8414 §3.
pub(crate) const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// Returns the metadata of RFC 8414.
pub(crate) fn oauth(context: &Context<'_>) -> Response<Body> {
    metadata(context.state).encode()
}

/// Returns the metadata of OpenID Connect Discovery, with an empty key set and the algorithm that the
/// standard requires.
pub(crate) fn openid(context: &Context<'_>) -> Response<Body> {
    let mut metadata = metadata(context.state);
    metadata.jwks_uri = Some(format!("{}/jwks.json", context.state.hosts.public_url));
    metadata.subject_types_supported = vec!["public".to_owned()];
    metadata.id_token_signing_alg_values_supported = vec!["RS256".to_owned()];
    metadata.encode()
}

/// Returns the members of both standards. They name no scopes, because a client registers any scope it likes. They
/// name no `prompt_values_supported` either. That member obliges a server to refuse every other prompt with a 400,
/// and OpenID Connect Core §3.1.2.1 prefers to ignore those.
fn metadata(state: &State) -> Metadata {
    let public_url = &state.hosts.public_url;
    let url = |path: &str| Some(format!("{public_url}{path}"));
    let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
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
    metadata.grant_types_supported =
        list(&[grant_type::AUTHORIZATION_CODE, grant_type::DEVICE_CODE, grant_type::REFRESH_TOKEN]);
    metadata.authorization_response_iss_parameter_supported = true;
    metadata.token_endpoint_auth_methods_supported =
        list(&["none", "client_secret_basic", "client_secret_post"]);
    metadata.code_challenge_methods_supported = list(&["S256"]);
    metadata
}

/// Returns an empty key set, because this server signs nothing that a client could verify (RFC 7517 §5).
pub(crate) fn keys(_: &Context<'_>) -> Response<Body> {
    let mut response = Response::new(Body::new(br#"{"keys":[]}"#.to_vec()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
    response
}
