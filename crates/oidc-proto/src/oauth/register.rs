//! Dynamic client registration (RFC 7591).

use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::form::{invalid, scope_list};
use crate::answer_members::AnswerMembers;
use crate::json::{self, starts_with, to_vec};
use crate::member::{Text, Texts};
use crate::{
    Body, Client, ClientAuthentication, Fault, InvalidResponse, InvalidResponseKind, Operation,
    RegisterClientRequest, Registration, Secret, grant_type,
};

/// `client_type` of a client without a secret in AWS's API; RFC 7591 calls it `none`.
const PUBLIC: &str = "public";

/// The values of `token_endpoint_auth_method` (RFC 7591 §2).
const NONE: &str = "none";
const BASIC: &str = "client_secret_basic";
const POST: &str = "client_secret_post";

#[derive(Serialize)]
struct RegistrationRequestBody<'a> {
    client_name: &'a str,
    token_endpoint_auth_method: &'a str,
    grant_types: Vec<&'a str>,
    response_types: &'a [&'a str],
    #[serde(skip_serializing_if = "is_empty")]
    redirect_uris: &'a [String],
    /// OpenID Connect Dynamic Client Registration §2. Without it a provider assumes `web`, which may have no plain
    /// HTTP redirect.
    #[serde(skip_serializing_if = "Option::is_none")]
    application_type: Option<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token_signed_response_alg: Option<&'a str>,
}

fn is_empty(list: &&[String]) -> bool {
    list.is_empty()
}

/// Encodes a registration request.
pub(crate) fn to_body(request: &RegisterClientRequest) -> Vec<u8> {
    to_vec(&metadata(request))
}

/// Returns the client metadata of a request. No grant types means the device flow with refresh, as in AWS's
/// dialect.
fn metadata(request: &RegisterClientRequest) -> RegistrationRequestBody<'_> {
    let device = [grant_type::DEVICE_CODE, grant_type::REFRESH_TOKEN];
    let asked = request.grant_types.iter().map(String::as_str);
    let grant_types = if request.grant_types.is_empty() { device.to_vec() } else { asked.collect() };
    let is_public = request.client_type == PUBLIC;
    // Must fit the grant types (RFC 7591 §2.1). Without the member a server assumes `code` (§2), so an empty
    // list is written.
    let response_types: &[&str] =
        if grant_types.contains(&grant_type::AUTHORIZATION_CODE) { &["code"] } else { &[] };
    RegistrationRequestBody {
        client_name: &request.client_name,
        token_endpoint_auth_method: if is_public { NONE } else { BASIC },
        grant_types,
        response_types,
        redirect_uris: &request.redirect_uris,
        application_type: request
            .redirect_uris
            .iter()
            .any(|uri| uri.starts_with("http://"))
            .then_some("native"),
        scope: request.scopes.join(" "),
        id_token_signed_response_alg: request.id_token_signed_response_alg.as_deref(),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata<'a> {
    #[serde(borrow)]
    client_name: Text<'a>,
    #[serde(borrow)]
    token_endpoint_auth_method: Text<'a>,
    grant_types: Texts,
    redirect_uris: Texts,
    #[serde(borrow)]
    scope: Text<'a>,
    #[serde(borrow)]
    id_token_signed_response_alg: Text<'a>,
}

/// Decodes a registration request. Any authentication method but `none` makes a confidential client.
pub(crate) fn from_body(body: &[u8]) -> Result<RegisterClientRequest, Fault> {
    let metadata =
        starts_with(body, b'{').then(|| serde_json::from_slice::<Metadata<'_>>(body).ok()).flatten();
    let metadata = metadata.ok_or_else(|| invalid("the body must be a JSON object with client metadata"))?;
    let list = |member: Texts, name: &'static str| {
        member.into_list().ok_or_else(|| invalid(format!("{name} must be a list of strings")))
    };
    let mut request = RegisterClientRequest::new(metadata.client_name.into_non_empty().unwrap_or_default());
    if metadata.token_endpoint_auth_method.non_empty() != Some(NONE) {
        "confidential".clone_into(&mut request.client_type);
    }
    request.grant_types = list(metadata.grant_types, "grant_types")?;
    request.redirect_uris = list(metadata.redirect_uris, "redirect_uris")?;
    request.id_token_signed_response_alg = metadata.id_token_signed_response_alg.into_non_empty();
    request.scopes = scope_list(metadata.scope.non_empty().unwrap_or_default());
    Ok(request)
}

