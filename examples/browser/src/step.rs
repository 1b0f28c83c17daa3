//! What the page is to do, as JSON.

use core::time::Duration;

use device_flow::{DeviceFlow, PendingRequest, UserPrompt};
use oidc_proto::printable;
use serde::Serialize;

/// The time limit of one request. AWS's service has taken up to 9 s.
const REQUEST: Duration = Duration::from_secs(40);

/// One step. Times are in milliseconds, as in JavaScript.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(crate) enum Step {
    Send {
        method: String,
        url: String,
        headers: Vec<(String, String)>,
        /// It contains secrets.
        body: String,
        limit: u64,
    },
    Prompt {
        code: String,
        /// The page to open, if the service named one: with the code filled in, or to enter it.
        url: Option<String>,
        /// The address to type on another device.
        address: String,
        lasts: u64,
        replaces_earlier: bool,
    },
    Wait {
        time: f64,
    },
    Done {
        signed_in: bool,
        /// What happened, for the person.
        text: String,
        /// The life of the token, if the service told it.
        lasts: Option<u64>,
    },
}

impl Step {
    pub(crate) fn send(pending: &PendingRequest) -> Self {
        let request = pending.request();
        let headers = request.headers().iter();
        Self::Send {
            method: request.method().to_string(),
            url: request.uri().to_string(),
            headers: headers
                .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
                .collect(),
            body: String::from_utf8_lossy(request.body().as_ref()).into_owned(),
            limit: millis(pending.timeout(REQUEST)),
        }
    }

    pub(crate) fn prompt(prompt: &UserPrompt) -> Self {
        Self::Prompt {
            code: printable(&prompt.user_code).into_owned(),
            url: prompt.browser_url().map(str::to_owned),
            address: prompt.plain_url().map_or_else(|| prompt.address_as_text(), str::to_owned),
            lasts: millis(prompt.expires_in),
            replaces_earlier: prompt.replaces_earlier,
        }
    }

    pub(crate) fn wait(time: Duration) -> Self {
        Self::Wait { time: time.as_secs_f64() * 1000.0 }
    }

    /// The last step. A program would now use `granted.token`; this one tells how long it would last.
    pub(crate) fn done(flow: &DeviceFlow) -> Self {
        match flow.outcome() {
            Some(Ok(granted)) => Self::Done {
                signed_in: true,
                text: "You are signed in.".to_owned(),
                lasts: granted.token.expires_in.map(millis),
            },
            Some(Err(outcome)) => Self::Done {
                signed_in: false,
                text: format!("You are not signed in: {outcome}."),
                lasts: None,
            },
            None => {
                Self::Done { signed_in: false, text: "The sign-in has not ended.".to_owned(), lasts: None }
            }
        }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers are JSON")
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
