//! Authorization server metadata (RFC 8414) and OpenID Connect Discovery.

use http::header::CONTENT_ENCODING;
use http::{HeaderMap, Response, StatusCode};

use super::MetadataError;
use super::metadata_members::{Document, Members};
use crate::decode::unreadable;
use crate::headers::ResponseHeaders;
use crate::member::Texts;
use crate::words::without_mark;
use crate::{Body, Client, ClientAuthentication, json, printable};

/// The longest excerpt of a foreign text in an error, in characters.
const LONGEST_SHOWN: usize = 200;

/// A provider's metadata, as far as a sign-in needs it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Metadata {
    /// `issuer`: the provider's identity, a URL.
    pub issuer: String,
    /// `device_authorization_endpoint` (RFC 8628 §4). Many providers have one and omit it here.
    pub device_authorization_endpoint: Option<String>,
    /// `token_endpoint`.
    pub token_endpoint: Option<String>,
    /// `registration_endpoint`.
    pub registration_endpoint: Option<String>,
    /// `revocation_endpoint`.
    pub revocation_endpoint: Option<String>,
    /// `introspection_endpoint` (RFC 8414 §2).
    pub introspection_endpoint: Option<String>,
    /// `userinfo_endpoint` (OpenID Connect Discovery §3).
    pub userinfo_endpoint: Option<String>,
    /// `grant_types_supported`; empty if absent.
    pub grant_types_supported: Vec<String>,
    /// `token_endpoint_auth_methods_supported`. An absent or empty list means `client_secret_basic`.
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// `scopes_supported`; empty if absent.
    pub scopes_supported: Vec<String>,
    /// `code_challenge_methods_supported` (RFC 8414 §2). An absent or empty list means no PKCE. With `S256`
    /// in it, a client may send a challenge with a device authorization request.
    pub code_challenge_methods_supported: Vec<String>,
    /// `authorization_endpoint`, the page of the authorization code flow. OpenID Connect clients require it.
    pub authorization_endpoint: Option<String>,
    /// `authorization_response_iss_parameter_supported` (RFC 9207 §3): every authorization response names the
    /// issuer.
    pub authorization_response_iss_parameter_supported: bool,
    /// `jwks_uri` (OpenID Connect Discovery §3). OpenID Connect clients require it.
    pub jwks_uri: Option<String>,
    /// `response_types_supported`, required by both standards.
    pub response_types_supported: Vec<String>,
    /// `response_modes_supported`. An absent or empty list means `query` and `fragment` (RFC 8414 §2).
    pub response_modes_supported: Vec<String>,
    /// `request_parameter_supported` (OpenID Connect Discovery §3). Absent means no.
    pub request_parameter_supported: Option<bool>,
    /// `request_uri_parameter_supported` (OpenID Connect Discovery §3). Absent means yes.
    pub request_uri_parameter_supported: Option<bool>,
    /// `subject_types_supported` (OpenID Connect Discovery §3).
    pub subject_types_supported: Vec<String>,
    /// `id_token_signing_alg_values_supported` (OpenID Connect Discovery §3).
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// `claims_supported` (OpenID Connect Discovery §3); empty if absent.
    pub claims_supported: Vec<String>,
}