#[derive(Serialize)]
struct RegistrationBody<'a> {
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id_issued_at: Option<i64>,
    /// Required with a secret; 0 means no expiry (RFC 7591 §3.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<i64>,
}

/// The response with everything that was registered.
#[derive(Serialize)]
struct RegisteredBody<'a> {
    #[serde(flatten)]
    registration: RegistrationBody<'a>,
    #[serde(flatten)]
    metadata: RegistrationRequestBody<'a>,
}

/// The response with id and secret, and the authentication method unless it is the default, the header (RFC
/// 7591 §2).
#[derive(Serialize)]
struct InformationBody<'a> {
    #[serde(flatten)]
    registration: RegistrationBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_endpoint_auth_method: Option<&'a str>,
}

/// Encodes the response to a registration.
pub(crate) fn success_to_body(registration: &Registration) -> Vec<u8> {
    let client = &registration.client;
    let shows_in_body = client.secret.is_some() && client.authentication != ClientAuthentication::Basic;
    to_vec(&InformationBody {
        registration: information(registration),
        token_endpoint_auth_method: shows_in_body.then_some(POST),
    })
}

fn information(registration: &Registration) -> RegistrationBody<'_> {
    let secret = registration.client.secret.as_ref();
    let expires_at = registration.expires_at.map(crate::UnixSeconds::get);
    RegistrationBody {
        client_id: &registration.client.id,
        client_secret: secret.map(Secret::expose),
        client_id_issued_at: registration.issued_at.map(crate::UnixSeconds::get),
        client_secret_expires_at: expires_at.or_else(|| secret.map(|_| 0)),
    }
}

/// Server side: encodes the response to a registration request. It contains all registered metadata, as RFC
/// 7591 §3.2.1 requires. [`Dialect::encode_success`](crate::Dialect::encode_success) has no request, so it
/// writes the id alone. A client without a name gets its id as name.
///
/// ```
/// use oidc_proto::{Client, RegisterClientRequest, Registration, oauth};
/// let request = RegisterClientRequest::new("my-tool");
/// let response = oauth::encode_registration(&Registration::new(Client::public("id")), &request);
/// assert_eq!(response.status(), 201);
/// assert!(response.body().as_ref().starts_with(br#"{"client_id":"id","client_name":"my-tool""#));
/// ```
#[must_use]
pub fn encode_registration(registration: &Registration, request: &RegisterClientRequest) -> Response<Body> {
    let mut metadata = metadata(request);
    if metadata.client_name.is_empty() {
        metadata.client_name = &registration.client.id;
    }
    let body = to_vec(&RegisteredBody { registration: information(registration), metadata });
    json::response(StatusCode::CREATED, body)
}

