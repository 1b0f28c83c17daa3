//! Converts decoded values to the vectors' JSON.

use http::Response;
use oidc_proto::oauth::{RevocationRequest, TokenTypeHint};
use oidc_proto::{
    Answer, Client, ClientAuthentication, CreateTokenRequest, DeviceAuthorization, Dialect, Fault, Grant,
    Parameter, RegisterClientRequest, Registration, Secret, ServerRequest, StartDeviceAuthorizationRequest,
    Token, TokenWarning, UnixSeconds,
};
use serde_json::{Map, Value, json};

/// Returns an object of the members that are present.
pub(crate) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    members
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.to_owned(), value))
        .collect::<Map<_, _>>()
        .into()
}

fn secret(secret: Option<&Secret>) -> Value {
    secret.map(Secret::expose).into()
}

fn parameters(parameters: &[Parameter]) -> Value {
    if parameters.is_empty() {
        return Value::Null;
    }
    parameters.iter().map(|parameter| json!([parameter.name(), parameter.value()])).collect()
}

/// Converts a fault.
pub(crate) fn fault(fault: &Fault) -> Value {
    json!({ "fault": object([
        ("code", fault.code.error().into()),
        ("exception", fault.code.exception().into()),
        ("description", fault.description.clone().into()),
        ("uri", fault.uri.clone().into()),
        ("reason", fault.reason.clone().into()),
        ("endpoint", fault.endpoint.clone().into()),
        ("region", fault.region.clone().into()),
        ("request_id", fault.request_id.clone().into()),
        ("retry_after", fault.retry_after.map(|wait| wait.as_secs()).into()),
        ("interval", fault.interval.map(|interval| interval.as_secs()).into()),
        ("status", fault.status.into()),
    ]) })
}

fn registration(registration: Registration) -> Value {
    object([
        ("client_id", registration.client.id.into()),
        ("client_secret", secret(registration.client.secret.as_ref())),
        ("issued_at", registration.issued_at.map(UnixSeconds::get).into()),
        ("expires_at", registration.expires_at.map(UnixSeconds::get).into()),
        ("authorization_endpoint", registration.authorization_endpoint.into()),
        ("token_endpoint", registration.token_endpoint.into()),
    ])
}

fn authorization(authorization: DeviceAuthorization) -> Value {
    object([
        ("device_code", authorization.device_code.expose().into()),
        ("user_code", authorization.user_code.into()),
        ("verification_uri", authorization.verification_uri.into()),
        ("verification_uri_complete", authorization.verification_uri_complete.into()),
        ("expires_in", authorization.expires_in.as_secs().into()),
        ("interval", authorization.interval.map(|interval| interval.as_secs()).into()),
    ])
}

fn token(token: Token) -> Value {
    object([
        ("access_token", token.access_token.expose().into()),
        ("token_type", token.token_type.into()),
        ("expires_in", token.expires_in.map(|life| life.as_secs()).into()),
        ("refresh_token", secret(token.refresh_token.as_ref())),
        ("id_token", secret(token.id_token.as_ref())),
        ("scope", token.scope.into()),
        ("warnings", warnings(&token.warnings)),
    ])
}

/// Converts the warnings; null if there are none.
fn warnings(warnings: &[TokenWarning]) -> Value {
    let named =
        warnings.iter().map(|warning| (warning.member.to_owned(), format!("{:?}", warning.kind).into()));
    Some(named.collect::<Map<_, _>>()).filter(|named| !named.is_empty()).into()
}

/// Converts an answer.
pub(crate) fn answer<T>(answer: Answer<T>, success: impl Fn(T) -> Value) -> Value {
    match answer {
        Answer::Success(answer) => json!({ "success": success(answer) }),
        Answer::Fault(answer) => fault(&answer),
        Answer::Indeterminate(answer) => json!({ "indeterminate": object([
            ("reason", format!("{:?}", answer.reason).into()),
            ("status", answer.status.into()),
            ("retry_after", answer.retry_after.map(|wait| wait.as_secs()).into()),
            ("request_id", answer.request_id.into()),
            ("said", answer.said.into()),
            ("location", answer.location.into()),
        ]) }),
        Answer::InvalidResponse(answer) => {
            json!({ "invalid": { "member": answer.member, "kind": format!("{:?}", answer.kind) } })
        }
    }
}

