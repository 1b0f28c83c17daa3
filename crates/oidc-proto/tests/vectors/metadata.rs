//! What providers say of themselves.

use oidc_proto::oauth::{Metadata, RevocationRequest};
use oidc_proto::{
    Client, CreateTokenRequest, Dialect, Endpoint, Grant, Operation, RegisterClientRequest, Secret,
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
    ])
}

/// Where requests go.
fn endpoint(endpoint: &Endpoint) -> Value {
    let client = Client::public("c");
    let start = StartDeviceAuthorizationRequest::new(client.clone(), "https://x.example");
    let poll = CreateTokenRequest::new(client.clone(), Grant::DeviceCode { device_code: Secret::from("d") });
    let revocation = RevocationRequest::access_token(client, Secret::from("t"));
    let registration = endpoint
        .has(Dialect::OAuth, Operation::RegisterClient)
        .then(|| Dialect::OAuth.encode(endpoint, &RegisterClientRequest::new("n")).uri().to_string());
    object([
        ("StartDeviceAuthorization", Dialect::OAuth.encode(endpoint, &start).uri().to_string().into()),
        ("CreateToken", Dialect::OAuth.encode(endpoint, &poll).uri().to_string().into()),
        ("RegisterClient", registration.into()),
        ("RevokeToken", revocation.encode(endpoint).map(|request| request.uri().to_string()).into()),
    ])
}

#[test]
fn documents_mean_what_the_vectors_say_and_lead_where_they_say() {
    check("oauth_metadata.json", &file("oauth_metadata.json")["vectors"], |vector| {
        match Metadata::decode(vector["issuer"].as_str().unwrap(), &response(vector)) {
            Ok(read) => {
                let (found, none) = match read.endpoint() {
                    Ok(found) => (endpoint(&found), Value::Null),
                    Err(error) => (Value::Null, error.to_string().into()),
                };
                object([("metadata", metadata(&read)), ("endpoint", found), ("no_endpoint", none)])
            }
            Err(error) => json!({ "error": error.to_string() }),
        }
    });
}
