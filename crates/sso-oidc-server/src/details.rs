//! The subject of a request, for tests: who asked for what. It has no secret.

use device_authority::{
    ClientRecord, DeviceKey, DeviceRecord, GrantKey, Issued, Keys, RefreshRecord, Selector, UserCode,
};
use http::Response;
use oidc_proto::oauth::{IntrospectionRequest, RevocationRequest};
use oidc_proto::portal::bearer_token;
use oidc_proto::{Body, Client, Dialect, Grant, Operation, Secret, ServerRequest};
use serde_json::Value;

use crate::router::{Handler, Route};
use crate::state::{Context, State};

/// The subject of a request, as far as it and the records tell.
#[derive(Default)]
pub(crate) struct Details {
    pub(crate) client_id: Option<String>,
    pub(crate) client_name: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) start_url: Option<String>,
    pub(crate) user_code: Option<String>,
    pub(crate) grant_type: Option<&'static str>,
    /// The tokens that the response has.
    pub(crate) issued: Option<Issued>,
}

/// Copies of the records that belong to a request.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) client: Option<ClientRecord>,
    pub(crate) device: Option<DeviceRecord>,
    family: Option<RefreshRecord>,
    /// The client of the access token.
    owner: Option<String>,
}

impl Found {
    /// Loads the records of these keys. A store that does not answer has none.
    pub(crate) async fn load(state: &State, keys: Keys<'_>) -> Self {
        let mut found = Self::default();
        let mut look = |records: device_authority::Records<'_>| {
            found = Self {
                client: records.client.cloned(),
                device: records.device.cloned(),
                family: records.refresh.cloned(),
                owner: records.access.map(|access| access.client_id.clone()),
            };
            Vec::new()
        };
        if let Err(error) = state.store().transact(keys, state.now(), &mut look).await {
            tracing::error!(%error, "the records of a request cannot be shown");
        }
        found
    }
}

impl Details {
    /// Returns the subject of an answered request.
    pub(crate) async fn of(context: &Context<'_>, route: &Route, response: &Response<Body>) -> Self {
        match route.handler {
            Handler::Operation(dialect, operation) => {
                Self::of_operation(context, dialect, operation, response).await.unwrap_or_default()
            }
            Handler::Portal(_) => Self::of_portal(context).await.unwrap_or_default(),
            Handler::Device(_) => Self::of_page(context).await.unwrap_or_default(),
            Handler::UserInfo
            | Handler::Metadata(_)
            | Handler::Page(_)
            | Handler::Ready
            | Handler::Authorization(_) => Self::default(),
        }
    }

    async fn of_operation(
        context: &Context<'_>,
        dialect: Dialect,
        operation: Operation,
        response: &Response<Body>,
    ) -> Option<Self> {
        let headers = &context.head.headers;
        if operation == Operation::IntrospectToken {
            let request = IntrospectionRequest::decode_request(headers, context.body).ok()?;
            return Some(Self::default().with_records(context, &request.client, Keys::default()).await);
        }
        if operation == Operation::RevokeToken {
            let request = RevocationRequest::decode_request(headers, context.body).ok()?;
            return Some(Self::default().with_records(context, &request.client, Keys::default()).await);
        }
        let said = serde_json::from_slice(response.body().as_ref()).unwrap_or(Value::Null);
        let text = |aws, oauth| {
            let name = if dialect == Dialect::OAuth { oauth } else { aws };
            said.get(name).and_then(Value::as_str).map(str::to_owned)
        };
        Some(match dialect.decode_http_request(operation, headers, context.body).ok()? {
            ServerRequest::RegisterClient(request) => Self {
                client_id: text("clientId", "client_id"),
                client_name: Some(request.client_name),
                scopes: request.scopes,
                ..Self::default()
            },
            ServerRequest::StartDeviceAuthorization(request) => {
                let details = Self {
                    scopes: request.scope,
                    start_url: request.start_url,
                    user_code: text("userCode", "user_code"),
                    ..Self::default()
                };
                details.with_records(context, &request.client, Keys::default()).await
            }
            ServerRequest::CreateToken(request) => {
                let issued = |token: Option<String>, of: fn(Selector) -> Issued| {
                    token.and_then(|token| Selector::of(&context.state.real(Secret::new(token)))).map(of)
                };
                let details = Self {
                    scopes: request.scope,
                    grant_type: Some(request.grant.grant_type()),
                    issued: issued(text("refreshToken", "refresh_token"), Issued::Family)
                        .or_else(|| issued(text("accessToken", "access_token"), Issued::Access)),
                    ..Self::default()
                };
                let mut keys = Keys::default();
                let mut grant = request.grant;
                if let Grant::DeviceCode { device_code: secret, .. }
                | Grant::RefreshToken { refresh_token: secret } = &mut grant
                {
                    *secret = context.state.real(secret.clone());
                }
                match GrantKey::of(&grant) {
                    GrantKey::Device(selector) => keys.device = Some(DeviceKey::DeviceCode(selector)),
                    GrantKey::Refresh(selector) => keys.refresh = Some(selector),
                    _ => {}
                }
                details.with_records(context, &request.client, keys).await
            }
        })
    }

    /// Adds what the records of these keys know.
    async fn with_records(mut self, context: &Context<'_>, client: &Client, mut keys: Keys<'_>) -> Self {
        keys.client = Some(&client.id);
        let found = Found::load(context.state, keys).await;
        self.client_id = Some(client.id.clone());
        self.add(context.state, found);
        self
    }

    fn add(&mut self, state: &State, found: Found) {
        let preconfigured = self.client_id.as_ref().and_then(|id| state.policy.preconfigured_clients.get(id));
        let name = found.client.as_ref().or(preconfigured).map(|client| client.name.clone());
        self.client_name = name.or_else(|| self.client_name.take());
        if let Some(device) = found.device {
            self.client_id.get_or_insert(device.client_id);
            self.scopes = device.scope;
            self.start_url = device.start_url;
            self.user_code = Some(device.user_code.to_string());
        } else if let Some(family) = found.family {
            self.scopes = family.scope;
            self.start_url = family.start_url.map(Into::into);
        }
    }

    async fn of_portal(context: &Context<'_>) -> Option<Self> {
        let token = context.state.real(bearer_token(&context.head.headers).ok()?);
        let mut keys = Keys::default();
        keys.access = Some(Selector::of(&token)?);
        let owner = Found::load(context.state, keys).await.owner?;
        let client = Client::public(owner);
        Some(Self::default().with_records(context, &client, Keys::default()).await)
    }

    async fn of_page(context: &Context<'_>) -> Option<Self> {
        let query = context.head.uri.query().unwrap_or_default().as_bytes();
        let mut fields = form_urlencoded::parse(query).chain(form_urlencoded::parse(context.body));
        let (_, typed) = fields.find(|(name, _)| name == "user_code")?;
        let user_code = UserCode::typed(&typed)?;
        let mut keys = Keys::default();
        keys.device = Some(DeviceKey::UserCode(user_code));
        let mut details = Self { user_code: Some(user_code.to_string()), ..Self::default() };
        details.add(context.state, Found::load(context.state, keys).await);
        Some(details)
    }
}
