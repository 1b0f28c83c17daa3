//! Control of the server from inside its process.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use device_authority::{Counts, Moment, PersonError, UserDecision};

#[cfg(feature = "faults")]
use crate::FaultRule;
#[cfg(feature = "script")]
use crate::Script;
#[cfg(any(feature = "faults", feature = "script"))]
use crate::ServeError;
use crate::state::State;
use crate::{RecordedRequest, Report, TimeInPast};

/// The handle of a running server. Clones control the same server. A handle may outlive its server.
///
/// Its methods wait for the store. With a store that needs the server's runtime, do not call them on a thread of
/// that runtime.
///
/// ```
/// use core::time::Duration;
/// use sso_oidc_server::{Client, Config, InProcess};
///
/// let config = Config::default().with_client(Client::public("my-tool"));
/// let service = InProcess::new(config, || Duration::ZERO)?;
/// let handle = service.handle();
/// # let url = format!("{}/oauth/device_authorization", service.endpoint());
/// # let ask = http::Request::post(url).header("content-type", "application/x-www-form-urlencoded");
/// service.answer(&ask.body(&b"client_id=my-tool"[..])?); // a device asks
/// assert_eq!(handle.pending().len(), 1);
/// let stats = handle.stats();
/// assert_eq!((stats.requests, stats.held.devices), (1, 1));
/// assert_eq!(handle.requests().len(), 0, "the configuration remembers none");
/// assert!(handle.endpoint().starts_with("http://127.0.0.1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) state: Arc<State>,
}

/// The work of a server so far, and the size of its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// The number of accepted TCP connections.
    pub connections: u64,
    /// The number of answered requests.
    pub requests: u64,
    /// The number of connections that followed an injected redirect to another host. It should be 0.
    #[cfg(feature = "faults")]
    pub redirects_followed: u64,
    /// The number of records in the store.
    pub held: Counts,
}

impl Handle {
    /// Approves the device that shows this user code, as a person on the page would. The code is read without
    /// regard to case and separators.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sso_oidc_server::{Client, Config, InProcess, PersonError};
    ///
    /// let config = Config::default().with_client(Client::public("my-tool"));
    /// let service = InProcess::new(config, || Duration::ZERO)?;
    /// let handle = service.handle();
    /// # let url = format!("{}/oauth/device_authorization", service.endpoint());
    /// # let ask = http::Request::post(url).header("content-type", "application/x-www-form-urlencoded");
    /// service.answer(&ask.body(&b"client_id=my-tool"[..])?); // a device asks
    /// let user_code = handle.pending().pop().ok_or("a device waits")?;
    /// handle.approve(&user_code.to_lowercase())?;
    /// assert_eq!(handle.approve(&user_code), Err(PersonError::Decided));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PersonError`] if the code is unknown, expired or decided.
    pub fn approve(&self, user_code: &str) -> Result<(), PersonError> {
        self.decide(user_code, self.state.people.approval())
    }

    /// Approves the device that shows this user code, as the person of [`crate::Config::with_people`] with this
    /// subject; see [`Handle::approve`], which is the first person.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sso_oidc_server::{Client, Config, InProcess, People, Person, PersonError, Subject};
    ///
    /// let people = People::new([Person::new(Subject::new("alice")?), Person::new(Subject::new("bob")?)])?;
    /// let config = Config::default().with_client(Client::public("my-tool")).with_people(people);
    /// let service = InProcess::new(config, || Duration::ZERO)?;
    /// let handle = service.handle();
    /// # let url = format!("{}/oauth/device_authorization", service.endpoint());
    /// # let ask = http::Request::post(url).header("content-type", "application/x-www-form-urlencoded");
    /// service.answer(&ask.body(&b"client_id=my-tool"[..])?); // a device asks
    /// let user_code = handle.pending().pop().ok_or("a device waits")?;
    /// assert_eq!(handle.approve_as(&user_code, "carol"), Err(PersonError::NoSuchPerson));
    /// handle.approve_as(&user_code, "bob")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PersonError::NoSuchPerson`], and the same as for [`Handle::approve`].
    pub fn approve_as(&self, user_code: &str, subject: &str) -> Result<(), PersonError> {
        self.decide(user_code, self.approval_of(Some(subject))?)
    }