/// Returns the registration with these members. The server decides the authentication method and may register
/// another than requested (RFC 7591 §3.2.1). The default is the header (§2).
pub(crate) fn success_from(members: AnswerMembers<'_>) -> Result<Registration, InvalidResponse> {
    let id = members.client_id.required(Operation::RegisterClient, "client_id")?;
    let method = members.token_endpoint_auth_method.non_empty();
    let secret = members.client_secret.into_secret();
    let client = match (method, secret) {
        (None | Some(NONE), None) | (Some(NONE), Some(_)) => Client::public(id),
        (None | Some(BASIC), Some(secret)) => Client::new(id, secret).with_basic_authentication(),
        (Some(POST), Some(secret)) => Client::new(id, secret),
        (Some(BASIC | POST), None) => Client::public(id),
        // A signed assertion or a certificate, which this client cannot send.
        (Some(_), _) => {
            let member = "token_endpoint_auth_method";
            return Err(InvalidResponse::new(
                Operation::RegisterClient,
                member,
                InvalidResponseKind::Unsupported,
            ));
        }
    };
    Ok(Registration {
        client,
        issued_at: members.client_id_issued_at.optional_time(),
        expires_at: members.client_secret_expires_at.optional_time().filter(|time| time.get() != 0),
        authorization_endpoint: None,
        token_endpoint: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, Dialect, FaultCode};

    #[test]
    fn what_was_registered_is_said_back_and_read_like_any_registration() {
        let mut request = RegisterClientRequest::new("tool").with_scopes(["a", "b"]);
        let registration = Registration::new(Client::public("id"));
        let text = |response: &Response<Body>| String::from_utf8(response.body().as_ref().to_vec()).unwrap();
        let response = encode_registration(&registration, &request);
        assert_eq!(response.status(), 201);
        assert_eq!(
            text(&response),
            r#"{"client_id":"id","client_name":"tool","token_endpoint_auth_method":"none","grant_types":["urn:ietf:params:oauth:grant-type:device_code","refresh_token"],"response_types":[],"scope":"a b"}"#
        );
        let read = Dialect::OAuth.decode::<RegisterClientRequest, _>(&response);
        assert_eq!(read, Answer::Success(registration));
        request.client_name.clear();
        "confidential".clone_into(&mut request.client_type);
        let registration = Registration::new(Client::new("id", Secret::from("s")));
        let response = text(&encode_registration(&registration, &request));
        assert!(
            response.contains(r#""client_name":"id""#) && response.contains("client_secret_basic"),
            "{response}"
        );
        assert!(response.contains(r#""client_secret_expires_at":0"#), "{response}");
    }

    #[test]
    fn a_client_shows_its_secret_in_the_way_that_the_server_registered() {
        let registered = |method: &str| {
            let body = format!(r#"{{"client_id":"id","client_secret":"s"{method}}}"#);
            let response = Response::builder().status(201).body(body).unwrap();
            match Dialect::OAuth.decode::<RegisterClientRequest, _>(&response) {
                Answer::Success(registration) => registration.client,
                other => panic!("{method}: {other:?}"),
            }
        };
        let in_body = Client::new("id", Secret::from("s"));
        assert_eq!(registered(""), in_body.clone().with_basic_authentication());
        assert_eq!(registered(r#","token_endpoint_auth_method":"client_secret_post""#), in_body);
        let basic = in_body.with_basic_authentication();
        assert_eq!(registered(r#","token_endpoint_auth_method":"client_secret_basic""#), basic);
        assert_eq!(registered(r#","token_endpoint_auth_method":"none""#), Client::public("id"));
        let registration = Registration::new(basic);
        let response = Dialect::OAuth.encode_success::<RegisterClientRequest>(&registration);
        let read = Dialect::OAuth.decode::<RegisterClientRequest, _>(&response);
        assert_eq!(read, Answer::Success(registration));
    }

    #[test]
    fn a_registration_with_a_method_that_is_not_had_here_is_an_invalid_response_that_names_it() {
        for method in ["private_key_jwt", "client_secret_jwt", "tls_client_auth"] {
            let body = format!(
                r#"{{"client_id":"id","client_secret":"s","token_endpoint_auth_method":"{method}"}}"#
            );
            let response = Response::builder().status(201).body(body).unwrap();
            let Answer::InvalidResponse(invalid) =
                Dialect::OAuth.decode::<RegisterClientRequest, _>(&response)
            else {
                panic!("{method} is no invalid")
            };
            assert_eq!(invalid.member, "token_endpoint_auth_method");
            assert_eq!(invalid.kind, InvalidResponseKind::Unsupported);
        }
    }

    #[test]
    fn the_authorization_code_grant_is_registered_with_its_response_type() {
        let mut request = RegisterClientRequest::new("tool");
        let body = |request: &RegisterClientRequest| String::from_utf8(to_body(request)).unwrap();
        assert!(body(&request).contains(r#""response_types":[]"#), "{}", body(&request));
        request.grant_types = vec!["authorization_code".to_owned(), "refresh_token".to_owned()];
        assert!(body(&request).contains(r#""response_types":["code"]"#), "{}", body(&request));
    }

    #[test]
    fn a_registration_request_is_an_object_and_not_a_list_of_its_values() {
        for body in [r#"["name","none"]"#, "[]", "5", "\"name\"", "null", "", "{"] {
            assert_eq!(from_body(body.as_bytes()).unwrap_err().code, FaultCode::InvalidRequest, "{body}");
        }
    }
}