impl Metadata {
    /// Decodes the response to a metadata request for this issuer.
    ///
    /// ```
    /// use oidc_proto::oauth::{Metadata, MetadataError};
    /// let document = r#"{"issuer":"https://id.example","token_endpoint":"https://id.example/token"}"#;
    /// let response = http::Response::new(document);
    /// let metadata = Metadata::decode("https://id.example", &response)?;
    /// assert_eq!(metadata.token_endpoint.as_deref(), Some("https://id.example/token"));
    /// assert!(matches!(Metadata::decode("https://other.example", &response), Err(MetadataError::Issuer { .. })));
    /// # Ok::<(), MetadataError>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`MetadataError`]. Only [`MetadataError::Unavailable`] justifies a retry at the same
    /// address.
    pub fn decode<B: AsRef<[u8]>>(issuer: &str, response: &Response<B>) -> Result<Self, MetadataError> {
        if !response.status().is_success() {
            return Err(refused(response.status().as_u16(), response.headers()));
        }
        let body = without_mark(response.body().as_ref());
        let members: Members<'_> =
            serde_json::from_slice(body).map_err(|error| unread(body, response.headers(), &error))?;
        let list = |texts: Texts| texts.into_list().unwrap_or_default();
        let metadata = Self {
            issuer: members.issuer.into_non_empty().ok_or(MetadataError::Missing("issuer"))?,
            device_authorization_endpoint: members.device_authorization_endpoint.into_non_empty(),
            token_endpoint: members.token_endpoint.into_non_empty(),
            registration_endpoint: members.registration_endpoint.into_non_empty(),
            revocation_endpoint: members.revocation_endpoint.into_non_empty(),
            introspection_endpoint: members.introspection_endpoint.into_non_empty(),
            userinfo_endpoint: members.userinfo_endpoint.into_non_empty(),
            grant_types_supported: list(members.grant_types_supported),
            token_endpoint_auth_methods_supported: list(members.token_endpoint_auth_methods_supported),
            scopes_supported: list(members.scopes_supported),
            code_challenge_methods_supported: list(members.code_challenge_methods_supported),
            authorization_endpoint: members.authorization_endpoint.into_non_empty(),
            authorization_response_iss_parameter_supported: members
                .authorization_response_iss_parameter_supported
                .value()
                .unwrap_or_default(),
            jwks_uri: members.jwks_uri.into_non_empty(),
            response_types_supported: list(members.response_types_supported),
            response_modes_supported: list(members.response_modes_supported),
            request_parameter_supported: members.request_parameter_supported.value(),
            request_uri_parameter_supported: members.request_uri_parameter_supported.value(),
            subject_types_supported: list(members.subject_types_supported),
            id_token_signing_alg_values_supported: list(members.id_token_signing_alg_values_supported),
            claims_supported: list(members.claims_supported),
        };
        // RFC 8414 §3.3: identical. A trailing slash is a common mistake and does not change the owner of the
        // document.
        if metadata.issuer.trim_end_matches('/') != issuer.trim().trim_end_matches('/') {
            return Err(MetadataError::Issuer { asked: shown(issuer), found: shown(&metadata.issuer) });
        }
        Ok(metadata)
    }

    /// Returns the client with an authentication method that the provider supports. A public client stays
    /// unchanged. The header is preferred, also if the metadata names no method (RFC 8414 §2); otherwise the
    /// body is used.
    ///
    /// ```
    /// use oidc_proto::oauth::{Metadata, MetadataError};
    /// use oidc_proto::{Client, ClientAuthentication, Secret};
    /// let client = Client::new("my-tool", Secret::from("s"));
    /// let mut metadata = Metadata::default();
    /// assert_eq!(metadata.authenticated(client.clone())?.authentication, ClientAuthentication::Basic);
    /// metadata.token_endpoint_auth_methods_supported = vec!["client_secret_post".to_owned()];
    /// assert_eq!(metadata.authenticated(client.clone())?.authentication, ClientAuthentication::Body);
    /// metadata.token_endpoint_auth_methods_supported = vec!["private_key_jwt".to_owned()];
    /// assert!(matches!(metadata.authenticated(client), Err(MetadataError::ClientAuthentication(_))));
    /// # Ok::<(), MetadataError>(())
    /// ```
    ///
    /// # Errors
    /// [`MetadataError::ClientAuthentication`]: the provider takes no method that a client with a secret has here.
    pub fn authenticated(&self, client: Client) -> Result<Client, MetadataError> {
        let methods = &self.token_endpoint_auth_methods_supported;
        let takes = |method: &str| methods.iter().any(|named| named == method);
        if client.secret.is_none() {
            Ok(client)
        } else if methods.is_empty() || takes("client_secret_basic") {
            Ok(client.with_basic_authentication())
        } else if takes("client_secret_post") {
            Ok(Client { authentication: ClientAuthentication::Body, ..client })
        } else {
            Err(MetadataError::ClientAuthentication(printable(&methods.join(", ")).into_owned()))
        }
    }

