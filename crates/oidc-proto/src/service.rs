//! The service that a client signs in to: its URLs and its dialect.

use alloc::borrow::Cow;
use alloc::sync::Arc;
use core::fmt;

use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Uri};

use crate::authorization::with_query;
use crate::endpoint::{AUTHORIZE, Url};
use crate::oauth::Provider;
use crate::wire::{Payload, Wire as _};
use crate::{Answer, AuthorizationRequest, Call, CreateTokenRequest, Dialect, Endpoint, Operation, Request};

/// The service that a client signs in to: the URL of each operation, and the dialect.
///
/// This value alone decides where secrets may go. An HTTP client belongs to a service, which determines proxy
/// and certificates. A flow belongs to a service and sends all its requests there. Clones share the data.
///
/// An [`Endpoint`] makes a service of AWS, a [`Provider`] one of the OAuth dialect.
///
/// ```
/// use oidc_proto::oauth::Provider;
/// use oidc_proto::{Dialect, Endpoint, Operation, Service};
///
/// let aws = Service::from(Endpoint::for_region("eu-west-1")?);
/// assert_eq!((aws.dialect(), aws.offers(Operation::RegisterClient)), (Dialect::Aws, true));
/// assert_eq!(aws.endpoint(), Some(&Endpoint::for_region("eu-west-1")?));
/// let provider = Service::from(Provider::new("https://id.example/device", "https://id.example/token")?);
/// assert_eq!((provider.dialect(), provider.offers(Operation::RegisterClient)), (Dialect::OAuth, false));
/// assert!(provider.endpoint().is_none() && provider.hosts().all(|host| host == "id.example"));
/// assert!(provider.is_https() && !provider.is_loopback());
/// # Ok::<(), oidc_proto::EndpointError>(())
/// ```
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    place: Place,
    /// The parts that the requests of each operation share.
    heads: RequestHeads,
}

#[derive(PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "it lies behind an `Arc`, and a program has one or two")]
enum Place {
    Aws(Endpoint),
    OAuth(Provider),
}

/// Method, URL and headers of a request.
type Head = Arc<http::Request<()>>;

/// Every service has CreateToken.
struct RequestHeads {
    start_device_authorization: Option<Head>,
    create_token: Head,
    register_client: Option<Head>,
    revoke_token: Option<Head>,
}

impl RequestHeads {
    const fn of(&self, operation: Operation) -> Option<&Head> {
        match operation {
            Operation::RegisterClient => self.register_client.as_ref(),
            Operation::StartDeviceAuthorization => self.start_device_authorization.as_ref(),
            Operation::CreateToken => Some(&self.create_token),
            Operation::RevokeToken => self.revoke_token.as_ref(),
            // Only a resource asks for it, and no client here.
            Operation::IntrospectToken => None,
            // Their URLs have a query of their own: see `PortalCall::encode`.
            Operation::GetRoleCredentials
            | Operation::ListAccountRoles
            | Operation::ListAccounts
            | Operation::Logout => None,
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

fn head(uri: Uri, content_type: HeaderValue) -> Head {
    let mut head = http::Request::new(());
    *head.method_mut() = Method::POST;
    *head.uri_mut() = uri;
    head.headers_mut().insert(CONTENT_TYPE, content_type);
    // Without it GitHub responds with a form.
    head.headers_mut().insert(ACCEPT, JSON);
    // Without it a server may use any content coding (RFC 9110 §12.5.3), and an unreadable token is lost.
    head.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Arc::new(head)
}

impl From<Endpoint> for Service {
    /// Creates SSO OIDC at this endpoint, in AWS's dialect.
    fn from(endpoint: Endpoint) -> Self {
        let at = |path| head(endpoint.0.uri(path), JSON);
        let heads = RequestHeads {
            start_device_authorization: Some(at("/device_authorization")),
            create_token: at("/token"),
            register_client: Some(at("/client/register")),
            revoke_token: None,
        };
        Self(Arc::new(Inner { place: Place::Aws(endpoint), heads }))
    }
}

impl From<Provider> for Service {
    /// Creates this provider, in the OAuth dialect.
    fn from(provider: Provider) -> Self {
        let at = |url: &Url| head(url.uri(""), FORM);
        let heads = RequestHeads {
            start_device_authorization: provider.device_authorization.as_ref().map(at),
            create_token: at(&provider.token),
            // RFC 7591 uses JSON; the other requests are form-encoded.
            register_client: provider.registration.as_ref().map(|url| head(url.uri(""), JSON)),
            revoke_token: provider.revocation.as_ref().map(at),
        };
        Self(Arc::new(Inner { place: Place::OAuth(provider), heads }))
    }
}

impl Service {
    /// Returns the dialect of the messages.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self.0.place {
            Place::Aws(_) => Dialect::Aws,
            Place::OAuth(_) => Dialect::OAuth,
        }
    }

    /// Returns the base URL of a service of AWS; `None` for a provider, which has a URL for each operation.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Endpoint> {
        match &self.0.place {
            Place::Aws(endpoint) => Some(endpoint),
            Place::OAuth(_) => None,
        }
    }

