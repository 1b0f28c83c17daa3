//! Many concurrent sign-ins. Each has one task, and only that task writes and removes the user's file.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use device_flow_reqwest::{
    Clock as _, DeviceFlow, HttpClient, OnPrompt, OnWait, Policy, Registration, Session, Status, TokioClock,
    UnixSeconds, UserPrompt,
};
use tokio::sync::{self, Notify};
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

mod routes;
mod store;

pub use routes::router;
use store::{Kept, Store};

/// The shortest remaining lifetime of a usable token or registration, as in AWS's tools. A code lives for ten
/// minutes.
const MARGIN: Duration = Duration::from_secs(15 * 60);

/// The interval at which a task checks whether its session is due.
const LOOK: Duration = Duration::from_secs(60);

/// The time for which the server keeps the reason of a failed sign-in. A restart discards it.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// The users of the server.
pub struct SignIns {
    client: HttpClient,
    policy: Arc<Policy>,
    store: Store,
    users: Mutex<HashMap<String, User>>,
    /// The registration for all users. The first user registers under the lock, and the others wait.
    registration: sync::Mutex<Option<Registration>>,
    tasks: TaskTracker,
    /// Stops every task between two requests.
    pub ending: CancellationToken,
}

struct User {
    stands: Stands,
    /// Stops the task when the user is dropped.
    _stop: DropGuard,
}

/// The state of a sign-in.
#[derive(Clone)]
pub enum Stands {
    Waiting(UserPrompt),
    /// The session, with the token for the server's calls on behalf of the user.
    SignedIn(Box<Session>),
    /// The reason, for the user.
    NotSignedIn(String),
}

impl SignIns {
    /// Resumes the sign-ins of the directory. It skips unreadable files.
    pub async fn open(client: HttpClient, policy: Policy, directory: &Path) -> io::Result<Arc<Self>> {
        let sign_ins = Arc::new(Self {
            client,
            policy: policy.into(),
            store: Store::open(directory)?,
            users: Mutex::default(),
            registration: sync::Mutex::default(),
            tasks: TaskTracker::new(),
            ending: CancellationToken::new(),
        });
        for (name, kept) in sign_ins.store.all()? {
            let gone_on = async { sign_ins.go_on(name.clone(), kept?).await };
            if let Err(error) = gone_on.await {
                eprintln!("{name}.json is left aside: {error}.");
            }
        }
        Ok(sign_ins)
    }

    /// Starts a sign-in, and returns the new user's id as soon as there is a code. The error is for the user.
    pub async fn start(self: &Arc<Self>) -> Result<String, String> {
        let registration = self.registration.lock().await;
        let usable = registration.clone().filter(|kept| kept.usable_at(now(), MARGIN));
        let registering = usable.is_none().then_some(registration);
        let mut flow = self.client.flow(Arc::clone(&self.policy), usable, &TokioClock);
        self.drive(&mut flow, &self.ending, registering).await;
        match (flow.prompt(), flow.outcome()) {
            (Some(prompt), _) => {
                let id = new_id()?;
                self.look_after(id.clone(), Stands::Waiting(prompt), Some(flow));
                Ok(id)
            }
            (None, Some(Err(outcome))) => Err(outcome.to_string()),
            (None, _) => Err("the server is ending".to_owned()),
        }
    }

    pub fn stands(&self, id: &str) -> Option<Stands> {
        self.users().get(id).map(|user| user.stands.clone())
    }

    /// Removes the user, and returns whether there was one. The user's task ends, and removes the file.
    pub fn give_up(&self, id: &str) -> bool {
        self.users().remove(id).is_some()
    }

    /// Waits until every task has ended and the files have all pending sign-ins.
    pub async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn go_on(self: &Arc<Self>, name: String, kept: Kept) -> io::Result<()> {
        let service = self.client.service();
        match kept {
            Kept::Flow(saved) => {
                let (policy, wall) = (Arc::clone(&self.policy), SystemTime::now());
                let flow = saved.resume(service.clone(), policy, TokioClock.now(), wall);
                let flow = flow.map_err(io::Error::other)?;
                let prompt = flow.prompt().ok_or_else(|| io::Error::other("it has no code"))?;
                self.look_after(name, Stands::Waiting(prompt), Some(flow));
            }
            Kept::Session(session) if session.is_for(service, &self.policy) => {
                self.look_after(name, Stands::SignedIn(session), None);
            }
            Kept::Registration(giver, registration) if giver == service.identity() => {
                *self.registration.lock().await = Some(registration);
            }
            Kept::Session(_) | Kept::Registration(..) => {
                return Err(io::Error::other("it is for another service or portal"));
            }
        }
        Ok(())
    }

