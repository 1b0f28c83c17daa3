//! The driver of a renewal, and the session that is always signed in.
//!
//! `device-flow-reqwest` has its like on purpose: each adapter reads on its own.

use std::time::SystemTime;

use device_flow::Session;
use device_flow::renewal::{
    EnsureError, NotUsable, RenewError, Renewal, RenewalAction, RenewalPolicy, SessionStore, Usable,
};
use oidc_proto::UnixSeconds;

use crate::{Cancel, Clock, HttpClient, SystemClock};

/// The result of a renewal.
type Renewed<S> = Result<Usable, RenewError<<S as SessionStore>::Error>>;

impl HttpClient {
    /// Returns the stored session with a token to use: the stored one, or a refreshed one if that is due. All threads
    /// and processes that share the store send one refresh together. See [`renewal`](crate::renewal).
    ///
    /// ```
    /// use device_flow_ureq::renewal::{MemoryStore, RenewalPolicy};
    /// use device_flow_ureq::{Endpoint, HttpClient, Policy, Session, UnixSeconds};
    /// use std::time::SystemTime;
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_ureq::FirstPoll::Immediately);
    /// # let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap())?;
    /// let now = UnixSeconds::from(SystemTime::now());
    /// let store = MemoryStore::new(Some(Session::new(signed_in, now)));
    /// let usable = client.renew(&store, RenewalPolicy::default())?;
    /// assert!(!usable.refreshed, "it is new");
    ///
    /// let usable = client.renew(&store, RenewalPolicy::default().with_forced(true))?;
    /// assert!(usable.refreshed && store.session() == Some(usable.session));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RenewError`] with the [outcome](crate::renewal::RenewalOutcome): a sign-in is needed, the service is
    /// unreachable, and so on.
    pub fn renew<S: SessionStore>(&self, store: &S, policy: RenewalPolicy) -> Renewed<S> {
        self.renew_at(store, policy, &SystemClock, || UnixSeconds::from(SystemTime::now()))
    }

    /// Renews as [`Self::renew`] does, with other clocks: `clock` paces, and `wall` judges the life of a token.
    ///
    /// ```
    /// use device_flow_ureq::renewal::{MemoryStore, RenewalOutcome, RenewalPolicy};
    /// use device_flow_ureq::{Endpoint, HttpClient, UnixSeconds, VirtualTime};
    ///
    /// let client = HttpClient::new(Endpoint::for_region("eu-west-1")?)?;
    /// let time = VirtualTime::default();
    /// let wall = || UnixSeconds::new(1_800_000_000 + time.now().elapsed().as_secs() as i64);
    /// let end = client.renew_at(&MemoryStore::new(None), RenewalPolicy::default(), &time, wall).unwrap_err();
    /// assert_eq!(end.end.outcome, RenewalOutcome::SignInNeeded);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::renew`].
    pub fn renew_at<S: SessionStore>(
        &self,
        store: &S,
        policy: RenewalPolicy,
        clock: &impl Clock,
        wall: impl Fn() -> UnixSeconds,
    ) -> Renewed<S> {
        self.renew_holding(store, policy, clock, wall, &mut None)
    }

    /// Returns a session with a token to use as [`Self::renew`] does, or else signs in, and stores the new session.
    /// The closure runs under the lock, so that one of many threads and processes signs in. The others wait for
    /// [`RenewalPolicy::lock_wait`]; a person needs minutes.
    ///
    /// ```
    /// use device_flow_ureq::renewal::{MemoryStore, RenewalPolicy};
    /// use device_flow_ureq::{Endpoint, HttpClient, Policy, Session, UnixSeconds};
    /// use std::time::SystemTime;
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_ureq::FirstPoll::Immediately);
    /// let store = MemoryStore::new(None);
    /// for _ in 0..2 {
    ///     let usable = client.ensure(&store, RenewalPolicy::default(), |_why| {
    ///         let login = client.login(policy.clone());
    ///         let signed_in = login.run(|prompt| server.approve(&prompt.user_code).unwrap())?;
    ///         Ok::<_, device_flow_ureq::SignInError>(Session::new(signed_in, SystemTime::now().into()))
    ///     })?;
    ///     assert_eq!(Some(usable.session), store.session());
    /// }
    /// # let asked = server.requests().iter().filter(|request| request.path == "/device_authorization").count();
    /// # assert_eq!(asked, 1);
    /// # let _: UnixSeconds = SystemTime::now().into();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`EnsureError`]: the renewal's error if a sign-in would not help, or else the closure's, or the store's.
    pub fn ensure<S: SessionStore, E: std::error::Error + 'static>(
        &self,
        store: &S,
        policy: RenewalPolicy,
        sign_in: impl FnOnce(&NotUsable) -> Result<Session, E>,
    ) -> Result<Usable, EnsureError<S::Error, E>> {
        let mut guard = None;
        let wall = || UnixSeconds::from(SystemTime::now());
        let policy = policy.with_signs_in(true);
        let error = match self.renew_holding(store, policy, &SystemClock, wall, &mut guard) {
            Ok(usable) => return Ok(usable),
            Err(error) => error,
        };
        let Some(mut guard) = guard.filter(|_| error.end.needs_sign_in()) else {
            return Err(EnsureError::NotUsable(error));
        };
        let session = sign_in(&error.end).map_err(EnsureError::NotSignedIn)?;
        match store.write(&mut guard, &session) {
            Ok(()) => Ok(Usable::signed_in(session)),
            Err(error) => Err(EnsureError::NotStored { session: Box::new(session), error }),
        }
    }

    /// Renews, and leaves the lock to the caller.
    fn renew_holding<S: SessionStore>(
        &self,
        store: &S,
        policy: RenewalPolicy,
        clock: &impl Clock,
        wall: impl Fn() -> UnixSeconds,
        guard: &mut Option<S::Guard>,
    ) -> Renewed<S> {
        let interrupt = Cancel::any_of(self.cancel.iter());
        let mut store_error = None;
        let mut renewal =
            Renewal::new(self.service.clone(), policy, clock.now()).with_last_try(store.last_try());
        loop {
            if interrupt.is_cancelled() {
                renewal.cancel();
            }
            let now = clock.now();
            let failed = match renewal.poll(now) {
                RenewalAction::Read => match store.read() {
                    Ok(stored) => Ok(renewal.on_read(clock.now(), wall(), stored)),
                    Err(error) => Err(error),
                },
                RenewalAction::Lock => match store.try_lock() {
                    Ok(taken) => {
                        let is_taken = taken.is_some();
                        *guard = taken;
                        Ok(renewal.on_lock(clock.now(), wall(), is_taken))
                    }
                    Err(error) => Err(error),
                },
                RenewalAction::Send(pending) => {
                    store.set_last_try(renewal.last_try());
                    let timeout = pending.timeout(self.request_timeout);
                    // Not cancelled: a response that is not awaited is lost, and the new refresh token with it.
                    let result = self.send(pending.request(), timeout);
                    Ok(renewal.on_result(pending, clock.now(), wall(), result))
                }
                RenewalAction::Store(new) => match guard.as_mut().map(|guard| store.write(guard, &new)) {
                    Some(Ok(())) | None => Ok(renewal.on_stored(clock.now(), wall())),
                    Some(Err(error)) => Err(error),
                },
                RenewalAction::Wait(until) => {
                    clock.wait(until.since(now), &interrupt);
                    continue;
                }
                RenewalAction::AwaitReply => {
                    renewal.abandon(now, wall());
                    continue;
                }
                RenewalAction::Done => {
                    return renewal.into_result().map_err(|end| RenewError::new(end, store_error));
                }
            };
            let taken = failed.unwrap_or_else(|error| {
                store_error = Some(error);
                renewal.on_store_error(clock.now(), wall())
            });
            debug_assert_eq!(taken, Ok(()), "this driver answers what was asked");
        }
    }
}