    /// Returns the operation that this URL belongs to, if any.
    ///
    /// ```
    /// use oidc_proto::{Endpoint, Operation, Service};
    ///
    /// let service = Service::from(Endpoint::for_region("eu-west-1")?);
    /// let url = "https://oidc.eu-west-1.amazonaws.com/token".parse()?;
    /// assert_eq!(service.operation_at(&url), Some(Operation::CreateToken));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn operation_at(&self, url: &Uri) -> Option<Operation> {
        let operations = Operation::SIGN_IN.iter().copied().chain([Operation::RevokeToken]);
        operations
            .into_iter()
            .find(|operation| self.0.heads.of(*operation).is_some_and(|head| head.uri() == url))
    }

    /// Returns whether the service has this operation. CreateToken is always present.
    #[must_use]
    pub fn offers(&self, operation: Operation) -> bool {
        self.0.heads.of(operation).is_some()
    }

    /// Returns the URL of CreateToken, the main recipient of secrets.
    ///
    /// ```
    /// use oidc_proto::{Endpoint, Service};
    /// let service = Service::from(Endpoint::for_region("eu-west-1")?);
    /// assert_eq!(service.token_url(), "https://oidc.eu-west-1.amazonaws.com/token");
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub fn token_url(&self) -> &Uri {
        self.0.heads.create_token.uri()
    }

    /// Encodes a request; `None` if the service lacks the operation.
    ///
    /// ```
    /// use oidc_proto::oauth::Provider;
    /// use oidc_proto::{Endpoint, RegisterClientRequest, Service};
    ///
    /// let register = RegisterClientRequest::new("my-tool");
    /// let aws = Service::from(Endpoint::for_region("eu-west-1")?);
    /// assert_eq!(aws.encode(&register).ok_or("AWS has it")?.uri().path(), "/client/register");
    /// let provider = Provider::new("https://id.example/device", "https://id.example/token")?;
    /// assert!(Service::from(provider).encode(&register).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn encode<C: Call>(&self, call: &C) -> Option<Request> {
        let head = self.0.heads.of(C::OPERATION)?;
        Some(request(C::OPERATION, head, call.payload(self.dialect())))
    }

    /// Encodes a CreateToken request, which every service supports.
    ///
    /// ```
    /// use oidc_proto::{Client, CreateTokenRequest, Endpoint, Grant, Secret, Service};
    ///
    /// let service = Service::from(Endpoint::for_region("eu-west-1")?);
    /// let grant = Grant::device_code(Secret::from("dc"));
    /// let request = service.encode_create_token(&CreateTokenRequest::new(Client::public("my-tool"), grant));
    /// assert_eq!(request.uri(), service.token_url());
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub fn encode_create_token(&self, call: &CreateTokenRequest) -> Request {
        request(Operation::CreateToken, &self.0.heads.create_token, call.payload(self.dialect()))
    }

    /// Creates the request with this payload, for operations without a [`Call`].
    pub(crate) fn request(&self, operation: Operation, payload: Payload) -> Option<Request> {
        Some(request(operation, self.0.heads.of(operation)?, payload))
    }

    /// Decodes the response to a `C`, in this service's dialect; see [`Dialect::decode`].
    pub fn decode<C: Call, B: AsRef<[u8]>>(
        &self,
        response: &http::Response<B>,
    ) -> Answer<<C as Call>::Answer> {
        self.dialect().decode::<C, B>(response)
    }

    /// Returns whether the service announces PKCE with method S256; see [`Provider::with_pkce`]. AWS's device
    /// grant has none.
    ///
    /// ```
    /// use oidc_proto::{Endpoint, Service};
    /// assert!(!Service::from(Endpoint::for_region("eu-west-1")?).offers_pkce());
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub fn offers_pkce(&self) -> bool {
        matches!(&self.0.place, Place::OAuth(provider) if provider.offers_pkce)
    }

    /// Returns the URL that a person opens in a browser (RFC 6749 §4.1.1); `None` if the service has no
    /// authorization endpoint.
    ///
    /// ```
    /// use oidc_proto::oauth::Provider;
    /// use oidc_proto::{AuthorizationRequest, Service};
    /// let service = Service::from(Provider::for_code("https://id.example/authorize", "https://id.example/token")?);
    /// let request = AuthorizationRequest::new("my-tool", "http://127.0.0.1:49152/").with_scope(["openid"]);
    /// assert_eq!(
    ///     service.authorization_url(&request).as_deref(),
    ///     Some("https://id.example/authorize?response_type=code&client_id=my-tool\
    ///           &redirect_uri=http%3A%2F%2F127.0.0.1%3A49152%2F&scope=openid")
    /// );
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub fn authorization_url(&self, request: &AuthorizationRequest) -> Option<String> {
        let page = match &self.0.place {
            Place::Aws(endpoint) => endpoint.0.join(AUTHORIZE),
            Place::OAuth(provider) => provider.authorization.clone()?,
        };
        Some(with_query(&page.to_string(), &request.query(self.dialect())))
    }

    /// Returns whether the service has an authorization endpoint, so the authorization code flow is possible.
    ///
    /// ```
    /// use oidc_proto::oauth::Provider;
    /// use oidc_proto::{Endpoint, Service};
    /// assert!(Service::from(Endpoint::for_region("eu-west-1")?).offers_code());
    /// let for_devices = Provider::new("https://id.example/device", "https://id.example/token")?;
    /// assert!(!Service::from(for_devices).offers_code());
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub fn offers_code(&self) -> bool {
        match &self.0.place {
            Place::Aws(_) => true,
            Place::OAuth(provider) => provider.authorization.is_some(),
        }
    }

    /// Returns whether an authorization response with this `iss` may be from this service (RFC 9207 §2.4).
    ///
    /// ```
    /// use oidc_proto::Service;
    /// use oidc_proto::oauth::Metadata;
    /// let mut metadata = Metadata::default();
    /// metadata.issuer = "https://id.example".to_owned();
    /// metadata.authorization_endpoint = Some("https://id.example/authorize".to_owned());
    /// metadata.token_endpoint = Some("https://id.example/token".to_owned());
    /// metadata.authorization_response_iss_parameter_supported = true;
    /// let service = Service::from(metadata.code_provider()?);
    /// assert!(service.is_issuer(Some("https://id.example")));
    /// assert!(!service.is_issuer(Some("https://evil.example")) && !service.is_issuer(None));
    /// # Ok::<(), oidc_proto::oauth::MetadataError>(())
    /// ```
    #[must_use]
    pub fn is_issuer(&self, named: Option<&str>) -> bool {
        let known = match &self.0.place {
            Place::Aws(_) => None,
            Place::OAuth(provider) => provider.issuer.as_ref(),
        };
        match (known, named) {
            // A service without metadata has no issuer to compare.
            (None, _) => true,
            (Some((issuer, _)), Some(named)) => **issuer == *named,
            (Some((_, is_always_named)), None) => !is_always_named,
        }
    }

    /// Resolves a verification address. One that begins with a slash is below the service's own host (RFC
    /// 3986 §4.2). Any other stays unchanged.
    ///
    /// ```
    /// use oidc_proto::{Endpoint, Service};
    /// let service = Service::from(Endpoint::custom("https://id.example:8443/oidc")?);
    /// assert_eq!(service.page_address("/device"), "https://id.example:8443/device");
    /// assert_eq!(service.page_address("//login.example/device"), "https://login.example/device");
    /// assert_eq!(service.page_address("https://id.example/device"), "https://id.example/device");
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub fn page_address<'a>(&self, address: &'a str) -> Cow<'a, str> {
        let address = address.trim();
        let heads = &self.0.heads;
        let uri = heads.start_device_authorization.as_ref().unwrap_or(&heads.create_token).uri();
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return address.into();
        };
        if address.starts_with("//") {
            format!("{scheme}:{address}").into()
        } else if address.starts_with('/') {
            format!("{scheme}://{authority}{address}").into()
        } else {
            address.into()
        }
    }

    /// Returns whether every URL is on this machine, by name alone: `localhost`, 127.0.0.0/8 or `[::1]`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.urls().all(Url::is_loopback)
    }

    /// Returns whether all requests are encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.urls().all(Url::is_https)
    }

    /// Returns whether any request is encrypted, so certificates are needed.
    ///
    /// ```
    /// use oidc_proto::Service;
    /// use oidc_proto::oauth::Provider;
    /// let service = Service::from(Provider::new("https://id.example/device", "http://127.0.0.1:8080/token")?);
    /// assert!(service.uses_https() && !service.is_https());
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub fn uses_https(&self) -> bool {
        self.urls().any(Url::is_https)
    }

    /// Returns the hosts of all URLs, without ports; an IPv6 address has its brackets. Duplicates are
    /// possible.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.urls().map(Url::host)
    }

    /// Returns a text that equal services share, and no others, to store with a service's data. It names
    /// every URL and holds no secret.
    ///
    /// ```
    /// use oidc_proto::{Endpoint, Service};
    /// let identity = |url: &str| Ok::<_, oidc_proto::EndpointError>(Service::from(Endpoint::custom(url)?).identity());
    /// assert_eq!(identity("https://ID.example/")?, "AWS https://id.example:443");
    /// assert_eq!(identity("https://ID.example/")?, identity("https://id.example:443")?);
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub fn identity(&self) -> String {
        match &self.0.place {
            Place::Aws(endpoint) => format!("AWS {}", endpoint.0.canonical()),
            Place::OAuth(provider) => {
                let Provider { device_authorization, token, registration, revocation, .. } = provider;
                let mut text = "OAuth".to_owned();
                for (name, url) in [
                    ("device_authorization", device_authorization),
                    ("token", &Some(token.clone())),
                    ("registration", registration),
                    ("revocation", revocation),
                ] {
                    if let Some(url) = url {
                        text = format!("{text} {name}={}", url.canonical());
                    }
                }
                text
            }
        }
    }

    fn urls(&self) -> impl Iterator<Item = &Url> {
        let (base, provider) = match &self.0.place {
            Place::Aws(endpoint) => (Some(&endpoint.0), None),
            Place::OAuth(provider) => (None, Some(provider)),
        };
        base.into_iter().chain(provider.into_iter().flat_map(Provider::urls))
    }
}

