//! The vectors of provider metadata.

use oidc_proto::oauth::{Metadata, RevocationRequest};
use oidc_proto::{
    Client, CreateTokenRequest, Grant, RegisterClientRequest, Request, Secret, Service,
    StartDeviceAuthorizationRequest,
};
use serde_json::{Value, json};

use crate::meaning::object;
use crate::vector::{check, file, response};

fn metadata(metadata: &Metadata) -> Value {
    let list = |list: &[String]| if list.is_empty() { Value::Null } else { list.into() };
    object([
        ("issuer", metadata.issuer.clone().into()),
        ("device_authorization_endpoint", metadata.device_authorization_endpoint.clone().into()),
        ("token_endpoint", metadata.token_endpoint.clone().into()),
        ("registration_endpoint", metadata.registration_endpoint.clone().into()),
        ("revocation_endpoint", metadata.revocation_endpoint.clone().into()),
        ("grant_types_supported", list(&metadata.grant_types_supported)),
        ("token_endpoint_auth_methods_supported", list(&metadata.token_endpoint_auth_methods_supported)),
        ("scopes_supported", list(&metadata.scopes_supported)),
        ("code_challenge_methods_supported", list(&metadata.code_challenge_methods_supported)),
    ])
}

/// Returns the URLs of a service.
fn urls(service: &Service) -> Value {
    let client = Client::public("c");
    let start = StartDeviceAuthorizationRequest::new(client.clone(), "https://x.example");
    let poll = CreateTokenRequest::new(client.clone(), Grant::device_code(Secret::from("d")));
    let revocation = RevocationRequest::access_token(client, Secret::from("t"));
    let registration = service.encode(&RegisterClientRequest::new("n"));
    let uri = |request: Request| request.uri().to_string();
    object([
        ("StartDeviceAuthorization", uri(service.encode(&start).unwrap()).into()),
        ("CreateToken", uri(service.encode_create_token(&poll)).into()),
        ("RegisterClient", registration.map(uri).into()),
        ("RevokeToken", revocation.encode(service).map(uri).into()),
    ])
}

#[test]
fn documents_mean_what_the_vectors_say_and_lead_where_they_say() {
    check("oauth_metadata.json", &file("oauth_metadata.json")["vectors"], |vector| {
        match Metadata::decode(vector["issuer"].as_str().unwrap(), &response(vector)) {
            Ok(read) => {
                let (found, none) = match read.provider() {
                    Ok(found) => (urls(&found.into()), Value::Null),
                    Err(error) => (Value::Null, error.to_string().into()),
                };
                object([("metadata", metadata(&read)), ("endpoint", found), ("no_endpoint", none)])
            }
            Err(error) => json!({ "error": error.to_string() }),
        }
    });
}
