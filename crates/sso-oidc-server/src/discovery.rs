//! What the server says of itself (RFC 8414, OpenID Connect Discovery), for clients that look before they sign in.

use http::Response;
use oidc_proto::oauth::Metadata;
use oidc_proto::{Body, grant_type};

use crate::shared::Shared;

/// Where clients look: OpenID Connect Discovery §4, RFC 8414 §3.
pub(crate) const PATHS: [&str; 2] =
    ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

/// The same document at both addresses. No scopes are named: a client registers whichever it likes.
pub(crate) fn metadata(shared: &Shared) -> Response<Body> {
    let url = |path: &str| Some(format!("{}{path}", shared.public_url));
    let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
    let mut metadata = Metadata::default();
    metadata.issuer.clone_from(&shared.public_url);
    metadata.device_authorization_endpoint = url("/oauth/device_authorization");
    metadata.token_endpoint = url("/oauth/token");
    metadata.registration_endpoint = url("/oauth/register");
    metadata.revocation_endpoint = url("/oauth/revoke");
    metadata.grant_types_supported = list(&[grant_type::DEVICE_CODE, grant_type::REFRESH_TOKEN]);
    metadata.token_endpoint_auth_methods_supported =
        list(&["none", "client_secret_basic", "client_secret_post"]);
    metadata.encode()
}
