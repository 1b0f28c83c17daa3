//! `login --output ndjson`: the events of a sign-in as lines of JSON on standard output, for a program that wraps it.
//!
//! | event | members |
//! |---|---|
//! | `prompt` of a device | `userCode`, `verificationUri`, `verificationUriComplete`, `expiresIn` |
//! | `prompt` of a browser | `authorizationUrl`, `redirectUri`, `expiresIn` |
//! | `waiting` | `phase`, `nextRequestIn` and `expiresIn` in seconds, `error` if the last request failed |
//! | `slow_down` | `nextRequestIn` |
//! | `refreshed` | the stored token was refreshed |
//! | `token` | `startUrl`, `region`, `expiresIn`, `expiresAt`, `file`, and `accessToken` with `--show-token` |
//! | `token` of a provider | the members of its response |
//! | `error` | `exitCode`, `message` |
//!
//! Where `login` signs in to several sessions, each event has the member `sessionName`, too.

use std::time::Duration;

use device_flow::{BrowserPrompt, Flow, Observer, Status, Stop, TransientError, UserPrompt};
use oidc_proto::FaultCode;

use crate::exit::{Failure, print_data};
use crate::output::{Document, Format, Surroundings};

/// The writer of events. It writes nothing unless it is on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Events<'a> {
    is_on: bool,
    /// The session that each event names.
    session: Option<&'a str>,
}

impl<'a> Events<'a> {
    /// Creates the writer for this format.
    pub(crate) fn of(format: Option<Format>) -> Self {
        Self { is_on: format == Some(Format::Ndjson), session: None }
    }

    /// Returns the writer of the events of one of several sessions.
    pub(crate) const fn of_session(self, name: &'a str) -> Self {
        Self { session: Some(name), ..self }
    }

    /// Returns whether events are written.
    pub(crate) const fn is_on(self) -> bool {
        self.is_on
    }

    /// Returns whether other sessions are signed in to as well.
    pub(crate) const fn is_of_several(self) -> bool {
        self.session.is_some()
    }

    /// Writes an event.
    pub(crate) fn write<const N: usize>(self, event: &str, members: [(&str, Document); N]) {
        if self.is_on {
            let document = named(event, self.session, members);
            let line = Format::Ndjson.render(&document, "", Surroundings { width: 80, colored: false });
            // The sign-in goes on without its reader: the token is stored all the same.
            let _ = print_data(&line);
        }
    }

    /// Returns the event of a provider's token.
    pub(crate) fn token(token: Document) -> Document {
        match token {
            Document::Map(members) => with_name("token", members),
            other => other,
        }
    }

    /// Writes the end of a sign-in that failed.
    pub(crate) fn failed(self, failure: &Failure) {
        let code = Document::Number((failure.exit() as u8).into());
        self.write("error", [("exitCode", code), ("message", failure.message().into())]);
    }
}

/// A prompt of either flow, as an event.
pub(crate) trait PromptEvent {
    /// Writes the event.
    fn write(&self, events: Events<'_>);
}

impl PromptEvent for UserPrompt {
    fn write(&self, events: Events<'_>) {
        events.write(
            "prompt",
            [
                ("userCode", self.user_code.as_str().into()),
                ("verificationUri", self.verification_uri.as_str().into()),
                ("verificationUriComplete", self.verification_uri_complete.as_deref().into()),
                ("expiresIn", self.expires_in.into()),
            ],
        );
    }
}

impl PromptEvent for BrowserPrompt {
    fn write(&self, events: Events<'_>) {
        events.write(
            "prompt",
            [
                ("authorizationUrl", self.url.as_str().into()),
                ("redirectUri", self.redirect_uri.to_string().as_str().into()),
                ("expiresIn", self.expires_in.into()),
            ],
        );
    }
}

impl<F: Flow<Prompt: PromptEvent>> Observer<F> for Events<'_> {
    fn prompt(&mut self, prompt: &F::Prompt) -> Result<(), Stop> {
        prompt.write(*self);
        Ok(())
    }

    fn waiting(&mut self, status: &Status<'_, F>) {
        let next = rounded(status.wait()).into();
        if is_slowed_down(status.error) {
            self.write("slow_down", [("nextRequestIn", next)]);
            return;
        }
        let error = status.error.map(ToString::to_string);
        self.write(
            "waiting",
            [
                ("phase", status.phase.name().into()),
                ("nextRequestIn", next),
                ("expiresIn", status.code_left().map(rounded).into()),
                ("error", error.as_deref().into()),
            ],
        );
    }
}

/// Returns whether the service has asked for fewer polls.
fn is_slowed_down(error: Option<&TransientError>) -> bool {
    matches!(error, Some(TransientError::Fault(fault)) if fault.code == FaultCode::SlowDown)
}

/// Returns an event as a document.
fn named<const N: usize>(event: &str, session: Option<&str>, members: [(&str, Document); N]) -> Document {
    match Document::map(members) {
        Document::Map(members) => {
            let session = session.map(|name| ("sessionName".to_owned(), name.into()));
            with_name(event, session.into_iter().chain(members).collect())
        }
        other => other,
    }
}

fn with_name(event: &str, members: Vec<(String, Document)>) -> Document {
    Document::Map(std::iter::once(("event".to_owned(), event.into())).chain(members).collect())
}

/// Returns a time in whole seconds, rounded up, so that no wait reads as none.
fn rounded(wait: Duration) -> Duration {
    Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use device_flow::Failure as Sent;
    use oidc_proto::Fault;

    use super::*;

    #[test]
    fn slow_down_is_told_from_other_errors() {
        let fault = |code| TransientError::Fault(Fault::new(code));
        assert!(is_slowed_down(Some(&fault(FaultCode::SlowDown))));
        for other in [fault(FaultCode::InternalServer), TransientError::Failed(Sent::NotSent)] {
            assert!(!is_slowed_down(Some(&other)));
        }
        assert!(!is_slowed_down(None));
    }

    #[test]
    fn an_event_is_one_line_without_control_characters() {
        let document =
            named("prompt", None, [("userCode", "A\u{1b}[31m\n".into()), ("none", Document::Null)]);
        let line = Format::Ndjson.render(&document, "", Surroundings { width: 80, colored: false });
        assert_eq!(line, "{\"event\":\"prompt\",\"userCode\":\"A\\u001b[31m\\n\"}\n");
        assert_eq!(rounded(Duration::from_millis(1)), Duration::from_secs(1));
    }
}
