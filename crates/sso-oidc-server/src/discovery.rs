//! What the server says of itself (RFC 8414, OpenID Connect Discovery), for clients that look before they sign in.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use oidc_proto::oauth::Metadata;
use oidc_proto::{Body, grant_type};

use crate::shared::Shared;

/// Where clients look: OpenID Connect Discovery §4, RFC 8414 §3.
pub(crate) const OPENID: &str = "/.well-known/openid-configuration";
pub(crate) const OAUTH: &str = "/.well-known/oauth-authorization-server";
pub(crate) const PATHS: [&str; 2] = [OPENID, OAUTH];

/// Whose words a document is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standard {
    OpenId,
    OAuth,
}

/// The document. No scopes are named: a client registers whichever it likes.
///
/// Both standards demand members for what this server has not, and clients refuse a document without them. So there is an
/// authorization endpoint, which answers with an error that says what to do, and its response type; and in the words of
/// OpenID Connect an empty set of keys and the algorithm that it makes mandatory. `grant_types_supported` says what is so.
pub(crate) fn metadata(shared: &Shared, standard: Standard) -> Response<Body> {
    let url = |path: &str| Some(format!("{}{path}", shared.public_url));
    let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
    let mut metadata = Metadata::default();
    metadata.issuer.clone_from(&shared.public_url);
    metadata.authorization_endpoint = url("/authorize");
    metadata.response_types_supported = list(&["code"]);
    metadata.device_authorization_endpoint = url("/oauth/device_authorization");
    metadata.token_endpoint = url("/oauth/token");
    metadata.registration_endpoint = url("/oauth/register");
    metadata.revocation_endpoint = url("/oauth/revoke");
    metadata.grant_types_supported = list(&[grant_type::DEVICE_CODE, grant_type::REFRESH_TOKEN]);
    metadata.token_endpoint_auth_methods_supported =
        list(&["none", "client_secret_basic", "client_secret_post"]);
    metadata.code_challenge_methods_supported = list(&["S256"]);
    if standard == Standard::OpenId {
        metadata.jwks_uri = url("/jwks.json");
        metadata.subject_types_supported = list(&["public"]);
        metadata.id_token_signing_alg_values_supported = list(&["RS256"]);
    }
    metadata.encode()
}

/// The keys of this server: none, because it signs nothing that a client could check (RFC 7517 §5).
pub(crate) fn keys() -> Response<Body> {
    let mut response = Response::new(Body::new(br#"{"keys":[]}"#.to_vec()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
    response
}