/// Decodes the response to the operation of this name, and converts it.
pub(crate) fn response(dialect: Dialect, operation: &str, response: &Response<Vec<u8>>) -> Value {
    match operation {
        "RegisterClient" => answer(dialect.decode::<RegisterClientRequest, _>(response), registration),
        "StartDeviceAuthorization" => {
            answer(dialect.decode::<StartDeviceAuthorizationRequest, _>(response), authorization)
        }
        "CreateToken" => answer(dialect.decode::<CreateTokenRequest, _>(response), token),
        "RevokeToken" => answer(RevocationRequest::decode(response), |()| json!({})),
        other => panic!("no operation {other}"),
    }
}

/// Converts a request. Only the OAuth dialect has an authentication method, and a scope in a start.
pub(crate) fn request(dialect: Dialect, request: ServerRequest) -> Value {
    json!({ "request": match request {
        ServerRequest::RegisterClient(request) => object([
            ("operation", "RegisterClient".into()),
            ("client_name", request.client_name.into()),
            ("client_type", request.client_type.into()),
            ("scopes", request.scopes.into()),
            ("redirect_uris", request.redirect_uris.into()),
            ("grant_types", request.grant_types.into()),
            ("issuer_url", request.issuer_url.into()),
            ("entitled_application_arn", request.entitled_application_arn.into()),
        ]),
        ServerRequest::StartDeviceAuthorization(request) => object([
            ("operation", "StartDeviceAuthorization".into()),
            ("client_id", request.client.id.clone().into()),
            ("client_secret", secret(request.client.secret.as_ref())),
            ("authentication", authentication(dialect, &request.client)),
            ("start_url", request.start_url.into()),
            ("scope", if dialect == Dialect::OAuth { request.scope.into() } else { Value::Null }),
            ("code_challenge", request.code_challenge.into()),
            ("parameters", parameters(&request.parameters)),
        ]),
        ServerRequest::CreateToken(request) => {
            let mut shown = object([
                ("operation", "CreateToken".into()),
                ("client_id", request.client.id.clone().into()),
                ("client_secret", secret(request.client.secret.as_ref())),
                ("authentication", authentication(dialect, &request.client)),
                ("grant", request.grant.grant_type().into()),
                ("scope", request.scope.into()),
                ("parameters", parameters(&request.parameters)),
            ]);
            let members = match &request.grant {
                Grant::DeviceCode { device_code, code_verifier } => object([
                    ("device_code", device_code.expose().into()),
                    ("code_verifier", secret(code_verifier.as_ref())),
                ]),
                Grant::AuthorizationCode { code, redirect_uri, code_verifier } => object([
                    ("code", code.expose().into()),
                    ("redirect_uri", redirect_uri.clone().into()),
                    ("code_verifier", secret(code_verifier.as_ref())),
                ]),
                Grant::RefreshToken { refresh_token } => {
                    object([("refresh_token", refresh_token.expose().into())])
                }
                other => panic!("{other:?}"),
            };
            shown.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            shown
        }
    } })
}

/// Converts a revocation.
pub(crate) fn revocation(request: RevocationRequest) -> Value {
    json!({ "request": object([
        ("operation", "RevokeToken".into()),
        ("client_id", request.client.id.clone().into()),
        ("client_secret", secret(request.client.secret.as_ref())),
        ("authentication", authentication(Dialect::OAuth, &request.client)),
        ("token", request.token.expose().into()),
        ("hint", match request.hint {
            Some(TokenTypeHint::AccessToken) => "access_token".into(),
            Some(TokenTypeHint::RefreshToken) => "refresh_token".into(),
            Some(other) => panic!("{other:?}"),
            None => Value::Null,
        }),
    ]) })
}

fn authentication(dialect: Dialect, client: &Client) -> Value {
    match (dialect, &client.secret, client.authentication) {
        (Dialect::OAuth, None, _) => "none".into(),
        (Dialect::OAuth, Some(_), ClientAuthentication::Body) => "body".into(),
        (Dialect::OAuth, Some(_), ClientAuthentication::Basic) => "basic".into(),
        _ => Value::Null,
    }
}
