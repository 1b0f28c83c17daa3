//! The authorization request (RFC 6749 §4.1.1).

use alloc::borrow::Cow;
use alloc::collections::BTreeSet;
use core::fmt;

use form_urlencoded::Serializer;

use super::Query;
use crate::{Dialect, Fault, FaultCode, Parameter, Secret};

/// The parameters that a fault names. Those that are ignored have names of the client's choice.
const KNOWN: [&str; 13] = [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "prompt",
    "redirect_uri",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scope",
    "scopes",
    "state",
];
/// The parameters that may occur more than once.
const REPEATABLE: [&str; 2] = ["resource", "audience"];
/// The only supported response mode, the default of a code (OAuth 2.0 Multiple Response Type Encoding Practices
/// §2.1).
const QUERY: &str = "query";
/// The only supported transform (RFC 7636 §4.2).
const S256: &str = "S256";
/// The length of a challenge: 256 bits in base64url.
const CHALLENGE_LEN: usize = 43;

/// The authorization request (RFC 6749 §4.1.1), with PKCE of method S256 (RFC 7636 §4.3).
///
/// A client turns it into the URL that it opens in a browser
/// ([`Service::authorization_url`](crate::Service::authorization_url)). A server decodes its query.
///
/// ```
/// use oidc_proto::{AuthorizationRequest, Endpoint, Secret, Service, pkce};
///
/// let verifier = pkce::verifier(&[7; 32]); // of real entropy, and a new one for each request
/// let request = AuthorizationRequest::new("client-id", "http://127.0.0.1:49152/oauth/callback")
///     .with_scope(["sso:account:access"])
///     .with_state(Secret::from("state"))
///     .with_code_challenge(pkce::challenge(&verifier));
/// let service = Service::from(Endpoint::for_region("eu-west-1")?);
/// let url = service.authorization_url(&request).ok_or("AWS has a page")?;
/// assert!(url.starts_with("https://oidc.eu-west-1.amazonaws.com/authorize?response_type=code&client_id=client-id&"));
/// let (_, query) = url.split_once('?').ok_or("it has a query")?;
/// assert_eq!(AuthorizationRequest::decode(query)?, request);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorizationRequest {
    /// `client_id`.
    pub client_id: String,
    /// `redirect_uri`: the URI that the browser brings the response to, port included (RFC 8252 §7.3).
    pub redirect_uri: String,
    /// `scope`. AWS's clients name it `scopes`; the registered scopes count there.
    pub scope: Vec<String>,
    /// `state`: binds the response to this request (RFC 6749 §10.12).
    pub state: Option<Secret>,
    /// `code_challenge`, always with method S256.
    pub code_challenge: Option<String>,
    /// Additional parameters, in order. A server reads `resource`, `audience`, `prompt` and `nonce`, and ignores
    /// all others (RFC 6749 §3.1). AWS's dialect has none.
    pub parameters: Vec<Parameter>,
}