    /// Server side: encodes this metadata.
    ///
    /// ```
    /// use oidc_proto::oauth::Metadata;
    /// let mut metadata = Metadata::default();
    /// metadata.issuer = "https://id.example".to_owned();
    /// assert_eq!(Metadata::decode("https://id.example", &metadata.encode()), Ok(metadata));
    /// ```
    #[must_use]
    pub fn encode(&self) -> Response<Body> {
        let methods = self.token_endpoint_auth_methods_supported.as_slice();
        let document = Document {
            issuer: &self.issuer,
            device_authorization_endpoint: self.device_authorization_endpoint.as_deref(),
            token_endpoint: self.token_endpoint.as_deref(),
            registration_endpoint: self.registration_endpoint.as_deref(),
            revocation_endpoint: self.revocation_endpoint.as_deref(),
            introspection_endpoint: self.introspection_endpoint.as_deref(),
            userinfo_endpoint: self.userinfo_endpoint.as_deref(),
            grant_types_supported: &self.grant_types_supported,
            token_endpoint_auth_methods_supported: methods,
            revocation_endpoint_auth_methods_supported: self
                .revocation_endpoint
                .as_ref()
                .map_or(&[], |_| methods),
            introspection_endpoint_auth_methods_supported: self
                .introspection_endpoint
                .as_ref()
                .map_or(&[], |_| methods),
            scopes_supported: &self.scopes_supported,
            code_challenge_methods_supported: &self.code_challenge_methods_supported,
            authorization_endpoint: self.authorization_endpoint.as_deref(),
            authorization_response_iss_parameter_supported: self
                .authorization_response_iss_parameter_supported,
            jwks_uri: self.jwks_uri.as_deref(),
            response_types_supported: &self.response_types_supported,
            response_modes_supported: &self.response_modes_supported,
            request_parameter_supported: self.request_parameter_supported,
            request_uri_parameter_supported: self.request_uri_parameter_supported,
            subject_types_supported: &self.subject_types_supported,
            id_token_signing_alg_values_supported: &self.id_token_signing_alg_values_supported,
            claims_supported: &self.claims_supported,
        };
        json::response(StatusCode::OK, json::to_vec(&document))
    }
}

/// Returns the error of a response without a success status.
fn refused(status: u16, headers: &HeaderMap) -> MetadataError {
    match status {
        // RFC 9110 §15.6.2, §15.6.6: permanent.
        501 | 505 => MetadataError::Status(status),
        408 | 421 | 425 | 429 | 500.. => {
            MetadataError::Unavailable { status, retry_after: ResponseHeaders::of(headers).retry_after() }
        }
        _ => MetadataError::Status(status),
    }
}

/// Returns the reason why a success has no metadata.
fn unread(body: &[u8], headers: &HeaderMap, error: &serde_json::Error) -> MetadataError {
    let coding = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).map(str::trim);
    match coding {
        Some(coding) if !coding.is_empty() && !coding.eq_ignore_ascii_case("identity") => {
            MetadataError::Encoded(shown(coding))
        }
        _ => MetadataError::NotJson(unreadable(body, error)),
    }
}

