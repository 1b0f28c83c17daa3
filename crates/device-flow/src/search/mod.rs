//! The metadata search: the addresses, their order, the retries, and the choice of the result.

mod error;
mod place;
mod redirect;

use core::mem;
use core::time::Duration;

use http::{Response, Uri};
use oidc_proto::Endpoint;
use oidc_proto::oauth::Metadata;

pub use self::error::SearchError;
use self::place::{Finding, Place};
pub use self::redirect::NotFollowed;
use crate::jitter::Jitter;
use crate::pace::Pace;
use crate::{Policy, ResponseBody, Tick, TransportError};

/// The search for a provider's metadata. It tries the addresses of OpenID Connect Discovery and RFC 8414, and
/// the variants that providers use ([`Metadata::well_known`]).
///
/// The rules:
///
/// * The search ends with the first document of this issuer that has all required endpoints. An incomplete
///   one does not end it, because another address may have more. Without a complete one, the best is the
///   result.
/// * After a permanent error status, a page, or a document of another issuer, the next address follows.
/// * After no response, a 429, or any `Retry-After`, the search waits and retries the same address. After any
///   other transient status (such as a 500), the next address follows, and this one is retried in a later
///   round. Waits double from one second. The retry window is that of a sign-in before its codes
///   ([`Policy::setup_retry_window`]).
/// * An untrusted certificate ends the search, because waiting does not help.
/// * At most three redirects in a row are followed, to the same origin or to an `https` URL, without user
///   name and password. The requests carry no secret, and the document must name the requested issuer.
///
/// `poll` takes the time and returns the next action; `on_result` takes a request's result. Like a
/// [`DeviceFlow`](crate::DeviceFlow), it reads no clock.
///
/// ```
/// use device_flow::{MetadataSearch, ResponseBody, SearchAction, Tick};
///
/// let mut now = Tick::ZERO;
/// let mut search = MetadataSearch::of("https://id.example", now)?;
/// loop {
///     match search.poll(now) {
///         SearchAction::Get { address, .. } => {
///             // From an HTTP client, which follows no redirect:
///             let found = address.path() == "/.well-known/oauth-authorization-server";
///             let body = r#"{"issuer":"https://id.example","token_endpoint":"https://id.example/t"}"#;
///             let response = http::Response::builder().status(if found { 200 } else { 404 });
///             search.on_result(now, Ok(response.body(ResponseBody::from(body))?));
///         }
///         SearchAction::Wait(until) => now = until, // a real driver sleeps
///         SearchAction::Done => break,
///     }
/// }
/// assert_eq!(search.finish()?.issuer, "https://id.example");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MetadataSearch {
    issuer: String,
    /// The program's endpoints, which override the document's.
    device_authorization_endpoint: Option<String>,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    /// The addresses of this round, the next one last.
    queue: Vec<Place>,
    /// The addresses of the next round.
    later: Vec<Place>,
    /// The address of the request in flight.
    under_way: Option<Place>,
    /// Every address that gave a result.
    asked: Vec<Uri>,
    /// The best incomplete document of this issuer.
    best: Option<Metadata>,
    /// The most informative error.
    error: Option<SearchError>,
    /// A redirect to an address that was tried before. It is the error if the addresses redirect in a circle
    /// and give nothing else.
    circle: Option<SearchError>,
    pace: Pace,
    started: Tick,
    give_up_at: Tick,
    max_backoff: Duration,
    jitter: Jitter,
    /// The latest time seen.
    now: Tick,
}

/// The next step of a driver of a [`MetadataSearch`].
///
/// Exhaustive on purpose: a driver must do each of these.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a driver must handle every action")]
#[must_use = "perform the action, or the search does not continue"]
pub enum SearchAction {
    /// Send a plain `GET` to this address, follow no redirect, and pass the result to
    /// [`MetadataSearch::on_result`]. Every poll returns this until then, and sending it twice is harmless.
    Get {
        /// The address.
        address: Uri,
        /// The origin of the address, which determines proxy and certificates.
        origin: Endpoint,
    },
    /// Poll again at this time. Polling earlier is harmless.
    Wait(Tick),
    /// The search is over: see [`MetadataSearch::finish`].
    Done,
}