impl AuthorizationRequest {
    /// Creates a request of this client for a response to this URI.
    #[must_use]
    pub fn new(client_id: impl Into<String>, redirect_uri: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            redirect_uri: redirect_uri.into(),
            scope: Vec::new(),
            state: None,
            code_challenge: None,
            parameters: Vec::new(),
        }
    }

    /// Returns the same request for these scopes.
    #[must_use]
    pub fn with_scope<S: Into<String>>(mut self, scope: impl IntoIterator<Item = S>) -> Self {
        self.scope = scope.into_iter().map(Into::into).collect();
        self
    }

    /// Returns the same request with this state.
    #[must_use]
    pub fn with_state(mut self, state: Secret) -> Self {
        self.state = Some(state);
        self
    }

    /// Returns the same request with this challenge (method S256).
    #[must_use]
    pub fn with_code_challenge(mut self, challenge: impl Into<String>) -> Self {
        self.code_challenge = Some(challenge.into());
        self
    }

    /// Returns the same request with these additional parameters.
    ///
    /// ```
    /// use oidc_proto::{AuthorizationRequest, Parameter};
    /// let request = AuthorizationRequest::new("my-tool", "http://127.0.0.1:8400/")
    ///     .with_parameters([Parameter::new("audience", "https://api.example/")?]);
    /// assert_eq!(request.parameters.len(), 1);
    /// # Ok::<(), oidc_proto::ParameterError>(())
    /// ```
    #[must_use]
    pub fn with_parameters(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.parameters = parameters.into_iter().collect();
        self
    }

    /// Encodes the query. AWS's parameters are those of the AWS CLI, in its order.
    pub(crate) fn query(&self, dialect: Dialect) -> String {
        let scope = self.scope.join(" ");
        let state = self.state.as_ref().map(Secret::expose).unwrap_or_default();
        let challenge = self.code_challenge.as_deref().unwrap_or_default();
        let method = if challenge.is_empty() { "" } else { S256 };
        let last = match dialect {
            Dialect::Aws => {
                [("code_challenge_method", method), ("scopes", &scope), ("code_challenge", challenge)]
            }
            Dialect::OAuth => {
                [("scope", &*scope), ("code_challenge", challenge), ("code_challenge_method", method)]
            }
        };
        let first = [
            ("response_type", "code"),
            ("client_id", &*self.client_id),
            ("redirect_uri", &*self.redirect_uri),
            ("state", state),
        ];
        let mut query = Serializer::new(String::new());
        query.extend_pairs(first.into_iter().chain(last).filter(|(_, value)| !value.is_empty()));
        if dialect == Dialect::OAuth {
            query.extend_pairs(self.parameters.iter().map(|parameter| (parameter.name(), parameter.value())));
        }
        // Some servers read a plus sign in a query as itself.
        query.finish().replace('+', "%20")
    }

    /// Server side: decodes the query, in either dialect. The faults, in order:
    ///
    /// 1. A parameter occurs more than once: `invalid_request` (RFC 6749 §3.1). Only `resource` (RFC 8707 §2) and
    ///    `audience` may.
    /// 2. `request` and `request_uri` (RFC 9101 §7): `request_not_supported`, `request_uri_not_supported`. Both
    ///    would replace the other parameters, so those are not read.
    /// 3. A `response_type` other than `code`: `unsupported_response_type`.
    /// 4. A `response_mode` other than `query`: `invalid_request`. No registered error is nearer.
    /// 5. PKCE with another method than S256: `invalid_request`.
    /// 6. `prompt=none` with another prompt: `invalid_request` (OpenID Connect Core §3.1.2.1).
    /// 7. No client id or redirect URI: `invalid_request`.
    ///
    /// ```
    /// use oidc_proto::AuthorizationRequest;
    /// let query = "response_type=code&client_id=my-tool&redirect_uri=http%3A%2F%2F127.0.0.1%3A8400%2F&scopes=a%20b";
    /// let request = AuthorizationRequest::decode(query)?;
    /// assert_eq!((request.redirect_uri.as_str(), request.scope.len()), ("http://127.0.0.1:8400/", 2));
    /// let refused = AuthorizationRequest::decode("response_type=token&client_id=my-tool");
    /// assert_eq!(refused.unwrap_err().fault.code.error(), "unsupported_response_type");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the fault (RFC 6749 §4.1.2.1), with the parameters that decide where it is reported. A server
    /// checks client and redirect URI before it redirects with a fault.
    pub fn decode(query: &str) -> Result<Self, Box<InvalidAuthorizationRequest>> {
        let query = Query::read(query);
        let mut parts = Parts {
            client_id: query.once("client_id"),
            redirect_uri: query.once("redirect_uri"),
            state: query.once("state").map(Secret::new),
        };
        match query.rest() {
            Ok(Rest { scope, code_challenge, parameters }) => {
                match (parts.client_id.take(), parts.redirect_uri.take()) {
                    (Some(client_id), Some(redirect_uri)) => Ok(Self {
                        client_id,
                        redirect_uri,
                        scope,
                        state: parts.state,
                        code_challenge,
                        parameters,
                    }),
                    (client_id, redirect_uri) => {
                        let missing = if client_id.is_none() { "client_id" } else { "redirect_uri" };
                        let fault = invalid(format!("{missing} is required, once"));
                        Err(Parts { client_id, redirect_uri, ..parts }.refused(fault))
                    }
                }
            }
            Err(fault) => Err(parts.refused(fault)),
        }
    }
}

/// An authorization request that cannot be answered with a code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidAuthorizationRequest {
    /// `client_id`, if it occurs once.
    pub client_id: Option<String>,
    /// `redirect_uri`, if it occurs once.
    pub redirect_uri: Option<String>,
    /// `state`, if it occurs once.
    pub state: Option<Secret>,
    /// The reason.
    pub fault: Fault,
}

impl fmt::Display for InvalidAuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid authorization request: {}", self.fault)
    }
}

impl core::error::Error for InvalidAuthorizationRequest {}

/// The parameters that decide where a fault is reported.
struct Parts {
    client_id: Option<String>,
    redirect_uri: Option<String>,
    state: Option<Secret>,
}