/// Returns a foreign text cut to one line and without control characters.
fn shown(text: &str) -> String {
    let text = printable(text);
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    use crate::{EndpointError, IndeterminateReason, Operation, Service};

    fn response(status: u16, body: &str) -> Response<Vec<u8>> {
        Response::builder().status(status).body(body.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn metadata_of_another_issuer_is_refused() {
        let document =
            response(200, r#"{"issuer":"https://evil.example","token_endpoint":"https://evil.example/t"}"#);
        let error = Metadata::decode("https://id.example", &document).unwrap_err();
        assert!(matches!(error, MetadataError::Issuer { .. }), "{error}");
        let slash = response(200, r#"{"issuer":"https://id.example/"}"#);
        assert!(Metadata::decode("https://id.example", &slash).is_ok());
    }

    #[test]
    fn metadata_without_a_device_endpoint_says_so_and_takes_one_by_hand() {
        let document =
            response(200, r#"{"issuer":"https://id.example","token_endpoint":"https://id.example/t"}"#);
        let metadata = Metadata::decode("https://id.example", &document).unwrap();
        assert_eq!(metadata.provider(), Err(MetadataError::Missing("device_authorization_endpoint")));
        let provider = metadata.provider_with_device_authorization("https://id.example/d").unwrap();
        let service = Service::from(provider);
        assert!(service.offers(Operation::StartDeviceAuthorization));
        assert!(!service.offers(Operation::RevokeToken));
    }

    #[test]
    fn metadata_with_an_insecure_url_cannot_be_used() {
        let mut metadata = Metadata { issuer: "https://id.example".to_owned(), ..Metadata::default() };
        metadata.device_authorization_endpoint = Some("http://id.example/d".to_owned());
        metadata.token_endpoint = Some("https://id.example/t".to_owned());
        let error = metadata.provider().unwrap_err();
        assert!(
            matches!(error, MetadataError::Endpoint { source: EndpointError::InsecureHttp(_), .. }),
            "{error:?}"
        );
    }

    #[test]
    fn what_is_no_metadata_is_told_apart() {
        let decode =
            |status, body| Metadata::decode("https://id.example", &response(status, body)).unwrap_err();
        assert_eq!(decode(404, "{}"), MetadataError::Status(404));
        assert_eq!(decode(200, "{}"), MetadataError::Missing("issuer"));
        for (body, reason, said) in [
            ("<html>", IndeterminateReason::Html, "expected metadata, got an HTML page"),
            ("", IndeterminateReason::EmptyBody, "expected metadata, got an empty body"),
            (r#"{"issuer""#, IndeterminateReason::CutBody, "expected metadata, got truncated JSON"),
            ("[]", IndeterminateReason::NotAnObject, "expected metadata, got JSON that is not an object"),
            ("nope", IndeterminateReason::NotJson, "expected metadata, got a body that is not JSON"),
        ] {
            let error = decode(200, body);
            assert_eq!((error.to_string(), error), (said.to_owned(), MetadataError::NotJson(reason)));
        }
    }

    #[test]
    fn a_status_is_a_no_or_says_that_the_provider_has_no_answer_for_now() {
        let decode = |status| Metadata::decode("https://id.example", &response(status, "{}")).unwrap_err();
        for status in [300, 302, 400, 401, 403, 404, 405, 407, 410, 422, 451, 501, 505] {
            assert_eq!(decode(status), MetadataError::Status(status));
        }
        for status in [408, 421, 425, 429, 500, 502, 503, 504, 520, 599] {
            assert_eq!(decode(status), MetadataError::Unavailable { status, retry_after: None });
        }
        let mut busy = response(429, "");
        busy.headers_mut().insert("retry-after", "7".parse().unwrap());
        let error = Metadata::decode("https://id.example", &busy).unwrap_err();
        let retry_after = Some(Duration::from_secs(7));
        assert_eq!(error, MetadataError::Unavailable { status: 429, retry_after });
    }

    #[test]
    fn a_byte_order_mark_is_skipped_and_a_compressed_document_is_named() {
        let document = r#"{"issuer":"https://id.example"}"#;
        let marked = response(200, &format!("\u{feff}{document}"));
        assert_eq!(Metadata::decode("https://id.example", &marked).unwrap().issuer, "https://id.example");
        let mut packed = response(200, "\u{1f}packed");
        packed.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        let error = Metadata::decode("https://id.example", &packed).unwrap_err();
        assert_eq!(error, MetadataError::Encoded("gzip".to_owned()));
        let mut labelled = response(200, document);
        labelled.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        assert!(Metadata::decode("https://id.example", &labelled).is_ok(), "it can be read all the same");
    }

    #[test]
    fn another_issuers_name_is_shown_short_enough_for_a_line() {
        let document = response(200, &format!(r#"{{"issuer":"https://{}"}}"#, "é".repeat(10_000)));
        let error = Metadata::decode("https://id.example", &document).unwrap_err().to_string();
        assert!(error.len() < 600 && error.contains("é..."), "{error}");
    }

    #[test]
    fn a_member_that_stands_twice_has_its_last_value() {
        let twice = response(200, r#"{"issuer":"x","issuer":"https://id.example","a":1,"a":[]}"#);
        assert_eq!(Metadata::decode("https://id.example", &twice).unwrap().issuer, "https://id.example");
    }

    #[test]
    fn what_a_server_writes_a_client_reads() {
        let metadata = Metadata {
            issuer: "https://id.example/x".to_owned(),
            device_authorization_endpoint: Some("https://id.example/d".to_owned()),
            token_endpoint: Some("https://id.example/t".to_owned()),
            registration_endpoint: Some("https://id.example/r".to_owned()),
            revocation_endpoint: Some("https://id.example/v".to_owned()),
            introspection_endpoint: Some("https://id.example/i".to_owned()),
            userinfo_endpoint: Some("https://id.example/u".to_owned()),
            grant_types_supported: vec!["refresh_token".to_owned()],
            token_endpoint_auth_methods_supported: vec!["none".to_owned()],
            scopes_supported: vec!["openid".to_owned()],
            code_challenge_methods_supported: vec!["S256".to_owned()],
            authorization_endpoint: Some("https://id.example/a".to_owned()),
            authorization_response_iss_parameter_supported: true,
            jwks_uri: Some("https://id.example/j".to_owned()),
            response_types_supported: vec!["code".to_owned()],
            response_modes_supported: vec!["query".to_owned()],
            request_parameter_supported: Some(true),
            request_uri_parameter_supported: Some(false),
            subject_types_supported: vec!["public".to_owned()],
            id_token_signing_alg_values_supported: vec!["RS256".to_owned()],
            claims_supported: vec!["sub".to_owned()],
        };
        assert_eq!(Metadata::decode("https://id.example/x", &metadata.encode()), Ok(metadata));
    }
}
