//! The server under test: this project's own, in process, with a change of each response.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use device_conform::{
    Body, Client, Clock, Decision, NoResponse, NotDecided, Plan, Prompt, Report, Secret, Step, Transport,
};
use http::{Request, Response};
use serde_json::{Map, Value};
use sso_oidc_server::{Config, Handle, InProcess};

/// Time that passes when a check waits.
#[derive(Clone, Default)]
pub(crate) struct Virtual(Arc<Mutex<Duration>>);

impl Clock for Virtual {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn wait(&mut self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

/// A request with its purpose, and how to get the true response to it or to another one.
pub(crate) struct Asked<'a> {
    pub(crate) step: Step,
    pub(crate) request: &'a Request<Body>,
    pub(crate) now: Duration,
    server: &'a InProcess,
    /// All earlier responses of the server, as they were sent.
    pub(crate) earlier: &'a [(Step, Answer)],
}

/// A response in parts that a test can change.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked<'_> {
    /// Returns the true response.
    pub(crate) fn pass_on(&self) -> Answer {
        self.pass_on_instead(self.request)
    }

    /// Returns the true response to another request.
    pub(crate) fn pass_on_instead(&self, request: &Request<Body>) -> Answer {
        let response = self.server.answer(&request.clone().map(|_| request.body().as_ref()));
        let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.as_str().to_owned(), value.to_str().unwrap().to_owned())
        };
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().iter().map(header).collect(),
            body: String::from_utf8(response.body().clone()).unwrap(),
        }
    }

    /// Returns the request with another form.
    pub(crate) fn with_form(&self, change: impl FnOnce(&mut Vec<(String, String)>)) -> Request<Body> {
        self.request.clone().map(|body| {
            let mut form = form_urlencoded::parse(body.as_ref()).into_owned().collect();
            change(&mut form);
            let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            Body::new(text.into_bytes())
        })
    }

    /// Returns codes, whatever was asked.
    pub(crate) fn codes(&self) -> Answer {
        let url = format!("{}/oauth/device_authorization", self.server.endpoint());
        let request = Request::post(url).header("content-type", "application/x-www-form-urlencoded");
        self.pass_on_instead(&request.body(Body::new(b"client_id=tool".to_vec())).unwrap())
    }

    /// Returns the latest response to a step that has a code or a token.
    pub(crate) fn earlier(&self, step: Step) -> Answer {
        let mut found = self.earlier.iter().rev().filter(|(earlier, _)| *earlier == step);
        let found = found.find(|(_, answer)| answer.has_token() || answer.text("user_code").is_some());
        found.unwrap_or_else(|| panic!("{step:?} came first")).1.clone()
    }
}

impl Answer {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        let headers =
            [("content-type", "application/json"), ("cache-control", "no-store"), ("pragma", "no-cache")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { status, headers, body: body.to_owned() }
    }

    /// No response.
    pub(crate) const fn none() -> Self {
        Self { status: 0, headers: Vec::new(), body: String::new() }
    }

    pub(crate) fn error(code: &str) -> Self {
        Self::json(400, &format!(r#"{{"error":"{code}"}}"#))
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(found, _)| found != name);
        self
    }

    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        let mut answer = self.without_header(name);
        answer.headers.push((name.to_owned(), value.to_owned()));
        answer
    }

    /// Changes the members of the JSON body.
    pub(crate) fn members(mut self, change: impl FnOnce(&mut Map<String, Value>)) -> Self {
        let mut members = serde_json::from_str(&self.body).unwrap();
        change(&mut members);
        self.body = Value::Object(members).to_string();
        self
    }

    pub(crate) fn set(self, name: &str, value: impl Into<Value>) -> Self {
        self.members(|members| drop(members.insert(name.to_owned(), value.into())))
    }

    pub(crate) fn remove(self, name: &str) -> Self {
        self.members(|members| drop(members.remove(name)))
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str::<Map<String, Value>>(&self.body).ok()?.get(name)?.as_str().map(str::to_owned)
    }

    pub(crate) fn is_error(&self, code: &str) -> bool {
        self.text("error").as_deref() == Some(code)
    }

    pub(crate) fn has_token(&self) -> bool {
        self.text("access_token").is_some()
    }
}

