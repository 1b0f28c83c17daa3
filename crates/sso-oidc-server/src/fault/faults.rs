//! The fault rules of one server, their counters, and the state of its port.

use core::net::{IpAddr, SocketAddr};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use oidc_proto::Operation;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::rule::Target;
use super::verdict::Ended;
use super::{FaultRule, InjectedFault};
use crate::ServeError;
use crate::activity::{Activity, Stage};
use crate::hosts::reachable;

/// The time between two looks at a connection that must end once its request is answered.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// The fault state that all connections share.
pub(crate) struct Faults {
    armed: Mutex<Arc<[Armed]>>,
    /// Whether there was ever a rule, or may be one on every connection. Connections from before stay without faults,
    /// so they end then.
    began: watch::Sender<bool>,
    /// The address of the server; unset if it has no connections.
    listening: OnceLock<IpAddr>,
    /// The redirect target of rules that came at run time, until the listener serves it.
    new_target: Mutex<Option<TcpListener>>,
    /// The time of `Retry-After`.
    pub(crate) retry_after: Duration,
    stopped: AtomicBool,
    /// The next operation of a sign-in, as an index into the list of operations.
    due: AtomicUsize,
    /// Whether the port should be closed.
    close: watch::Sender<bool>,
    /// Whether the port is closed.
    closed: watch::Sender<bool>,
    /// The base URL of redirects, for example `http://127.0.0.1:49153`.
    pub(crate) redirect_target: OnceLock<String>,
    /// The number of connections to the redirect target.
    pub(crate) redirects_followed: AtomicU64,
    /// The codes and tokens that a fault has ended.
    ended: Mutex<Ended>,
    /// The connections on which a request waits for the rest of its response.
    waiting: Mutex<Vec<Weak<TcpStream>>>,
    /// Whether a script redirects.
    script_redirects: bool,
}

/// A rule, and the number of requests so far that it could apply to.
struct Armed {
    rule: FaultRule,
    seen: AtomicU32,
}

impl Faults {
    pub(crate) fn new(rules: Vec<FaultRule>, retry_after: Duration) -> Self {
        let closed = rules.iter().any(is_closed_from_the_start);
        Self {
            began: watch::Sender::new(!rules.is_empty()),
            armed: Mutex::new(armed(rules)),
            listening: OnceLock::new(),
            new_target: Mutex::new(None),
            retry_after,
            stopped: AtomicBool::new(false),
            due: AtomicUsize::new(0),
            close: watch::Sender::new(closed),
            closed: watch::Sender::new(closed),
            redirect_target: OnceLock::new(),
            redirects_followed: AtomicU64::new(0),
            ended: Mutex::default(),
            waiting: Mutex::new(Vec::new()),
            script_redirects: false,
        }
    }

    /// Serves every connection so that faults may begin on it, if this is wanted. Otherwise a connection is closed when
    /// faults begin, and a client may be about to send a request on it.
    pub(crate) fn prepared(self, is_wanted: bool) -> Self {
        self.began.send_modify(|began| *began |= is_wanted);
        self
    }

    /// Prepares for faults that a script injects.
    pub(crate) fn with(mut self, scripted: &[InjectedFault]) -> Self {
        self.script_redirects = scripted.iter().any(|fault| fault.redirects());
        self.prepared(!scripted.is_empty())
    }

    /// Notes the address of the server's listener, and binds the redirect target if a rule needs it.
    pub(crate) fn listen(&self, ip: IpAddr) -> Result<(), ServeError> {
        let _ = self.listening.set(ip);
        let redirects = self.armed().iter().any(|armed| armed.rule.fault().redirects());
        if redirects || self.script_redirects { self.bind_target(ip) } else { Ok(()) }
    }

    /// Replaces the rules. Their counts start anew.
    ///
    /// # Errors
    /// The server has no connections, or no port for the redirect target.
    pub(crate) fn set(&self, rules: Vec<FaultRule>) -> Result<(), ServeError> {
        let Some(ip) = self.listening.get() else {
            return match rules.first() {
                Some(rule) => Err(ServeError::FaultNeedsConnection { fault: rule.fault() }),
                None => Ok(()),
            };
        };
        if rules.iter().any(|rule| rule.fault().redirects()) {
            self.bind_target(*ip)?;
        }
        let (closed, any) = (rules.iter().any(is_closed_from_the_start), !rules.is_empty());
        *self.lock_armed() = armed(rules);
        *self.ended() = Ended::default();
        self.stopped.store(false, Ordering::Relaxed);
        self.close.send_replace(closed);
        // Wakes tasks that wait for the port to close under the old rules.
        self.closed.send_modify(|_| {});
        self.began.send_if_modified(|began| any && !core::mem::replace(began, *began || any));
        Ok(())
    }