impl MetadataSearch {
    /// Creates a search for this issuer's metadata. The URL of the metadata itself is accepted too.
    ///
    /// ```
    /// use device_flow::{MetadataSearch, Tick};
    /// assert!(MetadataSearch::of("https://id.example/tenant", Tick::ZERO).is_ok());
    /// let pasted = MetadataSearch::of("https://id.example/.well-known/openid-configuration", Tick::ZERO)?;
    /// assert_eq!(pasted.issuer(), "https://id.example");
    /// assert!(MetadataSearch::of("http://id.example", Tick::ZERO).is_err()); // plain http is for this machine alone
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// The issuer is not a URL with metadata below it.
    pub fn of(issuer: impl AsRef<str>, now: Tick) -> Result<Self, oidc_proto::EndpointError> {
        let issuer = issuer.as_ref();
        let retry_window = Policy::oauth().setup_retry_window;
        let addresses = Metadata::well_known(issuer)?;
        Ok(Self {
            issuer: Metadata::issuer_of(issuer),
            device_authorization_endpoint: None,
            authorization_endpoint: None,
            token_endpoint: None,
            queue: addresses.into_iter().rev().filter_map(Place::first).collect(),
            later: Vec::new(),
            under_way: None,
            asked: Vec::new(),
            best: None,
            error: None,
            circle: None,
            pace: Pace::setup(now),
            started: now,
            give_up_at: now + retry_window,
            max_backoff: Policy::oauth().max_backoff,
            jitter: Jitter::none(),
            now,
        })
    }