/// A change of the responses.
pub(crate) type Change = Box<dyn FnMut(&Asked<'_>) -> Answer>;

/// A server with a change of its responses.
pub(crate) struct Changed {
    server: InProcess,
    clock: Virtual,
    change: Change,
    /// The time that each request takes.
    taken: Duration,
    pub(crate) earlier: Vec<(Step, Answer)>,
}

impl Changed {
    /// Returns whether a refresh token of the run, the newest first, still brings a token.
    pub(crate) fn has_live_refresh_token(&self) -> bool {
        let url = format!("{}/oauth/token", self.server.endpoint());
        let tokens = self.earlier.iter().rev().filter_map(|(_, answer)| answer.text("refresh_token"));
        let mut answers = tokens.map(|token| {
            let form = [("grant_type", "refresh_token"), ("client_id", "tool"), ("refresh_token", &token)];
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            let request = Request::post(&url).header("content-type", "application/x-www-form-urlencoded");
            self.server.answer(&request.body(form.as_bytes()).unwrap())
        });
        answers.any(|answer| answer.status() == 200)
    }

    pub(crate) fn new(server: InProcess, clock: Virtual, change: Change) -> Self {
        Self { server, clock, change, taken: Duration::ZERO, earlier: Vec::new() }
    }

    /// Lets each request take this time.
    pub(crate) const fn taking(mut self, time: Duration) -> Self {
        self.taken = time;
        self
    }
}

impl Transport for Changed {
    fn send(&mut self, request: &Request<Body>) -> Result<Response<Body>, NoResponse> {
        let step = *request.extensions().get().expect("every request has its purpose");
        let now = self.clock.now();
        let asked = Asked { step, request, now, server: &self.server, earlier: &self.earlier };
        let answer = (self.change)(&asked);
        self.clock.wait(self.taken);
        if answer.status == 0 {
            return Err(NoResponse::new("timed out"));
        }
        self.earlier.push((step, answer.clone()));
        let response = Response::builder().status(answer.status);
        let response =
            answer.headers.iter().fold(response, |response, (name, value)| response.header(name, value));
        Ok(response.body(Body::new(answer.body.into_bytes())).unwrap())
    }
}

/// The kind of client in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It registers itself.
    Registered,
    Public,
    /// With a secret in the body.
    Confidential,
    /// With a secret in the header.
    Basic,
}

/// A run against the server with a change.
pub(crate) struct World {
    pub(crate) kind: Kind,
    pub(crate) config: Config,
    pub(crate) guesses: u32,
    /// The second client, unless the first one registers itself.
    pub(crate) other: Client,
    /// The limit of requests.
    pub(crate) limit: usize,
    pub(crate) scope: &'static [&'static str],
    /// What the caller writes behind the issuer.
    pub(crate) path: &'static str,
}

impl World {
    pub(crate) fn new(kind: Kind) -> Self {
        let mut config = Config::default()
            .with_client(Client::public("tool"))
            .with_client(Client::public("other"))
            .with_client(Client::new("service", Secret::from("a secret of the service")));
        config.policy.guesses = config.policy.guesses.with_per_source(3);
        let other = Client::public("other");
        Self { kind, config, guesses: 0, other, limit: usize::MAX, scope: &["openid"], path: "" }
    }

    /// Checks the server with this change.
    pub(crate) fn check(&self, change: Change) -> (Report, Changed) {
        let mut clock = Virtual::default();
        let time = clock.clone();
        let server = InProcess::new(self.config.clone(), move || time.now()).unwrap();
        let handle = server.handle();
        let plan = Plan::new(&format!("{}{}", server.endpoint(), self.path))
            .unwrap()
            .with_scope(self.scope.iter().copied());
        let plan = plan
            .with_expiry_wait(Duration::from_secs(3600))
            .with_guesses(self.guesses)
            .with_max_requests(self.limit);
        let secret = || Client::new("service", Secret::from("a secret of the service"));
        let client = match self.kind {
            Kind::Registered => None,
            Kind::Public => Some(Client::public("tool")),
            Kind::Confidential => Some(secret()),
            Kind::Basic => Some(secret().with_basic_authentication()),
        };
        let plan = match client {
            Some(client) => plan.with_client(client).with_other_client(self.other.clone()),
            None => plan,
        };
        let mut transport = Changed::new(server, clock.clone(), change);
        let report = plan.run(&mut transport, &mut clock, &mut person(handle));
        (report, transport)
    }
}

/// The person, who reads codes of any form.
pub(crate) fn person(handle: Handle) -> impl FnMut(&Prompt<'_>, Decision) -> Result<(), NotDecided> {
    move |prompt, decision| {
        match decision {
            Decision::Approve => handle.approve(prompt.user_code),
            Decision::Deny => handle.deny(prompt.user_code),
        }
        .map_err(NotDecided::new)
    }
}

/// No change.
pub(crate) fn unchanged() -> Change {
    Box::new(|asked| asked.pass_on())
}