impl Parts {
    fn refused(self, fault: Fault) -> Box<InvalidAuthorizationRequest> {
        let Self { client_id, redirect_uri, state } = self;
        Box::new(InvalidAuthorizationRequest { client_id, redirect_uri, state, fault })
    }
}

/// The other parameters.
struct Rest {
    scope: Vec<String>,
    code_challenge: Option<String>,
    parameters: Vec<Parameter>,
}

impl Query<'_> {
    /// Returns the other parameters of a request.
    fn rest(&self) -> Result<Rest, Fault> {
        self.has_no_repetition()?;
        for name in ["request", "request_uri"] {
            if self.once(name).is_some() {
                return Err(Fault::new(FaultCode::other(&format!("{name}_not_supported")))
                    .with_description(format!("the parameter {name} is not supported")));
            }
        }
        match self.once("response_type").as_deref() {
            Some("code") => {}
            Some(_) => {
                return Err(Fault::new(FaultCode::other("unsupported_response_type"))
                    .with_description("the response_type must be code"));
            }
            None => return Err(invalid("response_type is required")),
        }
        if self.once("response_mode").is_some_and(|mode| mode != QUERY) {
            return Err(invalid("the response_mode must be query"));
        }
        let is_base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let code_challenge = self.once("code_challenge");
        match (code_challenge.as_deref(), self.once("code_challenge_method").as_deref()) {
            (None, None) => {}
            (Some(challenge), Some(S256))
                if challenge.len() == CHALLENGE_LEN && challenge.bytes().all(is_base64url) => {}
            (Some(_), Some(S256)) => return Err(invalid("the code_challenge is not the result of S256")),
            // An unnamed transform is `plain` (RFC 7636 §4.3), which protects nothing.
            (Some(_), _) => return Err(invalid("the code_challenge_method must be S256")),
            (None, Some(_)) => {
                return Err(invalid("code_challenge is required with a code_challenge_method"));
            }
        }
        let prompt = self.once("prompt").unwrap_or_default();
        let prompts = || prompt.split_ascii_whitespace();
        if prompts().any(|value| value == "none") && prompts().nth(1).is_some() {
            return Err(invalid("the prompt none excludes all others"));
        }
        let scope = self.once("scope").or_else(|| self.once("scopes")).unwrap_or_default();
        let scope = scope.split_ascii_whitespace().map(str::to_owned).collect();
        let parameters = [REPEATABLE.as_slice(), &["prompt", "nonce"]]
            .concat()
            .into_iter()
            .flat_map(|name| self.values(name).filter_map(move |value| Parameter::new(name, value).ok()))
            .collect();
        Ok(Rest { scope, code_challenge, parameters })
    }

    /// Checks that no parameter occurs more than once, also one that is ignored (RFC 6749 §3.1).
    fn has_no_repetition(&self) -> Result<(), Fault> {
        let mut names = BTreeSet::new();
        for (name, _) in self.0.iter().filter(|(name, _)| !REPEATABLE.contains(&&**name)) {
            if !names.insert(&**name) {
                let known = KNOWN.iter().find(|known| *known == name).unwrap_or(&"a parameter");
                return Err(invalid(format!("{known} is included more than once")));
            }
        }
        Ok(())
    }
}