    /// Returns the approval of the person with this subject, or of the first person.
    pub(crate) fn approval_of(&self, subject: Option<&str>) -> Result<UserDecision, PersonError> {
        let people = &self.state.people;
        let person = subject.map_or_else(|| Some(people.first()), |subject| people.named(subject));
        person.map(|person| UserDecision::Approve(person.subject())).ok_or(PersonError::NoSuchPerson)
    }

    /// Denies the device that shows this user code. Its next poll gets `access_denied`.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sso_oidc_server::{Client, Config, InProcess, PersonError};
    ///
    /// let config = Config::default().with_client(Client::public("my-tool"));
    /// let service = InProcess::new(config, || Duration::ZERO)?;
    /// let handle = service.handle();
    /// # let url = format!("{}/oauth/device_authorization", service.endpoint());
    /// # let ask = http::Request::post(url).header("content-type", "application/x-www-form-urlencoded");
    /// service.answer(&ask.body(&b"client_id=my-tool"[..])?); // a device asks
    /// let user_code = handle.pending().pop().ok_or("a device waits")?;
    /// handle.deny(&user_code)?;
    /// assert_eq!(handle.approve(&user_code), Err(PersonError::Decided));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The same as for [`Handle::approve`].
    pub fn deny(&self, user_code: &str) -> Result<(), PersonError> {
        self.decide(user_code, UserDecision::Deny)
    }

    /// Expires this user code now. The device's next poll gets `expired_token`.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sso_oidc_server::{Client, Config, InProcess, PersonError};
    ///
    /// let config = Config::default().with_client(Client::public("my-tool"));
    /// let service = InProcess::new(config, || Duration::ZERO)?;
    /// let handle = service.handle();
    /// # let url = format!("{}/oauth/device_authorization", service.endpoint());
    /// # let ask = http::Request::post(url).header("content-type", "application/x-www-form-urlencoded");
    /// service.answer(&ask.body(&b"client_id=my-tool"[..])?); // a device asks
    /// let user_code = handle.pending().pop().ok_or("a device waits")?;
    /// handle.expire(&user_code)?;
    /// assert_eq!(handle.approve(&user_code), Err(PersonError::Expired));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The same as for [`Handle::approve`].
    pub fn expire(&self, user_code: &str) -> Result<(), PersonError> {
        self.decide(user_code, UserDecision::Expire)
    }

    /// Returns the user codes that wait for a decision, in no particular order.
    #[must_use]
    pub fn pending(&self) -> Vec<String> {
        let now = self.state.now();
        let pending = self.state.wait(self.state.store().pending(now)).unwrap_or_default();
        pending.iter().map(ToString::to_string).collect()
    }

    /// Returns the time of the server's clock. It is the system's time of the start, carried on by a clock without
    /// steps and by [`Handle::advance`].
    #[must_use]
    pub fn time(&self) -> SystemTime {
        let now = self.state.now().since_epoch();
        // A platform whose time ends earlier shows the epoch.
        UNIX_EPOCH.checked_add(now).unwrap_or(UNIX_EPOCH)
    }

