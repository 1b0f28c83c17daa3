//! What a run needs from outside: requests, time, and a person.

use core::fmt;
use core::time::Duration;

use http::{Request, Response};
use oidc_proto::Body;

/// Sends the requests of a run.
///
/// Any status is a response, redirects are not followed, and a header or body arrives as the server sent it. The
/// feature `ureq` has an implementation. In a test of a server, the implementation can call the server's handler.
pub trait Transport {
    /// Sends one request. Its purpose is the [`Step`](crate::Step) among its extensions.
    ///
    /// ```
    /// use device_conform::{Body, NoResponse, Step, Transport};
    /// use http::{Request, Response};
    ///
    /// /// Shows the purpose of each request on the way.
    /// struct Shown<T>(T);
    /// impl<T: Transport> Transport for Shown<T> {
    ///     fn send(&mut self, request: &Request<Body>) -> Result<Response<Body>, NoResponse> {
    ///         let step: Option<&Step> = request.extensions().get();
    ///         eprintln!("{}", step.map(ToString::to_string).unwrap_or_default());
    ///         self.0.send(request)
    ///     }
    /// }
    /// # struct Down;
    /// # impl Transport for Down {
    /// #     fn send(&mut self, _: &Request<Body>) -> Result<Response<Body>, NoResponse> {
    /// #         Err(NoResponse::new("the server is down"))
    /// #     }
    /// # }
    /// # let request = Request::new(Body::new(Vec::new()));
    /// let sent = Shown(Down).send(&request);
    /// assert_eq!(sent.unwrap_err(), NoResponse::new("the server is down"));
    /// ```
    ///
    /// # Errors
    /// There is no response.
    fn send(&mut self, request: &Request<Body>) -> Result<Response<Body>, NoResponse>;

    /// Sends several requests at the same time, and returns the results in their order. The default sends one after
    /// another, which is right for a server that is called in process.
    ///
    /// ```
    /// use device_conform::{Body, NoResponse, Transport};
    /// use http::{Request, Response};
    /// # struct InProcess;
    /// # impl Transport for InProcess {
    /// #     fn send(&mut self, _: &Request<Body>) -> Result<Response<Body>, NoResponse> {
    /// #         Ok(Response::new(Body::new(Vec::new())))
    /// #     }
    /// # }
    /// let twelve = vec![Request::new(Body::new(Vec::new())); 12];
    /// assert_eq!(InProcess.send_together(&twelve).len(), 12);
    /// ```
    fn send_together(&mut self, requests: &[Request<Body>]) -> Vec<Result<Response<Body>, NoResponse>> {
        requests.iter().map(|request| self.send(request)).collect()
    }
}

/// The time of a run.
pub trait Clock {
    /// Returns the time since an origin that never changes.
    fn now(&self) -> Duration;

    /// Waits for this time.
    fn wait(&mut self, time: Duration);
}

/// A person, or a program in place of one, at the page of the server.
pub trait Person {
    /// Approves or denies the device with these codes, and returns when that is done.
    ///
    /// ```
    /// use device_conform::{Decision, NotDecided, Person, Prompt};
    ///
    /// let mut person = |prompt: &Prompt<'_>, decision: Decision| match decision {
    ///     // Here a test calls its server, or opens its page.
    ///     Decision::Approve => Ok(println!("approved {}", prompt.user_code)),
    ///     Decision::Deny => Err(NotDecided::new("this server has no button for that")),
    /// };
    /// let prompt = Prompt::new("WDJB-MJHT", "https://id.example/device", None);
    /// assert!(person.decide(&prompt, Decision::Approve).is_ok());
    /// assert!(person.decide(&prompt, Decision::Deny).is_err());
    /// ```
    ///
    /// # Errors
    /// No decision was made. The checks that need it are left out then.
    fn decide(&mut self, prompt: &Prompt<'_>, decision: Decision) -> Result<(), NotDecided>;
}

/// What a person needs for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prompt<'a> {
    /// The code to type.
    pub user_code: &'a str,
    /// The page to open.
    pub verification_uri: &'a str,
    /// The page with the code in its address, if the server has one.
    pub verification_uri_complete: Option<&'a str>,
}

/// The decision that a check needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a person must be able to make every decision")]
pub enum Decision {
    /// The device may sign in.
    Approve,
    /// The device may not.
    Deny,
}

/// The reason why a request got no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoResponse(String);

/// The reason why no decision was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotDecided(String);

/// No person: every decision is [`NotDecided`].
///
/// ```
/// use device_conform::{Absent, Decision, Person as _, Prompt};
/// let prompt = Prompt::new("WDJB-MJHT", "https://id.example/device", None);
/// assert!(Absent.decide(&prompt, Decision::Approve).is_err());
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has no settings")]
pub struct Absent;

impl Person for Absent {
    fn decide(&mut self, _: &Prompt<'_>, _: Decision) -> Result<(), NotDecided> {
        Err(NotDecided::new("there is no person to decide"))
    }
}

impl<F: FnMut(&Prompt<'_>, Decision) -> Result<(), NotDecided>> Person for F {
    fn decide(&mut self, prompt: &Prompt<'_>, decision: Decision) -> Result<(), NotDecided> {
        self(prompt, decision)
    }
}

impl<'a> Prompt<'a> {
    /// Creates a prompt.
    #[must_use]
    pub const fn new(user_code: &'a str, verification_uri: &'a str, complete: Option<&'a str>) -> Self {
        Self { user_code, verification_uri, verification_uri_complete: complete }
    }
}

impl NoResponse {
    /// Creates the reason. It must not have a secret.
    ///
    /// ```
    /// assert_eq!(device_conform::NoResponse::new("timed out").to_string(), "timed out");
    /// ```
    #[must_use]
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

impl NotDecided {
    /// Creates the reason. It must not have a secret.
    ///
    /// ```
    /// assert_eq!(device_conform::NotDecided::new("the page is down").to_string(), "the page is down");
    /// ```
    #[must_use]
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string())
    }
}
