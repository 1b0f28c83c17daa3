//! The run: which request follows which. It judges nothing.

mod codes;
mod decisions;
mod discovery;
mod polls;
mod refusals;
mod requests;
mod tokens;

use core::time::Duration;
use std::rc::Rc;

use http::{Request, header};
use oidc_proto::{Body, Client, Service, date};

use crate::exchange::{Answer, Exchange};
use crate::transcript::Transcript;
use crate::{Clock, Person, Plan, Step, Transport};

pub(crate) use self::codes::Codes;
pub(crate) use self::decisions::CROWD;
pub(crate) use self::tokens::LAST as LAST_REVOCATIONS;

/// The number of requests that are repeated after a 429 or 503.
const REPEATS: usize = 5;
/// The wait before such a request is repeated, if the server names none.
const PAUSE: Duration = Duration::from_secs(5);
/// The longest `Retry-After` that is obeyed. A longer one ends the run.
const PATIENCE: Duration = Duration::from_secs(120);

/// The longest time for which requests may stay without a response, in total. A longer one ends the run.
const SILENCE: Duration = Duration::from_secs(120);

/// Runs all checks' requests.
pub(crate) fn run(
    plan: &Plan,
    transport: &mut dyn Transport,
    clock: &mut dyn Clock,
    person: &mut dyn Person,
) -> Transcript {
    let transcript = Transcript {
        issuer: plan.issuer.clone(),
        names_metadata: plan.names_metadata,
        scope: plan.scope.clone(),
        ..Transcript::default()
    };
    let began = clock.now();
    let mut run = Run {
        plan,
        transport,
        clock,
        person,
        transcript,
        not_before: began,
        deadline: began.saturating_add(plan.max_time),
        silence: Duration::ZERO,
        repeats: REPEATS,
        stopped: None,
    };
    if let Err(why) = run.every_step() {
        run.stopped.get_or_insert(why);
    }
    let mut transcript = run.transcript;
    transcript.stopped = run.stopped;
    let usual = || "an earlier step brought nothing to go on with".to_owned();
    let why = transcript.stopped.clone().unwrap_or_else(usual);
    for step in Step::ALL {
        if transcript.all(step).next().is_none() {
            transcript.left_out.entry(step).or_insert_with(|| why.clone());
        }
    }
    transcript
}

struct Run<'a> {
    plan: &'a Plan,
    transport: &'a mut dyn Transport,
    clock: &'a mut dyn Clock,
    person: &'a mut dyn Person,
    transcript: Transcript,
    /// The time before which the server wants no request.
    not_before: Duration,
    /// The time after which nothing more is sent.
    deadline: Duration,
    /// The time that requests without a response have taken.
    silence: Duration,
    /// The number of requests that may still be repeated.
    repeats: usize,
    /// The reason why nothing more is sent.
    stopped: Option<String>,
}

/// The server with its clients.
struct Target {
    service: Service,
    client: Client,
    /// A second client, or the reason why there is none.
    other: Result<Client, String>,
    /// Whether to use PKCE.
    pkce: bool,
}