fn invalid(description: impl Into<Cow<'static, str>>) -> Fault {
    Fault::new(FaultCode::InvalidRequest).with_description(description)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::Provider;
    use crate::{Endpoint, Service};

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn request() -> AuthorizationRequest {
        AuthorizationRequest::new("my id", "http://127.0.0.1:1/cb")
            .with_scope(["a", "b"])
            .with_state(Secret::from("s+&"))
            .with_code_challenge(CHALLENGE)
    }

    #[test]
    fn aws_has_the_parameters_of_its_own_client_in_its_order() {
        let service = Service::from(Endpoint::custom("https://proxy.example/aws").unwrap());
        let expected = format!(
            "https://proxy.example/aws/authorize?response_type=code&client_id=my%20id\
             &redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fcb&state=s%2B%26&code_challenge_method=S256\
             &scopes=a%20b&code_challenge={CHALLENGE}"
        );
        assert_eq!(service.authorization_url(&request()), Some(expected));
    }

    #[test]
    fn a_provider_has_the_parameters_of_the_standard_after_the_endpoints_own() {
        let provider =
            Provider::for_code("https://id.example/auth?tenant=a", "https://id.example/t").unwrap();
        let parameters = [Parameter::new("resource", "https://r.example").unwrap()];
        let url = Service::from(provider).authorization_url(&request().with_parameters(parameters)).unwrap();
        let expected = format!(
            "https://id.example/auth?tenant=a&response_type=code&client_id=my%20id\
             &redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fcb&state=s%2B%26&scope=a%20b&code_challenge={CHALLENGE}\
             &code_challenge_method=S256&resource=https%3A%2F%2Fr.example"
        );
        assert_eq!(url, expected);
    }

    #[test]
    fn a_request_is_read_as_it_was_written_in_both_dialects() {
        let parameters =
            [("resource", "r"), ("resource", "q"), ("audience", "a"), ("prompt", "none"), ("nonce", "n")];
        let parameters = parameters.map(|(name, value)| Parameter::new(name, value).unwrap());
        let request = request().with_parameters(parameters);
        assert_eq!(AuthorizationRequest::decode(&request.query(Dialect::OAuth)).unwrap(), request);
        let aws = AuthorizationRequest::decode(&request.query(Dialect::Aws)).unwrap();
        assert_eq!(aws, request.with_parameters([]));
    }

    #[test]
    fn a_request_that_is_refused_says_why_and_where_the_answer_goes() {
        let good = "response_type=code&client_id=c&redirect_uri=http://127.0.0.1/&state=s";
        let refused = |query: &str| *AuthorizationRequest::decode(query).unwrap_err();
        for (more, code, why) in [
            ("&client_id=d", "invalid_request", "client_id is included more than once"),
            ("&state=t", "invalid_request", "state is included more than once"),
            ("&scope=a&scope=b", "invalid_request", "scope is included more than once"),
            ("&nonce=a&nonce=b", "invalid_request", "nonce is included more than once"),
            ("&%3Ca%3E=a&%3Ca%3E=b", "invalid_request", "a parameter is included more than once"),
            ("&request=a.b.c", "request_not_supported", "request is not supported"),
            ("&request_uri=urn:x", "request_uri_not_supported", "request_uri is not supported"),
            ("&response_mode=fragment", "invalid_request", "the response_mode must be query"),
            ("&response_mode=form_post", "invalid_request", "the response_mode must be query"),
            ("&prompt=none%20login", "invalid_request", "none excludes all others"),
            ("&code_challenge=x&code_challenge_method=S256", "invalid_request", "not the result of S256"),
            (&format!("&code_challenge={CHALLENGE}"), "invalid_request", "must be S256"),
            (
                &format!("&code_challenge={CHALLENGE}&code_challenge_method=plain"),
                "invalid_request",
                "must be S256",
            ),
            ("&code_challenge_method=S256", "invalid_request", "code_challenge is required"),
        ] {
            let refused = refused(&format!("{good}{more}"));
            assert_eq!(refused.fault.code.error(), code, "{more}");
            assert!(refused.to_string().contains(why), "{refused}");
            assert_eq!(refused.redirect_uri.as_deref(), Some("http://127.0.0.1/"), "{more}");
        }
        for fine in
            ["&response_mode=query", "&response_mode=", "&nonce=a", "&state=", "&prompt=login%20consent"]
        {
            assert!(AuthorizationRequest::decode(&format!("{good}{fine}")).is_ok(), "{fine}");
        }
        let token = refused(&good.replace("=code", "=token"));
        // A request object may have the response type.
        let object = refused(&format!("{}&request=x", good.replace("response_type=code&", "")));
        assert_eq!(object.fault.code.error(), "request_not_supported");
        assert_eq!(token.fault.code.error(), "unsupported_response_type");
        assert_eq!((token.client_id.as_deref(), token.state), (Some("c"), Some(Secret::from("s"))));
        assert_eq!(refused("client_id=c").fault.code, FaultCode::InvalidRequest);
        // It reports the part that is present, so that the other half can be looked up.
        let half = refused("response_type=code&client_id=c");
        assert_eq!((half.client_id.as_deref(), half.redirect_uri), (Some("c"), None));
        let half = refused("response_type=code&redirect_uri=u");
        assert_eq!((half.client_id, half.redirect_uri.as_deref()), (None, Some("u")));
        assert!(refused("response_type=code&client_id=c&redirect_uri=").to_string().contains("redirect_uri"));
        assert!(refused("response_type=code&redirect_uri=u").to_string().contains("client_id"));
    }

    #[test]
    fn neither_code_nor_state_is_printed() {
        let response = crate::AuthorizationResponse::code(Secret::from("sentinel"))
            .with_state(Some(Secret::from("sentinel")));
        let request = request().with_state(Secret::from("sentinel"));
        assert!(!format!("{response:?} {request:?}").contains("sentinel"));
    }
}
