//! A sign-in as a program keeps it between runs.

use core::fmt;
use core::time::Duration;

use oidc_proto::{CreateTokenRequest, Registration, Service, Token, UnixSeconds};

use crate::{Policy, SignedIn, refresh_is_due, refresh_request};

/// The state that a program keeps of a sign-in: the token, its expiry, and the registration that refreshes
/// it.
///
/// The feature `serde` serializes it. **The serialized form contains secrets in the clear**, valid for weeks.
/// Write it only to a file that its owner alone can read, or encrypt it. It is not the format of AWS's shared
/// cache files; the crate `sso-cache` reads and writes those.
///
/// ```
/// # use core::time::Duration;
/// # use device_flow::{Action, DeviceFlow, Policy, Tick};
/// # use oidc_proto::{Client, Endpoint, Secret};
/// use device_flow::Session;
/// use oidc_proto::{Token, UnixSeconds};
/// # let service = oidc_proto::Service::from(Endpoint::for_region("eu-west-1")?);
/// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start")
/// #     .with_client(Client::new("id", Secret::from("secret")));
/// # let mut flow = DeviceFlow::new(service.clone(), policy, None, Tick::ZERO);
/// # let mut now = Tick::ZERO;
/// # let mut answers = [
/// #     r#"{"deviceCode":"d","userCode":"C","verificationUri":"https://d.example/","expiresIn":600}"#,
/// #     r#"{"accessToken":"t","expiresIn":3600,"refreshToken":"r"}"#,
/// # ].into_iter();
/// # loop {
/// #     match flow.poll(now) {
/// #         Action::Send(pending) => flow.on_response(pending, now, &http::Response::new(answers.next().unwrap()))?,
/// #         Action::Wait(until) => now = until,
/// #         Action::Prompt(_) => {}
/// #         Action::AwaitReply | Action::Done => break,
/// #     }
/// # }
/// # let signed_in = flow.into_result(now)?;
/// let wall = UnixSeconds::new(1_800_000_000); // in a program: `UnixSeconds::from(SystemTime::now())`
/// let mut session = Session::new(signed_in, wall);
/// let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
/// assert!(session.is_from(&service) && session.is_for(&service, &policy));
/// assert!(!session.is_for(&service, &Policy::aws("https://d-9999999999.awsapps.com/start")));
/// assert_eq!(session.scopes, ["sso:account:access"]);
/// assert_eq!(session.expires_at, Some(UnixSeconds::new(1_800_003_600)));
///
/// let margin = Duration::from_secs(300);
/// assert!(!session.is_due(wall, margin));
/// let later = wall.saturating_add(Duration::from_secs(3400));
/// assert!(session.is_due(later, margin));
/// let request = session.refresh_request().ok_or("there is a refresh token")?; // send it, once
/// # assert_eq!(request.client.id, "id");
/// session.refresh(Token::bearer("new".into(), Duration::from_secs(3600)), later);
/// assert!(!session.is_due(later, margin) && session.token.refresh_token.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Session {
    /// The service's [identity](Service::identity).
    pub service: String,
    /// The start URL, with AWS: two portals of one region share their service.
    pub start_url: Option<String>,
    /// The registration that the token belongs to, and that refreshes it.
    pub registration: Registration,
    /// The token.
    pub token: Token,
    /// The access token's earliest expiry; `None` if the service did not send it.
    pub expires_at: Option<UnixSeconds>,
    /// The granted scopes, or the requested ones if the service sends none (RFC 6749 §5.1).
    pub scopes: Vec<String>,
}

impl Session {
    /// Creates a session from a sign-in that has just ended. `now` is the wall clock.
    #[must_use]
    pub fn new(signed_in: SignedIn, now: UnixSeconds) -> Self {
        let expires_at = signed_in.expires_in().map(|left| now.saturating_add(left));
        let SignedIn { token, registration, service, start_url, scopes, .. } = signed_in;
        let scopes = token.scope.clone().unwrap_or(scopes);
        Self { service: service.identity(), start_url, registration, token, expires_at, scopes }
    }

    /// Creates a session of this service from what a program has kept in a form of its own. Start URL and scopes
    /// are fields to set.
    ///
    /// ```
    /// use core::time::Duration;
    /// use device_flow::Session;
    /// use oidc_proto::{Client, Endpoint, Registration, Service, Token, UnixSeconds};
    ///
    /// let service = Service::from(Endpoint::for_region("eu-west-1")?);
    /// let token = Token::bearer("access".into(), Duration::ZERO).with_refresh_token("refresh".into());
    /// let registration = Registration::new(Client::public("id")).with_expiry(UnixSeconds::new(1_800_000_000));
    /// let session = Session::restored(&service, registration, token, Some(UnixSeconds::new(1_700_000_000)));
    /// assert!(session.is_from(&service) && session.is_refreshable(UnixSeconds::new(1_799_999_999)));
    /// assert!(!session.is_refreshable(UnixSeconds::new(1_800_000_000)));
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub fn restored(
        service: &Service,
        registration: Registration,
        token: Token,
        expires_at: Option<UnixSeconds>,
    ) -> Self {
        let scopes = token.scope.clone().unwrap_or_default();
        Self { service: service.identity(), start_url: None, registration, token, expires_at, scopes }
    }

    /// Returns whether the session can be refreshed: it has a refresh token, and its registration is valid.
    #[must_use]
    pub fn is_refreshable(&self, now: UnixSeconds) -> bool {
        self.token.refresh_token.is_some() && self.registration.usable_at(now, Duration::ZERO)
    }

    /// Returns whether the session belongs to this service. Never send it to another.
    #[must_use]
    pub fn is_from(&self, service: &Service) -> bool {
        self.service == service.identity()
    }

    /// Returns whether the session is what a sign-in by this policy would bring: from this service and
    /// portal, with at least these scopes.
    #[must_use]
    pub fn is_for(&self, service: &Service, policy: &Policy) -> bool {
        let start_url = self.start_url.as_deref().unwrap_or_default();
        self.is_from(service)
            && start_url == policy.start_url
            && policy.scopes.iter().all(|scope| self.scopes.contains(scope))
    }

    /// Returns whether the access token should be refreshed now, with this margin: see [`refresh_is_due`]. A
    /// token of unknown life is never due; refresh it when a server rejects it.
    #[must_use]
    pub fn is_due(&self, now: UnixSeconds, margin: Duration) -> bool {
        self.expires_at.is_some_and(|end| refresh_is_due(end, now, margin))
    }

    /// Returns the request that refreshes the token; `None` without a refresh token. Send it once: see
    /// [`refresh_request`].
    #[must_use]
    pub fn refresh_request(&self) -> Option<CreateTokenRequest> {
        let refresh_token = self.token.refresh_token.clone()?;
        Some(refresh_request(self.registration.client.clone(), refresh_token))
    }

    /// Applies the response to that request, which was sent at `asked_at` by the wall clock. A missing
    /// refresh token or scope leaves the old one in force (RFC 6749 §6). ID token and extra members are
    /// always the response's. Store the session before using it, because the old refresh token may now be
    /// invalid.
    pub fn refresh(&mut self, answer: Token, asked_at: UnixSeconds) {
        self.expires_at = answer.expires_in.map(|life| asked_at.saturating_add(life));
        if let Some(granted) = &answer.scope {
            self.scopes.clone_from(granted);
        }
        self.token = match &self.token.refresh_token {
            Some(old) => answer.keeping_refresh_token(old),
            None => answer,
        };
    }
}

/// Shows origin, purpose and expiry, and no secret.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("service", &self.service)
            .field("expires_at", &self.expires_at)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