impl Run<'_> {
    /// # Errors
    /// The run cannot go on, for this reason.
    fn every_step(&mut self) -> Result<(), String> {
        let target = self.find_target()?;
        let mut codes = self.request_codes(&target);
        let obstacle = match &codes {
            Some(codes) => codes.too_slow(),
            None => Some(format!("{} brought no codes{}", Step::Codes, self.result_of(Step::Codes))),
        };
        match obstacle {
            Some(why) => {
                // They keep no interval, and need no codes.
                self.provoke_refusals(&target);
                self.stopped.get_or_insert(why);
            }
            None => self.sign_in(&target, codes.as_mut()),
        }
        // A server that limits guesses may refuse everything else, too. So they come last.
        self.guess(codes.as_ref());
        Ok(())
    }

    /// Returns what a step got, as the end of a sentence.
    fn result_of(&self, step: Step) -> String {
        match self.transcript.all(step).last().map(|exchange| &exchange.answer) {
            Some(Ok(answer)) => format!(": it got {}", answer.summary()),
            Some(Err(why)) => format!(": {why}"),
            None => String::new(),
        }
    }

    /// Polls, with and without a decision.
    fn sign_in(&mut self, target: &Target, mut codes: Option<&mut Codes>) {
        if let Some(codes) = codes.as_deref_mut() {
            self.poll_at_every_pace(target, codes);
        }
        self.provoke_refusals(target);
        self.approve_and_refresh(target);
        self.approve_for_a_crowd(target);
        self.approve_and_revoke(target);
        self.deny(target);
        self.revoke_the_rest(target);
        if let Some(codes) = codes {
            self.outlive(target, codes);
        }
    }

    /// Sends a request, unless the run has ended. Repeats it if the server is busy.
    fn send(&mut self, request: &Request<Body>) -> Option<Rc<Exchange>> {
        loop {
            self.before_sending(1)?;
            let began = self.clock.now();
            let sent = self.transport.send(request);
            self.note_silence(began, sent.is_err());
            let exchange = self.record(request, sent);
            let status = exchange.answer.as_ref().map_or(0, Answer::status);
            let is_busy = matches!(status, 429 | 503) && exchange.step != Step::Guess;
            if !is_busy || self.repeats == 0 {
                return Some(exchange);
            }
            self.repeats -= 1;
            self.not_before = self.not_before.max(self.clock.now().saturating_add(PAUSE));
        }
    }

    /// Sends several requests at the same time.
    fn send_together(&mut self, requests: &[Request<Body>]) -> Option<Vec<Rc<Exchange>>> {
        self.before_sending(requests.len())?;
        let began = self.clock.now();
        let sent = self.transport.send_together(requests);
        self.note_silence(began, sent.iter().any(Result::is_err));
        Some(requests.iter().zip(sent).map(|(request, sent)| self.record(request, sent)).collect())
    }

    /// Waits until the server wants requests again; `None` if the run must not send so many.
    fn before_sending(&mut self, count: usize) -> Option<()> {
        if self.transcript.exchanges.len() + count > self.plan.max_requests() {
            self.stopped.get_or_insert_with(|| "the limit of requests is reached".to_owned());
        }
        if self.stopped.is_none() {
            // The wait ends the run if it is too long.
            self.wait_until(self.not_before.max(self.clock.now()));
        }
        self.stopped.is_none().then_some(())
    }

    /// Adds the time of a request without a response. Too much of it ends the run.
    fn note_silence(&mut self, began: Duration, is_silent: bool) {
        if is_silent {
            self.silence = self.silence.saturating_add(self.clock.now().saturating_sub(began));
        }
        if self.silence >= SILENCE {
            let why = format!("requests stayed without a response for {} s", self.silence.as_secs());
            self.stopped.get_or_insert(why);
        }
    }

    fn record(
        &mut self,
        request: &Request<Body>,
        sent: Result<http::Response<Body>, crate::NoResponse>,
    ) -> Rc<Exchange> {
        let received = self.clock.now();
        let step = request.extensions().get().copied().unwrap_or(Step::Metadata);
        let answer = sent.map(Answer::new).map_err(|why| why.to_string());
        // After a guess there is nothing to wait for.
        let wait = answer.as_ref().ok().and_then(retry_after).filter(|_| step != Step::Guess);
        if let Some(wait) = wait {
            if wait > PATIENCE {
                let why = format!("the server asked for a pause of {} s", wait.as_secs());
                self.stopped.get_or_insert(why);
            }
            self.not_before = self.not_before.max(received.saturating_add(wait));
        }
        let exchange = Rc::new(Exchange { step, request: request.clone(), answer, received });
        self.transcript.exchanges.push(Rc::clone(&exchange));
        exchange
    }

    /// Waits until this time. One after the deadline ends the run instead.
    fn wait_until(&mut self, time: Duration) {
        if time > self.deadline {
            let why = || format!("the limit of {} s is reached", self.plan.max_time.as_secs());
            self.stopped.get_or_insert_with(why);
            return;
        }
        let left = time.saturating_sub(self.clock.now());
        if !left.is_zero() {
            self.clock.wait(left);
        }
    }

    /// Leaves steps out, for this reason. An earlier reason stays.
    fn leave_out(&mut self, steps: &[Step], why: &str) {
        for step in steps {
            self.transcript.left_out.entry(*step).or_insert_with(|| why.to_owned());
        }
    }
}

/// Returns `Retry-After` in seconds, or as a date that counts from the response's own `Date` (RFC 9110 §10.2.3).
fn retry_after(answer: &Answer) -> Option<Duration> {
    let text = answer.header(header::RETRY_AFTER)?;
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let headers = answer.response.headers();
    let mut until = headers.clone();
    until.insert(header::DATE, headers.get(header::RETRY_AFTER)?.clone());
    let seconds = date(&until)?.get().saturating_sub(date(headers)?.get());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}
