//! The public calls of a renewal. Its transitions are in `machine`.

use core::mem;
use core::time::Duration;

use http::Response;
use oidc_proto::{Operation, Service, UnixSeconds};

use super::machine::{Context, Event, State, step};
use super::work::Work;
use super::{NotUsable, RenewalAction, RenewalOutcome, RenewalPolicy, Usable};
use crate::machine::Answer;
use crate::requests::Requests;
use crate::{
    ApiMisuse, Failure, PendingRequest, Reply, ResponseBody, Session, Tick, TransientError, TransportError,
};

/// What the driver was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Nothing,
    Read,
    Lock,
    Store,
}

/// One renewal of one stored session: see the [module's documentation](super).
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub struct Renewal {
    service: Service,
    pub(crate) policy: RenewalPolicy,
    pub(crate) state: State,
    pub(crate) asked: Asked,
    pub(crate) requests: Requests,
    /// The transitions so far.
    #[cfg(test)]
    pub(crate) changes: Vec<(&'static str, &'static str, &'static str)>,
}

impl Renewal {
    /// Creates a renewal that starts at `now`. All requests go to `service`; a session of another service
    /// counts as none.
    #[must_use]
    pub fn new(service: impl Into<Service>, policy: RenewalPolicy, now: Tick) -> Self {
        Self {
            service: service.into(),
            policy,
            state: State::Look(Box::default()),
            asked: Asked::Nothing,
            requests: Requests::starting(now),
            #[cfg(test)]
            changes: Vec::new(),
        }
    }

    /// Returns the same renewal with the time of the session's latest request: [`Renewal::last_try`] of the
    /// renewal before, in the same process. It is the memory of the throttle.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::renewal::{Renewal, RenewalAction, RenewalPolicy, RefreshError};
    /// # use device_flow::{Session, Tick};
    /// # use oidc_proto::{Client, Endpoint, Registration, Service, Token, UnixSeconds};
    /// # let service = Service::from(Endpoint::for_region("eu-west-1")?);
    /// # let wall = UnixSeconds::new(1_800_000_000);
    /// # let token = Token::bearer("old".into(), Duration::from_secs(3600)).with_refresh_token("r1".into());
    /// # let registration = Registration::new(Client::public("id"));
    /// # let stored = Session::restored(&service, registration, token, Some(UnixSeconds::new(1_800_000_100)));
    /// let (tried, now) = (Tick::ZERO, Tick::ZERO + Duration::from_secs(5));
    /// let mut renewal = Renewal::new(service, RenewalPolicy::default(), now).with_last_try(Some(tried));
    /// let RenewalAction::Read = renewal.poll(now) else { panic!("it reads first") };
    /// renewal.on_read(now, wall, Some(stored))?; // a token with 100 s left
    /// assert_eq!(renewal.into_result()?.warning, Some(RefreshError::Throttled));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_last_try(mut self, tried_at: Option<Tick>) -> Self {
        if let State::Look(work) = &mut self.state {
            work.tried_at = tried_at;
        }
        self
    }

    /// Returns the time of the latest request for this session, by this renewal or an earlier one.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::renewal::{Renewal, RenewalAction, RenewalOutcome, RenewalPolicy};
    /// # use device_flow::{Failure, Reply, Session, Tick};
    /// # use oidc_proto::{Client, Endpoint, Registration, Service, Token, UnixSeconds};
    /// # let service = Service::from(Endpoint::for_region("eu-west-1")?);
    /// # let (now, wall) = (Tick::ZERO, UnixSeconds::new(1_800_000_000));
    /// # let token = Token::bearer("old".into(), Duration::ZERO).with_refresh_token("r1".into());
    /// # let stored = Session::restored(&service, Registration::new(Client::public("id")), token, Some(wall));
    /// # let mut renewal = Renewal::new(service, RenewalPolicy::default(), now);
    /// # let _ = renewal.poll(now);
    /// # renewal.on_read(now, wall, Some(stored.clone()))?;
    /// # let _ = renewal.poll(now);
    /// # renewal.on_lock(now, wall, true)?;
    /// # let _ = renewal.poll(now);
    /// # renewal.on_read(now, wall, Some(stored))?;
    /// assert_eq!(renewal.last_try(), None);
    /// let RenewalAction::Send(_) = renewal.poll(now) else { panic!("it refreshes") };
    /// assert_eq!(renewal.last_try(), Some(now));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn last_try(&self) -> Option<Tick> {
        self.state.work().tried_at
    }

    /// Returns how the renewal has ended; `None` before the end.
    #[must_use]
    pub const fn outcome(&self) -> Option<RenewalOutcome> {
        match &self.state {
            State::Ended(outcome, _) => Some(*outcome),
            State::Look(_)
            | State::Lock(_)
            | State::Check(_)
            | State::Ask(_)
            | State::Recheck(_)
            | State::Compare(_)
            | State::Save(_) => None,
        }
    }

    /// Returns the session to use.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::renewal::{Renewal, RenewalAction, RenewalOutcome, RenewalPolicy};
    /// # use device_flow::{Failure, Reply, Session, Tick};
    /// # use oidc_proto::{Client, Endpoint, Registration, Service, Token, UnixSeconds};
    /// # let service = Service::from(Endpoint::for_region("eu-west-1")?);
    /// # let (now, wall) = (Tick::ZERO, UnixSeconds::new(1_800_000_000));
    /// # let token = Token::bearer("old".into(), Duration::ZERO).with_refresh_token("r1".into());
    /// # let stored = Session::restored(&service, Registration::new(Client::public("id")), token, Some(wall));
    /// # let mut renewal = Renewal::new(service, RenewalPolicy::default(), now);
    /// assert_eq!(renewal.into_result().unwrap_err().outcome, RenewalOutcome::Cancelled);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The reason why there is none. A renewal that has not ended counts as cancelled.
    pub fn into_result(mut self) -> Result<Usable, NotUsable> {
        let outcome = self.outcome().unwrap_or(RenewalOutcome::Cancelled);
        let cause = self.requests.take_cause().map(Box::new);
        let Work { session, is_alive, is_refreshed: refreshed, error, .. } = *self.state.into_work();
        let cause = cause.filter(|_| error.is_some() || outcome == RenewalOutcome::Cancelled);
        match (outcome, session) {
            (RenewalOutcome::Usable, Some(session)) => {
                Ok(Usable { session, refreshed, warning: error, cause })
            }
            (outcome, session) => {
                Err(NotUsable { outcome, error, session: session.map(Box::new), is_alive, cause })
            }
        }
    }

    /// Returns the next action. Calling it early or repeatedly is harmless. A time that goes backwards is read
    /// as the latest time seen.
    pub fn poll(&mut self, now: Tick) -> RenewalAction {
        let now = self.requests.advance(now);
        if self.requests.in_flight().is_some() {
            return RenewalAction::AwaitReply;
        }
        let due = self.state.work().due;
        let (asked, action) = match &self.state {
            State::Ended(..) => return RenewalAction::Done,
            _ if now < due => return RenewalAction::Wait(due),
            State::Look(_) | State::Check(_) | State::Recheck(_) | State::Compare(_) => {
                (Asked::Read, RenewalAction::Read)
            }
            State::Lock(_) => (Asked::Lock, RenewalAction::Lock),
            State::Ask(_) => return self.send(now),
            State::Save(work) => match &work.new {
                Some(new) => (Asked::Store, RenewalAction::Store(Box::new(new.clone()))),
                None => return RenewalAction::Done,
            },
        };
        self.asked = asked;
        action
    }

    fn send(&mut self, now: Tick) -> RenewalAction {
        let State::Ask(work) = &mut self.state else { return RenewalAction::Done };
        let request = work.session.as_ref().and_then(Session::refresh_request);
        let Some(request) = request.and_then(|request| self.service.encode(&request)) else {
            // A session in this state can be refreshed, and a service without the operation has none such.
            return RenewalAction::Done;
        };
        work.requests = work.requests.saturating_add(1);
        work.tried_at = Some(now);
        let pending = PendingRequest {
            attempt: work.requests,
            ..self.requests.begin(request, self.service.dialect(), now)
        };
        #[cfg(feature = "tracing")]
        crate::events::sending(&pending);
        RenewalAction::Send(pending)
    }

    /// Handles the stored session; `None` if there is none.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::renewal::{Renewal, RenewalAction, RenewalOutcome, RenewalPolicy};
    /// # use device_flow::{Failure, Reply, Session, Tick};
    /// # use oidc_proto::{Client, Endpoint, Registration, Service, Token, UnixSeconds};
    /// # let service = Service::from(Endpoint::for_region("eu-west-1")?);
    /// # let (now, wall) = (Tick::ZERO, UnixSeconds::new(1_800_000_000));
    /// # let token = Token::bearer("old".into(), Duration::ZERO).with_refresh_token("r1".into());
    /// # let stored = Session::restored(&service, Registration::new(Client::public("id")), token, Some(wall));
    /// # let mut renewal = Renewal::new(service, RenewalPolicy::default(), now);
    /// let RenewalAction::Read = renewal.poll(now) else { panic!("it reads first") };
    /// renewal.on_read(now, wall, Some(stored))?;
    /// let RenewalAction::Lock = renewal.poll(now) else { panic!("it has expired") };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ApiMisuse::NotAsked`] if the renewal did not ask for it. Nothing has changed then.
    pub fn on_read(
        &mut self,
        now: Tick,
        wall: UnixSeconds,
        stored: Option<Session>,
    ) -> Result<(), ApiMisuse> {
        self.answers(Asked::Read)?;
        let event = self.judge(stored, wall);
        self.apply(event, now, wall, Duration::ZERO);
        Ok(())
    }

    /// Returns the event of this session.
    fn judge(&mut self, stored: Option<Session>, wall: UnixSeconds) -> Event {
        let Some(session) = stored.filter(|session| session.is_from(&self.service)) else {
            return Event::Nothing;
        };
        if let State::Look(work) = &mut self.state
            && self.policy.forced
        {
            work.reject(&session);
        }
        if !self.state.work().is_due(&session, &self.policy, wall) {
            Event::Fresh(session)
        } else if session.is_refreshable(wall) && self.service.offers(Operation::CreateToken) {
            Event::Due(session)
        } else {
            Event::Stuck(session)
        }
    }

    /// Handles whether the lock was taken. It was not if another process holds it.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::renewal::{Renewal, RenewalAction, RenewalOutcome, RenewalPolicy};
    /// # use device_flow::{Failure, Reply, Session, Tick};
    /// # use oidc_proto::{Client, Endpoint, Registration, Service, Token, UnixSeconds};
    /// # let service = Service::from(Endpoint::for_region("eu-west-1")?);
    /// # let (now, wall) = (Tick::ZERO, UnixSeconds::new(1_800_000_000));
    /// # let token = Token::bearer("old".into(), Duration::ZERO).with_refresh_token("r1".into());
    /// # let stored = Session::restored(&service, Registration::new(Client::public("id")), token, Some(wall));
    /// # let mut renewal = Renewal::new(service, RenewalPolicy::default(), now);
    /// # let _ = renewal.poll(now);
    /// # renewal.on_read(now, wall, Some(stored.clone()))?;
    /// let RenewalAction::Lock = renewal.poll(now) else { panic!("it has expired") };
    /// renewal.on_lock(now, wall, false)?;
    /// assert!(matches!(renewal.poll(now), RenewalAction::Wait(_)), "another process holds it");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::on_read`].
    pub fn on_lock(&mut self, now: Tick, wall: UnixSeconds, is_taken: bool) -> Result<(), ApiMisuse> {
        self.answers(Asked::Lock)?;
        self.apply(if is_taken { Event::Locked } else { Event::Held }, now, wall, Duration::ZERO);
        Ok(())
    }

    /// Handles that the session was stored.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::renewal::{Renewal, RenewalAction, RenewalOutcome, RenewalPolicy};
    /// # use device_flow::{Failure, Reply, Session, Tick};
    /// # use oidc_proto::{Client, Endpoint, Registration, Service, Token, UnixSeconds};
    /// # let service = Service::from(Endpoint::for_region("eu-west-1")?);
    /// # let (now, wall) = (Tick::ZERO, UnixSeconds::new(1_800_000_000));
    /// # let token = Token::bearer("old".into(), Duration::ZERO).with_refresh_token("r1".into());
    /// # let stored = Session::restored(&service, Registration::new(Client::public("id")), token, Some(wall));
    /// # let mut renewal = Renewal::new(service, RenewalPolicy::default(), now);
    /// # let _ = renewal.poll(now);
    /// # renewal.on_read(now, wall, Some(stored.clone()))?;
    /// # let _ = renewal.poll(now);
    /// # renewal.on_lock(now, wall, true)?;
    /// # let _ = renewal.poll(now);
    /// # renewal.on_read(now, wall, Some(stored.clone()))?;
    /// # let RenewalAction::Send(pending) = renewal.poll(now) else { panic!("it refreshes") };
    /// # let new = Token::bearer("new".into(), Duration::from_secs(3600));
    /// # renewal.on_reply(pending, now, wall, Reply::Granted(new))?;
    /// # let _ = renewal.poll(now);
    /// # renewal.on_read(now, wall, Some(stored))?;
    /// let RenewalAction::Store(new) = renewal.poll(now) else { panic!("a new token has come") };
    /// // Replace the file by `new`, then:
    /// renewal.on_stored(now, wall)?;
    /// assert_eq!(renewal.into_result()?.session, *new);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::on_read`].
    pub fn on_stored(&mut self, now: Tick, wall: UnixSeconds) -> Result<(), ApiMisuse> {
        self.answers(Asked::Store)?;
        self.apply(Event::Stored, now, wall, Duration::ZERO);
        Ok(())
    }

    /// Handles that the store failed to do what was asked for. The driver keeps the error.
    ///
    /// ```
    /// # use device_flow::renewal::{Renewal, RenewalAction, RenewalOutcome, RenewalPolicy};
    /// # use device_flow::{ApiMisuse, Tick};
    /// # use oidc_proto::{Endpoint, UnixSeconds};
    /// # let (now, wall) = (Tick::ZERO, UnixSeconds::new(1_800_000_000));
    /// let mut renewal = Renewal::new(Endpoint::for_region("eu-west-1")?, RenewalPolicy::default(), now);
    /// assert_eq!(renewal.on_store_error(now, wall), Err(ApiMisuse::NotAsked), "nothing was asked for");
    /// let RenewalAction::Read = renewal.poll(now) else { panic!("it reads first") };
    /// renewal.on_store_error(now, wall)?;
    /// assert_eq!(renewal.outcome(), Some(RenewalOutcome::StoreFailed));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ApiMisuse::NotAsked`] if the renewal did not ask for anything. Nothing has changed then.
    pub fn on_store_error(&mut self, now: Tick, wall: UnixSeconds) -> Result<(), ApiMisuse> {
        if self.asked == Asked::Nothing {
            return Err(ApiMisuse::NotAsked);
        }
        self.apply(Event::StoreError, now, wall, Duration::ZERO);
        Ok(())
    }

    fn answers(&self, asked: Asked) -> Result<(), ApiMisuse> {
        if self.asked == asked { Ok(()) } else { Err(ApiMisuse::NotAsked) }
    }

    /// Handles the result of a request: a response, or the reason why there is none.
    ///
    /// An error that [is final](TransportError::is_final) cancels the renewal.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::renewal::{Renewal, RenewalAction, RenewalOutcome, RenewalPolicy};
    /// # use device_flow::{Failure, Reply, Session, Tick};
    /// # use oidc_proto::{Client, Endpoint, Registration, Service, Token, UnixSeconds};
    /// # let service = Service::from(Endpoint::for_region("eu-west-1")?);
    /// # let (now, wall) = (Tick::ZERO, UnixSeconds::new(1_800_000_000));
    /// # let token = Token::bearer("old".into(), Duration::ZERO).with_refresh_token("r1".into());
    /// # let stored = Session::restored(&service, Registration::new(Client::public("id")), token, Some(wall));
    /// # let mut renewal = Renewal::new(service, RenewalPolicy::default(), now);
    /// # let _ = renewal.poll(now);
    /// # renewal.on_read(now, wall, Some(stored.clone()))?;
    /// # let _ = renewal.poll(now);
    /// # renewal.on_lock(now, wall, true)?;
    /// # let _ = renewal.poll(now);
    /// # renewal.on_read(now, wall, Some(stored))?;
    /// let RenewalAction::Send(pending) = renewal.poll(now) else { panic!("it refreshes") };
    /// renewal.on_result(pending, now, wall, Err(Failure::NotSent.into()))?; // for example: connection refused
    /// assert!(matches!(renewal.poll(now), RenewalAction::Wait(_)), "it tries again");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ApiMisuse`] for a mistake of the driver. Nothing has changed then.
    pub fn on_result(
        &mut self,
        pending: PendingRequest,
        now: Tick,
        wall: UnixSeconds,
        result: Result<Response<ResponseBody>, TransportError>,
    ) -> Result<(), ApiMisuse> {
        match self.requests.receive(&pending, now, result)? {
            Some(reply) => self.on_reply(pending, now, wall, reply),
            None => {
                self.requests.end();
                self.apply(Event::Cancel, now, wall, Duration::ZERO);
                Ok(())
            }
        }
    }

    /// Handles a decoded reply, for a test or a simulation without a wire.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use device_flow::renewal::{Renewal, RenewalAction, RenewalOutcome, RenewalPolicy};
    /// # use device_flow::{Failure, Reply, Session, Tick};
    /// # use oidc_proto::{Client, Endpoint, Registration, Service, Token, UnixSeconds};
    /// # let service = Service::from(Endpoint::for_region("eu-west-1")?);
    /// # let (now, wall) = (Tick::ZERO, UnixSeconds::new(1_800_000_000));
    /// # let token = Token::bearer("old".into(), Duration::ZERO).with_refresh_token("r1".into());
    /// # let stored = Session::restored(&service, Registration::new(Client::public("id")), token, Some(wall));
    /// # let mut renewal = Renewal::new(service, RenewalPolicy::default(), now);
    /// # let _ = renewal.poll(now);
    /// # renewal.on_read(now, wall, Some(stored.clone()))?;
    /// # let _ = renewal.poll(now);
    /// # renewal.on_lock(now, wall, true)?;
    /// # let _ = renewal.poll(now);
    /// # renewal.on_read(now, wall, Some(stored))?;
    /// let RenewalAction::Send(pending) = renewal.poll(now) else { panic!("it refreshes") };
    /// renewal.on_reply(pending, now, wall, Reply::Failed(Failure::Unknown))?;
    /// assert!(matches!(renewal.poll(now), RenewalAction::Wait(_)), "it tries again");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::on_result`].
    pub fn on_reply(
        &mut self,
        pending: PendingRequest,
        now: Tick,
        wall: UnixSeconds,
        reply: Reply,
    ) -> Result<(), ApiMisuse> {
        let sent_at = self.requests.answered_by(&pending, &reply)?;
        self.settle(sent_at, now, wall, reply);
        Ok(())
    }

    /// Abandons the request in flight, for example after a cancelled future. The service may have received it.
    /// Its result is stale from now on. Without a request in flight, nothing happens.
    pub fn abandon(&mut self, now: Tick, wall: UnixSeconds) {
        if let Some(sent_at) = self.requests.in_flight() {
            self.settle(sent_at, now, wall, Reply::Failed(Failure::Unknown));
        }
    }

    /// Ends the renewal, except that a new session is stored first. A token that arrives later is lost, so a
    /// driver should let a request finish. An ended renewal keeps its outcome.
    ///
    /// ```
    /// # use device_flow::renewal::{Renewal, RenewalAction, RenewalOutcome, RenewalPolicy};
    /// # use device_flow::Tick;
    /// # use oidc_proto::Endpoint;
    /// let mut renewal = Renewal::new(Endpoint::for_region("eu-west-1")?, RenewalPolicy::default(), Tick::ZERO);
    /// renewal.cancel();
    /// assert!(matches!(renewal.poll(Tick::ZERO), RenewalAction::Done));
    /// assert_eq!(renewal.outcome(), Some(RenewalOutcome::Cancelled));
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    pub fn cancel(&mut self) {
        self.requests.end();
        let asked = self.asked;
        self.apply(Event::Cancel, self.requests.latest(), UnixSeconds::new(0), Duration::ZERO);
        if self.outcome().is_none() {
            // The state is unchanged, and what it has asked for is still awaited.
            self.asked = asked;
        }
    }

    fn settle(&mut self, sent_at: Tick, now: Tick, wall: UnixSeconds, reply: Reply) {
        let now = self.requests.advance(now);
        self.requests.end();
        let event = match reply {
            Reply::Granted(token) => Event::Refreshed(token),
            Reply::Fault(fault) => match Answer::of(&fault) {
                None => Event::NoVerdict(TransientError::Fault(fault)),
                Some(Answer::InvalidGrant) => Event::InvalidGrant(fault),
                Some(Answer::ClientRejected) => Event::ClientRejected(fault),
                Some(Answer::Pending | Answer::Denied | Answer::Expired | Answer::OtherFault) => {
                    Event::OtherFault(fault)
                }
            },
            Reply::Indeterminate(response) if response.is_plain_refusal() => {
                Event::PlainRefusal(TransientError::Indeterminate(response))
            }
            Reply::Indeterminate(response) => Event::NoVerdict(TransientError::Indeterminate(response)),
            Reply::Failed(Failure::ProxyRefused) => {
                Event::PlainRefusal(TransientError::Failed(Failure::ProxyRefused))
            }
            Reply::Failed(failure) => Event::NoVerdict(TransientError::Failed(failure)),
            Reply::InvalidResponse(invalid) => Event::BrokenSuccess(invalid),
            // Refused before: a success of another operation.
            Reply::Registered(_) | Reply::Authorized(_) => {
                Event::NoVerdict(TransientError::Failed(Failure::Unknown))
            }
        };
        self.apply(event, now, wall, now.since(sent_at));
    }

    /// Applies an event. Only this function changes the state.
    fn apply(&mut self, event: Event, now: Tick, wall: UnixSeconds, took: Duration) {
        let now = self.requests.advance(now);
        self.asked = Asked::Nothing;
        #[cfg(feature = "tracing")]
        let had_ended = self.outcome().is_some();
        #[cfg(test)]
        let (from, name) = (self.state.name(), event.name());
        // A token's life is counted from the request, to be on the safe side.
        let took = i64::try_from(took.as_secs())
            .unwrap_or(i64::MAX)
            .saturating_add(i64::from(took.subsec_nanos() > 0));
        let asked_at = UnixSeconds::new(wall.get().saturating_sub(took));
        let cx = Context { policy: &self.policy, now, wall, asked_at };
        self.state = step((mem::take(&mut self.state), event), &cx);
        #[cfg(feature = "tracing")]
        if let Some(outcome) = self.outcome().filter(|_| !had_ended) {
            let work = self.state.work();
            crate::events::renewed(outcome, work.is_refreshed, work.requests, work.error.as_ref());
        }
        #[cfg(test)]
        self.changes.push((from, name, self.state.name()));
    }
}