    /// Starts the task of a waiting or signed-in user.
    fn look_after(self: &Arc<Self>, id: String, stands: Stands, flow: Option<DeviceFlow>) {
        let (this, stop) = (Arc::clone(self), self.ending.child_token());
        self.users().insert(id.clone(), User { stands, _stop: stop.clone().drop_guard() });
        self.tasks.spawn(async move {
            if let Err(reason) = this.follow(&id, flow, &stop).await {
                this.set(&id, Stands::NotSignedIn(reason));
                this.store.remove(&id).await;
                stop.run_until_cancelled(sleep(REMEMBERED)).await;
                this.give_up(&id);
            } else if this.stands(&id).is_none() {
                this.store.remove(&id).await;
            }
        });
    }

    /// Signs the user in, and keeps the session fresh. The error is the reason why there is no session.
    async fn follow(
        &self,
        id: &str,
        flow: Option<DeviceFlow>,
        stop: &CancellationToken,
    ) -> Result<(), String> {
        if let Some(mut flow) = flow {
            while let Some(saved) = flow.save(TokioClock.now(), SystemTime::now()) {
                if let Some(prompt) = flow.prompt() {
                    self.store.write(id, &Kept::Flow(saved)).await;
                    self.set(id, Stands::Waiting(prompt));
                }
                if stop.is_cancelled() {
                    return Ok(());
                }
                self.drive(&mut flow, stop, None).await;
            }
            let signed_in = flow.into_result(TokioClock.now()).map_err(|end| end.to_string())?;
            self.keep(id, Session::new(signed_in, now()).into()).await;
        }
        while let Some(Stands::SignedIn(mut session)) = self.stands(id)
            && !stop.is_cancelled()
        {
            if session.is_due(now(), MARGIN) {
                let refreshed = self.client.refresh_session(&mut session, now()).await;
                let has_expired = session.is_due(now(), Duration::ZERO);
                match refreshed {
                    Ok(()) => self.keep(id, session).await,
                    Err(error) if has_expired && error.is_refusal() => return Err(error.to_string()),
                    Err(_) => {} // The token still lives, or the next look may have more luck.
                }
            }
            stop.run_until_cancelled(sleep(LOOK)).await;
        }
        Ok(())
    }

    /// Drives the flow until it ends, must stop, or has a change for its file. A new registration is stored for all
    /// users.
    async fn drive(
        &self,
        flow: &mut DeviceFlow,
        stop: &CancellationToken,
        registering: Option<sync::MutexGuard<'_, Option<Registration>>>,
    ) {
        // The file needs the codes, an increased interval, and a lost response, but not the latest wait.
        let pace = |flow: &DeviceFlow| (flow.interval(), flow.error().is_some());
        let (before, registered, news) = (pace(flow), flow.registration(), Notify::new());
        let on_prompt = OnPrompt(|_: &UserPrompt| news.notify_one());
        let on_wait = OnWait(|status: &Status<'_>| {
            if status.flow.interval().is_some() && pace(status.flow) != before {
                news.notify_one();
            }
        });
        let until = async {
            tokio::select! { () = news.notified() => {}, () = stop.cancelled() => {} }
        };
        let driven = self.client.drive_until(flow, &TokioClock, &mut (on_prompt, on_wait), until).await;
        driven.expect("all flows are of this client's service");
        if let Some(new) = flow.registration().filter(|_| flow.is_newly_registered())
            && registered.as_ref() != Some(&new)
        {
            let mut shared = match registering {
                Some(shared) => shared,
                None => self.registration.lock().await,
            };
            *shared = Some(new.clone());
            let kept = Kept::Registration(self.client.service().identity(), new);
            self.store.write("registration", &kept).await;
        }
    }

    /// Stores a new session before its use: the old refresh token may be invalid.
    async fn keep(&self, id: &str, session: Box<Session>) {
        self.store.write(id, &Kept::Session(session.clone())).await;
        self.set(id, Stands::SignedIn(session));
    }

    fn set(&self, id: &str, stands: Stands) {
        if let Some(user) = self.users().get_mut(id) {
            user.stands = stands;
        }
    }

    fn users(&self) -> MutexGuard<'_, HashMap<String, User>> {
        self.users.lock().expect("no task panics while it holds the lock")
    }
}

/// Returns an id that is hard to guess, because a client needs only the id.
fn new_id() -> Result<String, String> {
    let half = || getrandom::u64().map_err(|error| error.to_string());
    Ok(format!("{:016x}{:016x}", half()?, half()?))
}

fn now() -> UnixSeconds {
    SystemTime::now().into()
}