    /// Returns the same search with a device authorization endpoint that the program knows. A document may
    /// then lack one, and the result has this one.
    ///
    /// ```
    /// use device_flow::{MetadataSearch, ResponseBody, SearchAction, Tick};
    /// let mut search = MetadataSearch::of("https://id.example", Tick::ZERO)?
    ///     .with_device_authorization_endpoint("https://id.example/d");
    /// assert!(matches!(search.poll(Tick::ZERO), SearchAction::Get { .. }));
    /// let document = r#"{"issuer":"https://id.example","token_endpoint":"https://id.example/t"}"#;
    /// search.on_result(Tick::ZERO, Ok(http::Response::new(ResponseBody::from(document))));
    /// assert_eq!(search.poll(Tick::ZERO), SearchAction::Done);
    /// assert!(search.finish()?.provider().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_device_authorization_endpoint(mut self, url: impl Into<String>) -> Self {
        self.device_authorization_endpoint = Some(url.into());
        self
    }

    /// Returns the same search with an authorization endpoint that the program knows, for the authorization
    /// code flow.
    ///
    /// ```
    /// # use device_flow::{MetadataSearch, ResponseBody, SearchAction, Tick};
    /// let search = MetadataSearch::of("https://id.example", Tick::ZERO)?;
    /// let mut search = search.with_authorization_endpoint("https://login.example/authorize");
    /// # let SearchAction::Get { .. } = search.poll(Tick::ZERO) else { panic!("it asks") };
    /// let document = r#"{"issuer":"https://id.example","token_endpoint":"https://id.example/t"}"#;
    /// search.on_result(Tick::ZERO, Ok(http::Response::new(ResponseBody::from(document))));
    /// # while let SearchAction::Get { .. } = search.poll(Tick::ZERO) {
    /// #     search.on_result(Tick::ZERO, Ok(http::Response::builder().status(404).body(ResponseBody::from(""))?));
    /// # }
    /// assert!(search.finish()?.code_provider().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_authorization_endpoint(mut self, url: impl Into<String>) -> Self {
        self.authorization_endpoint = Some(url.into());
        self
    }

    /// Returns the same search with a token endpoint that the program knows.
    ///
    /// ```
    /// # use device_flow::{MetadataSearch, ResponseBody, SearchAction, Tick};
    /// let search = MetadataSearch::of("https://id.example", Tick::ZERO)?;
    /// let mut search = search.with_token_endpoint("https://id.example/own");
    /// # assert!(matches!(search.poll(Tick::ZERO), SearchAction::Get { .. }));
    /// let document = r#"{"issuer":"https://id.example","token_endpoint":"https://id.example/t"}"#;
    /// search.on_result(Tick::ZERO, Ok(http::Response::new(ResponseBody::from(document))));
    /// assert_eq!(search.finish()?.token_endpoint.as_deref(), Some("https://id.example/own"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_token_endpoint(mut self, url: impl Into<String>) -> Self {
        self.token_endpoint = Some(url.into());
        self
    }

    /// Returns the same search with this retry window for a provider that gives no response, counted from the
    /// search's beginning. The default is 20 s.
    ///
    /// ```
    /// # use device_flow::{Failure, MetadataSearch, SearchAction, SearchError, Tick};
    /// # use core::time::Duration;
    /// let search = MetadataSearch::of("https://id.example", Tick::ZERO)?;
    /// let mut search = search.with_retry_window(Duration::ZERO);
    /// # assert!(matches!(search.poll(Tick::ZERO), SearchAction::Get { .. }));
    /// search.on_result(Tick::ZERO, Err(Failure::NotSent.into()));
    /// assert_eq!(search.poll(Tick::ZERO), SearchAction::Done);
    /// assert!(matches!(search.finish(), Err(SearchError::Transport { .. })));
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub fn with_retry_window(mut self, retry_window: Duration) -> Self {
        self.give_up_at = self.started + retry_window;
        self
    }

    /// Returns the same search with jitter for the waits after errors, as in
    /// [`DeviceFlow::with_jitter`](crate::DeviceFlow::with_jitter).
    ///
    /// ```
    /// # use device_flow::{Failure, MetadataSearch, SearchAction, Tick};
    /// # use core::time::Duration;
    /// let seed = 4711; // from the operating system, in a program
    /// let mut search = MetadataSearch::of("https://id.example", Tick::ZERO)?.with_jitter(seed);
    /// # assert!(matches!(search.poll(Tick::ZERO), SearchAction::Get { .. }));
    /// search.on_result(Tick::ZERO, Err(Failure::NotSent.into()));
    /// let second = Tick::ZERO + Duration::from_secs(1);
    /// assert!(matches!(search.poll(Tick::ZERO), SearchAction::Wait(until) if until >= second));
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub const fn with_jitter(mut self, seed: u64) -> Self {
        self.jitter = Jitter::seeded(seed);
        self
    }

    /// Returns the issuer that the metadata must name.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the next action.
    pub fn poll(&mut self, now: Tick) -> SearchAction {
        self.now = self.now.max(now);
        if self.under_way.is_none() {
            if !self.queue.is_empty() && self.pace.due() > self.now {
                return SearchAction::Wait(self.pace.due());
            }
            self.under_way = self.queue.pop();
            #[cfg(feature = "tracing")]
            if let Some(place) = &self.under_way {
                crate::events::fetching(&redirect::without_query(&place.address));
            }
        }
        match &self.under_way {
            Some(Place { address, origin, .. }) => {
                SearchAction::Get { address: address.clone(), origin: origin.clone() }
            }
            None => SearchAction::Done,
        }
    }

    /// Handles the result of a [`SearchAction::Get`]. Without a request in flight nothing changes. A document
    /// whose body broke off counts if it is complete.
    ///
    /// ```
    /// use core::time::Duration;
    /// use device_flow::{Failure, MetadataSearch, SearchAction, Tick, TransportError};
    ///
    /// let mut search = MetadataSearch::of("https://id.example", Tick::ZERO)?;
    /// assert!(matches!(search.poll(Tick::ZERO), SearchAction::Get { .. }));
    /// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    /// search.on_result(Tick::ZERO, Err(TransportError::new(Failure::NotSent, refused)));
    /// assert_eq!(search.poll(Tick::ZERO), SearchAction::Wait(Tick::ZERO + Duration::from_secs(1)));
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    pub fn on_result(&mut self, now: Tick, result: Result<Response<ResponseBody>, TransportError>) {
        self.now = self.now.max(now);
        let Some(mut place) = self.under_way.take() else { return };
        #[cfg(feature = "tracing")]
        crate::events::fetched(&redirect::without_query(&place.address), &result);
        self.asked.push(place.address.clone());
        match place.finding(&self.issuer, result) {
            Finding::Document(metadata) => self.keep(*metadata),
            Finding::Elsewhere(address, origin) => self.redirected(place, address, origin),
            Finding::Nothing(error) => self.note(error),
            Finding::TransientError(error) => {
                place.error = Some(error);
                self.later.push(place);
            }
            Finding::Pause(error, retry_after) => {
                place.error = Some(error);
                self.queue.push(place);
                self.pause(retry_after);
            }
            Finding::End(error) => {
                self.note(error);
                self.end();
            }
        }
        // An address that already gave a result, through a redirect, is not tried again, unless the result
        // was transient.
        let asked = &self.asked;
        self.queue.retain(|place| place.error.is_some() || !asked.contains(&place.address));
        if self.queue.is_empty() && !self.later.is_empty() {
            self.queue = mem::take(&mut self.later);
            self.queue.reverse();
            self.pause(None);
        }
    }

    /// Returns the result: a complete document, or the one that lacks least. It includes the program's own
    /// endpoints.
    ///
    /// ```
    /// use device_flow::{MetadataSearch, ResponseBody, SearchAction, SearchError, Tick};
    /// use oidc_proto::oauth::MetadataError;
    ///
    /// let mut search = MetadataSearch::of("https://id.example", Tick::ZERO)?;
    /// while let SearchAction::Get { .. } = search.poll(Tick::ZERO) {
    ///     search.on_result(Tick::ZERO, Ok(http::Response::builder().status(404).body(ResponseBody::default())?));
    /// }
    /// let error = search.finish().unwrap_err();
    /// assert!(matches!(error, SearchError::Metadata { source: MetadataError::Status(404), .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The search found no metadata of this issuer, or was not driven to its end.
    pub fn finish(self) -> Result<Metadata, SearchError> {
        let is_over = self.queue.is_empty() && self.later.is_empty() && self.under_way.is_none();
        match (self.best, self.error.or(self.circle)) {
            (Some(metadata), _) => Ok(metadata),
            (None, Some(error)) if is_over => Err(error),
            (None, _) => Err(SearchError::Unfinished),
        }
    }

    /// Keeps a document of this issuer: the result, or the best so far.
    fn keep(&mut self, mut metadata: Metadata) {
        let by_hand = [
            (&self.device_authorization_endpoint, &mut metadata.device_authorization_endpoint),
            (&self.authorization_endpoint, &mut metadata.authorization_endpoint),
            (&self.token_endpoint, &mut metadata.token_endpoint),
        ];
        for (known, found) in by_hand {
            if known.is_some() {
                found.clone_from(known);
            }
        }
        let is_enough = metadata.provider().is_ok();
        if is_enough || self.best.as_ref().is_none_or(|best| endpoints(&metadata) > endpoints(best)) {
            self.best = Some(metadata);
        }
        if is_enough {
            self.end();
        }
    }

    /// Follows a redirect.
    fn redirected(&mut self, place: Place, address: Uri, origin: Endpoint) {
        if self.asked.contains(&address) {
            self.circle = Some(SearchError::Redirect {
                target: redirect::without_query(&address).to_string(),
                address: redirect::without_query(&place.address),
                reason: NotFollowed::Loop,
            });
        }
        let mut came_from = place.came_from;
        came_from.push(place.address);
        self.queue.push(Place { address, origin, came_from, error: None });
    }

    /// Keeps the most informative error.
    fn note(&mut self, error: SearchError) {
        if self.error.as_ref().is_none_or(|noted| error.telling() > noted.telling()) {
            self.error = Some(error);
        }
    }

    /// Pauses the search, or ends it if the retry window is over by then.
    fn pause(&mut self, retry_after: Option<Duration>) {
        let least = self.now + self.pace.backoff(retry_after, self.max_backoff);
        if least > self.give_up_at {
            return self.end();
        }
        self.pace.back_off(self.now, retry_after, self.max_backoff, self.jitter.draw());
        // The retry window grows by the draw, so that jitter costs no attempt.
        self.give_up_at = self.give_up_at + self.pace.due().since(least);
    }

    fn end(&mut self) {
        let left = mem::take(&mut self.queue).into_iter().chain(mem::take(&mut self.later));
        let errors: Vec<_> = left.filter_map(|place| place.error).collect();
        for error in errors {
            self.note(error);
        }
    }
}

/// Returns how many of the endpoints of a sign-in the metadata names.
fn endpoints(metadata: &Metadata) -> usize {
    let of_sign_in =
        [&metadata.device_authorization_endpoint, &metadata.authorization_endpoint, &metadata.token_endpoint];
    of_sign_in.into_iter().filter(|endpoint| endpoint.is_some()).count()
}