    /// Moves the server's clock on, so that a test need not wait. Codes, tokens, registrations and sign-ins expire,
    /// the polling interval is over, and the count of wrong codes ends, as after a real wait. The time limits of
    /// connections and the times in the log stay. Processes that share a store have a clock each.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sso_oidc_server::{Client, Config, InProcess, PersonError};
    ///
    /// let config = Config::default().with_client(Client::public("my-tool"));
    /// let service = InProcess::new(config, || Duration::ZERO)?;
    /// let handle = service.handle();
    /// # let url = format!("{}/oauth/device_authorization", service.endpoint());
    /// # let ask = http::Request::post(url).header("content-type", "application/x-www-form-urlencoded");
    /// service.answer(&ask.body(&b"client_id=my-tool"[..])?); // a device asks
    /// let user_code = handle.pending().pop().ok_or("a device waits")?;
    /// handle.advance(Duration::from_secs(600));
    /// assert_eq!(handle.approve(&user_code), Err(PersonError::Expired));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn advance(&self, by: Duration) {
        self.state.clock.advance(by);
    }

    /// Moves the server's clock on to this time; see [`Handle::advance`]. It goes on from there.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sso_oidc_server::TestServer;
    ///
    /// let handle = TestServer::start().handle();
    /// let tomorrow = handle.time() + Duration::from_secs(24 * 3600);
    /// handle.set_time(tomorrow)?;
    /// assert!(handle.time() >= tomorrow);
    /// assert!(handle.set_time(std::time::UNIX_EPOCH).is_err());
    /// # Ok::<(), sso_oidc_server::TimeInPast>(())
    /// ```
    ///
    /// # Errors
    /// [`TimeInPast`] if the server's clock is past this time. Then it stays as it is, because an expired code must not
    /// be valid again.
    pub fn set_time(&self, time: SystemTime) -> Result<(), TimeInPast> {
        self.state.clock.set(Moment::from(time))
    }

    /// Returns the server's counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            connections: self.state.connections.load(Ordering::Relaxed),
            requests: self.state.requests.load(Ordering::Relaxed),
            #[cfg(feature = "faults")]
            redirects_followed: self.redirects_followed(),
            held: self.state.wait(self.state.store().counts()).unwrap_or_default(),
        }
    }

    /// Returns the latest requests, at most [`crate::Config::remember_requests`], in the order of their
    /// responses.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state.records.all()
    }

    /// Returns how the clients behaved so far, if [`crate::Config::with_report`] asked for it; otherwise only the
    /// redirects are counted. A [`crate::TestServer`] always reports.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sso_oidc_server::{Config, InProcess};
    ///
    /// let service = InProcess::new(Config::default().with_report(), || Duration::ZERO)?;
    /// assert_eq!(service.handle().report().findings(), []);
    /// # Ok::<(), sso_oidc_server::ServeError>(())
    /// ```
    #[must_use]
    pub fn report(&self) -> Report {
        Report {
            redirects_followed: self.redirects_followed(),
            ..self.state.collector().map(|collector| collector.report()).unwrap_or_default()
        }
    }

    /// Returns the server's URL on this machine, for example `http://127.0.0.1:49152`, or `https://` with
    /// TLS.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.state.hosts.endpoint
    }

    /// Returns the certificate of the CA that the server made at start, in PEM. Clients that trust it can
    /// connect. `None` if the server speaks plain HTTP or has the user's own certificate.
    ///
    /// ```
    /// use sso_oidc_server::{Config, TestServer, Tls};
    /// let server = TestServer::with(Config::default().with_tls(Tls::new_ca()))?;
    /// let pem = server.handle().ca_certificate().map(str::to_owned);
    /// // In a file, it is what AWS's tools take as AWS_CA_BUNDLE.
    /// assert!(pem.is_some_and(|pem| pem.starts_with("-----BEGIN CERTIFICATE-----")));
    /// # Ok::<(), sso_oidc_server::ServeError>(())
    /// ```
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn ca_certificate(&self) -> Option<&str> {
        self.state.tls.as_ref()?.ca_certificate()
    }

    /// Disables the faults of [`crate::Config::with_fault`]. They affect no further request or connection,
    /// and a closed port opens a moment later.
    ///
    /// ```
    /// use sso_oidc_server::{Config, InjectedFault, TestServer};
    /// let server = TestServer::with(Config::default().with_fault(InjectedFault::NeverAnswers))?;
    /// server.handle().stop_faults(); // from here on it is a server like any other
    /// # Ok::<(), sso_oidc_server::ServeError>(())
    /// ```
    #[cfg(feature = "faults")]
    pub fn stop_faults(&self) {
        self.state.faults.stop_faults();
    }

    /// Replaces the faults, at run time. The counts of requests start anew, and codes that a fault has ended are good
    /// again. From the return on they apply to every request. So an idle connection from before the first fault is
    /// closed, and its client connects again. Without rules the server is like any other.
    ///
    /// ```
    /// use sso_oidc_server::{FaultRule, InjectedFault, TestServer};
    /// let handle = TestServer::start().handle();
    /// handle.set_faults(vec!["gateway-503@poll:1".parse()?])?;
    /// handle.set_faults(vec![FaultRule::new(InjectedFault::Drip).once()])?; // counted from here on
    /// assert!(handle.set_faults(vec![InjectedFault::TlsExpired.into()]).is_err(), "the server has no TLS");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The faults are impossible here: [`ServeError::FaultNeedsTls`], [`ServeError::FaultNeedsNewCa`], and
    /// [`ServeError::FaultNeedsConnection`] at an [`InProcess`](crate::InProcess) service. Or the system has no port or
    /// certificate for them. Then the earlier faults stay.
    #[cfg(feature = "faults")]
    pub fn set_faults(&self, rules: Vec<FaultRule>) -> Result<(), ServeError> {
        #[cfg(feature = "tls")]
        let has_own_certificate = self.state.tls.as_ref().map(|tls| tls.ca_certificate().is_none());
        #[cfg(not(feature = "tls"))]
        let has_own_certificate = None;
        crate::fault::check::check_rules(&rules, has_own_certificate)?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.state.tls {
            tls.wrong.issue(&rules).map_err(|source| ServeError::Tls { source })?;
        }
        self.state.faults.set(rules)
    }

    /// Replaces the script, at run time. Its sign-ins are for the devices that ask from now on. A device goes on with
    /// the sign-in that it began with, and its chosen codes and tokens stay good. [`Script::default`] has no sign-ins,
    /// so the server's rules are for all devices then.
    ///
    /// ```
    /// use sso_oidc_server::{Client, Config, Script, TestServer};
    /// let server = TestServer::with(Config::default().with_client(Client::public("my-tool")))?;
    /// server.handle().set_script("[[sign_in]]\npolls = [\"pending\", \"token\"]".parse()?)?;
    /// server.handle().set_script(Script::default())?; // no device has asked, so none follows the script
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// At an [`InProcess`](crate::InProcess) service: [`ServeError::DelayNeedsConnection`], and
    /// [`ServeError::FaultNeedsConnection`] with the feature `faults`. Or the system has no port for a redirect. Then
    /// the earlier script stays.
    #[cfg(feature = "script")]
    pub fn set_script(&self, script: Script) -> Result<(), ServeError> {
        if script.waits() && !self.state.has_connections {
            return Err(ServeError::DelayNeedsConnection);
        }
        #[cfg(feature = "faults")]
        self.state.faults.prepare(&script.faults().collect::<Vec<_>>())?;
        self.state.script.set(script);
        Ok(())
    }

    #[cfg(feature = "faults")]
    fn redirects_followed(&self) -> u64 {
        self.state.faults.redirects_followed.load(Ordering::Relaxed)
    }

    /// Only injected faults redirect to another host.
    #[cfg(not(feature = "faults"))]
    #[expect(clippy::unused_self, reason = "with the feature `faults` it reads a field")]
    const fn redirects_followed(&self) -> u64 {
        0
    }

    fn decide(&self, user_code: &str, verdict: UserDecision) -> Result<(), PersonError> {
        self.state.wait(self.settle(user_code, verdict))
    }

    /// Decides a device, as a task.
    pub(crate) async fn settle(&self, user_code: &str, verdict: UserDecision) -> Result<(), PersonError> {
        let (state, now) = (&self.state, self.state.now());
        let decided = state.store().decide(&state.policy, None, user_code, verdict, now).await;
        decided.unwrap_or(Err(PersonError::Unavailable))
    }
}