fn request(operation: Operation, head: &Head, payload: Payload) -> Request {
    let head = match payload.authorization {
        None => Arc::clone(head),
        Some(authorization) => {
            let mut own = http::Request::clone(head);
            own.headers_mut().insert(AUTHORIZATION, authorization);
            Arc::new(own)
        }
    };
    Request::new(operation, head, payload.body)
}

/// Two services are equal if their requests go to the same URLs in the same dialect, in any spelling.
impl PartialEq for Service {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.place == other.0.place
    }
}

impl Eq for Service {}

/// The base URL of a service of AWS, the token URL of a provider.
impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.place {
            Place::Aws(endpoint) => endpoint.fmt(f),
            Place::OAuth(provider) => provider.fmt(f),
        }
    }
}

/// Every URL of the service.
impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.place {
            Place::Aws(endpoint) => endpoint.fmt(f),
            Place::OAuth(provider) => provider.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider() -> Provider {
        Provider::new("https://a.example/device?x=1", "https://b.example/token").unwrap()
    }

    fn url(service: &Service, operation: Operation) -> Option<String> {
        service.0.heads.of(operation).map(|head| head.uri().to_string())
    }

    #[test]
    fn a_provider_has_a_url_for_each_operation_and_a_query_is_kept() {
        let service = Service::from(provider());
        let start = Operation::StartDeviceAuthorization;
        assert_eq!(url(&service, start).unwrap(), "https://a.example/device?x=1");
        assert_eq!(url(&service, Operation::CreateToken).unwrap(), "https://b.example/token");
        assert!(!service.offers(Operation::RevokeToken) && !service.offers(Operation::RegisterClient));
        let provider = provider().with_revocation("https://b.example/revoke").unwrap();
        let service = Service::from(provider.with_registration("https://b.example/register").unwrap());
        assert_eq!(url(&service, Operation::RevokeToken).unwrap(), "https://b.example/revoke");
        assert_eq!(url(&service, Operation::RegisterClient).unwrap(), "https://b.example/register");
        assert!(service.is_https() && !service.is_loopback());
    }

    #[test]
    fn aws_has_the_paths_of_its_model_and_no_revocation() {
        let service = Service::from(Endpoint::custom("https://proxy.example:8443/aws/oidc/").unwrap());
        for operation in Operation::SIGN_IN.iter().copied() {
            let path = operation.aws_path().unwrap();
            let expected = format!("https://proxy.example:8443/aws/oidc{path}");
            assert_eq!(url(&service, operation).unwrap(), expected);
        }
        assert!(!service.offers(Operation::RevokeToken));
        let bare = Service::from(Endpoint::custom("http://127.0.0.1:9/").unwrap());
        assert_eq!(bare.token_url(), "http://127.0.0.1:9/token");
    }

    /// Checks equality in both directions, and the identities.
    #[track_caller]
    fn is_one(one: impl Into<Service>, other: impl Into<Service>, expected: bool) {
        let (one, other) = (one.into(), other.into());
        assert_eq!(
            (one == other, one.identity() == other.identity()),
            (expected, expected),
            "{one:?} {other:?}"
        );
    }

    #[test]
    fn services_are_equal_if_requests_go_to_the_same_places_in_the_same_dialect() {
        let aws = |url: &str| Endpoint::custom(url).unwrap();
        is_one(aws("https://id.example/"), aws("https://ID.example:443"), true);
        is_one(aws("https://id.example/"), aws("https://id.example/tenant"), false);
        is_one(aws("https://id.example/"), aws("https://id.example:8443/"), false);
        is_one(aws("http://localhost:80/"), aws("https://localhost:80/"), false);
        is_one(provider(), provider(), true);
        let url = "https://b.example/more";
        let revoking = || provider().with_revocation(url).unwrap();
        is_one(provider(), revoking(), false);
        is_one(provider().with_registration(url).unwrap(), revoking(), false);
        // The same token URL is not enough.
        let token = "https://id.example/token";
        let other = |codes| Provider::new(codes, token).unwrap();
        is_one(other("https://a.example/"), other("https://b.example/"), false);
        let other = Service::from(other("https://id.example/device_authorization"));
        assert_eq!(Service::from(aws("https://id.example")).token_url(), other.token_url());
        is_one(aws("https://id.example"), other, false);
    }

    #[test]
    fn what_is_said_of_a_providers_urls_is_said_of_all_of_them() {
        let here = Provider::new("http://127.0.0.1:1/d", "http://[::1]:1/t").unwrap();
        let here = Service::from(here);
        assert!(here.is_loopback() && !here.is_https() && !here.uses_https());
        assert_eq!(format!("{here:?}"), "Provider(http://127.0.0.1:1/d, http://[::1]:1/t)");
        let mixed = Service::from(Provider::new("http://127.0.0.1:1/d", "https://a.example/").unwrap());
        assert!(!mixed.is_loopback() && !mixed.is_https() && mixed.uses_https());
        assert_eq!(mixed.hosts().collect::<Vec<_>>(), ["127.0.0.1", "a.example"]);
        assert_eq!(mixed.to_string(), "https://a.example/");
    }
}