    /// Prepares for the faults of a script that comes at run time.
    ///
    /// # Errors
    /// The server has no connections, or no port for the redirect target.
    #[cfg(feature = "script")]
    pub(crate) fn prepare(&self, scripted: &[InjectedFault]) -> Result<(), ServeError> {
        let Some(fault) = scripted.first() else { return Ok(()) };
        let ip = self.listening.get().ok_or(ServeError::FaultNeedsConnection { fault: *fault })?;
        if scripted.iter().any(|fault| fault.redirects()) {
            self.bind_target(*ip)?;
        }
        self.began.send_if_modified(|began| !core::mem::replace(began, true));
        Ok(())
    }

    fn bind_target(&self, ip: IpAddr) -> Result<(), ServeError> {
        let mut target = self.new_target.lock().unwrap_or_else(PoisonError::into_inner);
        if self.redirect_target.get().is_some() {
            return Ok(());
        }
        let wanted = SocketAddr::new(ip, 0);
        let bound = TcpListener::bind(wanted).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, listener))
        });
        let (address, listener) = bound.map_err(|source| ServeError::listen(wanted, source))?;
        let _ = self.redirect_target.set(format!("http://{}", reachable(address)));
        *target = Some(listener);
        self.close.send_modify(|_| {});
        Ok(())
    }

    /// Takes the redirect target that nothing serves yet.
    pub(crate) fn take_new_target(&self) -> Option<TcpListener> {
        self.new_target.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Returns whether there is or was any fault rule.
    pub(crate) fn any(&self) -> bool {
        *self.began.borrow()
    }

    /// Serves a connection without faults, until there are any and no request is in progress. The next connection has
    /// them.
    pub(crate) async fn until_any<E>(
        &self,
        activity: &Activity,
        serving: impl Future<Output = Result<(), E>>,
    ) -> Result<(), E> {
        let idle_with_faults = async {
            // The sender lives as long as this.
            let _ = self.began.subscribe().wait_for(|began| *began).await;
            while activity.wait().is(Stage::Request) {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::select! {
            biased;
            ended = serving => ended,
            () = idle_with_faults => Ok(()),
        }
    }

    fn armed(&self) -> Arc<[Armed]> {
        Arc::clone(&self.lock_armed())
    }

    fn lock_armed(&self) -> MutexGuard<'_, Arc<[Armed]>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request of this kind, and returns the rule that applies. The first configured rule wins.
    pub(crate) fn rule(&self, asked: Target) -> Option<FaultRule> {
        self.count(asked, |fault| fault != InjectedFault::Refuse && !fault.needs_tls())
    }

    #[cfg(feature = "tls")]
    /// Counts a connection for the next operation, and returns its certificate fault.
    pub(crate) fn handshake_fault(&self) -> Option<InjectedFault> {
        let due = Operation::SIGN_IN.get(self.due.load(Ordering::Relaxed))?;
        self.count(Target::Operation(*due), InjectedFault::needs_tls).map(|rule| rule.fault())
    }

    /// Returns whether each request needs a connection of its own, so that a fault can apply to the next one.
    pub(crate) fn has_connection_faults(&self) -> bool {
        let concerns_connections = |fault: InjectedFault| fault == InjectedFault::Refuse || fault.needs_tls();
        !self.stopped.load(Ordering::Relaxed)
            && self.armed().iter().any(|armed| concerns_connections(armed.rule.fault()))
    }

    /// Notes the success of an operation, so the next one is due. The first follows the last.
    pub(crate) fn succeeded(&self, operation: Operation) {
        if let Some(place) = Operation::SIGN_IN.iter().position(|known| *known == operation) {
            self.due.store((place + 1) % Operation::SIGN_IN.len(), Ordering::Relaxed);
        }
    }

    fn count(&self, asked: Target, counts: impl Fn(InjectedFault) -> bool) -> Option<FaultRule> {
        let mut injected = None;
        for Armed { rule, seen } in self.armed().iter() {
            if !counts(rule.fault()) || !rule.concerns(asked) {
                continue;
            }
            let number = seen.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            if injected.is_none() && rule.includes(number) {
                injected = Some(*rule);
            }
        }
        injected.filter(|_| !self.stopped.load(Ordering::Relaxed))
    }

    /// Returns whether to close the port before the operation after this one.
    pub(crate) fn refuse_after(&self, operation: Operation) -> bool {
        let is_next = |target: Target| match (operation, target) {
            (Operation::RegisterClient, Target::AuthorizationPage) => true,
            (Operation::RegisterClient, Target::Operation(next)) => {
                next == Operation::StartDeviceAuthorization
            }
            (Operation::StartDeviceAuthorization, Target::Operation(next)) => next == Operation::CreateToken,
            (Operation::CreateToken, Target::Operation(next)) => {
                matches!(next, Operation::RevokeToken | Operation::IntrospectToken)
                    || Operation::PORTAL.contains(&next)
            }
            _ => false,
        };
        let refuses =
            |rule: &FaultRule| rule.fault() == InjectedFault::Refuse && rule.target().is_some_and(is_next);
        !self.stopped.load(Ordering::Relaxed) && self.armed().iter().any(|armed| refuses(&armed.rule))
    }

    /// Closes the port after this operation. Returns once it is closed, or once `stop_faults` or new rules keep it
    /// open.
    pub(crate) async fn close_port(&self, after: Operation) {
        // They may have come since the decision to close the port, and take precedence.
        self.close.send_modify(|close| *close |= self.refuse_after(after));
        // An error means that the listener has ended, so the port is closed too.
        let _ = self.closed.subscribe().wait_for(|closed| *closed || !self.refuse_after(after)).await;
    }

    /// Disables all faults, and opens the port.
    pub(crate) fn stop_faults(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        *self.ended() = Ended::default();
        self.close.send_replace(false);
        // Wakes tasks that wait for the port to close. The listener may never have seen that request.
        self.closed.send_modify(|_| {});
    }

    pub(crate) fn is_port_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Returns whether the port is as the rules want it, closed or open.
    pub(crate) fn is_port_settled(&self) -> bool {
        *self.closed.borrow() == *self.close.borrow()
    }

    /// Returns a receiver that reports whether the port should be closed.
    pub(crate) fn watch_port(&self) -> watch::Receiver<bool> {
        let mut close = self.close.subscribe();
        // The listener must also see a value from before it started: faults may stop before the server
        // serves.
        close.mark_changed();
        close
    }

    /// Notes that the port is now closed, or open.
    pub(crate) fn port_is(&self, closed: bool) {
        self.closed.send_replace(closed);
    }

    /// Notes that a request on this connection waits for the rest of its response.
    pub(crate) fn waits(&self, stream: Weak<TcpStream>) {
        self.waiting().push(stream);
    }

    /// Returns the number of requests that wait for the rest of their response and whose clients are still
    /// connected.
    pub(crate) fn in_flight(&self) -> usize {
        let mut waiting = self.waiting();
        waiting.retain(|stream| stream.upgrade().is_some_and(|stream| !has_hung_up(&stream)));
        waiting.len()
    }

    /// Locks the codes and tokens that a fault has ended.
    pub(crate) fn ended(&self) -> MutexGuard<'_, Ended> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Weak<TcpStream>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn armed(rules: Vec<FaultRule>) -> Arc<[Armed]> {
    rules.into_iter().map(|rule| Armed { rule, seen: AtomicU32::new(0) }).collect()
}

fn is_closed_from_the_start(rule: &FaultRule) -> bool {
    rule.fault() == InjectedFault::Refuse
        && matches!(
            rule.target(),
            None | Some(Target::Discovery | Target::Operation(Operation::RegisterClient))
        )
}

/// Returns whether the peer has closed the connection. It asks the socket, because the runtime may not know
/// yet.
fn has_hung_up(stream: &TcpStream) -> bool {
    let mut byte = [core::mem::MaybeUninit::uninit()];
    match socket2::SockRef::from(stream).peek(&mut byte) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(1);

    fn refuses_polls() -> Faults {
        Faults::new(vec![FaultRule::new(InjectedFault::Refuse).at(Operation::CreateToken)], SOON)
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_the_port_to_close_goes_on_when_faults_are_stopped_first() {
        let faults = refuses_polls();
        let mut closing = core::pin::pin!(faults.close_port(Operation::StartDeviceAuthorization));
        assert!(tokio::time::timeout(SOON, closing.as_mut()).await.is_err(), "it is not closed");
        faults.stop_faults();
        tokio::time::timeout(SOON, closing).await.unwrap();
        assert!(!*faults.watch_port().borrow());
    }

    #[tokio::test(start_paused = true)]
    async fn a_port_that_was_about_to_be_closed_when_faults_were_stopped_stays_open() {
        let faults = refuses_polls();
        assert!(faults.refuse_after(Operation::StartDeviceAuthorization));
        faults.stop_faults();
        tokio::time::timeout(SOON, faults.close_port(Operation::StartDeviceAuthorization)).await.unwrap();
        assert!(!*faults.watch_port().borrow());
    }
}
